"""Commands of the admin API on chat rooms (contract/admin-api, sections 3.2 and 6.17-6.20)."""

from __future__ import annotations

from mim.capabilities import ChatRooms
from mim.errors import BadRequest, InvalidJid, NotFound
from mim.plugin import JID, Module, Options, command
from mim.xmpp.jid import prepare_domain, prepare_resource

TAG = "MUC management"
KICK_REASON = "Kicked through HTTP Administration API."
NO_ROOM = "room does not exist"

_PATH = {"domain": "XMPPHost", "name": "roomName", "nick": "nickname"}
_DOMAIN = {"type": "string", "description": "A domain that is served here.", "example": "localhost"}
_NAME = {"type": "string", "description": "The node of the room's JID.", "example": "lounge"}
_USER = {"type": "string", "description": "A bare or full JID.", "example": "alice@localhost"}
_NICK = {"type": "string", "description": "A nickname in the room.", "example": "boss"}
_REASON = {"type": "string", "description": "Why.", "example": "Join us"}
_BODY = {"type": "string", "description": "The text of the message.", "example": "Hello"}
_BAD = "A JID is not valid, or XML cannot carry the text."
_NO_ROOM = "There is no such room, or the domain is not served here."


class ModMucCommands(Module[Options]):
    """The commands of ``[modules.mod_muc_commands]``."""

    needs = ("mod_muc",)

    @command(
        "mucs",
        action="create",
        desc="Create a MUC room.",
        identifiers=("domain",),
        path_names=_PATH,
        tag=TAG,
        errors={400: _BAD, 403: "It exists, or may not be created.", 404: "The domain is not served here."},
        schemas={"domain": _DOMAIN, "name": _NAME, "owner": _USER, "nick": _NICK, "result": _NAME},
    )
    async def create_muc_room(self, domain: str, name: str, owner: str, nick: str) -> str:
        """Make a room that is open at once, with the owner inside, and return its name."""
        refused: list[str] = []
        user = _parse(owner, refused)
        if user is not None and not user.local:
            refused.append(f"Invalid jid: {owner}")
        try:
            rooms, service = self._service(domain)
        except NotFound:
            if refused:
                raise BadRequest("; ".join(refused)) from None
            raise
        room = _parse_room(name, service, refused)
        if user is None or room is None or refused:
            raise BadRequest("; ".join(refused))
        try:
            prepared = prepare_resource(nick)
        except InvalidJid:
            prepared = ""
        if not prepared:
            raise BadRequest("Invalid nick")
        await rooms.create_room(room, owner=user.bare, nick=prepared)
        return name

    @command(
        "mucs",
        subcategory="participants",
        action="create",
        desc="Send a MUC room invite from one user to another.",
        identifiers=("domain", "name"),
        path_names=_PATH,
        xml_text=("reason",),
        tag=TAG,
        errors={400: _BAD, 403: "The sender may not enter the room.", 404: _NO_ROOM},
        schemas={"domain": _DOMAIN, "name": _NAME, "sender": _USER, "recipient": _USER, "reason": _REASON},
    )
    async def invite_to_muc_room(self, domain: str, name: str, sender: str, recipient: str, reason: str) -> None:
        """Send a direct invitation from one user to another."""
        refused: list[str] = []
        by, to = _parse(sender, refused), _parse(recipient, refused)
        if to is not None and not to.local:
            refused.append(f"Invalid jid: {recipient}")
        if by is None or to is None or refused:
            raise BadRequest("; ".join(refused))
        rooms, room = self._room(domain, name)
        await rooms.invite(room, sender=by, recipient=to, reason=reason)

    @command(
        "mucs",
        subcategory="messages",
        action="create",
        desc="Send a message to a MUC room from a given user.",
        identifiers=("domain", "name"),
        path_names=_PATH,
        xml_text=("body",),
        tag=TAG,
        errors={400: _BAD, 403: "The user is not inside, or has no voice.", 404: _NO_ROOM},
        schemas={"domain": _DOMAIN, "name": _NAME, "from": _USER, "body": _BODY},
    )
    async def send_message_to_room(self, domain: str, name: str, from_: str, body: str) -> None:
        """Speak in a room as an occupant."""
        refused: list[str] = []
        sender = _parse(from_, refused)
        if sender is None:
            raise BadRequest("; ".join(refused))
        rooms, room = self._room(domain, name)
        await rooms.send_message(room, sender=sender, body=body)

    @command(
        "mucs",
        action="delete",
        desc="Kick a user from a MUC room (on behalf of a moderator).",
        path_names=_PATH,
        tag=TAG,
        errors={403: "The occupant may not be kicked.", 404: "There is no such room, occupant or moderator."},
        schemas={"domain": _DOMAIN, "name": _NAME, "nick": _NICK},
    )
    async def kick_user_from_room(self, domain: str, name: str, nick: str) -> None:
        """Remove an occupant as the room's first moderator would."""
        rooms, room = self._room(domain, name)
        await rooms.kick(room, nick, reason=KICK_REASON)

    def _service(self, domain: str) -> tuple[ChatRooms, str]:
        """Return the rooms of a domain, or of a service, and the service's name."""
        try:
            name = prepare_domain(domain)
        except InvalidJid:
            raise NotFound("domain not found") from None
        served = self.api.hosts.find(name)
        if served is not None:
            rooms = served.find(ChatRooms)
            service = None if rooms is None else rooms.service_of(name)
            if rooms is None or service is None:
                raise NotFound("service not enabled")
            return rooms, service
        for host in self.api.hosts:
            rooms = host.find(ChatRooms)
            if rooms is not None and rooms.service_of(name) == name:
                return rooms, name
        raise NotFound("domain not found")

    def _room(self, domain: str, name: str) -> tuple[ChatRooms, JID]:
        rooms, service = self._service(domain)
        room = _parse_room(name, service, [])
        if room is None:
            raise NotFound(NO_ROOM)
        return rooms, room


def _parse(text: str, refused: list[str]) -> JID | None:
    try:
        return JID.parse(text)
    except InvalidJid as error:
        refused.append(error.text)
        return None


def _parse_room(name: str, service: str, refused: list[str]) -> JID | None:
    try:
        room = JID.of(name, service)
    except InvalidJid:
        room = None
    if room is None or not room.local:
        refused.append(f"Invalid jid: {name}@{service}")
        return None
    return room


setup = ModMucCommands
