"""``[modules.mod_stream_management]``."""

from __future__ import annotations

from typing import Literal

from mim.config import Infinity, Options
from mim.plugin import option


class StaleOptions(Options):
    """``[modules.mod_stream_management.stale_h]``."""

    enabled: bool = option(False, help="Tell a client that comes too late what had arrived of its session.")
    repeat_after: int = option(1800, minimum=1, unit="seconds", help="Time between two cleanings.")
    geriatric: int = option(3600, minimum=1, unit="seconds", help="How long an ended session is remembered.")


class StreamManagementOptions(Options):
    """``[modules.mod_stream_management]``."""

    backend: Literal["mnesia"] = option("mnesia", tier="C", help="No effect: sessions are in memory.")
    buffer: bool = option(True, help="Keep stanzas until the client acknowledges them; without, nothing is resumed.")
    buffer_max: int | Infinity = option(
        100, minimum=1, help="Unacknowledged stanzas a client may have; with more its session is ended."
    )
    ack: bool = option(True, help="Ask clients for acknowledgements.")
    ack_freq: int = option(1, minimum=1, unit="stanzas", help="Ask after this many.")
    resume_timeout: int = option(600, minimum=1, unit="seconds", help="How long a lost session waits for its client.")
    stale_h: StaleOptions = option(StaleOptions(), help="Memory of sessions that were not resumed in time.")
