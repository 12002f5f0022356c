"""What a store needs of a database: statements, atomic writes under group commit, reads, migrations.

Knows no module and no XML. The engine behind :class:`Database` is chosen at start.
"""

from mim.storage.api import Database, Migration, Row, Schema, Statement, Write, statement

__all__ = ["Database", "Migration", "Row", "Schema", "Statement", "Write", "statement"]
