"""Commands as ``GET /api/commands`` lists them (contract/admin-api, section 2)."""

from __future__ import annotations

from typing import Any

from mim.commands.model import Command
from mim.commands.registry import CommandRegistry
from mim.commands.results import Snapshot


class Listing:
    """Returns the listing of a registry; made anew only when its commands have changed."""

    def __init__(self, registry: CommandRegistry) -> None:
        self._registry = registry
        self._commands: tuple[Command, ...] | None = None
        self._made = Snapshot()

    def __call__(self) -> list[dict[str, Any]]:
        """Return seven fields per command; optional arguments are not listed. Nobody may change what is returned."""
        commands = self._registry.commands()
        if commands is not self._commands:
            self._commands, self._made = commands, Snapshot(map(_entry, commands))
        return self._made


def _entry(command: Command) -> dict[str, Any]:
    return {
        "path": command.path,
        "method": command.method,
        "args": {argument.name: argument.type for argument in command.required},
        "category": command.category,
        "name": command.name,
        "desc": command.desc,
        "action": command.action,
    }
