"""XML elements as small values, and how they are written.

``attrs`` keys are local names; ``xml:lang`` keeps its prefix, any other namespaced attribute is
``"{namespace}name"``. ``children`` mixes elements and text in document order. An element that others may
hold is never changed in place: copy it first.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Union

from mim.xmpp import ns as _ns

Node = Union["Element", str]


class Element:
    """An XML element: namespace, local name, attributes, children."""

    __slots__ = ("attrs", "children", "name", "ns")

    def __init__(
        self,
        ns: str,
        name: str,
        attrs: dict[str, str] | None = None,
        children: list[Node] | None = None,
    ) -> None:
        self.ns = ns
        self.name = name
        self.attrs: dict[str, str] = {} if attrs is None else attrs
        self.children: list[Node] = [] if children is None else children

    def get(self, attribute: str, default: str = "") -> str:
        """Return an attribute's value, or *default*."""
        return self.attrs.get(attribute, default)

    def elements(self, ns: str | None = None, name: str | None = None) -> Iterator[Element]:
        """Yield child elements in order, those of *ns* and *name* when given."""
        for child in self.children:
            if (
                not isinstance(child, str)
                and (ns is None or child.ns == ns)
                and (name is None or child.name == name)
            ):
                yield child

    def find(self, ns: str, name: str) -> Element | None:
        """Return the first child element of that namespace and name."""
        for child in self.children:
            if not isinstance(child, str) and child.name == name and child.ns == ns:
                return child
        return None

    def has_namespace(self, ns: str) -> bool:
        """Tell whether some child element is of that namespace."""
        return any(not isinstance(child, str) and child.ns == ns for child in self.children)

    @property
    def payload(self) -> Element | None:
        """Return the first child element, which names an IQ's request."""
        for child in self.children:
            if not isinstance(child, str):
                return child
        return None

    @property
    def text(self) -> str:
        """Return the text directly inside this element."""
        children = self.children
        if len(children) == 1 and isinstance(children[0], str):
            return children[0]
        return "".join(child for child in children if isinstance(child, str))

    def child_text(self, ns: str, name: str) -> str | None:
        """Return the text of the first such child, None when there is none."""
        child = self.find(ns, name)
        return None if child is None else child.text

    def copy(self) -> Element:
        """Return a copy that shares the child elements but not the lists."""
        return Element(self.ns, self.name, dict(self.attrs), list(self.children))

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Element)
            and self.name == other.name
            and self.ns == other.ns
            and self.attrs == other.attrs
            and self.children == other.children
        )

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"<Element {serialize(self, '')}>"


def element(
    ns: str, name: str, /, *children: Element | str | Iterable[Element] | None, **attrs: str | None
) -> Element:
    """Build an element; ``None`` children and attributes are left out, an iterable is spliced in.

    An attribute whose name is a Python keyword takes a final underscore: ``from_="a@b"``.
    """
    made = Element(ns, name)
    for key, value in attrs.items():
        if value is not None:
            made.attrs[key.removesuffix("_").replace("xml_lang", "xml:lang")] = value
    for child in children:
        if child is None:
            continue
        if isinstance(child, (Element, str)):
            made.children.append(child)
        else:
            made.children.extend(child)
    return made


def escape_text(text: str) -> str:
    """Return *text* safe as character data."""
    if "&" in text:
        text = text.replace("&", "&amp;")
    if "<" in text:
        text = text.replace("<", "&lt;")
    if ">" in text:
        text = text.replace(">", "&gt;")
    if "\r" in text:
        text = text.replace("\r", "&#13;")
    return text


def escape_attribute(text: str) -> str:
    """Return *text* safe between single quotes."""
    text = escape_text(text)
    if "'" in text:
        text = text.replace("'", "&apos;")
    if "\n" in text or "\t" in text:
        text = text.replace("\n", "&#10;").replace("\t", "&#9;")
    return text


def serialize(node: Element, context_ns: str = _ns.CLIENT) -> str:
    """Return *node* as XML text for a place whose default namespace is *context_ns*."""
    out: list[str] = []
    _write(node, context_ns, out)
    return "".join(out)


def serialize_stream_level(node: Element) -> str:
    """Return a child of the stream itself (``stream:features``, ``stream:error``) with the stream's prefix.

    Only here is the prefix known to be declared; the same element inside a stanza gets its own ``xmlns``.
    """
    inner = "".join(
        escape_text(child) if isinstance(child, str) else serialize(child, _ns.CLIENT) for child in node.children
    )
    attrs = "".join(f" {key}='{escape_attribute(value)}'" for key, value in node.attrs.items())
    return f"<stream:{node.name}{attrs}>{inner}</stream:{node.name}>"


def _write(node: Element, context_ns: str, out: list[str]) -> None:
    name = node.name
    own_ns = node.ns
    if own_ns == context_ns:
        out.append("<" + name)
    else:
        out.append(f"<{name} xmlns='{escape_attribute(own_ns)}'")
    if node.attrs:
        count = 0
        for key, value in node.attrs.items():
            if key[0] == "{":
                uri, _, local = key[1:].partition("}")
                out.append(f" xmlns:a{count}='{escape_attribute(uri)}' a{count}:{local}='{escape_attribute(value)}'")
                count += 1
            else:
                out.append(f" {key}='{escape_attribute(value)}'")
    if not node.children:
        out.append("/>")
        return
    out.append(">")
    for child in node.children:
        if isinstance(child, str):
            out.append(escape_text(child))
        else:
            _write(child, own_ns, out)
    out.append(f"</{name}>")
