"""What differs between two files, and what a reload makes of it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from mim.config.errors import is_secret, quoted, shown
from mim.config.loader import Config
from mim.config.tables import Options, declared_options

NOT_SET = "not set"

# What a change means for a running server, by path; the first that fits. None: it needs a restart.
_EFFECTS: list[tuple[str, str | None]] = [
    (r"general\.sm_backend", None),
    (r"outgoing_pools\.(rdbms|redis|rabbit)\b.*", None),
    (r"general\.loglevel", "at once"),
    (r"general\.hosts\b.*|general\.host_types\b.*", "hosts start or stop"),
    (r"general\.(registration_timeout|replaced_wait_timeout|mongooseimctl_access_commands)\b.*", "at once"),
    (r"general\..*", "for new connections"),
    (r"listen\.\w+(\[\d+\])?", "the port is opened or closed"),
    (r"listen\.\w+\[\d+\]\.(port|ip_address|ip_version)", "the port is closed, another opened"),
    (r"listen\.http\[\d+\]\.tls\b.*", "the port is closed and opened again"),
    (r"listen\.http\..*|listen\.http\[.*", "from the next request on"),
    (r"listen\..*", "for new connections"),
    (r"(host_config\[\d+\]\.)?auth\b.*", "for logins from now on"),
    (r"(host_config\[\d+\]\.)?modules\b.*", "modules start, stop or start again"),
    (r"outgoing_pools\..*", "from the next request on"),
    (r"shaper\b.*", "for new connections"),
    (r"(host_config\[\d+\]\.)?(acl|access)\b.*", "at once"),
    (r"host_config\b.*", "at once"),
]
_PATTERNS = [(re.compile(pattern), effect) for pattern, effect in _EFFECTS]


@dataclass(frozen=True, slots=True)
class Difference:
    """One option that has another value: ``PATH: BEFORE -> AFTER``."""

    path: str
    before: str
    after: str

    @property
    def effect(self) -> str | None:
        """Return what a reload makes of it, None when it needs a restart."""
        return next((effect for pattern, effect in _PATTERNS if pattern.fullmatch(self.path)), "at once")

    def __str__(self) -> str:
        return f"{self.path}: {self.before} -> {self.after}"


def differences(old: Config, new: Config) -> list[Difference]:
    """Return what differs between two files, in the order of the vocabulary; secrets are not shown."""
    return [
        Difference(
            difference.path,
            old.origins.get(difference.path, difference.before),
            new.origins.get(difference.path, difference.after),
        )
        for difference in _of_tables(old.top, new.top, "")
    ]


def needs_restart(old: Config, new: Config) -> list[str]:
    """Return the paths of what a reload cannot change."""
    return [difference.path for difference in differences(old, new) if difference.effect is None]


def _of_tables(old: Options, new: Options, path: str) -> Iterator[Difference]:
    for name in declared_options(type(new)):
        where = f"{path}.{name}" if path else name
        yield from _of_values(getattr(old, name, None), getattr(new, name, None), where)


def _of_values(old: Any, new: Any, path: str) -> Iterator[Difference]:
    if isinstance(old, Options) and type(old) is type(new):
        yield from _of_tables(old, new, path)
    elif isinstance(old, dict) and isinstance(new, dict):
        for name in dict.fromkeys((*old, *new)):
            yield from _of_values(old.get(name), new.get(name), f"{path}.{quoted(name)}")
    elif _is_tables(old) and _is_tables(new):
        for place in range(max(len(old), len(new))):
            before, after = (items[place] if place < len(items) else None for items in (old, new))
            yield from _of_values(before, after, f"{path}[{place}]")
    elif old != new:
        name = path.rpartition(".")[2]
        secret = is_secret(name)
        yield Difference(path, _shown(old, secret), _shown(new, secret))


def _is_tables(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(item, (Options, list)) for item in value)


def _shown(value: Any, secret: bool) -> str:
    if value is None:
        return NOT_SET
    if isinstance(value, Options):
        return "a table"
    return shown(value, secret=secret)
