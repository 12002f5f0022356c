"""What a caller gives becomes a command's arguments: merged, the command chosen by their number, types checked
(contract/admin-api, sections 4.3 and 4.4).
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from mim.commands.model import Argument, Command
from mim.errors import BadRequest

_INTEGER = re.compile(r"[+-]?[0-9]+")
_FLOAT = re.compile(r"[+-]?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?")
# XML 1.0 §2.2: what no document may hold, not even as a reference.
_NOT_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff￾￿]")
_WRONG: Any = object()

Pairs = Sequence[tuple[str, Any]]


class Given(NamedTuple):
    """Names and values from the three places, the stronger place first; a name may be there several times."""

    path: Pairs
    body: Pairs = ()
    query: Pairs = ()


def select(candidates: Iterable[Command], given: Given, *, counts_path_only: bool) -> Command | None:
    """Return the command with as many required arguments as are given; optional ones never count.

    *counts_path_only*: for read and delete, where the path holds all required arguments.
    """
    count = len(given.path)
    for command in candidates:
        if len(command.required) == count + (0 if counts_path_only else _count(command, given)):
            return command
    return None


def _count(command: Command, given: Given) -> int:
    optional = {argument.name for argument in command.arguments if argument.optional}
    if not optional:
        return len(given.body) + len(given.query)
    return sum(name not in optional for name, _ in (*given.body, *given.query))


def fill(command: Command, given: Given) -> list[Any]:
    """Return the arguments' values in the order of the command's parameters.

    Raises:
        BadRequest: a value is of another type, one is missing, or holds a character that XML cannot carry.
    """
    values: list[Any] = []
    found = 0
    for argument in command.arguments:
        value = _lookup(argument, given)
        if value is not _WRONG:
            found += 1
        elif argument.optional:
            value = argument.default
            found += 1
        values.append(value)
    if found != len(values):
        raise BadRequest(f"Invalid number of arguments: should be {len(values)}, got {found}")
    if command.has_xml_text:
        for argument, value in zip(command.arguments, values, strict=True):
            if argument.xml_text and isinstance(value, str) and _NOT_XML.search(value):
                raise BadRequest(f"Invalid {argument.name}: character not allowed in XML")
    return values


def _lookup(argument: Argument, given: Given) -> Any:
    """Return the first value of that name, converted; ``_WRONG`` when there is none."""
    name = argument.name
    for place in (given.path, given.body, given.query):
        for other, value in place:
            if other == name:
                converted = _convert(argument.type, value, is_text=place is not given.body)
                if converted is _WRONG:
                    raise BadRequest(f"For {name} expected {argument.type}, got {_show(value)}")
                return converted
    return _WRONG


def _convert(kind: str, value: Any, *, is_text: bool) -> Any:
    """Return *value* as a *kind*, ``_WRONG`` when it is none. *is_text*: it comes from a URL, where all is text."""
    match kind:
        case "binary":
            return value if isinstance(value, str) else _WRONG
        case "integer":
            return _integer(value)
        case "float":
            return _float(value)
        case "boolean":
            if is_text:
                return {"true": True, "false": False}.get(value, _WRONG)
            return value if isinstance(value, bool) else _WRONG
        case "[binary]":
            is_list = isinstance(value, list) and all(isinstance(item, str) for item in value)
            return value if is_list else _WRONG
    raise AssertionError(kind)


def _integer(value: Any) -> Any:
    if isinstance(value, str):
        try:
            return int(value) if _INTEGER.fullmatch(value) else _WRONG
        except ValueError:  # more digits than Python converts
            return _WRONG
    return value if isinstance(value, int) and not isinstance(value, bool) else _WRONG


def _float(value: Any) -> Any:
    if isinstance(value, bool) or (isinstance(value, str) and not _FLOAT.fullmatch(value)):
        return _WRONG
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        return _WRONG
    return number if math.isfinite(number) else _WRONG


def _show(value: Any) -> str:
    """Return a value as the error shows it: text as it is, anything else as JSON."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, separators=(",", ":"))
