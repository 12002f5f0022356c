"""vCards (XEP-0054) as far as the server reads them: the fields that the user directory knows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from mim.plugin import Element
from mim.xmpp import ns


class DirectoryField(NamedTuple):
    """A field of the directory: its name in forms, its label, and where a vCard has it (XEP-0054 §3)."""

    var: str
    label: str
    path: tuple[str, ...]


FIELDS = (
    DirectoryField("fn", "Full name", ("FN",)),
    DirectoryField("last", "Family name", ("N", "FAMILY")),
    DirectoryField("first", "Given name", ("N", "GIVEN")),
    DirectoryField("middle", "Middle name", ("N", "MIDDLE")),
    DirectoryField("nick", "Nickname", ("NICKNAME",)),
    DirectoryField("bday", "Birthday", ("BDAY",)),
    DirectoryField("ctry", "Country", ("ADR", "CTRY")),
    DirectoryField("locality", "City", ("ADR", "LOCALITY")),
    DirectoryField("email", "Email", ("EMAIL", "USERID")),
    DirectoryField("orgname", "Organization", ("ORG", "ORGNAME")),
    DirectoryField("orgunit", "Organization unit", ("ORG", "ORGUNIT")),
)
MAX_VALUE = 256
"""Characters of a field that the directory keeps."""


def directory_values(card: Element) -> dict[str, str]:
    """Return what the directory shows of a vCard: a text for every field, empty where the vCard has none."""
    return {field.var: _text_at(card, field.path) for field in FIELDS}


def folded(text: str) -> str:
    """Return a text as it is compared: without case and outer blanks, cut like what is kept."""
    return text.strip()[:MAX_VALUE].strip().casefold()


def folded_values(values: Mapping[str, str]) -> dict[str, str]:
    """Return a vCard's directory values as they are compared."""
    return {var: folded(value) for var, value in values.items()}


def _text_at(card: Element, path: tuple[str, ...]) -> str:
    """Return the text of the first element on *path* that has any; some clients leave the last step out."""
    *steps, last = path
    parents = [card]
    for step in steps:
        parents = [child for parent in parents for child in parent.elements(ns.VCARD, step)]
    for parent in parents:
        for child in parent.elements(ns.VCARD, last):
            if child.text.strip():
                return child.text.strip()[:MAX_VALUE]
    for parent in parents:
        if steps and parent.text.strip():
            return parent.text.strip()[:MAX_VALUE]
    return ""
