"""Rooms for whoever acts in a user's name without a client (contract/admin-api, sections 6.17-6.20)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeVar

from mim.errors import Denied, NotFound
from mim.plugin import JID, Stanza, StanzaError, element
from mim.xmpp import ns
from mim_plugins.mod_muc.context import Context
from mim_plugins.mod_muc.room import Occupant, Room
from mim_plugins.mod_muc.service import Service
from mim_plugins.mod_muc.stanzas import Change

T = TypeVar("T")


class ActingRooms:
    """The ``ChatRooms`` capability."""

    def __init__(self, context: Context, service: Service, domains: dict[str, str]) -> None:
        self._context = context
        self._service = service
        self._domains = domains
        """The service of each served domain."""

    def service_of(self, domain: str) -> str | None:
        """Return the service of a served domain, or *domain* itself if it is a service."""
        return self._domains.get(domain) or (domain if domain in self._domains.values() else None)

    async def _with(self, jid: JID, work: Callable[[Room | None], T]) -> T:
        """Return what *work* makes of a room, in the room's order."""
        done: asyncio.Future[T] = asyncio.get_running_loop().create_future()

        def run(room: Room | None) -> None:
            try:
                result = work(room)
            except Exception as error:
                failed(error)
            else:
                if not done.done():
                    done.set_result(result)

        def failed(error: Exception) -> None:
            if not done.done():  # else who asked has gone away
                done.set_exception(error)

        self._service.with_room(jid, run, failed)
        return await done

    async def create_room(self, room: JID, *, owner: JID, nick: str) -> None:
        """Make a room that is open at once, with the owner inside."""

        def work(found: Room | None) -> Stanza:
            if found is not None:
                return self._open_again(found, owner, nick)
            try:
                made = self._service.make_room(room, owner)
            except StanzaError:
                raise Denied("room creation is not allowed") from None
            trail = Stanza("message", {})
            self._service.entrance.put_inside(made, owner, nick, created=True)
            self._context.save(made, trail)
            self._context.tell("room_created", made, owner)
            return trail

        stanza = await self._with(room, work)
        await stanza.trail.kept()

    def _open_again(self, room: Room, owner: JID, nick: str) -> Stanza:
        """See that a user's own room is open and that he is inside, as after its creation."""
        if room.affiliation_of(owner) != "owner":
            raise Denied("Room already exists")
        trail = Stanza("message", {})
        if room.is_locked:
            room.is_locked = False
            self._context.save(room, trail)
        inside = next(iter(room.of_account(owner)), None)
        if inside is not None:
            self._context.sender.announce(room, inside, Change(), others=False)
        elif nick not in room.occupants:
            self._service.entrance.put_inside(room, owner, nick, created=False)
        return trail

    async def invite(self, room: JID, *, sender: JID, recipient: JID, reason: str) -> None:
        """Send a direct invitation (XEP-0249)."""

        def work(found: Room | None) -> Stanza:
            if found is None:
                raise NotFound("room does not exist")
            self._check_may_read(found, sender)
            x = element(ns.CONFERENCE, "x", jid=str(found.jid), reason=reason)
            return Stanza("message", {}, [x], sender=sender, to=recipient)

        stanza = await self._with(room, work)
        self._context.api.router.route(stanza)
        await stanza.trail.kept()

    def _check_may_read(self, room: Room, sender: JID) -> None:
        affiliation = room.affiliation_of(sender)
        inside = bool(room.of_account(sender.bare))
        locked = affiliation == "outcast" or room.is_locked
        locked |= room.config.members_only and affiliation == "none"
        locked |= room.config.password_protected and affiliation == "none" and not inside
        if locked:
            raise Denied("room is locked")

    async def send_message(self, room: JID, *, sender: JID, body: str) -> None:
        """Speak as the occupant that the sender is."""

        def work(found: Room | None) -> Stanza:
            if found is None:
                raise NotFound("room does not exist")
            occupant = self._speaker(found, sender)
            if occupant is None:
                raise Denied("given user does not occupy this room")
            if occupant.role == "visitor" and found.config.moderated:
                raise Denied("visitors are not allowed to send messages")
            said = Stanza("message", {"type": "groupchat"}, [element(ns.CLIENT, "body", body)])
            try:
                self._service.speaker.speak(found, occupant, said)
            except StanzaError as error:
                raise Denied(error.text or error.condition) from None
            return said

        stanza = await self._with(room, work)
        await stanza.trail.kept()

    @staticmethod
    def _speaker(room: Room, sender: JID) -> Occupant | None:
        found = room.find(sender) or room.find(sender.bare)
        if found is None and sender.is_bare:
            found = next(iter(room.of_account(sender)), None)
        return found

    async def kick(self, room: JID, nick: str, *, reason: str) -> None:
        """Remove an occupant as the room's first moderator would."""

        def work(found: Room | None) -> None:
            if found is None:
                raise NotFound("room does not exist")
            if not any(occupant.role == "moderator" for occupant in found.occupants.values()):
                raise NotFound("room has no moderator")
            occupant = found.occupants.get(nick)
            if occupant is None:
                raise NotFound("no occupant with this nick")
            if occupant.role == "moderator" or found.affiliation_of(occupant.account) in ("owner", "admin"):
                raise Denied("not allowed")
            self._service.moderation.kick(found, occupant, reason)

        await self._with(room, work)

