"""Multi-User Chat (XEP-0045): rooms with nicknames, roles and affiliations at a service of each host.

A room is awake while somebody is inside. A persistent one sleeps in the database otherwise, and wakes with the first
stanza for it. Contract: xmpp-behaviour, section 7; admin-api, sections 6.17-6.20.
"""

from __future__ import annotations

from collections.abc import Iterable

from mim.capabilities import ChatRooms
from mim.config import expand_host
from mim.plugin import JID, Element, Module, Xep, element, hookimpl
from mim.storage.api import Write
from mim.xmpp import ns
from mim_plugins.mod_muc.acting import ActingRooms
from mim_plugins.mod_muc.context import Context
from mim_plugins.mod_muc.options import MucOptions
from mim_plugins.mod_muc.room import Room
from mim_plugins.mod_muc.service import Service
from mim_plugins.mod_muc.stanzas import Change
from mim_plugins.mod_muc.store import SCHEMA, MucStore

SHUTDOWN = 332


class ModMuc(Module[MucOptions]):
    """The rooms of one host."""

    Options = MucOptions
    schema = SCHEMA
    after = ("mod_roster", "mod_mam_meta", "mod_disco", "mod_privacy")
    xeps = (Xep(45, "1.35.3"), Xep(249, "1.2"), Xep(410, "1.1.0"), Xep(307, "0.1"))

    async def start(self) -> None:
        """Read registered nicknames, serve the services' names."""
        api = self.api
        self._context = Context(api, self.options, MucStore(api.database))
        self._service = Service(self._context)
        self._services = {domain: expand_host(self.options.host, domain) for domain in api.host.domains}
        self._context.nicks = await self._context.store.nicks()
        for service in sorted(set(self._services.values())):
            api.add_service(service, self._service.handle)
            if self.options.load_permanent_rooms_at_startup:
                await self._load(service)
        api.provide(ChatRooms, ActingRooms(self._context, self._service, self._services))
        if isinstance(self.options.hibernated_room_check_interval, int):
            self._check_later()

    async def _load(self, service: str) -> None:
        for node, _ in await self._context.store.list_rooms(service):
            jid = JID(node, service)
            stored = await self._context.store.find_room(jid)
            if stored is not None:
                room = Room.awoken(jid, stored, self.options.history_size)
                room.used_at = self.api.clock.monotonic()
                self._context.rooms[jid] = room

    def _check_later(self) -> None:
        interval, timeout = self.options.hibernated_room_check_interval, self.options.hibernated_room_timeout
        if isinstance(interval, int) and isinstance(timeout, int):
            self.api.call_later(max(interval, 1) / 1000, self._check)

    def _check(self) -> None:
        assert isinstance(self.options.hibernated_room_timeout, int)
        self._service.idling.hibernate(self.options.hibernated_room_timeout / 1000)
        self._check_later()

    async def stop(self) -> None:
        """Tell everybody inside that the service stops."""
        change = Change(codes=(SHUTDOWN,), is_over=True)
        for room in self._context.rooms.values():
            for occupant in list(room.occupants.values()):
                self._context.sender.announce(room, occupant, change, payload=[], others=False)

    @hookimpl
    def server_items(self, domain: str) -> Iterable[Element]:
        """List the service among what the server has."""
        return [element(ns.DISCO_ITEMS, "item", jid=self._services[domain])] if domain in self._services else []

    @hookimpl
    def account_data_removal(self, account: JID) -> list[Write]:
        """Forget an account's affiliations and its nickname."""
        return self._context.store.account_removal(account)

    @hookimpl
    def account_removed(self, account: JID) -> None:
        """Forget it in memory, too."""
        for room in list(self._context.rooms.values()):
            room.affiliations.pop(account, None)
            if room.find(account) is not None:  # the admin API has put him inside: no session ends there
                self._service.entrance.leave(room, account, [])
        for key in [key for key in self._context.nicks if key[1] == account]:
            del self._context.nicks[key]


setup = ModMuc
