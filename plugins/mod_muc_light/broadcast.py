"""What occupants are told, in which order, and what of it the archive keeps (muc-light, sections 3, 9, 12)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from itertools import groupby

from mim.errors import InvalidJid
from mim.plugin import JID, RoomArchive, Stanza, new_id
from mim.xmpp import ns
from mim.xmpp.element import Element
from mim.xmpp.stanza import Trail
from mim_plugins.mod_muc_light.codec import Codec
from mim_plugins.mod_muc_light.model import ROLES, Affiliations, Room, in_order

_STAYED, _JOINED, _LEFT = range(3)


class Broadcast:
    """Sends to occupants in the order of their JIDs; what is the same for several is serialised once."""

    def __init__(
        self,
        codec: Codec,
        fan_out: Callable[[Stanza, Iterable[JID]], None],
        route: Callable[[Stanza], None],
        find_archive: Callable[[], RoomArchive | None],
    ) -> None:
        self._codec = codec
        self._fan_out = fan_out
        self._route = route
        self._find_archive = find_archive

    def message(self, room: Room, message: Stanza) -> None:
        """Send an occupant's message to all, himself included, and archive it."""
        sender = message.from_jid
        attrs = {"type": "groupchat", "id": message.id or new_id()}
        if "xml:lang" in message.attrs:
            attrs["xml:lang"] = message.attrs["xml:lang"]
        children = message.children
        if message.has_namespace(ns.STANZA_ID):
            # Nobody but the room says what the room's ids are (XEP-0359 §5.5).
            children = [child for child in children if isinstance(child, str) or not _claims(child, room.jid)]
        copy = Stanza("message", attrs, children, sender=room.voice_of(sender.bare), trail=message.trail)
        archive = self._archive_of(room)
        if archive is not None:
            affiliation = room.affiliation(sender.bare)
            copy = archive.record(copy, room.jid, sender, affiliation=affiliation.value, role=ROLES[affiliation])
        self._fan_out(copy, room.recipients)

    def created(self, room: Room, creator: JID, id: str, trail: Trail) -> None:
        """Tell the first occupants."""
        self._keep(room, self._codec.creation_record(room, id), trail)
        for user, notice in self._codec.created(room, creator, id):
            self._route(_on(trail, notice).replace(to=user))

    def affiliations_changed(
        self, old: Room, new: Room, listed: Affiliations, requester: JID, id: str, trail: Trail
    ) -> None:
        """Tell those who stay of all changes, newcomers and leavers of their own."""
        kept = None
        if new.occupants:  # the archive of an empty room is gone
            kept = self._keep(new, self._codec.affiliations_record(new, listed, id), trail)
        to_stayers = [
            _on(trail, _with(kept, notice))
            for notice in self._codec.affiliations_for_stayer(old, new, listed, id)
        ]

        def situation(user: JID) -> int:
            if user not in new.occupants:
                return _LEFT
            return _STAYED if user in old.occupants else _JOINED

        concerned = new.reachable(in_order({*old.occupants, *new.occupants}))
        for kind, users in groupby(concerned, situation):
            if kind == _STAYED:
                alike = list(users)
                for notice in to_stayers:
                    self._fan_out(notice, alike)
                continue
            for user in users:
                notice = (
                    self._codec.affiliation_for_leaver(new, user, id)
                    if kind == _LEFT
                    else self._codec.affiliation_for_newcomer(new, user, new.occupants[user], requester, id)
                )
                self._route(_on(trail, notice).replace(to=user))

    def configured(self, old: Room, new: Room, values: Mapping[str, str], id: str, trail: Trail) -> None:
        """Tell all of new values."""
        kept = self._keep(new, self._codec.configuration_record(old, new, values, id), trail)
        self._fan_out(_on(trail, _with(kept, self._codec.configured(old, new, values, id))), new.recipients)

    def destroyed(self, room: Room, id: str, trail: Trail) -> None:
        """Tell each that the room is gone."""
        for user in room.recipients:
            self._route(_on(trail, self._codec.destroyed(room, user, id)).replace(to=user))

    def _keep(self, room: Room, record: Stanza | None, trail: Trail) -> Element | None:
        """Archive what the room says, and return the ``<stanza-id/>`` to send along; None when it was not archived."""
        archive = self._archive_of(room)
        if archive is None or record is None:
            return None
        kept = archive.record(_on(trail, record), room.jid, room.jid)
        return next((child for child in kept.elements(ns.STANZA_ID, "stanza-id") if _claims(child, room.jid)), None)

    def _archive_of(self, room: Room) -> RoomArchive | None:
        archive = self._find_archive()
        return archive if archive is not None and archive.serves(room.jid.domain) else None


def _claims(child: Element, room: JID) -> bool:
    if child.ns != ns.STANZA_ID:
        return False
    try:
        return JID.parse(child.get("by")) == room
    except InvalidJid:
        return False


def _with(kept: Element | None, notice: Stanza) -> Stanza:
    return notice if kept is None else notice.with_child(kept)


def _on(trail: Trail, stanza: Stanza) -> Stanza:
    """Return a stanza whose promises are kept with those of the request it comes from."""
    return Stanza(stanza.name, stanza.attrs, stanza.children, sender=stanza.sender, to=stanza.to, trail=trail)
