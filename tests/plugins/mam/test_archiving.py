"""What is archived, where, and what the recipient is told of it (xmpp-behaviour, section 6)."""

from __future__ import annotations

import pytest

from mim.capabilities import SENT_ARCHIVE_ID
from mim.storage.ids import decode, microseconds_of
from mim.xmpp import ns
from mim.xmpp.jid import JID
from mim.xmpp.parser import parse_element
from mim.xmpp.stanza import Stanza, body, message
from tests.plugins.mam.support import chat, exchanged, has_stanza_id, page, quiet, stanza_id

NO_STORE = f"<no-store xmlns='{ns.HINTS}'/>"
NO_PERMANENT_STORE = f"<no-permanent-store xmlns='{ns.HINTS}'/>"
STORE = f"<store xmlns='{ns.HINTS}'/>"
MARKER = f"<displayed xmlns='{ns.CHAT_MARKERS}' id='m1'/>"
COMPOSING = f"<composing xmlns='{ns.CHAT_STATES}'/>"
RETRACTION = f"<apply-to xmlns='{ns.FASTEN}' id='o1'><retract xmlns='{ns.RETRACT0}'/></apply-to>"
WITH_BODY = "<body>words</body>"


async def delivered(sender, recipient, inner: str, kind: str = "chat"):
    """Send a message and return it as the recipient gets it."""
    named = f" type='{kind}'" if kind else ""
    sender.send(f"<message to='{recipient.jid.bare}' id='it'{named}>{inner}</message>")
    return await recipient.expect("message", id="it")


# --- both sides -----------------------------------------------------------------------------------------------


async def test_both_sides_have_it_each_under_its_own_id(romeo, juliet):
    (got,) = await exchanged(romeo, juliet, "hello")

    (sent,) = (await page(romeo)).results
    (received,) = (await page(juliet)).results
    assert sent.body == received.body == "hello"
    assert received.id == stanza_id(got, "juliet@localhost")
    assert sent.id != received.id


async def test_the_whole_stanza_is_kept_as_it_was_sent(romeo, juliet):
    more = "<active xmlns='urn:x' a='&lt;&apos;&quot;&amp;'>a &gt; b<b xmlns='urn:y'/></active><thread>t</thread>"
    inner = f"<body>ü &lt;3</body>{more}"
    romeo.send(f"<message to='juliet@localhost/r1' type='chat' id='m1' xml:lang='de'>{inner}</message>")
    got = await juliet.expect("message", id="m1")
    got.children.pop()  # the id of her archive

    (sent,) = (await page(romeo)).results
    (received,) = (await page(juliet)).results
    assert sent.message == received.message == got
    assert (got.get("from"), got.get("to"), got.get("xml:lang")) == ("romeo@localhost/r1", "juliet@localhost/r1", "de")


async def test_ids_ascend_and_tell_the_time(server, romeo, juliet):
    before = server.clock.now_us()
    await exchanged(romeo, juliet, "a", "b", "c")

    found = await page(romeo)
    times = [microseconds_of(decode(id)) for id in found.ids]
    assert found.bodies == ["a", "b", "c"]
    assert times == sorted(set(times))
    assert before <= times[0]
    assert times[-1] <= server.clock.now_us()


async def test_a_clock_that_goes_back_keeps_the_order(server, romeo, juliet):
    await exchanged(romeo, juliet, "today")
    server.clock.advance(-86400)
    await exchanged(romeo, juliet, "yesterday")

    assert (await page(juliet)).bodies == ["today", "yesterday"]


async def test_peers_share_the_id_if_the_file_says_so(serve):
    server = await serve("[modules.mod_mam_meta]\npm.same_mam_id_for_peers = true\n")
    romeo, juliet = await server.online("romeo"), await server.online("juliet")
    (got,) = await exchanged(romeo, juliet, "hello")

    assert (await page(romeo)).ids == (await page(juliet)).ids == [stanza_id(got, "juliet@localhost")]


@pytest.mark.parametrize("shared", ["true", "false"])
async def test_a_message_to_oneself_is_there_once_under_the_id_it_tells(serve, shared):
    server = await serve(f"[modules.mod_mam_meta]\npm.same_mam_id_for_peers = {shared}\n")
    romeo, other = await server.online("romeo"), await server.online("romeo", "r2")
    await quiet(romeo, other)
    await exchanged(romeo, other, "note")
    got = await romeo.expect("message")

    found = await page(romeo, with_="romeo@localhost")
    assert found.bodies == ["note"]
    assert found.ids == [stanza_id(got, "romeo@localhost")]
    assert (await page(romeo)).ids == found.ids


async def test_an_offline_recipient_has_it_in_his_archive_once(serve):
    server = await serve("[modules.mod_mam_meta]\npm = {}\n[modules.mod_offline]\n")
    romeo = await server.online("romeo")
    await server.register("juliet")
    romeo.send(chat("while you slept"))
    assert (await page(romeo)).bodies == ["while you slept"]

    juliet = await server.client("juliet")
    juliet.send("<presence/>")
    waited = await juliet.expect("message")
    await juliet.expect("presence")

    found = await page(juliet)
    assert found.bodies == ["while you slept"]
    *_, given, delay = waited.elements()
    assert (given.name, given.get("id")) == ("stanza-id", found.ids[0])
    assert (delay.name, delay.text) == ("delay", "Offline Storage")


async def test_a_message_to_nobody_is_in_the_senders_archive_only(server, romeo):
    romeo.send(chat("anybody?", "nobody@localhost"))
    await romeo.expect("message", type="error")

    assert (await page(romeo)).bodies == ["anybody?"]
    await server.register("nobody")
    nobody = await server.online("nobody")
    assert (await page(nobody)).bodies == []


async def test_each_of_several_resources_gets_the_one_id(server, romeo, juliet):
    second = await server.online("juliet", "r2")
    await quiet(juliet, second)
    romeo.send(chat("to both"))

    ids = {stanza_id(await client.expect("message"), "juliet@localhost") for client in (juliet, second)}
    assert ids == set((await page(juliet)).ids)
    assert len(ids) == 1


async def test_carbons_find_the_senders_id(server, romeo, juliet):
    archived = message(body("hi"), sender=JID.parse("romeo@localhost"), to=JID.parse("juliet@localhost"), type="chat")
    server.app.server.router.send_as(archived)

    await juliet.expect("message")
    assert (await page(romeo)).ids == [archived.trail.notes[SENT_ARCHIVE_ID]]


async def test_sent_carbon_carries_the_senders_id_and_the_message_itself_does_not(serve):
    server = await serve("[modules.mod_mam_meta]\npm = {}\n[modules.mod_carboncopy]\n")
    romeo, second = await server.online("romeo"), await server.online("romeo", "r2")
    juliet = await server.online("juliet")
    await quiet(romeo, second)
    await second.ask("set", f"<enable xmlns='{ns.CARBONS2}'/>")
    (got,) = await exchanged(romeo, juliet, "hello")

    carbon = await second.expect("message")
    inner = carbon.find(ns.CARBONS2, "sent").find(ns.FORWARD, "forwarded").find(ns.CLIENT, "message")
    assert stanza_id(inner, "romeo@localhost") == (await page(romeo)).ids[0]
    assert not [child for child in got.elements(ns.STANZA_ID, "stanza-id") if child.get("by") == "romeo@localhost"]


async def test_copies_are_not_archived_again(serve):
    server = await serve("[modules.mod_mam_meta]\npm = {}\n[modules.mod_carboncopy]\n")
    romeo, juliet = await server.online("romeo"), await server.online("juliet")
    second = await server.online("juliet", "r2", priority=-1)
    await quiet(juliet, second)
    await second.ask("set", f"<enable xmlns='{ns.CARBONS2}'/>")
    await exchanged(romeo, juliet, "hello")
    await second.expect("message")

    assert (await page(juliet)).bodies == ["hello"]


# --- which messages -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "inner"),
    [
        ("chat", WITH_BODY),
        ("normal", WITH_BODY),
        ("", WITH_BODY),
        ("gossip", WITH_BODY),
        ("chat", "<body/>"),
        ("chat", STORE),
        ("chat", RETRACTION),
        ("chat", WITH_BODY + COMPOSING),
    ],
)
async def test_what_is_archived(romeo, juliet, kind, inner):
    got = await delivered(romeo, juliet, inner, kind)

    assert (await page(juliet)).ids == [stanza_id(got, "juliet@localhost")]
    assert len((await page(romeo)).results) == 1


@pytest.mark.parametrize(
    ("kind", "inner"),
    [
        ("headline", WITH_BODY),
        ("groupchat", WITH_BODY),
        ("chat", COMPOSING),
        ("chat", MARKER),
        ("chat", "<subject>s</subject>"),
        ("chat", WITH_BODY + NO_STORE),
        ("chat", WITH_BODY + STORE + NO_STORE),
        ("chat", WITH_BODY + NO_PERMANENT_STORE),
        ("chat", WITH_BODY + f"<result xmlns='{ns.MAM2}' id='1'/>"),
        ("chat", WITH_BODY + f"<result xmlns='{ns.MAM1}' id='1'/>"),
        ("chat", f"<apply-to xmlns='{ns.FASTEN}' id='o1'/>"),
        ("chat", f"<apply-to xmlns='{ns.FASTEN}'><retract xmlns='{ns.RETRACT0}'/></apply-to>"),
    ],
)
async def test_what_is_not_archived(romeo, juliet, kind, inner):
    got = await delivered(romeo, juliet, inner, kind)

    assert not has_stanza_id(got)
    assert (await page(juliet)).results == []
    assert (await page(romeo)).results == []


async def test_what_was_sent_before_is_not_archived_now(server, juliet):
    delay = f"<delay xmlns='{ns.DELAY}' stamp='2020-01-01T00:00:00Z'/>"
    late = f"<message from='romeo@localhost' to='juliet@localhost' type='chat'>{WITH_BODY}{delay}</message>"
    server.app.server.router.send_as(Stanza.from_element(parse_element(late)))

    assert not has_stanza_id(await juliet.expect("message"))
    assert (await page(juliet)).results == []


async def test_an_error_is_not_archived(romeo, juliet):
    got = await delivered(romeo, juliet, WITH_BODY + "<error type='cancel'/>", "error")

    assert not has_stanza_id(got)
    assert (await page(juliet)).results == []


async def test_markers_are_archived_if_the_file_says_so(serve):
    server = await serve("[modules.mod_mam_meta]\narchive_chat_markers = true\npm = {}\n")
    romeo, juliet = await server.online("romeo"), await server.online("juliet")

    assert has_stanza_id(await delivered(romeo, juliet, MARKER))
    assert not has_stanza_id(await delivered(romeo, juliet, f"<markable xmlns='{ns.CHAT_MARKERS}'/>"))
    assert len((await page(juliet)).results) == 1


async def test_groupchat_is_archived_if_the_file_says_so_and_only_where_it_arrives(serve):
    server = await serve("[modules.mod_mam_meta]\npm.archive_groupchats = true\n")
    romeo, juliet = await server.online("romeo"), await server.online("juliet")

    got = await delivered(romeo, juliet, WITH_BODY, "groupchat")

    assert (await page(juliet)).ids == [stanza_id(got, "juliet@localhost")]
    assert (await page(romeo)).results == []


async def test_a_message_is_without_id_if_the_file_says_so_but_archived(serve):
    server = await serve("[modules.mod_mam_meta]\nno_stanzaid_element = true\npm = {}\n")
    romeo, juliet = await server.online("romeo"), await server.online("juliet")

    (got,) = await exchanged(romeo, juliet, "hello")

    assert not has_stanza_id(got)
    assert (await page(juliet)).bodies == (await page(romeo)).bodies == ["hello"]


# --- forged ids -----------------------------------------------------------------------------------------------


def given_by(by: str, id: str = "forged", name: str = "stanza-id", space: str = ns.STANZA_ID) -> str:
    return f"<{name} xmlns='{space}' by='{by}' id='{id}'/>"


@pytest.mark.parametrize(
    "forged",
    [
        given_by("juliet@localhost"),
        given_by("JULIET@localhost"),
        given_by("juliet@localhost") * 3,
        given_by("romeo@localhost"),
        given_by("localhost"),
        given_by("@@"),
        given_by("juliet@localhost", name="archived", space="urn:xmpp:mam:tmp"),
    ],
)
async def test_an_id_in_our_name_is_taken_out(romeo, juliet, forged):
    got = await delivered(romeo, juliet, WITH_BODY + forged)

    assert stanza_id(got, "juliet@localhost") != "forged"
    assert [child.name for child in got.elements()] == ["body", "stanza-id"]
    (received,) = (await page(juliet)).results
    assert [child.name for child in received.message.elements()] == ["body"]


async def test_an_id_in_our_name_is_taken_out_of_what_is_not_archived(romeo, juliet):
    got = await delivered(romeo, juliet, COMPOSING + given_by("juliet@localhost"))
    assert [child.name for child in got.elements()] == ["composing"]


async def test_ids_of_others_and_of_the_sender_stay(romeo, juliet):
    got = await delivered(
        romeo, juliet, WITH_BODY + given_by("room@rooms.example") + f"<origin-id xmlns='{ns.STANZA_ID}' id='o'/>"
    )
    assert [child.name for child in got.elements()] == ["body", "stanza-id", "origin-id", "stanza-id"]
    assert got.children[1].get("by") == "room@rooms.example"


# --- who is no user -------------------------------------------------------------------------------------------


async def test_what_the_api_sends_is_in_both_archives(server, juliet):
    sent = message(body("by REST"), sender=JID.parse("ghost@localhost"), to=JID.parse("juliet@localhost"), type="chat")
    server.app.server.router.send_as(sent)
    got = await juliet.expect("message")

    (received,) = (await page(juliet)).results
    assert received.id == stanza_id(got, "juliet@localhost")
    assert received.message.get("from") == "ghost@localhost"
    await server.register("ghost")
    ghost = await server.online("ghost")
    assert (await page(ghost)).bodies == ["by REST"]  # kept under that name


async def test_a_removed_account_takes_its_archive_along_and_leaves_the_peers(server, romeo, juliet):
    await exchanged(romeo, juliet, "remember")
    await server.app.server.accounts.remove(JID.parse("juliet@localhost"))

    assert (await page(romeo)).bodies == ["remember"]
    again = await server.online("juliet", "r3")
    assert (await page(again)).bodies == []


async def test_without_pm_users_have_no_archive(serve):
    server = await serve("[modules.mod_mam_meta]\nmuc = {}\n")
    romeo, juliet = await server.online("romeo"), await server.online("juliet")

    (got,) = await exchanged(romeo, juliet, "hello")

    assert not has_stanza_id(got)
    answer = await romeo.ask("set", f"<query xmlns='{ns.MAM2}'/>")
    assert answer.find(ns.CLIENT, "error").find(ns.STANZA_ERRORS, "service-unavailable") is not None
