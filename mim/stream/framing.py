"""How a stream's own parts are written: as RFC 6120 has it over TCP, RFC 7395 in WebSocket messages, XEP-0206 in BOSH.

Stanzas are the same everywhere but for the default namespace, which only a TCP stream's header declares.
"""

from __future__ import annotations

from mim.xmpp import ns
from mim.xmpp.element import Element, escape_attribute, serialize_stream_level

_STREAM_PREFIX = f" xmlns:stream='{ns.STREAMS}'"


class Framing:
    """A stream over TCP."""

    footer = "</stream:stream>"

    def header(self, stream_id: str, sender: str, language: str) -> str:
        """Return the opening of a stream."""
        return (
            "<?xml version='1.0'?>"
            f"<stream:stream xmlns='{ns.CLIENT}' xmlns:stream='{ns.STREAMS}' id='{stream_id}'"
            f" from='{escape_attribute(sender)}' version='1.0' xml:lang='{escape_attribute(language)}'>"
        )

    def stream_level(self, node: Element) -> str:
        """Return features or an error of the stream."""
        return serialize_stream_level(node)


class WebSocketFraming(Framing):
    """A stream in WebSocket messages, each a document of its own (RFC 7395 §3.3)."""

    footer = f"<close xmlns='{ns.FRAMING}'/>"

    def header(self, stream_id: str, sender: str, language: str) -> str:
        """Return the opening of a stream."""
        return (
            f"<open xmlns='{ns.FRAMING}' id='{stream_id}' from='{escape_attribute(sender)}' version='1.0'"
            f" xml:lang='{escape_attribute(language)}'/>"
        )

    def stream_level(self, node: Element) -> str:
        """Return features or an error of the stream."""
        return with_stream_prefix(serialize_stream_level(node))


class BoshFraming(Framing):
    """A stream whose opening and end are attributes of BOSH's own ``<body/>`` (XEP-0206 §4)."""

    footer = ""

    def __init__(self) -> None:
        self.stream_id = ""
        self.has_failed = False
        """A stream error was written."""

    def header(self, stream_id: str, sender: str, language: str) -> str:
        """Note the stream's id; nothing is written."""
        self.stream_id = stream_id
        return ""

    def stream_level(self, node: Element) -> str:
        """Return features or an error of the stream."""
        self.has_failed = self.has_failed or node.name == "error"
        return serialize_stream_level(node)


def with_stream_prefix(text: str) -> str:
    """Declare the prefix in the start tag of what :func:`serialize_stream_level` has written."""
    return _in_start_tag(text, _STREAM_PREFIX)


def with_own_namespace(text: str) -> str:
    """Return a stanza's text for a place where ``jabber:client`` is not the default namespace.

    *text* is what :func:`mim.xmpp.element.serialize` has written, which puts a namespace first.
    """
    end = _end_of_name(text)
    if text.startswith(" xmlns=", end) or text.startswith("<stream:"):
        return text
    return f"{text[:end]} xmlns='{ns.CLIENT}'{text[end:]}"


def _in_start_tag(text: str, addition: str) -> str:
    end = _end_of_name(text)
    return text[:end] + addition + text[end:]


def _end_of_name(text: str) -> int:
    end = 1
    while text[end] not in " />":
        end += 1
    return end
