"""Rosters on their way to clients: results and pushes (RFC 6121 §2.1.4, §2.1.6, §2.6)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from hashlib import blake2b

from mim.plugin import JID, Element, Session, Stanza, element, new_id
from mim.xmpp import ns
from mim.xmpp.element import serialize
from mim_plugins.mod_roster.model import Item, Roster

_EXTRAS = "mod_roster.extras"


class Pusher:
    """Tells clients what is on a roster. *sessions_of* gives an account's sessions, available or not."""

    def __init__(self, sessions_of: Callable[[JID], list[Session]], *, has_versions: bool) -> None:
        self._sessions_of = sessions_of
        self._has_versions = has_versions

    def push(self, roster: Roster, item: Item) -> None:
        """Tell every bound resource how an item stands."""
        self._push(roster, item.to_element())

    def push_removal(self, roster: Roster, contact: JID) -> None:
        """Tell every bound resource that a contact is gone."""
        self._push(roster, element(ns.ROSTER, "item", jid=str(contact), subscription="remove"))

    def push_differences(self, roster: Roster, believed: Sequence[Item]) -> None:
        """Tell every bound resource what has turned out to be otherwise than it was told."""
        shown = {item.contact: item for item in roster.shown()}
        for item in believed:
            if item.contact not in shown:
                self.push_removal(roster, item.contact)
        known = {item.contact: item for item in believed}
        for contact, item in shown.items():
            if contact not in known or known[contact].to_element() != item.to_element():
                self.push(roster, item)

    def result(
        self, roster: Roster, extras: Sequence[Element], asked: str | None, session: Session | None
    ) -> Element | None:
        """Return the answer to a roster get; None when the client has this version already.

        *extras* are items of other modules, which come first, take the place of what the account has put there under
        the same JID, and count for the version. *asked* is the version the client has, empty when it has none, None
        when it does not use versions.
        """
        shown = _digest(extras)
        if session is not None:
            session.data[_EXTRAS] = shown
        version = roster.version + shown if self._has_versions and asked is not None else None
        if version is not None and version == asked:
            return None
        elsewhere = {item.get("jid") for item in extras}
        items = [item.to_element() for item in roster.shown() if str(item.contact) not in elsewhere]
        return element(ns.ROSTER, "query", extras, items, ver=version)

    def _push(self, roster: Roster, item: Element) -> None:
        for session in self._sessions_of(roster.account):
            version = roster.version + session.data.get(_EXTRAS, "") if self._has_versions else None
            query = element(ns.ROSTER, "query", item, ver=version)
            session.send(
                Stanza(
                    "iq", {"type": "set", "id": f"push{new_id()}"}, [query], sender=roster.account, to=session.jid
                )
            )


def _digest(extras: Sequence[Element]) -> str:
    """Return what the items of other modules add to the version: nothing when there are none."""
    if not extras:
        return ""
    text = "".join(serialize(item, ns.ROSTER) for item in extras)
    return "." + blake2b(text.encode(), digest_size=8).hexdigest()
