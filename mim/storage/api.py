"""The interface between stores and engines.

A store declares its tables with SQLAlchemy Core and its statements once, at import::

    metadata = MetaData()
    last = Table("last_activity", metadata, Column("account", String, primary_key=True), ...)
    PUT = statement(insert(last).values(account=bindparam("account"), ...))
    FIND = statement(select(last.c.seen_at, last.c.status).where(last.c.account == bindparam("account")))

and uses them through a :class:`Database`::

    promise = database.submit(PUT.bind(account="a@b", ...))   # returns at once; order kept
    row = await database.fetch_one(FIND, account="a@b")        # sees every write submitted before
"""

from __future__ import annotations

from asyncio import Future
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

if TYPE_CHECKING:
    from alembic.operations import Operations
    from sqlalchemy.sql import Executable

Row = tuple[Any, ...]


class Statement:
    """One SQL statement, written once with SQLAlchemy Core, compiled to text once per dialect."""

    __slots__ = ("_compiled", "core")

    def __init__(self, core: Executable) -> None:
        self.core = core
        self._compiled: dict[str, Any] = {}  # engines keep their compiled form here, by dialect name

    def bind(self, **parameters: Any) -> Write:
        """Return this statement with its parameters, to be given to :meth:`Database.submit`."""
        return Write(self, parameters)


class Write(NamedTuple):
    """A statement with parameters."""

    statement: Statement
    parameters: Mapping[str, Any]


def statement(core: Executable) -> Statement:
    """Return *core* as a :class:`Statement`; call it at import, not per query."""
    return Statement(core)


@dataclass(frozen=True, slots=True)
class Migration:
    """One numbered step of a schema; never edited after release."""

    number: int
    title: str
    upgrade: Callable[[Operations], None]


@dataclass(frozen=True, slots=True)
class Schema:
    """The tables one part or module owns, as numbered migrations from 1 upwards without a gap."""

    owner: str
    migrations: tuple[Migration, ...]


class Database(Protocol):
    """A database with one ordered line of writes.

    Writes given to one :meth:`submit` are one transaction. The line is committed in groups; a future resolves
    when its writes are on disk. Every method raises (or its future carries) ``mim.errors.Unavailable`` when the
    database refuses for reasons of its own (disk full, connection lost); a broken constraint is
    ``mim.errors.Conflict``, and then nothing of that submit happened while the others of the group stand.
    """

    dialect: str

    def submit(self, *writes: Write) -> Future[list[int]]:
        """Queue *writes* as one transaction and return at once.

        The future gives the number of rows each write touched. It need not be awaited: a failure nobody
        looks at is logged.
        """
        ...

    async def fetch_all(self, statement: Statement, /, **parameters: Any) -> list[Row]:
        """Return all rows; every write submitted before this call is seen."""
        ...

    async def fetch_one(self, statement: Statement, /, **parameters: Any) -> Row | None:
        """Return the first row, or None."""
        ...

    async def flush(self) -> None:
        """Return when every write submitted before this call is on disk."""
        ...

    async def migrate(self, *schemas: Schema) -> None:
        """Bring the tables of *schemas* up to their newest migration.

        Raises:
            mim.errors.Conflict: a table set is newer than this server knows.
        """
        ...

    async def close(self) -> None:
        """Flush and let go of the database."""
        ...
