"""A limit of traffic: a token bucket, as ``[shaper]`` describes it."""

from __future__ import annotations


class TokenBucket:
    """Holds at most *rate* tokens and gains *rate* per second; it begins full.

    What is taken beyond what is there must be earned before the next may be taken. *now* is in seconds, of a clock
    that never goes back.
    """

    __slots__ = ("_at", "_tokens", "rate")

    def __init__(self, rate: int, now: float) -> None:
        self.rate = rate
        self._tokens = float(rate)
        self._at = now

    def take(self, amount: int, now: float) -> float:
        """Take *amount* tokens and return the seconds to wait before the next are taken, 0 for none."""
        self._tokens = min(float(self.rate), self._tokens + (now - self._at) * self.rate) - amount
        self._at = now
        return 0.0 if self._tokens >= 0 else -self._tokens / self.rate
