"""Every cell of the state tables at work: what clients see, what is routed, what is stored (xmpp-behaviour, 3.2).

The contact is elsewhere, so that only one side of the subscription moves.
"""

from __future__ import annotations

import pytest

from mim_plugins.mod_roster.model import Item
from mim_plugins.mod_roster.states import State
from tests.plugins.roster import elsewhere
from tests.plugins.roster.support import ROMEO, ROSTER, put, roster, stands, stored
from tests.plugins.roster.tables import INBOUND, OUTBOUND, Cell, cells
from tests.plugins.shorthand import seen

ROWS = list(State)


def row(table: str, state: State) -> list[Cell]:
    return [cell for cell in cells(table) if cell.state is state]


def contact_of(cell: Cell) -> str:
    return f"{cell.type}@{elsewhere.DOMAIN}"


def item_for(cell: Cell) -> Item:
    if cell.state is State.NONE_IN:
        return Item(elsewhere.person(cell.type), state=cell.state)
    return Item(elsewhere.person(cell.type), "Name", ("G",), cell.state, is_added=True)


async def prepared(serve, tmp_path, row_cells):
    """A server with Romeo's roster as the row's state wants it, Romeo online twice, a third client without presence."""
    server = await serve(ROSTER + elsewhere.SECTION, admin=None, folders=elsewhere.folder(tmp_path))
    await server.register("romeo")
    await put(server, ROMEO, *(item_for(cell) for cell in row_cells))
    silent = await server.client("romeo", "r3")
    clients = [await server.online("romeo", "r1"), await server.online("romeo", "r2"), silent]
    for client in clients:
        await client.collect()
    elsewhere.arrived(server)
    return server, clients


def pushes_of(cell: Cell) -> list[str]:
    asked = "+ask" if cell.new.asks else ""
    return [f"push({cell.new.subscription}{asked}) {contact_of(cell)}"] if cell.is_pushed else []


def availability(cell: Cell) -> list[str]:
    """What the contact is sent of Romeo's two available clients when it begins or ceases to see him."""
    if cell.new.is_seen and not cell.state.is_seen:
        return [f"{cell.type}: P(available) romeo@localhost"] * 2
    if cell.state.is_seen and not cell.new.is_seen:
        return [f"{cell.type}: P(unavailable) romeo@localhost"] * 2
    return []


async def check_store(server, clients, row_cells):
    expected = {
        contact_of(cell): f"{cell.new.subscription}/{cell.new.ask}" for cell in row_cells if not cell.is_deletion
    }
    assert await stands(server, ROMEO) == expected
    for item in (await stored(server, ROMEO)).values():
        assert (item.name, item.groups) == (("Name", ("G",)) if item.is_added else ("", ()))
    assert await roster(clients[2]) == {
        contact_of(cell): cell.new.subscription + ("+ask" if cell.new.asks else "")
        for cell in row_cells
        if cell.new is not State.NONE_IN and not cell.is_deletion
    }


@pytest.mark.parametrize("state", ROWS, ids=lambda state: state.name)
async def test_client_sends(serve, tmp_path, state):
    row_cells = row(OUTBOUND, state)
    server, clients = await prepared(serve, tmp_path, row_cells)
    for cell in row_cells:
        clients[0].send(f"<presence type='{cell.type}' to='{contact_of(cell)}/resource'/>")

        for client in clients:
            assert await seen(client) == pushes_of(cell)
        routed = [f"{cell.type}: P({cell.type}) romeo@localhost"]
        assert elsewhere.arrived(server) == routed + availability(cell)

    await check_store(server, clients, row_cells)


@pytest.mark.parametrize("state", ROWS, ids=lambda state: state.name)
async def test_contact_sends(serve, tmp_path, state):
    row_cells = row(INBOUND, state)
    server, clients = await prepared(serve, tmp_path, row_cells)
    for cell in row_cells:
        await elsewhere.send(server, elsewhere.person(cell.type), cell.type)

        delivered = [f"P({cell.type}) {contact_of(cell)}"] if cell.is_delivered else []
        assert await seen(clients[0]) == await seen(clients[1]) == pushes_of(cell) + delivered
        assert await seen(clients[2]) == pushes_of(cell)
        replies = [f"{cell.type}: P({cell.reply}) romeo@localhost"] if cell.reply else []
        assert elsewhere.arrived(server) == replies + availability(cell)

    await check_store(server, clients, row_cells)
