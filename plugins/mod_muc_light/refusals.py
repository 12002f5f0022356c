"""Why a room says no: one kind per reason, with its looks in a stanza and in the admin API.

contract/muc-light section 13, contract/admin-api 6.21-6.25.
"""

from __future__ import annotations

from typing import ClassVar

from mim.errors import BadRequest, Denied, MimError, NotFound
from mim.xmpp.conditions import StanzaError


class RoomRefusal(Exception):
    """A refusal; only its kinds below are raised."""

    condition: ClassVar[str] = "bad-request"
    text: ClassVar[str] = ""
    command_error: ClassVar[tuple[type[MimError], str]]

    def to_stanza_error(self) -> StanzaError:
        """Return the refusal for an XMPP client."""
        return StanzaError(self.condition, self.text)

    def to_command_error(self) -> MimError:
        """Return the refusal for the admin API."""
        kind, text = self.command_error
        return kind(text)


class NoSuchRoom(RoomRefusal):
    """The room does not exist."""

    condition = "item-not-found"
    command_error = (NotFound, "room does not exist")


class NotAnOccupant(RoomRefusal):
    """He is not in the room; a client is not told whether it exists."""

    condition = "item-not-found"
    command_error = (Denied, "given user does not occupy this room")


class NotPermitted(RoomRefusal):
    """His affiliation does not suffice."""

    condition = "not-allowed"
    command_error = (Denied, "not allowed")


class RoomExists(RoomRefusal):
    """The node is taken."""

    condition = "conflict"
    text = "Room already exists"
    command_error = (Denied, text)


class TooManyOccupants(RoomRefusal):
    """max_occupants is reached."""

    text = "max_occupants_reached"
    command_error = (Denied, "occupant limit reached")


class TooManyRooms(RoomRefusal):
    """The creator is in rooms_per_user rooms already."""

    text = "rooms_per_user_reached"
    command_error = (Denied, "room limit reached")


class Malformed(RoomRefusal):
    """The request is not well-formed or contradicts itself or the room; the argument says how."""

    def to_stanza_error(self) -> StanzaError:
        """Return bad-request with the sentence."""
        return StanzaError("bad-request", str(self))

    def to_command_error(self) -> MimError:
        """Return a bad request with the sentence."""
        return BadRequest(str(self))
