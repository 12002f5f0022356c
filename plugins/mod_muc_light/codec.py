"""The two languages a service speaks: what clients ask, and how they are told (muc-light, sections 3-8 and 14).

A codec reads stanzas into requests and writes room states into stanzas; it decides nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

from mim.plugin import JID, Element, Stanza
from mim_plugins.mod_muc_light.blocking import Blocked
from mim_plugins.mod_muc_light.model import Affiliation, Affiliations, Room

Part = Literal["configuration", "affiliations", "info"]


@dataclass(frozen=True, slots=True)
class Create:
    """Make a room."""

    fields: Mapping[str, str] = field(default_factory=dict)
    occupants: Affiliations = field(default_factory=dict)
    """Whom to add besides the creator."""


@dataclass(frozen=True, slots=True)
class Destroy:
    """Remove the room."""


@dataclass(frozen=True, slots=True)
class Read:
    """Show a part of the room; nothing but the fact if *version* is the current one."""

    part: Part
    version: str = ""


@dataclass(frozen=True, slots=True)
class Configure:
    """Set fields; those not named stay."""

    fields: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class ChangeAffiliations:
    """Add, promote, demote, remove users."""

    changes: Affiliations


@dataclass(frozen=True, slots=True)
class ReadBlocked:
    """Show the requester's blocking list."""


@dataclass(frozen=True, slots=True)
class ChangeBlocked:
    """Put items on the requester's blocking list (True), or take them off (False)."""

    changes: Mapping[Blocked, bool]


RoomRequest = Create | Destroy | Read | Configure | ChangeAffiliations
ServiceRequest = Create | ReadBlocked | ChangeBlocked


class Codec(Protocol):
    """One of the two languages. The ``read_`` methods raise Malformed; those of IQs return None for what is not theirs.

    Notices have no ``to``. The ``_record`` methods return what goes to the room's archive, None for nothing.
    """

    identity: str
    """Name of the service in disco#info."""
    feature: str
    """Namespace of the language, in disco."""
    lists_versions: bool
    """disco#items tells the rooms' versions."""

    def read_room_request(self, iq: Stanza) -> RoomRequest | None:
        """Return what an IQ asks of a room."""
        ...

    def read_service_request(self, iq: Stanza) -> ServiceRequest | None:
        """Return what an IQ asks of the service."""
        ...

    def read_presence(self, presence: Stanza) -> Create | None:
        """Return the creation that a presence to ``room/nick`` means."""
        ...

    def read_subject(self, message: Stanza) -> str | None:
        """Return the subject that a groupchat message sets, None when it is an ordinary message."""
        ...

    def answer(self, room: Room, part: Part) -> Element:
        """Return a part of the room for a result."""
        ...

    def blocking_list(self, service: str, items: Sequence[Blocked]) -> Element:
        """Return what somebody blocks on a service for a result."""
        ...

    def created(self, room: Room, creator: JID, id: str) -> list[tuple[JID, Stanza]]:
        """Return what occupants are told of their new room; *creator* is a full JID."""
        ...

    def creation_record(self, room: Room, id: str) -> Stanza | None:
        """Return what is kept of a creation."""
        ...

    def affiliations_for_stayer(self, old: Room, new: Room, listed: Affiliations, id: str) -> list[Stanza]:
        """Return what those are told who were inside and still are."""
        ...

    def affiliation_for_newcomer(
        self, room: Room, user: JID, affiliation: Affiliation, inviter: JID, id: str
    ) -> Stanza:
        """Return what somebody is told who was added."""
        ...

    def affiliation_for_leaver(self, room: Room, user: JID, id: str) -> Stanza:
        """Return what somebody is told who is outside now."""
        ...

    def affiliations_record(self, room: Room, listed: Affiliations, id: str) -> Stanza | None:
        """Return what is kept of a change of affiliations."""
        ...

    def configured(self, old: Room, new: Room, values: Mapping[str, str], id: str) -> Stanza:
        """Return what occupants are told of new values."""
        ...

    def configuration_record(self, old: Room, new: Room, values: Mapping[str, str], id: str) -> Stanza | None:
        """Return what is kept of new values."""
        ...

    def destroyed(self, room: Room, user: JID, id: str) -> Stanza:
        """Return what an occupant of a removed room is told."""
        ...
