"""Rooms as values: occupants with their affiliations, configuration, one version for both (muc-light, section 1)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from mim.plugin import JID, new_id

NAME_FIELD = "roomname"
SUBJECT_FIELD = "subject"


class Affiliation(StrEnum):
    """What somebody is in a room; none = outside."""

    OWNER = "owner"
    MEMBER = "member"
    NONE = "none"


Affiliations = Mapping[JID, Affiliation]

# What they are where XEP-0045 is spoken: in legacy mode, and in archives.
ROLES = {Affiliation.OWNER: "moderator", Affiliation.MEMBER: "participant", Affiliation.NONE: "none"}


def by_node_and_domain(jid: JID) -> tuple[str, str]:
    """Return the key that occupants are sorted by."""
    return jid.local, jid.domain


def in_order(users: Iterable[JID]) -> list[JID]:
    """Return users in the order of broadcasts and lists: ascending by node, then by domain."""
    return sorted(users, key=by_node_and_domain)


@dataclass(frozen=True, slots=True)
class Room:
    """A room at one version. *occupants* is in the order of :func:`in_order`."""

    jid: JID
    version: str
    config: Mapping[str, str]
    """Values by field; every field of the schema has one."""
    occupants: Affiliations
    recipients: tuple[JID, ...] = field(init=False, compare=False)
    """The occupants that stanzas are sent to: all but JIDs of the room's own service, which nobody answers for."""
    _voices: dict[JID, JID] = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "recipients", self.reachable(self.occupants))
        object.__setattr__(self, "_voices", {})

    def affiliation(self, user: JID) -> Affiliation:
        """Return what a bare JID is here."""
        return self.occupants.get(user, Affiliation.NONE)

    def reachable(self, users: Iterable[JID]) -> tuple[JID, ...]:
        """Return those of *users* that stanzas are sent to."""
        return tuple(user for user in users if user.domain != self.jid.domain)

    def voice_of(self, occupant: JID) -> JID:
        """Return the JID an occupant's messages come from: ``room@service/occupant@domain``."""
        voice = self._voices.get(occupant)
        if voice is None:
            voice = self._voices[occupant] = self.jid.with_resource(str(occupant))
        return voice

    @property
    def name(self) -> str:
        """Return the name shown in lists: the configured one, the node where the schema has none."""
        return self.config.get(NAME_FIELD, self.jid.local)

    def with_occupants(self, occupants: Affiliations) -> Room:
        """Return the next version, with other occupants."""
        ordered = {user: occupants[user] for user in in_order(occupants)}
        return Room(self.jid, new_id(), self.config, ordered)

    def with_config(self, values: Mapping[str, str]) -> Room:
        """Return the next version; fields not among *values* stay."""
        return Room(self.jid, new_id(), {**self.config, **values}, self.occupants)


@dataclass(frozen=True, slots=True)
class RoomEntry:
    """A room in the list of those a user occupies."""

    jid: JID
    version: str
    config: Mapping[str, str]
    affiliation: Affiliation

    @property
    def name(self) -> str:
        """Return the name shown in lists."""
        return self.config.get(NAME_FIELD, self.jid.local)
