"""Rosters (RFC 6121 §2, §3): contact lists, subscriptions to presence, versions.

Clients and the admin API change rosters; whoever else wants to know who may see whom asks :class:`RosterView`. The
tables of subscription states are in ``states``, what follows from a change in ``subscriptions``.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import Literal

from mim.capabilities import Relation
from mim.config import ModuleOptions, NonEmpty, Options
from mim.errors import MimError
from mim.plugin import (
    JID,
    Contact,
    Element,
    Module,
    RosterView,
    Session,
    Stanza,
    Xep,
    element,
    hookimpl,
    iq_handler,
    joined_async,
    option,
    own_account,
)
from mim.storage.api import Write
from mim.xmpp import ns
from mim.xmpp.stanza import Trail
from mim_plugins.mod_roster.contact_requests import read_item
from mim_plugins.mod_roster.model import Roster
from mim_plugins.mod_roster.pushes import Pusher
from mim_plugins.mod_roster.rosters import Rosters
from mim_plugins.mod_roster.sides import Sides, refusing
from mim_plugins.mod_roster.store import SCHEMA, RosterStore
from mim_plugins.mod_roster.subscriptions import BY_ADMIN, Subscriptions, check_room_for, waiting_request


class Riak(Options, tier="C"):
    """``[modules.mod_roster.riak]``; no effect here."""

    bucket_type: NonEmpty = option("rosters", help="No effect.")
    version_bucket_type: NonEmpty = option("roster_versions", help="No effect.")


class RosterOptions(ModuleOptions):
    """``[modules.mod_roster]``."""

    versioning: bool = option(False, help="A client that has the current roster is not sent it again (XEP-0237).")
    store_current_id: bool = option(
        False, help="Keep the version in the store, counted up with each change; else it is computed from the items."
    )
    backend: Literal["mnesia", "rdbms", "riak"] = option("mnesia", help="Where the rosters are kept.")
    riak: Riak = option(Riak(), tier="C", help="No effect.")


class ModRoster(Module[RosterOptions]):
    """The rosters of one host."""

    Options = RosterOptions
    schema = SCHEMA
    features = (ns.ROSTER,)
    xeps = (Xep(237, "1.3"),)

    async def start(self) -> None:
        """Open the store, and load the rosters of those who are online already."""
        has_versions = self.options.versioning
        self._store = RosterStore(self.api.database)
        self._rosters = Rosters(
            self._store,
            self.api.accounts.exists,
            self._repair,
            keeps_versions=has_versions and self.options.store_current_id,
        )
        self._sides = Sides(self.api, self._rosters)
        self._pusher = Pusher(self.api.sessions.of, has_versions=has_versions)
        self._subscriptions = Subscriptions(self.api, self._rosters, self._pusher)
        self.api.provide(RosterView, self)
        while waiting := [session for session in self._sessions() if self.name not in session.data]:
            for session in waiting:
                await self.session_opening(session)

    async def stop(self) -> None:
        """Let go of the rosters."""
        for session in self._sessions():
            session.data.pop(self.name, None)

    def _sessions(self) -> Iterable[Session]:
        return (session for session in self.api.sessions if session.host is self.api.host)

    # --- rosters in memory ------------------------------------------------------------------------------------

    @hookimpl
    async def session_opening(self, session: Session) -> None:
        """Hold the account's roster in memory as long as the session lasts."""
        roster = session.data[self.name] = await self._rosters.load(session.account)
        roster.has_owner = True  # guests, too, who exist only as long as they are here

    @hookimpl
    def account_registered(self, account: JID) -> None:
        """A roster that the admin API has made has an owner now."""
        roster = self._rosters.peek(account)
        if roster is not None:
            roster.has_owner = True

    async def _load_whole(self, account: JID) -> tuple[Roster, list[Element]]:
        """Return a roster, and what it shows besides the account's own contacts (rooms it is in), sorted by JID.

        Where an account has put such a room among its contacts by hand, the room's own item is shown in its place.
        """
        extras = await joined_async(self.api.host.hooks.roster_extra_items, account)
        roster = await self._rosters.load(account)
        return roster, sorted(extras, key=lambda item: item.get("jid"))

    def _repair(self, roster: Roster) -> None:
        """What clients were told of a roster was not stored: read it again and tell them how it is."""
        self.api.router.spawn(self._read_again(roster))

    async def _read_again(self, roster: Roster) -> None:
        believed = roster.shown()
        try:
            await self._rosters.load(roster.account)
        except MimError:
            return  # still stale: the next who needs it reads it
        self._pusher.push_differences(roster, believed)

    # --- presence ---------------------------------------------------------------------------------------------

    @hookimpl
    def presence_subscribers(self, account: JID) -> Iterable[JID]:
        """Tell who is entitled to an account's presence."""
        roster = self._rosters.peek(account)
        return () if roster is None else roster.subscribers

    @hookimpl
    def presence_subscriptions(self, account: JID) -> Iterable[JID]:
        """Tell to whose presence an account is entitled."""
        roster = self._rosters.peek(account)
        return () if roster is None else roster.subscriptions

    @hookimpl
    def presence_subscription_sent(self, stanza: Stanza) -> bool:
        """A client sends presence of a subscription type; what it may not ask for is refused to it and nobody else."""
        roster = self._rosters.find(stanza.from_jid)
        if roster is not None:
            refusing(partial(check_room_for, stanza), roster)
        self._sides.act(stanza, stanza.from_jid, partial(self._subscriptions.send, stanza))
        return True

    @hookimpl
    def presence_subscription_received(self, stanza: Stanza, account: JID) -> bool:
        """Presence of a subscription type has come for an account."""
        self._sides.act(stanza, account, partial(self._subscriptions.receive, stanza))
        return True

    @hookimpl(tryfirst=True)
    def session_ready(self, session: Session) -> None:
        """Show a client the requests that wait for an answer; they come before what else has waited."""
        roster = self._rosters.peek(session.account)
        for item in () if roster is None else roster.requests():
            session.send_ahead(waiting_request(item, session.account))

    # --- clients ----------------------------------------------------------------------------------------------

    @hookimpl(tryfirst=True)
    def stream_features(self, authenticated: bool) -> list[Element]:
        """Announce versions (RFC 6121 §2.6.1)."""
        return [element(ns.ROSTER_VERSIONING, "ver")] if authenticated and self.options.versioning else []

    @iq_handler("get", ns.ROSTER, "query", to="account")
    async def tell(self, iq: Stanza) -> Element | None:
        """Return the roster, nothing when the client has this version."""
        account = own_account(iq)
        query = iq.payload
        assert query is not None
        roster, extras = await self._load_whole(account)
        return self._pusher.result(roster, extras, query.attrs.get("ver"), self.api.sessions.find(iq.from_jid))

    @iq_handler("set", ns.ROSTER, "query", to="account")
    async def change(self, iq: Stanza) -> None:
        """Add, change or remove a contact; the result follows when it is on disk."""
        account = own_account(iq)
        query = iq.payload
        assert query is not None
        wanted = read_item(query)
        trail = Trail()
        if wanted.is_removal:
            roster, _other = await self._sides.load(account, wanted.contact)
            item = roster.find(wanted.contact)
            if item is not None:
                self._subscriptions.remove_contact(trail, roster, item)
        else:
            roster = await self._rosters.load(account)
            self._subscriptions.put_contact(trail, roster, wanted.contact, wanted.name, wanted.groups)
        await trail.kept()

    # --- RosterView -------------------------------------------------------------------------------------------

    def may_see_presence(self, account: JID, viewer: JID) -> bool | None:
        """Tell whether a bare JID is entitled to an account's presence; None = its roster is not in memory."""
        if viewer == account:
            return True
        roster = self._rosters.peek(account)
        return None if roster is None else viewer in roster.subscribers

    def has_contact(self, account: JID, contact: JID) -> bool | None:
        """Tell whether a bare JID is on the roster; hidden items do not count. None = it is not in memory."""
        roster = self._rosters.peek(account)
        if roster is None:
            return None
        item = roster.find(contact)
        return item is not None and not item.state.is_hidden

    def find_relation(self, account: JID, contact: JID) -> Relation | None:
        """Return what a bare JID is to the account; None = its roster is not in memory."""
        roster = self._rosters.peek(account)
        return None if roster is None else _relation(roster, contact)

    async def get_relation(self, account: JID, contact: JID) -> Relation:
        """Return what a bare JID is to the account, from the store if need be."""
        return _relation(await self._rosters.load(account), contact)

    async def list_contacts(self, account: JID) -> list[Contact]:
        """Return all items, hidden ones included, sorted by JID."""
        roster, extras = await self._load_whole(account)
        contacts = {item.contact: Contact(item.contact, item.state.subscription, item.state.ask) for item in roster}
        for item in extras:
            jid = JID.parse(item.get("jid"))
            contacts[jid] = Contact(jid, item.get("subscription"), "none")
        return sorted(contacts.values(), key=lambda contact: contact.jid)

    async def add_contact(self, account: JID, contact: JID) -> None:
        """Put the contact on the roster, name empty, no groups; subscription and ask stay.

        Raises:
            LimitExceeded: the roster is full.
        """
        trail = Trail()
        roster = await self._rosters.load(account)
        self._subscriptions.put_contact(trail, roster, contact, "", ())
        await trail.kept()

    async def delete_contact(self, account: JID, contact: JID) -> bool:
        """Remove the contact and cancel the subscriptions; False when there is no item."""
        trail = _admin_trail()
        roster, _other = await self._sides.load(account, contact)
        item = roster.find(contact)
        if item is None:
            return False
        self._subscriptions.remove_contact(trail, roster, item)
        await trail.kept()
        return True

    async def subscribe(self, account: JID, contact: JID, type: str) -> bool:
        """Act as if the account had sent presence of *type*; False for subscribed when there is no item of any kind.

        Raises:
            LimitExceeded: the roster is full.
        """
        trail = _admin_trail()
        roster, _other = await self._sides.load(account, contact)
        if type == "subscribed" and roster.find(contact) is None:
            return False
        stanza = Stanza("presence", {"type": type}, sender=account, to=contact, trail=trail)
        self._subscriptions.send(stanza, roster)
        await trail.kept()
        return True

    # --- accounts that go -------------------------------------------------------------------------------------

    @hookimpl
    async def account_leaving(self, account: JID) -> None:
        """Unsubscribe from the contacts, and end their subscriptions."""
        roster = await self._rosters.load(account)
        for contact in [item.contact for item in roster]:
            trail = _admin_trail()
            _, _other = await self._sides.load(account, contact)
            item = roster.find(contact)
            if item is not None:
                self._subscriptions.remove_contact(trail, roster, item, is_pushed=False)
                await trail.kept()

    @hookimpl
    def account_data_removal(self, account: JID) -> Iterable[Write]:
        """Remove the roster."""
        return self._store.removal(account)

    @hookimpl
    def account_removed(self, account: JID) -> None:
        """Forget the roster."""
        self._rosters.forget(account)


def _relation(roster: Roster, contact: JID) -> Relation:
    item = roster.find(contact)
    return Relation() if item is None else Relation(item.state.subscription, item.groups)


def _admin_trail() -> Trail:
    trail = Trail()
    trail.notes[BY_ADMIN] = True
    return trail


setup = ModRoster
