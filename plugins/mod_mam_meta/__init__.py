"""Message archives (XEP-0313): of users, switched on by ``pm``, and of rooms, switched on by ``muc``.

    content.py       what is archived, and what of it the archive must know
    users.py         users' archives: messages on their way, questions, what the admin API reads
    rooms.py         rooms' archives, for room services
    archive.py       what both do alike
    query.py, pages.py, results.py   a question, the page it gets, the messages that carry it
    preferences.py   who wants what archived
    stored.py, tables.py, statements.py, store.py   how it is kept
"""

from __future__ import annotations

from collections.abc import Iterable

from mim.capabilities import ArchiveView, RoomArchive
from mim.plugin import JID, Element, Module, ModuleApi, Session, Stanza, StanzaError, Xep, hookimpl, iq_handler
from mim.storage.api import Write
from mim.xmpp.ns import MAM1, MAM2
from mim_plugins.mod_mam_meta.options import MamOptions
from mim_plugins.mod_mam_meta.rooms import RoomArchives
from mim_plugins.mod_mam_meta.tables import SCHEMA
from mim_plugins.mod_mam_meta.users import UserArchives

__all__ = ["ModMamMeta", "setup"]


class ModMamMeta(Module[MamOptions]):
    """Keeps what users send and receive, and what is said in rooms."""

    Options = MamOptions
    schema = SCHEMA
    # What they refuse or drop is not archived.
    after = ("mod_domain_isolation", "mod_privacy", "mod_blocking")
    xeps = (
        Xep(313, "0.6.3", "urn:xmpp:mam:1 and :2, without :2#extended"),
        Xep(441, "0.2.0"),
        Xep(59, "1.0"),
        Xep(359, "0.6.1"),
        Xep(424, "0.3.0"),
    )

    def __init__(self, api: ModuleApi, options: MamOptions) -> None:
        super().__init__(api, options)
        self._users = None if options.pm is None else UserArchives(api, options, options.pm)
        self._rooms = None if options.muc is None else RoomArchives(api, options, options.muc)
        self.features = () if self._users is None else self._users.features

    @classmethod
    def also_starts(cls, options: MamOptions) -> tuple[str, ...]:
        """The cache of users, when the file asks for it."""
        return ("mod_cache_users",) if options.cache_users and options.cache.module == "mod_cache_users" else ()

    async def start(self) -> None:
        """Read preferences, then offer the archives to the other modules."""
        if self._users is not None:
            await self._users.load(self.api.host.domains)
            self.api.provide(ArchiveView, self._users)
        if self._rooms is not None:
            await self._rooms.load(self._rooms.services)
            self.api.provide(RoomArchive, self._rooms)

    @hookimpl
    def filter_sent(self, stanza: Stanza, session: Session | None) -> Stanza | None:
        """Archive what a user sends."""
        return stanza if stanza.name != "message" or self._users is None else self._users.sent(stanza)

    @hookimpl
    def filter_received(self, stanza: Stanza, account: JID) -> Stanza | None:
        """Archive what a user receives."""
        return stanza if stanza.name != "message" or self._users is None else self._users.received(stanza, account)

    @iq_handler("get", MAM1, "query", to="account")
    @iq_handler("set", MAM1, "query", to="account")
    @iq_handler("get", MAM1, "prefs", to="account")
    @iq_handler("set", MAM1, "prefs", to="account")
    @iq_handler("get", MAM2, "query", to="account")
    @iq_handler("set", MAM2, "query", to="account")
    @iq_handler("get", MAM2, "prefs", to="account")
    @iq_handler("set", MAM2, "prefs", to="account")
    async def answer(self, iq: Stanza) -> Element:
        """Answer a question to a user's archive."""
        if self._users is None:
            raise StanzaError("service-unavailable")
        return await self._users.answer(iq)

    @hookimpl
    def account_data_removal(self, account: JID) -> Iterable[Write]:
        """The account's archive goes with it; what its peers have stays theirs."""
        return () if self._users is None else self._users.removal(account)

    @hookimpl
    def account_removed(self, account: JID) -> None:
        """Nothing of it stays in memory."""
        if self._users is not None:
            self._users.forget(account)


setup = ModMamMeta
