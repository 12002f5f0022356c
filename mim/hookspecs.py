"""Every hook: the contents page for module authors.

Three kinds, told by the name and by the "Kind" line:

* *notification* (past tense): all modules are told; a failing one is logged by name, the others still run.
* *filter* (``filter_…``): each may change the stanza (returning another), drop it (returning None) or refuse it
  (raising StanzaError). Called in the order the modules started. Plain functions: they sit on the hot path.
* *question*: each module may answer; what becomes of the answers stands with the hook.

Hooks marked async may be coroutines. A module implements a hook as a method marked ``@hookimpl``; parameters it
does not need may be left out.
"""

from __future__ import annotations

from collections.abc import Awaitable, Iterable
from typing import TYPE_CHECKING

import pluggy

from mim.storage.api import Write
from mim.xmpp.element import Element
from mim.xmpp.jid import JID
from mim.xmpp.stanza import Stanza

if TYPE_CHECKING:
    from mim.capabilities import RoomView
    from mim.session.session import Session

PROJECT = "mim"
hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


class HookSpecs:
    """The hooks of one host."""

    # --- accounts ---------------------------------------------------------------------------------------------

    @hookspec
    async def account_registered(self, account: JID) -> None:
        """An account now exists and is on disk.

        Called:  after the write, whoever asked for it (admin API, XEP-0077).
        Kind:    notification, async.
        """

    @hookspec
    async def account_leaving(self, account: JID) -> None:
        """An account is about to be removed; its data and sessions are still there.

        Called:  before its sessions are closed and its data removed; say good-bye to others here (unsubscribe,
                 leave rooms).
        Kind:    notification, async, awaited one module after the other.
        """

    @hookspec
    def account_data_removal(self, account: JID) -> Iterable[Write]:
        """Return the writes that remove everything this module stores about an account.

        Called:  after its sessions are closed; all modules' writes and the account's own are one transaction. Once
                 more, before that, when the account's own client asked for the removal and waits for the answer.
        Kind:    question, all answers are joined.
        """

    @hookspec
    def account_removed(self, account: JID) -> None:
        """An account and its data are gone from disk; forget what is in memory.

        Kind:    notification.
        """

    # --- sessions ---------------------------------------------------------------------------------------------

    @hookspec
    async def session_opening(self, session: Session) -> None:
        """A resource is being bound; load here what the stanza path will need in memory.

        Called:  before the session is in the session table and before the client learns its JID.
        Kind:    notification, async, awaited; a failure refuses the session (RFC 6120 §7.6 internal error).
        """

    @hookspec
    def session_opened(self, session: Session) -> None:
        """A session is in the session table.

        Called:  before the client learns its JID.
        Kind:    notification.
        """

    @hookspec
    async def session_ready(self, session: Session) -> None:
        """A session may now receive messages: available with priority >= 0, and it was not before.

        Called:  before its presence is broadcast; what others send meanwhile is held back. Deliver what waited for
                 the account with ``session.send_ahead``.
        Kind:    notification, async, awaited one module after the other in the order they started.
        """

    @hookspec
    def presence_changed(self, session: Session, previous: Stanza | None, broadcast: Stanza) -> None:
        """A session's available or unavailable presence was broadcast; ``session.presence`` is the new one (None =
        unavailable), *broadcast* what the others were sent.

        Kind:    notification.
        """

    @hookspec
    def session_closed(self, session: Session) -> None:
        """A session has ended, for whatever reason.

        Called:  once per session, after it left the session table and its unavailable presence was broadcast. A
                 resumable session counts as ended when it expires.
        Kind:    notification.
        """

    @hookspec
    def connection_lost(self, session: Session) -> bool | None:
        """A session's connection broke before the client ended its stream.

        Return True to keep the session for the client's return: it stays in the session table and available, its
        stanzas go through its layers, and this module answers for their keeping and for the session's end.
        Kind:    question, first True wins; nobody: the session is closed.
        """

    @hookspec
    def session_resumed(self, session: Session) -> None:
        """A session goes on with another connection of its client.

        Called:  after the new stream took the old one's place.
        Kind:    notification.
        """

    # --- stanzas ----------------------------------------------------------------------------------------------

    @hookspec
    def filter_sent(self, stanza: Stanza, session: Session | None) -> Stanza | None:
        """A local user sends a stanza; ``from`` is stamped, ``to`` is set.

        Called:  before routing, for every stanza of a client, and for messages the admin API sends in a user's name
                 (then *session* is None).
        Kind:    filter of the sender's host.
        """

    @hookspec
    def filter_received(self, stanza: Stanza, account: JID) -> Stanza | None:
        """A stanza has reached a local account (bare JID), before anybody chose among its resources.

        Called:  once per stanza, whether or not the account is online; IQs that the server answers for the account
                 included.
        Kind:    filter of the recipient's host.
        """

    @hookspec
    def filter_delivered(self, stanza: Stanza, session: Session) -> Stanza | None:
        """A stanza is about to be written to one client.

        Kind:    filter of the recipient's host. Implementing it costs every delivery; prefer ``filter_received``.
        """

    @hookspec
    def filter_broadcast(self, stanza: Stanza, session: Session) -> Stanza | None:
        """The server sends a presence in the name of a session to somebody else, without the client naming him.

        Called:  for each subscriber of a broadcast, each answer to a probe, each probe, and the last presence of a
                 session to whom it had sent directed presence. What the client addresses itself goes through
                 ``filter_sent``.
        Kind:    filter of the sender's host; it refuses silently, by returning None.
        """

    @hookspec
    def message_delivered(self, stanza: Stanza, account: JID, sessions: list[Session]) -> None:
        """A message was given to *sessions* of a local account (at least one).

        Kind:    notification.
        """

    @hookspec
    def message_waiting(self, stanza: Stanza, account: JID) -> bool | None:
        """No session of a registered account takes this message now.

        Return True when the module has taken care of it (stored, dropped on purpose): then nobody is asked any more
        and no error goes back. Writes must be added to ``stanza.trail.promises``. Raise StanzaError to refuse.
        Kind:    question, first True wins.
        """

    @hookspec
    def presence_subscription_sent(self, stanza: Stanza) -> bool | None:
        """A local user sends presence of type subscribe, subscribed, unsubscribe or unsubscribed.

        ``from`` and ``to`` are bare. The module that keeps rosters updates its side and routes the stanza.
        Kind:    question, first True wins; nobody: the stanza is dropped.
        """

    @hookspec
    def presence_subscription_received(self, stanza: Stanza, account: JID) -> bool | None:
        """Presence of a subscription type has reached a local account. ``from`` and ``to`` are bare.

        The module that keeps rosters updates its side, delivers and answers.
        Kind:    question, first True wins; nobody: the stanza is dropped.
        """

    @hookspec
    def presence_subscribers(self, account: JID) -> Iterable[JID]:
        """Return the bare JIDs entitled to the account's presence (subscription from or both).

        Called:  only while the account has a session.
        Kind:    question, all answers are joined.
        """

    @hookspec
    def presence_subscriptions(self, account: JID) -> Iterable[JID]:
        """Return the bare JIDs whose presence the account is entitled to (subscription to or both).

        Called:  only while the account has a session.
        Kind:    question, all answers are joined.
        """

    # --- chat rooms -------------------------------------------------------------------------------------------
    # Rooms of XEP-0045 on a service of this host. All are called in the order in which things happen in the room,
    # right after the occupants were sent what they are told of it.

    @hookspec
    def room_created(self, room: RoomView, creator: JID) -> None:
        """A room was made by *creator* (his real JID).

        Called:  not when a room is read from the store again.
        Kind:    notification.
        """

    @hookspec
    def room_destroyed(self, room: RoomView, reason: str) -> None:
        """A room has ceased to exist: an owner destroyed it, or it was temporary and its last occupant left.

        Called:  not when a room is put to sleep, nor when the server stops.
        Kind:    notification.
        """

    @hookspec
    def room_configured(self, room: RoomView) -> None:
        """An owner has changed a room's configuration.

        Kind:    notification.
        """

    @hookspec
    def occupant_joined(self, room: RoomView, nick: str, user: JID) -> None:
        """A user (his real JID, full, or bare when the admin API acts for him) has entered under a nickname.

        Called:  once per nickname; further clients under the same one are not told.
        Kind:    notification.
        """

    @hookspec
    def occupant_left(self, room: RoomView, nick: str, user: JID, code: int, reason: str) -> None:
        """An occupant has left or was removed; nobody is inside under that nickname any more.

        *code*: XEP-0045's status code: 301 banned, 307 kicked, 321 membership lost, 322 the room is members-only now,
        332 the service stops; 0 = of his own accord, or because his connection ended. *reason*: what he or the
        moderator said, empty when nothing.
        Kind:    notification.
        """

    @hookspec
    def occupant_renamed(self, room: RoomView, nick: str, new_nick: str, user: JID) -> None:
        """An occupant has another nickname.

        Kind:    notification.
        """

    @hookspec
    def room_message(self, room: RoomView, nick: str, user: JID, stanza: Stanza) -> None:
        """A groupchat message was sent to a room's occupants, as it was sent: from the occupant's JID, with archive id.

        *user*: the author's real JID.
        Called:  for every message, on the hot path; changes of the subject have a hook of their own.
        Kind:    notification.
        """

    @hookspec
    def room_subject_changed(self, room: RoomView, nick: str, user: JID) -> None:
        """An occupant has changed the subject; ``room.subject`` is the new one.

        Kind:    notification.
        """

    # --- rosters ----------------------------------------------------------------------------------------------

    @hookspec
    async def roster_extra_items(self, account: JID) -> Iterable[Element]:
        """Return ``<item/>`` elements (jabber:iq:roster) that a roster shows besides what the account has put there.

        Called:  for a roster get and for the admin API's list of contacts. The module that keeps rosters puts them
                 first and sorts each module's by JID; in the list they count as contacts with the item's subscription
                 and no ask. They are no subscriptions: nobody is probed or told of presence because of them.
                 No push tells of a change. So the version that goes with a roster result has to change with them
                 (RFC 6121 §2.6): an answer "nothing has changed" is only right if these have not changed either.
        Kind:    question, async, all answers are joined; a failing module adds nothing.
        """

    # --- streams ----------------------------------------------------------------------------------------------

    @hookspec
    def stream_features(self, authenticated: bool) -> Iterable[Element]:
        """Return stream features to advertise, before or after authentication (RFC 6120 §4.3.2).

        Kind:    question, all answers are joined.
        """

    @hookspec
    def unauthenticated_iq(self, stanza: Stanza, peer_address: str) -> Awaitable[Element | None] | None:
        """An IQ came before authentication; ``from`` is absent, ``to`` is the stream's domain.

        Return an awaitable of the result's payload to answer it (raise StanzaError in it to refuse).
        Kind:    question, first answer wins; nobody: service-unavailable.
        """

    # --- discovery --------------------------------------------------------------------------------------------

    @hookspec
    def server_items(self, domain: str) -> Iterable[Element]:
        """Return ``<item/>`` elements for disco#items of a served domain (XEP-0030 §4).

        Kind:    question, all answers are joined.
        """

    @hookspec
    def server_node(self, iq: Stanza, node: str) -> Element | None:
        """Return the ``<query/>`` that answers disco#info or disco#items of a node of the domain (XEP-0030 §3.2, §4.2).

        *iq* is the request; the namespace of its payload tells which of the two. Answer with the node as attribute.
        Kind:    question, first answer wins; nobody: item-not-found.
        """
