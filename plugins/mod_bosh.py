"""BOSH (XEP-0124, XEP-0206): clients that can only ask over HTTP. The handler of the same name speaks it."""

from __future__ import annotations

from typing import Literal

from mim.capabilities import BoshPolicy
from mim.config import Options
from mim.config.options import Infinity
from mim.plugin import Module, Xep, option


class BoshOptions(Options):
    """``[modules.mod_bosh]``."""

    backend: Literal["mnesia"] = option(
        "mnesia",
        tier="C",
        mapped={"mnesia": "C -> an in-memory table of the server"},
        help="The in-memory session table.",
    )
    inactivity: int | Infinity = option(
        30, minimum=1, unit="seconds", help="Without a request before the session ends."
    )
    max_wait: int | Infinity = option("infinity", minimum=1, unit="seconds", help="Cap on the client's wait.")
    server_acks: bool = option(False, help="Server sends ack attributes.")
    max_pause: int = option(120, minimum=1, unit="seconds", help="A client may pause.")


class ModBosh(Module[BoshOptions]):
    """Allows BOSH sessions on a host and says how long they may wait; those it has allowed end when it stops."""

    Options = BoshOptions
    xeps = (
        Xep(124, "1.11.2", "without script syntax and multiple streams"),
        Xep(206, "1.4"),
    )

    async def start(self) -> None:
        """Let the handler know."""
        options = self.options
        self.api.provide(
            BoshPolicy,
            BoshPolicy(
                None if options.inactivity == "infinity" else options.inactivity,
                None if options.max_wait == "infinity" else options.max_wait,
                options.max_pause,
                options.server_acks,
            ),
        )


setup = ModBosh
