"""What can be done in a room: who may, what it changes, what is written, who is told (muc-light, sections 4-9).

The methods that take a room run when it is the room's turn (see :mod:`rooms`): they check, write, and only when the
change is on disk make it known. A refusal leaves everything as it was.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from logging import Logger

from mim.errors import Conflict
from mim.plugin import JID, RoomArchive, Stanza, new_id
from mim.storage.api import Write
from mim.xmpp.stanza import Trail
from mim_plugins.mod_muc_light import changes as affiliations
from mim_plugins.mod_muc_light.broadcast import Broadcast
from mim_plugins.mod_muc_light.codec import ChangeAffiliations, Configure, Create
from mim_plugins.mod_muc_light.model import SUBJECT_FIELD, Affiliation, Affiliations, Room
from mim_plugins.mod_muc_light.options import MucLightOptions, bound
from mim_plugins.mod_muc_light.refusals import (
    NoSuchRoom,
    NotAnOccupant,
    NotPermitted,
    RoomExists,
    TooManyOccupants,
    TooManyRooms,
)
from mim_plugins.mod_muc_light.rooms import Rooms
from mim_plugins.mod_muc_light.schema import ConfigSchema
from mim_plugins.mod_muc_light.store import LightStore


@dataclass(frozen=True, slots=True)
class Request:
    """Who asks, full or bare, and what goes with it: the id that notifications carry, and whether there are any."""

    sender: JID
    id: str = field(default_factory=new_id)
    is_silent: bool = False
    trail: Trail = field(default_factory=Trail)
    """Promises of everything the request led to."""

    @property
    def user(self) -> JID:
        """Return the bare JID of who asks."""
        return self.sender.bare


async def settled(trail: Trail) -> list[BaseException]:
    """Return when all promises of a trail are kept, those included that come up meanwhile; the broken ones are told."""
    broken: list[BaseException] = []
    position = 0
    while position < len(trail.promises):
        promise = trail.promises[position]
        position += 1
        await asyncio.wait([promise])
        error = None if promise.cancelled() else promise.exception()
        if error is not None:
            broken.append(error)
    return broken


def occupied(room: Room | None, user: JID) -> Room:
    """Return the room.

    Raises:
        NoSuchRoom, NotAnOccupant: there is none, or the user is not in it.
    """
    if room is None:
        raise NoSuchRoom
    if user not in room.occupants:
        raise NotAnOccupant
    return room


class Operations:
    """Everything that happens in the rooms of a module."""

    def __init__(
        self,
        options: MucLightOptions,
        schema: ConfigSchema,
        store: LightStore,
        rooms: Rooms,
        broadcast: Broadcast,
        find_archive: Callable[[], RoomArchive | None],
        log: Logger,
    ) -> None:
        self._options = options
        self._schema = schema
        self._store = store
        self._rooms = rooms
        self._broadcast = broadcast
        self._find_archive = find_archive
        self._log = log
        self._max_occupants = bound(options.max_occupants)
        self._rooms_per_user = bound(options.rooms_per_user)
        self._joining = asyncio.Lock()

    # --- in their turn ----------------------------------------------------------------------------------------

    async def create(self, jid: JID, create: Create, request: Request, room: Room | None) -> JID:
        """Make the room *jid*, and return it."""
        if room is not None:
            raise RoomExists
        config = {**self._schema.defaults(), **self._schema.read(create.fields)}
        affiliations.first_occupants(request.user, create.occupants, equal=self._options.equal_occupants)
        async with self._nobody_else_joins():
            if await self._is_in_enough_rooms(jid, request.user):
                raise TooManyRooms
            admitted = await self._admitted(jid, request.user, create.occupants)
            others = {user: wanted for user, wanted in create.occupants.items() if user in admitted}
            occupants = affiliations.first_occupants(request.user, others, equal=self._options.equal_occupants)
            self._check_size(occupants)
            made = Room(jid, new_id(), config, occupants)
            try:
                await self._store.create(made)
            except Conflict:
                raise RoomExists from None
        self._rooms.changed(made)
        self._log.info("room created", extra={"room": str(jid), "jid": str(request.user)})
        if not request.is_silent:
            self._broadcast.created(made, request.sender, request.id, request.trail)
        return jid

    async def configure(self, configure: Configure, request: Request, room: Room | None) -> None:
        """Set fields of a room."""
        room = occupied(room, request.user)
        may_all = self._options.all_can_configure or room.affiliation(request.user) is Affiliation.OWNER
        if not may_all and set(configure.fields) != {SUBJECT_FIELD}:
            raise NotPermitted
        values = self._schema.read(configure.fields)
        if not values:
            return
        changed = room.with_config(values)
        await self._store.change_config(changed)
        self._rooms.changed(changed)
        if not request.is_silent:
            self._broadcast.configured(room, changed, values, request.id, request.trail)

    async def change_affiliations(self, change: ChangeAffiliations, request: Request, room: Room | None) -> None:
        """Add, promote, demote, remove users."""
        room = occupied(room, request.user)
        affiliations.check_permission(
            room.occupants, request.user, change.changes, all_can_invite=self._options.all_can_invite
        )
        joining = affiliations.newcomers(room.occupants, change.changes)
        async with self._nobody_else_joins():
            admitted = await self._admitted(room.jid, request.user, joining)
            skipped = {user for user in joining if user not in admitted}
            wanted = {user: affiliation for user, affiliation in change.changes.items() if user not in skipped}
            outcome = affiliations.apply_changes(room.occupants, wanted)
            if not outcome.listed:
                return
            if len(outcome.occupants) > len(room.occupants):
                self._check_size(outcome.occupants)
            changed = room.with_occupants(outcome.occupants)
            if changed.occupants:
                await self._store.change_occupants(changed, outcome.listed)
                self._rooms.changed(changed)
            else:
                await self._remove(room.jid, request)
        self._broadcast.affiliations_changed(
            room, changed, outcome.listed, request.user, request.id, request.trail
        )

    async def destroy(self, request: Request, room: Room | None) -> None:
        """Remove a room."""
        room = occupied(room, request.user)
        if room.affiliation(request.user) is not Affiliation.OWNER:
            raise NotPermitted
        await self._remove(room.jid, request)
        if not request.is_silent:
            self._broadcast.destroyed(room, request.id, request.trail)

    def speak(self, message: Stanza, room: Room | None) -> None:
        """Send an occupant's message to all."""
        self._broadcast.message(occupied(room, message.from_jid.bare), message)

    async def _remove(self, jid: JID, request: Request) -> None:
        await self._store.delete(jid, self._archive_removal(jid))
        self._rooms.removed(jid)
        self._log.info("room removed", extra={"room": str(jid), "jid": str(request.user)})

    def _archive_removal(self, jid: JID) -> Iterable[Write]:
        archive = self._find_archive()
        return archive.removal(jid) if archive is not None and archive.serves(jid.domain) else ()

    # --- limits -----------------------------------------------------------------------------------------------

    def _check_size(self, occupants: Affiliations) -> None:
        if self._max_occupants is not None and len(occupants) > self._max_occupants:
            raise TooManyOccupants

    async def _is_in_enough_rooms(self, room: JID, user: JID) -> bool:
        limit = self._rooms_per_user
        return limit is not None and await self._store.count_rooms(room.domain, user) >= limit

    async def _admitted(self, room: JID, requester: JID, users: Iterable[JID]) -> set[JID]:
        """Return those of *users* who may be brought in: they do not block it, nor are they in enough rooms."""
        asked = list(users)
        refused = await asyncio.gather(*(self._keeps_out(room, requester, user) for user in asked))
        return {user for user, out in zip(asked, refused, strict=True) if not out}

    async def _keeps_out(self, room: JID, requester: JID, user: JID) -> bool:
        if self._options.blocking and await self._store.blocks(room.domain, user, room=room, user=requester):
            return True
        return await self._is_in_enough_rooms(room, user)

    @asynccontextmanager
    async def _nobody_else_joins(self) -> AsyncIterator[None]:
        """Where users' rooms are counted, let nobody join another room between the count and the write."""
        if self._rooms_per_user is None:
            yield
        else:
            async with self._joining:
                yield
