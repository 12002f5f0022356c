"""Small ones: mod_cache_users, mod_amp."""

from __future__ import annotations

from typing import Literal

from mim.config.options import Infinity
from mim.config.tables import Options, option


class CacheUsersOptions(Options):
    """``[modules.mod_cache_users]``."""

    strategy: Literal["fifo", "lru"] = option("fifo", help="fifo: entries always expire; lru: used entries stay.")
    time_to_live: int | Infinity = option(
        480, minimum=1, unit="minutes", help="Per segment; an entry lives at most this times number_of_segments."
    )
    number_of_segments: int = option(3, minimum=1, help="Segments.")


class AmpOptions(Options, tier="B"):
    """``[modules.mod_amp]``."""
