"""What users' and rooms' archives do alike: answer the questions of those who may ask (XEP-0313, XEP-0441)."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from mim.plugin import JID, Element, ModuleApi, Stanza, StanzaError
from mim.storage.api import Write
from mim.storage.ids import decode
from mim.xmpp import ns
from mim_plugins.mod_mam_meta.options import Settings
from mim_plugins.mod_mam_meta.pace import Pace
from mim_plugins.mod_mam_meta.pages import ArchivePage, Predicate, find_page
from mim_plugins.mod_mam_meta.preferences import EVERYTHING, PreferenceStore, read_preferences
from mim_plugins.mod_mam_meta.query import NAMESPACES, Query, form_of, read_query
from mim_plugins.mod_mam_meta.results import ResultWriter
from mim_plugins.mod_mam_meta.store import MAX_ID, Messages, Selection, StoredMessage

NOT_ALLOWED = "The action is not allowed."

_ACTIONS = {
    ("get", "query"): ("mam_get_message_form",),
    ("set", "query"): ("mam_set_message_form", "mam_lookup_messages"),
    ("get", "prefs"): ("mam_get_prefs",),
    ("set", "prefs"): ("mam_set_prefs",),
}
"""The access rules that are asked before a question is answered, by its type and payload (contract/config, 8)."""


def is_question(payload: Element) -> bool:
    """Tell whether an IQ's payload is for an archive."""
    return payload.ns in NAMESPACES and payload.name in ("query", "prefs")


def features_of(settings: Settings) -> tuple[str, ...]:
    """Return the disco features of an archive."""
    retraction = (ns.RETRACT0_TOMBSTONE, ns.RETRACT_ESL) if settings.buries_retracted else ()
    return (*NAMESPACES, ns.RETRACT0, *retraction)


def archive_id_of(text: str) -> int | None:
    """Return the id that a client names, None when it cannot be one."""
    try:
        archive_id = decode(text)
    except ValueError:
        return None
    return archive_id if archive_id <= MAX_ID else None


class Archive:
    """The archives of one kind on one host."""

    def __init__(self, api: ModuleApi, settings: Settings, messages: Messages, *, rule_prefix: str = "") -> None:
        self.api = api
        self.settings = settings
        self._messages = messages
        self._rule_prefix = rule_prefix
        self._pace = Pace(api)
        self._preferences = PreferenceStore(api.database) if settings.keeps_preferences else None
        self.features = features_of(settings)

    async def load(self, domains: Iterable[str]) -> None:
        """Read what must be in memory."""
        if self._preferences is not None:
            await self._preferences.load(domains)
        self.api.note_archive_id(await self._messages.newest_id())

    def removal(self, archive: JID) -> Iterable[Write]:
        """Return the writes that remove an archive with its preferences."""
        yield self._messages.removal(str(archive))
        if self._preferences is not None:
            yield self._preferences.removal(archive)

    def forget(self, archive: JID) -> None:
        """Remove what is in memory of an archive."""
        if self._preferences is not None:
            self._preferences.forget(archive)

    def verdict(self, archive: JID, *peer: JID) -> str:
        """Return what an archive's preferences say about messages to or from a peer: always, never or roster.

        A peer may have several addresses: in a room the occupant's and the real one.
        """
        return "always" if self._preferences is None else self._preferences.get(archive).verdict(*peer)

    # --- questions --------------------------------------------------------------------------------------------

    async def access(self, iq: Stanza, asked: Element) -> str:
        """Return what the access rules say about a question, "allow" or "default", when it is its turn.

        Raises:
            StanzaError: not-allowed; the rules forbid it.
        """
        rules = [self._rule_prefix + rule for rule in _ACTIONS[iq.type, asked.name]]
        values = [self.api.host.config.access_value(rule, iq.from_jid) for rule in rules]
        if "deny" in values:
            raise StanzaError("not-allowed", NOT_ALLOWED)
        await self._pace.wait(rules, iq.from_jid)
        return "allow" if "allow" in values else "default"

    async def answer_preferences(self, iq: Stanza, archive: JID, asked: Element) -> Element:
        """Answer ``<prefs/>``; what is set is on disk before the answer."""
        store = self._preferences
        if iq.type == "get":
            return (EVERYTHING if store is None else store.get(archive)).to_element(asked.ns)
        if store is None:
            raise StanzaError("feature-not-implemented")
        wanted = read_preferences(asked)
        await store.put(archive, wanted)
        return wanted.to_element(asked.ns)

    def form(self, asked: Element) -> Element:
        """Answer ``<query/>`` of type get."""
        return form_of(asked.ns, can_search=self.settings.can_search)

    def read_query(self, asked: Element) -> Query:
        """Return what ``<query/>`` of type set asks; see :func:`mim_plugins.mod_mam_meta.query.read_query`."""
        return read_query(asked, can_search=self.settings.can_search)

    async def answer_query(
        self,
        iq: Stanza,
        archive: JID,
        query: Query,
        selection: Selection,
        *,
        matches: Predicate | None,
        ending: Callable[[StoredMessage], str] | None = None,
    ) -> Element:
        """Send a page of results and return ``<fin/>``. *ending* is XML to put at the end of a message's content."""
        settings = self.settings
        limit = min(settings.page_size if query.max is None else query.max, settings.max_page_size)
        page: ArchivePage = await find_page(self._messages, selection, query, limit=limit, matches=matches)
        writer = ResultWriter(self.api, iq, archive, query.namespace, query.query_id)
        writer.send(
            (message.id, message.attributes, message.children + (ending(message) if ending else ""))
            for message in page.messages
        )
        return page.to_element(query.namespace)
