"""Messages to a room and in it: groupchat, subjects, private ones, invitations, voice requests (XEP-0045 §7, §8)."""

from __future__ import annotations

from mim.errors import InvalidJid
from mim.plugin import JID, Element, Stanza, StanzaError, element
from mim.xmpp import ns
from mim.xmpp.forms import Field, boolean, find_form, form, read_submission
from mim_plugins.mod_muc.context import Context
from mim_plugins.mod_muc.entering import BROKEN, Entrance
from mim_plugins.mod_muc.room import Occupant, Room, Said
from mim_plugins.mod_muc.stanzas import Change, occupant_jid

OUTSIDER = "Only occupants are allowed to send messages to the conference"
TOO_FAST = "Traffic rate limit is exceeded"
KICKED = 307


class Speaker:
    """Takes the messages that reach a room."""

    def __init__(self, context: Context, entrance: Entrance) -> None:
        self._context = context
        self._entrance = entrance
        self._sender = context.sender

    def handle(self, room: Room, message: Stanza) -> None:
        """Take a message.

        Raises:
            StanzaError: it is refused.
        """
        speaker = find_speaker(room, message.from_jid)
        if message.type == "error":
            if speaker is not None and not message.from_jid.is_bare:
                change = Change(codes=(KICKED,), is_over=True, reason=BROKEN)
                self._entrance.remove(room, message.from_jid, change, code=KICKED, reason=BROKEN)
            return
        if message.to_jid.resource:
            self._private(room, speaker, message)
        elif message.type == "groupchat":
            if speaker is None:
                raise StanzaError("not-acceptable", OUTSIDER)
            self.speak(room, speaker, message)
        elif message.type in ("", "normal"):
            self._normal(room, speaker, message)
        elif speaker is None:
            raise StanzaError("not-acceptable", OUTSIDER)
        else:
            raise StanzaError("not-acceptable", "a room takes messages of type groupchat")

    # --- groupchat --------------------------------------------------------------------------------------------

    def speak(self, room: Room, occupant: Occupant, message: Stanza) -> None:
        """Send a groupchat message, or a new subject, to everybody inside.

        Raises:
            StanzaError: he has no voice, may not change the subject, or speaks too fast.
        """
        subject = message.child_text(ns.CLIENT, "subject")
        is_subject = subject is not None and message.find(ns.CLIENT, "body") is None
        if is_subject:
            if occupant.role != "moderator" and not (room.config.allow_change_subj and occupant.role == "participant"):
                raise StanzaError("forbidden", "you may not change the subject")
        elif occupant.role == "visitor" and room.config.moderated:
            raise StanzaError("forbidden", "visitors are not allowed to send messages to all occupants")
        now = self._context.api.clock.monotonic()
        if now - occupant.last_message_at < self._context.options.min_message_interval:
            raise StanzaError("resource-constraint", TOO_FAST)
        occupant.last_message_at = now
        attrs = {key: value for key, value in message.attrs.items() if key not in ("from", "to")}
        stanza = Stanza(
            "message",
            attrs,
            [child for child in message.children if isinstance(child, str) or child.ns != ns.MUC_USER],
            sender=occupant_jid(room, occupant.nick),
            trail=message.trail,
        )
        if is_subject:
            room.subject, room.subject_author = subject or "", occupant.nick
            self._context.save(room, message)
            if stanza.find(ns.CLIENT, "body") is None:
                stanza = stanza.with_child(element(ns.CLIENT, "body"))
        archive = self._context.archive
        if archive is not None and archive.serves(room.jid.domain) and not is_subject:
            affiliation = room.affiliation_of(occupant.account)
            stanza = archive.record(stanza, room.jid, occupant.jid, affiliation=affiliation, role=occupant.role)
        if is_subject or stanza.find(ns.CLIENT, "body") is not None:
            room.history.append(Said(stanza, self._context.api.clock.now(), is_subject))
        self._sender.to_all(room, stanza)
        if is_subject:
            self._context.tell("room_subject_changed", room, occupant.nick, occupant.jid)
        else:
            self._context.tell("room_message", room, occupant.nick, occupant.jid, stanza)

    # --- private ----------------------------------------------------------------------------------------------

    def _private(self, room: Room, speaker: Occupant | None, message: Stanza) -> None:
        if speaker is None:
            raise StanzaError("not-acceptable", OUTSIDER)
        if message.type == "groupchat":
            raise StanzaError("bad-request", "a private message is not of type groupchat")
        target = room.occupants.get(message.to_jid.resource)
        if target is None:
            raise StanzaError("item-not-found", "nobody in the room has this nickname")
        if not room.config.allow_private_messages and speaker.role != "moderator":
            raise StanzaError("forbidden", "private messages are not allowed here")
        children = list(message.children)
        if not message.has_namespace(ns.MUC_USER):
            children.append(element(ns.MUC_USER, "x"))
        attrs = {key: value for key, value in message.attrs.items() if key not in ("from", "to")}
        sender = occupant_jid(room, speaker.nick)
        stanza = Stanza("message", attrs, children, sender=sender, trail=message.trail)
        self._context.api.router.fan_out(stanza, list(target.sessions))

    # --- requests in messages ---------------------------------------------------------------------------------

    def _normal(self, room: Room, speaker: Occupant | None, message: Stanza) -> None:
        x = message.find(ns.MUC_USER, "x")
        request = find_form(message, ns.MUC_REQUEST)
        if x is not None and x.find(ns.MUC_USER, "decline") is not None:
            self._decline(room, message, x)
        elif speaker is None:
            raise StanzaError("not-acceptable", OUTSIDER)
        elif x is not None and x.find(ns.MUC_USER, "invite") is not None:
            for invite in list(x.elements(ns.MUC_USER, "invite")):
                self._invite(room, speaker, message, invite)
        elif request is not None:
            self._voice(room, speaker, request)
        else:
            raise StanzaError("not-acceptable", "a room takes messages of type groupchat")

    def _invite(self, room: Room, speaker: Occupant, message: Stanza, invite: Element) -> None:
        affiliation = room.affiliation_of(speaker.account)
        if not room.config.allow_user_invites and affiliation not in ("owner", "admin"):
            raise StanzaError("forbidden", "you may not invite others")
        try:
            invitee = JID.parse(invite.get("to"))
        except InvalidJid:
            raise StanzaError("jid-malformed", "nobody is named to invite") from None
        if room.config.members_only and room.affiliation_of(invitee) == "none":
            room.set_affiliation(invitee.bare, "member")
            self._context.save(room, message)
        self.send_invitation(room, message.from_jid, invitee, invite.child_text(ns.MUC_USER, "reason") or "")

    def send_invitation(self, room: Room, inviter: JID, invitee: JID, reason: str) -> None:
        """Send a mediated invitation (XEP-0045 §7.8.2)."""
        given = element(ns.MUC_USER, "reason", reason) if reason else None
        password = element(ns.MUC_USER, "password", room.config.password) if room.config.password_protected else None
        x = element(ns.MUC_USER, "x", element(ns.MUC_USER, "invite", given, from_=str(inviter)), password)
        direct = element(ns.CONFERENCE, "x", reason or None, jid=str(room.jid))
        text = f"{inviter} invites you to the room {room.jid}" + (f" ({reason})" if reason else "")
        stanza = Stanza(
            "message",
            {"type": "normal"},
            [element(ns.CLIENT, "body", text), x, direct],
            sender=room.jid,
            to=invitee,
        )
        self._context.api.router.route(stanza)

    def _decline(self, room: Room, message: Stanza, x: Element) -> None:
        decline = x.find(ns.MUC_USER, "decline")
        assert decline is not None
        try:
            inviter = JID.parse(decline.get("to"))
        except InvalidJid:
            raise StanzaError("jid-malformed", "nobody is named to be told") from None
        if room.find(inviter) is None and not room.of_account(inviter.bare):
            return  # nobody in the room waits for it, and nobody else is to be reached through a room
        reason = decline.child_text(ns.MUC_USER, "reason")
        given = element(ns.MUC_USER, "reason", reason) if reason else None
        told = element(ns.MUC_USER, "x", element(ns.MUC_USER, "decline", given, from_=str(message.from_jid.bare)))
        self._context.api.router.route(Stanza("message", {}, [told], sender=room.jid, to=inviter))

    # --- voice ------------------------------------------------------------------------------------------------

    def _voice(self, room: Room, speaker: Occupant, node: Element) -> None:
        said = read_submission(node)
        if "muc#request_allow" in said:
            self._grant_voice(room, speaker, said.get("muc#roomnick"), said.boolean("muc#request_allow"))
            return
        if said.get("muc#role") != "participant":
            raise StanzaError("bad-request", "voice is asked for with the role participant")
        if speaker.role != "visitor":
            return
        room.voice_requests.add(speaker.nick)
        fields = [
            Field("muc#role", "list-single", ("participant",), "Role", [("Participant", "participant")]),
            Field("muc#jid", "jid-single", (str(speaker.jid),), "User"),
            Field("muc#roomnick", "text-single", (speaker.nick,), "Nickname"),
            boolean("muc#request_allow", False, "Give him voice?"),
        ]
        asked = form(ns.MUC_REQUEST, fields, title="Voice request")
        stanza = Stanza("message", {}, [asked], sender=room.jid)
        moderators = [other for other in room.occupants.values() if other.role == "moderator"]
        self._context.api.router.fan_out(stanza, [jid for other in moderators for jid in other.sessions])

    def _grant_voice(self, room: Room, speaker: Occupant, nick: str, allowed: bool) -> None:
        if speaker.role != "moderator":
            raise StanzaError("not-allowed", "only moderators give voice")
        if not nick:
            raise StanzaError("bad-request", "the form names nobody")
        occupant = room.occupants.get(nick)
        if occupant is None or nick not in room.voice_requests:
            return
        room.voice_requests.discard(nick)
        if allowed and occupant.role == "visitor":
            occupant.role = "participant"
            self._sender.announce(room, occupant)


def find_speaker(room: Room, jid: JID) -> Occupant | None:
    """Return the occupant that speaks as *jid*: that client, or the user put inside by his bare JID."""
    return room.find(jid) or room.find(jid.bare)
