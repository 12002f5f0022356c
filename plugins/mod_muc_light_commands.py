"""Commands of the admin API on MUC Light rooms (contract/admin-api, sections 3.3 and 6.21-6.25).

A domain argument is the XMPP domain or the service's own name, of whichever host runs it.
"""

from __future__ import annotations

from mim.errors import BadRequest, InvalidJid, NotFound
from mim.plugin import JID, LightRooms, Module, Options, command
from mim.xmpp.jid import prepare_domain

TAG = "MUC-light management"
NO_DOMAIN = "domain not found"
NO_ROOM = "room does not exist"

_DOMAIN = {"type": "string", "description": "A domain that is served here.", "example": "localhost"}
_SERVICE = {"type": "string", "description": "The service, or its domain.", "example": "muclight.localhost"}
_ID = {"type": "string", "description": "The node of the room's JID.", "example": "den"}
_NAME = {"type": "string", "description": "The room's configured name, not its JID.", "example": "Den"}
_USER = {"type": "string", "description": "A bare or full JID.", "example": "alice@localhost"}
_SUBJECT = {"type": "string", "description": "What the room is about.", "example": "News"}
_BODY = {"type": "string", "description": "The text of the message.", "example": "Hello"}
_ROOM = {"type": "string", "description": "The room's JID.", "example": "den@muclight.localhost"}

_AT_DOMAIN = {"domain": "XMPPHost"}
_AT_SERVICE = {"domain": "XMPPMUCHost", "name": "roomName", "owner": "user"}

_BAD = "A JID is not valid, the configuration has no such field, or XML cannot carry the text."
_NOT_SERVED = "The domain is not served here, or without the service."
_NO_ROOM_OR_DOMAIN = "There is no such room, or the domain is not served here."


class ModMucLightCommands(Module[Options]):
    """The commands of ``[modules.mod_muc_light_commands]``."""

    needs = ("mod_muc_light",)

    @command(
        "muc-lights",
        action="create",
        desc="Create a MUC Light room with unique username part in JID.",
        identifiers=("domain",),
        path_names=_AT_DOMAIN,
        xml_text=("name", "subject"),
        tag=TAG,
        errors={400: _BAD, 403: "A limit is reached.", 404: _NOT_SERVED},
        schemas={"domain": _DOMAIN, "name": _NAME, "owner": _USER, "subject": _SUBJECT, "result": _ROOM},
    )
    async def create_muc_light_room(self, domain: str, name: str, owner: str, subject: str) -> str:
        """Make a room on an unused node and return its JID."""
        (user,) = _parse_users(owner)
        rooms, service = self._service(domain)
        self._check_served(user)
        return str(await rooms.create_room(service, "", owner=user, name=name, subject=subject))

    @command(
        "muc-lights",
        action="update",
        desc="Create a MUC Light room with user-provided username part in JID",
        identifiers=("domain",),
        path_names=_AT_DOMAIN,
        xml_text=("name", "subject"),
        tag=TAG,
        errors={400: _BAD, 403: "The room exists, or a limit is reached.", 404: _NOT_SERVED},
        schemas={"domain": _DOMAIN, "id": _ID, "name": _NAME, "owner": _USER, "subject": _SUBJECT, "result": _ROOM},
    )
    async def create_identifiable_muc_light_room(
        self, domain: str, id: str, name: str, owner: str, subject: str
    ) -> str:
        """Make a room with a node of one's own choice and return its JID."""
        refused: list[str] = []
        user = _parse(owner, refused)
        try:
            rooms, service = self._service(domain)
        except NotFound:
            if refused:
                raise BadRequest("; ".join(refused)) from None
            raise
        room = _parse_node(id, service, refused)
        if user is None or room is None:
            raise BadRequest("; ".join(refused))
        self._check_served(user)
        return str(await rooms.create_room(service, room.local, owner=user, name=name, subject=subject))

    @command(
        "muc-lights",
        subcategory="config",
        action="update",
        desc="Change configuration of MUC Light room.",
        identifiers=("domain",),
        path_names=_AT_DOMAIN,
        xml_text=("name", "subject"),
        tag=TAG,
        errors={400: _BAD, 403: "The user is not in the room, or may not.", 404: _NO_ROOM_OR_DOMAIN},
        schemas={"domain": _DOMAIN, "id": _ID, "name": _NAME, "user": _USER, "subject": _SUBJECT},
    )
    async def change_muc_light_room_configuration(
        self, domain: str, id: str, name: str, user: str, subject: str
    ) -> None:
        """Set a room's name and subject in a user's name; the room's other fields stay."""
        (actor,) = _parse_users(user)
        rooms, service = self._service(domain)
        self._check_served(actor)
        room = _parse_node(id, service, [])
        if room is None:
            raise NotFound(NO_ROOM)
        await rooms.change_configuration(room, actor, name=name, subject=subject)

    @command(
        "muc-lights",
        subcategory="participants",
        action="create",
        desc="Invite to a MUC Light room.",
        identifiers=("domain", "name"),
        path_names=_AT_SERVICE,
        tag=TAG,
        errors={
            400: "A JID is not valid.",
            403: "The sender is in no room, or may not invite, or the room is full.",
            404: _NO_ROOM_OR_DOMAIN,
        },
        schemas={"domain": _SERVICE, "name": _NAME, "sender": _USER, "recipient": _USER},
    )
    async def invite_to_room(self, domain: str, name: str, sender: str, recipient: str) -> None:
        """Add a user to a room that the sender is in; nothing happens when he is in it already or does not want to."""
        actor, invited = _parse_users(sender, recipient, first_may_be_domain=True)
        rooms, service = self._service(domain)
        self._check_served(actor)
        await rooms.invite(service, name, sender=actor, recipient=invited)

    @command(
        "muc-lights",
        subcategory="messages",
        action="create",
        desc="Send a message to a MUC Light room.",
        identifiers=("domain", "name"),
        path_names=_AT_SERVICE,
        xml_text=("body",),
        tag=TAG,
        errors={
            400: "A JID is not valid, or XML cannot carry the text.",
            403: "The sender is in no room.",
            404: _NO_ROOM_OR_DOMAIN,
        },
        schemas={"domain": _SERVICE, "name": _NAME, "from": _USER, "body": _BODY},
    )
    async def send_message_to_muc_light_room(self, domain: str, name: str, from_: str, body: str) -> None:
        """Send a message to a room that the sender is in."""
        (actor,) = _parse_users(from_, first_may_be_domain=True)
        rooms, service = self._service(domain)
        self._check_served(actor)
        await rooms.send_message(service, name, sender=actor, body=body)

    @command(
        "muc-lights",
        subcategory="management",
        action="delete",
        desc="Delete a MUC Light room.",
        path_names=_AT_SERVICE,
        tag=TAG,
        errors={
            400: "The JID is not valid.",
            403: "The user is in no room, or not the owner.",
            404: _NO_ROOM_OR_DOMAIN,
        },
        schemas={"domain": _SERVICE, "name": _NAME, "owner": _USER},
    )
    async def delete_room(self, domain: str, name: str, owner: str) -> None:
        """Delete a room with its archive."""
        (user,) = _parse_users(owner)
        rooms, service = self._service(domain)
        self._check_served(user)
        await rooms.delete_room(service, name, owner=user)

    # --- arguments --------------------------------------------------------------------------------------------

    def _service(self, domain: str) -> tuple[LightRooms, str]:
        """Return the rooms that a domain or the name of a service stands for, and the service."""
        try:
            name = prepare_domain(domain)
        except InvalidJid:
            raise NotFound(NO_DOMAIN) from None
        own = self.api.hosts.find(name)
        for host in self.api.hosts if own is None else (own,):
            rooms = host.find(LightRooms)
            service = None if rooms is None else rooms.service_of(name)
            if rooms is not None and service is not None:
                return rooms, service
        raise NotFound(NO_DOMAIN if own is None else "service not enabled")

    def _check_served(self, user: JID) -> None:
        if self.api.hosts.find(user.domain) is None:
            raise NotFound(NO_DOMAIN)


def _parse_users(*texts: str, first_may_be_domain: bool = False) -> list[JID]:
    """Return the bare JIDs of users.

    Raises:
        BadRequest: some are none; all of them are named.
    """
    refused: list[str] = []
    users = [
        _parse(text, refused, needs_node=position > 0 or not first_may_be_domain)
        for position, text in enumerate(texts)
    ]
    if refused:
        raise BadRequest("; ".join(refused))
    return [user for user in users if user is not None]


def _parse(text: str, refused: list[str], *, needs_node: bool = True) -> JID | None:
    """Return the bare JID of a user; None when it is none, and then why stands among *refused*."""
    try:
        user = JID.parse(text).bare
        if needs_node and not user.local:
            raise InvalidJid(text)
    except InvalidJid as error:
        refused.append(error.text)
        return None
    return user


def _parse_node(id: str, service: str, refused: list[str]) -> JID | None:
    """Return the JID of a room named by its node; None when it is none, and then why stands among *refused*."""
    try:
        room = JID.of(id, service)
        if not room.local:
            raise InvalidJid(f"@{service}")
    except InvalidJid as error:
        refused.append(error.text)
        return None
    return room


setup = ModMucLightCommands
