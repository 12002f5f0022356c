"""Last activity (XEP-0012): how long the server has been up, and since when an account is away.

One record per account, written when one of its sessions ends or becomes unavailable: the time, and the status text
it left with. Whoever may see the account's presence may ask.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

from sqlalchemy import BigInteger, Column, MetaData, String, Table, Text, bindparam, delete, insert, select

from mim.config import FOREIGN_STORES, ModuleOptions, NonEmpty, Options
from mim.plugin import (
    JID,
    NO_REPLY,
    Element,
    Module,
    RosterView,
    Session,
    Stanza,
    StanzaError,
    Xep,
    element,
    hookimpl,
    iq_handler,
    option,
)
from mim.storage.api import Database, Migration, Schema, Write, statement
from mim.xmpp import ns

if TYPE_CHECKING:
    from alembic.operations import Operations

MAX_STATUS = 1024
"""Characters of a status text that are kept."""

_metadata = MetaData()
_last = Table(
    "last_activity",
    _metadata,
    Column("domain", String, primary_key=True),
    Column("username", String, primary_key=True),
    Column("seen_at_us", BigInteger, nullable=False),
    Column("status", Text, nullable=False),
)
_where = (_last.c.domain == bindparam("domain_"), _last.c.username == bindparam("username_"))
_FIND = statement(select(_last.c.seen_at_us, _last.c.status).where(*_where))
_DELETE = statement(delete(_last).where(*_where))
_ADD = statement(
    insert(_last).values(
        domain=bindparam("domain_"),
        username=bindparam("username_"),
        seen_at_us=bindparam("seen_at"),
        status=bindparam("status_"),
    )
)


def _create(op: Operations) -> None:
    _metadata.create_all(op.get_bind())


SCHEMA = Schema("mod_last", (Migration(1, "create last_activity", _create),))


class LastActivity(NamedTuple):
    """When an account was last online, in microseconds since 1970, and its parting words."""

    seen_at_us: int
    status: str


class LastStore:
    """The records of one database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def find(self, account: JID) -> LastActivity | None:
        """Return an account's record, None when it has never been online."""
        row = await self._database.fetch_one(_FIND, **_key(account))
        return None if row is None else LastActivity(*row)

    def put(self, account: JID, last: LastActivity) -> None:
        """Queue the new record of an account."""
        self._database.submit(
            self.removal(account), _ADD.bind(**_key(account), seen_at=last.seen_at_us, status_=last.status)
        )

    def removal(self, account: JID) -> Write:
        """Return the write that removes an account's record."""
        return _DELETE.bind(**_key(account))


def _key(account: JID) -> dict[str, str]:
    return {"domain_": account.domain, "username_": account.local}


class Riak(Options, tier="C"):
    """``[modules.mod_last.riak]``; no effect here."""

    bucket_type: NonEmpty = option("last", help="No effect.")


class LastOptions(ModuleOptions):
    """``[modules.mod_last]``."""

    backend: Literal["mnesia", "rdbms", "riak"] = option(
        "mnesia", mapped=FOREIGN_STORES, help="Where the records are kept."
    )
    riak: Riak = option(Riak(), tier="C", help="No effect.")


class ModLast(Module[LastOptions]):
    """Answers jabber:iq:last queries to the server and for its accounts, and watches over those to its clients."""

    Options = LastOptions
    schema = SCHEMA
    features = (ns.LAST,)
    xeps = (Xep(12, "2.0"),)

    async def start(self) -> None:
        """Open the store."""
        self._store = LastStore(self.api.database)

    # --- asking -----------------------------------------------------------------------------------------------

    @iq_handler("get", ns.LAST, "query")
    def tell_uptime(self, iq: Stanza) -> Element:
        """Return how long the server has been up (XEP-0012 §5)."""
        return _answer(self.api.clock.monotonic() - self.api.started_at)

    @iq_handler("get", ns.LAST, "query", to="account")
    async def tell_absence(self, iq: Stanza) -> Element:
        """Return how long an account has been away (XEP-0012 §3)."""
        account, viewer = iq.to_jid, iq.from_jid.bare
        if not await self._may_see(account, viewer):
            raise StanzaError("forbidden")
        if self._is_online(account, viewer):
            return _answer(0)
        last = await self._store.find(account)
        if last is None:
            raise StanzaError("service-unavailable")
        return _answer((self.api.clock.now_us() - last.seen_at_us) / 1e6, last.status)

    @iq_handler("set", ns.LAST, "*", to="server account")
    def refuse(self, iq: Stanza) -> None:
        """Nobody sets what has been."""
        raise StanzaError("not-allowed")

    def _is_online(self, account: JID, viewer: JID) -> bool:
        """Tell whether *viewer* knows the account as online; contacts do not know of invisible resources."""
        if viewer == account and self.api.sessions.has(account):
            return True
        return any(not session.is_invisible for session in self.api.sessions.available(account))

    async def _may_see(self, account: JID, viewer: JID) -> bool:
        roster = self.api.find(RosterView)
        if viewer == account:
            return True
        if roster is None:
            return False
        relation = await roster.get_relation(account, viewer)
        return relation.subscription in ("from", "both")

    @hookimpl
    def filter_received(self, stanza: Stanza, account: JID) -> Stanza | None:
        """Let a query through to a client only from who may see its presence (XEP-0012 §8)."""
        if stanza.name != "iq" or stanza.type != "get" or stanza.to_jid.is_bare:
            return stanza
        payload = stanza.payload
        if payload is None or payload.ns != ns.LAST or stanza.from_jid.bare == account:
            return stanza
        roster = self.api.find(RosterView)
        known = False if roster is None else roster.may_see_presence(account, stanza.from_jid.bare)
        if known:
            return stanza
        if known is None:
            self.api.router.answer(stanza, self._pass_on)
            return None
        raise StanzaError("forbidden")

    async def _pass_on(self, stanza: Stanza) -> Element:
        """Deliver a query to a client whose roster had to be read first."""
        if not await self._may_see(stanza.to_jid.bare, stanza.from_jid.bare):
            raise StanzaError("forbidden")
        session = self.api.sessions.find(stanza.to_jid)
        if session is None:
            raise StanzaError("service-unavailable", "Route offline")
        session.send(stanza)
        return NO_REPLY

    # --- recording --------------------------------------------------------------------------------------------

    @hookimpl
    def presence_changed(self, session: Session, broadcast: Stanza) -> None:
        """Keep the words a client becomes unavailable with."""
        if session.presence is not None:
            session.data.pop(self.name, None)
            return
        session.data[self.name] = (broadcast.child_text(ns.CLIENT, "status") or "")[:MAX_STATUS]
        if not session.is_over:
            self._record(session)

    @hookimpl
    def session_closed(self, session: Session) -> None:
        """Record when, and with which words, the account was last online."""
        self._record(session)

    def _record(self, session: Session) -> None:
        status = session.data.get(self.name, "")
        self._store.put(session.account, LastActivity(self.api.clock.now_us(), status))

    @hookimpl
    def account_data_removal(self, account: JID) -> list[Write]:
        """Remove the account's record with it."""
        return [self._store.removal(account)]


def _answer(seconds: float, status: str = "") -> Element:
    return element(ns.LAST, "query", status or None, seconds=str(max(0, int(seconds))))


setup = ModLast
