"""The archives' tables.

A row's ``position`` is its place in its archive, counted from the first message ever; ``peer_position`` its place in
the conversation. Rows leave an archive only from its old end, or all together, so that the number of messages between
two rows is the difference of their positions, however many they are.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import BigInteger, Column, Index, Integer, MetaData, SmallInteger, String, Table, Text

from mim.storage.api import Migration, Schema

if TYPE_CHECKING:
    from alembic.operations import Operations

metadata = MetaData()

# SQLite counts by itself only in a column of exactly this type.
_number = BigInteger().with_variant(Integer, "sqlite")

user_messages = Table(
    "mam_user_messages",
    metadata,
    Column("number", _number, primary_key=True),
    Column("archive", String, nullable=False),  # the owner's bare JID
    Column("id", BigInteger, nullable=False),
    Column("peer", String, nullable=False),  # to whom or from whom: bare JID and resource
    Column("peer_resource", String, nullable=False),
    Column("is_outgoing", SmallInteger, nullable=False),
    Column("origin_id", String),
    Column("body", Text),
    Column("attributes", Text, nullable=False),  # the stanza's, as XML text
    Column("children", Text, nullable=False),  # what stands between its tags
    Column("position", BigInteger, nullable=False),
    Column("peer_position", BigInteger, nullable=False),
)
Index("mam_user_messages_by_id", user_messages.c.archive, user_messages.c.id, unique=True)
Index("mam_user_messages_by_peer", user_messages.c.archive, user_messages.c.peer, user_messages.c.id)

room_messages = Table(
    "mam_room_messages",
    metadata,
    Column("number", _number, primary_key=True),
    Column("archive", String, nullable=False),  # the room
    Column("id", BigInteger, nullable=False),
    Column("nickname", String, nullable=False),  # the occupant's; empty: the room itself spoke
    Column("author", String, nullable=False),  # his real bare JID
    Column("origin_id", String),
    Column("body", Text),
    Column("attributes", Text, nullable=False),
    Column("children", Text, nullable=False),
    Column("author_item", Text, nullable=False),  # <x/> with his real JID, for those who may see it
    Column("position", BigInteger, nullable=False),
)
Index("mam_room_messages_by_id", room_messages.c.archive, room_messages.c.id, unique=True)

for _table in (user_messages, room_messages):
    _has_origin_id = _table.c.origin_id.is_not(None)
    Index(
        f"{_table.name}_by_origin_id",
        _table.c.archive,
        _table.c.origin_id,
        sqlite_where=_has_origin_id,
    )

preferences = Table(
    "mam_preferences",
    metadata,
    Column("archive", String, primary_key=True),  # whose: a user's bare JID, or a room
    Column("domain", String, nullable=False),
    Column("mode", String, nullable=False),  # always, never or roster
    Column("always", Text, nullable=False),  # JIDs, one a line
    Column("never", Text, nullable=False),
)


def _create(op: Operations) -> None:
    metadata.create_all(op.get_bind())


SCHEMA = Schema("mod_mam_meta", (Migration(1, "create the archives", _create),))
