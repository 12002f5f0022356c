"""What occupants say and do inside (xmpp-behaviour, section 7.4)."""

from __future__ import annotations

import pytest

from mim.xmpp import ns
from mim.xmpp.forms import find_form, read_submission
from tests.plugins.muc.rooms import (
    MODULES,
    ROOM,
    admin,
    answered,
    codes,
    configured,
    error_text,
    instant,
    item_of,
    joined,
    say,
    seen,
    shown,
)

OUTSIDER = "Only occupants are allowed to send messages to the conference"


def subject(client, text: str) -> None:
    client.send(f"<message to='{ROOM}' type='groupchat'><subject>{text}</subject></message>")


def private(client, text: str, nick: str, kind: str = "chat") -> None:
    client.send(f"<message to='{ROOM}/{nick}' type='{kind}' id='p'><body>{text}</body></message>")


def invite(client, to: str, reason: str = "") -> None:
    given = f"<reason>{reason}</reason>" if reason else ""
    client.send(f"<message to='{ROOM}'><x xmlns='{ns.MUC_USER}'><invite to='{to}'>{given}</invite></x></message>")


async def renamed(client, nick: str) -> None:
    client.send(f"<presence to='{ROOM}/{nick}'/>")


async def muted(owner, guest) -> None:
    """Take voice from joe."""
    await admin(owner, "<item role='visitor' nick='joe'/>")
    await guest.collect()


# --- groupchat ----------------------------------------------------------------------------------------------------


async def test_message_goes_to_all_with_its_id_the_speaker_too(owner, guest):
    say(guest, "hi", id="m77")
    for client in (guest, owner):
        got = await client.expect("message", type="groupchat", from_=f"{ROOM}/joe", id="m77")
        assert got.get("to") == str(client.jid)
        assert got.child_text(ns.CLIENT, "body") == "hi"


async def test_all_children_of_a_message_are_kept(owner, guest):
    guest.send(
        f"<message to='{ROOM}' type='groupchat' id='x' xml:lang='de'><body>hallo</body><thread>t</thread>"
        "<extra xmlns='urn:test'/></message>"
    )
    got = await owner.expect("message")
    assert [child.name for child in got.elements()] == ["body", "thread", "extra"]
    assert got.get("xml:lang") == "de"


async def test_outsider_may_not_speak(server, owner):
    third = await server.online("third")
    say(third, "hi")
    back = await third.expect("message", type="error")
    assert shown(back) == "E modify/not-acceptable"
    assert error_text(back) == OUTSIDER
    await owner.expect_nothing()


async def test_another_client_of_an_occupant_may_not_speak(server, owner, guest):
    second = await server.client("guest", "r2")
    say(second, "hi")
    assert shown(await second.expect("message", type="error")) == "E modify/not-acceptable"


async def test_visitor_speaks_only_where_it_is_not_moderated(owner, guest):
    await muted(owner, guest)
    say(guest, "hi")
    assert await seen(guest) == ["E auth/forbidden"]
    await configured(owner, moderatedroom="0")
    say(guest, "hi")
    assert "M joe hi" in await seen(guest)


async def test_chat_message_to_the_room_is_refused(owner, guest):
    guest.send(f"<message to='{ROOM}' type='chat'><body>hi</body></message>")
    assert await seen(guest) == ["E modify/not-acceptable"]


# --- subject ------------------------------------------------------------------------------------------------------


async def test_subject_is_told_to_all_and_to_newcomers(server, owner, guest):
    subject(guest, "Tea")
    for client in (owner, guest):
        got = await client.expect("message", type="groupchat", from_=f"{ROOM}/joe")
        assert shown(got) == "S Tea"
    third = await server.online("third")
    assert shown((await joined(third, "t"))[-1]) == "S Tea"


async def test_subject_is_removed_with_an_empty_one(server, owner):
    subject(owner, "Tea")
    subject(owner, "")
    assert await seen(owner) == ["S Tea", "S"]
    third = await server.online("third")
    got = await joined(third, "t", history="<history maxstanzas='0'/>")
    assert shown(got[-1]) == "S"


async def test_message_with_subject_and_body_changes_no_subject(server, owner):
    owner.send(f"<message to='{ROOM}' type='groupchat'><subject>No</subject><body>yes</body></message>")
    await owner.collect()
    third = await server.online("third")
    got = await joined(third, "t", history="<history maxstanzas='0'/>")
    assert shown(got[-1]) == "S"


async def test_subject_by_participants_only_where_allowed(owner, guest):
    await configured(owner, changesubject="0")
    subject(guest, "Tea")
    assert await seen(guest) == ["E auth/forbidden"]
    subject(owner, "Coffee")
    assert await seen(guest) == ["S Coffee"]


async def test_visitor_may_not_change_the_subject(owner, guest):
    await muted(owner, guest)
    subject(guest, "Tea")
    assert await seen(guest) == ["E auth/forbidden"]


# --- private messages ---------------------------------------------------------------------------------------------


async def test_private_message_reaches_one_occupant(server, owner, guest):
    third = await server.online("third")
    await joined(third, "t")
    await owner.collect()
    private(guest, "psst", "boss")
    got = await owner.expect("message", type="chat", id="p", from_=f"{ROOM}/joe", to=str(owner.jid))
    assert got.child_text(ns.CLIENT, "body") == "psst"
    assert got.find(ns.MUC_USER, "x") is not None
    await third.expect_nothing()


async def test_private_message_reaches_all_clients_of_an_occupant(server, owner, guest):
    await configured(owner, allowmultisessions="1")
    second = await server.online("guest", "r2")
    await joined(second, "joe")
    await guest.collect()
    private(owner, "psst", "joe")
    assert await seen(guest) == ["M boss psst"]
    assert await seen(second) == ["M boss psst"]


@pytest.mark.parametrize(
    ("nick", "kind", "expected"),
    [("nobody", "chat", "E cancel/item-not-found"), ("boss", "groupchat", "E modify/bad-request")],
)
async def test_private_message_refused(guest, nick, kind, expected):
    private(guest, "psst", nick, kind)
    back = await guest.expect("message", type="error", from_=f"{ROOM}/{nick}", id="p")
    assert shown(back) == expected


async def test_private_message_of_an_outsider(server, owner):
    third = await server.online("third")
    private(third, "psst", "boss")
    assert shown(await third.expect("message", type="error")) == "E modify/not-acceptable"


async def test_private_messages_may_be_forbidden(owner, guest):
    await configured(owner, _allow_private_messages="0")
    private(guest, "psst", "boss")
    assert await seen(guest) == ["E auth/forbidden"]


# --- nicknames and presence ---------------------------------------------------------------------------------------


async def test_nick_change(owner, guest):
    await renamed(guest, "jim")
    for client, own in ((owner, ""), (guest, "110,")):
        old, new = await client.next(), await client.next()
        jid = " jid=guest@localhost/r1" if client is owner else ""
        assert shown(old) == f"-P joe none/participant{jid} {own}303"
        assert item_of(old)["nick"] == "jim"
        assert shown(new) == f"P jim none/participant{jid} {own[:-1]}".rstrip()
    say(guest, "it is me")
    assert await seen(owner) == ["M jim it is me"]


async def test_nick_of_somebody_else(owner, guest):
    await renamed(guest, "boss")
    back = await guest.expect("presence", type="error", from_=f"{ROOM}/boss")
    assert shown(back) == "E cancel/conflict"
    await owner.expect_nothing()


async def test_visitor_changes_nick_only_where_allowed(owner, guest):
    await muted(owner, guest)
    await configured(owner, allowvisitornickchange="0")
    await renamed(guest, "jim")
    assert await seen(guest) == ["E cancel/not-allowed"]
    await configured(owner, allowvisitornickchange="1")
    await renamed(guest, "jim")
    assert await seen(guest) == ["-P joe none/visitor 110,303", "P jim none/visitor 110"]


async def test_status_is_told_to_all(owner, guest):
    guest.send(f"<presence to='{ROOM}/joe'><show>away</show><status>tea</status></presence>")
    for client in (owner, guest):
        got = await client.expect("presence", from_=f"{ROOM}/joe")
        assert (got.child_text(ns.CLIENT, "show"), got.child_text(ns.CLIENT, "status")) == ("away", "tea")


async def test_status_of_visitors_only_where_allowed(owner, guest):
    await muted(owner, guest)
    await configured(owner, allowvisitorstatus="0")
    await owner.collect()
    guest.send(f"<presence to='{ROOM}/joe'><show>away</show><status>tea</status></presence>")
    got = await owner.expect("presence", from_=f"{ROOM}/joe")
    assert (got.child_text(ns.CLIENT, "show"), got.child_text(ns.CLIENT, "status")) == ("away", None)


async def test_what_a_client_says_as_if_it_were_the_room_is_dropped(owner, guest):
    guest.send(
        f"<presence to='{ROOM}/joe'><x xmlns='{ns.MUC_USER}'><item affiliation='owner'/><status code='301'/></x>"
        "</presence>"
    )
    assert await seen(owner) == ["P joe none/participant jid=guest@localhost/r1"]


# --- invitations --------------------------------------------------------------------------------------------------


async def test_mediated_invitation(server, owner):
    third = await server.online("third")
    invite(owner, "third@localhost", "tea?")
    got = await third.expect("message", from_=ROOM, type="normal")
    x = got.find(ns.MUC_USER, "x")
    invitation = x.find(ns.MUC_USER, "invite")
    assert invitation.get("from") == str(owner.jid)
    assert invitation.child_text(ns.MUC_USER, "reason") == "tea?"
    assert x.find(ns.MUC_USER, "password") is None
    assert ROOM in got.child_text(ns.CLIENT, "body")


async def test_invitation_carries_the_password(server, owner):
    await configured(owner, passwordprotectedroom="1", roomsecret="cauldron")
    third = await server.online("third")
    invite(owner, "third@localhost")
    got = await third.expect("message", from_=ROOM)
    assert got.find(ns.MUC_USER, "x").child_text(ns.MUC_USER, "password") == "cauldron"


async def test_invitation_into_a_members_only_room_makes_a_member(server, owner):
    await configured(owner, membersonly="1")
    third = await server.online("third")
    invite(owner, "third@localhost")
    await third.expect("message", from_=ROOM)
    assert shown((await joined(third, "t"))[1]) == "P t member/participant 110"


async def test_participants_invite_only_where_allowed(server, owner, guest):
    third = await server.online("third")
    invite(guest, "third@localhost")
    assert await seen(guest) == ["E auth/forbidden"]
    await configured(owner, allowinvites="1")
    invite(guest, "third@localhost")
    await third.expect("message", from_=ROOM)


@pytest.mark.parametrize("to", ["", "@@"])
async def test_invitation_of_nobody(owner, to):
    invite(owner, to)
    assert await seen(owner) == ["E modify/jid-malformed"]


async def test_outsider_may_not_invite(server, owner):
    third = await server.online("third")
    invite(third, "owner@localhost")
    assert await seen(third) == ["E modify/not-acceptable"]


async def test_decline_reaches_the_inviter(server, owner):
    third = await server.online("third")
    third.send(
        f"<message to='{ROOM}'><x xmlns='{ns.MUC_USER}'><decline to='{owner.jid}'><reason>busy</reason></decline></x>"
        "</message>"
    )
    got = await owner.expect("message", from_=ROOM)
    decline = got.find(ns.MUC_USER, "x").find(ns.MUC_USER, "decline")
    assert decline.get("from") == "third@localhost"
    assert decline.child_text(ns.MUC_USER, "reason") == "busy"


async def test_decline_reaches_nobody_through_a_room_he_is_not_in(server, owner):
    third, fourth = await server.online("third"), await server.online("fourth")
    third.send(f"<message to='{ROOM}'><x xmlns='{ns.MUC_USER}'><decline to='{fourth.jid}'/></x></message>")
    await third.expect_nothing()
    await fourth.expect_nothing()


async def test_direct_invitation_is_a_message_between_users(server, owner):
    third = await server.online("third")
    owner.send(f"<message to='third@localhost'><x xmlns='{ns.CONFERENCE}' jid='{ROOM}' reason='tea'/></message>")
    got = await third.expect("message", from_=str(owner.jid))
    assert got.find(ns.CONFERENCE, "x").get("jid") == ROOM


# --- IQ between occupants -----------------------------------------------------------------------------------------

VERSION = "<query xmlns='jabber:iq:version'/>"


async def test_query_and_its_answer_go_between_occupants(owner, guest):
    guest.send(f"<iq type='get' id='v1' to='{ROOM}/boss'>{VERSION}</iq>")
    got = await owner.expect("iq", type="get", from_=f"{ROOM}/joe", to=str(owner.jid))
    owner.send(f"<iq type='result' id='{got.get('id')}' to='{ROOM}/joe'><query xmlns='jabber:iq:version'/></iq>")
    back = await guest.expect("iq", type="result", id="v1", from_=f"{ROOM}/boss", to=str(guest.jid))
    assert next(back.elements()).ns == "jabber:iq:version"


async def test_vcard_query_goes_to_the_account(serve):
    server = await serve(MODULES + "[modules.mod_vcard]\n", admin=None)
    owner, guest = await server.online("owner"), await server.online("guest")
    await joined(owner, "boss")
    await instant(owner)
    await joined(guest, "joe")
    card = "<vCard xmlns='vcard-temp'><FN>The Boss</FN></vCard>"
    owner.send(f"<iq type='set' id='s'>{card}</iq>")
    await owner.collect()
    answer = await answered(guest, "get", "<vCard xmlns='vcard-temp'/>", f"{ROOM}/boss")
    assert answer.get("type") == "result"
    assert answer.get("from") == f"{ROOM}/boss"
    assert next(answer.elements()).child_text("vcard-temp", "FN") == "The Boss"


async def test_query_of_an_outsider(server, owner):
    third = await server.online("third")
    assert shown(await answered(third, "get", VERSION, f"{ROOM}/boss")) == "E modify/not-acceptable"


async def test_query_to_nobody(guest):
    assert shown(await answered(guest, "get", VERSION, f"{ROOM}/nobody")) == "E cancel/item-not-found"


async def test_queries_may_be_forbidden(owner, guest):
    await configured(owner, _allow_query_users="0")
    assert shown(await answered(guest, "get", VERSION, f"{ROOM}/boss")) == "E cancel/not-allowed"


async def test_self_ping_tells_who_is_inside(server, owner, guest):
    ping = "<ping xmlns='urn:xmpp:ping'/>"
    assert (await answered(guest, "get", ping, f"{ROOM}/joe")).get("type") == "result"
    third = await server.online("third")
    assert shown(await answered(third, "get", ping, f"{ROOM}/joe")) == "E modify/not-acceptable"


# --- voice --------------------------------------------------------------------------------------------------------


def ask_voice(client, role: str = "participant") -> None:
    client.send(
        f"<message to='{ROOM}'><x xmlns='jabber:x:data' type='submit'>"
        f"<field var='FORM_TYPE'><value>{ns.MUC_REQUEST}</value></field>"
        f"<field var='muc#role'><value>{role}</value></field></x></message>"
    )


def give_voice(client, nick: str, allow: str = "true") -> None:
    named = f"<field var='muc#roomnick'><value>{nick}</value></field>" if nick else ""
    client.send(
        f"<message to='{ROOM}'><x xmlns='jabber:x:data' type='submit'>"
        f"<field var='FORM_TYPE'><value>{ns.MUC_REQUEST}</value></field>"
        "<field var='muc#role'><value>participant</value></field>"
        f"<field var='muc#jid'><value>guest@localhost/r1</value></field>{named}"
        f"<field var='muc#request_allow'><value>{allow}</value></field></x></message>"
    )


async def test_voice_is_asked_for_and_given(owner, guest):
    await muted(owner, guest)
    ask_voice(guest)
    got = await owner.expect("message", from_=ROOM)
    form = find_form(got, ns.MUC_REQUEST)
    assert form is not None
    said = read_submission(form)
    assert said.get("muc#role") == "participant"
    assert said.get("muc#jid") == "guest@localhost/r1"
    assert said.get("muc#roomnick") == "joe"
    assert said.get("muc#request_allow") in ("0", "false")

    give_voice(owner, "joe")
    assert await seen(owner) == ["P joe none/participant jid=guest@localhost/r1"]
    assert await seen(guest) == ["P joe none/participant 110"]


async def test_voice_is_denied(owner, guest):
    await muted(owner, guest)
    ask_voice(guest)
    await owner.collect()
    give_voice(owner, "joe", "false")
    assert await seen(owner) == []
    assert await seen(guest) == []


async def test_voice_given_by_no_moderator_or_to_nobody(owner, guest):
    give_voice(guest, "joe")
    assert await seen(guest) == ["E cancel/not-allowed"]
    give_voice(owner, "")
    assert await seen(owner) == ["E modify/bad-request"]


async def test_voice_of_an_unknown_role(owner, guest):
    await muted(owner, guest)
    ask_voice(guest, "king")
    assert await seen(guest) == ["E modify/bad-request"]


# --- the end ------------------------------------------------------------------------------------------------------


async def test_error_presence_removes_an_occupant_with_a_text(owner, guest):
    guest.send(f"<presence type='error' to='{ROOM}/boss'><error type='cancel'/></presence>")
    got = await owner.expect("presence", type="unavailable", from_=f"{ROOM}/joe")
    assert "307" in codes(got)
    assert got.find(ns.MUC_USER, "x").find(ns.MUC_USER, "item").child_text(ns.MUC_USER, "reason")


async def test_malformed_stanza_ends_the_stay(owner, guest):
    guest.send("<not closed</message>")
    gone = await owner.expect("presence", type="unavailable", from_=f"{ROOM}/joe")
    assert shown(gone).startswith("-P joe none/none")
