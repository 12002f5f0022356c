"""contract/muc-light, section 12, against a small archive of our own: what rooms hand to it, and when they ask it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any

import pytest

from mim.capabilities import RoomArchive, RoomReader
from mim.storage.api import Write
from mim.xmpp import ns
from mim.xmpp.element import Element, element
from mim.xmpp.jid import JID
from mim.xmpp.stanza import Stanza
from tests.harness import Server
from tests.plugins.muc_light.rooms import (
    AFF,
    CONF,
    DESTROY,
    MODULE,
    NS,
    ROOM,
    SERVICE,
    change,
    changed,
    configure,
    create,
    error,
    gets,
    next_version,
    online,
    options,
    own,
    result,
    send_iq,
    told,
    users,
)

MAM = "urn:xmpp:mam:2"


class Archive:
    """Keeps what has a body, gives ids 1, 2, 3 ..., answers every query with who asked."""

    features = (MAM, "urn:xmpp:mam:1", "urn:xmpp:message-retract:0")

    def __init__(self) -> None:
        self.kept: list[tuple[Stanza, JID, str, str]] = []
        self.removed: list[JID] = []
        self.promise: asyncio.Future[None] | None = None

    def serves(self, service: str) -> bool:
        return service == SERVICE

    def record(self, stanza: Stanza, room: JID, author: JID, *, affiliation: str = "", role: str = "") -> Stanza:
        if stanza.find(ns.CLIENT, "body") is None:
            return stanza
        self.kept.append((stanza, author, affiliation, role))
        if self.promise is not None:
            stanza.trail.promises.append(self.promise)
        return stanza.with_child(element(ns.STANZA_ID, "stanza-id", by=str(room), id=str(len(self.kept))))

    def answers(self, payload: Element) -> bool:
        return payload.ns == MAM

    async def answer(self, iq: Stanza, room: JID, reader: RoomReader) -> Element | None:
        return element(MAM, "asked", by=str(reader.jid), room=str(room), owner=str(reader.is_owner))

    def removal(self, room: JID) -> Iterable[Write]:
        self.removed.append(room)
        return ()

    def texts(self) -> list[tuple[str, str]]:
        """Return from whom and what was kept."""
        return [
            (str(stanza.sender), "".join(str(child)[9:-1] for child in stanza.elements() if child.name != "body"))
            for stanza, *_ in self.kept
        ]


@pytest.fixture
def archive() -> Archive:
    return Archive()


@pytest.fixture
def serve_archived(serve: Any, archive: Archive) -> Any:
    async def start(modules: str = MODULE, **more: Any) -> Server:
        server: Server = await serve(modules, **more)
        server.app.host("localhost").provide(RoomArchive, archive)
        return server

    return start


def id_of(number: int, room: str = ROOM) -> str:
    return f"<stanza-id xmlns='urn:xmpp:sid:0' by='{room}' id='{number}'/>"


async def test_messages_carry_the_rooms_id_and_their_authors_are_kept(serve_archived, archive):
    server = await serve_archived()
    ann, ben = await online(server, "ann", "ben")
    await create(ann, ben)

    ben.send(f"<message type='groupchat' id='m1' to='{ROOM}'><body>hi</body>{id_of(99)}</message>")

    for name, client in (("ann", ann), ("ben", ben)):
        await gets(
            client,
            f"<message type='groupchat' id='m1' from='{ROOM}/ben@localhost' to='{name}@localhost'><body>hi</body>"
            f"{id_of(2)}</message>",
        )
    assert archive.kept[1][1:] == (ben.jid, "member", "participant")


async def test_what_is_not_archived_carries_no_id(serve_archived):
    server = await serve_archived()
    ann, ben = await online(server, "ann", "ben")
    await create(ann, ben)

    ann.send(f"<message type='groupchat' id='m1' to='{ROOM}'><composing xmlns='urn:x'/></message>")

    assert not list((await ben.next()).elements(ns.STANZA_ID))


async def test_changes_are_kept_and_only_who_stays_learns_their_ids(serve_archived, archive):
    server = await serve_archived()
    ann, ben, cat, dan = await online(server, "ann", "ben", "cat", "dan")

    v1 = await create(ann, ben, cat)
    id = change(ann, {"cat": "none", "dan": "member"})

    v2 = await next_version(dan)
    everything = changed({"cat": "none", "dan": "member"}, prev=v1, version=v2)
    await gets(ann, told("ann", id, everything, more=id_of(2)))
    await result(ann, id)
    await gets(ben, told("ben", id, everything, more=id_of(2)))
    await gets(cat, told("cat", id, changed({"cat": "none"})))

    id = configure(ann, "<subject>tea</subject>")
    v3 = await next_version(dan)
    content = f"<prev-version>{v2}</prev-version><version>{v3}</version><subject>tea</subject>"
    await gets(ann, told("ann", id, f"<x xmlns='{CONF}'>{content}</x>", more=id_of(3)))
    await result(ann, id)

    first = users({"ann": "owner", "ben": "member", "cat": "member"})
    assert archive.texts() == [
        (ROOM, f"<x xmlns='{AFF}'><version>{v1}</version>{first}</x>"),
        (ROOM, changed({"cat": "none", "dan": "member"}, version=v2)),
        (ROOM, f"<x xmlns='{CONF}'>{content}</x>"),
    ]
    assert {str(author) for _, author, *_ in archive.kept} == {ROOM}
    assert {stanza.to for stanza, *_ in archive.kept} == {None}


async def test_a_creation_notice_and_a_newcomers_carry_no_id(serve_archived):
    server = await serve_archived()
    ann, ben, dan = await online(server, "ann", "ben", "dan")

    others = users({"ben": "member"})
    id = send_iq(ann, "set", f"<query xmlns='{NS}#create'><occupants>{others}</occupants></query>")
    version = await next_version(ann)
    await result(ann, id)
    await gets(ben, told("ben", id, own("member", "ben", version)))
    id = change(ann, {"dan": "member"})
    version = await next_version(ann)
    await gets(dan, told("dan", id, own("member", "dan", version)))


async def test_destruction_and_the_last_leave_take_the_archive_along(serve_archived, archive):
    server = await serve_archived()
    ann, ben = await online(server, "ann", "ben")
    await create(ann, ben)
    await create(ann, room=f"other@{SERVICE}")
    kept = len(archive.kept)

    send_iq(ann, "set", f"<query xmlns='{DESTROY}'/>")
    await ann.expect("message")
    await ann.expect("iq", type="result")
    id = change(ann, {"ann": "none"}, f"other@{SERVICE}")
    await ann.expect("message", id=id)
    await result(ann, id, f"other@{SERVICE}")

    assert archive.removed == [JID.parse(ROOM), JID.parse(f"other@{SERVICE}")]
    assert len(archive.kept) == kept


async def test_reads_blocking_and_refusals_are_not_kept(serve_archived, archive):
    server = await serve_archived()
    ann, dan = await online(server, "ann", "dan")
    await create(ann)
    kept = len(archive.kept)

    send_iq(ann, "get", f"<query xmlns='{CONF}'/>")
    await ann.expect("iq", type="result")
    dan.send(f"<message type='groupchat' id='m1' to='{ROOM}'><body>hi</body></message>")
    await error(dan, "item-not-found", "cancel")
    change(dan, {"dan": "member"})
    await error(dan, "item-not-found", "cancel")

    assert len(archive.kept) == kept


async def test_only_occupants_may_ask_the_archive(serve_archived):
    server = await serve_archived()
    ann, ben, dan = await online(server, "ann", "ben", "dan")
    await create(ann, ben)

    for client, is_owner in ((ann, "True"), (ben, "False")):
        answer = await client.ask("set", f"<query xmlns='{MAM}'/>", ROOM)
        assert answer.payload == element(MAM, "asked", by=str(client.jid), room=ROOM, owner=is_owner)
    for room in (ROOM, f"nowhere@{SERVICE}"):
        send_iq(dan, "set", f"<query xmlns='{MAM}'/>", room)
        await error(dan, "not-allowed", "cancel", "The action is not allowed. Not allowed to enter the room.")


async def test_the_archives_features_are_announced_sorted(serve_archived):
    server = await serve_archived()
    (ann,) = await online(server, "ann")
    await create(ann)

    for to in (SERVICE, ROOM):
        answer = await ann.ask("get", f"<query xmlns='{ns.DISCO_INFO}'/>", to)
        assert answer.payload is not None
        assert [feature.get("var") for feature in answer.payload.elements(ns.DISCO_INFO, "feature")] == [
            "urn:xmpp:mam:1",
            "urn:xmpp:mam:2",
            "urn:xmpp:message-retract:0",
            "urn:xmpp:muclight:0",
        ]


async def test_a_service_that_is_not_archived_says_nothing_of_it(serve_archived, archive):
    server = await serve_archived(options(host="rooms.@HOST@"))
    ann, dan = await online(server, "ann", "dan")
    room = "den@rooms.localhost"
    await create(ann, room=room)

    ann.send(f"<message type='groupchat' id='m1' to='{room}'><body>hi</body></message>")
    assert not list((await ann.next()).elements(ns.STANZA_ID))
    send_iq(ann, "set", f"<query xmlns='{MAM}'/>", room)
    await error(ann, "feature-not-implemented", "cancel")
    assert archive.kept == []
    await dan.expect_nothing()


async def test_in_legacy_mode_only_messages_are_kept(serve_archived, archive):
    server = await serve_archived(options(legacy_mode=True))
    (ann,) = await online(server, "ann")
    ann.send(f"<presence to='{ROOM}/ann@localhost'><x xmlns='http://jabber.org/protocol/muc'/></presence>")
    await ann.expect("presence")
    ann.send(f"<message type='groupchat' id='s1' to='{ROOM}'><subject>tea</subject></message>")
    await ann.expect("message", id="s1")
    ann.send(f"<message type='groupchat' id='m1' to='{ROOM}'><body>hi</body></message>")
    await ann.expect("message", id="m1")

    assert [str(stanza.sender) for stanza, *_ in archive.kept] == [f"{ROOM}/ann@localhost"]


async def test_the_result_waits_until_the_archive_has_kept_the_change(serve_archived, archive):
    server = await serve_archived()
    ann, ben = await online(server, "ann", "ben")
    await create(ann, ben)
    archive.promise = asyncio.get_running_loop().create_future()

    id = configure(ann, "<subject>tea</subject>")

    await next_version(ben)  # delivery does not wait
    await next_version(ann)
    await ben.expect_nothing()
    assert ann._events.empty()
    archive.promise.set_result(None)
    await result(ann, id)
