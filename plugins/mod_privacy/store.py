"""Where privacy lists are kept: one row per item, and the name of the default list."""

from __future__ import annotations

from asyncio import Future
from collections.abc import Iterable
from typing import TYPE_CHECKING

from sqlalchemy import BigInteger, Boolean, Column, MetaData, String, Table, Text, bindparam, delete, insert, select

from mim.plugin import JID
from mim.storage.api import Database, Migration, Schema, Write, statement

from .rules import KINDS, Item, PrivacyList

if TYPE_CHECKING:
    from alembic.operations import Operations

_metadata = MetaData()
_items = Table(
    "privacy_item",
    _metadata,
    Column("domain", String, primary_key=True),
    Column("username", String, primary_key=True),
    Column("list", String, primary_key=True),
    Column("position", BigInteger, primary_key=True),
    Column("is_deny", Boolean, nullable=False),
    Column("type", String, nullable=False),
    Column("value", Text, nullable=False),
    Column("kinds", String, nullable=False),
)
_defaults = Table(
    "privacy_default",
    _metadata,
    Column("domain", String, primary_key=True),
    Column("username", String, primary_key=True),
    Column("list", String, nullable=False),
)


def _create(op: Operations) -> None:
    _metadata.create_all(op.get_bind())


SCHEMA = Schema("mod_privacy", (Migration(1, "create privacy_item and privacy_default", _create),))

_owner = (_items.c.domain == bindparam("domain_"), _items.c.username == bindparam("username_"))
_default_owner = (_defaults.c.domain == bindparam("domain_"), _defaults.c.username == bindparam("username_"))
_in_list = (*_owner, _items.c.list == bindparam("list_"))
_LOAD = statement(
    select(_items.c.list, _items.c.position, _items.c.is_deny, _items.c.type, _items.c.value, _items.c.kinds)
    .where(*_owner)
    .order_by(_items.c.list, _items.c.position)
)
_LOAD_DEFAULT = statement(select(_defaults.c.list).where(*_default_owner))
_ADD = statement(
    insert(_items).values(
        domain=bindparam("domain_"),
        username=bindparam("username_"),
        list=bindparam("list_"),
        position=bindparam("position_"),
        is_deny=bindparam("is_deny_"),
        type=bindparam("type_"),
        value=bindparam("value_"),
        kinds=bindparam("kinds_"),
    )
)
_DELETE_ITEM = statement(delete(_items).where(*_in_list, _items.c.position == bindparam("position_")))
_DELETE_LIST = statement(delete(_items).where(*_in_list))
_DELETE_ALL = statement(delete(_items).where(*_owner))
_DELETE_DEFAULT = statement(delete(_defaults).where(*_default_owner))
_ADD_DEFAULT = statement(
    insert(_defaults).values(domain=bindparam("domain_"), username=bindparam("username_"), list=bindparam("list_"))
)


class AccountLists:
    """The lists of one account, as they are in force: by name, and which is the default (empty = none)."""

    __slots__ = ("default", "lists")

    def __init__(self, lists: dict[str, PrivacyList], default: str) -> None:
        self.lists = lists
        self.default = default


class PrivacyStore:
    """The privacy lists of one database's accounts."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def load(self, account: JID) -> AccountLists:
        """Return the lists of an account."""
        rows = await self._database.fetch_all(_LOAD, **_key(account))
        default = await self._database.fetch_one(_LOAD_DEFAULT, **_key(account))
        items: dict[str, list[Item]] = {}
        for name, position, is_deny, type, value, kinds in rows:
            packed = frozenset(kind for kind in KINDS if kind in kinds.split())
            items.setdefault(name, []).append(Item(position, bool(is_deny), type, value, packed))
        lists = {name: PrivacyList(name, kept) for name, kept in items.items()}
        return AccountLists(lists, default[0] if default is not None and default[0] in lists else "")

    def submit(self, *writes: Write) -> Future[list[int]]:
        """Queue writes as one transaction."""
        return self._database.submit(*writes)

    def putting(self, account: JID, made: PrivacyList) -> list[Write]:
        """Return the writes that replace a list."""
        return [self.removing(account, made.name), *self.adding(account, made.name, made.items)]

    def adding(self, account: JID, name: str, items: Iterable[Item]) -> list[Write]:
        """Return the writes that add items to a list."""
        return [
            _ADD.bind(
                **_key(account),
                list_=name,
                position_=item.order,
                is_deny_=item.is_deny,
                type_=item.type,
                value_=item.value,
                kinds_=" ".join(sorted(item.kinds)),
            )
            for item in items
        ]

    def taking(self, account: JID, name: str, items: Iterable[Item]) -> list[Write]:
        """Return the writes that take items out of a list."""
        return [_DELETE_ITEM.bind(**_key(account), list_=name, position_=item.order) for item in items]

    def removing(self, account: JID, name: str) -> Write:
        """Return the write that removes a list."""
        return _DELETE_LIST.bind(**_key(account), list_=name)

    def choosing(self, account: JID, name: str) -> list[Write]:
        """Return the writes that make a list the default; an empty name: none is."""
        chosen = [_ADD_DEFAULT.bind(**_key(account), list_=name)] if name else []
        return [_DELETE_DEFAULT.bind(**_key(account)), *chosen]

    def removal(self, account: JID) -> list[Write]:
        """Return the writes that remove everything of an account."""
        return [_DELETE_ALL.bind(**_key(account)), _DELETE_DEFAULT.bind(**_key(account))]


def _key(account: JID) -> dict[str, str]:
    return {"domain_": account.domain, "username_": account.local}
