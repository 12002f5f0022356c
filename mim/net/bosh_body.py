"""BOSH's ``<body/>`` (XEP-0124): read from requests, written into responses."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NoReturn

from mim.stream.framing import with_own_namespace
from mim.xmpp import ns
from mim.xmpp.element import Element, escape_attribute
from mim.xmpp.parser import Limits, parse_fragment

MAX_BODY_BYTES = 4 * 1024 * 1024
MAX_RID = 2**53 - 1
_LIMITS = Limits(stanza_bytes=MAX_BODY_BYTES)
_RESTART = f"{{{ns.XBOSH}}}restart"
_VERSION = f"{{{ns.XBOSH}}}version"


class BadBody(ValueError):
    """A request that is none of BOSH."""


@dataclass(frozen=True, slots=True)
class Body:
    """A request: its id, its size in bytes, its attributes, what it carries."""

    rid: int
    size: int
    attrs: dict[str, str]
    elements: list[Element]

    @property
    def sid(self) -> str:
        """The session; empty when it asks for a new one."""
        return self.attrs.get("sid", "")

    @property
    def is_restart(self) -> bool:
        """Tell whether it begins the stream anew (XEP-0206 §6)."""
        return self.attrs.get(_RESTART) in ("true", "1")

    @property
    def is_termination(self) -> bool:
        """Tell whether it ends the session (XEP-0124 §13)."""
        return self.attrs.get("type") == "terminate"

    @property
    def version(self) -> str:
        """The version of XMPP the client speaks."""
        return self.attrs.get(_VERSION, "1.0")

    def number(self, name: str) -> int | None:
        """Return an attribute that is a number, None when there is none.

        Raises:
            BadBody: it is no number.
        """
        text = self.attrs.get(name)
        return None if text is None else _number(text)


def _number(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 16):
        raise BadBody(f"{text!r} is no number")
    return int(text)


def parse_body(data: bytes) -> Body:
    """Return a request.

    Raises:
        BadBody: it is no ``<body/>``, has no good rid, or is not XML without the parts that XMPP forbids.
    """
    found = parse_fragment(data, _LIMITS)
    if len(found) != 1 or not isinstance(found[0], Element):
        _refuse("not an XML document that XMPP allows")
    (node,) = found
    assert isinstance(node, Element)
    if node.ns != ns.HTTPBIND or node.name != "body":
        _refuse("not a body")
    rid = _number(node.get("rid"))
    if rid > MAX_RID:
        _refuse("rid too great")
    return Body(rid, len(data), node.attrs, list(node.elements()))


def _refuse(reason: str) -> NoReturn:
    raise BadBody(reason)


def body_text(content: list[str] | None = None, **attrs: str | None) -> str:
    """Return a response that carries parts of a stream; ``None`` attributes are left out, ``_`` is written ``:``."""
    written = "".join(
        f" {name.replace('_', ':')}='{escape_attribute(value)}'" for name, value in attrs.items() if value is not None
    )
    if not content:
        return f"<body xmlns='{ns.HTTPBIND}'{written}/>"
    inner = "".join(with_own_namespace(text) for text in content)
    return f"<body xmlns='{ns.HTTPBIND}' xmlns:stream='{ns.STREAMS}'{written}>{inner}</body>"


def terminate_text(condition: str | None = None, content: list[str] | None = None) -> str:
    """Return the response that ends a session (XEP-0124 §17.2)."""
    return body_text(content, type="terminate", condition=condition)
