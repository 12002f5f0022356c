"""The SQL that users' and rooms' archives have in common, built for a table of messages.

No statement counts rows: a page of a long archive costs what a page of a short one does (see ``tables.py``).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import (
    Column,
    ColumnElement,
    ScalarSelect,
    Select,
    Table,
    bindparam,
    delete,
    func,
    insert,
    literal_column,
    null,
    select,
    update,
)

from mim.storage.api import Statement, statement

# As text, not as parameters: these are bound for every message.
_ONE: ColumnElement[int] = literal_column("1")
_ZERO: ColumnElement[int] = literal_column("0")


def _first(query: Select[Any]) -> Select[Any]:
    return query.limit(_ONE).offset(_ZERO)


def given(table: Any, *columns: str) -> list[ColumnElement[bool]]:
    """Return conditions that columns have the values given under their names, with an underscore after them."""
    return [table.c[name] == bindparam(f"{name}_") for name in columns]


def between(table: Any, low: str = "low_", high: str = "high_") -> list[ColumnElement[bool]]:
    """Return the conditions that the id is one from *low* to *high*, both included."""
    return [table.c.id >= bindparam(low), table.c.id <= bindparam(high)]


class PageStatements:
    """Pages of the rows that agree in the columns *same*, whose places among them stand in the column *place*.

    Each returns, after the columns asked for, four more: the row's place, the places of the first and the last row
    between ``low_`` and ``high_``, and the id ``cursor_`` if the archive has it.
    """

    def __init__(self, table: Table, columns: Sequence[Column[Any]], *, place: str, same: tuple[str, ...]) -> None:
        ends = (
            self._end(table.alias("oldest"), place, same),
            self._end(table.alias("newest"), place, same, newest=True),
            self._cursor(table.alias("known")),
        )
        self.bounds = statement(select(*ends))
        window = (
            select(*columns, table.c[place], *ends)
            .where(*given(table, *same), *between(table, "from_", "to_"))
            .limit(bindparam("limit_"))
            .offset(bindparam("skip_"))
        )
        self.forward = statement(window.order_by(table.c.id))
        self.backward = statement(window.order_by(table.c.id.desc()))

    @staticmethod
    def _end(table: Any, place: str, same: tuple[str, ...], *, newest: bool = False) -> ScalarSelect[Any]:
        found = select(table.c[place]).where(*given(table, *same), *between(table))
        return _first(found.order_by(table.c.id.desc() if newest else table.c.id)).scalar_subquery()

    @staticmethod
    def _cursor(table: Any) -> ScalarSelect[Any]:
        known = given(table, "archive")
        return select(table.c.id).where(*known, table.c.id == bindparam("cursor_")).scalar_subquery()


def next_place(table: Table, place: str, *same: str) -> ColumnElement[int]:
    """Return the place after that of the newest row that agrees with a new one in the columns *same*."""
    newest = table.alias(f"newest_{place}")
    found = _first(select(newest.c[place]).where(*given(newest, *same)).order_by(newest.c.id.desc()))
    return func.coalesce(found.scalar_subquery(), _ZERO) + _ONE


def adding(table: Table, **computed: ColumnElement[int]) -> Statement:
    """Return the statement that adds a row; all columns but the *computed* ones are given."""
    names = [name for name in table.c.keys() if name != "number" and name not in computed]  # noqa: SIM118
    return statement(insert(table).values({name: bindparam(f"{name}_") for name in names} | computed))


def burying(table: Table, *same: str) -> Statement:
    """Return the statement that puts ``tombstone_`` in place of the content of rows with these columns as given."""
    buried = {"children": bindparam("tombstone_"), "body": null()}
    return statement(update(table).where(*given(table, *same)).values(buried))


def removing(table: Table) -> Statement:
    """Return the statement that removes an archive."""
    return statement(delete(table).where(*given(table, "archive")))


def finding(table: Table, columns: Sequence[Any]) -> Statement:
    """Return the statement that finds one message."""
    return statement(select(*columns).where(*given(table, "archive", "id")))


def scanning(table: Table, columns: Sequence[Any], *same: str) -> Statement:
    """Return the statement that reads rows in ascending order, for a search that must look at each."""
    found = select(*columns).where(*given(table, *same), *between(table))
    return statement(found.order_by(table.c.id).limit(bindparam("limit_")))


def last(table: Table, columns: Sequence[Any], *same: str) -> Statement:
    """Return the statement that reads the last rows up to an id, newest first."""
    found = select(*columns).where(*given(table, *same), table.c.id <= bindparam("high_"))
    return statement(found.order_by(table.c.id.desc()).limit(bindparam("limit_")))


def newest_id(table: Table) -> Statement:
    """Return the statement that tells the id given last in any archive."""
    return statement(_first(select(table.c.id).order_by(table.c.number.desc())))
