"""Stanzas: message, presence and IQ with their addresses as values.

A stanza on its way is shared by many readers, so nobody changes one in place: :meth:`Stanza.replace` and
:meth:`Stanza.with_child` return a copy that shares the children.
"""

from __future__ import annotations

import asyncio
import secrets
from asyncio import Future
from typing import Any

from mim.errors import InvalidJid, Unavailable
from mim.xmpp import ns
from mim.xmpp.conditions import StanzaError
from mim.xmpp.element import Element, Node, element, escape_attribute, serialize
from mim.xmpp.jid import JID

KINDS = frozenset({"message", "presence", "iq"})
IQ_TYPES = frozenset({"get", "set", "result", "error"})


class Trail:
    """What is known of one stanza's way through the server; shared by all copies of the stanza.

    ``promises``: writes that must be on disk before the stanza is acknowledged (REST answer, XEP-0198 ``<a/>``).
    ``notes``: what one module leaves for a later one, keyed by the module's name and a word.
    """

    __slots__ = ("notes", "promises")

    def __init__(self) -> None:
        self.promises: list[Future[Any]] = []
        self.notes: dict[str, Any] = {}

    @property
    def is_kept(self) -> bool:
        """Tell whether every promise made so far has come true."""
        for promise in self.promises:
            if not promise.done() or promise.cancelled() or promise.exception() is not None:
                return False
        return True

    @property
    def is_broken(self) -> bool:
        """Tell whether some promise can never come true."""
        return any(
            promise.done() and (promise.cancelled() or promise.exception() is not None) for promise in self.promises
        )

    async def kept(self) -> None:
        """Return when all promises have come true, those too that are made meanwhile.

        Raises:
            MimError: one was broken.
        """
        seen = 0
        while seen < len(self.promises):
            waiting = self.promises[seen:]
            seen = len(self.promises)
            await asyncio.wait(waiting)  # which, unlike gather, leaves them alone when the waiter is cancelled
            for promise in waiting:
                if promise.cancelled():
                    raise Unavailable("the server stops")
                promise.result()


class Stanza(Element):
    """A message, presence or IQ; ``sender`` and ``to`` mirror the attributes ``from`` and ``to``."""

    __slots__ = ("_shared", "_text", "_trail", "sender", "to")

    def __init__(
        self,
        name: str,
        attrs: dict[str, str] | None = None,
        children: list[Node] | None = None,
        *,
        sender: JID | None = None,
        to: JID | None = None,
        trail: Trail | None = None,
    ) -> None:
        super().__init__(ns.CLIENT, name, attrs, children)
        self.sender = sender
        self.to = to
        self._trail = trail
        self._shared: FanOut | None = None
        self._text: str | None = None
        if sender is not None:
            self.attrs["from"] = str(sender)
        if to is not None:
            self.attrs["to"] = str(to)

    @classmethod
    def from_element(cls, node: Element) -> Stanza:
        """Return *node* as a stanza, its addresses parsed from the attributes.

        Raises:
            InvalidJid: ``from`` or ``to`` is no JID.
            StanzaError: the element is no stanza.
        """
        if node.name not in KINDS:
            raise StanzaError("bad-request", f"{node.name} is no stanza")
        sender, to = node.attrs.get("from"), node.attrs.get("to")
        return cls(
            node.name,
            node.attrs,
            node.children,
            sender=JID.parse(sender) if sender is not None else None,
            to=JID.parse(to) if to is not None else None,
        )

    @property
    def trail(self) -> Trail:
        """Return what is known of this stanza's way; made when first asked for."""
        if self._trail is None:
            self._trail = Trail()
        return self._trail

    @property
    def shared(self) -> FanOut:
        """Return the text that all recipients of this stanza share; serialised when first asked for, then kept."""
        if self._shared is None:
            self._shared = FanOut(self)
        return self._shared

    @property
    def type(self) -> str:
        """Return the ``type`` attribute, empty when absent."""
        return self.attrs.get("type", "")

    @property
    def id(self) -> str:
        """Return the ``id`` attribute, empty when absent."""
        return self.attrs.get("id", "")

    @property
    def from_jid(self) -> JID:
        """Return the sender of a stanza that is on its way, which always has one."""
        assert self.sender is not None
        return self.sender

    @property
    def to_jid(self) -> JID:
        """Return the addressee of a stanza that is on its way, which always has one."""
        assert self.to is not None
        return self.to

    def replace(self, *, sender: JID | None = None, to: JID | None = None, **attrs: str | None) -> Stanza:
        """Return a copy with other addresses or attributes (``None`` removes one); children are shared."""
        copied = dict(self.attrs)
        for key, value in attrs.items():
            name = key.removesuffix("_")
            if value is None:
                copied.pop(name, None)
            else:
                copied[name] = value
        return Stanza(
            self.name,
            copied,
            self.children,
            sender=self.sender if sender is None else sender,
            to=self.to if to is None else to,
            trail=self.trail,
        )

    def with_child(self, child: Element) -> Stanza:
        """Return a copy with *child* as the last child."""
        made = self.with_children([*self.children, child])
        if self._text is not None and self.children:
            end = f"</{self.name}>"
            made._text = self._text.removesuffix(end) + serialize(child) + end
        return made

    def with_children(self, children: list[Node]) -> Stanza:
        """Return a copy with other children."""
        return Stanza(self.name, dict(self.attrs), children, sender=self.sender, to=self.to, trail=self.trail)

    def to_text(self, to: JID | None = None) -> str:
        """Return the stanza as XML for a ``jabber:client`` stream, readdressed when *to* is given.

        It is written once, however many clients and stores ask; from then on nobody may change the stanza. A fan-out
        serialises once through :attr:`shared` instead.
        """
        if to is not None:
            return serialize(self.replace(to=to))
        if self._text is None:
            self._text = serialize(self)
        return self._text


class FanOut:
    """One stanza for many recipients: serialised once, ``to`` patched into each copy."""

    __slots__ = ("_head", "_tail")

    def __init__(self, stanza: Stanza) -> None:
        attrs = {key: value for key, value in stanza.attrs.items() if key != "to"}
        text = serialize(Element(stanza.ns, stanza.name, attrs, stanza.children))
        cut = len(stanza.name) + 1
        self._head, self._tail = text[:cut], text[cut:]

    def to_text(self, to: JID) -> str:
        """Return the XML addressed to *to*."""
        return f"{self._head} to='{escape_attribute(str(to))}'{self._tail}"


def new_id() -> str:
    """Return an id nobody can guess: 16 hex digits."""
    return secrets.token_hex(8)


def message(
    *children: Element | str | None, sender: JID, to: JID, type: str | None = None, id: str | None = None
) -> Stanza:
    """Return a message."""
    return _made("message", children, sender, to, type, id)


def presence(
    *children: Element | str | None, sender: JID, to: JID, type: str | None = None, id: str | None = None
) -> Stanza:
    """Return a presence."""
    return _made("presence", children, sender, to, type, id)


def iq(*children: Element | None, sender: JID, to: JID, type: str, id: str | None = None) -> Stanza:
    """Return an IQ; an id is made when none is given."""
    return _made("iq", children, sender, to, type, id or new_id())


def _made(
    name: str, children: tuple[Element | str | None, ...], sender: JID, to: JID, type: str | None, id: str | None
) -> Stanza:
    built = element(ns.CLIENT, name, *children, type=type, id=id)
    return Stanza(name, built.attrs, built.children, sender=sender, to=to)


def body(text: str) -> Element:
    """Return a message body."""
    return element(ns.CLIENT, "body", text)


def result_of(request: Stanza, payload: Element | None = None) -> Stanza:
    """Return the result IQ for *request*, from whom it was sent to."""
    return Stanza(
        "iq",
        {"type": "result", "id": request.id},
        [] if payload is None else [payload],
        sender=request.to,
        to=request.sender,
    )


def error_of(stanza: Stanza, error: StanzaError) -> Stanza | None:
    """Return the error reply to *stanza*, or None where none may be sent.

    Errors and results are never answered (RFC 6120 §8.3.1). Original children come first, then the error.
    """
    if stanza.type == "error" or (stanza.name == "iq" and stanza.type == "result"):
        return None
    attrs = {key: value for key, value in stanza.attrs.items() if key not in ("from", "to", "type")}
    attrs["type"] = "error"
    return Stanza(
        stanza.name,
        attrs,
        [*stanza.children, error.to_element()],
        sender=stanza.to,
        to=stanza.sender,
        trail=stanza.trail,
    )


def parse_address(text: str) -> JID:
    """Return a JID from a stanza's attribute or child; raise jid-malformed instead of InvalidJid."""
    try:
        return JID.parse(text)
    except InvalidJid as error:
        raise StanzaError("jid-malformed", error.text) from None
