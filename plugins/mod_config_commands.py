"""A command for administrators that has the server read its configuration file again."""

from __future__ import annotations

import asyncio

from mim.plugin import Module, Options, command


class ModConfigCommands(Module[Options]):
    """``PUT /config``."""

    @command(
        "config",
        action="update",
        desc="Read the configuration file again and obey it",
        tag="Server",
        errors={400: "The file has problems; nothing has changed.", 404: "The server was not started from a file."},
    )
    async def reload_config(self) -> None:
        """Have modules, listeners, hosts, logins and rules follow the file, as SIGHUP does.

        Who is connected stays connected. What needs a restart of the server is named in its log.
        """
        # In a task of its own: the reload may close the port that the request came by.
        await asyncio.shield(asyncio.ensure_future(self.api.reload_configuration()))


setup = ModConfigCommands
