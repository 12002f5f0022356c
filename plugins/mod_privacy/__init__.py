"""Privacy lists (XEP-0016): who may reach an account, and whom it may reach, in lists that the account keeps.

The block list of XEP-0191 is one of them: ``blocking``, made the default. mod_blocking speaks that protocol.
"""

from __future__ import annotations

from typing import Literal

from mim.capabilities import BlockList
from mim.config import FOREIGN_STORES, NonEmpty, Options
from mim.plugin import (
    JID,
    Element,
    Module,
    Session,
    Stanza,
    StanzaError,
    Xep,
    element,
    hookimpl,
    iq_handler,
    new_id,
    option,
    own_account,
)
from mim.storage.api import Write
from mim.xmpp import ns
from mim.xmpp.stanza import iq as make_iq

from .cache import ListCache
from .filters import Filters, SessionState
from .keeper import ListKeeper, existing
from .rules import PrivacyList, read_items, read_name
from .store import SCHEMA, AccountLists, PrivacyStore


class Riak(Options, tier="C"):
    """``riak``; no effect here."""

    defaults_bucket_type: NonEmpty = option("privacy_defaults", help="No effect.")
    names_bucket_type: NonEmpty = option("privacy_lists_names", help="No effect.")
    bucket_type: NonEmpty = option("privacy_lists", help="No effect.")


class PrivacyOptions(Options):
    """``[modules.mod_privacy]``."""

    backend: Literal["mnesia", "rdbms", "riak"] = option(
        "mnesia", mapped=FOREIGN_STORES, help="Where the lists are kept."
    )
    riak: Riak = option(Riak(), tier="C", help="No effect.")


class ModPrivacy(Module[PrivacyOptions]):
    """Keeps the lists and filters by them; offers the host's ``BlockList``."""

    Options = PrivacyOptions
    schema = SCHEMA
    features = (ns.PRIVACY,)
    xeps = (
        Xep(16, "1.7", "groups need not be on the roster; contacts' presence is not taken back from the owner"),
        Xep(126, "1.1"),
    )

    async def start(self) -> None:
        """Open the store; read the lists of whoever is online already."""
        self._store = PrivacyStore(self.api.database)
        self._cache = ListCache(self._store)
        self._filters = Filters(self.api, self._cache)
        self._keeper = ListKeeper(self.api, self._store, self._cache, self._filters)
        for session in self._sessions():
            await self._adopt(session)
        self.api.provide(BlockList, self._keeper)

    async def stop(self) -> None:
        """Leave no trace on the sessions."""
        for session in self._sessions():
            session.gate = None
            session.data.pop(self.name, None)

    def _sessions(self) -> list[Session]:
        return [one for domain in self.api.host.domains for one in self.api.sessions.of_domain(domain)]

    # --- filters ----------------------------------------------------------------------------------------------
    # Privacy lists come before every other rule of delivery (XEP-0016 §2.2, rule 4).

    @hookimpl(tryfirst=True)
    def filter_sent(self, stanza: Stanza, session: Session | None) -> Stanza:
        """Refuse what a client's list denies."""
        return self._filters.sent(stanza, session)

    @hookimpl(tryfirst=True)
    def filter_broadcast(self, stanza: Stanza, session: Session) -> Stanza | None:
        """Keep presence from whom a client's list denies it."""
        return self._filters.broadcast(stanza, session)

    @hookimpl(tryfirst=True)
    def filter_received(self, stanza: Stanza, account: JID) -> Stanza | None:
        """Refuse what the account's list denies."""
        return self._filters.received(stanza, account)

    # --- accounts and sessions --------------------------------------------------------------------------------

    @hookimpl
    async def session_opening(self, session: Session) -> None:
        """Read the account's lists."""
        session.data[self.name] = SessionState(await self._cache.load(session.account))

    @hookimpl(tryfirst=True)
    def session_opened(self, session: Session) -> None:
        """Keep them in memory while the account is online."""
        state: SessionState | None = session.data.get(self.name)
        if state is None:  # it was being opened when this module started
            self.api.spawn(self._adopt(session))
            return
        state.lists = self._cache.pin(session.account, state.lists)
        self._filters.refresh_gates(session.account)

    async def _adopt(self, session: Session) -> None:
        await self.session_opening(session)
        if not session.is_over:
            self.session_opened(session)

    @hookimpl(trylast=True)
    def session_closed(self, session: Session) -> None:
        """Let go of what only this session needed."""
        if self.api.sessions.has(session.account):
            self._filters.refresh_gates(session.account)
        else:
            self._cache.unpin(session.account)

    @hookimpl
    def account_data_removal(self, account: JID) -> list[Write]:
        """Remove the account's lists with it."""
        return self._store.removal(account)

    @hookimpl
    def account_removed(self, account: JID) -> None:
        """Forget its lists."""
        self._cache.forget(account)

    # --- queries ----------------------------------------------------------------------------------------------

    @iq_handler("get", ns.PRIVACY, "query", to="account")
    async def tell(self, iq: Stanza) -> Element:
        """Return the names of the lists, or one list (XEP-0016 §2.3)."""
        lists = await self._cache.load(own_account(iq))
        asked = _asked(iq)
        if not asked:
            return self._names(lists, self.api.sessions.find(iq.from_jid))
        if len(asked) != 1 or asked[0].name != "list":
            raise StanzaError("bad-request", "ask for one list")
        return element(ns.PRIVACY, "query", existing(lists, read_name(asked[0])).to_element())

    def _names(self, lists: AccountLists, session: Session | None) -> Element:
        active = "" if session is None else self._filters.active_of(session)
        return element(
            ns.PRIVACY,
            "query",
            element(ns.PRIVACY, "active", name_=active) if active else None,
            element(ns.PRIVACY, "default", name_=lists.default) if lists.default else None,
            [element(ns.PRIVACY, "list", name_=name) for name in lists.lists],
        )

    @iq_handler("set", ns.PRIVACY, "query", to="account")
    async def change(self, iq: Stanza) -> None:
        """Set, remove, activate a list, or make one the default (XEP-0016 §2.4 to §2.8)."""
        account = own_account(iq)
        session = self.api.sessions.find(iq.from_jid)
        if session is None:
            raise StanzaError("not-allowed")
        asked = _asked(iq)
        if len(asked) != 1 or asked[0].ns != ns.PRIVACY:
            raise StanzaError("bad-request", "ask for one change at a time")
        what, name = asked[0].name, read_name(asked[0])
        lists = await self._cache.load(account)
        if what == "active":
            self._keeper.activate(session, lists, name)
        elif what == "default":
            await self._keeper.choose_default(session, lists, name)
        elif what == "list" and name:
            items = read_items(asked[0])
            if items:
                await self._keeper.put(account, lists, PrivacyList(name, items))
            else:
                await self._keeper.drop(session, lists, name)
            self._push(account, name)
        else:
            raise StanzaError("bad-request", "ask for a list with a name, active or default")

    def _push(self, account: JID, name: str) -> None:
        """Tell every client that a list has changed (XEP-0016 §2.2, rule 10)."""
        changed = element(ns.PRIVACY, "query", element(ns.PRIVACY, "list", name_=name))
        for session in self.api.sessions.of(account):
            session.send(make_iq(changed, sender=account, to=session.jid, type="set", id=f"push{new_id()}"))


def _asked(iq: Stanza) -> list[Element]:
    query = iq.payload
    assert query is not None
    return list(query.elements())


setup = ModPrivacy
