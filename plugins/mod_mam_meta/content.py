"""What is archived, and what of a message the archive must know (XEP-0313 §5.1, XEP-0334, XEP-0359, XEP-0424)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from mim.errors import InvalidJid
from mim.plugin import JID, Element, Stanza, element
from mim.xmpp import ns
from mim.xmpp.element import Node, serialize

_MARKERS = frozenset({"received", "displayed", "acknowledged"})
_NEVER = frozenset({"no-store", "no-permanent-store"})
_WRAPPERS = frozenset({ns.MAM1, ns.MAM2})
_ID_NAMESPACES = frozenset({ns.STANZA_ID, "urn:xmpp:mam:tmp"})
_ID_NAMES = frozenset({"stanza-id", "archived"})
_PRIVATE = frozenset({"headline", "error", "groupchat"})

BY_ORIGIN_ID = ns.RETRACT0
BY_STANZA_ID = ns.RETRACT_ESL


@dataclass(frozen=True, slots=True)
class Retraction:
    """Which message is taken back: the namespace says what kind of id names it."""

    namespace: str
    target: str


@dataclass(frozen=True, slots=True)
class Content:
    """A message that is of the kind that is archived: what is asked of it later without parsing it again."""

    body: str | None
    origin_id: str | None
    retraction: Retraction | None


def is_conversation(message: Stanza) -> bool:
    """Tell whether a message is of type normal or chat; an unknown type counts as normal (RFC 6121 §5.2.2)."""
    return message.attrs.get("type") not in _PRIVATE


def content_of(message: Stanza, *, markers: bool) -> Content | None:
    """Return what the archive must know of a message; None when it is not of the kind that is archived.

    Archived is what has a body, a hint to store it, a retraction, or, with *markers*, a chat marker; not what asks not
    to be stored, comes late (it was archived when it was sent) or is itself a result of an archive.
    """
    wanted = False
    body: str | None = None
    origin_id: str | None = None
    retraction: Retraction | None = None
    for child in message.children:
        if isinstance(child, str):
            continue
        space = child.ns
        if space == ns.CLIENT:
            if child.name == "body":
                wanted = True
                body = child.text if body is None else body
        elif space == ns.STANZA_ID:
            if child.name == "origin-id" and origin_id is None:
                origin_id = child.attrs.get("id")
        elif space == ns.HINTS:
            if child.name in _NEVER:
                return None
            wanted = wanted or child.name == "store"
        elif (space == ns.DELAY and child.name == "delay") or (space in _WRAPPERS and child.name == "result"):
            return None
        elif space == ns.FASTEN:
            retraction = retraction or _retraction(child)
            wanted = wanted or retraction is not None
        elif markers and space == ns.CHAT_MARKERS and child.name in _MARKERS:
            wanted = True
    return Content(body, origin_id, retraction) if wanted else None


def _retraction(fastening: Element) -> Retraction | None:
    target = fastening.attrs.get("id")
    if fastening.name != "apply-to" or not target:
        return None
    for namespace in (BY_ORIGIN_ID, BY_STANZA_ID):
        if fastening.find(namespace, "retract") is not None:
            return Retraction(namespace, target)
    return None


def tombstone(retraction: Retraction, archive: JID, stamp: str) -> str:
    """Return what stands in place of a retracted message's content, as XML text (XEP-0424 §4)."""
    if retraction.namespace == BY_ORIGIN_ID:
        which = element(ns.STANZA_ID, "origin-id", id=retraction.target)
    else:
        which = element(ns.STANZA_ID, "stanza-id", id=retraction.target, by=str(archive))
    return serialize(element(retraction.namespace, "retracted", which, stamp=stamp))


# --- stanza ids (XEP-0359) ------------------------------------------------------------------------------------


def with_stanza_id(message: Stanza, archive: JID, id: str) -> Stanza:
    """Return the message telling under what id an archive has it."""
    return message.with_child(Element(ns.STANZA_ID, "stanza-id", {"by": str(archive), "id": id}))


def without_forged_ids(message: Stanza, is_ours: Callable[[JID], bool]) -> Stanza:
    """Return the message without ids in the name of an archive of ours, which only that archive may give.

    *is_ours* decides by the address after ``by``. The same object comes back when there is none.
    """
    for child in message.children:
        if not isinstance(child, str) and child.ns in _ID_NAMESPACES and _is_forged(child, is_ours):
            break
    else:
        return message
    kept: list[Node] = [
        child
        for child in message.children
        if isinstance(child, str) or child.ns not in _ID_NAMESPACES or not _is_forged(child, is_ours)
    ]
    return message.with_children(kept)


def _is_forged(child: Element, is_ours: Callable[[JID], bool]) -> bool:
    if child.name not in _ID_NAMES:
        return False
    try:
        return is_ours(JID.parse(child.attrs.get("by", "")))
    except InvalidJid:
        return True  # nobody's, and nobody can tell what a client makes of it
