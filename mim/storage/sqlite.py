"""SQLite behind the Database interface: one owner thread, one line of work, group commit.

What queues while one group is being committed becomes the next group: one transaction, one flush to disk, however
many asked for it. Each submit is a savepoint of its own only when something in the group fails: then the group is
rolled back and done again one by one, so that the others stand.

A hop to the thread and back costs ten times what a short read does. So the loop has a connection of its own, which
only reads: it is used while no write is under way, so that a read sees all of them. A read that turns out to be long
is broken off and goes to the thread, as do those of the same statement for a while.
"""

from __future__ import annotations

import asyncio
import fcntl
import logging
import os
import sqlite3
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any

from sqlalchemy.dialects import sqlite as dialect_module

from mim.errors import Conflict, MimError, Unavailable
from mim.storage.api import Row, Schema, Statement, Write
from mim.storage.migrate import apply_migrations

log = logging.getLogger("mim.storage")

_dialect = dialect_module.dialect(paramstyle="named")
GROUP_LIMIT = 1000
SHORT_READ_STEPS = 20_000
"""How many steps of SQLite's machine a read on the loop may take: a row takes about ten, all of them a millisecond."""
COUNTED_STEPS = 1000
"""After how many steps SQLite tells us."""
LONG_READ_SECONDS = 10.0
"""How long a statement that took more goes to the thread at once."""
LONG = "sqlite, long until"
"""Where a statement keeps the time until which it does so."""


class _Job:
    """One submit, read or call, with the future that waits for it."""

    __slots__ = ("call", "error", "future", "read", "result", "writes")

    def __init__(
        self,
        future: asyncio.Future[Any],
        *,
        writes: Sequence[tuple[str, Mapping[str, Any]]] = (),
        read: tuple[str, Mapping[str, Any]] | None = None,
        call: Callable[[sqlite3.Connection], Any] | None = None,
    ) -> None:
        self.future = future
        self.writes = writes
        self.read = read
        self.call = call
        self.result: Any = None
        self.error: BaseException | None = None


class SqliteDatabase:
    """A database file, or one in memory when *path* is None. Use from one event loop."""

    dialect = "sqlite"

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._loop = asyncio.get_running_loop()
        self._outbox: list[_Job] = []
        self._line: SimpleQueue[list[_Job] | None] = SimpleQueue()
        self._closing = False
        self._lock_file: int | None = None
        self._writes_under_way = 0
        self._steps = 0
        self._connection = self._open()
        self._reader = None if path is None else self._open_reader(path)
        self._thread = threading.Thread(target=self._work, name="mim-sqlite", daemon=True)
        self._thread.start()

    # --- Database ---------------------------------------------------------------------------------------------

    def submit(self, *writes: Write) -> asyncio.Future[list[int]]:
        """Queue writes as one transaction; see :class:`mim.storage.api.Database`."""
        return self._put(writes=[_prepared(write.statement, write.parameters) for write in writes])

    async def fetch_all(self, statement: Statement, /, **parameters: Any) -> list[Row]:
        """Return all rows."""
        read = _prepared(statement, parameters)
        if self._writes_under_way == 0 and self._reader is not None:
            found = self._read_now(self._reader, statement, read)
            if found is not None:
                return found
        rows: list[Row] = await self._put(read=read)
        return rows

    async def fetch_one(self, statement: Statement, /, **parameters: Any) -> Row | None:
        """Return the first row, or None."""
        rows = await self.fetch_all(statement, **parameters)
        return rows[0] if rows else None

    async def flush(self) -> None:
        """Return when everything submitted before is on disk."""
        await self._put()

    async def migrate(self, *schemas: Schema) -> None:
        """Bring tables up to date."""
        for schema in schemas:
            await self._put(call=lambda connection, schema=schema: apply_migrations(connection, schema))

    async def close(self) -> None:
        """Flush, end the thread, let go of the file."""
        if self._closing:
            return
        await self.flush()
        self._closing = True
        if self._reader is not None:
            self._reader.close()
            self._reader = None
        self._hand_over()
        self._line.put(None)
        await self._loop.run_in_executor(None, self._thread.join)
        if self._lock_file is not None:
            os.close(self._lock_file)
            self._lock_file = None

    # --- the loop's side --------------------------------------------------------------------------------------

    def _put(self, **job: Any) -> asyncio.Future[Any]:
        future: asyncio.Future[Any] = self._loop.create_future()
        if self._closing:
            future.set_exception(Unavailable("the database is closed"))
            return future
        if "read" not in job:
            self._writes_under_way += 1
        # The thread gets together what one turn of the loop asks for: to wake it costs more than to queue.
        if not self._outbox:
            self._loop.call_soon(self._hand_over)
        self._outbox.append(_Job(future, **job))
        return future

    def _read_now(
        self, reader: sqlite3.Connection, statement: Statement, read: tuple[str, Mapping[str, Any]]
    ) -> list[Row] | None:
        """Return the rows of a short read; None when it is long, or fails: then the thread does it, and says why."""
        long_until = statement._compiled.get(LONG)
        if long_until is not None:
            if long_until > self._loop.time():
                return None
            del statement._compiled[LONG]
        self._steps = 0
        try:
            return reader.execute(*read).fetchall()
        except sqlite3.Error:
            if self._steps >= SHORT_READ_STEPS:
                statement._compiled[LONG] = self._loop.time() + LONG_READ_SECONDS
            return None

    def _count_steps(self) -> bool:
        """Tell SQLite whether to break off the read; it asks after every :data:`COUNTED_STEPS`."""
        self._steps += COUNTED_STEPS
        return self._steps >= SHORT_READ_STEPS

    def _hand_over(self) -> None:
        if self._outbox:
            self._line.put(self._outbox)
            self._outbox = []

    def _resolve(self, jobs: list[_Job]) -> None:
        for job in jobs:
            if job.read is None:
                self._writes_under_way -= 1
            if job.error is not None and job.writes:
                log.error("write failed", extra={"reason": str(job.error)})
            if job.future.done():
                continue
            if job.error is not None:
                job.future.set_exception(job.error)
                job.future.exception()  # seen: who does not await a write is not told of it again much later
            else:
                job.future.set_result(job.result)

    def _open_reader(self, path: Path) -> sqlite3.Connection:
        reader = sqlite3.connect(path, isolation_level=None, cached_statements=512)
        reader.execute("PRAGMA query_only = ON")
        reader.set_progress_handler(self._count_steps, COUNTED_STEPS)
        return reader

    # --- the thread's side ------------------------------------------------------------------------------------

    def _open(self) -> sqlite3.Connection:
        if self._path is not None:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._lock_file = os.open(f"{self._path}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                fcntl.flock(self._lock_file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                os.close(self._lock_file)
                raise Conflict(f"{self._path} is in use by another server") from None
            os.close(os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
        connection = sqlite3.connect(
            ":memory:" if self._path is None else self._path,
            isolation_level=None,
            check_same_thread=False,
            cached_statements=512,
        )
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("PRAGMA busy_timeout = 5000")
        return connection

    def _work(self) -> None:
        while (group := self._next_group()) is not None:
            self._run_group(group)
            try:
                self._loop.call_soon_threadsafe(self._resolve, group)
            except RuntimeError:
                log.error("the loop ended before the database", extra={"jobs": len(group)})
        self._connection.close()

    def _next_group(self) -> list[_Job] | None:
        """Wait for work and return all of it that has come by then; None = there will be no more."""
        group = self._line.get()
        while group is not None and len(group) < GROUP_LIMIT:
            try:
                more = self._line.get_nowait()
            except Empty:
                break
            if more is None:
                self._line.put(None)
                break
            group += more
        return group

    def _run_group(self, group: list[_Job]) -> None:
        if any(job.call is not None for job in group) or not self._try_together(group):
            for job in group:
                self._run_alone(job)

    def _try_together(self, group: list[_Job]) -> bool:
        """Run a group as one transaction; False = something failed and nothing was done."""
        try:
            if any(job.writes for job in group):
                self._connection.execute("BEGIN IMMEDIATE")
            for job in group:
                job.result = self._run(job)
            if self._connection.in_transaction:
                self._connection.execute("COMMIT")
        except sqlite3.Error:
            self._roll_back()
            return False
        return True

    def _run_alone(self, job: _Job) -> None:
        try:
            if job.call is not None:
                job.result = job.call(self._connection)
                return
            if job.writes:
                self._connection.execute("BEGIN IMMEDIATE")
            job.result = self._run(job)
            if self._connection.in_transaction:
                self._connection.execute("COMMIT")
        except sqlite3.IntegrityError as error:
            self._roll_back()
            job.error = Conflict(str(error))
        except sqlite3.Error as error:
            self._roll_back()
            log.error("database refused", extra={"reason": str(error)})
            job.error = Unavailable("the database does not answer")
        except MimError as error:
            self._roll_back()
            job.error = error
        except Exception as error:
            self._roll_back()
            log.exception("database work failed")
            job.error = error

    def _run(self, job: _Job) -> Any:
        execute = self._connection.execute
        if job.read is not None:
            return execute(*job.read).fetchall()
        return [execute(sql, parameters).rowcount for sql, parameters in job.writes]

    def _roll_back(self) -> None:
        try:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
        except sqlite3.Error:
            log.exception("rollback failed")


def _prepared(statement: Statement, parameters: Mapping[str, Any]) -> tuple[str, Mapping[str, Any]]:
    """Return the SQL text of a statement, and the parameters with the constants SQLAlchemy made parameters of."""
    compiled = statement._compiled.get("sqlite")
    if compiled is None:
        made = statement.core.compile(dialect=_dialect)  # type: ignore[attr-defined]
        constants = {name: value for name, value in made.params.items() if value is not None}
        compiled = statement._compiled["sqlite"] = (str(made), constants)
    text, constants = compiled
    return text, {**constants, **parameters} if constants else parameters
