"""contract/muc-light, section 14."""

from __future__ import annotations

import pytest

from mim.xmpp import ns
from tests.plugins.muc_light.rooms import (
    AFF,
    BLOCK,
    CREATE,
    ROOM,
    SERVICE,
    error,
    gets,
    online,
    options,
    result,
    send_iq,
)

MODULE = options(legacy_mode=True)
X_MUC = "<x xmlns='http://jabber.org/protocol/muc'/>"
USER = "http://jabber.org/protocol/muc#user"
OWNER = "http://jabber.org/protocol/muc#owner"
ADMIN = "http://jabber.org/protocol/muc#admin"
PRIVACY = "jabber:iq:privacy"


async def enter(client, room: str = ROOM) -> None:
    name = client.jid.bare
    client.send(f"<presence id='p1' to='{room}/{name}'>{X_MUC}</presence>")


async def create(owner, *others) -> None:
    await enter(owner)
    await owner.expect("presence")
    if others:
        id = change(owner, {str(other.jid.bare): "member" for other in others})
        for _ in others:
            await owner.expect("presence", id=id)
        await result(owner, id)
        for other in others:
            await other.expect("message", id=id)


def items(affiliations: dict[str, str]) -> str:
    return "".join(f"<item affiliation='{what}' jid='{jid}'/>" for jid, what in affiliations.items())


def change(client, affiliations: dict[str, str]) -> str:
    return send_iq(client, "set", f"<query xmlns='{ADMIN}'>{items(affiliations)}</query>")


def presence(occupant: str, to: str, id: str, content: str, type: str = "") -> str:
    attribute = f" type='{type}'" if type else ""
    return (
        f"<presence id='{id}'{attribute} from='{ROOM}/{occupant}' to='{to}'><x xmlns='{USER}'>{content}</x></presence>"
    )


async def members(client) -> list[tuple[str, str, str, str]]:
    answer = await client.ask("get", f"<query xmlns='{ADMIN}'/>", ROOM)
    query = answer.payload
    assert query is not None
    assert query.ns == ADMIN
    return [(i.get("jid"), i.get("affiliation"), i.get("role"), i.get("nick")) for i in query.elements(ADMIN, "item")]


# --- creation -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("section", "affiliation", "role"),
    [(MODULE, "owner", "moderator"), (options(legacy_mode=True, equal_occupants=True), "member", "participant")],
)
async def test_presence_under_ones_own_name_makes_a_room(serve, section, affiliation, role):
    server = await serve(section)
    (ann,) = await online(server, "ann")

    await enter(ann)

    item = f"<item affiliation='{affiliation}' role='{role}'/><status code='110'/><status code='201'/>"
    await gets(ann, presence("ann@localhost", str(ann.jid), "p1", item))
    await ann.expect_nothing()
    assert await members(ann) == [("ann@localhost", affiliation, role, "ann@localhost")]


async def test_a_room_cannot_be_entered(serve):
    server = await serve(MODULE)
    ann, ben = await online(server, "ann", "ben")
    await create(ann)

    for client in (ben, ann):
        await enter(client)
        got = await error(client, "registration-required", "auth")
        assert got.name == "presence"
        assert got.find(ns.MUC, "x") is not None
    assert len(await members(ann)) == 1


@pytest.mark.parametrize(
    "stanza",
    [
        f"<presence to='{ROOM}/nick'>{X_MUC}</presence>",
        f"<presence to='{ROOM}/ben@localhost'>{X_MUC}</presence>",
        f"<presence to='{ROOM}/ann@localhost'/>",
        f"<presence type='unavailable' to='{ROOM}/ann@localhost'>{X_MUC}</presence>",
        f"<presence to='{ROOM}'>{X_MUC}</presence>",
        f"<presence to='{SERVICE}/ann@localhost'>{X_MUC}</presence>",
    ],
)
async def test_other_presence_is_ignored(serve, stanza):
    server = await serve(MODULE)
    (ann,) = await online(server, "ann")

    ann.send(stanza)

    await ann.expect_nothing()
    send_iq(ann, "get", f"<query xmlns='{ADMIN}'/>")
    await error(ann, "item-not-found", "cancel")


async def test_a_client_that_speaks_at_once_after_creating_is_heard(serve):
    server = await serve(MODULE)
    (ann,) = await online(server, "ann")

    await enter(ann)
    ann.send(f"<message type='groupchat' id='m1' to='{ROOM}'><body>hi</body></message>")

    await ann.expect("presence")
    await ann.expect("message", id="m1")


async def test_the_modern_language_is_not_spoken(serve):
    server = await serve(MODULE)
    (ann,) = await online(server, "ann")
    await create(ann)

    for type, payload, to in (
        ("set", f"<query xmlns='{CREATE}'/>", SERVICE),
        ("set", f"<query xmlns='{CREATE}'/>", ROOM),
        ("get", f"<query xmlns='{AFF}'/>", ROOM),
        ("get", f"<query xmlns='{BLOCK}'/>", SERVICE),
    ):
        send_iq(ann, type, payload, to)
        await error(ann, "feature-not-implemented", "cancel")


# --- configuration --------------------------------------------------------------------------------------------


async def form(client) -> dict[str, str]:
    answer = await client.ask("get", f"<query xmlns='{OWNER}'/>", ROOM)
    assert answer.payload is not None
    shown = answer.payload.find(ns.DATA_FORMS, "x")
    assert shown is not None
    assert shown.get("type") == "form"
    assert shown.child_text(ns.DATA_FORMS, "title")
    fields = list(shown.elements(ns.DATA_FORMS, "field"))
    assert fields[0].attrs == {"var": "FORM_TYPE", "type": "hidden"}
    assert fields[0].child_text(ns.DATA_FORMS, "value") == "http://jabber.org/protocol/muc#roomconfig"
    assert {field.get("type") for field in fields[1:]} == {"text-single"}
    return {field.get("var"): field.child_text(ns.DATA_FORMS, "value") or "" for field in fields[1:]}


def submit(client, type: str = "submit", **fields: str) -> str:
    given = "".join(f"<field var='{name}'><value>{value}</value></field>" for name, value in fields.items())
    form_type = "<field var='FORM_TYPE'><value>http://jabber.org/protocol/muc#roomconfig</value></field>"
    return send_iq(
        client,
        "set",
        f"<query xmlns='{OWNER}'><x xmlns='jabber:x:data' type='{type}'>{form_type}{given}</x></query>",
    )


async def test_configuration_is_a_form_and_its_change_a_status(serve):
    server = await serve(MODULE)
    ann, ben = await online(server, "ann", "ben")
    await create(ann, ben)
    assert await form(ben) == {"roomname": "Untitled", "subject": ""}

    id = submit(ann, roomname="Den")

    told = f"<x xmlns='{USER}'><status code='104'/></x></message>"
    for client in (ann, ben):
        await gets(client, f"<message type='groupchat' id='{id}' from='{ROOM}' to='{client.jid.bare}'>{told}")
        if client is ann:
            await result(ann, id)
    assert await form(ben) == {"roomname": "Den", "subject": ""}


async def test_a_form_may_be_refused_or_cancelled(serve):
    server = await serve(MODULE)
    ann, ben = await online(server, "ann", "ben")
    await create(ann, ben)

    id = submit(ann, "cancel", roomname="Den")
    await result(ann, id)
    submit(ben, roomname="Den")
    await error(ben, "not-allowed", "cancel")
    submit(ann, mood="good")
    await error(ann, "bad-request", "modify", "mood:not_found")
    send_iq(ann, "set", f"<query xmlns='{OWNER}'/>")
    await error(ann, "bad-request", "modify")
    assert await form(ann) == {"roomname": "Untitled", "subject": ""}


async def test_a_message_with_nothing_but_a_subject_sets_it(serve):
    server = await serve(MODULE)
    ann, ben = await online(server, "ann", "ben")
    await create(ann, ben)

    ben.send(f"<message type='groupchat' id='s1' to='{ROOM}'><subject>tea</subject></message>")

    for client in (ann, ben):
        await gets(
            client,
            f"<message type='groupchat' id='s1' from='{ROOM}' to='{client.jid.bare}'><subject>tea</subject></message>",
        )
    assert (await form(ann))["subject"] == "tea"
    ben.send(f"<message type='groupchat' id='s2' to='{ROOM}'><subject>x</subject><body>hi</body></message>")
    await ben.expect("message", from_=f"{ROOM}/ben@localhost")
    assert (await form(ben))["subject"] == "tea"


async def test_subjects_and_messages_keep_their_order(serve):
    server = await serve(MODULE)
    ann, ben = await online(server, "ann", "ben")
    await create(ann, ben)

    for number in range(0, 20, 2):
        ann.send(
            f"<message type='groupchat' id='m{number}' to='{ROOM}'><subject>{number}</subject></message>"
            f"<message type='groupchat' id='m{number + 1}' to='{ROOM}'><body>hi</body></message>"
        )
    await ann.next()  # waits for the first at least

    assert [s.get("id") for s in [*await _until(ben, "m19")]] == [f"m{number}" for number in range(20)]


async def _until(client, id: str) -> list:
    got = [await client.next()]
    while got[-1].get("id") != id:
        got.append(await client.next())
    return got


async def test_outsiders_set_no_subject(serve):
    server = await serve(MODULE)
    ann, dan = await online(server, "ann", "dan")
    await create(ann)

    dan.send(f"<message type='groupchat' id='s1' to='{ROOM}'><subject>tea</subject></message>")

    await error(dan, "item-not-found", "cancel")
    await ann.expect_nothing()


# --- members --------------------------------------------------------------------------------------------------


async def test_a_change_of_members_is_told_by_presence_and_invitation(serve):
    server = await serve(MODULE)
    ann, ben, cat, dan = await online(server, "ann", "ben", "cat", "dan")
    await create(ann, ben, cat)
    for client in (ann, ben, cat):
        await client.collect()

    id = change(ann, {"dan@localhost": "member", "ben@localhost": "owner", "cat@localhost": "none"})

    gone = "<item affiliation='none' role='none'/><status code='321'/>"
    for client in (ann, ben):
        to = str(client.jid)
        await gets(
            client,
            presence("ann@localhost", to, id, "<item affiliation='member' jid='ann@localhost' role='participant'/>"),
            presence("ben@localhost", to, id, "<item affiliation='owner' jid='ben@localhost' role='moderator'/>"),
            presence("cat@localhost", to, id, gone, "unavailable"),
            presence("dan@localhost", to, id, "<item affiliation='member' jid='dan@localhost' role='participant'/>"),
        )
    await result(ann, id)
    await gets(cat, presence("cat@localhost", str(cat.jid), id, gone, "unavailable"))
    await gets(
        dan,
        f"<message id='{id}' from='{ROOM}' to='dan@localhost'><x xmlns='{USER}'><invite from='ann@localhost'/></x>"
        "</message>",
    )
    assert await members(dan) == [
        ("ann@localhost", "member", "participant", "ann@localhost"),
        ("ben@localhost", "owner", "moderator", "ben@localhost"),
        ("dan@localhost", "member", "participant", "dan@localhost"),
    ]


@pytest.mark.parametrize(
    "asked",
    [
        "<item affiliation='member' jid='localhost'/>",
        "<item affiliation='admin' jid='dan@localhost'/>",
        "<item jid='dan@localhost'/>",
        "<item affiliation='member' nick='dan'/>",
        "<item affiliation='member' jid='dan@localhost'/><item affiliation='none' jid='dan@localhost'/>",
        "<user affiliation='member' jid='dan@localhost'/>",
    ],
)
async def test_a_malformed_change_is_refused(serve, asked):
    server = await serve(MODULE)
    (ann,) = await online(server, "ann")
    await create(ann)

    send_iq(ann, "set", f"<query xmlns='{ADMIN}'>{asked}</query>")

    await error(ann, "bad-request", "modify")


async def test_destruction_is_told_by_presence(serve):
    server = await serve(MODULE)
    ann, ben = await online(server, "ann", "ben")
    await create(ann, ben)

    send_iq(ben, "set", f"<query xmlns='{OWNER}'><destroy/></query>")
    await error(ben, "not-allowed", "cancel")
    id = send_iq(ann, "set", f"<query xmlns='{OWNER}'><destroy/></query>")

    content = "<item affiliation='none' role='none'/><destroy/>"
    await gets(ann, presence("ann@localhost", str(ann.jid), id, content, "unavailable"))
    await result(ann, id)
    await gets(ben, presence("ben@localhost", str(ben.jid), id, content, "unavailable"))
    send_iq(ann, "get", f"<query xmlns='{ADMIN}'/>")
    await error(ann, "item-not-found", "cancel")


async def test_messages_go_as_in_modern_mode(serve):
    server = await serve(MODULE)
    ann, ben = await online(server, "ann", "ben")
    await create(ann, ben)

    ann.send(f"<message type='groupchat' id='m1' to='{ROOM}'><body>hi</body></message>")

    for client in (ann, ben):
        await gets(
            client,
            f"<message type='groupchat' id='m1' from='{ROOM}/ann@localhost' to='{client.jid.bare}'>"
            "<body>hi</body></message>",
        )


# --- blocking by privacy lists --------------------------------------------------------------------------------


def privacy(content: str) -> str:
    return f"<query xmlns='{PRIVACY}'>{content}</query>"


def mine(content: str = "") -> str:
    return privacy(f"<list name='urn:xmpp:muclight:0'>{content}</list>")


def item(value: str, action: str = "deny", order: int = 1) -> str:
    return f"<item type='jid' value='{value}' action='{action}' order='{order}'/>"


async def listed(client) -> list[tuple[str, str]]:
    answer = await client.ask("get", mine(), str(client.jid.bare))
    assert answer.get("type") == "result", answer
    assert answer.payload is not None
    (shown,) = answer.payload.elements(PRIVACY, "list")
    assert shown.get("name") == "urn:xmpp:muclight:0"
    return [(entry.get("value"), entry.get("order")) for entry in shown.elements(PRIVACY, "item")]


async def test_one_privacy_list_is_the_blocking_list(serve):
    server = await serve(MODULE)
    ann, ben = await online(server, "ann", "ben")

    content = item(ROOM) + item(f"{SERVICE}/ann@localhost", order=2)
    answer = await ben.ask("set", mine(content), "ben@localhost")
    assert answer.get("type") == "result"
    assert answer.payload is None
    assert await listed(ben) == [(ROOM, "1"), (f"{SERVICE}/ann@localhost", "2")]

    answer = await ben.ask("set", mine(item(ROOM, "allow")))
    assert answer.get("type") == "result"
    assert await listed(ben) == [(f"{SERVICE}/ann@localhost", "1")]
    await create(ann)
    id = change(ann, {"ben@localhost": "member"})
    await result(ann, id)
    await ben.expect_nothing()


@pytest.mark.parametrize(
    "content",
    [
        item(SERVICE),
        item(f"{ROOM}/ann@localhost"),
        item(f"{SERVICE}/localhost"),
        item("a@b@c"),
        item(ROOM, "forbid"),
        f"<item type='group' value='{ROOM}' action='deny' order='1'/>",
        "<thing/>",
    ],
)
async def test_items_that_are_no_rooms_and_no_users_are_refused(serve, content):
    server = await serve(MODULE)
    (ben,) = await online(server, "ben")

    send_iq(ben, "set", mine(content), "ben@localhost")

    await error(ben, "bad-request", "modify")
    assert await listed(ben) == []


async def test_blocking_may_be_switched_off(serve):
    server = await serve(options(legacy_mode=True, blocking=False))
    (ben,) = await online(server, "ben")

    for type in ("get", "set"):
        send_iq(ben, type, mine(item(ROOM) if type == "set" else ""), "ben@localhost")
        await error(ben, "bad-request", "modify")


@pytest.mark.parametrize(
    "query",
    [privacy(""), privacy("<list name='work'/>"), privacy("<list name='urn:xmpp:muclight:0'/><list name='b'/>")],
)
async def test_other_lists_are_another_modules(serve, query):
    server = await serve(MODULE)
    (ben,) = await online(server, "ben")

    send_iq(ben, "get", query, "ben@localhost")

    await error(ben, "service-unavailable", "cancel")  # nobody keeps privacy lists here


async def test_in_modern_mode_no_privacy_list_is_special(serve):
    server = await serve("[modules.mod_muc_light]")
    (ben,) = await online(server, "ben")

    send_iq(ben, "get", mine(), "ben@localhost")

    await error(ben, "service-unavailable", "cancel")
