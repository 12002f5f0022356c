"""The form in which a message is kept: its attributes and what is between its tags, both as XML text.

Kept apart, so that a retraction replaces the content and leaves the addresses, and that something can be put at the
end, all without parsing.
"""

from __future__ import annotations

from mim.xmpp import ns

_START, _END = len("<message"), len("</message>")
_ENTITIES = (
    ("&lt;", "<"), ("&gt;", ">"), ("&apos;", "'"), ("&#10;", "\n"), ("&#9;", "\t"), ("&#13;", "\r"), ("&amp;", "&"),
)  # fmt: skip
"""What :mod:`mim.xmpp.element` escapes, the ampersand last."""


def split(text: str) -> tuple[str, str]:
    """Return the attributes, each with a blank before it, and the children of a message's text."""
    cut = text.index(">")  # no attribute holds one: it is escaped
    if text[cut - 1] == "/":
        return text[_START : cut - 1], ""
    return text[_START:cut], text[cut + 1 : -_END]


def message_text(attributes: str, children: str) -> str:
    """Return a stored message as XML text that is good in any place."""
    return f"<message xmlns='{ns.CLIENT}'{attributes}>{children}</message>"


def escaped_attribute(attributes: str, name: str) -> str:
    """Return an attribute's value, still escaped; empty when it is absent.

    Values hold no quotation mark of their own, so a blank, the name and the mark can only be the attribute itself.
    """
    _, found, rest = attributes.partition(f" {name}='")
    return rest[: rest.index("'")] if found else ""


def attribute(attributes: str, name: str) -> str:
    """Return an attribute's value; empty when it is absent."""
    _, found, rest = attributes.partition(f" {name}='")  # as above; a page asks for hundreds
    if not found:
        return ""
    text = rest[: rest.index("'")]
    if "&" in text:
        for entity, character in _ENTITIES:
            text = text.replace(entity, character)
    return text
