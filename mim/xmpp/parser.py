"""Bytes of an XML stream into elements, within limits (RFC 6120 §11).

expat does the XML; everything it would let an attacker grow without bound is counted here: bytes of a
stanza, depth, attributes of an element, distinct names of a stream. Comments, processing instructions,
document types and other encodings are refused (RFC 6120 §11.1).
"""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass
from xml.parsers import expat

from mim.xmpp import ns
from mim.xmpp.conditions import StreamError
from mim.xmpp.element import Element

_XML_LANG = "http://www.w3.org/XML/1998/namespace lang"
TEXT_BUFFER_BYTES = 1024
"""In which expat gathers text that it finds in pieces, a line each; a stream has one as long as it lives."""
_NOT_XML_CHARACTER = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")


@dataclass(frozen=True, slots=True)
class Limits:
    """What one stream may make us hold. Bytes are counted on the wire."""

    stanza_bytes: int = 10 * 1024 * 1024
    depth: int = 128
    attributes: int = 128
    names: int = 4096


_NO_LIMITS = Limits(stanza_bytes=sys.maxsize, depth=sys.maxsize, attributes=sys.maxsize, names=sys.maxsize)


@dataclass(frozen=True, slots=True)
class StreamHeader:
    """The opening tag of a stream: namespace and name of the root, its attributes, its default namespace."""

    ns: str
    name: str
    attrs: dict[str, str]
    content_ns: str


class StreamEnd:
    """The closing tag of a stream."""

    __slots__ = ()


Event = Element | StreamHeader | StreamEnd | StreamError


class StreamParser:
    """Turn the bytes of one stream into events: header, first-level elements, end, or the error that ends it.

    A new stream (after TLS or SASL) takes a new parser.
    """

    def __init__(self, limits: Limits | None = None) -> None:
        self.limits = limits or Limits()
        self._events: list[Event] = []
        self._stack: list[Element] = []
        self._names: dict[str, tuple[str, str]] = {}
        self._depth = 0
        self._default_ns: str | None = None
        self._failed: StreamError | None = None
        self._held = b""
        self._fed = 0
        self._stanza_start = 0
        self._started = False
        self.reason = ""
        """What expat found wrong, in its words."""
        self._parser = self._make_expat()

    def feed(self, data: bytes) -> list[Event]:
        """Return what became complete with *data*, in order; after a StreamError nothing follows."""
        if self._failed is not None:
            return []
        if not self._started:
            stripped = (self._held + data).lstrip(b" \t\r\n")
            if stripped and stripped[:1] != b"<":
                return [self._fail(StreamError("xml-not-well-formed"))]
            self._started = bool(stripped)
        # Everything after the last '>' waits: it cannot complete anything, expat would scan it again and
        # again, and an expat that defers reparsing could hold a finished stanza back with it.
        cut = data.rfind(b">") + 1
        if cut == 0:
            self._held += data
            return [self._fail(self._too_big())] if self._is_too_big() else []
        fed = self._held + data[:cut] if self._held else data[:cut]
        self._held = data[cut:]
        self._events = []
        self._fed += len(fed)
        try:
            self._parser.Parse(fed, False)
        except expat.ExpatError as error:
            if self._failed is None:
                self.reason = expat.ErrorString(error.code)
                self._events.append(self._fail(StreamError("xml-not-well-formed")))
        if self._failed is None and self._is_too_big():
            self._events.append(self._fail(self._too_big()))
        return self._events

    @property
    def is_inside_stanza(self) -> bool:
        """Tell whether a first-level element has begun and not ended."""
        return bool(self._stack) or bool(self._held.strip())

    def _make_expat(self) -> expat.XMLParserType:
        parser = expat.ParserCreate("utf-8", namespace_separator=" ")
        parser.buffer_size = TEXT_BUFFER_BYTES  # before the buffer is there, so that no bigger one is made first
        parser.buffer_text = True
        parser.ordered_attributes = True
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._text
        parser.StartNamespaceDeclHandler = self._namespace
        parser.XmlDeclHandler = self._declaration
        parser.StartDoctypeDeclHandler = self._restricted
        parser.CommentHandler = self._restricted
        parser.ProcessingInstructionHandler = self._restricted
        parser.EntityDeclHandler = self._restricted
        switch = getattr(parser, "SetReparseDeferralEnabled", None)
        if switch is not None:
            switch(False)
        return parser

    def _is_too_big(self) -> bool:
        """Tell whether what is unfinished (a stanza, or the header) has passed the limit."""
        unfinished = len(self._held)
        if self._stack or self._depth == 0:
            unfinished += self._fed - self._stanza_start
        return unfinished > self.limits.stanza_bytes

    def _too_big(self) -> StreamError:
        return StreamError("policy-violation", "child element too big")

    def _fail(self, error: StreamError) -> StreamError:
        self._failed = error
        self._stack = []
        self._held = b""
        return error

    def _stop(self, error: StreamError) -> None:
        """Report *error* from inside expat and make it give up."""
        if self._failed is None:
            self._events.append(self._fail(error))
        raise expat.ExpatError

    def _split(self, joined: str) -> tuple[str, str]:
        pair = self._names.get(joined)
        if pair is None:
            if len(self._names) >= self.limits.names:
                self._stop(StreamError("policy-violation", "too many different names"))
            uri, separator, local = joined.rpartition(" ")
            pair = (uri, local) if separator else ("", joined)
            self._names[joined] = pair
        return pair

    def _attributes(self, ordered: list[str]) -> dict[str, str]:
        if len(ordered) > 2 * self.limits.attributes:
            self._stop(StreamError("policy-violation", "too many attributes"))
        attrs: dict[str, str] = {}
        for position in range(0, len(ordered), 2):
            key = ordered[position]
            if " " in key:
                if key == _XML_LANG:
                    key = "xml:lang"
                else:
                    uri, local = self._split(key)
                    key = f"{{{uri}}}{local}"
            attrs[key] = ordered[position + 1]
        return attrs

    def _namespace(self, prefix: str | None, uri: str | None) -> None:
        if self._depth == 0 and prefix is None:
            self._default_ns = uri or ""

    def _start(self, joined: str, ordered: list[str]) -> None:
        pair = self._names.get(joined) or self._split(joined)
        self._depth += 1
        if self._depth == 1:
            header = StreamHeader(pair[0], pair[1], self._attributes(ordered), self._default_ns or "")
            self._events.append(header)
            return
        if self._depth > self.limits.depth:
            self._stop(StreamError("policy-violation", "elements nested too deeply"))
        node = Element(pair[0], pair[1], self._attributes(ordered) if ordered else None)
        if self._stack:
            self._stack[-1].children.append(node)
        else:
            self._stanza_start = self._parser.CurrentByteIndex
        self._stack.append(node)

    def _end(self, _joined: str) -> None:
        self._depth -= 1
        if self._depth == 0:
            self._events.append(StreamEnd())
            return
        node = self._stack.pop()
        if not self._stack:
            if self._parser.CurrentByteIndex - self._stanza_start > self.limits.stanza_bytes:
                self._stop(self._too_big())
            self._events.append(node)

    def _text(self, text: str) -> None:
        if self._stack:
            self._stack[-1].children.append(text)
        elif text.strip(" \t\r\n"):
            # RFC 6120 §4.9.3.1: characters between stanzas are white space only.
            self._stop(StreamError("bad-format"))

    def _declaration(self, _version: str, encoding: str | None, _standalone: int) -> None:
        if encoding is not None and encoding.lower() not in ("utf-8", "utf8"):
            self._stop(StreamError("unsupported-encoding"))

    def _restricted(self, *_args: object) -> None:
        self._stop(StreamError("restricted-xml"))


def parse_fragment(data: bytes, limits: Limits | None = None, *, context_ns: str = "") -> list[Event]:
    """Return the events of one whole document, e.g. a WebSocket frame (RFC 7395 §3.3.3).

    The document's root comes as an element. *context_ns* is the namespace of a root that names none.
    """
    parser = StreamParser(limits)
    wrapper = f"<x xmlns='{context_ns}'>".encode() if context_ns else b"<x>"
    events = parser.feed(wrapper)
    stripped = data.strip(b" \t\r\n")
    if stripped[:9].upper() == b"<!DOCTYPE":  # which the wrapper would have expat call badly formed
        return [StreamError("restricted-xml")]
    if not stripped.startswith(b"<"):
        return [StreamError("xml-not-well-formed")]
    events = parser.feed(stripped) if stripped.endswith(b">") else [StreamError("xml-not-well-formed")]
    if any(isinstance(event, StreamError) for event in events):
        return events
    if parser.is_inside_stanza or any(isinstance(event, StreamEnd) for event in events):
        return [StreamError("xml-not-well-formed")]
    return events


def parse_element(text: str, *, context_ns: str = ns.CLIENT) -> Element:
    """Return the element that :func:`mim.xmpp.element.serialize` has written as *text*.

    Raises:
        ValueError: the text is not one element.
    """
    # No limits: whatever was stored came in through a stream that has had its own.
    nodes = parse_fragment(text.encode(), _NO_LIMITS, context_ns=context_ns)
    if len(nodes) != 1 or not isinstance(nodes[0], Element):
        raise ValueError("not one XML element")
    return nodes[0]


def first_forbidden_character(text: str) -> str | None:
    """Return the first character of *text* that XML 1.0 §2.2 cannot carry, None when all can travel."""
    found = _NOT_XML_CHARACTER.search(text)
    return found.group() if found else None
