"""Data forms (XEP-0004) as values: what a form asks, what a submission says."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from mim.xmpp import ns
from mim.xmpp.conditions import StanzaError
from mim.xmpp.element import Element, element

_TRUE, _FALSE = ("1", "true"), ("0", "false")


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a form. *options* are (label, value) pairs of a list field."""

    var: str
    type: str = "text-single"
    values: Sequence[str] = ()
    label: str = ""
    options: Sequence[tuple[str, str]] = ()
    required: bool = False
    desc: str = ""

    def to_element(self, *, typed: bool = True) -> Element:
        """Return ``<field/>``; without *typed* only what a result needs (XEP-0004 §3.3)."""
        return element(
            ns.DATA_FORMS,
            "field",
            element(ns.DATA_FORMS, "desc", self.desc) if self.desc else None,
            element(ns.DATA_FORMS, "required") if self.required else None,
            [element(ns.DATA_FORMS, "value", value) for value in self.values],
            [
                element(ns.DATA_FORMS, "option", element(ns.DATA_FORMS, "value", value), label=label or None)
                for label, value in self.options
            ],
            var=self.var or None,
            type=self.type if typed or self.type == "hidden" else None,
            label=self.label or None,
        )


def boolean(var: str, value: bool, label: str = "") -> Field:
    """Return a boolean field."""
    return Field(var, "boolean", ("1" if value else "0",), label)


def form(
    form_type: str, fields: Iterable[Field], *, type: str = "form", title: str = "", instructions: str = ""
) -> Element:
    """Return ``<x/>`` of kind *type* (form, submit, result) with a hidden FORM_TYPE, unless that is empty."""
    hidden = [Field("FORM_TYPE", "hidden", (form_type,))] if form_type else []
    return element(
        ns.DATA_FORMS,
        "x",
        element(ns.DATA_FORMS, "title", title) if title else None,
        element(ns.DATA_FORMS, "instructions", instructions) if instructions else None,
        [made.to_element(typed=type != "submit") for made in (*hidden, *fields)],
        type=type,
    )


@dataclass(frozen=True, slots=True)
class Submission:
    """What somebody filled in: values by field, and the form's type."""

    form_type: str
    values: Mapping[str, Sequence[str]] = field(default_factory=dict)

    def __contains__(self, var: str) -> bool:
        return var in self.values

    def get(self, var: str, default: str = "") -> str:
        """Return a field's first value, *default* when the field is absent or empty."""
        values = self.values.get(var)
        return values[0] if values else default

    def list(self, var: str) -> Sequence[str]:
        """Return all values of a field."""
        return self.values.get(var, ())

    def boolean(self, var: str) -> bool:
        """Return a boolean field.

        Raises:
            StanzaError: bad-request; the value is none of 0, 1, true, false.
        """
        return read_boolean(self.get(var), var)


def read_boolean(text: str, name: str) -> bool:
    """Return the boolean a field's value stands for (XEP-0004 §3.3).

    Raises:
        StanzaError: bad-request; the value is none of 0, 1, true, false.
    """
    if text in _TRUE:
        return True
    if text in _FALSE:
        return False
    raise StanzaError("bad-request", f"{name} is a boolean: 0, 1, true or false")


def find_form(parent: Element, form_type: str = "") -> Element | None:
    """Return the first form among the children, that of *form_type* when given."""
    for child in parent.elements(ns.DATA_FORMS, "x"):
        if not form_type or read_submission(child).form_type == form_type:
            return child
    return None


def read_submission(node: Element) -> Submission:
    """Return what a form's fields say; fields without a name are left out, of two with one name the first counts."""
    values: dict[str, Sequence[str]] = {}
    for asked in node.elements(ns.DATA_FORMS, "field"):
        var = asked.get("var")
        if var and var not in values:
            values[var] = tuple(value.text for value in asked.elements(ns.DATA_FORMS, "value"))
    form_type = values.pop("FORM_TYPE", ("",))
    return Submission(form_type[0] if form_type else "", values)
