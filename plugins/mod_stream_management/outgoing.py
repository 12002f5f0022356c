"""Stanzas to the client: counted, kept until it has them, sent again when it comes back."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable

from mim.plugin import Clock, ConnectionLayer, Element, Stream, Undelivered, element, format_stamp, from_us
from mim.xmpp import ns
from mim.xmpp.element import serialize
from mim.xmpp.parser import parse_element

MODULO = 2**32
"""Counters start again from 0 here (XEP-0198 §4)."""
ASK = f"<r xmlns='{ns.STREAM_MANAGEMENT}'/>"


class TooManyAcknowledged(Exception):
    """The client acknowledged more than it was sent."""


class Delivery:
    """A message that several clients were sent; once one has it, it need not go elsewhere."""

    __slots__ = ("is_taken",)

    def __init__(self) -> None:
        self.is_taken = False


class Entry:
    """A stanza that the client has not acknowledged."""

    __slots__ = ("arrived_us", "delivery", "text", "waits")

    def __init__(self, text: str, arrived_us: int, waits: bool) -> None:
        self.text = text
        self.arrived_us = arrived_us
        self.waits = waits
        """It came while there was no stream."""
        self.delivery: Delivery | None = None


class Outgoing(ConnectionLayer):
    """The layer next to the stream: every stanza that passes it is on its way to the client."""

    __slots__ = ("_acked", "_ask_every", "_clock", "_domain", "_entries", "_keeps", "_limit", "_on_overflow", "_sent")

    def __init__(
        self,
        *,
        clock: Clock,
        domain: str,
        keeps: bool,
        limit: int | None,
        ask_every: int,
        on_overflow: Callable[[], None],
    ) -> None:
        """*keeps*: False = count only. *limit*: stanzas. *ask_every*: 0 = never. *on_overflow* is called with every
        stanza above the limit.
        """
        self._clock = clock
        self._domain = domain
        self._keeps = keeps
        self._limit = limit
        self._ask_every = ask_every
        self._on_overflow = on_overflow
        self._sent = 0
        self._acked = 0
        self._entries: deque[Entry] = deque()

    @property
    def acknowledged_count(self) -> int:
        """How many stanzas the client has acknowledged, as the protocol counts."""
        return self._acked % MODULO

    @property
    def is_over_limit(self) -> bool:
        """Tell whether more stanzas are kept than should be."""
        return self._limit is not None and len(self._entries) > self._limit

    def send_text(self, text: str) -> None:
        """Count and keep a stanza, and send it if there is a stream."""
        self._sent += 1
        if self._keeps:
            self._entries.append(Entry(text, self._clock.now_us(), not self.is_attached))
            if self.is_over_limit:
                self._on_overflow()
        self.inner.send_text(text)
        if self._ask_every and self._sent % self._ask_every == 0:
            self.inner.send_text(ASK)

    def share_last(self, text: str, delivery: Delivery) -> None:
        """Note that the last stanza was sent to others, too; if it is this one, and was not held back on its way."""
        if self._entries and self._entries[-1].text == text:
            self._entries[-1].delivery = delivery

    def acknowledge(self, handled: int) -> None:
        """Forget what the client has handled, by its count.

        Raises:
            TooManyAcknowledged: it cannot have; nothing is changed.
        """
        count = (handled - self._acked) % MODULO
        if count > self._sent - self._acked:
            raise TooManyAcknowledged
        self._acked += count
        for _ in range(min(count, len(self._entries))):
            delivery = self._entries.popleft().delivery
            if delivery is not None:
                delivery.is_taken = True

    def send_again(self, stream: Stream) -> None:
        """Send everything that is kept to another stream, in order, and ask for its acknowledgement.

        On a message that came meanwhile stands when it did (XEP-0203).
        """
        for entry in self._entries:
            is_late = entry.waits and entry.text.startswith("<message")
            stream.send_text(self._stamped(entry) if is_late else entry.text)
        if self._entries and self._ask_every:
            stream.send_text(ASK)

    def _stamped(self, entry: Entry) -> str:
        message = parse_element(entry.text)
        if message.find(ns.DELAY, "delay") is not None:
            return entry.text
        stamp = format_stamp(from_us(entry.arrived_us))
        delay = element(ns.DELAY, "delay", from_=self._domain, stamp=stamp)
        return serialize(Element(message.ns, message.name, message.attrs, [*message.children, delay]))

    def undelivered(self) -> Iterable[Undelivered]:
        """Return what the client has not acknowledged and no other has."""
        for entry in self._entries:
            if entry.delivery is not None:
                if entry.delivery.is_taken:
                    continue
                entry.delivery.is_taken = True  # the first of them to end hands it on for all
            yield Undelivered(entry.text, entry.arrived_us)
