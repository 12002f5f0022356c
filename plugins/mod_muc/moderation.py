"""Roles and affiliations changed and listed (IQ muc#admin, XEP-0045 §8.2-§9; xmpp-behaviour, section 7.5)."""

from __future__ import annotations

from typing import NamedTuple

from mim.errors import InvalidJid
from mim.plugin import JID, Element, Stanza, StanzaError, element
from mim.xmpp import ns
from mim_plugins.mod_muc.context import Context
from mim_plugins.mod_muc.entering import Entrance
from mim_plugins.mod_muc.room import AFFILIATIONS, ROLES, Occupant, Room
from mim_plugins.mod_muc.speaking import Speaker, find_speaker
from mim_plugins.mod_muc.stanzas import Change
from mim_plugins.mod_muc.store import Affiliated

BANNED, KICKED, NOT_MEMBER, MEMBERS_ONLY = 301, 307, 321, 322


class RoleChange(NamedTuple):
    """Somebody inside gets another role."""

    occupant: Occupant
    role: str
    reason: str | None


class AffiliationChange(NamedTuple):
    """A user gets another affiliation."""

    account: JID
    affiliation: str
    reason: str | None


class Moderation:
    """Answers muc#admin queries."""

    def __init__(self, context: Context, entrance: Entrance, speaker: Speaker) -> None:
        self._context = context
        self._entrance = entrance
        self._speaker = speaker
        self._sender = context.sender

    # --- lists ------------------------------------------------------------------------------------------------

    def lists(self, room: Room, iq: Stanza, query: Element) -> Element:
        """Return the items of a role or an affiliation.

        Raises:
            StanzaError: forbidden to whom it does not concern.
        """
        asked = query.find(ns.MUC_ADMIN, "item")
        if asked is None:
            raise StanzaError("bad-request", "no item")
        occupant = find_speaker(room, iq.from_jid)
        affiliation = self._affiliation(room, iq.from_jid)
        role, wanted = asked.attrs.get("role"), asked.attrs.get("affiliation")
        may_see = affiliation in ("owner", "admin") or bool(
            {occupant.role if occupant else "", affiliation} & set(room.config.maygetmemberlist)
        )
        if role is not None:
            if role not in ROLES:
                raise StanzaError("bad-request", f"{role!r} is no role")
            if not may_see and (occupant is None or occupant.role != "moderator"):
                raise StanzaError("forbidden", "only moderators see this list")
            items = [self._role_item(room, other) for other in room.occupants.values() if other.role == role]
            return element(ns.MUC_ADMIN, "query", items)
        if wanted not in AFFILIATIONS:
            raise StanzaError("not-acceptable", f"{wanted!r} is no affiliation")
        if not may_see:
            raise StanzaError("forbidden", "only admins and owners see this list")
        return element(ns.MUC_ADMIN, "query", [self._affiliation_item(room, *row) for row in room.listed(wanted)])

    @staticmethod
    def _role_item(room: Room, occupant: Occupant) -> Element:
        return element(
            ns.MUC_ADMIN,
            "item",
            affiliation=room.affiliation_of(occupant.account),
            role=occupant.role,
            nick=occupant.nick,
            jid=str(occupant.jid),
        )

    @staticmethod
    def _affiliation_item(room: Room, jid: JID, known: Affiliated) -> Element:
        inside = next(iter(room.of_account(jid)), None)
        return element(
            ns.MUC_ADMIN,
            "item",
            element(ns.MUC_ADMIN, "reason", known.reason) if known.reason else None,
            affiliation=known.affiliation,
            jid=str(jid),
            role=inside.role if inside else None,
            nick=inside.nick if inside else None,
        )

    # --- changes ----------------------------------------------------------------------------------------------

    def change(self, room: Room, iq: Stanza, query: Element) -> None:
        """Do what an admin query asks, all of it or nothing.

        Raises:
            StanzaError: one of the items may not be done, or cannot.
        """
        items = list(query.elements(ns.MUC_ADMIN, "item"))
        if not items:
            raise StanzaError("bad-request", "no item")
        actor = find_speaker(room, iq.from_jid)
        changes: list[RoleChange | AffiliationChange] = []
        for item in items:
            changes += self._read(room, item)
        for change in changes:
            if isinstance(change, RoleChange):
                self._check_role(room, iq.from_jid, actor, change)
            else:
                self._check_affiliation(room, iq.from_jid, change)
        self._check_owners_stay(room, changes)
        for change in reversed(changes):
            if isinstance(change, RoleChange):
                self._set_role(room, change)
            else:
                self.set_affiliation(room, change)
        kept = {
            change.account: Affiliated(change.affiliation, change.reason or "")
            for change in changes
            if isinstance(change, AffiliationChange)
        }
        if kept and room.config.persistent and not room.is_gone:
            iq.trail.promises.append(self._context.store.put_affiliations(room.jid, kept))

    def _read(self, room: Room, item: Element) -> list[RoleChange | AffiliationChange]:
        reason = item.child_text(ns.MUC_ADMIN, "reason")
        role, affiliation = item.attrs.get("role"), item.attrs.get("affiliation")
        nick, address = item.attrs.get("nick"), item.attrs.get("jid")
        occupants: list[Occupant] = []
        account: JID | None = None
        if address is not None:
            try:
                account = JID.parse(address).bare
            except InvalidJid:
                raise StanzaError("not-acceptable", f"{address!r} is no JID") from None
            occupants = room.of_account(account)
        elif nick is not None:
            found = room.occupants.get(nick)
            if found is None:
                raise StanzaError("not-acceptable", f"nobody in the room is called {nick!r}")
            occupants, account = [found], found.account
        else:
            raise StanzaError("bad-request", "an item names a nickname or a JID")
        if role is not None and affiliation is None:
            if role not in ROLES:
                raise StanzaError("bad-request", f"{role!r} is no role")
            return [RoleChange(occupant, role, reason) for occupant in occupants]
        if affiliation is None:
            raise StanzaError("bad-request", "an item names a role or an affiliation")
        if affiliation not in AFFILIATIONS:
            raise StanzaError("not-acceptable", f"{affiliation!r} is no affiliation")
        return [AffiliationChange(account, affiliation, reason)]

    def _affiliation(self, room: Room, jid: JID) -> str:
        return "owner" if self._context.is_admin(jid) else room.affiliation_of(jid)

    def _check_role(self, room: Room, by: JID, actor: Occupant | None, change: RoleChange) -> None:
        """Who may give which role (XEP-0045 §5.1.1)."""
        own = self._affiliation(room, by)
        target = room.affiliation_of(change.occupant.account)
        if own not in ("owner", "admin") and (actor is None or actor.role != "moderator"):
            raise StanzaError("not-allowed", "only moderators change roles")
        if change.role == "moderator" or change.occupant.role == "moderator":
            if own not in ("owner", "admin"):
                raise StanzaError("not-allowed", "only admins and owners make and unmake moderators")
            if change.role != "moderator" and target in ("owner", "admin"):
                raise StanzaError("not-allowed", "admins and owners stay moderators")
        elif target in ("owner", "admin") and own != "owner":
            raise StanzaError("not-allowed", "admins and owners keep their roles")

    def _check_affiliation(self, room: Room, by: JID, change: AffiliationChange) -> None:
        """Who may give which affiliation (XEP-0045 §5.2.1)."""
        own = self._affiliation(room, by)
        present = room.affiliation_of(change.account)
        if own == "owner":
            return
        if own != "admin":
            raise StanzaError("forbidden", "only admins and owners change affiliations")
        if present in ("owner", "admin"):
            raise StanzaError("not-allowed", "only owners change admins and owners")
        if change.affiliation in ("owner", "admin"):
            raise StanzaError("forbidden", "only owners make admins and owners")

    @staticmethod
    def _check_owners_stay(room: Room, changes: list[RoleChange | AffiliationChange]) -> None:
        owners = {jid for jid, _ in room.listed("owner")}
        after = set(owners)
        for change in changes:
            if isinstance(change, AffiliationChange):
                (after.add if change.affiliation == "owner" else after.discard)(change.account)
        if owners and not after:
            raise StanzaError("not-allowed", "a room keeps at least one owner")

    def _set_role(self, room: Room, change: RoleChange) -> None:
        occupant = change.occupant
        if room.occupants.get(occupant.nick) is not occupant:
            return
        if change.role == "none":
            self.kick(room, occupant, change.reason)
        else:
            occupant.role = change.role
            self._sender.announce(room, occupant, Change(reason=change.reason))

    def kick(self, room: Room, occupant: Occupant, reason: str | None) -> None:
        """Remove an occupant; he may come again."""
        change = Change(codes=(KICKED,), reason=reason, is_over=True, hides_own_jid=True)
        self._entrance.expel(room, occupant, change, KICKED, reason or "")

    def set_affiliation(self, room: Room, change: AffiliationChange) -> None:
        """Change a user's affiliation and what follows from it for those inside."""
        affiliation = change.affiliation
        room.set_affiliation(change.account, affiliation, change.reason or "")
        inside = room.of_account(change.account)
        if affiliation == "outcast":
            for occupant in inside:
                self._out(room, occupant, BANNED, change.reason, affiliation)
        elif affiliation == "none" and room.config.members_only:
            for occupant in inside:
                self._out(room, occupant, NOT_MEMBER, change.reason, affiliation)
        else:
            for occupant in inside:
                occupant.role = room.default_role(affiliation)
                self._sender.announce(room, occupant, Change(reason=change.reason))
            if affiliation == "member" and room.config.members_only and not inside:
                self._speaker.send_invitation(room, room.jid, change.account, change.reason or "")

    def members_only_now(self, room: Room) -> None:
        """Remove who is no member: the room has become one for members."""
        for occupant in list(room.occupants.values()):
            if room.affiliation_of(occupant.account) == "none":
                self._out(room, occupant, MEMBERS_ONLY, None, "none")

    def _out(self, room: Room, occupant: Occupant, code: int, reason: str | None, affiliation: str) -> None:
        change = Change(codes=(code,), reason=reason, is_over=True, affiliation=affiliation)
        self._entrance.expel(room, occupant, change, code, reason or "")
