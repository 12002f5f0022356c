"""Where vCards are kept, with a table of their own for the directory to search."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

from sqlalchemy import Column, Index, MetaData, String, Table, Text, bindparam, delete, insert, or_, select

from mim.plugin import JID, Element
from mim.storage.api import Database, Migration, Schema, Statement, Write, statement
from mim.xmpp.element import serialize
from mim.xmpp.parser import parse_element

from .card import FIELDS, directory_values, folded_values

if TYPE_CHECKING:
    from alembic.operations import Operations
    from sqlalchemy import ColumnElement

_metadata = MetaData()
_cards = Table(
    "vcard",
    _metadata,
    Column("domain", String, primary_key=True),
    Column("username", String, primary_key=True),
    Column("card", Text, nullable=False),
)
# A range of texts means a prefix, so texts are compared by their code points.
_Folded = String().with_variant(String(collation="C"), "postgresql")
_directory = Table(
    "vcard_directory",
    _metadata,
    Column("domain", String, primary_key=True),
    Column("username", _Folded, primary_key=True),
    Column("shown", Text, nullable=False),
    *(Column(f"folded_{field.var}", _Folded, nullable=False) for field in FIELDS),
)
for _field in FIELDS:
    Index(f"vcard_directory_{_field.var}", _directory.c.domain, _directory.c[f"folded_{_field.var}"])


def _create(op: Operations) -> None:
    _metadata.create_all(op.get_bind())


SCHEMA = Schema("mod_vcard", (Migration(1, "create vcard and vcard_directory", _create),))

_FIND = statement(
    select(_cards.c.card).where(_cards.c.domain == bindparam("domain_"), _cards.c.username == bindparam("username_"))
)
_ADD = statement(
    insert(_cards).values(domain=bindparam("domain_"), username=bindparam("username_"), card=bindparam("card_"))
)
_ENTER = statement(
    insert(_directory).values(
        domain=bindparam("domain_"),
        username=bindparam("username_"),
        shown=bindparam("shown_"),
        **{f"folded_{field.var}": bindparam(f"{field.var}_") for field in FIELDS},
    )
)
_DELETE = tuple(
    statement(
        delete(table).where(table.c.domain == bindparam("domain_"), table.c.username == bindparam("username_"))
    )
    for table in (_cards, _directory)
)

# --- searching ------------------------------------------------------------------------------------------------

_COLUMNS: Mapping[str, ColumnElement[str]] = {
    "user": _directory.c.username,
    **{field.var: _directory.c[f"folded_{field.var}"] for field in FIELDS},
}
_LAST_TEXT = "\U0010ffff"


def _matches(var: str) -> ColumnElement[bool]:
    return _COLUMNS[var].between(bindparam(f"{var}_from"), bindparam(f"{var}_to"))


def _search(anchor: str) -> Statement:
    """Return the search that finds its rows by one field's index and only then looks at the others."""
    others = (or_(bindparam(f"{var}_free") == 1, _matches(var)) for var in _COLUMNS if var != anchor)
    return statement(
        select(_directory.c.username, _directory.c.shown)
        .where(_directory.c.domain == bindparam("domain_"), _matches(anchor), *others)
        .order_by(_directory.c.username)
        .limit(bindparam("limit_"))
    )


_SEARCHES = {var: _search(var) for var in _COLUMNS}
_LIST = statement(
    select(_directory.c.username, _directory.c.shown)
    .where(_directory.c.domain == bindparam("domain_"))
    .order_by(_directory.c.username)
    .limit(bindparam("limit_"))
)


class Wanted(NamedTuple):
    """What a field must be: a folded text, or the beginning of one."""

    text: str
    is_prefix: bool = False


class Entry(NamedTuple):
    """A user in the directory: the account, and its fields as the vCard has them."""

    account: JID
    values: Mapping[str, str]


class VCardStore:
    """The vCards of one database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def find(self, account: JID) -> Element | None:
        """Return an account's vCard, or None."""
        row = await self._database.fetch_one(_FIND, **_key(account))
        return None if row is None else parse_element(row[0])

    async def put(self, account: JID, card: Element) -> None:
        """Replace an account's vCard, also in the directory; it is on disk when this returns."""
        key, shown = _key(account), directory_values(card)
        folded = {f"{var}_": value for var, value in folded_values(shown).items()}
        await self._database.submit(
            *self.removal(account),
            _ADD.bind(**key, card_=serialize(card)),
            _ENTER.bind(**key, shown_=json.dumps(shown, ensure_ascii=False), **folded),
        )

    def removal(self, account: JID) -> list[Write]:
        """Return the writes that remove an account's vCard."""
        return [query.bind(**_key(account)) for query in _DELETE]

    async def search(self, domain: str, wanted: Mapping[str, Wanted], limit: int) -> list[Entry]:
        """Return the users of a domain whose fields are as wanted (all of them), sorted by name, *limit* at most."""
        parameters: dict[str, str | int] = {"domain_": domain, "limit_": limit}
        query = _LIST
        if wanted:
            # The most telling field finds the rows: a whole text rather than a prefix, a long one rather than a short.
            anchor = max(wanted, key=lambda var: (not wanted[var].is_prefix, len(wanted[var].text)))
            query = _SEARCHES[anchor]
            parameters |= _bounds(wanted, anchor)
        rows = await self._database.fetch_all(query, **parameters)
        return [Entry(JID(username, domain), json.loads(shown)) for username, shown in rows]


def _bounds(wanted: Mapping[str, Wanted], anchor: str) -> dict[str, str | int]:
    """Return the parameters of a search: for each field its range, and whether it may be anything."""
    parameters: dict[str, str | int] = {}
    for var in _COLUMNS:
        text, is_prefix = wanted.get(var, Wanted("", is_prefix=True))
        parameters[f"{var}_from"] = text
        parameters[f"{var}_to"] = text + _LAST_TEXT if is_prefix else text
        if var != anchor:
            parameters[f"{var}_free"] = int(var not in wanted)
    return parameters


def _key(account: JID) -> dict[str, str]:
    return {"domain_": account.domain, "username_": account.local}
