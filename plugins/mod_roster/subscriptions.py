"""Subscriptions at work: a presence of a subscription type, or a removal, and all that follows from it.

Every method runs without a switch of task; the rosters it changes are in memory (:meth:`Rosters.find` knows them).
What clients see comes in the order of xmpp-behaviour, section 3.2: the push, the presence, then availability.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from mim.errors import LimitExceeded
from mim.plugin import JID, Stanza
from mim.xmpp import ns
from mim.xmpp.element import Element, Node, serialize
from mim.xmpp.parser import parse_element
from mim.xmpp.stanza import Trail
from mim_plugins.mod_roster import states
from mim_plugins.mod_roster.model import Item, Roster
from mim_plugins.mod_roster.pushes import Pusher
from mim_plugins.mod_roster.rosters import Change, Rosters, changing
from mim_plugins.mod_roster.states import State

if TYPE_CHECKING:
    from mim.plugin import ModuleApi

MAX_ITEMS = 10_000
"""Contacts on one roster, those included that wait for an answer and that clients do not see."""
MAX_REQUESTS = 1_000
"""Requests of strangers that may wait for an answer."""
MAX_REQUEST_BYTES = 4096
"""Of what came inside a request and is kept until it is answered."""
BY_ADMIN = "mod_roster.by_admin"
"""Noted on the way of a presence that the admin API causes: accounts that do not exist take part."""


class Subscriptions:
    """Changes the rosters of one host by what its users and their contacts send."""

    def __init__(self, api: ModuleApi, rosters: Rosters, pusher: Pusher) -> None:
        self._router = api.router
        self._rosters = rosters
        self._pusher = pusher

    # --- the account acts -------------------------------------------------------------------------------------

    def put_contact(self, trail: Trail, roster: Roster, contact: JID, name: str, groups: tuple[str, ...]) -> None:
        """Put a contact on a roster under a name and in groups; how they stand stays.

        Raises:
            LimitExceeded: the roster is full.
        """
        item = roster.find(contact)
        if item is None:
            _check_room(roster)
            item = Item(contact)
        with changing(self._rosters.store, trail) as change:
            self._put(change, roster, replace(item, name=name, groups=groups, is_added=True), is_pushed=True)

    def remove_contact(self, trail: Trail, roster: Roster, item: Item, *, is_pushed: bool = True) -> None:
        """Take a contact off a roster and end the subscriptions; a request that only waits does not concern it."""
        account, contact = roster.account, item.contact
        with changing(self._rosters.store, trail) as change:
            change.remove(self._rosters, roster, contact)
            if is_pushed:
                self._pusher.push_removal(roster, contact)
            if item.state.sees:
                self._route(trail, "unsubscribe", account, contact)
            if item.state.is_seen:
                self._route(trail, "unsubscribed", account, contact)
                self._router.presences.send_unavailable(account, contact)

    def send(self, stanza: Stanza, roster: Roster) -> None:
        """The account sends presence of a subscription type: change its side and route, whatever the change.

        Raises:
            LimitExceeded: the roster is full.
        """
        check_room_for(stanza, roster)
        contact = stanza.to_jid
        item = roster.find(contact) or Item(contact)
        old = item.state
        outcome = states.sent(old, stanza.type)
        with changing(self._rosters.store, stanza.trail) as change:
            if outcome.state is not old or outcome.is_pushed:
                self._move(change, roster, item, outcome.state, is_pushed=outcome.is_pushed)
            self._router.route(stanza)
            if outcome.state.is_seen and not old.is_seen:
                self._router.presences.send_available(roster.account, contact)
            elif old.is_seen and not outcome.state.is_seen:
                self._router.presences.send_unavailable(roster.account, contact)

    # --- a contact acts ---------------------------------------------------------------------------------------

    def receive(self, stanza: Stanza, roster: Roster) -> None:
        """Presence of a subscription type has come: change the account's side, deliver and answer.

        Raises:
            LimitExceeded: too many requests wait already.
        """
        account, contact = roster.account, stanza.from_jid
        item = roster.find(contact)
        if item is None:
            if not roster.has_owner and BY_ADMIN not in stanza.trail.notes:
                return  # whoever asks learns nothing of which accounts there are (RFC 6121 §3.1.3)
            item = Item(contact)
            if stanza.type == "subscribe":
                _check_room(roster)
                if len(roster.requests()) >= MAX_REQUESTS:
                    raise LimitExceeded("too many requests wait for an answer")
        old = item.state
        outcome = states.received(old, stanza.type)
        with changing(self._rosters.store, stanza.trail) as change:
            if outcome.state is not old:
                if outcome.state.is_asked and not old.is_asked:
                    item = replace(item, request=_kept(stanza))
                self._move(change, roster, item, outcome.state, is_pushed=outcome.is_pushed)
                if outcome.is_delivered:
                    self._router.deliver_to_available(stanza, account)
            if outcome.reply:
                self._route(stanza.trail, outcome.reply, account, contact)
            if old.is_seen and not outcome.state.is_seen:
                self._router.presences.send_unavailable(account, contact)

    # --- both -------------------------------------------------------------------------------------------------

    def _move(self, change: Change, roster: Roster, item: Item, new: State, *, is_pushed: bool) -> None:
        """Give an item another state; one that only a request had made goes with the request."""
        if new is State.NONE and item.state.is_hidden and not item.is_added:
            change.remove(self._rosters, roster, item.contact)
            return
        request = item.request if new.is_asked else ""
        self._put(change, roster, replace(item, state=new, request=request), is_pushed=is_pushed)

    def _put(self, change: Change, roster: Roster, item: Item, *, is_pushed: bool) -> None:
        change.put(self._rosters, roster, item)
        if is_pushed:
            self._pusher.push(roster, item)

    def _route(self, trail: Trail, type: str, sender: JID, to: JID) -> None:
        self._router.route(Stanza("presence", {"type": type}, sender=sender, to=to, trail=trail))


def waiting_request(item: Item, account: JID) -> Stanza:
    """Return the request of a contact who still waits for an answer, as it came (RFC 6121 §3.1.3)."""
    children = parse_element(f"<presence>{item.request}</presence>").children
    return Stanza("presence", {"type": "subscribe"}, children, sender=item.contact, to=account)


def check_room_for(stanza: Stanza, roster: Roster) -> None:
    """See whether the account may send presence of a subscription type.

    Raises:
        LimitExceeded: it would need an item more, and the roster is full.
    """
    if stanza.type == "subscribe" and roster.find(stanza.to_jid) is None:
        _check_room(roster)


def _check_room(roster: Roster) -> None:
    if len(roster) >= MAX_ITEMS:
        raise LimitExceeded(f"a roster holds {MAX_ITEMS} contacts at most")


def _kept(request: Stanza) -> str:
    """Return what is kept of a request: all that came in it, or only its status text, or nothing, as it fits."""
    status = request.find(ns.CLIENT, "status")
    choices: tuple[Sequence[Node], ...] = (request.children, () if status is None else (status,))
    for nodes in choices:
        text = "".join(serialize(node) for node in nodes if isinstance(node, Element))
        if len(text.encode()) <= MAX_REQUEST_BYTES:
            return text
    return ""
