"""Numbered migrations: which are applied stands in ``schema_version``; Alembic runs the missing ones."""

from __future__ import annotations

import logging
import sqlite3

from mim.errors import Conflict
from mim.storage.api import Schema

log = logging.getLogger("mim.storage")


def apply_migrations(connection: sqlite3.Connection, schema: Schema) -> None:
    """Apply what *schema* has and the database has not, as one transaction.

    Raises:
        Conflict: the database has a newer schema than this server knows.
    """
    numbers = [migration.number for migration in schema.migrations]
    if numbers != list(range(1, len(numbers) + 1)):
        raise ValueError(f"{schema.owner}: migrations are numbered 1, 2, 3 ..., not {numbers}")
    connection.execute("CREATE TABLE IF NOT EXISTS schema_version (owner TEXT PRIMARY KEY, number INTEGER NOT NULL)")
    row = connection.execute("SELECT number FROM schema_version WHERE owner = ?", (schema.owner,)).fetchone()
    current = 0 if row is None else row[0]
    if current > len(numbers):
        raise Conflict(
            f"the tables of {schema.owner} are at version {current}, this server knows up to {len(numbers)}"
        )
    if current == len(numbers):
        return
    # Only now: most starts have nothing to migrate, and these imports take longer than the rest of the start.
    from alembic.operations import Operations
    from alembic.runtime.migration import MigrationContext
    from sqlalchemy import create_engine
    from sqlalchemy.pool import StaticPool

    engine = create_engine("sqlite://", creator=lambda: connection, poolclass=StaticPool)
    core = engine.connect()
    connection.execute("BEGIN IMMEDIATE")
    try:
        operations = Operations(MigrationContext.configure(core, opts={"render_as_batch": True}))
        for migration in schema.migrations[current:]:
            migration.upgrade(operations)
            log.info("migrated", extra={"owner": schema.owner, "number": migration.number, "title": migration.title})
        connection.execute(
            "INSERT INTO schema_version (owner, number) VALUES (?, ?)"
            " ON CONFLICT (owner) DO UPDATE SET number = excluded.number",
            (schema.owner, len(numbers)),
        )
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
    finally:
        core.detach()
