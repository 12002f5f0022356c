"""The command that lists the commands."""

from __future__ import annotations

from typing import Any

from mim.plugin import command
from mim_plugins.mod_commands import schemas
from mim_plugins.mod_commands.base import Commands


class ListingCommands(Commands):
    """``/commands``."""

    @command(
        "commands",
        action="read",
        desc="List commands",
        tag="Commands",
        schemas={"result": schemas.COMMAND_LIST},
    )
    async def list_methods(self) -> list[dict[str, Any]]:
        """Return every command that exists now, sorted by path."""
        return self.api.command_listing()
