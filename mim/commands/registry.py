"""The commands that exist now: registered by modules when they start, gone when they stop."""

from __future__ import annotations

import logging
from collections.abc import Callable

from mim.commands.model import Command

log = logging.getLogger("mim.commands")


class CommandRegistry:
    """Commands by name. Several hosts may run the same module: the first to register a name holds it."""

    def __init__(self) -> None:
        self._owners: dict[str, tuple[Command, ...]] = {}
        self._active: tuple[Command, ...] = ()
        self._listeners: list[Callable[[], None]] = []

    def register(self, owner: str, commands: tuple[Command, ...]) -> None:
        """Add an owner's commands.

        A name that another owner registered is ignored until that one leaves.

        Raises:
            ValueError: another command has the same category, subcategory, action and number of arguments.
        """
        taken = {command.name for command in self._active}
        arities = {_arity(command): command.name for command in self._active}
        for command in commands:
            other = arities.get(_arity(command))
            if command.name not in taken and other is not None:
                raise ValueError(f"commands {other} and {command.name} cannot be told apart: {_arity(command)}")
            arities.setdefault(_arity(command), command.name)
        self._owners[owner] = commands
        self._rebuild()

    def unregister(self, owner: str) -> None:
        """Take an owner's commands out."""
        if self._owners.pop(owner, None) is not None:
            self._rebuild()

    def on_change(self, listener: Callable[[], None]) -> None:
        """Have *listener* called whenever the set of commands has changed."""
        self._listeners.append(listener)

    def commands(self) -> tuple[Command, ...]:
        """Return the commands, sorted by path, method and name (contract/admin-api, section 2)."""
        return self._active

    def _rebuild(self) -> None:
        by_name: dict[str, Command] = {}
        for commands in self._owners.values():
            for command in commands:
                by_name.setdefault(command.name, command)
        self._active = tuple(sorted(by_name.values(), key=lambda c: (c.path.encode(), c.method, c.name)))
        for listener in self._listeners:
            listener()


def _arity(command: Command) -> tuple[str, str, str, int]:
    return command.category, command.subcategory, command.action, len(command.required)
