"""MUC Light: rooms without presence and nicknames (urn:xmpp:muclight:0).

An occupant belongs to a room until he leaves or is removed, online or not. Rooms are kept in the database; those in
use are in memory, so that a message asks nobody.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial

from mim.config import expand_host
from mim.errors import Conflict
from mim.plugin import (
    JID,
    Element,
    LightRooms,
    Module,
    ModuleApi,
    RoomArchive,
    Session,
    Stanza,
    Xep,
    hookimpl,
    own_account,
)
from mim.storage.api import Write
from mim_plugins.mod_muc_light import discovery
from mim_plugins.mod_muc_light.acting import ActingRooms
from mim_plugins.mod_muc_light.broadcast import Broadcast
from mim_plugins.mod_muc_light.cache import Expiry, RoomCache
from mim_plugins.mod_muc_light.codec import ChangeBlocked, Codec, ReadBlocked
from mim_plugins.mod_muc_light.legacy import NS_PRIVACY, LegacyCodec, read_privacy_request
from mim_plugins.mod_muc_light.modern import ModernCodec
from mim_plugins.mod_muc_light.operations import Operations
from mim_plugins.mod_muc_light.options import CacheAffs, MucLightOptions
from mim_plugins.mod_muc_light.refusals import RoomRefusal
from mim_plugins.mod_muc_light.rooms import Rooms
from mim_plugins.mod_muc_light.schema import ConfigSchema
from mim_plugins.mod_muc_light.service import Service
from mim_plugins.mod_muc_light.store import SCHEMA, LightStore


class ModMucLight(Module[MucLightOptions]):
    """The rooms of one host, and the services they are found under."""

    Options = MucLightOptions
    schema = SCHEMA
    # Contacts hear of an account's removal before its rooms do (contract/admin-api, section 7).
    after = ("mod_roster", "mod_mam_meta", "mod_offline", "mod_cache_users")
    xeps = (
        Xep(45, "1.35.3", "in legacy mode, as far as rooms without presence can"),
        Xep(59, "1.0", "lists of rooms"),
    )

    def __init__(self, api: ModuleApi, options: MucLightOptions) -> None:
        super().__init__(api, options)
        schema = ConfigSchema(options.config_schema)
        self._codec: Codec = LegacyCodec() if options.legacy_mode else ModernCodec()
        self._services = {domain: expand_host(options.host, domain) for domain in api.host.domains}
        self._store = LightStore(api.database, schema)
        self._rooms = Rooms(self._store, RoomCache(api.clock, self._expiry(options.cache_affs)), api.spawn)
        find_archive = partial(api.find, RoomArchive)
        broadcast = Broadcast(self._codec, api.router.fan_out, api.router.route, find_archive)
        operations = Operations(options, schema, self._store, self._rooms, broadcast, find_archive, api.log)
        self._service = Service(
            api, options, self._codec, self._store, self._rooms, operations, frozenset(self._services.values())
        )
        self._acting = ActingRooms(self._store, self._rooms, operations, self._service, self._services)

    def _expiry(self, section: CacheAffs | None) -> Expiry | None:
        if section is None:
            return None
        minutes, segments = section.time_to_live, section.number_of_segments
        strategy: str = section.strategy
        if section.module == "mod_cache_users":
            settings = self.api.host.config.modules.get("mod_cache_users")
            minutes = getattr(settings, "time_to_live", 480)
            segments = getattr(settings, "number_of_segments", 3)
            strategy = getattr(settings, "strategy", "fifo")
        if isinstance(minutes, str):
            return None
        return Expiry(minutes * 60.0, segments, strategy == "lru")

    async def start(self) -> None:
        """Open the services.

        Raises:
            Conflict: another module or host has the name.
        """
        for service in dict.fromkeys(self._services.values()):
            try:
                self.api.add_service(service, self._service.handle)
            except ValueError as error:
                raise Conflict(f"mod_muc_light: {error}") from error
        self.api.provide(LightRooms, self._acting)

    async def stop(self) -> None:
        """Let changes that are under way end."""
        await self._rooms.finish()

    # --- hooks ------------------------------------------------------------------------------------------------

    @hookimpl
    def server_items(self, domain: str) -> Iterable[Element]:
        """The service stands in the server's list."""
        service = self._services.get(domain)
        return () if service is None else (discovery.service_item(self._codec, service),)

    @hookimpl
    async def roster_extra_items(self, account: JID) -> Iterable[Element]:
        """With rooms_in_rosters the rooms stand in their occupants' rosters."""
        if not self.options.rooms_in_rosters:
            return ()
        rooms = [
            room
            for service in dict.fromkeys(self._services.values())
            for room in await self._store.list_rooms(service, account)
        ]
        return [discovery.roster_item(room) for room in sorted(rooms, key=lambda room: str(room.jid))]

    @hookimpl
    async def account_leaving(self, account: JID) -> None:
        """An account that is removed leaves the rooms of all hosts."""
        for host in self.api.hosts:
            rooms = host.find(LightRooms)
            if rooms is not None:
                await rooms.leave_all(account)

    @hookimpl
    def account_data_removal(self, account: JID) -> Iterable[Write]:
        """Its blocking lists go with it."""
        return self._store.removal(account)

    @hookimpl
    def filter_sent(self, stanza: Stanza, session: Session | None) -> Stanza | None:
        """In legacy mode one privacy list stands for the blocking lists; the others are another module's."""
        if not self.options.legacy_mode or stanza.name != "iq" or stanza.type not in ("get", "set"):
            return stanza
        payload = stanza.payload
        if payload is None or payload.ns != NS_PRIVACY or stanza.to_jid != stanza.from_jid.bare:
            return stanza
        try:
            request = read_privacy_request(stanza)
        except RoomRefusal as refusal:
            raise refusal.to_stanza_error() from None
        if request is None:
            return stanza
        self.api.router.answer(stanza, partial(self._answer_privacy, request))
        return None

    async def _answer_privacy(
        self, request: ReadBlocked | dict[str, ChangeBlocked], iq: Stanza
    ) -> Element | None:
        account = own_account(iq)
        try:
            if isinstance(request, ReadBlocked):
                return await self._service.answer_blocking(iq, self._services[account.domain], request)
            for service, change in request.items():
                await self._service.answer_blocking(iq, service, change)
        except RoomRefusal as refusal:
            raise refusal.to_stanza_error() from None
        return None


setup = ModMucLight
