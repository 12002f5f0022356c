"""What a room sends: presences in the versions their viewers may see, and who gets which (XEP-0045 §7, §8)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from mim.plugin import JID, Element, ModuleApi, Stanza, element
from mim.xmpp import ns
from mim_plugins.mod_muc.room import Occupant, Room

SELF = 110


@dataclass(frozen=True, slots=True)
class Change:
    """What a presence tells besides who somebody is: XEP-0045's status codes, reason, actor, new nickname, the end."""

    codes: tuple[int, ...] = ()
    own_codes: tuple[int, ...] = ()
    """Codes that only the occupant himself is told, after 110."""
    reason: str | None = None
    new_nick: str = ""
    is_over: bool = False
    """He is not inside any more."""
    affiliation: str = ""
    """Shown in place of the present one."""
    hides_own_jid: bool = False
    tells_self: bool = True
    """The occupant's own copy says 110."""
    destroyed: Element | None = None


ARRIVAL = Change()


def occupant_jid(room: Room, nick: str) -> JID:
    """Return an occupant's JID in the room."""
    return JID(room.jid.local, room.jid.domain, nick)


class Sender:
    """Sends a room's stanzas to its occupants."""

    def __init__(self, api: ModuleApi) -> None:
        self._router = api.router

    def announce(
        self,
        room: Room,
        occupant: Occupant,
        change: Change = ARRIVAL,
        *,
        payload: Sequence[Element | str] | None = None,
        own: Iterable[JID] | None = None,
        others: bool = True,
    ) -> None:
        """Tell everybody inside of an occupant.

        *payload*: what his presence says, by default his latest. *own*: his clients to be told, by default all.
        *others*: False = only he is told.
        """
        said = occupant.payload if payload is None else payload
        mine = set(occupant.sessions if own is None else own)
        if others:
            seeing: list[JID] = []
            blind: list[JID] = []
            for other in room.occupants.values():
                group = seeing if room.sees_jids(other) else blind
                group += [jid for jid in other.sessions if jid not in mine and other is not occupant]
            if seeing:
                self._router.fan_out(self.presence(room, occupant, change, said, with_jid=True), seeing)
            if blind:
                self._router.fan_out(self.presence(room, occupant, change, said, with_jid=False), blind)
        if mine:
            with_jid = room.sees_jids(occupant) and not change.hides_own_jid
            told = self.presence(room, occupant, change, said, with_jid=with_jid, to_self=True)
            self._router.fan_out(told, list(mine))

    def present(self, room: Room, newcomer: Occupant, client: JID) -> None:
        """Tell a newcomer's client of everybody else who is inside."""
        with_jid = room.sees_jids(newcomer)
        others = [other for other in room.occupants.values() if other is not newcomer]
        self._router.send_all([self._as_he_is(room, other, with_jid) for other in others], client)

    def _as_he_is(self, room: Room, occupant: Occupant, with_jid: bool) -> Stanza:
        """Return the presence of somebody inside for newcomers, made anew only when something in it has changed."""
        payload = occupant.payload
        affiliation = room.affiliation_of(occupant.account)
        made_of = (occupant.nick, occupant.role, affiliation, occupant.jid)
        known = occupant.shown.get(with_jid)
        if known is not None and known[0] == made_of and known[1] is payload:
            return known[2]
        stanza = self.presence(room, occupant, ARRIVAL, payload, with_jid=with_jid)
        occupant.shown[with_jid] = (made_of, payload, stanza)
        return stanza

    @staticmethod
    def presence(
        room: Room,
        occupant: Occupant,
        change: Change,
        payload: Sequence[Element | str],
        *,
        with_jid: bool,
        to_self: bool = False,
    ) -> Stanza:
        """Return an occupant's presence for one kind of viewer."""
        affiliation = change.affiliation or room.affiliation_of(occupant.account)
        item = element(
            ns.MUC_USER,
            "item",
            element(ns.MUC_USER, "reason", change.reason) if change.reason is not None else None,
            affiliation=affiliation,
            role="none" if change.is_over and not change.new_nick else occupant.role,
            jid=str(occupant.jid) if with_jid else None,
            nick=change.new_nick or None,
        )
        codes = (SELF, *change.own_codes, *change.codes) if to_self and change.tells_self else change.codes
        statuses = [element(ns.MUC_USER, "status", code=str(code)) for code in codes]
        x = element(ns.MUC_USER, "x", item, change.destroyed, statuses)
        attrs = {"type": "unavailable"} if change.is_over else {}
        return Stanza("presence", attrs, [*payload, x], sender=occupant_jid(room, occupant.nick))

    def tell_all(self, room: Room, *children: Element) -> None:
        """Send a groupchat message from the room itself to everybody inside."""
        self._router.fan_out(Stanza("message", {"type": "groupchat"}, list(children), sender=room.jid), room.clients())

    def to_all(self, room: Room, stanza: Stanza) -> None:
        """Send a stanza to everybody inside."""
        self._router.fan_out(stanza, room.clients())


def own_payload(presence: Stanza, *, without_status: bool = False) -> list[Element | str]:
    """Return what a client's presence says, without what only the room may say."""
    return [
        child
        for child in presence.children
        if isinstance(child, str)
        or not (
            child.ns in (ns.MUC, ns.MUC_USER) or (without_status and child.ns == ns.CLIENT and child.name == "status")
        )
    ]


def subject_message(room: Room) -> Stanza:
    """Return the message that tells a newcomer the subject."""
    subject = element(ns.CLIENT, "subject", room.subject or None)
    return Stanza("message", {"type": "groupchat"}, [subject, element(ns.CLIENT, "body")], sender=room.jid)
