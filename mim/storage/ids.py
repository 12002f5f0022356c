"""Archive ids: unique, ascending with time, opaque to clients."""

from __future__ import annotations

from mim.clock import Clock

_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUV"
_PAIRS = [high + low for high in _DIGITS for low in _DIGITS]
_VALUES = {digit: value for value, digit in enumerate(_DIGITS)}


class ArchiveIds:
    """Ids of one node: microseconds since 1970 * 256 + node, strictly ascending even when the clock goes back."""

    def __init__(self, clock: Clock, node: int = 0) -> None:
        if not 0 <= node <= 255:
            raise ValueError("a node number is 0 to 255")
        self._clock = clock
        self._node = node
        self._last_us = 0

    def next(self) -> int:
        """Return the next id."""
        self._last_us = max(self._clock.now_us(), self._last_us + 1)
        return self._last_us * 256 + self._node

    def stay_above(self, archive_id: int) -> None:
        """Give only later ids than one that is stored, although the clock may have been set back since."""
        self._last_us = max(self._last_us, microseconds_of(archive_id))


def microseconds_of(archive_id: int) -> int:
    """Return when an id was made, in microseconds since 1970."""
    return archive_id >> 8


def encode(archive_id: int) -> str:
    """Return an id as clients see it: upper-case base 32, which sorts like the number."""
    if archive_id < 0:
        raise ValueError("an archive id is not negative")
    # Two digits at a step: this is done for every message that is archived.
    text = ""
    while archive_id > 1023:
        text = _PAIRS[archive_id & 1023] + text
        archive_id >>= 10
    return _PAIRS[archive_id].lstrip("0") + text or "0"


def decode(text: str) -> int:
    """Return the id a client's text stands for.

    Raises:
        ValueError: the text is none.
    """
    if not text or len(text) > 16:
        raise ValueError(f"{text[:40]!r} is no archive id")
    value = 0
    for digit in text:
        if digit not in _VALUES:
            raise ValueError(f"{text!r} is no archive id")
        value = value * 32 + _VALUES[digit]
    return value
