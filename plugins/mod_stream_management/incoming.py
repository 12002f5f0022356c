"""Stanzas from the client: counted, and acknowledged when what they store is stored."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from mim.errors import MimError
from mim.plugin import Session
from mim.xmpp.stanza import Trail
from mim_plugins.mod_stream_management.outgoing import MODULO

Send = Callable[[int], None]

class Incoming:
    """The counter of one session's client."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._start = session.received
        self._trails: deque[tuple[int, Trail]] = deque()  # of stanzas by number, oldest first
        self._asked: deque[tuple[int, Send]] = deque()  # numbers up to which acknowledgements are due, and to whom
        self._is_answering = False

    @property
    def handled(self) -> int:
        """How many stanzas have come since management was enabled, as the protocol counts."""
        return self._shown(self._session.received)

    def note(self, trail: Trail) -> None:
        """Remember what the client's latest stanza promises."""
        self._forget_kept()
        if self._trails and self._trails[0][1].is_broken:
            return  # nothing that came later can be acknowledged
        self._trails.append((self._session.received, trail))

    def ask(self, send: Send) -> bool:
        """Ask for an acknowledgement of all that has come: *send* gets the count, at once if it may.

        True: :meth:`answer` must be run. It runs once at a time, so that counts never go back.
        """
        self._forget_kept()
        if not self._trails and not self._asked:
            send(self.handled)
            return False
        self._asked.append((self._session.received, send))
        must_run, self._is_answering = not self._is_answering, True
        return must_run

    async def answer(self) -> None:
        """Give every acknowledgement that was asked for, when it may go.

        Raises:
            MimError: something could not be stored.
        """
        try:
            while self._asked:
                number, send = self._asked[0]
                await self._kept_up_to(number)
                self._asked.popleft()
                send(self._shown(number))
        finally:
            self._asked.clear()
            self._is_answering = False

    async def settled(self) -> None:
        """Return when everything that has come is stored.

        Raises:
            MimError: something could not be.
        """
        await self._kept_up_to(self._session.received)

    async def kept_count(self) -> int:
        """Return how many stanzas have come and are stored, as the protocol counts; none counts behind a loss."""
        try:
            await self.settled()
        except MimError:
            return self._shown(self._trails[0][0] - 1)
        return self.handled

    async def _kept_up_to(self, number: int) -> None:
        while self._trails and self._trails[0][0] <= number:
            await self._trails[0][1].kept()
            self._forget_kept()

    def _forget_kept(self) -> None:
        trails = self._trails
        while trails and trails[0][1].is_kept:
            trails.popleft()

    def _shown(self, number: int) -> int:
        return (number - self._start) % MODULO
