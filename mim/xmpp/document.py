"""XML text that somebody wrote by hand, as a whole document: one element, or what is wrong with it.

Read as a client's stream is (same limits, same elements), with what a document may hold and a stream may not:
an XML declaration before the root, and comments.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from mim.xmpp import ns
from mim.xmpp.conditions import StreamError
from mim.xmpp.element import Element, escape_attribute
from mim.xmpp.parser import Limits, StreamEnd, StreamParser

if TYPE_CHECKING:
    from xml.parsers.expat import XMLParserType

_DECLARATION = re.compile(
    r"""[ \t\r\n]*<\?xml[ \t\r\n]+version[ \t\r\n]*=[ \t\r\n]*(?:'1\.\d+'|"1\.\d+")"""
    r"""(?:[ \t\r\n]+(?:encoding|standalone)[ \t\r\n]*=[ \t\r\n]*(?:'[\w.-]+'|"[\w.-]+"))*[ \t\r\n]*\?>"""
)
_REASONS = {
    "bad-format": "text outside of the root element",
    "restricted-xml": "document types and processing instructions are not allowed",
}


class MalformedXml(ValueError):
    """The text is not one well-formed element; the argument says why."""


def parse_document(text: str, limits: Limits | None = None, *, context_ns: str = ns.CLIENT) -> Element:
    """Return the root element of *text*; *context_ns* is the namespace of a root that names none.

    Comments are dropped, CDATA is text. White space may surround the root.

    Raises:
        MalformedXml: with the reason; exactly ``expected >`` when nothing but the final ``>`` is missing.
    """
    try:
        return _root(text, limits, context_ns)
    except MalformedXml:
        if not text.rstrip().endswith(">") and _is_whole(f"{text.rstrip()}>", limits, context_ns):
            raise MalformedXml("expected >") from None
        raise


class _DocumentParser(StreamParser):
    """A stream's parser that passes over comments."""

    def _make_expat(self) -> XMLParserType:
        parser = super()._make_expat()
        parser.CommentHandler = None
        return parser


def _root(text: str, limits: Limits | None, context_ns: str) -> Element:
    declaration = _DECLARATION.match(text)
    rest = text[declaration.end() :] if declaration else text
    if not rest.strip():
        raise MalformedXml("no root element")
    parser = _DocumentParser(limits)
    parser.feed(f"<x xmlns='{escape_attribute(context_ns)}'>".encode())
    events = parser.feed(rest.strip().encode(errors="surrogatepass"))
    for event in events:
        if isinstance(event, StreamError):
            raise MalformedXml(event.text or _REASONS.get(event.condition) or parser.reason)
        if isinstance(event, StreamEnd):
            raise MalformedXml("unexpected closing tag")
    if parser.is_inside_stanza:
        raise MalformedXml("unexpected end of data")
    roots = [event for event in events if isinstance(event, Element)]
    if len(roots) != 1:
        raise MalformedXml("more than one root element" if roots else "no root element")
    return roots[0]


def _is_whole(text: str, limits: Limits | None, context_ns: str) -> bool:
    try:
        _root(text, limits, context_ns)
    except MalformedXml:
        return False
    return True
