"""Entering, renaming, leaving (XEP-0045 §7.1-7.7, §7.14; xmpp-behaviour, section 7.3)."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from mim.capabilities import HttpPools
from mim.errors import Unavailable
from mim.plugin import JID, Element, Stanza, StanzaError, element, format_stamp, parse_stamp
from mim.xmpp import ns
from mim.xmpp.element import serialize
from mim_plugins.mod_muc.context import Context
from mim_plugins.mod_muc.room import Occupant, Room
from mim_plugins.mod_muc.stanzas import Change, own_payload, subject_message

NON_ANONYMOUS, LOGGED, CREATED, RENAMED = 100, 170, 201, 303
BROKEN = "removed: what was sent to this occupant came back"


class HistoryRequest(NamedTuple):
    """How much of the history a newcomer wants (XEP-0045 §7.2.14); None = no limit."""

    max_chars: int | None = None
    max_stanzas: int | None = None
    seconds: int | None = None
    since: datetime | None = None


class Entrance:
    """Lets occupants in and out."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._options = context.options
        self._sender = context.sender

    # --- in ---------------------------------------------------------------------------------------------------

    def check(self, room: Room, client: JID, nick: str, presence: Stanza | None) -> None:
        """Refuse a client that may not enter; without a *presence* the password is not looked at.

        Raises:
            StanzaError: the condition of the contract.
        """
        affiliation = room.affiliation_of(client)
        is_chief = affiliation in ("owner", "admin") or self._context.is_admin(client)
        if affiliation == "outcast":
            raise StanzaError("forbidden", "you are banned from this room")
        if room.config.members_only and affiliation == "none" and not is_chief:
            raise StanzaError("registration-required", "this room is for members")
        holder = room.occupants.get(nick)
        same_user = holder is not None and holder.account == client.bare
        is_return = (
            holder is not None
            and same_user
            and (room.config.allow_multiple_sessions or client in holder.sessions or holder.jid.is_bare)
        )
        if holder is not None and not is_return:
            raise StanzaError("conflict", "somebody in the room has this nickname")
        self.check_nick(room.jid.domain, client, nick)
        if holder is None:
            extra = self._options.max_users_admin_threshold if is_chief else 0
            if len(room.occupants) >= min(room.config.max_users, self._options.max_users) + extra:
                raise StanzaError("service-unavailable", "the room is full", type="wait")
            if self._context.conferences[client.bare] >= self._options.max_user_conferences:
                raise StanzaError("service-unavailable", "you are in too many rooms", type="wait")
        asks = room.config.password_protected and not is_chief and presence is not None
        if asks and presence is not None and given_password(presence) != room.config.password:
            raise StanzaError("not-authorized", "a password is needed")

    def check_nick(self, service: str, client: JID, nick: str) -> None:
        """Refuse a nickname that somebody else has registered with the service.

        Raises:
            StanzaError: conflict.
        """
        registered = self._context.nick_owner(service, nick)
        if registered is not None and registered != client.bare:
            raise StanzaError("conflict", "this nickname is registered by somebody else")

    def asks_service_for_password(self, room: Room) -> bool:
        """Tell whether an HTTP service checks this room's passwords."""
        return room.config.password_protected and self._options.http_auth_pool != "none"

    async def password_is_right(self, room: Room, client: JID, presence: Stanza) -> bool:
        """Ask the HTTP service that checks passwords.

        Raises:
            StanzaError: it does not answer.
        """
        pools = self._context.api.find(HttpPools)
        if pools is None:
            raise StanzaError("internal-server-error")
        query = {"from": str(client), "to": str(presence.to), "pass": given_password(presence)}
        try:
            status, body = await pools.get(self._options.http_auth_pool, "check_password", query)
        except Unavailable:
            raise StanzaError("internal-server-error") from None
        return status == 200 and b'"code": 0' in body.replace(b'"code":0', b'"code": 0')

    def enter(self, room: Room, client: JID, presence: Stanza, *, created: bool = False) -> None:
        """Let a client in, which was checked: others, itself, history, subject, in this order."""
        nick = presence.to_jid.resource
        payload = own_payload(presence)
        occupant = room.occupants.get(nick)
        is_new = occupant is None
        held = None
        if occupant is None:
            occupant = Occupant(nick, self._first_role(room, client))
        elif occupant.jid.is_bare:
            held = occupant.jid  # the admin API held the place for him
        if is_new or held is not None:
            self._context.conferences[client.bare] += 1
        if occupant.role == "visitor" and not room.config.allow_visitor_status:
            payload = own_payload(presence, without_status=True)
        self._context.idle.pop(room.jid, None)
        room.add_session(occupant, client, payload)
        if held is not None:
            room.remove_session(held)
        self._sender.present(room, occupant, client)
        codes = tuple(
            code
            for code, applies in (
                (NON_ANONYMOUS, not room.config.anonymous),
                (LOGGED, room.config.logging),
                (CREATED, created),
            )
            if applies
        )
        self._sender.announce(room, occupant, Change(own_codes=codes), own=[client], others=is_new or held is not None)
        had_subject = self._send_history(room, client, read_history_request(presence))
        if not had_subject:
            self._context.api.router.route(subject_message(room).replace(to=client))
        if is_new:
            self._context.tell("occupant_joined", room, nick, client)

    def put_inside(self, room: Room, account: JID, nick: str, *, created: bool) -> None:
        """Let a user in by his bare JID, as the admin API does; his clients are told what a newcomer is told.

        His place does not count among the rooms he may be in: it was not he who took it.
        """
        occupant = Occupant(nick, self._first_role(room, account))
        self._context.idle.pop(room.jid, None)
        room.add_session(occupant, account, [])
        self._sender.present(room, occupant, account)
        self._sender.announce(room, occupant, Change(own_codes=(CREATED,) if created else ()))
        if not self._send_history(room, account, HistoryRequest()):
            self._context.api.router.route(subject_message(room).replace(to=account))
        self._context.tell("occupant_joined", room, nick, account)

    def _first_role(self, room: Room, client: JID) -> str:
        if self._context.is_admin(client):
            return "moderator"
        return room.default_role(room.affiliation_of(client))

    def _send_history(self, room: Room, client: JID, asked: HistoryRequest) -> bool:
        """Send the history that is asked for; tell whether the subject was in it."""
        now = self._context.api.clock.now()
        chosen: list[tuple[Stanza, bool]] = []
        chars = 0
        for said in reversed(room.history):
            if asked.max_stanzas is not None and len(chosen) >= asked.max_stanzas:
                break
            if asked.seconds is not None and (now - said.at).total_seconds() > asked.seconds:
                break
            if asked.since is not None and said.at < asked.since:
                break
            delay = element(ns.DELAY, "delay", from_=str(room.jid), stamp=format_stamp(said.at))
            stanza = said.stanza.with_child(delay)
            if asked.max_chars is not None:
                chars += len(serialize(stanza))
                if chars > asked.max_chars:
                    break
            chosen.append((stanza, said.is_subject))
        for stanza, _ in reversed(chosen):
            self._context.api.router.route(stanza.replace(to=client))
        return any(is_subject for _, is_subject in chosen)

    # --- inside -----------------------------------------------------------------------------------------------

    def change(self, room: Room, occupant: Occupant, client: JID, presence: Stanza) -> None:
        """Take another presence of somebody inside: a new status, or a new nickname.

        Raises:
            StanzaError: the nickname cannot be had.
        """
        nick = presence.to_jid.resource
        without = occupant.role == "visitor" and not room.config.allow_visitor_status
        payload = own_payload(presence, without_status=without)
        if nick == occupant.nick:
            room.add_session(occupant, client, payload)
            self._sender.announce(room, occupant)
            return
        if occupant.role == "visitor" and not room.config.allow_visitor_nickchange:
            raise StanzaError("not-allowed", "visitors may not change their nicknames here")
        if nick in room.occupants:
            raise StanzaError("conflict", "somebody in the room has this nickname")
        self.check_nick(room.jid.domain, client, nick)
        old = occupant.nick
        self._sender.announce(room, occupant, Change(codes=(RENAMED,), new_nick=nick, is_over=True), payload=[])
        room.rename(occupant, nick)
        room.add_session(occupant, client, payload)
        self._sender.announce(room, occupant)
        self._context.tell("occupant_renamed", room, old, nick, client)

    # --- out --------------------------------------------------------------------------------------------------

    def leave(self, room: Room, client: JID, payload: list[Element | str]) -> None:
        """Let a client out that leaves by itself, or whose connection has ended."""
        self.remove(room, client, Change(is_over=True), payload=payload)

    def remove(
        self,
        room: Room,
        client: JID,
        change: Change,
        *,
        payload: list[Element | str] | None = None,
        code: int = 0,
        reason: str = "",
    ) -> None:
        """Let one client out; everybody is told when it was the occupant's last."""
        occupant = room.find(client)
        if occupant is None:
            return
        is_last = len(occupant.sessions) == 1
        told = payload or []
        self._sender.announce(room, occupant, change, payload=told, own=[client], others=is_last)
        room.remove_session(client)
        if is_last:
            self._gone(room, occupant, client, code, reason)

    def expel(self, room: Room, occupant: Occupant, change: Change, code: int, reason: str = "") -> None:
        """Remove an occupant with all of its clients; everybody, he included, is told at once."""
        client = occupant.jid
        self._sender.announce(room, occupant, change, payload=[])
        for jid in list(occupant.sessions):
            room.remove_session(jid)
        self._gone(room, occupant, client, code, reason)

    def _gone(self, room: Room, occupant: Occupant, client: JID, code: int, reason: str) -> None:
        self._context.count_out(client)
        room.voice_requests.discard(occupant.nick)
        self._context.tell("occupant_left", room, occupant.nick, client, code, reason)
        is_kept = room.config.persistent and not room.is_locked
        if not room.occupants and not room.is_gone and not is_kept:
            self._context.forget(room)
            self._context.tell("room_destroyed", room, "")


def given_password(presence: Stanza) -> str:
    """Return the password a client sends with its presence."""
    x = presence.find(ns.MUC, "x")
    return "" if x is None else x.child_text(ns.MUC, "password") or ""


def read_history_request(presence: Stanza) -> HistoryRequest:
    """Return how much history a client asks for; what is no number or no time is not there."""
    x = presence.find(ns.MUC, "x")
    asked = None if x is None else x.find(ns.MUC, "history")
    if asked is None:
        return HistoryRequest()
    since = None
    try:
        since = parse_stamp(asked.get("since"))
    except ValueError:
        since = None
    return HistoryRequest(_number(asked, "maxchars"), _number(asked, "maxstanzas"), _number(asked, "seconds"), since)


def _number(asked: Element, name: str) -> int | None:
    text = asked.get(name)
    return int(text[:18]) if text.isascii() and text.isdigit() else None
