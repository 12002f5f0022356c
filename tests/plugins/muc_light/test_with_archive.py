"""contract/muc-light, sections 9 and 12, with mod_mam_meta: what is kept, who may read it, when it goes."""

from __future__ import annotations

import pytest

from mim.xmpp import ns
from mim.xmpp.element import Element
from mim.xmpp.jid import JID
from tests.client import Client
from tests.plugins.muc_light.rooms import (
    AFF,
    CONF,
    DESTROY,
    NS,
    ROOM,
    SERVICE,
    change,
    changed,
    configure,
    create,
    error,
    next_version,
    online,
    options,
    result,
    send_iq,
    users,
    xml,
)

MAM = "urn:xmpp:mam:2"
ARCHIVE = """
[modules.mod_mam_meta]
[modules.mod_mam_meta.muc]
host = "muclight.@HOST@"
"""
MODULES = f"{ARCHIVE}\n{options()}"
HTTP = 'host = "_"\npath = "/api"'


async def read(client: Client, room: str = ROOM) -> list[Element]:
    """Return the messages of a room's archive, oldest first."""
    id = send_iq(client, "set", f"<query xmlns='{MAM}' queryid='q'/>", room)
    messages = []
    while (got := await client.next()).name == "message":
        wrapped = got.find(MAM, "result")
        assert wrapped is not None, got
        forwarded = wrapped.find(ns.FORWARD, "forwarded")
        assert forwarded is not None
        message = forwarded.find(ns.CLIENT, "message")
        assert message is not None
        messages.append(message)
    assert (got.get("id"), got.get("type")) == (id, "result"), got
    return messages


def bodies(messages: list[Element]) -> list[str]:
    return [body for message in messages if (body := message.child_text(ns.CLIENT, "body"))]


async def test_everything_that_happened_stands_in_the_archive(serve):
    server = await serve(MODULES)
    ann, ben, dan = await online(server, "ann", "ben", "dan")
    v1 = await create(ann, ben)
    change(ann, {"dan": "member", "ben": "none"})
    v2 = await next_version(dan)
    configure(ann, "<roomname>Den</roomname>")
    v3 = await next_version(dan)
    dan.send(f"<message type='groupchat' id='m1' to='{ROOM}'><body>hi</body></message>")
    dan.send(f"<message type='groupchat' id='m2' to='{ROOM}'><composing xmlns='{ns.CHAT_STATES}'/></message>")
    for client in (ann, ben, dan):
        await client.collect()

    kept = await read(dan)

    first = users({"ann": "owner", "ben": "member"})
    assert [str(message) for message in kept] == [
        str(stanza)
        for stanza in (
            kept_as(kept[0], f"<x xmlns='{AFF}'><version>{v1}</version>{first}</x><body/>"),
            kept_as(kept[1], changed({"ben": "none", "dan": "member"}, version=v2) + "<body/>"),
            kept_as(
                kept[2],
                f"<x xmlns='{CONF}'><prev-version>{v2}</prev-version><version>{v3}</version>"
                "<roomname>Den</roomname></x><body/>",
            ),
            kept_as(
                kept[3],
                f"<body>hi</body><x xmlns='{ns.MUC_USER}'><item affiliation='member' jid='{dan.jid}'"
                " role='participant'/></x>",
                sender=f"{ROOM}/dan@localhost",
            ),
        )
    ]


def kept_as(got: Element, content: str, sender: str = ROOM) -> Element:
    return xml(f"<message type='groupchat' id='{got.get('id')}' from='{sender}'>{content}</message>")


async def test_the_authors_item_is_shown_to_himself_only(serve):
    server = await serve(MODULES)
    ann, ben = await online(server, "ann", "ben")
    await create(ann, ben)
    ben.send(f"<message type='groupchat' id='m1' to='{ROOM}'><body>hi</body></message>")
    await ann.expect("message", id="m1")
    await ben.expect("message", id="m1")

    assert (await read(ben))[-1].find(ns.MUC_USER, "x") is not None
    assert (await read(ann))[-1].find(ns.MUC_USER, "x") is None


async def test_the_id_on_a_message_is_the_archives(serve):
    server = await serve(MODULES)
    (ann,) = await online(server, "ann")
    await create(ann)
    forged = f"<stanza-id xmlns='{ns.STANZA_ID}' by='{ROOM}' id='1'/>"

    ann.send(f"<message type='groupchat' id='m1' to='{ROOM}'><body>hi</body>{forged}</message>")

    (shown,) = (await ann.next()).elements(ns.STANZA_ID, "stanza-id")
    assert shown.get("by") == ROOM
    send_iq(ann, "set", f"<query xmlns='{MAM}'><set xmlns='{ns.RSM}'><max>1</max><before/></set></query>")
    wrapped = (await ann.next()).find(MAM, "result")
    assert wrapped is not None
    assert wrapped.get("id") == shown.get("id")


async def test_outsiders_read_nothing_and_prefs_are_the_owners(serve):
    archive = "[modules.mod_mam_meta]"
    server = await serve(MODULES.replace(archive, f'{archive}\nuser_prefs_store = "mnesia"'))
    ann, ben, dan = await online(server, "ann", "ben", "dan")
    await create(ann, ben)
    not_inside = "The action is not allowed. Not allowed to enter the room."

    send_iq(dan, "set", f"<query xmlns='{MAM}'/>")
    await error(dan, "not-allowed", "cancel", not_inside)
    prefs = f"<prefs xmlns='{MAM}' default='never'><always/><never/></prefs>"
    send_iq(ben, "set", prefs)
    await error(ben, "not-allowed", "cancel")
    answer = await ann.ask("set", prefs, ROOM)
    assert answer.get("type") == "result"
    ann.send(f"<message type='groupchat' id='m1' to='{ROOM}'><body>hi</body></message>")
    assert not list((await ann.next()).elements(ns.STANZA_ID))


async def test_who_has_left_reads_no_more(serve):
    server = await serve(MODULES)
    ann, ben = await online(server, "ann", "ben")
    await create(ann, ben)
    change(ben, {"ben": "none"})
    await ben.expect("message")
    await ben.expect("iq", type="result")

    send_iq(ben, "set", f"<query xmlns='{MAM}'/>")

    await error(ben, "not-allowed", "cancel")


@pytest.mark.parametrize("ending", ["destroyed", "left", "deleted by the admin", "account removed"])
async def test_the_archive_of_a_room_that_ended_is_gone(serve, ending):
    server = await serve(
        f"[modules.mod_muc_light_commands]\n{MODULES}", admin=HTTP if "admin" in ending else None
    )
    ann, ben = await online(server, "ann", "ben")
    await create(ann)
    ann.send(f"<message type='groupchat' id='m1' to='{ROOM}'><body>secret</body></message>")
    await ann.expect("message")
    assert bodies(await read(ann)) == ["secret"]

    if ending == "destroyed":
        send_iq(ann, "set", f"<query xmlns='{DESTROY}'/>")
        await ann.expect("message")
        await ann.expect("iq", type="result")
    elif ending == "left":
        id = change(ann, {"ann": "none"})
        await ann.expect("message")
        await result(ann, id)
    elif ending == "deleted by the admin":
        path = f"/muc-lights/{SERVICE}/Untitled/ann@localhost/management"
        assert (await server.api.delete(path)).status == 204
    else:
        await server.app.server.accounts.remove(JID("ann", "localhost"))

    await create(ben)
    assert bodies(await read(ben)) == []
    assert len(await read(ben)) == 1


async def test_the_archives_features_are_announced(serve):
    server = await serve(MODULES)
    (ann,) = await online(server, "ann")
    await create(ann)

    for to in (SERVICE, ROOM):
        answer = await ann.ask("get", f"<query xmlns='{ns.DISCO_INFO}'/>", to)
        assert answer.payload is not None
        assert [feature.get("var") for feature in answer.payload.elements(ns.DISCO_INFO, "feature")] == [
            "urn:esl:message-retract-by-stanza-id:0",
            "urn:xmpp:mam:1",
            "urn:xmpp:mam:2",
            "urn:xmpp:message-retract:0",
            "urn:xmpp:message-retract:0#tombstone",
            NS,
        ]


async def test_occupants_own_archives_are_untouched(serve):
    server = await serve(MODULES + "\n[modules.mod_mam_meta.pm]")
    ann, ben = await online(server, "ann", "ben")
    await create(ann, ben)
    ann.send(f"<message type='groupchat' id='m1' to='{ROOM}'><body>hi</body></message>")
    await ben.expect("message", id="m1")
    await ann.expect("message", id="m1")

    for client in (ann, ben):
        assert await read(client, str(client.jid.bare)) == []


async def test_groupchat_is_kept_in_them_where_it_shall(serve):
    server = await serve(MODULES + "\n[modules.mod_mam_meta.pm]\narchive_groupchats = true")
    ann, ben = await online(server, "ann", "ben")
    await create(ann, ben)
    ann.send(f"<message type='groupchat' id='m1' to='{ROOM}'><body>hi</body></message>")

    for client in (ann, ben):
        got = await client.next()
        assert sorted(child.get("by") for child in got.elements(ns.STANZA_ID)) == sorted([ROOM, str(client.jid.bare)])
    for client in (ann, ben):
        assert bodies(await read(client, str(client.jid.bare))) == ["hi"]


async def test_rest_creation_leaves_no_entry_and_invitations_and_messages_do(serve):
    server = await serve(f"[modules.mod_muc_light_commands]\n{MODULES}", admin=HTTP)
    ann, ben = await online(server, "ann", "ben")
    body = {"id": "den", "name": "Den", "owner": "ann@localhost", "subject": "tea"}
    await server.api.put("/muc-lights/localhost", body)
    await server.api.put("/muc-lights/localhost/config", {**{k: v for k, v in body.items() if k != "owner"},
                                                            "user": "ann@localhost"})  # fmt: skip
    assert await read(ann) == []

    people = {"sender": "ann@localhost", "recipient": "ben@localhost"}
    await server.api.post(f"/muc-lights/{SERVICE}/Den/participants", people)
    told = await ann.next()
    await ben.expect("message")
    await server.api.post(f"/muc-lights/{SERVICE}/Den/messages", {"from": "ben@localhost", "body": "hi"})
    said = await ann.next()
    await ben.expect("message")

    for stanza in (told, said):
        assert [child.get("by") for child in stanza.elements(ns.STANZA_ID)] == [ROOM]
    kept = await read(ann)
    assert [message.get("id") for message in kept] == [told.get("id"), said.get("id")]
    version = told.payload.child_text(AFF, "version") if told.payload is not None else ""
    assert kept[0].payload == xml(changed({"ben": "member"}, version=version or ""))
    assert bodies(kept) == ["hi"]


async def test_what_a_room_said_survives_a_restart_with_its_archive(serve, tmp_path):
    server = await serve(MODULES, data_dir=tmp_path)
    ann, ben = await online(server, "ann", "ben")
    await create(ann, ben)
    ann.send(f"<message type='groupchat' id='m1' to='{ROOM}'><body>hi</body></message>")
    await ben.expect("message", id="m1")
    await server.stop()

    again = await serve(MODULES, data_dir=tmp_path)
    (ben,) = await online(again, "ben")

    assert bodies(await read(ben)) == ["hi"]
