"""Message carbons (XEP-0280): a user's other clients get copies of what one of them sends and receives.

A client switches them on for itself; they are off again when it becomes unavailable.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from mim.capabilities import SENT_ARCHIVE_ID
from mim.config.options import ModuleOptions
from mim.plugin import (
    JID,
    Element,
    Module,
    Session,
    Stanza,
    StanzaError,
    Xep,
    element,
    hookimpl,
    iq_handler,
    own_account,
)
from mim.xmpp import ns

RULES = "urn:xmpp:carbons:rules:0"
NAMESPACES = (ns.CARBONS2, ns.CARBONS1)
# For what a message of type normal is copied besides a body (XEP-0280 §6).
INSTANT = (ns.RECEIPTS, ns.CHAT_STATES)
Direction = Literal["sent", "received"]
_KEY = "mod_carboncopy"
_SELF = "mod_carboncopy.self"
"""Note on a message to the sender's own account: its copies have gone out when it was sent."""


class CarbonOptions(ModuleOptions):
    """``[modules.mod_carboncopy]``."""


class ModCarboncopy(Module[CarbonOptions]):
    """Copies messages to the other resources that asked for it."""

    Options = CarbonOptions
    # What refuses or marks an outgoing message comes first: a copy goes only of what is really sent, with its
    # archive id.
    after = ("mod_domain_isolation", "mod_privacy", "mod_blocking", "mod_mam_meta")
    features = (*NAMESPACES, RULES)
    xeps = (Xep(280, "1.0.1", "rules of urn:xmpp:carbons:rules:0 except markers without a body"),)

    # --- on and off -------------------------------------------------------------------------------------------

    @iq_handler("set", ns.CARBONS2, "enable", to="account")
    @iq_handler("set", ns.CARBONS1, "enable", to="account")
    def enable(self, iq: Stanza) -> None:
        """Switch copies on for the asking resource, in the version it asked for (XEP-0280 §4)."""
        session = self._session_of(iq)
        assert iq.payload is not None
        session.data[_KEY] = iq.payload.ns

    @iq_handler("set", ns.CARBONS2, "disable", to="account")
    @iq_handler("set", ns.CARBONS1, "disable", to="account")
    def disable(self, iq: Stanza) -> None:
        """Switch copies off for the asking resource (XEP-0280 §5)."""
        self._session_of(iq).data.pop(_KEY, None)

    def _session_of(self, iq: Stanza) -> Session:
        own_account(iq)
        session = self.api.sessions.find(iq.from_jid)
        if session is None:
            raise StanzaError("item-not-found", "no such resource is online")
        return session

    @hookimpl
    def presence_changed(self, session: Session) -> None:
        """A resource that is not available any more gets no copies when it comes back."""
        if session.presence is None:
            session.data.pop(_KEY, None)

    # --- copies -----------------------------------------------------------------------------------------------

    @hookimpl
    def filter_sent(self, stanza: Stanza) -> Stanza:
        """Copy an outgoing message to the sender's other resources (XEP-0280 §8)."""
        if stanza.name != "message":
            return stanza
        sender = stanza.from_jid
        enabled = self._enabled(sender.bare)
        if not enabled or not _is_eligible(stanza, "sent"):
            return stanza
        skipped = [sender]
        if stanza.to_jid.bare == sender.bare:
            # To the own account: who gets the message itself needs no copy of it.
            stanza.trail.notes[_SELF] = True
            skipped += [session.jid for session in self._recipients(stanza.to_jid)]
        if any(session.jid not in skipped for session in enabled):
            self._copy(_with_archive_id(stanza), "sent", enabled, skipped)
        return stanza

    @hookimpl
    def message_delivered(self, stanza: Stanza, account: JID, sessions: list[Session]) -> None:
        """Copy a delivered message to the recipient's resources that did not get it (XEP-0280 §7)."""
        enabled = self._enabled(account)
        if not enabled or all(session in sessions for session in enabled):
            return
        if _is_eligible(stanza, "received") and _SELF not in stanza.trail.notes:
            self._copy(stanza, "received", enabled, [session.jid for session in sessions])

    def _enabled(self, account: JID) -> list[Session]:
        return [session for session in self.api.sessions.of(account) if _KEY in session.data]

    def _recipients(self, to: JID) -> list[Session]:
        session = self.api.sessions.find(to) if to.resource else None
        return [session] if session is not None else self.api.sessions.receivers(to.bare)

    def _copy(self, stanza: Stanza, direction: Direction, enabled: Iterable[Session], skipped: list[JID]) -> None:
        for session in enabled:
            if session.jid not in skipped:
                session.send(_wrapped(stanza, direction, session, session.data[_KEY]))


def _is_eligible(stanza: Stanza, direction: Direction) -> bool:
    """Tell whether copies are made of a message (xmpp-behaviour, section 5)."""
    kind = stanza.type
    if kind in ("groupchat", "headline", "error") or _is_excluded(stanza):
        return False
    if kind == "chat" or stanza.find(ns.CLIENT, "body") is not None:
        return True
    if any(child.ns in INSTANT for child in stanza.elements()):
        return True
    return direction == "received" and _is_of_a_room(stanza)


def _is_excluded(stanza: Stanza) -> bool:
    """Tell whether the sender wants no copies, or it is one (XEP-0280 §9, XEP-0334 §4.3)."""
    for child in stanza.elements():
        if child.ns in NAMESPACES and child.name in ("private", "sent", "received"):
            return True
        if child.ns == ns.HINTS and child.name == "no-copy":
            return True
    return False


def _is_of_a_room(stanza: Stanza) -> bool:
    """Tell whether it is an invitation to a room, or a private message from an occupant (XEP-0280 §6)."""
    if stanza.find(ns.CONFERENCE, "x") is not None:
        return True
    user = stanza.find(ns.MUC_USER, "x")
    return user is not None and (user.find(ns.MUC_USER, "invite") is not None or bool(stanza.to_jid.resource))


def _with_archive_id(stanza: Stanza) -> Stanza:
    """Return an outgoing message with its id in the sender's own archive, if it has one."""
    archive_id = stanza.trail.notes.get(SENT_ARCHIVE_ID)
    if archive_id is None:
        return stanza
    owner = str(stanza.from_jid.bare)
    return stanza.with_child(element(ns.STANZA_ID, "stanza-id", by=owner, id=archive_id))


def _wrapped(stanza: Stanza, direction: Direction, session: Session, version: str) -> Stanza:
    """Return the copy for one resource in its version of the protocol."""
    forwarded = element(ns.FORWARD, "forwarded", stanza)
    wrapper = element(version, direction)
    content: list[Element] = [wrapper, forwarded]
    if version == ns.CARBONS2:
        wrapper.children.append(forwarded)
        content = [wrapper]
    return Stanza("message", {"type": stanza.type or "normal"}, [*content], sender=session.account, to=session.jid)


setup = ModCarboncopy
