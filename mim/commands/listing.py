"""Commands as ``GET /api/commands`` lists them (contract/admin-api, section 2)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from mim.commands.model import Command


def listing(commands: Iterable[Command]) -> list[dict[str, Any]]:
    """Return seven fields per command; optional arguments are not listed."""
    return [
        {
            "path": command.path,
            "method": command.method,
            "args": {argument.name: argument.type for argument in command.required},
            "category": command.category,
            "name": command.name,
            "desc": command.desc,
            "action": command.action,
        }
        for command in commands
    ]
