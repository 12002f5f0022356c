"""What one module may ask of another: interfaces, found through ``api.find(...)`` or ``api.host_of(domain).find(...)``.

A module that offers one calls ``api.provide(RosterView, self)`` when it starts; who asks must live with None.
"""

from __future__ import annotations

from asyncio import Future
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple, Protocol

from mim.clock import from_us
from mim.storage.api import Write
from mim.xmpp.element import Element
from mim.xmpp.jid import JID
from mim.xmpp.stanza import Stanza


@dataclass(frozen=True, slots=True)
class Contact:
    """A roster item as the admin API shows it: subscription none|to|from|both, ask none|out|in|both."""

    jid: JID
    subscription: str
    ask: str


@dataclass(frozen=True, slots=True)
class Relation:
    """What a contact is to an account: subscription none|to|from|both, and the roster groups he is in."""

    subscription: str = "none"
    groups: tuple[str, ...] = ()


class RosterView(Protocol):
    """The contact lists of a host (RFC 6121 §2, §3).

    The changing methods resolve after the change is on disk and its pushes and presences are on their way.
    """

    def may_see_presence(self, account: JID, viewer: JID) -> bool | None:
        """Tell whether *viewer* is entitled to the account's presence; None = its roster is not in memory."""
        ...

    def has_contact(self, account: JID, contact: JID) -> bool | None:
        """Tell whether the bare *contact* is on the roster (hidden items do not count); None = not in memory."""
        ...

    def find_relation(self, account: JID, contact: JID) -> Relation | None:
        """Return what a bare JID is to the account (a stranger: none); None = its roster is not in memory."""
        ...

    async def get_relation(self, account: JID, contact: JID) -> Relation:
        """Return what a bare JID is to the account, from the store if need be."""
        ...

    async def list_contacts(self, account: JID) -> list[Contact]:
        """Return all items, hidden ones (none, pending in) included, sorted by JID."""
        ...

    async def add_contact(self, account: JID, contact: JID) -> None:
        """Put the contact on the roster, name empty, no groups; subscription and ask stay."""
        ...

    async def delete_contact(self, account: JID, contact: JID) -> bool:
        """Remove the contact and cancel the subscriptions; False when there is no item."""
        ...

    async def subscribe(self, account: JID, contact: JID, type: str) -> bool:
        """Act as if the account had sent presence of *type* (subscribe, subscribed, ...).

        False when *type* is subscribed and there is no item of any kind.
        """
        ...


class BlockList(Protocol):
    """The accounts' lists of blocked addresses (XEP-0191), kept among their privacy lists (XEP-0016).

    The changing methods resolve after the change is on disk and in force, and contacts have been told what they now
    see of the account.
    """

    async def blocked(self, account: JID) -> list[JID]:
        """Return the addresses an account blocks, in the order they were blocked."""
        ...

    async def block(self, account: JID, addresses: Iterable[JID]) -> None:
        """Block addresses, besides those blocked already.

        Raises:
            LimitExceeded: the list would be too long.
        """
        ...

    async def unblock(self, account: JID, addresses: Iterable[JID] | None) -> None:
        """Unblock addresses; None = all."""
        ...


SENT_ARCHIVE_ID = "mam.sent_id"
"""Key in ``stanza.trail.notes``: the id, as clients see it, under which a message stands in its sender's own archive.

The archive leaves it for carbons: their "sent" copies carry it as ``<stanza-id/>`` by the sender's bare JID. It is
absent when the message was not archived, or when ids are not to be shown (``no_stanzaid_element``).
"""


class ArchivedMessage(NamedTuple):
    """A message of an archive: its id, when it was archived, from whom, its ``id``, its body, the whole as XML text.

    *message_id* and *body* are empty when the stanza has none; *archived_us* are microseconds since 1970.
    """

    archive_id: int
    archived_us: int
    sender: str
    message_id: str
    body: str
    stanza: str

    @property
    def archived_at(self) -> datetime:
        """Return when it was archived."""
        return from_us(self.archived_us)


class ArchiveView(Protocol):
    """The one-to-one message archive of a host (XEP-0313)."""

    async def last_messages(
        self, owner: JID, *, with_: JID | None, not_after_us: int | None, limit: int
    ) -> list[ArchivedMessage]:
        """Return the last *limit* messages of *owner*, oldest first.

        *with_*: bare matches every resource, full only that one. *not_after_us*: microseconds since 1970, inclusive.
        """
        ...


@dataclass(frozen=True, slots=True)
class RoomReader:
    """Who asks a room's archive, as the room service found him entitled: it checks access before it asks."""

    jid: JID
    """His real JID."""
    sees_jids: bool
    """He is shown the authors' real JIDs (non-anonymous room, moderator)."""
    is_owner: bool
    """He may set the archive's preferences."""


class RoomArchive(Protocol):
    """The archives of a host's rooms (XEP-0313, XEP-0045), offered by the archive module to room services."""

    features: tuple[str, ...]
    """Disco features that a room and its service announce."""

    def serves(self, service: str) -> bool:
        """Tell whether rooms of this service domain (``muclight.localhost``) are archived."""
        ...

    def record(self, stanza: Stanza, room: JID, author: JID, *, affiliation: str = "", role: str = "") -> Stanza:
        """Archive a groupchat message on its way to the occupants, if it is of the kind that is archived.

        *stanza* comes from the occupant's JID, or from the room itself; *author* is the occupant's real JID, his
        *affiliation* and *role* are shown with it to those who may see it. Returned is the stanza to send: with its
        ``<stanza-id/>`` when it was archived, and without any that claims to be the room's. The write is among
        ``stanza.trail.promises``.
        """
        ...

    def answers(self, payload: Element) -> bool:
        """Tell whether an IQ's payload is a question to the archive."""
        ...

    async def answer(self, iq: Stanza, room: JID, reader: RoomReader) -> Element | None:
        """Send the result messages of a query and return the IQ result's payload.

        Raises:
            StanzaError: the query is malformed, or names something that is not there.
        """
        ...

    def removal(self, room: JID) -> Iterable[Write]:
        """Return the writes that remove a room's archive."""
        ...


class MessageSender(Protocol):
    """Offered by the core: sending in a local user's name, as the admin API does."""

    def send_as(self, stanza: Stanza) -> None:
        """Run the sender's ``filter_sent`` hooks and route."""
        ...


Promise = Future[Any]
