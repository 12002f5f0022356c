"""Who wants what archived (xmpp-behaviour, section 6; XEP-0441)."""

from __future__ import annotations

import pytest

from mim.xmpp import ns
from mim.xmpp.element import Element
from mim.xmpp.jid import JID
from mim.xmpp.stanza import body, message
from mim_plugins.mod_mam_meta.preferences import MAX_LISTED
from tests.plugins.answers import refusal
from tests.plugins.mam.support import PM, chat, exchanged, has_stanza_id, page, stanza_id

KEPT = '[modules.mod_mam_meta]\npm.user_prefs_store = "mnesia"\n'
ROSTER = "[modules.mod_roster]\n"


@pytest.fixture
async def server(serve):
    return await serve(KEPT + ROSTER)


def prefs(default: str, *, always: str = "", never: str = "", namespace: str = ns.MAM2) -> str:
    lists = "".join(
        f"<{name}>{''.join(f' <jid> {jid} </jid> ' for jid in jids.split())}</{name}>"
        for name, jids in (("always", always), ("never", never))
    )
    return f"<prefs xmlns='{namespace}' default='{default}'> {lists} </prefs>"


def told(answer: Element, namespace: str = ns.MAM2) -> tuple[str, list[str], list[str]]:
    """Return default, always and never as an answer tells them."""
    assert answer.get("type") == "result", answer
    found = answer.find(namespace, "prefs")
    assert found is not None, answer
    always, never = found.elements()
    assert (always.name, never.name) == ("always", "never")
    return found.get("default"), *([jid.text for jid in listed.elements()] for listed in (always, never))


@pytest.mark.parametrize("namespace", [ns.MAM1, ns.MAM2])
async def test_what_is_set_is_answered_and_told_again(romeo, namespace):
    assert told(await romeo.ask("get", f"<prefs xmlns='{namespace}'/>"), namespace) == ("always", [], [])

    wanted = prefs("roster", always="a@localhost a@localhost", never="B@localhost/r c@elsewhere", namespace=namespace)
    expected = ("roster", ["a@localhost"], ["b@localhost/r", "c@elsewhere"])
    assert told(await romeo.ask("set", wanted), namespace) == expected
    assert told(await romeo.ask("get", f"<prefs xmlns='{namespace}'/>"), namespace) == expected


async def test_lists_that_are_left_out_are_empty(romeo):
    await romeo.ask("set", prefs("never", always="a@localhost"))
    assert told(await romeo.ask("set", f"<prefs xmlns='{ns.MAM2}' default='never'/>")) == ("never", [], [])


@pytest.mark.parametrize(
    ("payload", "refused"),
    [
        (f"<prefs xmlns='{ns.MAM2}'/>", "modify/bad-request"),
        (f"<prefs xmlns='{ns.MAM2}' default='sometimes'/>", "modify/bad-request"),
        (prefs("always", never="@@"), "modify/jid-malformed"),
        (prefs("always", never=" ".join(f"u{n}@x" for n in range(MAX_LISTED + 1))), "modify/not-acceptable"),
    ],
)
async def test_what_makes_no_sense_is_refused_and_changes_nothing(romeo, payload, refused):
    await romeo.ask("set", prefs("roster"))
    assert refusal(await romeo.ask("set", payload)) == refused
    assert told(await romeo.ask("get", f"<prefs xmlns='{ns.MAM2}'/>"))[0] == "roster"


async def test_without_a_store_everything_is_archived_and_nothing_can_be_set(serve):
    server = await serve(PM)
    romeo, juliet = await server.online("romeo"), await server.online("juliet")

    assert told(await romeo.ask("get", f"<prefs xmlns='{ns.MAM2}'/>")) == ("always", [], [])
    assert refusal(await romeo.ask("set", prefs("never"))) == "cancel/feature-not-implemented"
    await exchanged(romeo, juliet, "kept")
    assert (await page(romeo)).bodies == ["kept"]


async def test_never_means_no_archive_and_no_id(romeo, juliet):
    await juliet.ask("set", prefs("never"))

    (got,) = await exchanged(romeo, juliet, "secret")
    await exchanged(juliet, romeo, "answer")

    assert not has_stanza_id(got)
    assert (await page(juliet)).bodies == []
    assert (await page(romeo)).bodies == ["secret", "answer"]


async def test_a_message_to_oneself_that_one_never_wants_archived_is_not(romeo):
    await romeo.ask("set", prefs("never"))
    await exchanged(romeo, romeo, "note")
    assert (await page(romeo)).bodies == []


@pytest.mark.parametrize(
    ("default", "always", "never", "kept"),
    [
        ("never", "romeo@localhost", "", True),
        ("never", "romeo@localhost/r1", "", True),
        ("never", "romeo@localhost/other", "", False),
        ("always", "", "romeo@localhost", False),
        ("always", "", "romeo@localhost/r1", False),
        ("always", "", "romeo@localhost/other", True),
        ("always", "romeo@localhost", "romeo@localhost", False),
        ("always", "romeo@localhost/r1", "romeo@localhost", True),
        ("never", "romeo@localhost", "romeo@localhost/r1", False),
        ("roster", "romeo@localhost", "", True),
    ],
)
async def test_lists_beat_the_default_and_a_resource_the_bare_address(romeo, juliet, default, always, never, kept):
    await juliet.ask("set", prefs(default, always=always, never=never))
    (got,) = await exchanged(romeo, juliet, "hello")
    assert has_stanza_id(got) is kept
    assert len((await page(juliet)).results) == kept


# --- roster ---------------------------------------------------------------------------------------------------


async def befriend(client, contact: str) -> None:
    client.send(f"<iq type='set' id='add'><query xmlns='{ns.ROSTER}'><item jid='{contact}'/></query></iq>")
    assert {(await client.expect("iq")).get("type") for _ in range(2)} == {"set", "result"}


async def test_roster_means_contacts_only(server, romeo, juliet):
    mercutio = await server.online("mercutio")
    await befriend(juliet, "romeo@localhost")
    await juliet.ask("set", prefs("roster"))

    (known,) = await exchanged(romeo, juliet, "from a contact")
    (stranger,) = await exchanged(mercutio, juliet, "from a stranger")
    juliet.send(chat("to a stranger", "mercutio@localhost"))
    juliet.send(chat("to a contact", "romeo@localhost"))
    await romeo.expect("message")

    assert (has_stanza_id(known), has_stanza_id(stranger)) == (True, False)
    assert (await page(juliet)).bodies == ["from a contact", "to a contact"]


async def test_roster_of_a_user_who_is_offline_is_read_and_messages_keep_their_order(serve):
    server = await serve(KEPT + ROSTER + "[modules.mod_offline]\n")
    romeo, mercutio, juliet = [await server.online(name) for name in ("romeo", "mercutio", "juliet")]
    await befriend(juliet, "romeo@localhost")
    await juliet.ask("set", prefs("roster"))
    await juliet.close()
    await romeo.expect_nothing()

    for number in range(5):
        romeo.send(chat(f"contact {number}"))
        await romeo.expect_nothing()
        mercutio.send(chat(f"stranger {number}"))
        await mercutio.expect_nothing()

    juliet = await server.client("juliet", "r2")
    juliet.send("<presence/>")
    got = [await juliet.expect("message") for _ in range(10)]
    assert [one.child_text(ns.CLIENT, "body") for one in got] == [
        f"{who} {number}" for number in range(5) for who in ("contact", "stranger")
    ]
    assert [has_stanza_id(one) for one in got] == [True, False] * 5
    await juliet.expect("presence")
    assert (await page(juliet)).bodies == [f"contact {number}" for number in range(5)]


async def test_roster_of_a_user_the_api_speaks_for_is_read(server, romeo, juliet):
    await befriend(juliet, "romeo@localhost")
    await juliet.ask("set", prefs("roster"))
    await juliet.close()
    for to in ("romeo@localhost", "stranger@localhost"):
        sent = message(body(f"to {to}"), sender=JID.parse("juliet@localhost"), to=JID.parse(to), type="chat")
        server.app.server.router.send_as(sent)
        for promise in sent.trail.promises:
            await promise
    await romeo.expect("message")

    juliet = await server.client("juliet", "r2")
    assert (await page(juliet)).bodies == ["to romeo@localhost"]


async def test_without_a_roster_nobody_is_a_contact(serve):
    server = await serve(KEPT)
    romeo, juliet = await server.online("romeo"), await server.online("juliet")
    await juliet.ask("set", prefs("roster"))
    (got,) = await exchanged(romeo, juliet, "hello")
    assert not has_stanza_id(got)


# --- kept -----------------------------------------------------------------------------------------------------


async def test_preferences_survive_a_restart_and_hold_for_whoever_is_offline(serve, tmp_path):
    first = await serve(KEPT, data_dir=tmp_path)
    juliet = await first.online("juliet")
    await juliet.ask("set", prefs("always", never="romeo@localhost"))
    await first.stop()

    second = await serve(KEPT + "[modules.mod_offline]\n", data_dir=tmp_path)
    romeo = await second.online("romeo")
    romeo.send(chat("unwanted"))
    await romeo.expect_nothing()
    juliet = await second.client("juliet")
    assert (await page(juliet)).bodies == []
    assert told(await juliet.ask("get", f"<prefs xmlns='{ns.MAM2}'/>")) == ("always", [], ["romeo@localhost"])


async def test_a_removed_account_takes_its_preferences_along(server, romeo, juliet):
    await juliet.ask("set", prefs("never"))
    await server.app.server.accounts.remove(JID.parse("juliet@localhost"))

    again = await server.online("juliet", "r2")
    assert told(await again.ask("get", f"<prefs xmlns='{ns.MAM2}'/>")) == ("always", [], [])
    (got,) = await exchanged(romeo, again, "hello")
    assert stanza_id(got, "juliet@localhost")
