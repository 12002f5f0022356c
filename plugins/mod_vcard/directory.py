"""The user directory (XEP-0055): a service that finds accounts by what their vCards say."""

from __future__ import annotations

from collections.abc import Sequence

from mim.plugin import Element, Stanza, StanzaError, element
from mim.version import NAME as SERVER_NAME
from mim.xmpp import ns
from mim.xmpp.forms import Field, find_form, form, read_submission

from .card import FIELDS, folded
from .store import Entry, VCardStore, Wanted

NAME = "User directory"
FEATURES = (ns.DISCO_INFO, ns.DISCO_ITEMS, ns.SEARCH, ns.VCARD)
PLAIN_FIELDS = ("first", "last", "nick", "email")
"""The fields of a search without a form (XEP-0055 §2.1)."""
HOW_TO = "Fill in the fields to look for; a * at the end of a text stands for any continuation."

_FORM_FIELDS = (("user", "User"), *((field.var, field.label) for field in FIELDS))
_REPORTED = (("jid", "Address"), *((field.var, field.label) for field in FIELDS))


class Directory:
    """The directory of the users of *domains*. *limit*: how many a search finds at most."""

    def __init__(self, store: VCardStore, domains: Sequence[str], limit: int) -> None:
        self._store = store
        self._domains = domains
        self._limit = limit

    async def answer(self, iq: Stanza) -> Element | None:
        """Return the result of an IQ to the service.

        Raises:
            StanzaError: it is none that the service answers.
        """
        payload = iq.payload
        if payload is None or sum(1 for _ in iq.elements()) != 1:
            raise StanzaError("bad-request", "an IQ carries exactly one element")
        question = (iq.type, payload.ns, payload.name)
        if not iq.to_jid.local and not iq.to_jid.resource:
            if question == ("get", ns.SEARCH, "query"):
                return search_form(str(iq.to_jid))
            if question == ("set", ns.SEARCH, "query"):
                return await self._search(payload)
            if question == ("get", ns.VCARD, "vCard"):
                return service_card("Finds users by what their vCards say")
            if iq.type == "get" and payload.name == "query" and payload.ns in (ns.DISCO_INFO, ns.DISCO_ITEMS):
                return _disco(payload)
        raise StanzaError("service-unavailable")

    async def _search(self, query: Element) -> Element:
        asked = find_form(query)
        if asked is None:
            texts = {var: query.child_text(ns.SEARCH, var) for var in PLAIN_FIELDS}
            if all(text is None for text in texts.values()):
                raise StanzaError("bad-request", "send the form, or one of first, last, nick, email")
            return _plain_results(await self._find({var: text or "" for var, text in texts.items()}))
        if asked.get("type") == "cancel":
            return element(ns.SEARCH, "query")
        submission = read_submission(asked)
        if asked.get("type") != "submit" or submission.form_type not in ("", ns.SEARCH):
            raise StanzaError("bad-request", f"submit the form of type {ns.SEARCH}")
        return _form_results(await self._find({var: submission.get(var) for var, _ in _FORM_FIELDS}))

    async def _find(self, texts: dict[str, str]) -> list[Entry]:
        wanted = {var: one for var, text in texts.items() if (one := read_wanted(text)) is not None}
        found: list[Entry] = []
        for domain in self._domains:
            if len(found) < self._limit:
                found += await self._store.search(domain, wanted, self._limit - len(found))
        return found


def read_wanted(text: str) -> Wanted | None:
    """Return what the text of a search field asks for; None when it takes anything."""
    stripped = text.strip()
    is_prefix = stripped.endswith("*")
    wanted = folded(stripped[:-1] if is_prefix else stripped)
    return Wanted(wanted, is_prefix) if wanted else None


def search_form(service: str) -> Element:
    """Return what can be searched for, as plain fields and as a form (XEP-0055 §2.1, §3)."""
    fields = [Field(var, label=label) for var, label in _FORM_FIELDS]
    return element(
        ns.SEARCH,
        "query",
        element(ns.SEARCH, "instructions", HOW_TO),
        [element(ns.SEARCH, var) for var in PLAIN_FIELDS],
        form(ns.SEARCH, fields, title=f"{NAME} {service}", instructions=HOW_TO),
    )


def service_card(description: str) -> Element:
    """Return the vCard of a part of the server itself."""
    return element(
        ns.VCARD, "vCard", element(ns.VCARD, "FN", SERVER_NAME), element(ns.VCARD, "DESC", description)
    )


def _disco(query: Element) -> Element:
    node = query.get("node")
    if node:
        raise StanzaError("item-not-found")
    if query.ns == ns.DISCO_ITEMS:
        return element(ns.DISCO_ITEMS, "query")
    return element(
        ns.DISCO_INFO,
        "query",
        element(ns.DISCO_INFO, "identity", category="directory", type="user", name_=NAME),
        [element(ns.DISCO_INFO, "feature", var=feature) for feature in FEATURES],
    )


def _plain_results(entries: list[Entry]) -> Element:
    return element(
        ns.SEARCH,
        "query",
        [
            element(
                ns.SEARCH,
                "item",
                [element(ns.SEARCH, var, entry.values[var] or None) for var in PLAIN_FIELDS],
                jid=str(entry.account),
            )
            for entry in entries
        ],
    )


def _form_results(entries: list[Entry]) -> Element:
    """Return a form of type result with one item per user (XEP-0004 §3.4)."""
    columns = [Field(var, "jid-single" if var == "jid" else "text-single", label=label) for var, label in _REPORTED]
    table = form(ns.SEARCH, (), type="result")
    table.children.append(element(ns.DATA_FORMS, "reported", [column.to_element() for column in columns]))
    for entry in entries:
        values = {"jid": str(entry.account), **entry.values}
        fields = [Field(var, values=(values[var],)).to_element(typed=False) for var, _ in _REPORTED]
        table.children.append(element(ns.DATA_FORMS, "item", fields))
    return element(ns.SEARCH, "query", table)
