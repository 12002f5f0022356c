"""Small ones: mod_bosh, mod_cache_users, mod_amp."""

from __future__ import annotations

from typing import Literal

from mim.config.options import Infinity
from mim.config.tables import Options, option


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


class CacheUsersOptions(Options):
    """``[modules.mod_cache_users]``."""

    strategy: Literal["fifo", "lru"] = option("fifo", help="fifo: entries always expire; lru: used entries stay.")
    time_to_live: int | Infinity = option(
        480, minimum=1, unit="minutes", help="Per segment; an entry lives at most this times number_of_segments."
    )
    number_of_segments: int = option(3, minimum=1, help="Segments.")


class AmpOptions(Options, tier="B"):
    """``[modules.mod_amp]``."""
