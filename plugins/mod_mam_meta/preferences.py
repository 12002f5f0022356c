"""Who wants what archived (XEP-0441): read, written, kept, asked on every message's way.

All preferences are in memory: an account that is offline has a say, too, and most accounts never set any.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from sqlalchemy import bindparam, delete, insert, select

from mim.plugin import JID, Element, StanzaError, element
from mim.storage.api import Database, Write, statement
from mim.xmpp.stanza import parse_address
from mim_plugins.mod_mam_meta.tables import preferences

MODES = ("always", "never", "roster")
MAX_LISTED = 1000
"""How many JIDs one archive's preferences may name."""

_columns = preferences.c
_READ = statement(
    select(_columns.archive, _columns.mode, _columns.always, _columns.never).where(
        _columns.domain == bindparam("domain_")
    )
)
_REMOVE = statement(delete(preferences).where(_columns.archive == bindparam("archive_")))
_ADD = statement(
    insert(preferences).values({name: bindparam(f"{name}_") for name in preferences.c.keys()})  # noqa: SIM118
)


Listed = Mapping[JID, None]
"""JIDs in the order in which they were named, each once."""


@dataclass(frozen=True, slots=True)
class Preferences:
    """An archive's default and its exceptions; a JID without resource stands for all of its resources."""

    mode: str = "always"
    always: Listed = field(default_factory=dict)
    never: Listed = field(default_factory=dict)

    def verdict(self, *peer: JID) -> str:
        """Return what to do with messages to or from a peer: "always", "never", or "roster" (only if a contact).

        An exact entry beats one for the bare JID, and "never" beats "always".
        """
        for jid in (*peer, *(address.bare for address in peer)):
            if jid in self.never:
                return "never"
            if jid in self.always:
                return "always"
        return self.mode

    def to_element(self, namespace: str) -> Element:
        """Return ``<prefs/>``."""
        lists = (
            element(namespace, name, [element(namespace, "jid", str(jid)) for jid in jids])
            for name, jids in (("always", self.always), ("never", self.never))
        )
        return element(namespace, "prefs", *lists, default=self.mode)


EVERYTHING = Preferences()


def read_preferences(asked: Element) -> Preferences:
    """Return what a ``<prefs/>`` says.

    Raises:
        StanzaError: bad-request (no such default), jid-malformed, not-acceptable (too many JIDs).
    """
    mode = asked.get("default")
    if mode not in MODES:
        raise StanzaError("bad-request", f"default is one of {', '.join(MODES)}")
    always, never = (_jids(asked, name) for name in ("always", "never"))
    if len(always) + len(never) > MAX_LISTED:
        raise StanzaError("not-acceptable", f"at most {MAX_LISTED} addresses can be listed")
    return Preferences(mode, always, never)


def _jids(asked: Element, name: str) -> Listed:
    listed = asked.find(asked.ns, name)
    if listed is None:
        return {}
    return dict.fromkeys(parse_address(jid.text.strip()) for jid in listed.elements(asked.ns, "jid"))


class PreferenceStore:
    """The preferences of the archives of some domains; what is set is on disk first, then obeyed."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._known: dict[JID, Preferences] = {}

    async def load(self, domains: Iterable[str]) -> None:
        """Read the preferences of all archives of these domains."""
        for domain in domains:
            for archive, mode, always, never in await self._database.fetch_all(_READ, domain_=domain):
                self._known[JID.parse(archive)] = Preferences(mode, _split(always), _split(never))

    def get(self, archive: JID) -> Preferences:
        """Return an archive's preferences; "always" when none were set."""
        return self._known.get(archive, EVERYTHING)

    async def put(self, archive: JID, wanted: Preferences) -> None:
        """Replace an archive's preferences."""
        addition = _ADD.bind(
            archive_=str(archive),
            domain_=archive.domain,
            mode_=wanted.mode,
            always_=_joined(wanted.always),
            never_=_joined(wanted.never),
        )
        await self._database.submit(self.removal(archive), addition)
        self._known[archive] = wanted

    def removal(self, archive: JID) -> Write:
        """Return the write that removes an archive's preferences from disk."""
        return _REMOVE.bind(archive_=str(archive))

    def forget(self, archive: JID) -> None:
        """Remove an archive's preferences from memory."""
        self._known.pop(archive, None)


def _joined(jids: Iterable[JID]) -> str:
    return "\n".join(map(str, jids))  # no JID has a line break


def _split(text: str) -> Listed:
    return dict.fromkeys(JID.parse(line) for line in text.split("\n") if line)
