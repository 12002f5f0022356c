"""The archives' messages, as the rest of the module asks for them."""

from __future__ import annotations

from asyncio import Future
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, literal_column

from mim.storage.api import Database, Statement, Write
from mim_plugins.mod_mam_meta.statements import (
    PageStatements,
    adding,
    burying,
    finding,
    last,
    newest_id,
    next_place,
    removing,
    scanning,
)
from mim_plugins.mod_mam_meta.tables import room_messages, user_messages

MAX_ID = 2**63 - 1
NO_CURSOR = -1


class StoredMessage(NamedTuple):
    """A message as it was archived (see ``stored.py``); of a room's also who wrote it, and the XML that tells his
    real JID."""

    id: int
    attributes: str
    children: str
    author: str = ""
    author_item: str = ""


class Candidate(NamedTuple):
    """What a search looks at: the peer's resource or the occupant's nickname, a room's author, the body."""

    id: int
    name: str
    author: str
    body: str | None


@dataclass(frozen=True, slots=True)
class Selection:
    """Which messages of an archive match: those with a peer (bare JID; empty = all), ids from *low* to *high*."""

    archive: str
    peer: str = ""
    low: int = 0
    high: int = MAX_ID

    def parameters(self) -> dict[str, Any]:
        """Return the statements' parameters."""
        made: dict[str, Any] = {"archive_": self.archive, "low_": self.low, "high_": self.high}
        if self.peer:
            made["peer_"] = self.peer
        return made


@dataclass(frozen=True, slots=True)
class Bounds:
    """Places of the first and the last message of a selection (None = it is empty), and whether the archive has the
    id that was asked for."""

    first: int | None
    last: int | None
    is_cursor_known: bool

    @property
    def count(self) -> int:
        """Return how many messages the selection has."""
        return 0 if self.first is None or self.last is None else self.last - self.first + 1


@dataclass(frozen=True, slots=True)
class Window:
    """The part of a selection that a page is taken from: ids from *low* to *high* without the first *skip*.

    Of these the first *limit*, or backward the last. *cursor* is an id of which it is told whether the archive has it.
    """

    low: int
    high: int
    limit: int
    skip: int = 0
    is_backward: bool = False
    cursor: int = NO_CURSOR


@dataclass(frozen=True, slots=True)
class Slice:
    """Messages in ascending order, the places of the first and the last of them, the bounds of the selection."""

    messages: Sequence[StoredMessage]
    first: int
    last: int
    bounds: Bounds


class Messages:
    """Reading a table of archives."""

    _pages: PageStatements
    _pages_with_peer: PageStatements
    _find: Statement
    _scan: Statement
    _scan_with_peer: Statement
    _newest_id: Statement
    _remove: Statement

    def __init__(self, database: Database) -> None:
        self._database = database

    async def bounds(self, selection: Selection, cursor: int = NO_CURSOR) -> Bounds:
        """Return where a selection begins and ends, and whether the archive has the id *cursor*."""
        pages = self._pages_with_peer if selection.peer else self._pages
        row = await self._database.fetch_one(pages.bounds, **selection.parameters(), cursor_=cursor)
        assert row is not None
        first, last, known = row
        return Bounds(first, last, known is not None)

    async def slice(self, selection: Selection, window: Window) -> Slice | None:
        """Return the messages of a window; None when there are none, and then nothing is known of the selection."""
        pages = self._pages_with_peer if selection.peer else self._pages
        rows = await self._database.fetch_all(
            pages.backward if window.is_backward else pages.forward,
            **selection.parameters(),
            from_=window.low,
            to_=window.high,
            limit_=window.limit,
            skip_=window.skip,
            cursor_=window.cursor,
        )
        if not rows:
            return None
        if window.is_backward:
            rows.reverse()
        *_, first, last, known = rows[0]
        messages = [StoredMessage(*row[:-4]) for row in rows]
        return Slice(messages, rows[0][-4], rows[-1][-4], Bounds(first, last, known is not None))

    async def find(self, archive: str, id: int) -> StoredMessage | None:
        """Return one message."""
        row = await self._database.fetch_one(self._find, archive_=archive, id_=id)
        return None if row is None else StoredMessage(*row)

    async def candidates(self, selection: Selection, limit: int) -> list[Candidate]:
        """Return what a search must look at, oldest first, at most *limit*."""
        scan = self._scan_with_peer if selection.peer else self._scan
        rows = await self._database.fetch_all(scan, **selection.parameters(), limit_=limit)
        return [Candidate(*row) for row in rows]

    async def newest_id(self) -> int:
        """Return the id that was given last, whatever archive it is in; 0 when all are empty."""
        row = await self._database.fetch_one(self._newest_id)
        return 0 if row is None else int(row[0])

    def removal(self, archive: str) -> Write:
        """Return the write that removes an archive."""
        return self._remove.bind(archive_=archive)

    def submit(self, *writes: Write) -> Future[list[int]]:
        """Queue writes as one transaction."""
        return self._database.submit(*writes)


_EMPTY: ColumnElement[str] = literal_column("''")

_user = user_messages.c
_of_user = (_user.id, _user.attributes, _user.children)
_user_candidate = (_user.id, _user.peer_resource, _EMPTY, _user.body)


class UserMessages(Messages):
    """The archives of users."""

    _pages = PageStatements(user_messages, _of_user, place="position", same=("archive",))
    _pages_with_peer = PageStatements(user_messages, _of_user, place="peer_position", same=("archive", "peer"))
    _find = finding(user_messages, _of_user)
    _scan = scanning(user_messages, _user_candidate, "archive")
    _scan_with_peer = scanning(user_messages, _user_candidate, "archive", "peer")
    _newest_id = newest_id(user_messages)
    _remove = removing(user_messages)
    _add = adding(
        user_messages,
        position=next_place(user_messages, "position", "archive"),
        peer_position=next_place(user_messages, "peer_position", "archive", "peer"),
    )
    _bury_by_origin_id = burying(user_messages, "archive", "peer", "is_outgoing", "origin_id")
    _bury_by_id = burying(user_messages, "archive", "peer", "is_outgoing", "id")
    _last = last(user_messages, (*_of_user, _user.body), "archive")
    _last_with_peer = last(user_messages, (*_of_user, _user.body), "archive", "peer")
    _last_with_resource = last(user_messages, (*_of_user, _user.body), "archive", "peer", "peer_resource")

    def addition(
        self,
        *,
        archive: str,
        id: int,
        peer: str,
        peer_resource: str,
        is_outgoing: bool,
        origin_id: str | None,
        body: str | None,
        attributes: str,
        children: str,
    ) -> Write:
        """Return the write that archives a message; *attributes* and *children* are its stored form."""
        return self._add.bind(
            archive_=archive,
            id_=id,
            peer_=peer,
            peer_resource_=peer_resource,
            is_outgoing_=int(is_outgoing),
            origin_id_=origin_id,
            body_=body,
            attributes_=attributes,
            children_=children,
        )

    def burial_by_origin_id(
        self, archive: str, peer: str, *, is_outgoing: bool, origin_id: str, tombstone: str
    ) -> Write:
        """Return the write that replaces what went in one direction under an origin id."""
        return self._bury_by_origin_id.bind(
            archive_=archive, peer_=peer, is_outgoing_=int(is_outgoing), origin_id_=origin_id, tombstone_=tombstone
        )

    def burial_by_id(self, archive: str, peer: str, *, is_outgoing: bool, id: int, tombstone: str) -> Write:
        """Return the write that replaces what went in one direction and was archived under an id."""
        return self._bury_by_id.bind(
            archive_=archive, peer_=peer, is_outgoing_=int(is_outgoing), id_=id, tombstone_=tombstone
        )

    async def last(
        self, archive: str, *, peer: str, peer_resource: str, high: int, limit: int
    ) -> list[tuple[int, str, str, str | None]]:
        """Return id, attributes, children and body of the last messages up to an id, oldest first.

        Empty *peer* or resource = any.
        """
        parameters: dict[str, Any] = {"archive_": archive, "high_": high, "limit_": limit}
        which = self._last
        if peer:
            which = self._last_with_peer
            parameters["peer_"] = peer
        if peer_resource:
            which = self._last_with_resource
            parameters["peer_resource_"] = peer_resource
        rows: list[Any] = await self._database.fetch_all(which, **parameters)
        rows.reverse()
        return rows


_room = room_messages.c
_of_room = (_room.id, _room.attributes, _room.children, _room.author, _room.author_item)


class RoomMessages(Messages):
    """The archives of rooms. They know no conversations: who wrote what is seen by looking at each message."""

    _pages = _pages_with_peer = PageStatements(room_messages, _of_room, place="position", same=("archive",))
    _find = finding(room_messages, _of_room)
    _scan = _scan_with_peer = scanning(
        room_messages, (_room.id, _room.nickname, _room.author, _room.body), "archive"
    )
    _newest_id = newest_id(room_messages)
    _remove = removing(room_messages)
    _add = adding(room_messages, position=next_place(room_messages, "position", "archive"))
    _bury_by_origin_id = burying(room_messages, "archive", "author", "origin_id")
    _bury_by_id = burying(room_messages, "archive", "author", "id")

    def addition(
        self,
        *,
        archive: str,
        id: int,
        nickname: str,
        author: str,
        author_item: str,
        origin_id: str | None,
        body: str | None,
        attributes: str,
        children: str,
    ) -> Write:
        """Return the write that archives a message; *attributes* and *children* are its stored form."""
        return self._add.bind(
            archive_=archive,
            id_=id,
            nickname_=nickname,
            author_=author,
            author_item_=author_item,
            origin_id_=origin_id,
            body_=body,
            attributes_=attributes,
            children_=children,
        )

    def burial_by_origin_id(self, archive: str, author: str, *, origin_id: str, tombstone: str) -> Write:
        """Return the write that replaces what an author sent under an origin id."""
        return self._bury_by_origin_id.bind(
            archive_=archive, author_=author, origin_id_=origin_id, tombstone_=tombstone
        )

    def burial_by_id(self, archive: str, author: str, *, id: int, tombstone: str) -> Write:
        """Return the write that replaces what an author sent and the room archived under an id."""
        return self._bury_by_id.bind(archive_=archive, author_=author, id_=id, tombstone_=tombstone)
