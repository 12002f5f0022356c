"""Rooms' archives, for the room services of a host (XEP-0313 §5.1.2, XEP-0045)."""

from __future__ import annotations

from mim.capabilities import RoomReader
from mim.config import expand_host
from mim.plugin import JID, Element, ModuleApi, Stanza, StanzaError, element, format_stamp
from mim.storage.api import Write
from mim.storage.ids import encode
from mim.xmpp import ns
from mim.xmpp.element import serialize
from mim_plugins.mod_mam_meta.archive import NOT_ALLOWED, Archive, archive_id_of, is_question
from mim_plugins.mod_mam_meta.content import (
    BY_ORIGIN_ID,
    Retraction,
    content_of,
    tombstone,
    with_stanza_id,
    without_forged_ids,
)
from mim_plugins.mod_mam_meta.options import MamOptions, RoomPart, Settings
from mim_plugins.mod_mam_meta.pages import Predicate
from mim_plugins.mod_mam_meta.query import Query, has_words
from mim_plugins.mod_mam_meta.store import Candidate, RoomMessages, Selection, StoredMessage
from mim_plugins.mod_mam_meta.stored import split


class RoomArchives(Archive):
    """The archives of the rooms of one service; its :class:`mim.capabilities.RoomArchive`."""

    def __init__(self, api: ModuleApi, options: MamOptions, part: RoomPart) -> None:
        self._store = RoomMessages(api.database)
        super().__init__(api, Settings.of(options, part), self._store, rule_prefix="muc_")
        self.services = frozenset(expand_host(part.host, domain) for domain in api.host.domains)

    def serves(self, service: str) -> bool:
        """Tell whether rooms of this service are archived."""
        return service in self.services

    def answers(self, payload: Element) -> bool:
        """Tell whether an IQ's payload is a question to the archive."""
        return is_question(payload)

    def removal(self, room: JID) -> list[Write]:
        """Return the writes that remove a room's archive; what is in memory of it goes at once."""
        self.forget(room)
        return list(super().removal(room))

    # --- messages on their way --------------------------------------------------------------------------------

    def record(self, stanza: Stanza, room: JID, author: JID, *, affiliation: str = "", role: str = "") -> Stanza:
        """Archive what is said in a room, if it is to be archived; see :class:`mim.capabilities.RoomArchive`."""
        message = without_forged_ids(stanza, room.__eq__)
        content = content_of(message, markers=self.settings.archives_markers)
        # A room has no contacts, so there "roster" is "always".
        if content is None or self.verdict(room, message.from_jid, author) == "never":
            return message
        id = self.api.new_archive_id()
        attributes, children = split(_as_kept(message).to_text())
        addition = self._store.addition(
            archive=str(room),
            id=id,
            nickname=message.from_jid.resource,
            author=str(author.bare),
            author_item=_author_item(message, author, affiliation, role),
            origin_id=content.origin_id,
            body=content.body,
            attributes=attributes,
            children=children,
        )
        burial = None
        if content.retraction is not None and self.settings.buries_retracted:
            burial = self._burial(content.retraction, room, author)
        writes = (addition,) if burial is None else (burial, addition)
        message.trail.promises.append(self._store.submit(*writes))
        return with_stanza_id(message, room, encode(id)) if self.settings.shows_ids else message

    def _burial(self, retraction: Retraction, room: JID, author: JID) -> Write | None:
        stone = tombstone(retraction, room, format_stamp(self.api.clock.now()))
        if retraction.namespace == BY_ORIGIN_ID:
            return self._store.burial_by_origin_id(
                str(room), str(author.bare), origin_id=retraction.target, tombstone=stone
            )
        target = archive_id_of(retraction.target)
        if target is None:
            return None
        return self._store.burial_by_id(str(room), str(author.bare), id=target, tombstone=stone)

    # --- questions --------------------------------------------------------------------------------------------

    async def answer(self, iq: Stanza, room: JID, reader: RoomReader) -> Element:
        """Answer a question to a room's archive; see :class:`mim.capabilities.RoomArchive`."""
        asked = iq.payload
        assert asked is not None
        access = await self.access(iq, asked)
        if asked.name == "prefs":
            if iq.type == "set" and access == "default" and not reader.is_owner:
                raise StanzaError("not-allowed", f"{NOT_ALLOWED} Not a room owner.")
            return await self.answer_preferences(iq, room, asked)
        if iq.type == "get":
            return self.form(asked)
        query = self.read_query(asked)
        selection, matches = _selection(query, room, reader)

        def author_item(message: StoredMessage) -> str:
            is_shown = reader.sees_jids or message.author == str(reader.jid.bare)
            return message.author_item if is_shown else ""

        return await self.answer_query(iq, room, query, selection, matches=matches, ending=author_item)


def _selection(query: Query, room: JID, reader: RoomReader) -> tuple[Selection, Predicate | None]:
    """Return what a query to a room selects, and what must be looked at one by one.

    ``with`` is the room (all), an occupant's JID, or the real JID of a person, whom the reader must be allowed to
    know (XEP-0313 §4.1.1): of others there is nothing.
    """
    with_, words = query.with_, query.words
    selection = Selection(str(room), low=query.low, high=query.high)
    nickname = author = ""
    if with_ is not None and with_.bare == room:
        nickname = with_.resource
    elif with_ is not None:
        author = str(with_.bare)
        if not (reader.sees_jids or with_.bare == reader.jid.bare):
            selection = Selection(str(room), low=1, high=0)
    if not (nickname or author or words):
        return selection, None

    def matches(candidate: Candidate) -> bool:
        return (
            (not nickname or candidate.name == nickname)
            and (not author or candidate.author == author)
            and has_words(candidate.body, words)
        )

    return selection, matches


def _as_kept(message: Stanza) -> Stanza:
    """Return a message without its addressee and without ``<x/>``, which anybody can write (XEP-0313 §7.4)."""
    attrs = {key: value for key, value in message.attrs.items() if key != "to"}
    children = [child for child in message.children if isinstance(child, str) or child.ns != ns.MUC_USER]
    return Stanza("message", attrs, children)


def _author_item(message: Stanza, author: JID, affiliation: str, role: str) -> str:
    """Return ``<x/>`` with the author's real JID as XML text; nothing when the room itself speaks."""
    if not message.from_jid.resource:
        return ""
    item = element(
        ns.MUC_USER, "item", affiliation=affiliation or None, jid=str(author), role=role or None
    )
    return serialize(element(ns.MUC_USER, "x", item))
