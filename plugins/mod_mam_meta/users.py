"""Users' archives: what they send and receive, and what they ask for later."""

from __future__ import annotations

import asyncio
from asyncio import Future

from mim.capabilities import SENT_ARCHIVE_ID, ArchivedMessage, RosterView
from mim.plugin import JID, Element, ModuleApi, Stanza, StanzaError, format_stamp
from mim.storage.ids import encode, microseconds_of
from mim_plugins.mod_mam_meta.archive import NOT_ALLOWED, Archive, archive_id_of
from mim_plugins.mod_mam_meta.content import (
    BY_ORIGIN_ID,
    Content,
    content_of,
    is_conversation,
    tombstone,
    with_stanza_id,
    without_forged_ids,
)
from mim_plugins.mod_mam_meta.line import Lines
from mim_plugins.mod_mam_meta.options import MamOptions, Settings, UserPart
from mim_plugins.mod_mam_meta.pages import Predicate
from mim_plugins.mod_mam_meta.query import first_id_at, has_words
from mim_plugins.mod_mam_meta.store import MAX_ID, Candidate, Selection, UserMessages
from mim_plugins.mod_mam_meta.stored import attribute, message_text, split

_SENT = "mam.sent"
"""Key of a note: in whose archive a message is as sent, and under which id."""


class UserArchives(Archive):
    """The archives of a host's users; also its :class:`mim.capabilities.ArchiveView`."""

    def __init__(self, api: ModuleApi, options: MamOptions, part: UserPart) -> None:
        self._store = UserMessages(api.database)
        super().__init__(api, Settings.of(options, part), self._store)
        self._archives_groupchats = part.archive_groupchats
        self._shares_ids = part.same_mam_id_for_peers
        self._lines = Lines(api, self._in_turn)

    # --- messages on their way --------------------------------------------------------------------------------

    def sent(self, stanza: Stanza) -> Stanza:
        """Archive what a local user sends, if it is to be archived; return it without ids it must not carry."""
        message = without_forged_ids(stanza, self._is_archive_here)
        if not is_conversation(message):
            return message
        content = content_of(message, markers=self.settings.archives_markers)
        if content is not None:
            account = message.from_jid.bare
            wanted = self._is_wanted(account, message.to_jid)
            if wanted:
                self._archive_sent(message, account, content)
            elif wanted is None:
                task = self.api.router.spawn(self._archive_sent_later(message, account, content))
                message.trail.promises.append(task)
        return message

    def received(self, stanza: Stanza, account: JID) -> Stanza | None:
        """Archive what has reached a local account, if it is to be archived, and tell its id in it.

        None: the message waits for the roster or for the disk, and is routed again then.
        """
        if self._lines.has(account):
            if self._lines.takes_back(stanza, account):
                return stanza
            self._lines.put(stanza, account)
            return None
        message = without_forged_ids(stanza, account.__eq__)
        content = self._content_received(message)
        if content is None:
            return message
        wanted = self._is_wanted(account, message.from_jid)
        if wanted is None or (wanted and self.settings.stores_first):
            self._lines.put(message, account)
            return None
        return self._archive_received(message, account, content) if wanted else message

    async def _in_turn(self, stanza: Stanza, account: JID) -> Stanza:
        """Do what :meth:`received` does for a message that may wait."""
        message = without_forged_ids(stanza, account.__eq__)
        content = self._content_received(message)
        if content is None or not await self._is_wanted_surely(account, message.from_jid):
            return message
        promises = message.trail.promises
        earlier = len(promises)
        message = self._archive_received(message, account, content)
        if self.settings.stores_first:
            await asyncio.gather(*promises[earlier:])
        return message

    def _content_received(self, message: Stanza) -> Content | None:
        is_archived = is_conversation(message) or (self._archives_groupchats and message.type == "groupchat")
        return content_of(message, markers=self.settings.archives_markers) if is_archived else None

    def _is_archive_here(self, jid: JID) -> bool:
        return self.api.hosts.find(jid.domain) is not None or self.api.router.is_service(jid.domain)

    # --- who wants what ---------------------------------------------------------------------------------------

    def _is_wanted(self, account: JID, peer: JID) -> bool | None:
        """Tell whether an account wants a message to or from *peer* archived; None = its roster must be read."""
        verdict = self.verdict(account, peer)
        if verdict != "roster":
            return verdict == "always"
        roster = self.api.find(RosterView)
        return False if roster is None else roster.has_contact(account, peer.bare)

    async def _is_wanted_surely(self, account: JID, peer: JID) -> bool:
        wanted = self._is_wanted(account, peer)
        if wanted is not None:
            return wanted
        roster = self.api.find(RosterView)
        contacts = [] if roster is None else await roster.list_contacts(account)
        return any(
            contact.jid == peer.bare and not (contact.subscription == "none" and contact.ask == "in")
            for contact in contacts
        )

    # --- storing ----------------------------------------------------------------------------------------------

    def _archive_sent(self, message: Stanza, account: JID, content: Content) -> None:
        id = self.api.new_archive_id()
        trail = message.trail
        trail.promises.append(self._add(message, account, id, content, peer=message.to_jid, is_outgoing=True))
        trail.notes[_SENT] = account, id
        if self.settings.shows_ids:
            trail.notes[SENT_ARCHIVE_ID] = encode(id)

    async def _archive_sent_later(self, message: Stanza, account: JID, content: Content) -> None:
        if await self._is_wanted_surely(account, message.to_jid):
            self._archive_sent(message, account, content)

    def _archive_received(self, message: Stanza, account: JID, content: Content) -> Stanza:
        trail = message.trail
        sender, id = trail.notes.get(_SENT, (None, 0))
        # What somebody sends to himself is in his archive already, and belongs there once (XEP-0313 §5.1.1).
        if not sender == account == message.from_jid.bare:
            if not id or sender == account or not self._shares_ids:
                id = self.api.new_archive_id()
            trail.promises.append(
                self._add(message, account, id, content, peer=message.from_jid, is_outgoing=False)
            )
        return with_stanza_id(message, account, encode(id)) if self.settings.shows_ids else message

    def _add(
        self, message: Stanza, account: JID, id: int, content: Content, *, peer: JID, is_outgoing: bool
    ) -> Future[list[int]]:
        archive, bare = str(account), str(peer.bare)
        attributes, children = split(message.to_text())
        addition = self._store.addition(
            archive=archive,
            id=id,
            peer=bare,
            peer_resource=peer.resource,
            is_outgoing=is_outgoing,
            origin_id=content.origin_id,
            body=content.body,
            attributes=attributes,
            children=children,
        )
        retraction = content.retraction
        if retraction is None or not self.settings.buries_retracted:
            return self._store.submit(addition)
        stone = tombstone(retraction, account, format_stamp(self.api.clock.now()))
        if retraction.namespace == BY_ORIGIN_ID:
            burial = self._store.burial_by_origin_id(
                archive, bare, is_outgoing=is_outgoing, origin_id=retraction.target, tombstone=stone
            )
        else:
            target = archive_id_of(retraction.target)
            if target is None:
                return self._store.submit(addition)
            burial = self._store.burial_by_id(archive, bare, is_outgoing=is_outgoing, id=target, tombstone=stone)
        return self._store.submit(burial, addition)

    # --- questions --------------------------------------------------------------------------------------------

    async def answer(self, iq: Stanza) -> Element:
        """Answer a question to an account's archive.

        Raises:
            StanzaError: it is somebody else's, the question is malformed, or names what is not there.
        """
        archive = iq.to_jid.bare
        asked = iq.payload
        assert asked is not None
        if await self.access(iq, asked) == "default" and iq.from_jid.bare != archive:
            raise StanzaError("not-allowed", NOT_ALLOWED)
        if asked.name == "prefs":
            return await self.answer_preferences(iq, archive, asked)
        if iq.type == "get":
            return self.form(asked)
        query = self.read_query(asked)
        with_, words = query.with_, query.words
        selection = Selection(str(archive), "" if with_ is None else str(with_.bare), query.low, query.high)
        resource = "" if with_ is None else with_.resource
        matches: Predicate | None = None
        if resource or words:

            def matches(candidate: Candidate) -> bool:
                return (not resource or candidate.name == resource) and has_words(candidate.body, words)

        return await self.answer_query(iq, archive, query, selection, matches=matches)

    async def last_messages(
        self, owner: JID, *, with_: JID | None, not_after_us: int | None, limit: int
    ) -> list[ArchivedMessage]:
        """Return the last messages of an archive; see :class:`mim.capabilities.ArchiveView`."""
        if not_after_us is not None and not_after_us < 0:
            return []
        found = await self._store.last(
            str(owner.bare),
            peer="" if with_ is None else str(with_.bare),
            peer_resource="" if with_ is None else with_.resource,
            high=MAX_ID if not_after_us is None else first_id_at(not_after_us) | 255,
            limit=limit,
        )
        return [
            ArchivedMessage(
                id,
                microseconds_of(id),
                attribute(attributes, "from"),
                attribute(attributes, "id"),
                body or "",
                message_text(attributes, children),
            )
            for id, attributes, children, body in found
        ]
