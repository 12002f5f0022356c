"""Problems of a configuration file: all at once, each with its path (contract/config, section 2)."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

MISSING = "(missing)"
_LIST_AT_MOST = 15
_SECRETS = re.compile(r"password|secret.*|shared|basic_auth|access_key_id")
_LIKE_A_SECRET = re.compile(r"(?i)pass|secret|token|shared|auth|key")
_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
_TYPES = {bool: "boolean", str: "string", int: "integer", float: "float", dict: "table", list: "array"}


@dataclass(frozen=True, slots=True)
class Problem:
    """One line of trouble: ``PATH = FOUND: ALLOWED; did you mean "NAME"?``."""

    path: str
    found: str
    allowed: str
    suggestion: str = ""
    place: str = ""
    """Where it is written: ``line 3, column 5``, or the environment variable; empty when it is nowhere."""

    def __str__(self) -> str:
        near = f'; did you mean "{self.suggestion}"?' if self.suggestion else ""
        return f"{self.path} = {self.found}: {self.allowed}{near}"

    def at(self, place: str) -> Problem:
        """Return the problem with its place."""
        return replace(self, place=place)


class ConfigErrors(Exception):
    """The file has problems; ``problems`` holds all of them, sorted by path."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = sorted(problems, key=lambda problem: sort_key(problem.path))
        super().__init__("\n".join(str(problem) for problem in self.problems))


def sort_key(path: str) -> tuple[tuple[str, int], ...]:
    """Return what sorts paths as people read them: ``a[2]`` before ``a[10]``."""
    return tuple((text, int(number or 0)) for text, number in re.findall(r"([^\[\]]+)|\[(\d+)\]", path))


def quoted(name: str) -> str:
    """Return a key as it stands in a path: as it is, or in quotation marks when TOML needs them."""
    return name if _BARE_KEY.fullmatch(name) else json.dumps(name, ensure_ascii=False)


def nearest(name: str, known: Iterable[str]) -> str:
    """Return the known name that *name* was probably meant to be, empty when none is near."""
    import difflib  # only for a file with errors

    found = difflib.get_close_matches(name.lower(), list(known), 1, 0.6)
    return found[0] if found else ""


def names_listed(known: Iterable[str]) -> str:
    """Return the legal names for people, fifteen at most."""
    names = list(known)
    listed = ", ".join(names[:_LIST_AT_MOST])
    return listed + ", …" if len(names) > _LIST_AT_MOST else listed


def is_secret(name: str) -> bool:
    """Tell whether a key's value is never shown."""
    return _SECRETS.fullmatch(name) is not None


def unknown(path: str, name: str, value: Any, known: Iterable[str], *, allowed: str = "") -> Problem:
    """Return the problem of a name that does not exist at its place; *allowed* replaces the list of what does."""
    names = list(known)
    near = nearest(name, names)
    secret = is_secret(near) or _LIKE_A_SECRET.search(name) is not None
    if not allowed:
        allowed = f"unknown; known here: {names_listed(names)}" if names else "unknown; there are no options here"
    return Problem(path, shown(value, secret=secret and not isinstance(value, (dict, bool))), allowed, near)


def type_name(value: Any) -> str:
    """Return what TOML calls the type of a value."""
    return _TYPES.get(type(value), "string" if isinstance(value, str) else "date or time")


def shown(value: Any, *, secret: bool = False) -> str:
    """Return a value as FOUND shows it; secrets as ``***``, what came from elsewhere by where it came from."""
    if secret:
        return "***"
    if isinstance(value, dict):
        return "a table"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return "an array" if any(isinstance(item, (dict, list)) for item in value) else _array(value)
    origin = getattr(value, "origin", "")
    return origin or json.dumps(value, ensure_ascii=False, default=str)


def _array(value: list[Any]) -> str:
    return f"[{', '.join(shown(item) for item in value)}]"
