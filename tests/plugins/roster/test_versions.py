"""Roster versions (RFC 6121 §2.6, XEP-0237; xmpp-behaviour, section 3.1)."""

from __future__ import annotations

import pytest

from mim.xmpp import ns
from mim_plugins.mod_roster.model import Item, Roster
from mim_plugins.mod_roster.states import State
from tests.plugins.roster.support import (
    JULIET,
    ROMEO,
    ROSTER,
    VERSIONS,
    befriend,
    items_of,
    query,
    roster_set,
    view,
)
from tests.plugins.shorthand import seen

STORED = VERSIONS + "store_current_id = true\n"
A, NOT_A = "<item jid='a@localhost'/>", "<item jid='a@localhost' subscription='remove'/>"
BOTH_WAYS = pytest.mark.parametrize("modules", [VERSIONS, STORED], ids=["computed", "stored"])


async def version(client) -> str:
    """The version of the roster as it is now."""
    answer = await client.ask("get", query(ver=""))
    return answer.payload.get("ver")


async def is_current(client, ver: str) -> bool:
    """Tell whether the server finds that a client with this version has everything."""
    answer = await client.ask("get", query(ver=ver))
    assert answer.get("type") == "result"
    return answer.payload is None


async def test_feature_comes_right_behind_bind_and_session(serve):
    server = await serve("[modules.mod_stream_management]\n" + VERSIONS, admin=None)
    romeo = await server.client("romeo")

    assert romeo.features.find(ns.ROSTER_VERSIONING, "ver") is not None
    assert [feature.name for feature in romeo.features.elements()][:3] == ["bind", "session", "ver"]


async def test_without_versions_there_is_no_feature_and_no_version(serve):
    server = await serve(ROSTER, admin=None)
    romeo = await server.client("romeo")
    romeo.send(f"<iq type='set' id='s'>{query(A)}</iq>")

    push = await romeo.expect("iq", type="set")
    await romeo.expect("iq", id="s")

    assert romeo.features.find(ns.ROSTER_VERSIONING, "ver") is None
    assert "ver" not in push.payload.attrs
    answer = await romeo.ask("get", query(ver=""))
    assert "ver" not in answer.payload.attrs
    assert len(items_of(answer)) == 1


@BOTH_WAYS
async def test_client_with_the_current_version_is_sent_nothing(serve, modules):
    server = await serve(modules, admin=None)
    romeo = await server.client("romeo")
    await roster_set(romeo, "<item jid='a@localhost'/>")

    full = await romeo.ask("get", query(ver=""))

    assert len(items_of(full)) == 1
    assert full.payload.get("ver")
    assert await is_current(romeo, full.payload.get("ver"))
    assert not await is_current(romeo, "something else")


@BOTH_WAYS
async def test_client_that_knows_no_versions_is_told_none(serve, modules):
    server = await serve(modules, admin=None)
    romeo = await server.client("romeo")

    answer = await romeo.ask("get", query())

    assert "ver" not in answer.payload.attrs


@BOTH_WAYS
async def test_push_carries_the_version_that_it_leads_to(serve, modules):
    server = await serve(modules, admin=None)
    romeo = await server.client("romeo")
    old = await version(romeo)

    romeo.send(f"<iq type='set' id='s'>{query(A)}</iq>")
    push = await romeo.expect("iq", type="set")
    await romeo.expect("iq", id="s")

    assert push.payload.get("ver") == await version(romeo) != old
    assert await is_current(romeo, push.payload.get("ver"))
    assert not await is_current(romeo, old)
    romeo.send(f"<iq type='set' id='s'>{query(NOT_A)}</iq>")
    push = await romeo.expect("iq", type="set")
    assert push.payload.get("ver")
    await romeo.expect("iq", id="s")
    assert await is_current(romeo, push.payload.get("ver"))


@BOTH_WAYS
async def test_version_survives_a_restart(serve, modules, tmp_path):
    server = await serve(modules, admin=None, data_dir=tmp_path)
    romeo = await server.client("romeo")
    await roster_set(romeo, "<item jid='a@localhost'/>")
    ver = await version(romeo)
    await server.stop()

    again = await serve(modules, admin=None, data_dir=tmp_path)
    romeo = await again.client("romeo")

    assert await is_current(romeo, ver)
    await roster_set(romeo, "<item jid='b@localhost'/>")
    assert not await is_current(romeo, ver)


@BOTH_WAYS
async def test_what_happens_while_the_user_is_away_changes_the_version(serve, modules):
    server = await serve(modules, admin=None)
    await server.register("juliet")
    romeo = await server.client("romeo")
    ver = await version(romeo)
    await romeo.close()

    await view(server).subscribe(JULIET, ROMEO, "subscribe")
    romeo = await server.client("romeo")
    assert await is_current(romeo, ver), "a request that clients do not see changes nothing"
    await romeo.close()
    await befriend(server, ROMEO, JULIET)

    romeo = await server.client("romeo")
    assert not await is_current(romeo, ver)


@BOTH_WAYS
async def test_item_that_becomes_hidden_without_a_push_changes_the_version(serve, modules):
    server = await serve(modules, admin=None)
    await server.register("juliet")
    romeo = await server.online("romeo")
    await view(server).subscribe(JULIET, ROMEO, "subscribe")
    await view(server).subscribe(ROMEO, JULIET, "subscribe")
    await romeo.collect()
    ver = await version(romeo)

    romeo.send("<presence type='unsubscribe' to='juliet@localhost'/>")

    assert await seen(romeo) == []
    answer = await romeo.ask("get", query(ver=ver))
    assert items_of(answer) == []


async def test_stored_version_counts_up(serve):
    server = await serve(STORED, admin=None)
    romeo = await server.client("romeo")
    versions = []
    for name in ("A", "B", "A"):
        await roster_set(romeo, f"<item jid='a@localhost' name='{name}'/>")
        versions.append(await version(romeo))

    assert len(set(versions)) == 3


async def test_same_roster_has_the_same_computed_version(serve):
    server = await serve(VERSIONS, admin=None)
    romeo = await server.client("romeo")
    versions = []
    for name in ("A", "B", "A"):
        await roster_set(romeo, f"<item jid='a@localhost' name='{name}'/>")
        versions.append(await version(romeo))

    assert versions[0] == versions[2] != versions[1]


async def test_changes_made_while_versions_were_not_stored_are_noticed(serve, tmp_path):
    server = await serve(STORED, admin=None, data_dir=tmp_path)
    romeo = await server.client("romeo")
    await roster_set(romeo, "<item jid='a@localhost'/>")
    ver = await version(romeo)
    await server.stop()
    without = await serve(ROSTER, admin=None, data_dir=tmp_path)
    romeo = await without.client("romeo")
    await roster_set(romeo, "<item jid='b@localhost'/>")
    await without.stop()

    server = await serve(STORED, admin=None, data_dir=tmp_path)
    romeo = await server.client("romeo")

    assert not await is_current(romeo, ver)


def test_version_tells_apart_what_clients_see_apart_and_nothing_else():
    def version_of(*items: Item) -> str:
        roster = Roster(ROMEO)
        roster.fill(items)
        return roster.version

    item = Item(JULIET, "J", ("A", "B"), State.TO, True)
    same = (Item(JULIET, "J", ("A", "B"), State.TO_IN, False, "<status/>"), item)
    other = (
        Item(ROMEO, "J", ("A", "B"), State.TO),
        Item(JULIET, "K", ("A", "B"), State.TO),
        Item(JULIET, "J", ("A",), State.TO),
        Item(JULIET, "J", ("A", "B"), State.BOTH),
        Item(JULIET, "J", ("A", "B"), State.NONE),
        Item(JULIET, "J", ("A", "B"), State.NONE_OUT),
        Item(JULIET, "J", ("A", "B"), State.NONE_IN),
    )
    assert len({version_of(one) for one in same}) == 1
    assert len({version_of(one) for one in (*other, item)}) == len(other) + 1
    assert version_of(Item(JULIET, state=State.NONE_IN)) == version_of()
    assert version_of(item, other[0]) == version_of(other[0], item)


def test_version_after_changes_is_that_of_what_they_lead_to():
    items = [Item(JULIET, "J"), Item(ROMEO, "R", ("G",), State.TO)]
    fresh = Roster(ROMEO)
    fresh.fill(items)
    changed = Roster(ROMEO)
    assert changed.version == Roster(JULIET).version
    changed.put(Item(JULIET, "old", (), State.BOTH))
    changed.put(items[1])
    changed.put(Item(ROMEO, "twice"))
    changed.put(items[1])
    changed.remove(JULIET)
    changed.put(items[0])

    assert changed.version == fresh.version
