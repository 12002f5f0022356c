"""Problems of a configuration file: all at once, each with its path (contract/config, section 2)."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

MISSING = "(missing)"
_LIST_AT_MOST = 15


@dataclass(frozen=True, slots=True)
class Problem:
    """One line of trouble: ``PATH = FOUND: ALLOWED; did you mean "NAME"?``."""

    path: str
    found: str
    allowed: str
    suggestion: str = ""

    def __str__(self) -> str:
        near = f'; did you mean "{self.suggestion}"?' if self.suggestion else ""
        return f"{self.path} = {self.found}: {self.allowed}{near}"


class ConfigErrors(Exception):
    """The file has problems; ``problems`` holds all of them, sorted by path."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = sorted(problems, key=lambda problem: problem.path)
        super().__init__("\n".join(str(problem) for problem in self.problems))


def nearest(name: str, known: Iterable[str]) -> str:
    """Return the known name that *name* was probably meant to be, empty when none is near."""
    found = difflib.get_close_matches(name.lower(), list(known), 1, 0.6)
    return found[0] if found else ""


def names_listed(known: Iterable[str]) -> str:
    """Return the legal names for people, fifteen at most."""
    names = sorted(known)
    listed = ", ".join(names[:_LIST_AT_MOST])
    return listed + ", …" if len(names) > _LIST_AT_MOST else listed


def unknown(path: str, value: Any, known: Iterable[str], what: str = "known here are") -> Problem:
    """Return the problem of a name that does not exist at its place."""
    names = list(known)
    own = path.rpartition(".")[2]
    return Problem(path, shown(value), f"unknown; {what}: {names_listed(names)}", nearest(own, names))


def shown(value: Any, *, secret: bool = False) -> str:
    """Return a value as FOUND shows it; secrets as ``***``."""
    if secret:
        return "***"
    if isinstance(value, dict):
        return "a table"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return "an array" if any(isinstance(item, (dict, list)) for item in value) else json.dumps(value)
    return json.dumps(value, ensure_ascii=False, default=str)
