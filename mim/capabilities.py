"""What one module may ask of another: interfaces, found through ``api.find(...)`` or ``api.host_of(domain).find(...)``.

A module that offers one calls ``api.provide(RosterView, self)`` when it starts; who asks must live with None.
"""

from __future__ import annotations

from asyncio import Future
from collections.abc import Iterable, Mapping
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


@dataclass(frozen=True, slots=True)
class RoomView:
    """A chat room (XEP-0045) as the hooks about rooms show it."""

    jid: JID
    title: str
    """The room's configured name; may be empty."""
    subject: str
    is_logged: bool
    """Its owners want a log of what is said."""
    is_anonymous: bool
    """Only moderators are shown real JIDs."""


class ChatRooms(Protocol):
    """The chat rooms of a host (XEP-0045), for whoever acts in a user's name without a client.

    The methods resolve when what they promise is on disk and its stanzas are on their way. Refusals carry the texts
    of contract/admin-api 6.17-6.20.
    """

    def service_of(self, domain: str) -> str | None:
        """Return the service (``conference.localhost``) of a served domain, or *domain* itself if it is a service."""
        ...

    async def create_room(self, room: JID, *, owner: JID, nick: str) -> None:
        """Make a room that is open at once, with the bare JID *owner* inside under *nick* (prepared).

        If he owns the room already it stays as it is.

        Raises:
            Denied: somebody else's room has that name, or he may not make it.
        """
        ...

    async def invite(self, room: JID, *, sender: JID, recipient: JID, reason: str) -> None:
        """Send a direct invitation (XEP-0249) from one user to another.

        Raises:
            NotFound: there is no such room.
            Denied: the sender may not enter it.
        """
        ...

    async def send_message(self, room: JID, *, sender: JID, body: str) -> None:
        """Speak as the occupant that the sender is: that very JID, else his bare JID, else his longest-present client.

        Raises:
            NotFound: there is no such room.
            Denied: he is not inside, or has no voice.
        """
        ...

    async def kick(self, room: JID, nick: str, *, reason: str) -> None:
        """Remove an occupant as the room's first moderator would.

        Raises:
            NotFound: there is no such room, no moderator in it, or no such occupant.
            Denied: a moderator may not be kicked.
        """
        ...


class RoomLog(Protocol):
    """Offered by the module that writes rooms' logs: without one, rooms have no option to be logged."""

    def may_switch(self, user: JID) -> bool:
        """Tell whether a room's owner may switch its log on."""
        ...


@dataclass(frozen=True, slots=True)
class BoshPolicy:
    """How BOSH sessions of a host behave (XEP-0124), offered by mod_bosh; without it a host has none. In seconds."""

    inactivity: float | None
    """Without a request before a session ends, None = for ever."""
    max_wait: int | None
    """What a request may wait at most, None = what the client likes."""
    max_pause: int
    has_acks: bool
    """Responses say which requests have come."""


class HttpPools(Protocol):
    """The connections of ``[outgoing_pools.http]``."""

    async def get(self, tag: str, path: str, query: Mapping[str, str]) -> tuple[int, bytes]:
        """Send a GET request to *path* below a pool's own path; return the status and the body.

        Raises:
            Unavailable: there is no such pool, or it does not answer in time.
        """
        ...


class LightRooms(Protocol):
    """The MUC Light rooms of a host (urn:xmpp:muclight:0), for whoever acts in a user's name without a client.

    Users are bare JIDs. A room is named by its JID, or by its configured name among the rooms that the acting user
    occupies (the first by JID). The methods resolve when the change is on disk and its notifications are on their
    way; creation, configuration and deletion notify nobody. Refusals carry the texts of contract/admin-api 6.21-6.25.
    """

    def service_of(self, domain: str) -> str | None:
        """Return the service (``muclight.localhost``) of a served domain, or *domain* itself if it is a service."""
        ...

    async def create_room(self, service: str, node: str, *, owner: JID, name: str, subject: str) -> JID:
        """Make a room and return its JID; *node* is prepared, empty = an unused one is made up.

        Raises:
            Denied: the room exists, or a limit is reached.
            BadRequest: the configuration has no such field.
        """
        ...

    async def change_configuration(self, room: JID, user: JID, *, name: str, subject: str) -> None:
        """Set two fields in a user's name.

        Raises:
            NotFound: there is no such room.
            Denied: the user is not in it, or may not.
            BadRequest: the configuration has no such field.
        """
        ...

    async def invite(self, service: str, name: str, *, sender: JID, recipient: JID) -> None:
        """Add a user; one who is inside, who blocks the sender or is in too many rooms is silently left out.

        Raises:
            NotFound: the sender is in no room of that name.
            Denied: the sender is in no room at all, or may not, or the room is full.
        """
        ...

    async def send_message(self, service: str, name: str, *, sender: JID, body: str) -> None:
        """Send a message to a room.

        Raises:
            NotFound: the sender is in no room of that name.
            Denied: the sender is in no room at all.
        """
        ...

    async def delete_room(self, service: str, name: str, *, owner: JID) -> None:
        """Delete a room with its archive.

        Raises:
            NotFound: the user is in no room of that name.
            Denied: the user is in no room at all, or not the owner.
        """
        ...

    async def leave_all(self, account: JID) -> None:
        """Take an account out of every room of this host's services, as if it had left each."""


class Discovery(Protocol):
    """What the server says of itself (XEP-0030), for modules that say it elsewhere, too."""

    def server_info(self, domain: str) -> Element:
        """Return the disco#info ``<query/>`` of a served domain, without a node."""
        ...

    def contact_form(self, module: str) -> Element | None:
        """Return the contact addresses (XEP-0157) that go into the disco#info answers of a module's services."""
        ...


class MessageSender(Protocol):
    """Offered by the core: sending in a local user's name, as the admin API does."""

    def send_as(self, stanza: Stanza) -> None:
        """Run the sender's ``filter_sent`` hooks and route."""
        ...


Promise = Future[Any]
