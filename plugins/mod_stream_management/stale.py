"""Sessions that ended before their clients came back: what had arrived of them, for a while."""

from __future__ import annotations

from mim.plugin import JID, Clock
from mim_plugins.mod_stream_management.incoming import Incoming


class Stale:
    """Counters of ended sessions by their resumption ids."""

    def __init__(self, clock: Clock, seconds: float) -> None:
        """*seconds*: how long one is remembered."""
        self._clock = clock
        self._seconds = seconds
        self._ended: dict[str, tuple[JID, Incoming, float]] = {}

    def add(self, resume_id: str, account: JID, incoming: Incoming) -> None:
        """Remember a session that has just ended."""
        self._ended[resume_id] = (account, incoming, self._clock.monotonic())

    def find(self, resume_id: str, account: JID) -> Incoming | None:
        """Return the counter of an account's session, None when nothing is known of it."""
        found = self._ended.get(resume_id)
        if found is None or found[0] != account or self._is_old(found[2]):
            return None
        return found[1]

    def clean(self) -> None:
        """Forget what is too old."""
        for resume_id, (_, _, ended_at) in list(self._ended.items()):
            if self._is_old(ended_at):
                del self._ended[resume_id]

    def _is_old(self, ended_at: float) -> bool:
        return self._clock.monotonic() - ended_at > self._seconds
