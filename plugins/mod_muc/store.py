"""Persistent rooms, their affiliations, and registered nicknames, in the database."""

from __future__ import annotations

from asyncio import Future
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy import Column, MetaData, String, Table, Text, bindparam, delete, insert, select

from mim.plugin import JID, Schema
from mim.storage.api import Database, Migration, Write, statement
from mim_plugins.mod_muc.config import RoomConfig

if TYPE_CHECKING:
    from alembic.operations import Operations

_metadata = MetaData()
_rooms = Table(
    "muc_rooms",
    _metadata,
    Column("service", String, primary_key=True),
    Column("node", String, primary_key=True),
    Column("config", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("subject_author", Text, nullable=False),
)
_affiliations = Table(
    "muc_affiliations",
    _metadata,
    Column("service", String, primary_key=True),
    Column("node", String, primary_key=True),
    Column("jid", String, primary_key=True),
    Column("affiliation", String, nullable=False),
    Column("reason", Text, nullable=False),
)
_nicks = Table(
    "muc_nicks",
    _metadata,
    Column("service", String, primary_key=True),
    Column("jid", String, primary_key=True),
    Column("nick", String, nullable=False, unique=False),
)


def _create(op: Operations) -> None:
    _metadata.create_all(op.get_bind())


SCHEMA = Schema("mod_muc", (Migration(1, "create rooms, affiliations and nicknames", _create),))

_room = (_rooms.c.service == bindparam("service_"), _rooms.c.node == bindparam("node_"))
_of_room = (_affiliations.c.service == bindparam("service_"), _affiliations.c.node == bindparam("node_"))
_FIND = statement(select(_rooms.c.config, _rooms.c.subject, _rooms.c.subject_author).where(*_room))
_LIST = statement(
    select(_rooms.c.node, _rooms.c.config).where(_rooms.c.service == bindparam("service_")).order_by(_rooms.c.node)
)
_ADD = statement(
    insert(_rooms).values(
        service=bindparam("service_"),
        node=bindparam("node_"),
        config=bindparam("config_"),
        subject=bindparam("subject_"),
        subject_author=bindparam("author_"),
    )
)
_REMOVE = statement(delete(_rooms).where(*_room))
_AFFILIATIONS = statement(
    select(_affiliations.c.jid, _affiliations.c.affiliation, _affiliations.c.reason).where(*_of_room)
)
_ADD_AFFILIATION = statement(
    insert(_affiliations).values(
        service=bindparam("service_"),
        node=bindparam("node_"),
        jid=bindparam("jid_"),
        affiliation=bindparam("affiliation_"),
        reason=bindparam("reason_"),
    )
)
_REMOVE_AFFILIATION = statement(delete(_affiliations).where(*_of_room, _affiliations.c.jid == bindparam("jid_")))
_REMOVE_AFFILIATIONS = statement(delete(_affiliations).where(*_of_room))
_REMOVE_AFFILIATIONS_OF = statement(delete(_affiliations).where(_affiliations.c.jid == bindparam("jid_")))
_own_nick = (_nicks.c.service == bindparam("service_"), _nicks.c.jid == bindparam("jid_"))
_NICKS = statement(select(_nicks.c.service, _nicks.c.jid, _nicks.c.nick))
_ADD_NICK = statement(
    insert(_nicks).values(service=bindparam("service_"), jid=bindparam("jid_"), nick=bindparam("nick_"))
)
_REMOVE_NICK = statement(delete(_nicks).where(*_own_nick))
_REMOVE_NICKS_OF = statement(delete(_nicks).where(_nicks.c.jid == bindparam("jid_")))


class Affiliated(NamedTuple):
    """Somebody's lasting relation to a room, and the reason that was given for it."""

    affiliation: str
    reason: str = ""


class StoredRoom(NamedTuple):
    """A persistent room as it was kept."""

    config: RoomConfig
    subject: str
    subject_author: str
    affiliations: dict[JID, Affiliated]


class MucStore:
    """The rooms and nicknames of one database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def find_room(self, room: JID) -> StoredRoom | None:
        """Return a persistent room, None when there is none of that name."""
        row = await self._database.fetch_one(_FIND, **_key(room))
        if row is None:
            return None
        affiliations = await self._database.fetch_all(_AFFILIATIONS, **_key(room))
        config, subject, author = row
        known = {JID.parse(jid): Affiliated(affiliation, reason) for jid, affiliation, reason in affiliations}
        return StoredRoom(RoomConfig.from_json(config), subject, author, known)

    async def list_rooms(self, service: str) -> list[tuple[str, RoomConfig]]:
        """Return the nodes of a service's persistent rooms with their settings, sorted by node."""
        rows = await self._database.fetch_all(_LIST, service_=service)
        return [(node, RoomConfig.from_json(config)) for node, config in rows]

    def put_room(self, room: JID, stored: StoredRoom) -> Future[list[int]]:
        """Queue a whole room; the future resolves when it is on disk."""
        key = _key(room)
        writes = [
            _REMOVE.bind(**key),
            _ADD.bind(**key, config_=stored.config.to_json(), subject_=stored.subject, author_=stored.subject_author),
            _REMOVE_AFFILIATIONS.bind(**key),
        ]
        writes += [
            _ADD_AFFILIATION.bind(**key, jid_=str(jid), affiliation_=known.affiliation, reason_=known.reason)
            for jid, known in stored.affiliations.items()
        ]
        return self._database.submit(*writes)

    def put_affiliations(self, room: JID, changes: dict[JID, Affiliated]) -> Future[list[int]]:
        """Queue some affiliations of a persistent room; "none" removes one."""
        key = _key(room)
        writes: list[Write] = []
        for jid, known in changes.items():
            writes.append(_REMOVE_AFFILIATION.bind(**key, jid_=str(jid)))
            if known.affiliation != "none":
                writes.append(
                    _ADD_AFFILIATION.bind(**key, jid_=str(jid), affiliation_=known.affiliation, reason_=known.reason)
                )
        return self._database.submit(*writes)

    def remove_room(self, room: JID, more: Iterable[Write] = ()) -> Future[list[int]]:
        """Queue the removal of a room, together with *more*."""
        key = _key(room)
        return self._database.submit(_REMOVE.bind(**key), _REMOVE_AFFILIATIONS.bind(**key), *more)

    async def nicks(self) -> dict[tuple[str, JID], str]:
        """Return all registered nicknames by service and bare JID."""
        return {(service, JID.parse(jid)): nick for service, jid, nick in await self._database.fetch_all(_NICKS)}

    def put_nick(self, service: str, account: JID, nick: str | None) -> Future[list[int]]:
        """Queue a registered nickname; None removes it."""
        key: dict[str, Any] = {"service_": service, "jid_": str(account)}
        writes = [_REMOVE_NICK.bind(**key)]
        if nick is not None:
            writes.append(_ADD_NICK.bind(**key, nick_=nick))
        return self._database.submit(*writes)

    def account_removal(self, account: JID) -> list[Write]:
        """Return the writes that forget an account."""
        return [_REMOVE_AFFILIATIONS_OF.bind(jid_=str(account)), _REMOVE_NICKS_OF.bind(jid_=str(account))]


def _key(room: JID) -> dict[str, str]:
    return {"service_": room.domain, "node_": room.local}
