"""The embedded database: group commit, refusals that hurt only their own submit, migrations, one server per file."""

from __future__ import annotations

import asyncio
import sqlite3

import pytest
from sqlalchemy import Column, Integer, MetaData, String, Table, bindparam, delete, insert, select, update

from mim.errors import Conflict, Unavailable
from mim.storage.api import Migration, Schema, statement
from mim.storage.sqlite import SHORT_READ_STEPS, SqliteDatabase

metadata = MetaData()
notes = Table("notes", metadata, Column("id", Integer, primary_key=True), Column("text", String, nullable=False))
ADD = statement(insert(notes).values(id=bindparam("id_"), text=bindparam("text_")))
SET = statement(update(notes).where(notes.c.id == bindparam("id_")).values(text=bindparam("text_")))
DELETE = statement(delete(notes).where(notes.c.id == bindparam("id_")))
FIND = statement(select(notes.c.text).where(notes.c.id == bindparam("id_")))
ALL = statement(select(notes.c.id).order_by(notes.c.id))
SCHEMA = Schema("notes", (Migration(1, "create notes", lambda op: metadata.create_all(op.get_bind())),))


@pytest.fixture(params=["memory", "file"])
async def database(request, tmp_path):
    database = SqliteDatabase(None if request.param == "memory" else tmp_path / "t.sqlite")
    await database.migrate(SCHEMA)
    yield database
    await database.close()


async def test_a_read_sees_every_write_submitted_before_it(database):
    database.submit(ADD.bind(id_=1, text_="one"))
    assert await database.fetch_one(FIND, id_=1) == ("one",)


async def test_a_submit_tells_how_many_rows_each_write_touched(database):
    counts = await database.submit(ADD.bind(id_=1, text_="a"), SET.bind(id_=1, text_="b"), DELETE.bind(id_=9))
    assert counts == [1, 1, 0]


async def test_writes_of_one_submit_stand_or_fall_together(database):
    await database.submit(ADD.bind(id_=1, text_="there"))
    with pytest.raises(Conflict):
        await database.submit(ADD.bind(id_=2, text_="new"), ADD.bind(id_=1, text_="again"))
    assert await database.fetch_all(ALL) == [(1,)]


async def test_a_refused_submit_does_not_touch_the_others_of_its_group(database):
    good = [database.submit(ADD.bind(id_=number, text_="x")) for number in range(1, 50)]
    bad = database.submit(ADD.bind(id_=1, text_="twice"))
    more = database.submit(ADD.bind(id_=100, text_="y"))
    with pytest.raises(Conflict):
        await bad
    for future in (*good, more):
        await future
    assert len(await database.fetch_all(ALL)) == 50


async def test_a_statement_the_database_cannot_run_is_unavailable_and_the_next_one_works(database):
    missing = Table("missing", MetaData(), Column("id", Integer))
    with pytest.raises(Unavailable):
        await database.fetch_all(statement(select(missing.c.id)))
    await database.submit(ADD.bind(id_=1, text_="still here"))


async def test_many_writes_are_few_commits(tmp_path):
    database = SqliteDatabase(tmp_path / "t.sqlite")
    await database.migrate(SCHEMA)
    commits = 0

    def trace(sql: str) -> None:
        nonlocal commits
        commits += sql == "COMMIT"

    database._connection.set_trace_callback(trace)
    futures = [database.submit(ADD.bind(id_=number, text_="x")) for number in range(500)]
    for future in futures:
        await future
    await database.close()
    assert commits < 100


async def test_what_was_acknowledged_is_there_after_opening_again(tmp_path):
    for number in range(3):
        database = SqliteDatabase(tmp_path / "t.sqlite")
        await database.migrate(SCHEMA)
        await database.submit(ADD.bind(id_=number, text_="x"))
        await database.close()
    database = SqliteDatabase(tmp_path / "t.sqlite")
    assert await database.fetch_all(ALL) == [(0,), (1,), (2,)]
    await database.close()


async def test_a_second_server_on_the_same_file_is_refused(tmp_path):
    database = SqliteDatabase(tmp_path / "t.sqlite")
    with pytest.raises(Conflict, match="in use by another server"):
        SqliteDatabase(tmp_path / "t.sqlite")
    await database.close()
    await SqliteDatabase(tmp_path / "t.sqlite").close()


async def test_file_is_readable_by_its_owner_only(tmp_path):
    database = SqliteDatabase(tmp_path / "t.sqlite")
    assert (tmp_path / "t.sqlite").stat().st_mode & 0o777 == 0o600
    await database.close()


async def test_a_closed_database_says_so(tmp_path):
    database = SqliteDatabase(None)
    await database.close()
    with pytest.raises(Unavailable):
        await database.submit(ADD.bind(id_=1, text_="late"))


# --- short and long reads -----------------------------------------------------------------------------------------


async def test_a_short_read_does_not_wait_for_the_thread(tmp_path):
    database = SqliteDatabase(tmp_path / "t.sqlite")
    await database.migrate(SCHEMA)
    await database.submit(ADD.bind(id_=1, text_="one"))
    with pytest.raises(StopIteration) as end:
        database.fetch_one(FIND, id_=1).send(None)  # the coroutine ends without ever having waited
    assert end.value.value == ("one",)
    await database.close()


async def test_a_read_waits_for_the_write_that_is_under_way(tmp_path):
    database = SqliteDatabase(tmp_path / "t.sqlite")
    await database.migrate(SCHEMA)
    for number in range(200):
        database.submit(ADD.bind(id_=number, text_="x"))
        assert await database.fetch_one(FIND, id_=number) == ("x",)
    await database.close()


async def test_a_long_read_is_done_by_the_thread_and_is_whole(tmp_path):
    database = SqliteDatabase(tmp_path / "t.sqlite")
    await database.migrate(SCHEMA)
    count = SHORT_READ_STEPS
    await database.submit(*(ADD.bind(id_=number, text_="x") for number in range(count)))
    every = statement(select(notes.c.id).order_by(notes.c.id))
    for _ in range(2):  # broken off the first time, known to be long the second
        reading = database.fetch_all(every)
        waiting = reading.send(None)
        await asyncio.wait([waiting])
        with pytest.raises(StopIteration) as end:
            reading.send(None)
        assert end.value.value == [(number,) for number in range(count)]
    assert await database.fetch_one(FIND, id_=7) == ("x",)
    await database.close()


async def test_the_loop_s_own_connection_writes_nothing(tmp_path):
    database = SqliteDatabase(tmp_path / "t.sqlite")
    await database.migrate(SCHEMA)
    with pytest.raises(sqlite3.OperationalError, match="readonly"):
        database._reader.execute("DELETE FROM notes")
    await database.close()


# --- migrations ---------------------------------------------------------------------------------------------------


async def test_only_missing_migrations_are_applied(tmp_path):
    database = SqliteDatabase(tmp_path / "t.sqlite")
    await database.migrate(SCHEMA)
    await database.submit(ADD.bind(id_=1, text_="kept"))
    second = Migration(2, "add colour", lambda op: op.add_column("notes", Column("colour", String)))
    await database.migrate(Schema("notes", (*SCHEMA.migrations, second)))
    await database.migrate(Schema("notes", (*SCHEMA.migrations, second)))
    assert await database.fetch_one(FIND, id_=1) == ("kept",)
    await database.close()


async def test_a_newer_schema_is_refused(tmp_path):
    database = SqliteDatabase(tmp_path / "t.sqlite")
    await database.migrate(SCHEMA)
    await database.close()
    with sqlite3.connect(tmp_path / "t.sqlite") as connection:
        connection.execute("UPDATE schema_version SET number = 7")
    database = SqliteDatabase(tmp_path / "t.sqlite")
    with pytest.raises(Conflict, match="version 7"):
        await database.migrate(SCHEMA)
    await database.close()


async def test_a_migration_that_fails_leaves_nothing_behind(tmp_path):
    database = SqliteDatabase(tmp_path / "t.sqlite")

    def fail(op: object) -> None:
        metadata.create_all(op.get_bind())
        raise RuntimeError("half way")

    with pytest.raises(RuntimeError):
        await database.migrate(Schema("notes", (Migration(1, "fails", fail),)))
    await database.migrate(SCHEMA)
    assert await database.fetch_all(ALL) == []
    await database.close()
