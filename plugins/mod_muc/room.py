"""A room and its occupants as state: who is in, under which name, with which rights (XEP-0045 §5)."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from datetime import datetime
from typing import NamedTuple

from mim.plugin import JID, Element, Stanza
from mim_plugins.mod_muc.config import RoomConfig
from mim_plugins.mod_muc.store import Affiliated, StoredRoom

AFFILIATIONS = ("owner", "admin", "member", "outcast", "none")
ROLES = ("moderator", "participant", "visitor", "none")
_RANK = {"owner": 4, "admin": 3, "member": 2, "none": 1, "outcast": 0}


class Occupant:
    """Somebody's presence in a room under a nickname: one client, or several of one user where that is allowed."""

    __slots__ = ("__weakref__", "last_message_at", "last_presence_at", "nick", "role", "sessions", "shown")

    def __init__(self, nick: str, role: str) -> None:
        self.nick = nick
        self.role = role
        self.sessions: dict[JID, list[Element | str]] = {}
        """What each client's latest presence says, by its full JID; a bare JID is a user the admin API put inside."""
        self.shown: dict[bool, tuple[object, list[Element | str], Stanza]] = {}
        """How newcomers see him, with and without his JID, and what that was made of: serialised once for all."""
        self.last_message_at = float("-inf")
        self.last_presence_at = float("-inf")

    @property
    def jid(self) -> JID:
        """Return the real JID: that of the client that came first."""
        return next(iter(self.sessions))

    @property
    def account(self) -> JID:
        """Return the real bare JID."""
        return self.jid.bare

    @property
    def payload(self) -> list[Element | str]:
        """Return what the latest presence says."""
        return next(reversed(self.sessions.values()))


class Said(NamedTuple):
    """A message of the history: as it was sent, when, and whether it set the subject."""

    stanza: Stanza
    at: datetime
    is_subject: bool


class Room:
    """One room that is awake."""

    def __init__(self, jid: JID, config: RoomConfig, history_size: int) -> None:
        self.jid = jid
        self.config = config
        self.affiliations: dict[JID, Affiliated] = {}
        self.occupants: dict[str, Occupant] = {}
        self._by_jid: dict[JID, Occupant] = {}
        self.subject = ""
        self.subject_author = ""
        self.history: deque[Said] = deque(maxlen=history_size)
        self.is_locked = False
        self.is_gone = False
        self.used_at = 0.0
        """When the last stanza came for the room, on the server's monotonic clock."""
        self.voice_requests: set[str] = set()

    @classmethod
    def awoken(cls, jid: JID, stored: StoredRoom, history_size: int) -> Room:
        """Return a persistent room as it was kept."""
        room = cls(jid, stored.config, history_size)
        room.affiliations = dict(stored.affiliations)
        room.subject, room.subject_author = stored.subject, stored.subject_author
        return room

    def to_stored(self) -> StoredRoom:
        """Return what is kept of the room."""
        return StoredRoom(self.config, self.subject, self.subject_author, dict(self.affiliations))

    # --- who is inside ----------------------------------------------------------------------------------------

    def find(self, jid: JID) -> Occupant | None:
        """Return the occupant that a client (a full JID), or a user put inside by his bare JID, is."""
        return self._by_jid.get(jid)

    def of_account(self, account: JID) -> list[Occupant]:
        """Return the occupants that are a user, longest-present first."""
        return [occupant for occupant in self.occupants.values() if occupant.account == account]

    def add_session(self, occupant: Occupant, jid: JID, payload: list[Element | str]) -> None:
        """Let a client in under an occupant's nickname, or note its new presence."""
        self.occupants.setdefault(occupant.nick, occupant)
        occupant.sessions.pop(jid, None) if len(occupant.sessions) > 1 else None
        occupant.sessions[jid] = payload
        self._by_jid[jid] = occupant

    def remove_session(self, jid: JID) -> Occupant | None:
        """Let a client out; the occupant goes with its last client. Return the occupant it was."""
        occupant = self._by_jid.pop(jid, None)
        if occupant is None:
            return None
        del occupant.sessions[jid]
        if not occupant.sessions:
            del self.occupants[occupant.nick]
        return occupant

    def rename(self, occupant: Occupant, nick: str) -> None:
        """Give an occupant another nickname; his place in the order of arrival stays."""
        self.occupants = {nick if other is occupant else old: other for old, other in self.occupants.items()}
        occupant.nick = nick

    def clients(self) -> list[JID]:
        """Return the real JIDs of all clients inside."""
        return list(self._by_jid)

    # --- rights -----------------------------------------------------------------------------------------------

    def affiliation_of(self, jid: JID) -> str:
        """Return a user's affiliation."""
        known = self.affiliations.get(jid.bare)
        return "none" if known is None else known.affiliation

    def set_affiliation(self, account: JID, affiliation: str, reason: str = "") -> None:
        """Change a user's affiliation; "none" forgets him."""
        if affiliation == "none":
            self.affiliations.pop(account, None)
        else:
            self.affiliations[account] = Affiliated(affiliation, reason)

    def listed(self, affiliation: str) -> Iterator[tuple[JID, Affiliated]]:
        """Yield the users of an affiliation, sorted by JID."""
        for jid in sorted(self.affiliations):
            if self.affiliations[jid].affiliation == affiliation:
                yield jid, self.affiliations[jid]

    def default_role(self, affiliation: str) -> str:
        """Return the role that comes with an affiliation (XEP-0045 §5.1.2)."""
        if affiliation in ("owner", "admin"):
            return "moderator"
        if affiliation == "outcast":
            return "none"
        if affiliation == "member" or self.config.members_by_default:
            return "participant"
        return "visitor"

    def sees_jids(self, occupant: Occupant) -> bool:
        """Tell whether an occupant is shown real JIDs."""
        return not self.config.anonymous or occupant.role == "moderator"

    @property
    def has_bare_occupants_only(self) -> bool:
        """Tell whether nobody but users that the admin API has put inside is there."""
        return all(jid.is_bare for jid in self._by_jid)


def outranks(affiliation: str, other: str) -> bool:
    """Tell whether one affiliation is higher than another."""
    return _RANK[affiliation] > _RANK[other]
