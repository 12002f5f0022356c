"""The stanzas that reach a service: to which request each leads, and what goes back (muc-light, sections 3, 9-14)."""

from __future__ import annotations

from collections.abc import Awaitable
from functools import partial

from mim.errors import MimError
from mim.plugin import JID, Element, ModuleApi, RoomArchive, RoomReader, Stanza, StanzaError, new_id
from mim.xmpp import ns
from mim_plugins.mod_muc_light import discovery
from mim_plugins.mod_muc_light.codec import (
    ChangeAffiliations,
    ChangeBlocked,
    Codec,
    Configure,
    Create,
    Read,
    ReadBlocked,
    RoomRequest,
)
from mim_plugins.mod_muc_light.model import SUBJECT_FIELD, Affiliation, Room
from mim_plugins.mod_muc_light.operations import Operations, Request, occupied, settled
from mim_plugins.mod_muc_light.options import MucLightOptions, bound
from mim_plugins.mod_muc_light.refusals import Malformed, NoSuchRoom, NotAnOccupant, RoomExists, RoomRefusal
from mim_plugins.mod_muc_light.rooms import Rooms
from mim_plugins.mod_muc_light.store import LightStore

Answer = Element | None | Awaitable[Element | None]
_NOT_ENTITLED = "The action is not allowed. Not allowed to enter the room."


class Service:
    """Takes the stanzas for the services of one host."""

    def __init__(
        self,
        api: ModuleApi,
        options: MucLightOptions,
        codec: Codec,
        store: LightStore,
        rooms: Rooms,
        operations: Operations,
        domains: frozenset[str],
    ) -> None:
        self._api = api
        self._options = options
        self._codec = codec
        self._store = store
        self._rooms = rooms
        self._operations = operations
        self._domains = domains
        self._page_limit = bound(options.rooms_per_page)

    def handle(self, stanza: Stanza) -> None:
        """Take a stanza for a service or a room.

        Raises:
            StanzaError: it is refused.
        """
        if stanza.from_jid.domain in self._domains:
            return  # a room has been made an occupant of a room; answering would never end
        if stanza.name == "iq":
            if stanza.type in ("get", "set"):
                self._api.router.answer(stanza, self._answer)
        elif stanza.type != "error":
            if stanza.name == "message":
                self._message(stanza)
            else:
                self._presence(stanza)

    # --- messages and presence --------------------------------------------------------------------------------

    def _message(self, message: Stanza) -> None:
        room = _room_of(message)
        if message.type != "groupchat":
            raise StanzaError("bad-request", "a room takes messages of type groupchat")
        subject = self._codec.read_subject(message)
        if subject is not None:
            request = _request_of(message)
            configure = partial(self._operations.configure, Configure({SUBJECT_FIELD: subject}), request)
            self._promise(message, _kept(self._rooms.perform(room, configure), request))
            return
        try:
            said = self._rooms.do(room, partial(self._operations.speak, message))
        except RoomRefusal as refusal:
            raise refusal.to_stanza_error() from None
        if said is not None:
            self._promise(message, said)

    def _presence(self, presence: Stanza) -> None:
        """Presence to ``room/nick`` may make a room; to the room itself, or to the service, it means nothing."""
        to = presence.to_jid
        if not to.local or not to.resource:
            return
        create = self._codec.read_presence(presence)
        if create is not None:
            self._check_local(presence)
            request = _request_of(presence)
            made = self._rooms.perform(to.bare, partial(self._create_by_presence, to.bare, create, request))
            self._promise(presence, _kept(made, request))
        elif not self._options.legacy_mode:
            _room_of(presence)

    async def _create_by_presence(self, jid: JID, create: Create, request: Request, room: Room | None) -> None:
        """A room can be made by presence, not entered."""
        try:
            await self._operations.create(jid, create, request, room)
        except RoomExists:
            raise StanzaError("registration-required") from None

    def _promise(self, stanza: Stanza, outcome: Awaitable[None]) -> None:
        """Have a stanza's acknowledgement wait for its outcome, and its sender hear of a refusal."""
        stanza.trail.promises.append(self._api.router.spawn(self._refuse_later(stanza, outcome)))

    async def _refuse_later(self, stanza: Stanza, outcome: Awaitable[None]) -> None:
        try:
            await outcome
        except RoomRefusal as refusal:
            self._api.router.refuse(stanza, refusal.to_stanza_error())
        except StanzaError as error:
            self._api.router.refuse(stanza, error)
        except MimError as error:
            self._api.router.refuse(stanza, StanzaError.from_refusal(error))
        except Exception:
            self._api.log.exception("stanza failed", extra={"kind": stanza.name, "to": str(stanza.to)})
            self._api.router.refuse(stanza, StanzaError("internal-server-error"))

    # --- IQ ---------------------------------------------------------------------------------------------------

    def _answer(self, iq: Stanza) -> Answer:
        query = iq.payload
        if query is None or sum(1 for _ in iq.elements()) != 1:
            raise StanzaError("bad-request", "an IQ carries exactly one element")
        try:
            answer = self._answer_room(iq, query, _room_of(iq)) if iq.to_jid.local else self._answer_service(iq, query)
        except RoomRefusal as refusal:
            raise refusal.to_stanza_error() from None
        return _translated(answer) if isinstance(answer, Awaitable) else answer

    def _answer_service(self, iq: Stanza, query: Element) -> Answer:
        service = iq.to_jid.domain
        request = self._codec.read_service_request(iq)
        if isinstance(request, Create):
            self._check_local(iq)
            asked = _request_of(iq)
            return _kept(self.create_unique(service, request, asked), asked)
        if request is not None:
            return self.answer_blocking(iq, service, request)
        if iq.type == "get":
            if (query.ns, query.name) == (ns.DISCO_INFO, "query"):
                return discovery.info(self._codec, query, self._archive_features(service))
            if (query.ns, query.name) == (ns.DISCO_ITEMS, "query"):
                return self._list_rooms(iq, query)
            if (query.ns, query.name) == (ns.PING, "ping"):
                return None
        raise StanzaError("feature-not-implemented")

    def _answer_room(self, iq: Stanza, query: Element, jid: JID) -> Answer:
        request = self._codec.read_room_request(iq)
        if isinstance(request, Read):
            return self._rooms.do(jid, partial(self._read, iq, request))
        if request is not None:
            if isinstance(request, Create):
                self._check_local(iq)
            return self._answer_change(jid, request, _request_of(iq))
        if iq.type == "get" and (query.ns, query.name) == (ns.DISCO_INFO, "query"):
            return self._rooms.do(jid, partial(self._room_info, query))
        archive = self._archive(jid.domain)
        if archive is not None and archive.answers(query):
            return self._ask_archive(archive, iq, jid)
        return self._rooms.do(jid, partial(_not_implemented, iq))

    def _read(self, iq: Stanza, asked: Read, room: Room | None) -> Element | None:
        found = occupied(room, iq.from_jid.bare)
        return None if asked.version == found.version else self._codec.answer(found, asked.part)

    def _answer_change(self, jid: JID, asked: RoomRequest, request: Request) -> Awaitable[None]:
        operations = self._operations
        done: Awaitable[object]
        match asked:
            case Create():
                done = self._rooms.perform(jid, partial(operations.create, jid, asked, request))
            case Configure():
                done = self._rooms.perform(jid, partial(operations.configure, asked, request))
            case ChangeAffiliations():
                done = self._rooms.perform(jid, partial(operations.change_affiliations, asked, request))
            case _:
                done = self._rooms.perform(jid, partial(operations.destroy, request))
        return _kept(done, request)

    async def create_unique(self, service: str, create: Create, request: Request) -> JID:
        """Make a room on an unused node and return its JID."""
        while True:
            jid = JID(new_id(), service)
            try:
                return await self._rooms.perform(jid, partial(self._operations.create, jid, create, request))
            except RoomExists:
                continue

    def _check_local(self, stanza: Stanza) -> None:
        if self._api.hosts.find(stanza.from_jid.domain) is None:
            raise StanzaError("not-allowed", "only users of this server make rooms")

    # --- discovery, archive -----------------------------------------------------------------------------------

    def _room_info(self, query: Element, room: Room | None) -> Element:
        if room is None:
            raise NoSuchRoom
        return discovery.info(self._codec, query, self._archive_features(room.jid.domain))

    async def _list_rooms(self, iq: Stanza, query: Element) -> Element:
        rooms = await self._store.list_rooms(iq.to_jid.domain, iq.from_jid.bare)
        return discovery.items(self._codec, query, rooms, self._page_limit)

    async def _ask_archive(self, archive: RoomArchive, iq: Stanza, jid: JID) -> Element | None:
        """Only the check takes its turn: an archive is read without keeping the room waiting."""
        user = iq.from_jid.bare
        try:
            room = occupied(await self._rooms.get(jid), user)
        except (NoSuchRoom, NotAnOccupant):
            raise StanzaError("not-allowed", _NOT_ENTITLED) from None
        is_owner = room.affiliation(user) is Affiliation.OWNER
        return await archive.answer(iq, jid, RoomReader(iq.from_jid, sees_jids=False, is_owner=is_owner))

    def _archive(self, service: str) -> RoomArchive | None:
        archive = self._api.find(RoomArchive)
        return archive if archive is not None and archive.serves(service) else None

    def _archive_features(self, service: str) -> tuple[str, ...]:
        archive = self._archive(service)
        return () if archive is None else archive.features

    # --- blocking ---------------------------------------------------------------------------------------------

    async def answer_blocking(self, iq: Stanza, service: str, request: ReadBlocked | ChangeBlocked) -> Element | None:
        """Answer a request to the sender's blocking list on *service*."""
        if not self._options.blocking:
            raise Malformed("blocking is switched off")
        account = iq.from_jid.bare
        if isinstance(request, ReadBlocked):
            return self._codec.blocking_list(service, await self._store.list_blocked(service, account))
        await self._store.change_blocked(service, account, request.changes)
        return None


def _room_of(stanza: Stanza) -> JID:
    """Return the room a stanza is for.

    Raises:
        StanzaError: it is for an occupant, or for the service.
    """
    to = stanza.to_jid
    if to.resource:
        raise StanzaError("bad-request", "Resource expected to be empty")
    if not to.local:
        raise StanzaError("feature-not-implemented")
    return to


def _request_of(stanza: Stanza) -> Request:
    return Request(stanza.from_jid, stanza.id or new_id())


def _not_implemented(iq: Stanza, room: Room | None) -> Element:
    occupied(room, iq.from_jid.bare)
    raise StanzaError("feature-not-implemented")


async def _kept(done: Awaitable[object], request: Request) -> None:
    """Wait until a change, and what it led to, is on disk."""
    await done
    await settled(request.trail)


async def _translated(answer: Awaitable[Element | None]) -> Element | None:
    try:
        return await answer
    except RoomRefusal as refusal:
        raise refusal.to_stanza_error() from None
