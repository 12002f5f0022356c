"""Acting in a user's name without a client: what the admin API's commands ask for (contract/admin-api 6.21-6.25)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

from mim.errors import Denied, MimError, NotFound
from mim.plugin import JID, Stanza, new_id
from mim.xmpp.stanza import body as body_element
from mim_plugins.mod_muc_light.codec import ChangeAffiliations, Configure, Create
from mim_plugins.mod_muc_light.model import NAME_FIELD, SUBJECT_FIELD, Affiliation, Room, RoomEntry
from mim_plugins.mod_muc_light.operations import Operations, Request, occupied, settled
from mim_plugins.mod_muc_light.refusals import RoomRefusal
from mim_plugins.mod_muc_light.rooms import Rooms
from mim_plugins.mod_muc_light.service import Service
from mim_plugins.mod_muc_light.store import LightStore


class ActingRooms:
    """:class:`mim.capabilities.LightRooms` of one host; *services* are its services by served domain."""

    def __init__(
        self, store: LightStore, rooms: Rooms, operations: Operations, service: Service, services: dict[str, str]
    ) -> None:
        self._store = store
        self._rooms = rooms
        self._operations = operations
        self._service = service
        self._services = services

    def service_of(self, domain: str) -> str | None:
        """Return the service of a served domain, or *domain* itself if it is a service."""
        return domain if domain in self._services.values() else self._services.get(domain)

    async def create_room(self, service: str, node: str, *, owner: JID, name: str, subject: str) -> JID:
        """Make a room; nobody is told, and nothing is archived."""
        create = Create({NAME_FIELD: name, SUBJECT_FIELD: subject})
        request = Request(owner.bare, is_silent=True)
        with _translated():
            if not node:
                return await self._service.create_unique(service, create, request)
            jid = JID(node, service)
            return await self._rooms.perform(jid, partial(self._operations.create, jid, create, request))

    async def change_configuration(self, room: JID, user: JID, *, name: str, subject: str) -> None:
        """Set name and subject; nobody is told."""
        configure = Configure({NAME_FIELD: name, SUBJECT_FIELD: subject})
        request = Request(user.bare, is_silent=True)
        with _translated():
            await self._rooms.perform(room, partial(self._operations.configure, configure, request))

    async def invite(self, service: str, name: str, *, sender: JID, recipient: JID) -> None:
        """Add a user; those inside are told as if a client had asked."""
        entry = _named(await self._rooms_of(service, sender), name, "given user does not occupy any room")
        request = Request(sender.bare)
        change = ChangeAffiliations({recipient.bare: Affiliation.MEMBER})

        async def add(room: Room | None) -> None:
            found = occupied(room, request.user)
            if recipient.bare not in found.occupants:
                await self._operations.change_affiliations(change, request, found)

        with _translated():
            await self._rooms.perform(entry.jid, add)
        await settled(request.trail)

    async def send_message(self, service: str, name: str, *, sender: JID, body: str) -> None:
        """Send a message from the bare JID."""
        entry = _named(await self._rooms_of(service, sender), name, "given user does not occupy any room")
        content = [body_element(body)]
        message = Stanza(
            "message", {"type": "groupchat", "id": new_id()}, [*content], sender=sender.bare, to=entry.jid
        )
        with _translated():
            said = self._rooms.do(entry.jid, partial(self._operations.speak, message))
            if said is not None:
                await said
        broken = await settled(message.trail)
        if broken:
            raise broken[0]

    async def delete_room(self, service: str, name: str, *, owner: JID) -> None:
        """Delete a room; nobody is told."""
        entry = _named(await self._rooms_of(service, owner), name, "given user does not occupy this room")
        request = Request(owner.bare, is_silent=True)
        try:
            with _translated():
                await self._rooms.perform(entry.jid, partial(self._operations.destroy, request))
        except Denied:
            raise Denied("you can not delete this room") from None

    async def leave_all(self, account: JID) -> None:
        """Leave every room of these services; those who stay are told, and so are the account's own clients."""
        for service in sorted(set(self._services.values())):
            for entry in await self._store.list_rooms(service, account):
                request = Request(account)
                leave = ChangeAffiliations({account: Affiliation.NONE})
                try:
                    await self._rooms.perform(
                        entry.jid, partial(self._operations.change_affiliations, leave, request)
                    )
                except RoomRefusal:
                    continue  # somebody was quicker
                await settled(request.trail)

    async def _rooms_of(self, service: str, user: JID) -> list[RoomEntry]:
        return await self._store.list_rooms(service, user.bare)


def _named(rooms: list[RoomEntry], name: str, none_at_all: str) -> RoomEntry:
    if not rooms:
        raise Denied(none_at_all)
    found = next((room for room in rooms if room.config.get(NAME_FIELD) == name), None)
    if found is None:
        raise NotFound("room does not exist")
    return found


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except RoomRefusal as refusal:
        error: MimError = refusal.to_command_error()
        raise error from None
