"""Messages for users who are offline (XEP-0160): kept until a client that takes messages comes.

A message is stored as the client will get it, ``<delay/>`` included. It leaves the store once the connection has
taken it: a server that dies in between delivers it again rather than never.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING, Literal, NamedTuple

from sqlalchemy import BigInteger, Column, Index, MetaData, String, Table, Text, bindparam, delete, func, insert, select

from mim.config import FOREIGN_STORES, AccessRuleName, NonEmpty, Options
from mim.errors import MimError
from mim.plugin import (
    JID,
    Element,
    Module,
    Schema,
    Session,
    Stanza,
    StanzaError,
    Xep,
    element,
    format_stamp,
    from_us,
    hookimpl,
    option,
    parse_stamp,
)
from mim.storage.api import Database, Migration, Write, statement
from mim.xmpp import ns

if TYPE_CHECKING:
    from alembic.operations import Operations

PAGE = 100
"""Messages that are read from the store, sent and deleted in one go."""
QUEUE_FULL = "Your contact offline message queue is full. The message has been discarded."
MAX_EXPIRY_DIGITS = 10
"""Of a number of seconds: 300 years."""
_PASSING = frozenset({ns.CHAT_STATES, ns.CHAT_MARKERS, ns.HINTS, ns.STANZA_ID})
"""Namespaces of children that mean nothing later."""

_metadata = MetaData()
_messages = Table(
    "offline_messages",
    _metadata,
    Column("id", BigInteger, primary_key=True, autoincrement=False),
    Column("domain", String, nullable=False),
    Column("username", String, nullable=False),
    Column("stamp_us", BigInteger, nullable=False),
    Column("expires_us", BigInteger),
    Column("stanza", Text, nullable=False),
    Index("offline_messages_of_account", "domain", "username", "stamp_us", "id"),
)
_account = (_messages.c.domain == bindparam("domain_"), _messages.c.username == bindparam("username_"))
_ADD = statement(
    insert(_messages).values(
        id=bindparam("id_"),
        domain=bindparam("domain_"),
        username=bindparam("username_"),
        stamp_us=bindparam("stamp_"),
        expires_us=bindparam("expires_"),
        stanza=bindparam("stanza_"),
    )
)
_PAGE = statement(
    select(_messages.c.id, _messages.c.stanza, _messages.c.expires_us)
    .where(*_account)
    .order_by(_messages.c.stamp_us, _messages.c.id)
    .limit(bindparam("limit_"))
)
_COUNT = statement(select(func.count()).select_from(_messages).where(*_account))
_DELETE = statement(delete(_messages).where(_messages.c.id == bindparam("id_")))
_DELETE_ALL = statement(delete(_messages).where(*_account))


def _create(op: Operations) -> None:
    _metadata.create_all(op.get_bind())


class Waiting(NamedTuple):
    """A stored message: its key, the text to send, and until when it makes sense (microseconds since 1970)."""

    key: int
    text: str
    expires_us: int | None


class OfflineStore:
    """The messages of one database that wait."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(
        self, account: JID, key: int, text: str, stamp_us: int, expires_us: int | None
    ) -> asyncio.Future[list[int]]:
        """Queue a message; the future resolves when it is on disk."""
        write = _ADD.bind(**_key(account), id_=key, stamp_=stamp_us, expires_=expires_us, stanza_=text)
        return self._database.submit(write)

    async def oldest(self, account: JID) -> list[Waiting]:
        """Return the messages of the smallest time stamps, a page of them."""
        rows = await self._database.fetch_all(_PAGE, **_key(account), limit_=PAGE)
        return [Waiting(*row) for row in rows]

    async def count(self, account: JID) -> int:
        """Return how many messages wait for an account."""
        row = await self._database.fetch_one(_COUNT, **_key(account))
        return 0 if row is None else int(row[0])

    async def remove(self, keys: list[int]) -> None:
        """Delete messages."""
        await self._database.submit(*(_DELETE.bind(id_=key) for key in keys))

    def removal(self, account: JID) -> Write:
        """Return the write that deletes all messages of an account."""
        return _DELETE_ALL.bind(**_key(account))


def _key(account: JID) -> dict[str, str]:
    return {"domain_": account.domain, "username_": account.local}


class RiakOptions(Options, tier="C"):
    """``[modules.mod_offline.riak]``."""

    bucket_type: NonEmpty = option("offline", tier="C", help="No effect.")


class OfflineOptions(Options):
    """``[modules.mod_offline]``."""

    backend: Literal["mnesia", "rdbms", "riak"] = option(
        "mnesia", mapped=FOREIGN_STORES, help="Where the messages are kept."
    )
    access_max_user_messages: AccessRuleName = option(
        "max_user_offline_messages", help="Access rule that gives the number kept per user; no number: no limit."
    )
    store_groupchat_messages: bool = option(False, help="Keep groupchat messages (MUC Light), too.")
    riak: RiakOptions = option(RiakOptions(), tier="C", help="No effect.")


class ModOffline(Module[OfflineOptions]):
    """Keeps messages that nobody takes now."""

    Options = OfflineOptions
    after = ("mod_roster",)
    schema = Schema("mod_offline", (Migration(1, "create offline_messages", _create),))
    features = ("msgoffline",)
    xeps = (Xep(160, "1.0.1"), Xep(203, "2.0"), Xep(23, "1.3"))

    async def start(self) -> None:
        """Prepare the store."""
        self._store = OfflineStore(self.api.database)
        self._lines: dict[JID, deque[tuple[Stanza, asyncio.Future[None]]]] = {}
        self._flushing: dict[JID, asyncio.Lock] = {}

    # --- keeping ----------------------------------------------------------------------------------------------

    @hookimpl
    def message_waiting(self, stanza: Stanza, account: JID) -> bool | None:
        """Keep a message, or drop it where it means nothing later."""
        if stanza.type not in ("", "normal", "chat") and not (
            stanza.type == "groupchat" and self.options.store_groupchat_messages
        ):
            return None
        if not _means_something_later(stanza):
            return True
        limit = self.api.host.config.access_value(self.options.access_max_user_messages, account)
        if isinstance(limit, int):
            self._wait_for_room(stanza, account, limit)
        else:
            self._keep(stanza, account)
        return True

    def _keep(self, stanza: Stanza, account: JID) -> None:
        now_us = self.api.clock.now_us()
        expires_us = _expiry(stanza, now_us)
        stamp_us, kept = _stamped(stanza, account.domain, now_us)
        promise = self._store.add(account, self.api.new_archive_id(), kept.to_text(), stamp_us, expires_us)
        stanza.trail.promises.append(promise)

    def _wait_for_room(self, stanza: Stanza, account: JID, limit: int) -> None:
        """Keep a message once it is known whether there is room; one account's messages keep their order."""
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        stanza.trail.promises.append(turn)
        line = self._lines.get(account)
        if line is not None:
            line.append((stanza, turn))
            return
        self._lines[account] = deque([(stanza, turn)])
        self.api.spawn(self._count_and_keep(account, limit))

    async def _count_and_keep(self, account: JID, limit: int) -> None:
        line = self._lines[account]
        try:
            room = limit - await self._store.count(account)
        except MimError:
            room = -1
        del self._lines[account]
        for stanza, turn in line:
            if room > 0:
                room -= 1
                self._keep(stanza, account)
                turn.set_result(None)
            else:
                condition, text = ("internal-server-error", "") if room < 0 else ("resource-constraint", QUEUE_FULL)
                self.api.router.refuse(stanza, StanzaError(condition, text))
                turn.set_result(None)

    # --- delivering -------------------------------------------------------------------------------------------

    @hookimpl
    async def session_ready(self, session: Session) -> None:
        """Hand over what waits, before anything newer; of two clients that come together the first gets it."""
        account = session.account
        lock = self._flushing.setdefault(account, asyncio.Lock())
        try:
            async with lock:
                await self._hand_over(session)
        finally:
            if not lock.locked():
                self._flushing.pop(account, None)

    async def _hand_over(self, session: Session) -> None:
        while page := await self._store.oldest(session.account):
            now_us = self.api.clock.now_us()
            for message in page:
                if message.expires_us is None or message.expires_us > now_us:
                    session.send_text_ahead(message.text)
            if not await session.drain():
                return
            await self._store.remove([message.key for message in page])

    # --- accounts ---------------------------------------------------------------------------------------------

    @hookimpl
    def account_data_removal(self, account: JID) -> list[Write]:
        """Delete what waits for an account that is removed."""
        return [self._store.removal(account)]


def _means_something_later(stanza: Stanza) -> bool:
    """Tell whether a message is worth keeping: not if its sender forbids it (XEP-0334) or it says nothing lasting."""
    if stanza.find(ns.HINTS, "no-store") is not None:
        return False
    if stanza.find(ns.CLIENT, "body") is not None:
        return True
    return any(child.ns not in _PASSING and child.name != "thread" for child in stanza.elements())


def _expiry(stanza: Stanza, now_us: int) -> int | None:
    """Return when a message expires (XEP-0023), None when it does not say, or says nonsense."""
    asked = next(stanza.elements(ns.EXPIRE, "x"), None)
    if asked is None:
        return None
    text = asked.get("seconds")
    if not (text.isascii() and text.isdigit()):
        return None
    return now_us + int(text[:MAX_EXPIRY_DIGITS]) * 1_000_000


def _stamped(stanza: Stanza, domain: str, now_us: int) -> tuple[int, Stanza]:
    """Return the time of a message in microseconds and the message with our ``<delay/>`` as the last child.

    The time is that of a delay it has already (it was sent before, and not taken), else now.
    """
    stamp_us = now_us
    children: list[Element | str] = []
    for child in stanza.children:
        if not isinstance(child, str) and child.ns == ns.DELAY and child.name == "delay":
            try:
                stamp_us = round(parse_stamp(child.get("stamp")).timestamp() * 1_000_000)
            except ValueError:
                pass
            else:
                if child.get("from") == domain:
                    continue
        children.append(child)
    stamp = format_stamp(from_us(stamp_us))
    delay = element(ns.DELAY, "delay", "Offline Storage", from_=domain, stamp=stamp)
    if len(children) == len(stanza.children):
        return stamp_us, stanza.with_child(delay)
    return stamp_us, stanza.with_children([*children, delay])


setup = ModOffline
