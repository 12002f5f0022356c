"""Rooms and blocking lists in the database. A change that must be whole is one method, one transaction."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from sqlalchemy import (
    Column,
    Index,
    MetaData,
    String,
    Table,
    Text,
    and_,
    bindparam,
    delete,
    func,
    insert,
    select,
    update,
)

from mim.plugin import JID, Schema
from mim.storage.api import Database, Migration, Row, Write, statement
from mim_plugins.mod_muc_light.blocking import Blocked
from mim_plugins.mod_muc_light.model import Affiliation, Affiliations, Room, RoomEntry, in_order
from mim_plugins.mod_muc_light.schema import ConfigSchema

if TYPE_CHECKING:
    from alembic.operations import Operations

_metadata = MetaData()
_rooms = Table(
    "muc_light_rooms",
    _metadata,
    Column("service", String, primary_key=True),
    Column("node", String, primary_key=True),
    Column("version", String, nullable=False),
    Column("config", Text, nullable=False),  # JSON object: values by internal key
)
_occupants = Table(
    "muc_light_occupants",
    _metadata,
    Column("service", String, primary_key=True),
    Column("node", String, primary_key=True),
    Column("account", String, primary_key=True),
    Column("affiliation", String, nullable=False),
    Index("muc_light_occupants_by_account", "account", "service"),
)
_blocking = Table(
    "muc_light_blocking",
    _metadata,
    Column("account", String, primary_key=True),
    Column("service", String, primary_key=True),
    Column("kind", String, primary_key=True),  # room or user
    Column("item", String, primary_key=True),
)


def _create(op: Operations) -> None:
    _metadata.create_all(op.get_bind())


SCHEMA = Schema("mod_muc_light", (Migration(1, "create rooms, occupants, blocking lists", _create),))

_same_room = and_(_rooms.c.service == _occupants.c.service, _rooms.c.node == _occupants.c.node)
_room = (_rooms.c.service == bindparam("service_"), _rooms.c.node == bindparam("node_"))
_of_room = (_occupants.c.service == bindparam("service_"), _occupants.c.node == bindparam("node_"))
_of_account = (_occupants.c.account == bindparam("account_"), _occupants.c.service == bindparam("service_"))
_list = (_blocking.c.account == bindparam("account_"), _blocking.c.service == bindparam("service_"))
_item = (*_list, _blocking.c.kind == bindparam("kind_"), _blocking.c.item == bindparam("item_"))

_LOAD = statement(
    select(_rooms.c.version, _rooms.c.config, _occupants.c.account, _occupants.c.affiliation)
    .join_from(_rooms, _occupants, _same_room)
    .where(*_room)
)
_ENTRIES = statement(
    select(_rooms.c.node, _rooms.c.version, _rooms.c.config, _occupants.c.affiliation)
    .join_from(_occupants, _rooms, _same_room)
    .where(*_of_account)
)
_COUNT = statement(select(func.count()).select_from(_occupants).where(*_of_account))
_ADD_ROOM = statement(
    insert(_rooms).values(
        service=bindparam("service_"),
        node=bindparam("node_"),
        version=bindparam("version_"),
        config=bindparam("config_"),
    )
)
_SET_VERSION = statement(update(_rooms).where(*_room).values(version=bindparam("version_")))
_SET_CONFIG = statement(
    update(_rooms).where(*_room).values(version=bindparam("version_"), config=bindparam("config_"))
)
_DELETE_ROOM = statement(delete(_rooms).where(*_room))
_DELETE_OCCUPANTS = statement(delete(_occupants).where(*_of_room))
_ADD_OCCUPANT = statement(
    insert(_occupants).values(
        service=bindparam("service_"),
        node=bindparam("node_"),
        account=bindparam("account_"),
        affiliation=bindparam("affiliation_"),
    )
)
_DELETE_OCCUPANT = statement(delete(_occupants).where(*_of_room, _occupants.c.account == bindparam("account_")))
_BLOCKED = statement(select(_blocking.c.kind, _blocking.c.item).where(*_list))
_BLOCK = statement(
    insert(_blocking).values(
        account=bindparam("account_"),
        service=bindparam("service_"),
        kind=bindparam("kind_"),
        item=bindparam("item_"),
    )
)
_UNBLOCK = statement(delete(_blocking).where(*_item))
_BLOCKS_ANY = statement(
    select(func.count())
    .select_from(_blocking)
    .where(
        *_list,
        ((_blocking.c.kind == "room") & (_blocking.c.item == bindparam("room_")))
        | ((_blocking.c.kind == "user") & (_blocking.c.item == bindparam("user_"))),
    )
)
_FORGET_LISTS = statement(delete(_blocking).where(_blocking.c.account == bindparam("account_")))


class LightStore:
    """The rooms of all services; configurations are read and written by *schema*."""

    def __init__(self, database: Database, schema: ConfigSchema) -> None:
        self._database = database
        self._schema = schema

    # --- rooms ------------------------------------------------------------------------------------------------

    async def load(self, jid: JID) -> Room | None:
        """Return a room as it is on disk, None when there is none."""
        rows = await self._database.fetch_all(_LOAD, **_key(jid))
        if not rows:
            return None
        version, config = rows[0][:2]
        occupants = {JID.parse(account): Affiliation(affiliation) for _, _, account, affiliation in rows}
        ordered = {user: occupants[user] for user in in_order(occupants)}
        return Room(jid, version, self._config(config), ordered)

    async def list_rooms(self, service: str, account: JID) -> list[RoomEntry]:
        """Return the rooms an account occupies, sorted by JID."""
        rows = await self._database.fetch_all(_ENTRIES, service_=service, account_=str(account))
        return sorted((self._entry(service, row) for row in rows), key=lambda entry: str(entry.jid))

    async def count_rooms(self, service: str, account: JID) -> int:
        """Return how many rooms an account occupies."""
        row = await self._database.fetch_one(_COUNT, service_=service, account_=str(account))
        return 0 if row is None else int(row[0])

    async def create(self, room: Room) -> None:
        """Add a room.

        Raises:
            Conflict: it exists.
        """
        await self._database.submit(
            _ADD_ROOM.bind(**_key(room.jid), version_=room.version, config_=self._json(room)),
            *_added(room.jid, room.occupants),
        )

    async def change_occupants(self, room: Room, changed: Affiliations) -> None:
        """Write a room's new version, and *changed*: the users whose affiliation is another now (none = left)."""
        staying = {user: wanted for user, wanted in changed.items() if wanted is not Affiliation.NONE}
        await self._database.submit(
            _SET_VERSION.bind(**_key(room.jid), version_=room.version),
            *(_DELETE_OCCUPANT.bind(**_key(room.jid), account_=str(user)) for user in changed),
            *_added(room.jid, staying),
        )

    async def change_config(self, room: Room) -> None:
        """Write a room's new version and configuration."""
        await self._database.submit(
            _SET_CONFIG.bind(**_key(room.jid), version_=room.version, config_=self._json(room))
        )

    async def delete(self, jid: JID, also: Iterable[Write]) -> None:
        """Remove a room, and with it what *also* says."""
        await self._database.submit(_DELETE_ROOM.bind(**_key(jid)), _DELETE_OCCUPANTS.bind(**_key(jid)), *also)

    def _entry(self, service: str, row: Row) -> RoomEntry:
        node, version, config, affiliation = row
        return RoomEntry(JID(node, service), version, self._config(config), Affiliation(affiliation))

    def _config(self, text: str) -> Mapping[str, str]:
        return self._schema.from_stored(json.loads(text))

    def _json(self, room: Room) -> str:
        return json.dumps(self._schema.to_stored(room.config), ensure_ascii=False)

    # --- blocking lists ---------------------------------------------------------------------------------------

    async def list_blocked(self, service: str, account: JID) -> list[Blocked]:
        """Return what an account blocks on a service, rooms first, then by JID."""
        rows = await self._database.fetch_all(_BLOCKED, service_=service, account_=str(account))
        return [Blocked(kind, item) for kind, item in sorted(rows)]

    async def change_blocked(self, service: str, account: JID, changes: Mapping[Blocked, bool]) -> None:
        """Put items on an account's list (True) or take them off (False)."""
        writes = []
        for item, denied in changes.items():
            key = {"service_": service, "account_": str(account), "kind_": item.kind, "item_": item.jid}
            writes.append(_UNBLOCK.bind(**key))
            if denied:
                writes.append(_BLOCK.bind(**key))
        await self._database.submit(*writes)

    async def blocks(self, service: str, account: JID, *, room: JID, user: JID) -> bool:
        """Tell whether an account blocks a room or a user."""
        row = await self._database.fetch_one(
            _BLOCKS_ANY, service_=service, account_=str(account), room_=str(room), user_=str(user)
        )
        return row is not None and row[0] > 0

    @staticmethod
    def removal(account: JID) -> list[Write]:
        """Return the writes that remove an account's lists on all services."""
        return [_FORGET_LISTS.bind(account_=str(account))]


def _key(jid: JID) -> dict[str, str]:
    return {"service_": jid.domain, "node_": jid.local}


def _added(room: JID, occupants: Affiliations) -> list[Write]:
    return [
        _ADD_OCCUPANT.bind(**_key(room), account_=str(user), affiliation_=affiliation.value)
        for user, affiliation in occupants.items()
    ]
