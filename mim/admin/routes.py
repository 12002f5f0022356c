"""Routes made from the commands that exist now: a table that is never changed, only replaced (section 4.1)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple

from mim.commands.model import Command
from mim.commands.results import checker


@dataclass(frozen=True, slots=True)
class Entry:
    """A command, ready to be answered with."""

    command: Command
    conforms: Callable[[Any], bool]
    """Whether a value is of the declared type of the result."""
    lists_in_path: frozenset[str]
    """Identifiers that are lists: one segment with commas, or ``_`` and a body (section 6.13)."""


class Match(NamedTuple):
    """What a path leads to."""

    route: Route
    bindings: tuple[str, ...]
    """The decoded segments between category and subcategory."""


class Route:
    """All commands of a category and subcategory, at a path with a certain number of bindings."""

    __slots__ = ("_names", "_names_by_method", "allow", "allowed", "commands")

    def __init__(self, commands: dict[str, tuple[Command, ...]], allowed: frozenset[str]) -> None:
        self.commands = commands
        """By method, whatever their number of arguments."""
        self.allowed = allowed
        """Methods of the whole category."""
        self.allow = ", ".join(sorted(allowed))
        self._names: tuple[str, ...] = ()
        self._names_by_method: dict[str, tuple[str, ...]] = {}

    def add(self, method: str, names: tuple[str, ...]) -> None:
        """Note how a command of this path calls its bindings; the first that comes names them for all methods."""
        self._names = self._names or names
        self._names_by_method.setdefault(method, names)

    def names(self, method: str) -> tuple[str, ...]:
        """Return the names of the bindings."""
        return self._names_by_method.get(method, self._names)


class RouteTable:
    """The routes of a set of commands."""

    def __init__(self, commands: Iterable[Command]) -> None:
        self.commands = tuple(commands)
        self.entries = {command.name: _entry(command) for command in self.commands}
        self.argument_names = frozenset(a.name for command in self.commands for a in command.arguments)
        """All names a body may use (section 4.4)."""
        self._routes: dict[tuple[str, str, int], Route] = {}
        methods: dict[str, set[str]] = {}
        groups: dict[tuple[str, str], dict[str, tuple[Command, ...]]] = {}
        for command in self.commands:
            methods.setdefault(command.category, {"OPTIONS"}).add(command.method)
            group = groups.setdefault((command.category, command.subcategory), {})
            group[command.method] = (*group.get(command.method, ()), command)
        # Commands' own paths come first: they name the bindings where an additional path has the same form.
        paths = [(command, command.identifiers) for command in self.commands]
        paths += [(command, names) for command in self.commands for names in command.also_at]
        for command, names in paths:
            key = command.category, command.subcategory, len(names)
            route = self._routes.get(key)
            if route is None:
                allowed = frozenset(methods[command.category])
                route = self._routes[key] = Route(groups[command.category, command.subcategory], allowed)
            route.add(command.method, names)

    def find(self, segments: tuple[str, ...], method: str) -> Match | None:
        """Return where a path leads. A literal last segment beats a binding where a command has the method."""
        if not segments or "" in segments:
            return None
        category, bindings = segments[0], segments[1:]
        bound = self._routes.get((category, "", len(bindings)))
        if bindings:
            literal = self._routes.get((category, bindings[-1], len(bindings) - 1))
            if literal is not None and (bound is None or method in literal.commands or method not in bound.commands):
                return Match(literal, bindings[:-1])
        return None if bound is None else Match(bound, bindings)


def _entry(command: Command) -> Entry:
    lists = frozenset(a.name for a in command.arguments if a.type == "[binary]" and a.name in command.identifiers)
    return Entry(command, checker(command.result), lists)
