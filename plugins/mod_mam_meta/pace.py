"""How often archives may be asked: the shapers that the rules ``mam_…_shaper`` and ``mam_…_global_shaper`` name."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from mim.plugin import JID, ModuleApi, TokenBucket

MAX_BUCKETS = 10_000
"""How many are remembered before those that have filled up again are forgotten."""


class _Reservations:
    """A token bucket, and when the next question may be answered."""

    __slots__ = ("bucket", "free_at")

    def __init__(self, rate: int, now: float) -> None:
        self.bucket = TokenBucket(rate, now)
        self.free_at = now

    def reserve(self, now: float) -> float:
        """Take a token and return the seconds until it is there."""
        start = max(now, self.free_at)
        self.free_at = start + self.bucket.take(1, start)
        return start - now


class Pace:
    """Lets questions wait for their turn; without shapers in the file nobody waits."""

    def __init__(self, api: ModuleApi) -> None:
        self._api = api
        self._buckets: dict[tuple[str, JID | None], _Reservations] = {}

    async def wait(self, rules: Iterable[str], asker: JID) -> None:
        """Return when somebody may be answered whose question these access rules are about."""
        now = self._api.clock.monotonic()
        seconds = max(
            (
                self._reservation(name, whose, rate, now).reserve(now)
                for rule in rules
                for name, whose in ((f"{rule}_shaper", asker.bare), (f"{rule}_global_shaper", None))
                if (rate := self._api.host.config.rate(name, asker)) is not None
            ),
            default=0.0,
        )
        if seconds > 0:
            turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            # Not the module's own timer: that ends with the module, and whoever has asked would wait for ever.
            timer = self._api.clock.call_later(seconds, lambda: turn.set_result(None))
            try:
                await turn
            finally:
                timer.cancel()

    def _reservation(self, name: str, whose: JID | None, rate: int, now: float) -> _Reservations:
        found = self._buckets.get((name, whose))
        if found is None or found.bucket.rate != rate:
            if len(self._buckets) >= MAX_BUCKETS:
                self._buckets = {key: kept for key, kept in self._buckets.items() if kept.free_at > now - 1}
            found = self._buckets[name, whose] = _Reservations(rate, now)
        return found
