"""The configuration schema: which fields a room has, their types and defaults (muc-light, section 5)."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from mim_plugins.mod_muc_light.options import ConfigField
from mim_plugins.mod_muc_light.refusals import Malformed

_INTEGER = re.compile(r"[+-]?[0-9]+")
_FLOAT = re.compile(r"[+-]?[0-9]+\.[0-9]+(?:[eE][+-]?[0-9]+)?")
_RESERVED = ("version", "prev-version")


def _integer(text: str) -> str:
    if not _INTEGER.fullmatch(text):
        raise ValueError
    return str(int(text))


def _float(text: str) -> str:
    number = float(text) if _FLOAT.fullmatch(text) or _INTEGER.fullmatch(text) else math.inf
    if not math.isfinite(number):
        raise ValueError
    return repr(number)


@dataclass(frozen=True, slots=True)
class _Field:
    key: str
    default: str
    check: Callable[[str], str]


def _field(option: ConfigField) -> _Field:
    key = option.internal_key or option.field
    if option.string_value is not None:
        return _Field(key, option.string_value, str)
    if option.integer_value is not None:
        return _Field(key, str(option.integer_value), _integer)
    return _Field(key, repr(option.float_value), _float)


class ConfigSchema:
    """The fields of a service's rooms, sorted by name; of two of one name the first counts."""

    def __init__(self, options: Iterable[ConfigField]) -> None:
        fields: dict[str, _Field] = {}
        for option in options:
            fields.setdefault(option.field, _field(option))
        self._fields = dict(sorted(fields.items()))

    def __contains__(self, name: str) -> bool:
        return name in self._fields

    def defaults(self) -> dict[str, str]:
        """Return the configuration of a room for which nobody asked anything."""
        return {name: field.default for name, field in self._fields.items()}

    def read(self, given: Mapping[str, str]) -> dict[str, str]:
        """Return the values that somebody asks for, as they will be shown.

        Raises:
            Malformed: a field is not in the schema, or its value is not of the field's type.
        """
        return {name: self._read(name, text) for name, text in given.items()}

    def _read(self, name: str, text: str) -> str:
        field = self._fields.get(name)
        if field is None or name in _RESERVED:
            raise Malformed(f"{name}:not_found")
        try:
            return field.check(text)
        except ValueError:  # no number, or one of more digits than Python converts
            raise Malformed(f"{name}:type_error") from None

    def to_stored(self, config: Mapping[str, str]) -> dict[str, str]:
        """Return a configuration by internal keys."""
        return {field.key: config[name] for name, field in self._fields.items()}

    def from_stored(self, stored: Mapping[str, str]) -> dict[str, str]:
        """Return a configuration by fields; a field that was not there yet has its default."""
        return {name: self._stored(field, stored) for name, field in self._fields.items()}

    @staticmethod
    def _stored(field: _Field, stored: Mapping[str, str]) -> str:
        try:
            return field.check(stored.get(field.key, field.default))
        except ValueError:  # the field's type has changed since
            return field.default
