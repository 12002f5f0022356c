"""The hash of a disco#info answer (XEP-0115 §5.1)."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Iterator

from mim.xmpp import ns
from mim.xmpp.element import Element


def caps_hash(info: Element, algorithm: str = "sha1") -> str:
    """Return the verification string of a disco#info ``<query/>``, in base 64.

    *algorithm* is a name of :mod:`hashlib`; on the wire it is written ``sha-1`` (XEP-0300).
    """
    text = "".join(f"{part}<" for part in _parts(info))
    return base64.b64encode(hashlib.new(algorithm, text.encode(), usedforsecurity=False).digest()).decode()


def _parts(info: Element) -> Iterator[str]:
    """Yield what is hashed, in order; texts are compared by their bytes in UTF-8, which is how Python orders them."""
    yield from sorted(
        "/".join((node.get("category"), node.get("type"), node.get("xml:lang"), node.get("name")))
        for node in info.elements(ns.DISCO_INFO, "identity")
    )
    yield from sorted(feature.get("var") for feature in info.elements(ns.DISCO_INFO, "feature"))
    forms = [(_form_type(form), form) for form in info.elements(ns.DATA_FORMS, "x")]
    for form_type, form in sorted((pair for pair in forms if pair[0]), key=lambda pair: pair[0]):
        yield form_type
        for field in sorted(_fields(form), key=lambda field: field.get("var")):
            if field.get("var") != "FORM_TYPE":
                yield field.get("var")
                yield from sorted(_values(field))


def _fields(form: Element) -> Iterable[Element]:
    return form.elements(ns.DATA_FORMS, "field")


def _values(field: Element) -> Iterable[str]:
    return (value.text for value in field.elements(ns.DATA_FORMS, "value"))


def _form_type(form: Element) -> str:
    """Return the form's type; empty, and then it does not count, when it is not a hidden field's."""
    for field in _fields(form):
        if field.get("var") == "FORM_TYPE" and field.get("type") == "hidden":
            return next(iter(_values(field)), "")
    return ""
