"""The owner's form, destruction, the end of a locked room (IQ muc#owner, XEP-0045 §10)."""

from __future__ import annotations

from mim.errors import InvalidJid
from mim.plugin import JID, Element, Stanza, StanzaError, element
from mim.xmpp import ns
from mim.xmpp.forms import read_submission
from mim_plugins.mod_muc.config import RoomConfig, changed_config, config_form
from mim_plugins.mod_muc.context import Context
from mim_plugins.mod_muc.entering import Entrance
from mim_plugins.mod_muc.moderation import Moderation
from mim_plugins.mod_muc.room import Room
from mim_plugins.mod_muc.stanzas import Change

NOT_OWNER = "Owner privileges required"


class Owning:
    """Answers muc#owner queries."""

    def __init__(self, context: Context, entrance: Entrance, moderation: Moderation) -> None:
        self._context = context
        self._entrance = entrance
        self._moderation = moderation
        self._sender = context.sender

    def get(self, room: Room, iq: Stanza) -> Element:
        """Return the form an owner fills in."""
        self._check_owner(room, iq.from_jid)
        permitted = self._context.permitted(iq.from_jid)
        return element(ns.MUC_OWNER, "query", config_form(str(room.jid), room.config, permitted, self._context.options))

    def set(self, room: Room, iq: Stanza, query: Element) -> None:
        """Take a filled in form, a cancelled one, or an order to destroy the room.

        Raises:
            StanzaError: forbidden, or the form is not in order.
        """
        self._check_owner(room, iq.from_jid)
        destroy = query.find(ns.MUC_OWNER, "destroy")
        if destroy is not None:
            self._destroy_as_asked(room, iq, destroy)
            return
        node = query.find(ns.DATA_FORMS, "x")
        if node is None:
            raise StanzaError("bad-request", "neither a form nor destroy")
        if node.get("type") == "cancel":
            if room.is_locked:
                self.destroy(room, iq, None, "")
            return
        if node.get("type") != "submit":
            raise StanzaError("bad-request", "a form is submitted or cancelled")
        said = read_submission(node)
        if said.form_type not in ("", ns.MUC_ROOMCONFIG):
            raise StanzaError("bad-request", "not the form of a room's configuration")
        permitted = self._context.permitted(iq.from_jid)
        made = changed_config(room.config, said, permitted, self._context.options)
        room.is_locked = False
        self.configure(room, made, iq)

    def configure(self, room: Room, made: RoomConfig, iq: Stanza | None = None) -> None:
        """Give a room other settings and tell what its occupants have to know."""
        before, room.config = room.config, made
        if made.persistent:
            self._context.save(room, iq)
        elif before.persistent:
            promise = self._context.store.remove_room(room.jid)
            if iq is not None:
                iq.trail.promises.append(promise)
        if made.members_only and not before.members_only:
            self._moderation.members_only_now(room)
        codes = []
        if made.logging != before.logging:
            codes.append(170 if made.logging else 171)
        if made.anonymous != before.anonymous:
            codes.append(173 if made.anonymous else 172)
        for code in codes:
            x = element(ns.MUC_USER, "x", element(ns.MUC_USER, "status", code=str(code)))
            self._sender.tell_all(room, x)
        if made != before:
            self._context.tell("room_configured", room)
        if not room.occupants and not made.persistent and not room.is_gone:
            self._context.forget(room, iq)
            self._context.tell("room_destroyed", room, "")

    def _destroy_as_asked(self, room: Room, iq: Stanza, destroy: Element) -> None:
        venue = destroy.get("jid")
        if venue:
            try:
                JID.parse(venue)
            except InvalidJid:
                raise StanzaError("jid-malformed", f"{venue!r} is no JID") from None
        reason = destroy.child_text(ns.MUC_OWNER, "reason") or ""
        given = element(ns.MUC_USER, "reason", reason) if reason else None
        self.destroy(room, iq, element(ns.MUC_USER, "destroy", given, jid=venue or None), reason)

    def destroy(self, room: Room, iq: Stanza | None, told: Element | None, reason: str) -> None:
        """Remove everybody and the room."""
        room.is_gone = True
        change = Change(is_over=True, affiliation="none", destroyed=told, tells_self=False, hides_own_jid=True)
        for occupant in list(room.occupants.values()):
            self._sender.announce(room, occupant, change, payload=[], others=False)
        for occupant in list(room.occupants.values()):
            self._context.count_out(occupant.jid)
            for client in list(occupant.sessions):
                room.remove_session(client)
        self._context.forget(room, iq)
        self._context.tell("room_destroyed", room, reason)

    def _check_owner(self, room: Room, jid: JID) -> None:
        if room.affiliation_of(jid) != "owner" and not self._context.is_admin(jid):
            raise StanzaError("forbidden", NOT_OWNER)
