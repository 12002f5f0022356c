"""The pure tables of subscription states against those of the contract (xmpp-behaviour, section 3.2)."""

from __future__ import annotations

import pytest

from mim_plugins.mod_roster import states
from mim_plugins.mod_roster.states import State
from tests.plugins.roster.tables import INBOUND, OUTBOUND, cells


@pytest.mark.parametrize("cell", list(cells(OUTBOUND)), ids=str)
def test_what_the_account_sends(cell):
    assert states.sent(cell.state, cell.type) == states.Sent(cell.new, cell.is_pushed)


@pytest.mark.parametrize("cell", list(cells(INBOUND)), ids=str)
def test_what_the_contact_sends(cell):
    expected = states.Received(cell.new, cell.is_pushed, cell.is_delivered, cell.reply)
    assert states.received(cell.state, cell.type) == expected


def test_every_state_and_type_has_its_cell():
    for table in (OUTBOUND, INBOUND):
        assert {(cell.state, cell.type) for cell in cells(table)} == {
            (state, type) for state in State for type in ("subscribe", "subscribed", "unsubscribe", "unsubscribed")
        }


def test_what_a_state_means():
    assert [state.name for state in State if state.sees] == ["TO", "TO_IN", "BOTH"]
    assert [state.name for state in State if state.is_seen] == ["FROM", "FROM_OUT", "BOTH"]
    assert [state.name for state in State if state.asks] == ["NONE_OUT", "NONE_BOTH", "FROM_OUT"]
    assert [state.name for state in State if state.is_asked] == ["NONE_IN", "NONE_BOTH", "TO_IN"]
    assert [state for state in State if state.is_hidden] == [State.NONE_IN]
