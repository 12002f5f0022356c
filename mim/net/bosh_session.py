"""A BOSH session (XEP-0124): requests in the order of their ids, held until there is something to answer."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import secrets
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from mim.capabilities import BoshPolicy
from mim.clock import Timer
from mim.net.bosh_body import BadBody, Body, body_text, terminate_text
from mim.net.c2s import LOGIN_SECONDS, MAX_UNSENT_BYTES
from mim.stream.c2s import C2sStream
from mim.stream.framing import BoshFraming
from mim.stream.transport import StreamServices, StreamSettings
from mim.xmpp import ns
from mim.xmpp.conditions import StreamError
from mim.xmpp.parser import StreamEnd, StreamHeader

log = logging.getLogger("mim.net")

MAX_HOLD = 4
DEFAULT_WAIT = 60
POLLING_SECONDS = 5
"""Between two empty requests of a client whose requests cannot wait (XEP-0124 §12)."""
GAP_SECONDS = 30.0
"""How long a request may wait for one with a lower id."""
FAREWELL_SECONDS = 30.0
"""How long the last words wait for a request."""
BODY_EXTRA_BYTES = 4096
"""What a body may have beyond the stanza in it."""


@dataclass(slots=True)
class _Held:
    """A request that has not been answered."""

    body: Body
    answer: asyncio.Future[str]
    timer: Timer | None = None


class BoshSession:
    """One session: the transport of its stream. *forget* is called when it is over and answered."""

    def __init__(
        self,
        first: Body,
        settings: StreamSettings,
        services: StreamServices,
        policy: BoshPolicy,
        peer: tuple[str, bool],
        forget: Callable[[BoshSession], None],
    ) -> None:
        wait, hold = first.number("wait"), first.number("hold")
        self.sid = secrets.token_hex(16)
        self.peer_address, self.is_encrypted = peer
        self.policy = policy
        self.hold = 1 if hold is None else min(hold, MAX_HOLD)
        self.wait = DEFAULT_WAIT if wait is None else wait
        if policy.max_wait is not None:
            self.wait = min(self.wait, policy.max_wait)
        self.window = self.hold + 1
        """How many requests may be under way."""
        self._forget = forget
        self._clock = services.clock
        self._loop = asyncio.get_running_loop()
        self._to = first.attrs.get("to", "")
        self._has_acks = policy.has_acks or first.attrs.get("ack") == "1"
        self._key = ""
        self._next_rid = first.rid
        self._early: dict[int, _Held] = {}
        self._held: OrderedDict[int, _Held] = OrderedDict()
        self._answers: OrderedDict[int, str] = OrderedDict()
        self._output: list[str] = []
        self._output_bytes = 0
        self._drained: list[asyncio.Future[bool]] = []
        self._is_flush_due = False
        self._is_opening = True
        self._is_waiting = False
        self._pause: int | None = None
        self._polled_at: float | None = None
        self._condition: str | None = None
        self._farewell: str | None = None
        self._quiet: Timer | None = None
        self._framing = BoshFraming()
        self.stream = C2sStream(self, settings, services, self._framing)
        self._login: Timer | None = self._clock.call_later(LOGIN_SECONDS, self._check_login)

    # --- requests ---------------------------------------------------------------------------------------------

    def receive(self, body: Body) -> asyncio.Future[str]:
        """Take a request and return the future of its response."""
        answer: asyncio.Future[str] = self._loop.create_future()
        rid = body.rid
        known = self._held.get(rid) or self._early.get(rid)
        if rid in self._answers:
            answer.set_result(self._answers[rid])  # its first response was lost on the way (XEP-0124 §14.3)
        elif self._farewell is not None:
            answer.set_result(self._farewell)
            self._gone()
        elif known is not None:
            _resolve(known.answer, body_text())
            known.answer = answer
        elif not self._next_rid <= rid < self._next_rid + self.window:
            self.break_off("item-not-found")
            answer.set_result(self._farewell or terminate_text("item-not-found"))
        else:
            self._early[rid] = _Held(body, answer)
            self._is_heard()
            self._in_turn()
        return answer

    def _is_heard(self) -> None:
        if self._quiet is not None:
            self._quiet.cancel()
            self._quiet = None

    def _in_turn(self) -> None:
        while self._farewell is None and (held := self._early.pop(self._next_rid, None)) is not None:
            if held.timer is not None:
                held.timer.cancel()
            self._next_rid += 1
            self._process(held)
        for held in self._early.values():
            if held.timer is None:
                held.timer = self._clock.call_later(GAP_SECONDS, lambda: self.break_off("item-not-found"))

    def _process(self, held: _Held) -> None:
        body = held.body
        self._held[body.rid] = held
        held.timer = self._clock.call_later(self.wait, lambda: self._expire(body.rid)) if self.wait else None
        try:
            self._judge(body)
        except BadBody:
            self.break_off("bad-request")
            return
        if self._farewell is not None:
            return
        if body.size > self.stream.limits.stanza_bytes + BODY_EXTRA_BYTES:
            self.stream.fail(StreamError("policy-violation", "child element too big"))
        elif self._is_opening or body.is_restart:
            to = body.attrs.get("to", self._to)
            attrs = {"to": to, "version": body.version, "xml:lang": body.attrs.get("xml:lang", "")}
            self.stream.take([StreamHeader(ns.STREAMS, "stream", attrs, ns.CLIENT)])
        else:
            self.stream.take([*body.elements, *([StreamEnd()] if body.is_termination else [])])
        self._flush_soon()

    def _judge(self, body: Body) -> None:
        """Look at what concerns the session itself: its keys, its pauses, its manners."""
        if not self._is_opening and self._key:
            sent = body.attrs.get("key", "")
            if hashlib.sha1(sent.encode(), usedforsecurity=False).hexdigest() != self._key:
                self.break_off("item-not-found")  # XEP-0124 §15
                return
            self._key = sent
        self._key = body.attrs.get("newkey", self._key)
        pause = body.number("pause")
        if pause is not None and pause > self.policy.max_pause:
            self.break_off("policy-violation")
            return
        self._pause = pause
        if self.hold and self.wait:
            return
        now = self._clock.monotonic()
        is_empty = not (body.elements or body.is_termination or body.is_restart or self._is_opening or pause)
        if is_empty and self._polled_at is not None and now - self._polled_at < POLLING_SECONDS:
            self.break_off("policy-violation")
        self._polled_at = now if is_empty else None

    def _expire(self, rid: int) -> None:
        if rid in self._held:
            self._answer(rid, body_text(ack=self._ack(rid)))
            self._rest()

    # --- responses --------------------------------------------------------------------------------------------

    def _flush_soon(self) -> None:
        if not self._is_flush_due:
            self._is_flush_due = True
            self._loop.call_soon(self._flush)

    def _flush(self) -> None:
        """Answer the oldest request when there is something to say, and those that are more than may be held."""
        self._is_flush_due = False
        if self._farewell is not None:
            return
        if self._held and (self._output or self._is_opening):
            rid = next(iter(self._held))
            self._answer(rid, self._spoken(rid))
        if self._pause is not None:
            while self._held:
                rid = next(iter(self._held))
                self._answer(rid, body_text(ack=self._ack(rid)))
        while len(self._held) > (self.hold if self.wait else 0) and not self._is_waiting:
            rid = next(iter(self._held))
            self._answer(rid, body_text(ack=self._ack(rid)))
        self._rest()

    def _spoken(self, rid: int) -> str:
        content, self._output = self._output, []
        self._output_bytes = 0
        for waiter in self._drained:
            if not waiter.done():
                waiter.set_result(True)
        self._drained.clear()
        if not self._is_opening:
            return body_text(content, ack=self._ack(rid))
        self._is_opening = False
        attrs = {
            "xmlns_xmpp": ns.XBOSH,
            "xmpp_version": "1.0",
            "xmpp_restartlogic": "true",
            "sid": self.sid,
            "authid": self._framing.stream_id,
            "from": self._to,
            "ver": "1.11",
            "wait": str(self.wait),
            "hold": str(self.hold),
            "requests": str(self.window),
            "polling": str(POLLING_SECONDS),
            "inactivity": None if self.policy.inactivity is None else str(round(self.policy.inactivity)),
            "maxpause": str(self.policy.max_pause),
            "ack": str(rid) if self._has_acks else None,
        }
        return body_text(content, **attrs)

    def _ack(self, rid: int) -> str | None:
        """Return the highest request that has come in turn, when it is not the one that is answered (§9.2)."""
        last = self._next_rid - 1
        return str(last) if self._has_acks and last != rid else None

    def _answer(self, rid: int, text: str) -> None:
        held = self._held.pop(rid)
        if held.timer is not None:
            held.timer.cancel()
        self._answers[rid] = text
        while len(self._answers) > self.window:
            self._answers.popitem(last=False)
        _resolve(held.answer, text)

    def _rest(self) -> None:
        """Wait for the next request when none is held."""
        if self._held or self._early or self._farewell is not None:
            return
        seconds = self.policy.inactivity if self._pause is None else max(self._pause, self.policy.inactivity or 0)
        self._is_heard()
        if seconds is not None:
            self._quiet = self._clock.call_later(seconds, self._lost)

    # --- the end ----------------------------------------------------------------------------------------------

    def break_off(self, condition: str) -> None:
        """End the session for a condition of BOSH's own (XEP-0124 §17.2)."""
        self._condition = condition
        self.stream.close()

    def shut_down(self) -> None:
        """The server stops."""
        self._condition = "system-shutdown"
        self.stream.shut_down()

    def _lost(self) -> None:
        """No request came in time: the client is gone, and may come back for its session (XEP-0198)."""
        self._quiet = None
        self._farewell = terminate_text("item-not-found")
        self._stop_timers()
        self._forget(self)
        self.stream.connection_lost()

    def _gone(self) -> None:
        self._stop_timers()
        self._forget(self)

    def _stop_timers(self) -> None:
        waiting = [held.timer for held in (*self._held.values(), *self._early.values())]
        for timer in (self._quiet, self._login, *waiting):
            if timer is not None:
                timer.cancel()
        self._quiet = self._login = None
        for waiter in self._drained:
            if not waiter.done():
                waiter.set_result(False)
        self._drained.clear()

    def _check_login(self) -> None:
        self._login = None
        if not self.stream.is_bound:
            self.stream.fail(StreamError("connection-timeout"))

    # --- StreamTransport --------------------------------------------------------------------------------------

    def write_text(self, text: str) -> None:
        """Queue one stanza or another part of the stream for the next response."""
        if not text or self._farewell is not None:
            return
        self._output.append(text)
        self._output_bytes += len(text)
        if self._output_bytes > MAX_UNSENT_BYTES:
            log.warning("client does not read", extra={"address": self.peer_address})
            self._output.clear()
            self._loop.call_soon(self.break_off, "policy-violation")
        self._flush_soon()

    async def drain(self) -> bool:
        """Return when everything queued is in a response; False when the session ended before."""
        if self._farewell is not None:
            return False
        if not self._output:
            return True
        waiter: asyncio.Future[bool] = self._loop.create_future()
        self._drained.append(waiter)
        return await waiter

    def close(self) -> None:
        """Answer all requests with the end; when there is none, the next one gets it."""
        if self._farewell is not None:
            return
        condition = self._condition or ("remote-stream-error" if self._framing.has_failed else None)
        content, self._output = self._output, []
        self._farewell = terminate_text(condition, content)
        requests = [*self._held.values(), *self._early.values()]
        self._stop_timers()
        self._held.clear()
        self._early.clear()
        for place, held in enumerate(requests):
            _resolve(held.answer, self._farewell if place == 0 else terminate_text(condition))
        if requests:
            self._forget(self)
        else:
            self._quiet = self._clock.call_later(FAREWELL_SECONDS, self._gone)

    def pause(self, paused: bool) -> None:
        """Hold requests unanswered while the stream is behind: the client may have no more than so many under way."""
        if self._is_waiting and not paused:
            self._flush_soon()
        self._is_waiting = paused

    def limit_rate(self, bytes_per_second: int | None) -> None:
        """There is no shaper here: the section has no such option."""

    def start_compression(self, max_chunk: int) -> None:
        """Never asked for: it is not offered here."""
        raise NotImplementedError

    async def start_tls(self, domain: str) -> None:
        """Never asked for: TLS is the listener's."""
        raise NotImplementedError

    def channel_bindings(self) -> Mapping[str, bytes]:
        """Return nothing: a session has many connections."""
        return {}


def _resolve(answer: asyncio.Future[str], text: str) -> None:
    if not answer.done():
        answer.set_result(text)
