"""Roster get, set and push (xmpp-behaviour, section 3.1; RFC 6121 §2)."""

from __future__ import annotations

import gc

import pytest

from mim.xmpp import ns
from mim.xmpp.element import element
from mim.xmpp.jid import JID
from mim_plugins.mod_roster import contact_requests, subscriptions
from mim_plugins.mod_roster.model import Item
from mim_plugins.mod_roster.states import State
from tests.plugins.answers import refusal
from tests.plugins.roster import elsewhere
from tests.plugins.roster.support import (
    JULIET,
    ROMEO,
    ROSTER,
    befriend,
    friends,
    items_of,
    put,
    query,
    roster,
    roster_set,
    stands,
    stored,
    view,
)
from tests.plugins.shorthand import seen

BENVOLIO = "<item jid='benvolio@localhost' name='Ben &amp; Co'><group>Friends</group><group>Kin</group></item>"


async def test_new_roster_is_empty(serve):
    server = await serve(ROSTER, admin=None)
    romeo = await server.client("romeo")

    answer = await romeo.ask("get", query())

    assert answer.get("type") == "result"
    assert answer.payload == element(ns.ROSTER, "query")


async def test_set_contact_is_pushed_to_every_bound_resource_and_then_confirmed(serve):
    server = await serve(ROSTER, admin=None)
    romeo, phone = await server.client("romeo", "r1"), await server.client("romeo", "r2")

    romeo.send(f"<iq type='set' id='s1'>{query(BENVOLIO)}</iq>")

    push, other = await romeo.expect("iq", type="set"), await phone.expect("iq", type="set")
    for stanza, client in ((push, romeo), (other, phone)):
        assert (stanza.get("from"), stanza.get("to")) == ("romeo@localhost", str(client.jid))
        assert stanza.get("id").startswith("push")
        assert stanza.payload.attrs == {}
    (item,) = items_of(push)
    assert item.attrs == {"jid": "benvolio@localhost", "name": "Ben & Co", "subscription": "none"}
    assert [group.text for group in item.elements()] == ["Friends", "Kin"]
    assert push.get("id") != other.get("id")
    result = await romeo.expect("iq", type="result", id="s1")
    assert result.payload is None
    assert items_of(await phone.ask("get", query())) == [item]
    assert (await stored(server, ROMEO))["benvolio@localhost"] == Item(
        JID.parse("benvolio@localhost"), "Ben & Co", ("Friends", "Kin"), is_added=True
    )


async def test_second_set_replaces_name_and_groups(serve):
    server = await serve(ROSTER, admin=None)
    romeo = await server.client("romeo")
    await roster_set(romeo, BENVOLIO)

    await roster_set(romeo, "<item jid='Benvolio@LOCALHOST/home'/>")

    assert items_of(await romeo.ask("get", query())) == [
        element(ns.ROSTER, "item", jid="benvolio@localhost", subscription="none")
    ]


async def test_name_and_groups_survive_what_happens_to_the_subscription(serve):
    server = await serve(ROSTER, admin=None)
    romeo, juliet = await server.online("romeo"), await server.online("juliet")
    await roster_set(romeo, "<item jid='juliet@localhost' name='J'><group>Love</group></item>")
    juliet.send("<presence type='subscribe' to='romeo@localhost'/>")
    await juliet.collect()
    romeo.send("<presence type='subscribed' to='juliet@localhost'/>")
    romeo.send("<presence type='subscribe' to='juliet@localhost'/>")
    await romeo.collect()
    juliet.send("<presence type='subscribed' to='romeo@localhost'/>")
    await juliet.collect()

    (item,) = items_of(await server_roster(romeo))

    assert item.attrs == {"jid": "juliet@localhost", "name": "J", "subscription": "both"}
    assert [group.text for group in item.elements()] == ["Love"]


async def server_roster(client):
    """Ask for the roster, leaving aside what has come before the answer."""
    await client.collect()
    return await client.ask("get", query())


async def test_client_cannot_grant_itself_a_subscription(serve):
    server = await serve(ROSTER, admin=None)
    romeo = await server.client("romeo")

    answer, before = await roster_set(
        romeo, "<item jid='juliet@localhost' subscription='both' ask='subscribe' approved='true'/>"
    )

    assert answer.get("type") == "result"
    assert before == ["push(none) juliet@localhost"]
    assert await stands(server, ROMEO) == {"juliet@localhost": "none/none"}


async def test_subscribed_contact_that_is_set_again_stays_subscribed(serve):
    server = await serve(ROSTER, admin=None)
    romeo, juliet = await friends(server)

    _, before = await roster_set(romeo, "<item jid='juliet@localhost' name='J' subscription='none'/>")

    assert before == ["push(both) juliet@localhost"]
    await juliet.expect_nothing()
    assert await stands(server, ROMEO) == {"juliet@localhost": "both/none"}


@pytest.mark.parametrize("jid", ["romeo@localhost", "localhost", "x@nosuch.example", "nobody@localhost"])
async def test_anybody_can_be_a_contact(serve, jid):
    server = await serve(ROSTER, admin=None)
    romeo = await server.online("romeo")

    answer, before = await roster_set(romeo, f"<item jid='{jid}'/>")

    assert answer.get("type") == "result"
    assert before == [f"push(none) {jid}"]
    await romeo.expect_nothing()


# --- removal --------------------------------------------------------------------------------------------------


async def test_removed_friend_sees_the_subscriptions_end(serve):
    server = await serve(ROSTER, admin=None)
    romeo, juliet = await friends(server)

    answer, before = await roster_set(romeo, "<item jid='juliet@localhost' subscription='remove'/>")

    assert before == ["push(remove) juliet@localhost", "P(unavailable) juliet@localhost"]
    assert answer.get("type") == "result"
    assert await seen(juliet) == [
        "push(to) romeo@localhost",
        "P(unsubscribe) romeo@localhost",
        "push(none) romeo@localhost",
        "P(unsubscribed) romeo@localhost",
        "P(unavailable) romeo@localhost",
    ]
    assert await stands(server, ROMEO) == {}
    assert await stands(server, JULIET) == {"romeo@localhost": "none/none"}


@pytest.mark.parametrize(
    ("state", "told"),
    [
        (State.NONE, []),
        (State.NONE_OUT, []),
        (State.NONE_IN, []),
        (State.NONE_BOTH, []),
        (State.TO, ["unsubscribe"]),
        (State.TO_IN, ["unsubscribe"]),
        (State.FROM, ["unsubscribed", "unavailable"]),
        (State.FROM_OUT, ["unsubscribed", "unavailable"]),
        (State.BOTH, ["unsubscribe", "unsubscribed", "unavailable"]),
    ],
    ids=lambda value: getattr(value, "name", ""),
)
async def test_removed_contact_is_told_by_how_he_stood(serve, tmp_path, state, told):
    server = await serve(ROSTER + elsewhere.SECTION, admin=None, folders=elsewhere.folder(tmp_path))
    await server.register("romeo")
    await put(server, ROMEO, Item(elsewhere.person("paris"), state=state, is_added=True))
    romeo = await server.online("romeo")
    await romeo.collect()
    elsewhere.arrived(server)

    answer, before = await roster_set(romeo, f"<item jid='paris@{elsewhere.DOMAIN}' subscription='remove'/>")

    assert answer.get("type") == "result"
    assert before == [f"push(remove) paris@{elsewhere.DOMAIN}"]
    assert elsewhere.arrived(server) == [f"paris: P({type}) romeo@localhost" for type in told]
    assert await stands(server, ROMEO) == {}


async def test_removal_of_somebody_unknown_is_confirmed_without_a_push(serve):
    server = await serve(ROSTER, admin=None)
    romeo = await server.client("romeo")

    answer, before = await roster_set(romeo, "<item jid='paris@localhost' subscription='remove'/>")

    assert answer.get("type") == "result"
    assert before == []


# --- refusals -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("type", ["get", "set"])
async def test_nobody_else_sees_or_changes_a_roster(serve, type):
    server = await serve(ROSTER, admin=None)
    await server.register("juliet")
    await befriend(server, ROMEO, JULIET)
    romeo = await server.client("romeo")

    answer = await romeo.ask(type, query(BENVOLIO if type == "set" else ""), to="juliet@localhost")

    assert refusal(answer) == "auth/forbidden"
    assert answer.get("from") == "juliet@localhost"
    assert await stands(server, JULIET) == {"romeo@localhost": "both/none"}


@pytest.mark.parametrize(
    ("inner", "expected"),
    [
        ("", "modify/bad-request"),
        ("<item jid='a@localhost'/><item jid='b@localhost'/>", "modify/bad-request"),
        ("<item/>", "modify/bad-request"),
        ("<item jid=''/>", "modify/bad-request"),
        ("<item jid='@localhost'/>", "modify/jid-malformed"),
        ("<item jid='a@localhost'><group>G</group><group>G</group></item>", "modify/bad-request"),
        ("<item jid='a@localhost'><group/></item>", "modify/not-acceptable"),
        (f"<item jid='a@localhost' name='{'n' * 1024}'/>", "modify/not-acceptable"),
        (f"<item jid='a@localhost'><group>{'é' * 512}</group></item>", "modify/not-acceptable"),
        (
            "<item jid='a@localhost'>" + "".join(f"<group>{n}</group>" for n in range(101)) + "</item>",
            "modify/not-acceptable",
        ),
    ],
)
async def test_malformed_set_is_refused(serve, inner, expected):
    server = await serve(ROSTER, admin=None)
    romeo = await server.client("romeo")

    answer, before = await roster_set(romeo, inner)

    assert refusal(answer) == expected
    assert before == []
    assert await stands(server, ROMEO) == {}


async def test_what_just_fits_is_taken(serve):
    server = await serve(ROSTER, admin=None)
    romeo = await server.client("romeo")
    groups = "".join(f"<group>{n:0>{contact_requests.MAX_NAME_BYTES}}</group>" for n in range(30))

    answer, _ = await roster_set(romeo, f"<item jid='a@localhost' name='{'n' * 1023}'>{groups}</item>")

    assert answer.get("type") == "result"


async def test_full_roster_takes_nobody_more_until_there_is_room(serve, monkeypatch):
    monkeypatch.setattr(subscriptions, "MAX_ITEMS", 2)
    server = await serve(ROSTER + "[modules.mod_commands]\n")
    romeo = await server.online("romeo")
    for name in ("a", "b"):
        await roster_set(romeo, f"<item jid='{name}@localhost'/>")

    answer, before = await roster_set(romeo, "<item jid='c@localhost'/>")
    assert refusal(answer) == "wait/resource-constraint"
    assert before == []
    changed, _ = await roster_set(romeo, "<item jid='b@localhost' name='B'/>")
    assert changed.get("type") == "result"
    romeo.send("<presence type='subscribe' to='c@localhost'/>")
    refused = await romeo.expect("presence", type="error")
    assert refusal(refused) == "wait/resource-constraint"
    silent = await server.client("romeo", "silent")
    silent.send("<presence type='subscribe' to='c@localhost'/>")
    assert refusal(await silent.expect("presence", type="error")) == "wait/resource-constraint"
    assert (await server.api.post("/contacts", {"caller": "romeo@localhost", "jid": "c@localhost"})).status == 429
    subscribe = {"action": "subscribe"}
    assert (await server.api.put("/contacts/romeo@localhost/c@localhost", subscribe)).status == 429
    assert await stands(server, ROMEO) == {"a@localhost": "none/none", "b@localhost": "none/none"}

    await roster_set(romeo, "<item jid='a@localhost' subscription='remove'/>")
    answer, _ = await roster_set(romeo, "<item jid='c@localhost'/>")
    assert answer.get("type") == "result"


async def test_ten_thousand_contacts_are_not_too_many(serve):
    server = await serve(ROSTER, admin=None)
    await server.register("romeo")
    await put(server, ROMEO, *(Item(JID.parse(f"c{n}@localhost"), is_added=True) for n in range(9_999)))
    romeo = await server.client("romeo")

    answer, _ = await roster_set(romeo, "<item jid='last@localhost'/>")

    assert answer.get("type") == "result"
    assert len(await roster(romeo)) == 10_000 == subscriptions.MAX_ITEMS
    answer, _ = await roster_set(romeo, "<item jid='one-more@localhost'/>")
    assert refusal(answer) == "wait/resource-constraint"


async def test_roster_of_the_server_itself_is_no_feature(serve):
    server = await serve(ROSTER, admin=None)
    romeo = await server.client("romeo")

    assert refusal(await romeo.ask("get", query(), to="localhost")) == "cancel/feature-not-implemented"


# --- over the interface of the admin API ----------------------------------------------------------------------


async def test_session_bound_later_finds_what_was_changed_before(serve):
    server = await serve(ROSTER, admin=None)
    await server.register("romeo", "juliet")
    await befriend(server, ROMEO, JULIET)
    await view(server).add_contact(ROMEO, JID.parse("paris@localhost"))

    romeo = await server.client("romeo")

    assert await roster(romeo) == {"juliet@localhost": "both", "paris@localhost": "none"}


async def test_what_others_ask_of_the_rosters(serve):
    server = await serve(ROSTER, admin=None)
    await server.register("romeo", "juliet")
    await befriend(server, ROMEO, JULIET)
    await view(server).subscribe(JID.parse("paris@localhost"), ROMEO, "subscribe")
    stranger, hidden = JID.parse("tybalt@localhost"), JID.parse("paris@localhost")
    rosters = view(server)
    assert rosters.may_see_presence(ROMEO, JULIET) is None
    assert rosters.has_contact(ROMEO, JULIET) is None
    assert rosters.find_relation(ROMEO, JULIET) is None
    assert (await rosters.get_relation(ROMEO, JULIET)).subscription == "both"

    romeo = await server.client("romeo")
    await roster_set(romeo, "<item jid='juliet@localhost'><group>Love</group></item>")

    assert [rosters.may_see_presence(ROMEO, jid) for jid in (ROMEO, JULIET, stranger, hidden)] == [
        True, True, False, False,
    ]  # fmt: skip
    assert [rosters.has_contact(ROMEO, jid) for jid in (JULIET, stranger, hidden)] == [True, False, False]
    relation = rosters.find_relation(ROMEO, JULIET)
    assert (relation.subscription, relation.groups) == ("both", ("Love",))
    assert rosters.find_relation(ROMEO, stranger) == await rosters.get_relation(ROMEO, stranger)
    assert rosters.find_relation(ROMEO, stranger).subscription == "none"


async def test_roster_leaves_memory_with_the_last_session(serve):
    server = await serve(ROSTER, admin=None)
    romeo = await server.client("romeo", "r1")
    phone = await server.client("romeo", "r2")
    assert view(server).has_contact(ROMEO, JULIET) is False

    await romeo.close()
    await phone.expect_nothing()
    assert view(server).has_contact(ROMEO, JULIET) is False
    await phone.close()

    other = await server.client("juliet")
    while server.app.server.sessions.has(ROMEO):
        await other.expect_nothing()
    gc.collect()
    assert view(server).has_contact(ROMEO, JULIET) is None
