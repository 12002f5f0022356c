"""Time as the server sees it; tests hand in one they can move."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Protocol


class Timer(Protocol):
    """A call that is due later."""

    def cancel(self) -> None:
        """Do not call; nothing happens when it was called already."""
        ...


class Clock:
    """The real clock."""

    def now_us(self) -> int:
        """Return microseconds since 1970 (UTC)."""
        return time.time_ns() // 1000

    def monotonic(self) -> float:
        """Return seconds of a clock that never goes back."""
        return time.monotonic()

    def now(self) -> datetime:
        """Return the time in UTC, aware."""
        return from_us(self.now_us())

    def call_later(self, seconds: float, callback: Callable[[], object]) -> Timer:
        """Call *callback* once from the running loop, when this clock has gone on by *seconds*."""
        return asyncio.get_running_loop().call_later(seconds, callback)


def from_us(microseconds: int) -> datetime:
    """Return the aware UTC time of a count of microseconds since 1970."""
    seconds, rest = divmod(microseconds, 1_000_000)
    return datetime.fromtimestamp(seconds, UTC).replace(microsecond=rest)


def format_stamp(moment: datetime) -> str:
    """Return a XEP-0082 time stamp with microseconds, as in ``2026-01-02T03:04:05.000006Z``."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def parse_stamp(text: str) -> datetime:
    """Return the aware UTC time of a XEP-0082 stamp.

    Raises:
        ValueError: the text is none, or names no time zone.
    """
    if "T" not in text:
        raise ValueError(f"{text!r} is no XEP-0082 time stamp")
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"{text!r} names no time zone")
    return moment.astimezone(UTC)
