"""A removed account says good-bye and leaves nothing (xmpp-behaviour, 3.2; admin-api, section 7, unregister_user)."""

from __future__ import annotations

from mim.capabilities import RosterView
from mim.xmpp.jid import JID
from mim_plugins.mod_roster.model import Item
from mim_plugins.mod_roster.states import State
from mim_plugins.mod_roster.store import RosterStore
from tests.plugins.roster import elsewhere
from tests.plugins.roster.support import (
    JULIET,
    ROMEO,
    ROSTER,
    VERSIONS,
    befriend,
    friends,
    put,
    roster_set,
    stands,
    stored,
    view,
)
from tests.plugins.shorthand import seen


async def test_friends_see_both_subscriptions_end(serve):
    server = await serve(ROSTER + "[modules.mod_commands]\n")
    romeo, juliet = await friends(server)

    answer = await server.api.delete("/users/localhost/romeo")

    assert answer.status == 204
    assert await seen(juliet) == [
        "push(to) romeo@localhost",
        "P(unsubscribe) romeo@localhost",
        "push(none) romeo@localhost",
        "P(unsubscribed) romeo@localhost",
        "P(unavailable) romeo@localhost",
    ]
    gone = await romeo.expect("presence", type="unavailable", from_="juliet@localhost/r1")
    assert gone.children == []
    error = await romeo.stream_error()
    assert [child.name for child in error.elements()] == ["conflict", "text"]
    assert await stands(server, JULIET) == {"romeo@localhost": "none/none"}
    assert await stored(server, ROMEO) == {}


async def test_contacts_are_told_by_how_they_stood(serve, tmp_path):
    server = await serve(ROSTER + elsewhere.SECTION, admin=None, folders=elsewhere.folder(tmp_path))
    await server.register("romeo")
    await put(server, ROMEO, *(Item(elsewhere.person(state.name.lower()), state=state) for state in State))

    await server.app.server.accounts.remove(ROMEO)

    assert sorted(elsewhere.arrived(server)) == [
        "both: P(unsubscribe) romeo@localhost",
        "both: P(unsubscribed) romeo@localhost",
        "from: P(unsubscribed) romeo@localhost",
        "from_out: P(unsubscribed) romeo@localhost",
        "to: P(unsubscribe) romeo@localhost",
        "to_in: P(unsubscribe) romeo@localhost",
    ]
    assert await stored(server, ROMEO) == {}


async def test_friend_who_is_offline_finds_it_at_his_next_login(serve):
    server = await serve(ROSTER, admin=None)
    await server.register("romeo", "juliet")
    await befriend(server, ROMEO, JULIET)

    await server.app.server.accounts.remove(ROMEO)

    assert await stands(server, JULIET) == {"romeo@localhost": "none/none"}


async def test_friend_at_another_host_sees_it_too(serve):
    server = await serve(ROSTER, admin=None, hosts=("localhost", "verona.example"))
    nurse = JID("nurse", "verona.example")
    await server.register("romeo")
    await server.register("nurse", domain="verona.example")
    await befriend(server, ROMEO, nurse)

    await server.app.server.accounts.remove(ROMEO)

    assert await stands(server, nurse) == {"romeo@localhost": "none/none"}


async def test_next_owner_of_the_name_finds_nothing(serve):
    server = await serve(VERSIONS + "store_current_id = true\n", admin=None)
    romeo = await server.client("romeo")
    await roster_set(romeo, "<item jid='paris@localhost'/>")
    store = RosterStore(server.app.server.database)
    assert await store.find_version(ROMEO) is not None

    await server.app.server.accounts.remove(ROMEO)

    assert await store.find_version(ROMEO) is None
    again = await server.client("romeo", "other")
    assert await stands(server, ROMEO) == {}
    await roster_set(again, "<item jid='benvolio@localhost'/>")
    assert await stands(server, ROMEO) == {"benvolio@localhost": "none/none"}


async def test_request_to_an_account_that_has_just_gone_leaves_nothing(serve):
    """It comes between the transaction that removes the account and the word that it is done."""
    server = await serve(ROSTER, admin=None)
    await server.register("romeo")
    juliet = await server.online("juliet")
    held = server.app.host("localhost").find(RosterView)._rosters
    roster = await held.load(ROMEO)
    removal = server.app.server.database.submit(*held.store.removal(ROMEO))
    juliet.send("<presence type='subscribe' to='romeo@localhost'/>")
    await juliet.collect()
    await removal
    assert len(roster) == 1

    held.forget(ROMEO)

    assert await stored(server, ROMEO) == {}
    juliet.send("<presence type='subscribe' to='romeo@localhost'/>")
    await juliet.collect()
    assert await stands(server, ROMEO) == {}


async def test_registered_name_takes_over_the_roster_that_the_api_has_made(serve):
    server = await serve(ROSTER, admin=None)
    ghost = JID("ghost", "localhost")
    await server.register("romeo")
    await befriend(server, ghost, ROMEO)
    held = await view(server)._rosters.load(ghost)
    assert not held.has_owner

    hamlet = await server.online("ghost")

    assert held.has_owner
    romeo = await server.online("romeo")
    assert await seen(romeo) == ["P(available) ghost@localhost"]
    assert await seen(hamlet) == ["P(available) romeo@localhost"]
