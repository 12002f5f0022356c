"""Presence between contacts (xmpp-behaviour, section 3.3; RFC 6121 §4)."""

from __future__ import annotations

import pytest

from mim.clock import format_stamp
from mim.xmpp import ns
from tests.plugins.answers import refusal
from tests.plugins.roster import elsewhere
from tests.plugins.roster.support import JULIET, ROMEO, ROSTER, befriend, friends, view
from tests.plugins.shorthand import seen, shown

WAITING = '''
"""Gives a client that becomes ready a message that has waited, as an offline store does."""

from mim.plugin import Module, Stanza, hookimpl
from mim.xmpp.stanza import body


class ModWaiting(Module):
    """One running mod_waiting."""

    @hookimpl
    async def session_ready(self, session):
        session.send_ahead(Stanza("message", {}, [body("old")], sender=session.account, to=session.account))


setup = ModWaiting
'''


async def offline_friends(server):
    """Romeo and Juliet registered and each other's contacts."""
    await server.register("romeo", "juliet")
    await befriend(server, ROMEO, JULIET)


# --- initial presence -----------------------------------------------------------------------------------------


async def test_initial_presence_goes_to_friends_and_brings_theirs_with_its_time(serve):
    server = await serve(ROSTER, admin=None)
    await offline_friends(server)
    juliet = await server.online("juliet")
    since = server.app.server.sessions.find(juliet.jid).presence_at
    server.clock.advance(60)
    romeo = await server.client("romeo")

    romeo.send("<presence><show>away</show></presence>")

    own = await romeo.expect("presence", from_="romeo@localhost/r1", to="romeo@localhost/r1")
    assert own.child_text(ns.CLIENT, "show") == "away"
    hers = await romeo.expect("presence", from_="juliet@localhost/r1", to="romeo@localhost/r1")
    delay = hers.find(ns.DELAY, "delay")
    assert delay.attrs == {"from": "juliet@localhost/r1", "stamp": format_stamp(since)}
    await romeo.expect_nothing()
    his = await juliet.expect("presence", from_="romeo@localhost/r1", to="juliet@localhost/r1")
    assert his.child_text(ns.CLIENT, "show") == "away"
    assert his.find(ns.DELAY, "delay") is None
    await juliet.expect_nothing()


async def test_order_at_the_client_requests_then_old_messages_then_presence(serve, tmp_path):
    (tmp_path / "mod_waiting.py").write_text(WAITING)
    server = await serve("[modules.mod_waiting]\n" + ROSTER, admin=None, folders=[tmp_path])
    await offline_friends(server)
    await server.online("juliet")
    paris = await server.online("paris")
    paris.send("<presence type='subscribe' to='romeo@localhost'/>")
    await paris.collect()
    romeo = await server.client("romeo")

    romeo.send("<presence/>")

    assert await seen(romeo) == [
        "P(subscribe) paris@localhost", "M", "P(available) romeo@localhost", "P(available) juliet@localhost",
    ]  # fmt: skip


async def test_order_at_the_client_with_the_offline_store(serve):
    server = await serve("[modules.mod_offline]\n" + ROSTER, admin=None)
    await offline_friends(server)
    await server.online("juliet")
    paris = await server.online("paris")
    paris.send("<message to='romeo@localhost' type='chat'><body>Hey</body></message>")
    paris.send("<presence type='subscribe' to='romeo@localhost'/>")
    await paris.collect()
    romeo = await server.client("romeo")

    romeo.send("<presence/>")

    for kind in ("P(subscribe) paris@localhost", "M", "P(available) romeo@localhost", "P(available) juliet@localhost"):
        assert shown(await romeo.next()) == kind


async def test_own_resources_hear_of_each_other(serve):
    server = await serve(ROSTER, admin=None)
    first = await server.online("romeo", "r1")
    second = await server.client("romeo", "r2")

    second.send("<presence/>")

    await second.expect("presence", from_="romeo@localhost/r2", to="romeo@localhost/r2")
    other = await second.expect("presence", from_="romeo@localhost/r1", to="romeo@localhost/r2")
    assert other.find(ns.DELAY, "delay") is not None
    await first.expect("presence", from_="romeo@localhost/r2", to="romeo@localhost/r1")
    second.send("<presence><show>dnd</show></presence>")
    for client in (first, second):
        assert (await client.expect("presence", from_="romeo@localhost/r2")).child_text(ns.CLIENT, "show") == "dnd"
    second.send("<presence type='unavailable'><status>bye</status></presence>")
    for client in (first, second):
        gone = await client.expect("presence", type="unavailable", from_="romeo@localhost/r2", to=str(client.jid))
        assert gone.child_text(ns.CLIENT, "status") == "bye"


@pytest.mark.parametrize(
    ("granted_by", "seen_by_romeo", "seen_by_juliet"),
    [
        ("nobody", [], []),
        ("romeo", [], ["P(available) romeo@localhost"]),
        ("juliet", ["P(available) juliet@localhost"], []),
    ],
)
async def test_presence_goes_only_where_it_was_granted(serve, granted_by, seen_by_romeo, seen_by_juliet):
    server = await serve(ROSTER, admin=None)
    await server.register("romeo", "juliet")
    if granted_by == "romeo":
        await view(server).subscribe(JULIET, ROMEO, "subscribe")
        await view(server).subscribe(ROMEO, JULIET, "subscribed")
    elif granted_by == "juliet":
        await view(server).subscribe(ROMEO, JULIET, "subscribe")
        await view(server).subscribe(JULIET, ROMEO, "subscribed")
    juliet = await server.online("juliet")
    await juliet.collect()
    romeo = await server.online("romeo")

    assert await seen(romeo) == seen_by_romeo
    assert await seen(juliet) == seen_by_juliet


# --- later presence, the end of it ----------------------------------------------------------------------------


async def test_every_change_is_broadcast_and_nothing_is_fetched_again(serve):
    server = await serve(ROSTER, admin=None)
    romeo, juliet = await friends(server)

    romeo.send("<presence><show>dnd</show><status>busy</status><priority>7</priority></presence>")

    assert await seen(romeo) == ["P(available) romeo@localhost"]
    told = await juliet.expect("presence", from_="romeo@localhost/r1")
    assert [told.child_text(ns.CLIENT, name) for name in ("show", "status", "priority")] == ["dnd", "busy", "7"]
    assert server.app.server.sessions.find(romeo.jid).priority == 7


@pytest.mark.parametrize("priority", ["128", "-129", "high", "1.5"])
async def test_priority_that_is_none_is_refused_and_changes_nothing(serve, priority):
    server = await serve(ROSTER, admin=None)
    romeo, juliet = await friends(server)

    romeo.send(f"<presence><priority>{priority}</priority></presence>")

    assert refusal(await romeo.expect("presence", type="error")) == "modify/bad-request"
    await juliet.expect_nothing()
    assert server.app.server.sessions.find(romeo.jid).priority == 0


async def test_unavailable_is_broadcast_with_its_words_and_the_session_stays(serve):
    server = await serve(ROSTER, admin=None)
    romeo, juliet = await friends(server)

    romeo.send("<presence type='unavailable'><status>good night</status></presence>")

    gone = await juliet.expect("presence", type="unavailable", from_="romeo@localhost/r1")
    assert gone.child_text(ns.CLIENT, "status") == "good night"
    assert await seen(romeo) == ["P(unavailable) romeo@localhost"]
    juliet.send("<presence><show>away</show></presence>")
    await juliet.collect()
    await romeo.expect_nothing()
    romeo.send("<presence/>")
    assert await seen(romeo) == ["P(available) romeo@localhost", "P(available) juliet@localhost"]
    assert await seen(juliet) == ["P(available) romeo@localhost"]


@pytest.mark.parametrize("way", ["close", "drop"])
async def test_lost_client_is_unavailable_without_a_word(serve, way):
    server = await serve(ROSTER, admin=None)
    romeo, juliet = await friends(server)

    await getattr(romeo, way)()

    gone = await juliet.expect("presence", type="unavailable", from_="romeo@localhost/r1", to="juliet@localhost/r1")
    assert gone.children == []
    await juliet.expect_nothing()


async def test_client_without_presence_leaves_without_one(serve):
    server = await serve(ROSTER, admin=None)
    _, juliet = await friends(server)
    silent = await server.client("romeo", "silent")

    await silent.drop()

    await juliet.expect_nothing()


# --- priorities -----------------------------------------------------------------------------------------------


async def test_messages_to_the_account_pass_a_negative_priority_by(serve):
    server = await serve(ROSTER, admin=None)
    low, high = await server.online("romeo", "r1", priority=-1), await server.online("romeo", "r2")
    await low.collect(), await high.collect()
    juliet = await server.online("juliet")

    juliet.send("<message to='romeo@localhost' type='chat'><body>hi</body></message>")
    juliet.send("<message to='romeo@localhost/r1' type='chat'><body>you</body></message>")
    await juliet.collect()

    assert [message.child_text(ns.CLIENT, "body") for message in await high.collect()] == ["hi"]
    assert [message.child_text(ns.CLIENT, "body") for message in await low.collect()] == ["you"]


async def test_what_has_waited_comes_when_the_priority_is_no_longer_negative(serve, tmp_path):
    (tmp_path / "mod_waiting.py").write_text(WAITING)
    server = await serve("[modules.mod_waiting]\n" + ROSTER, admin=None, folders=[tmp_path])
    romeo = await server.online("romeo", priority=-1)
    await romeo.expect_nothing()

    romeo.send("<presence><priority>3</priority></presence>")

    assert await seen(romeo) == ["M", "P(available) romeo@localhost"]
    romeo.send("<presence><priority>4</priority></presence>")
    assert await seen(romeo) == ["P(available) romeo@localhost"]


# --- directed presence ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("to", ["juliet@localhost", "juliet@localhost/r1"])
@pytest.mark.parametrize("end", ["unavailable", "drop"])
async def test_whom_presence_was_directed_to_hears_when_it_ends(serve, to, end):
    server = await serve(ROSTER, admin=None)
    romeo, juliet = await server.online("romeo"), await server.online("juliet")
    romeo.send(f"<presence to='{to}'><status>here</status></presence>")
    told = await juliet.expect("presence", from_="romeo@localhost/r1", to="juliet@localhost/r1")
    assert told.child_text(ns.CLIENT, "status") == "here"
    romeo.send("<presence><show>away</show></presence>")
    await romeo.collect()
    await juliet.expect_nothing()

    if end == "drop":
        await romeo.drop()
    else:
        romeo.send("<presence type='unavailable'/>")

    await juliet.expect("presence", type="unavailable", from_="romeo@localhost/r1")
    await juliet.expect_nothing()
    if end == "unavailable":
        romeo.send("<presence/><presence type='unavailable'/>")
        await romeo.collect()
        await juliet.expect_nothing()


async def test_presence_can_be_directed_without_being_available(serve):
    server = await serve(ROSTER, admin=None)
    romeo, juliet = await server.client("romeo"), await server.online("juliet")
    romeo.send("<presence to='juliet@localhost'/>")
    await juliet.expect("presence", from_="romeo@localhost/r1")

    romeo.send("<presence type='unavailable'/>")

    await juliet.expect("presence", type="unavailable", from_="romeo@localhost/r1")


async def test_directed_unavailable_ends_it(serve):
    server = await serve(ROSTER, admin=None)
    romeo, juliet = await server.online("romeo"), await server.online("juliet")
    romeo.send("<presence to='juliet@localhost'/><presence type='unavailable' to='juliet@localhost'/>")
    assert await seen(romeo) == []
    assert await seen(juliet) == ["P(available) romeo@localhost", "P(unavailable) romeo@localhost"]

    await romeo.drop()

    await juliet.expect_nothing()


@pytest.mark.parametrize("to", ["juliet@localhost", "juliet@localhost/r1"])
async def test_friend_hears_the_end_once_although_presence_was_directed_to_him_too(serve, to):
    server = await serve(ROSTER, admin=None)
    romeo, juliet = await friends(server)
    romeo.send(f"<presence to='{to}'/>")
    await juliet.expect("presence", from_="romeo@localhost/r1")

    await romeo.drop()

    assert await seen(juliet) == ["P(unavailable) romeo@localhost"]


async def test_client_of_a_friend_that_is_not_available_hears_the_end_of_what_was_directed_to_it(serve):
    server = await serve(ROSTER, admin=None)
    romeo, juliet = await friends(server)
    silent = await server.client("juliet", "silent")
    romeo.send("<presence to='juliet@localhost/silent'/>")
    await silent.expect("presence", from_="romeo@localhost/r1")

    await romeo.drop()

    await silent.expect("presence", type="unavailable", from_="romeo@localhost/r1", to="juliet@localhost/silent")
    assert await seen(juliet) == ["P(unavailable) romeo@localhost"]


async def test_presence_to_nowhere_comes_back(serve):
    server = await serve(ROSTER, admin=None)
    romeo = await server.online("romeo")

    romeo.send("<presence to='x@nosuch.example'/>")

    assert refusal(await romeo.expect("presence", type="error")) == "cancel/remote-server-not-found"


@pytest.mark.parametrize("to", ["nobody@localhost", "nobody@localhost/x", "juliet@localhost/x", "localhost"])
async def test_presence_to_nobody_is_nothing(serve, to):
    server = await serve(ROSTER, admin=None)
    romeo, juliet = await server.online("romeo"), await server.online("juliet")

    romeo.send(f"<presence to='{to}'/>")

    await romeo.expect_nothing()
    await juliet.expect_nothing()


async def test_presence_of_an_unknown_type_is_refused(serve):
    server = await serve(ROSTER, admin=None)
    romeo, juliet = await friends(server)

    romeo.send("<presence type='nonsense'/>")
    assert refusal(await romeo.expect("presence", type="error")) == "modify/bad-request"
    romeo.send("<presence type='nonsense' to='juliet@localhost'/>")
    assert refusal(await romeo.expect("presence", type="error")) == "modify/bad-request"
    await juliet.expect_nothing()


# --- invisible ------------------------------------------------------------------------------------------------


async def test_invisible_client_is_unavailable_to_others_and_hears_them(serve):
    server = await serve(ROSTER, admin=None)
    romeo, juliet = await friends(server)

    romeo.send("<presence type='invisible'/>")

    await romeo.expect_nothing()
    assert await seen(juliet) == ["P(unavailable) romeo@localhost"]
    juliet.send("<presence><show>away</show></presence><message to='romeo@localhost'><body>hi</body></message>")
    assert await seen(juliet) == ["P(available) juliet@localhost"]
    assert await seen(romeo) == ["P(available) juliet@localhost", "M"]
    juliet.send("<presence type='probe' to='romeo@localhost'/>")
    await juliet.expect_nothing()
    romeo.send("<presence type='invisible'/>")
    await romeo.collect()
    await juliet.expect_nothing()
    romeo.send("<presence/>")
    assert await seen(romeo) == ["P(available) romeo@localhost", "P(available) juliet@localhost"]
    assert await seen(juliet) == ["P(available) romeo@localhost"]


async def test_client_that_was_invisible_from_the_start_leaves_unnoticed(serve):
    server = await serve(ROSTER, admin=None)
    await offline_friends(server)
    juliet = await server.online("juliet")
    romeo = await server.client("romeo")

    romeo.send("<presence type='invisible'/>")
    assert await seen(romeo) == ["P(available) juliet@localhost"]
    romeo.send("<presence to='juliet@localhost'/>")
    assert await seen(romeo) == []
    assert await seen(juliet) == ["P(available) romeo@localhost"]
    romeo.send("<presence type='unavailable'/>")
    await romeo.collect()

    assert await seen(juliet) == ["P(unavailable) romeo@localhost"]


async def test_new_friend_of_an_invisible_client_is_not_told(serve):
    server = await serve(ROSTER, admin=None)
    romeo, juliet = await server.client("romeo"), await server.online("juliet")
    romeo.send("<presence type='invisible'/>")
    await romeo.collect()

    await befriend(server, ROMEO, JULIET)

    assert "P(available) romeo@localhost" not in await seen(juliet)


# --- probes ---------------------------------------------------------------------------------------------------


async def test_probe_of_a_friend_is_answered_by_every_available_client(serve):
    server = await serve(ROSTER, admin=None)
    romeo, juliet = await friends(server)
    await server.online("romeo", "r2")
    await server.client("romeo", "silent")
    await juliet.collect(), await romeo.collect()

    juliet.send("<presence type='probe' to='romeo@localhost'/>")

    answers = await juliet.collect()
    assert [answer.get("from") for answer in answers] == ["romeo@localhost/r1", "romeo@localhost/r2"]
    assert all(answer.find(ns.DELAY, "delay") is not None for answer in answers)
    juliet.send("<presence type='probe' to='romeo@localhost/r2'/>")
    assert [answer.get("from") for answer in await juliet.collect()] == ["romeo@localhost/r2"]
    await romeo.expect_nothing()


async def test_probe_of_a_stranger_is_not_answered(serve):
    server = await serve(ROSTER, admin=None)
    romeo, paris = await server.online("romeo"), await server.online("paris")
    paris.send("<presence type='subscribe' to='romeo@localhost'/>")
    await paris.collect(), await romeo.collect()

    for to in ("romeo@localhost", "romeo@localhost/r1", "nobody@localhost"):
        paris.send(f"<presence type='probe' to='{to}'/>")

    await paris.expect_nothing()
    await romeo.expect_nothing()


async def test_contacts_elsewhere_are_probed_and_told(serve, tmp_path):
    server = await serve(ROSTER + elsewhere.SECTION, admin=None, folders=elsewhere.folder(tmp_path))
    romeo = await server.online("romeo")
    paris = elsewhere.person("paris")
    romeo.send(f"<presence type='subscribe' to='{paris}'/>")
    await romeo.collect()
    for type in ("subscribed", "subscribe"):
        await elsewhere.send(server, paris, type)
    romeo.send(f"<presence type='subscribed' to='{paris}'/>")
    await romeo.collect()
    romeo.send("<presence type='unavailable'/>")
    await romeo.collect()
    elsewhere.arrived(server)

    romeo.send("<presence/>")
    await romeo.collect()

    assert elsewhere.arrived(server) == ["paris: P(available) romeo@localhost", "paris: P(probe) romeo@localhost"]
    await elsewhere.send(server, paris.with_resource("balcony"), "probe")
    assert elsewhere.arrived(server) == ["paris: P(available) romeo@localhost"]
    await elsewhere.send(server, paris.with_resource("balcony"), "")
    await romeo.expect("presence", from_=f"{paris}/balcony", to="romeo@localhost/r1")


async def test_modules_without_rosters_leave_presence_among_own_clients(serve):
    server = await serve("", admin=None)
    romeo, juliet = await server.online("romeo"), await server.online("juliet")

    romeo.send("<presence type='subscribe' to='juliet@localhost'/><presence type='probe' to='juliet@localhost'/>")

    assert await seen(romeo) == []
    assert await seen(juliet) == []
