"""More commands, for tests of modules that start and stop."""

from __future__ import annotations

from typing import Any

from mim.plugin import Module, Options, command


class ModOther(Module[Options]):
    """``[modules.mod_other]``"""

    @command("commands", action="read", desc="List commands")
    async def list_methods(self) -> list[dict[str, Any]]:
        return self.api.command_listing()

    @command("others", action="read", desc="List others", tag="Others")
    async def list_others(self) -> list[str]:
        return ["other"]


setup = ModOther
