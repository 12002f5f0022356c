"""The stanzas that reach the service: to which room, and what a room does with them."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any

from mim.errors import MimError
from mim.plugin import JID, Element, RoomReader, Stanza, StanzaError
from mim.xmpp import ns
from mim_plugins.mod_muc.config import RoomConfig
from mim_plugins.mod_muc.context import Context
from mim_plugins.mod_muc.discovery import Discovery
from mim_plugins.mod_muc.entering import BROKEN, Entrance
from mim_plugins.mod_muc.idling import Idling
from mim_plugins.mod_muc.moderation import Moderation
from mim_plugins.mod_muc.owning import Owning
from mim_plugins.mod_muc.pacing import Pacing
from mim_plugins.mod_muc.room import Room
from mim_plugins.mod_muc.speaking import KICKED, OUTSIDER, Speaker, find_speaker
from mim_plugins.mod_muc.stanzas import Change, own_payload

LOCKED = "This room is locked"
NO_ROOM = "Conference room does not exist"
NOT_ENTITLED = "The action is not allowed. Not allowed to enter the room."
Answer = Element | None | Awaitable[Element | None]
Work = Callable[[Room | None], None]
Failed = Callable[[Exception], None]


class Service:
    """Takes the stanzas for the services of one host."""

    def __init__(self, context: Context) -> None:
        self.context = context
        self.entrance = Entrance(context)
        self.speaker = Speaker(context, self.entrance)
        self.moderation = Moderation(context, self.entrance, self.speaker)
        self.idling = Idling(context, self.entrance)
        self.pacing = Pacing(context)
        self.owning = Owning(context, self.entrance, self.moderation)
        self.discovery = Discovery(context)
        self._router = context.api.router
        self._waking: dict[JID, deque[tuple[Work, Failed]]] = {}

    # --- rooms ------------------------------------------------------------------------------------------------

    def with_room(self, jid: JID, work: Work, failed: Failed) -> None:
        """Do *work* with a room that is awake, or None when there is none; while it wakes, work waits in order.

        *failed* is called instead when the store cannot say, and after *work* that had to wait and broke.
        """
        waiting = self._waking.get(jid)
        if waiting is not None:
            waiting.append((work, failed))
            return
        room = self.context.rooms.get(jid)
        if room is not None:
            room.used_at = self.context.api.clock.monotonic()
            work(room)
            self.idling.rest(room)
            return
        self._waking[jid] = deque([(work, failed)])
        self._router.spawn(self._wake(jid))

    async def _wake(self, jid: JID) -> None:
        unreadable: Exception | None = None
        try:
            stored = await self.context.store.find_room(jid)
            if stored is not None:
                self.context.rooms[jid] = Room.awoken(jid, stored, self.context.options.history_size)
        except MimError as error:  # a store that fails is in the log
            unreadable = error
        except Exception as error:
            self.context.api.log.exception("room cannot be read", extra={"room": str(jid)})
            unreadable = error
        line = self._waking[jid]
        while line:
            work, failed = line.popleft()
            if unreadable is not None:
                failed(unreadable)
                continue
            try:
                work(self.context.rooms.get(jid))
            except Exception as error:
                self.context.api.log.exception("room failed", extra={"room": str(jid)})
                failed(error)
        del self._waking[jid]
        woken = self.context.rooms.get(jid)
        if woken is not None:
            woken.used_at = self.context.api.clock.monotonic()
            self.idling.rest(woken)

    # --- stanzas ----------------------------------------------------------------------------------------------

    def handle(self, stanza: Stanza) -> None:
        """Take a stanza for the service, a room or an occupant.

        Raises:
            StanzaError: it is refused.
        """
        context = self.context
        if not context.allows(context.options.access, stanza.from_jid) and stanza.type != "error":
            raise StanzaError("forbidden", "you may not use this service")
        if not stanza.to_jid.local:
            self._to_service(stanza)
            return
        turn: asyncio.Future[None] | None = None
        if stanza.to_jid.bare not in context.rooms or stanza.to_jid.bare in self._waking:
            turn = asyncio.get_running_loop().create_future()
            stanza.trail.promises.append(turn)

        def work(room: Room | None) -> None:
            if self.pacing.is_on and room is not None and self._has_to_wait(room, stanza):
                return
            self._to_room(room, stanza)

        self._in_turn(stanza, work, turn)

    def _has_to_wait(self, room: Room, stanza: Stanza) -> bool:
        """Tell whether a shaper holds an occupant's stanza back; it comes to its room later then."""
        occupant = room.find(stanza.from_jid)
        if occupant is None or stanza.name == "iq" or stanza.type in ("unavailable", "error"):
            return False

        def release() -> None:
            self._in_turn(stanza, lambda now: self._to_room(now, stanza))

        return self.pacing.holds(room, occupant, stanza, release)

    def _in_turn(self, stanza: Stanza, work: Work, turn: asyncio.Future[None] | None = None) -> None:
        """Do *work* with the room a stanza is for; who sent it hears when it is refused. *turn* is done then."""

        def end() -> None:
            if turn is not None and not turn.done():
                turn.set_result(None)

        def do(room: Room | None) -> None:
            try:
                work(room)
            except StanzaError as error:
                self._router.refuse(stanza, error)
            end()

        def failed(_: Exception) -> None:
            self._router.refuse(stanza, StanzaError("internal-server-error"))
            end()

        try:
            self.with_room(stanza.to_jid.bare, do, failed)
        except BaseException:
            end()
            raise

    def _to_room(self, room: Room | None, stanza: Stanza) -> None:
        if stanza.name == "presence":
            self._presence(room, stanza)
            return
        if stanza.name == "iq" and stanza.type in ("result", "error"):
            if room is not None:
                self._forward_answer(room, stanza)
            return
        if room is None:
            if stanza.type != "error":
                raise StanzaError("item-not-found", NO_ROOM)
            return
        if room.is_locked and room.affiliation_of(stanza.from_jid) != "owner":
            raise StanzaError("item-not-found", LOCKED)
        if stanza.name == "message":
            self.speaker.handle(room, stanza)
        elif stanza.to_jid.resource:
            self._query_occupant(room, stanza)
        else:
            self._router.answer(stanza, lambda iq: self._answer(room, iq))

    # --- presence ---------------------------------------------------------------------------------------------

    def _presence(self, room: Room | None, presence: Stanza) -> None:
        client = presence.from_jid
        kind = presence.type
        if kind == "error":
            if room is not None and not client.is_bare:
                change = Change(codes=(KICKED,), is_over=True, reason=BROKEN)
                self.entrance.remove(room, client, change, code=KICKED, reason=BROKEN)
            return
        if kind == "unavailable":
            if room is not None:
                self.entrance.leave(room, client, own_payload(presence))
            return
        if kind:
            return  # subscriptions and probes mean nothing to a room
        if not presence.to_jid.resource:
            raise StanzaError("jid-malformed", "No nickname")
        if room is None:
            self._create(presence)
            return
        occupant = room.find(client)
        is_join = presence.find(ns.MUC, "x") is not None
        if room.is_locked and room.affiliation_of(client) != "owner":
            raise StanzaError("item-not-found", LOCKED)
        now = self.context.api.clock.monotonic()
        if occupant is not None and not (is_join and occupant.nick == presence.to_jid.resource):
            if now - occupant.last_presence_at < self.context.options.min_presence_interval:
                raise StanzaError("resource-constraint", "Traffic rate limit is exceeded")
            occupant.last_presence_at = now
            self.entrance.change(room, occupant, client, presence)
            return
        if self.entrance.asks_service_for_password(room):
            presence.trail.promises.append(self._router.spawn(self._enter_asking(room, presence)))
            return
        self.entrance.check(room, client, presence.to_jid.resource, presence)
        self.entrance.enter(room, client, presence)

    async def _enter_asking(self, room: Room, presence: Stanza) -> None:
        """Enter a room whose passwords an HTTP service checks."""
        client, nick = presence.from_jid, presence.to_jid.resource
        try:
            self.entrance.check(room, client, nick, None)
            if not await self.entrance.password_is_right(room, client, presence):
                raise StanzaError("not-authorized", "a password is needed")
        except StanzaError as error:
            self._router.refuse(presence, error)
            return

        def enter(now: Room | None) -> None:  # it may have slept or ended while the service thought
            if now is None:
                raise StanzaError("item-not-found", NO_ROOM)
            self.entrance.check(now, client, nick, None)
            self.entrance.enter(now, client, presence)

        self._in_turn(presence, enter)

    def _create(self, presence: Stanza) -> None:
        client = presence.from_jid
        jid = presence.to_jid.bare
        limit = self.context.options.max_user_conferences
        if self.context.conferences[client.bare] >= limit:
            raise StanzaError("service-unavailable", "you are in too many rooms", type="wait")
        self.entrance.check_nick(jid.domain, client, presence.to_jid.resource)
        room = self.make_room(jid, client.bare)
        room.is_locked = presence.find(ns.MUC, "x") is not None
        self.entrance.enter(room, client, presence, created=True)
        self.context.save(room, presence)
        self.context.tell("room_created", room, client)

    def make_room(self, jid: JID, owner: JID) -> Room:
        """Return a new room, in memory only.

        Raises:
            StanzaError: the owner may not create it.
        """
        options = self.context.options
        denied = "Room creation is denied by service policy"
        is_served = self.context.api.hosts.find(owner.domain) is not None
        if not is_served or not self.context.allows(options.access_create, owner):
            raise StanzaError("not-allowed", f"{denied}: you may not create rooms")
        if isinstance(options.max_room_id, int) and len(jid.local) > options.max_room_id:
            raise StanzaError("not-allowed", f"{denied}: the name is too long")
        config = RoomConfig.from_options(options.default_room)
        room = Room(jid, config, options.history_size)
        for first in options.default_room.affiliations:
            room.set_affiliation(JID.of(first.user, first.server), first.affiliation)
        room.subject, room.subject_author = options.default_room.subject, options.default_room.subject_author
        room.set_affiliation(owner, "owner")
        self.context.rooms[jid] = room
        return room

    # --- IQ to a room -----------------------------------------------------------------------------------------

    def _answer(self, room: Room, iq: Stanza) -> Answer:
        query = iq.payload
        if query is None or sum(1 for _ in iq.elements()) != 1:
            raise StanzaError("bad-request", "an IQ carries exactly one element")
        key = (iq.type, query.ns)
        if key == ("get", ns.DISCO_INFO):
            node = query.get("node")
            if node == "x-roomuser-item":
                return self.discovery.reserved_nick(room, iq.from_jid)
            if node:
                raise StanzaError("item-not-found")
            return self.discovery.room_info(room)
        if key == ("get", ns.DISCO_ITEMS):
            return self.discovery.room_items(room, iq.from_jid)
        if key == ("get", ns.MUC_ADMIN):
            return self.moderation.lists(room, iq, query)
        if key == ("set", ns.MUC_ADMIN):
            self.moderation.change(room, iq, query)
            return self._settled(iq)
        if key == ("get", ns.MUC_OWNER):
            return self.owning.get(room, iq)
        if key == ("set", ns.MUC_OWNER):
            self.owning.set(room, iq, query)
            return self._settled(iq)
        archive = self.context.archive
        if archive is not None and archive.serves(room.jid.domain) and archive.answers(query):
            return archive.answer(iq, room.jid, self._reader(room, iq.from_jid))
        raise StanzaError("feature-not-implemented")

    def _settled(self, iq: Stanza) -> Answer:
        """Return None, at once or when what the query changed is on disk."""
        pending = [promise for promise in iq.trail.promises if not promise.done()]
        return _all_of(pending) if pending else None

    def _reader(self, room: Room, jid: JID) -> RoomReader:
        """Return what somebody may see of the archive: whoever may enter the room may read it."""
        affiliation = room.affiliation_of(jid)
        occupant = find_speaker(room, jid)
        refused = affiliation == "outcast" or (room.config.members_only and affiliation == "none")
        if room.config.password_protected and affiliation == "none" and not room.of_account(jid.bare):
            refused = True
        if refused and not self.context.is_admin(jid):
            raise StanzaError("not-allowed", NOT_ENTITLED)
        is_moderator = occupant is not None and occupant.role == "moderator"
        sees = not room.config.anonymous or is_moderator or affiliation in ("owner", "admin")
        return RoomReader(jid, sees_jids=sees, is_owner=affiliation == "owner")

    # --- IQ between occupants ---------------------------------------------------------------------------------

    def _query_occupant(self, room: Room, iq: Stanza) -> None:
        sender = find_speaker(room, iq.from_jid)
        if sender is None:
            raise StanzaError("not-acceptable", OUTSIDER)
        target = room.occupants.get(iq.to_jid.resource)
        payload = iq.payload
        if target is None:
            raise StanzaError("item-not-found", "nobody in the room has this nickname")
        if target is sender and payload is not None and payload.ns == ns.PING:
            self._router.answer(iq, lambda _: None)  # XEP-0410: he is inside, that is all he wants to know
            return
        if not room.config.allow_query_users and sender.role != "moderator":
            raise StanzaError("not-allowed", "queries to occupants are not allowed here")
        to = target.account if payload is not None and payload.ns == ns.VCARD else target.jid
        self._forward(room, iq, sender.nick, to)

    def _forward_answer(self, room: Room, iq: Stanza) -> None:
        asker = room.occupants.get(iq.to_jid.resource)
        sender = find_speaker(room, iq.from_jid) or next(iter(room.of_account(iq.from_jid.bare)), None)
        if asker is not None and sender is not None:
            self._forward(room, iq, sender.nick, asker.jid)

    def _forward(self, room: Room, iq: Stanza, nick: str, to: JID) -> None:
        self._router.route(iq.replace(sender=JID(room.jid.local, room.jid.domain, nick), to=to))

    # --- the service itself -----------------------------------------------------------------------------------

    def _to_service(self, stanza: Stanza) -> None:
        if stanza.name == "presence":
            return
        if stanza.name == "message":
            self._message_to_service(stanza)
        elif stanza.type in ("get", "set"):
            self._router.answer(stanza, self._answer_service)

    def _message_to_service(self, message: Stanza) -> None:
        if message.type == "error":
            return
        if not self.context.is_admin(message.from_jid):
            raise StanzaError("forbidden", "only administrators of the service send messages to all rooms")
        for room in list(self.context.rooms.values()):
            if room.jid.domain == message.to_jid.domain:
                told = Stanza("message", {"type": "groupchat"}, list(message.children), sender=room.jid)
                self.context.sender.to_all(room, told)

    def _answer_service(self, iq: Stanza) -> Answer:
        query = iq.payload
        if query is None or sum(1 for _ in iq.elements()) != 1:
            raise StanzaError("bad-request", "an IQ carries exactly one element")
        if iq.to_jid.resource:
            raise StanzaError("item-not-found")
        key = (iq.type, query.ns)
        service = iq.to_jid.domain
        if key == ("get", ns.DISCO_INFO):
            if query.get("node"):
                raise StanzaError("item-not-found")
            return self.discovery.service_info(service)
        if key == ("get", ns.DISCO_ITEMS):
            return self.discovery.service_items(iq, query)
        if key == ("get", ns.REGISTER):
            return self.discovery.registration_form(iq)
        if key == ("set", ns.REGISTER):
            return self._registered(iq, query)
        if key == ("get", ns.MUC_UNIQUE):
            return self.discovery.unique_name()
        if key == ("get", ns.VCARD):
            return self.discovery.service_card()
        raise StanzaError("feature-not-implemented")

    async def _registered(self, iq: Stanza, query: Element) -> None:
        await self.discovery.register(iq, query)


async def _all_of(promises: list[asyncio.Future[Any]]) -> None:
    for promise in promises:
        await promise
