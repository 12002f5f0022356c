"""The text of a file as tables: TOML, the environment's overrides, values that lie elsewhere."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import tomli

from mim.config.errors import ConfigErrors, Problem, quoted

PREFIX = "MIM__"
FILE = "@file:"
_VARIABLE = re.compile(r"\$\$\{|\$\{([A-Za-z_][A-Za-z0-9_]*)\}|\$\{")
MAX_SECRET_FILE_BYTES = 1024 * 1024


class Elsewhere(str):
    """A value that did not stand in the file: messages show where it came from in its place."""

    __slots__ = ("origin", "reads_as_toml")

    origin: str
    reads_as_toml: bool
    """It may stand for a number, a boolean, an array: the option's type decides."""

    @classmethod
    def made(cls, text: str, origin: str, *, reads_as_toml: bool) -> Elsewhere:
        """Return the text with its origin."""
        value = cls(text)
        value.origin = origin
        value.reads_as_toml = reads_as_toml
        return value

    def __repr__(self) -> str:
        return self.origin


def read_document(text: str | bytes) -> dict[str, Any]:
    """Return the tables of a TOML text.

    Raises:
        ConfigErrors: it is no TOML; the one problem says where.
    """
    try:
        return tomli.loads(text.decode() if isinstance(text, bytes) else text)
    except tomli.TOMLDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}"
        raise ConfigErrors([Problem("(syntax)", place, error.msg, place=place)]) from None
    except UnicodeDecodeError as error:
        line = text[: error.start].count(b"\n") + 1  # type: ignore[arg-type]
        raise ConfigErrors([Problem("(syntax)", f"line {line}", "must be UTF-8", place=f"line {line}")]) from None
    except (RecursionError, ValueError):
        reason = "cannot be read: nested too deeply, or a value out of range"
        raise ConfigErrors([Problem("(syntax)", "the whole", reason)]) from None


def value_of_text(text: str) -> Any:
    """Return what TOML makes of a text as a value; the text itself when it is none."""
    try:
        table = tomli.loads(f"value = {text}")
    except (tomli.TOMLDecodeError, RecursionError, ValueError):
        return text
    return table["value"] if len(table) == 1 else text


def with_environment(document: dict[str, Any], environment: Mapping[str, str]) -> list[Problem]:
    """Put ``MIM__A__B__0__C=value`` at ``a.b[0].c``; return the names that fit nowhere.

    Names are matched with those in the file without regard to case, else they are lower case. A number counts the
    items of an array; the one after the last adds an item. The option's type decides how the value is read.
    """
    problems = []
    for name in sorted(environment):
        if name.startswith(PREFIX):
            steps = name.removeprefix(PREFIX).split("__")
            value = Elsewhere.made(environment[name], f"(environment variable {name})", reads_as_toml=True)
            wrong = _put(document, steps, value)
            if wrong:
                problems.append(Problem(name, "(environment variable)", wrong, place="environment"))
    return problems


def _put(document: dict[str, Any], steps: list[str], value: Elsewhere) -> str:
    current: Any = document
    for position, step in enumerate(steps):
        if isinstance(current, Elsewhere):
            return "must name a place in a table or an array; there is a value already"
        following = steps[position + 1] if position + 1 < len(steps) else None
        fresh: Any = value if following is None else [] if following.isdigit() else {}
        if isinstance(current, dict):
            key = next((known for known in current if known.lower() == step.lower()), step.lower())
            if not key:
                return "must name an option: parts are separated by two underscores"
            if following is None:
                current[key] = value
            current[key] = current = _opened(current.get(key, fresh), following)
        elif isinstance(current, list):
            index = int(step) if step.isdecimal() and len(step) < 6 else -1
            if not 0 <= index <= len(current):
                return f"must count the items of an array: there are {len(current)} here, so 0 to {len(current)}"
            if index == len(current):
                current.append(fresh)
            elif following is None:
                current[index] = value
            current[index] = current = _opened(current[index], following)
        else:
            return "must name a place in a table or an array; there is a value already"
    return ""


def _opened(value: Any, following: str | None) -> Any:
    """Return a value to go into: a variable that gave a whole table or array is read now."""
    if following is None or not isinstance(value, Elsewhere):
        return value
    read = value_of_text(value)
    return read if isinstance(read, (dict, list)) else value


def with_values_from_elsewhere(document: dict[str, Any], environment: Mapping[str, str] | None = None) -> list[Problem]:
    """Replace ``${VAR}`` and ``@file:PATH`` in string values; return what is not there.

    ``${VAR}`` may stand anywhere in a string, ``$${`` stands for ``${``. ``@file:`` begins a string; the file's text,
    without the line end at its end, is the value.
    """
    known = os.environ if environment is None else environment
    problems: list[Problem] = []

    def replace(value: Any, path: str) -> Any:
        if isinstance(value, dict):
            for name, item in value.items():
                value[name] = replace(item, f"{path}.{quoted(name)}" if path else quoted(name))
        elif isinstance(value, list):
            value[:] = [replace(item, f"{path}[{place}]") for place, item in enumerate(value)]
        elif isinstance(value, str) and not isinstance(value, Elsewhere):
            if value.startswith(FILE):
                return _of_file(value, path, problems.append)
            if "${" in value:
                return _of_variables(value, path, known, problems.append)
        return value

    replace(document, "")
    return problems


def _of_file(value: str, path: str, refuse: Callable[[Problem], None]) -> str:
    file = Path(value.removeprefix(FILE))
    try:
        with file.open("rb") as opened:
            data = opened.read(MAX_SECRET_FILE_BYTES + 1)
        if len(data) > MAX_SECRET_FILE_BYTES:
            raise OSError(f"larger than {MAX_SECRET_FILE_BYTES} bytes")
        text = data.decode().removesuffix("\n").removesuffix("\r")
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        refuse(Problem(path, f'"{value}"', f"must name a file that can be read: {reason}"))
        return value
    return Elsewhere.made(text, f'"{value}"', reads_as_toml=False)


def _of_variables(value: str, path: str, environment: Mapping[str, str], refuse: Callable[[Problem], None]) -> str:
    missing: list[str] = []

    def replaced(found: re.Match[str]) -> str:
        name = found[1]
        if name is None:
            if found[0] == "${":
                missing.append("")
            return "${"
        if name not in environment:
            missing.append(name)
        return environment.get(name, "")

    text = _VARIABLE.sub(replaced, value)
    if missing:
        reason = (
            f"the environment variable {missing[0]} is not set"
            if missing[0]
            else "${ begins the name of an environment variable; write $${ for these two characters"
        )
        refuse(Problem(path, f'"{value}"', reason))
        return value
    if "${" not in value.replace("$${", ""):
        return text  # only escapes: nothing came from elsewhere
    whole = re.fullmatch(r"\$\{\w+\}", value) is not None
    return Elsewhere.made(text, f'"{value}"', reads_as_toml=whole)
