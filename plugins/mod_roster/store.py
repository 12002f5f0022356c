"""Rosters in the database: a row per item, and the version where it is kept."""

from __future__ import annotations

import json
from asyncio import Future
from typing import TYPE_CHECKING, Any

from sqlalchemy import Boolean, Column, MetaData, String, Table, Text, bindparam, delete, insert, select

from mim.plugin import JID
from mim.storage.api import Database, Migration, Schema, Write, statement
from mim_plugins.mod_roster.model import Item
from mim_plugins.mod_roster.states import State

if TYPE_CHECKING:
    from alembic.operations import Operations

_STATES = {(state.subscription, state.ask): state for state in State}

_metadata = MetaData()
_items = Table(
    "roster_items",
    _metadata,
    Column("domain", String, primary_key=True),
    Column("username", String, primary_key=True),
    Column("contact", String, primary_key=True),
    Column("name", Text, nullable=False),
    Column("groups", Text, nullable=False),  # a JSON array of strings
    Column("subscription", String, nullable=False),  # none, to, from, both
    Column("ask", String, nullable=False),  # none, out, in, both
    Column("is_added", Boolean, nullable=False),
    Column("request", Text, nullable=False),  # XML
)
_versions = Table(
    "roster_versions",
    _metadata,
    Column("domain", String, primary_key=True),
    Column("username", String, primary_key=True),
    Column("version", String, nullable=False),
)
_owner = (_items.c.domain == bindparam("domain_"), _items.c.username == bindparam("username_"))
_LOAD = statement(
    select(
        _items.c.contact,
        _items.c.name,
        _items.c.groups,
        _items.c.subscription,
        _items.c.ask,
        _items.c.is_added,
        _items.c.request,
    )
    .where(*_owner)
    .order_by(_items.c.contact)
)
_REMOVE = statement(delete(_items).where(*_owner, _items.c.contact == bindparam("contact_")))
_REMOVE_ALL = statement(delete(_items).where(*_owner))
_ADD = statement(
    insert(_items).values(
        domain=bindparam("domain_"),
        username=bindparam("username_"),
        contact=bindparam("contact_"),
        name=bindparam("name_"),
        groups=bindparam("groups_"),
        subscription=bindparam("subscription_"),
        ask=bindparam("ask_"),
        is_added=bindparam("is_added_"),
        request=bindparam("request_"),
    )
)
_version_owner = (_versions.c.domain == bindparam("domain_"), _versions.c.username == bindparam("username_"))
_FIND_VERSION = statement(select(_versions.c.version).where(*_version_owner))
_REMOVE_VERSION = statement(delete(_versions).where(*_version_owner))
_ADD_VERSION = statement(
    insert(_versions).values(
        domain=bindparam("domain_"), username=bindparam("username_"), version=bindparam("version_")
    )
)


def _create(op: Operations) -> None:
    _metadata.create_all(op.get_bind())


SCHEMA = Schema("mod_roster", (Migration(1, "create roster_items and roster_versions", _create),))


class RosterStore:
    """The rosters of one database. What changes them gives writes, so that one event can be one transaction."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def load(self, account: JID) -> list[Item]:
        """Return an account's items, sorted by contact."""
        return [_item(*row) for row in await self._database.fetch_all(_LOAD, **_key(account))]

    async def find_version(self, account: JID) -> str | None:
        """Return the version kept for an account, None when there is none."""
        row = await self._database.fetch_one(_FIND_VERSION, **_key(account))
        return None if row is None else str(row[0])

    def put(self, account: JID, item: Item) -> tuple[Write, ...]:
        """Return the writes that store an item in place of the contact's old one."""
        add = _ADD.bind(
            **_key(account),
            contact_=str(item.contact),
            name_=item.name,
            groups_=json.dumps(item.groups, ensure_ascii=False),
            subscription_=item.state.subscription,
            ask_=item.state.ask,
            is_added_=item.is_added,
            request_=item.request,
        )
        return *self.remove(account, item.contact), add

    def remove(self, account: JID, contact: JID) -> tuple[Write, ...]:
        """Return the writes that remove an item."""
        return (_REMOVE.bind(**_key(account), contact_=str(contact)),)

    def put_version(self, account: JID, version: str) -> tuple[Write, ...]:
        """Return the writes that keep a version."""
        return _REMOVE_VERSION.bind(**_key(account)), _ADD_VERSION.bind(**_key(account), version_=version)

    def removal(self, account: JID) -> tuple[Write, ...]:
        """Return the writes that remove everything of an account."""
        return _REMOVE_ALL.bind(**_key(account)), _REMOVE_VERSION.bind(**_key(account))

    def submit(self, writes: list[Write]) -> Future[list[int]]:
        """Queue writes as one transaction."""
        return self._database.submit(*writes)


def _key(account: JID) -> dict[str, str]:
    return {"domain_": account.domain, "username_": account.local}


def _item(contact: str, name: str, groups: str, subscription: str, ask: str, is_added: Any, request: str) -> Item:
    local, _, domain = contact.rpartition("@")
    state = _STATES[subscription, ask]
    return Item(JID(local, domain), name, tuple(json.loads(groups)), state, bool(is_added), request)
