"""A raw XMPP client for tests: XML text in, elements out, no opinion of its own.

Everything awaits an event with a time limit; nothing sleeps. ``expect_nothing`` pings the server and sees that
the answer is the next thing that comes.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import hmac
import itertools
import secrets
import ssl
from types import TracebackType
from typing import Self

from mim.xmpp import ns
from mim.xmpp.element import Element, serialize
from mim.xmpp.jid import JID
from mim.xmpp.parser import StreamEnd, StreamHeader, StreamParser

TIMEOUT = 10.0
_ids = itertools.count(1)


class StreamClosed(Exception):
    """The server ended the stream; the stream error it sent, if any, is the argument."""


class Client:
    """One connection to a c2s port."""

    def __init__(self, port: int, domain: str = "localhost", host: str = "127.0.0.1") -> None:
        self.port = port
        self.domain = domain
        self.host = host
        self.jid: JID | None = None
        self.features: Element | None = None
        self._events: asyncio.Queue[object] = asyncio.Queue()
        self._pump: asyncio.Task[None] | None = None

    # --- connection -------------------------------------------------------------------------------------------

    async def connect(self, *, tls: ssl.SSLContext | None = None) -> Self:
        self._reader, self._writer = await asyncio.open_connection(
            self.host, self.port, ssl=tls, server_hostname=self.domain if tls else None
        )
        self._restart()
        self._pump = asyncio.create_task(self._read())
        return self

    @property
    def ssl_object(self) -> ssl.SSLObject:
        """The TLS layer, for channel bindings."""
        made = self._writer.get_extra_info("ssl_object")
        assert isinstance(made, ssl.SSLObject)
        return made

    def stop_reading(self) -> None:
        """Leave what the server sends in the socket, as a client that hangs does."""
        self._writer.transport.pause_reading()

    def go_on_reading(self) -> None:
        """Read again."""
        self._writer.transport.resume_reading()

    def _restart(self) -> None:
        self._parser = StreamParser()

    async def _read(self) -> None:
        try:
            while data := await self._reader.read(65536):
                for event in self._parser.feed(data):
                    self._events.put_nowait(event)
        except (ConnectionError, ssl.SSLError):
            pass
        self._events.put_nowait(None)

    def send(self, xml: str | bytes) -> None:
        self._writer.write(xml.encode() if isinstance(xml, str) else xml)

    async def open_stream(self, **attrs: str) -> Element:
        """Open a stream and return the features."""
        more = "".join(f" {key.replace('_', ':')}='{value}'" for key, value in attrs.items())
        self.send(
            f"<?xml version='1.0'?><stream:stream xmlns='jabber:client' xmlns:stream='{ns.STREAMS}'"
            f" to='{self.domain}' version='1.0'{more}>"
        )
        self.header = await self.next_event()
        assert isinstance(self.header, StreamHeader), self.header
        self.features = await self.next()
        return self.features

    async def starttls(self, context: ssl.SSLContext | None = None) -> Element:
        """Upgrade to TLS and return the new stream's features."""
        self.send(f"<starttls xmlns='{ns.TLS}'/>")
        proceed = await self.next()
        assert proceed.name == "proceed", proceed
        assert self._pump is not None
        self._pump.cancel()
        context = context or untrusting_context()
        await self._writer.start_tls(context, server_hostname=self.domain)
        self._restart()
        self._pump = asyncio.create_task(self._read())
        return await self.open_stream()

    async def restart_stream(self) -> Element:
        self._restart()
        return await self.open_stream()

    async def login(self, user: str, password: str, resource: str | None = None, **stream_attrs: str) -> Self:
        """Open a stream, authenticate (STARTTLS when it is required), bind."""
        features = await self.open_stream(**stream_attrs)
        starttls = features.find(ns.TLS, "starttls")
        if starttls is not None and features.find(ns.SASL, "mechanisms") is None:
            await self.starttls()
        await self.authenticate(user, password)
        await self.restart_stream() if not stream_attrs else await self._reopen(**stream_attrs)
        await self.bind(resource)
        return self

    async def _reopen(self, **attrs: str) -> Element:
        self._restart()
        return await self.open_stream(**attrs)

    async def authenticate(self, user: str, password: str) -> None:
        """SCRAM-SHA-1, written here a second time on purpose."""
        nonce = secrets.token_hex(12)
        first = f"n={user},r={nonce}"
        start = base64.b64encode(f"n,,{first}".encode()).decode()
        self.send(f"<auth xmlns='{ns.SASL}' mechanism='SCRAM-SHA-1'>{start}</auth>")
        challenge = await self.next()
        if challenge.name != "challenge":
            raise PermissionError(serialize(challenge))
        server_first = base64.b64decode(challenge.text).decode()
        fields = dict(part.split("=", 1) for part in server_first.split(","))
        salted = hashlib.pbkdf2_hmac("sha1", password.encode(), base64.b64decode(fields["s"]), int(fields["i"]))
        key = hmac.digest(salted, b"Client Key", "sha1")
        final = f"c=biws,r={fields['r']}"
        signed = hmac.digest(hashlib.sha1(key).digest(), f"{first},{server_first},{final}".encode(), "sha1")
        proof = base64.b64encode(bytes(a ^ b for a, b in zip(key, signed, strict=True))).decode()
        answer = base64.b64encode(f"{final},p={proof}".encode()).decode()
        self.send(f"<response xmlns='{ns.SASL}'>{answer}</response>")
        outcome = await self.next()
        if outcome.name != "success":
            raise PermissionError(serialize(outcome))

    async def bind(self, resource: str | None = None) -> JID:
        inner = f"<resource>{resource}</resource>" if resource else ""
        self.send(f"<iq type='set' id='bind'><bind xmlns='{ns.BIND}'>{inner}</bind></iq>")
        result = await self.next()
        assert result.get("type") == "result", result
        bound = result.find(ns.BIND, "bind")
        assert bound is not None
        self.jid = JID.parse(bound.child_text(ns.BIND, "jid") or "")
        return self.jid

    async def available(self, priority: int | None = None) -> Self:
        """Send initial presence and wait for its echo; what comes before it is put back in order."""
        text = f"<priority>{priority}</priority>" if priority is not None else ""
        self.send(f"<presence>{text}</presence>")
        before: list[object] = []
        while True:
            event = await self.next_event()
            if isinstance(event, Element) and event.name == "presence" and event.get("from") == str(self.jid):
                break
            before.append(event)
        rest = [self._events.get_nowait() for _ in range(self._events.qsize())]
        for event in (*before, *rest):
            self._events.put_nowait(event)
        return self

    # --- events -----------------------------------------------------------------------------------------------

    async def next_event(self) -> object:
        """Return the next thing the server sends: header, element, end, or None when the connection is closed."""
        async with asyncio.timeout(TIMEOUT):
            return await self._events.get()

    async def next(self) -> Element:
        """Return the next first-level element."""
        event = await self.next_event()
        if isinstance(event, Element):
            if event.ns == ns.STREAMS and event.name == "error":
                raise StreamClosed(event)
            return event
        raise StreamClosed(event)

    async def stream_error(self) -> Element:
        """Return the stream error that comes next; the end of the stream and of the connection must follow."""
        event = await self.next_event()
        assert isinstance(event, Element), event
        assert event.name == "error", event
        await self.closed()
        return event

    async def closed(self) -> None:
        """Wait for the end of the stream and the close of the connection."""
        event = await self.next_event()
        if isinstance(event, StreamEnd):
            event = await self.next_event()
        assert event is None, event

    async def expect(self, name: str, **attrs: str) -> Element:
        """Return the next element, which must have that name and those attributes."""
        got = await self.next()
        assert got.name == name, got
        for key, value in attrs.items():
            assert got.get(key.removesuffix("_")) == value, got
        return got

    async def request(self, xml: str) -> Element:
        """Send an IQ (``%s`` in it becomes the id) and return its answer, which must be the next element."""
        id = f"q{next(_ids)}"
        self.send(xml.replace("%s", id))
        answer = await self.next()
        assert answer.name == "iq", answer
        assert answer.get("id") == id, answer
        return answer

    async def ask(self, type: str, payload: str, to: str = "") -> Element:
        """Send an IQ with that payload and return its answer, which must be the next element."""
        address = f" to='{to}'" if to else ""
        return await self.request(f"<iq type='{type}' id='%s'{address}>{payload}</iq>")

    async def expect_nothing(self) -> None:
        """See that the server has sent nothing: the answer to an unknown IQ is the next thing."""
        answer = await self.ask("get", "<nothing xmlns='urn:test:nothing'/>", to=self.domain)
        assert answer.get("type") == "error"

    async def collect(self) -> list[Element]:
        """Return everything the server has sent up to now."""
        id = f"q{next(_ids)}"
        self.send(f"<iq type='get' id='{id}' to='{self.domain}'><nothing xmlns='urn:test:nothing'/></iq>")
        got: list[Element] = []
        while True:
            item = await self.next()
            if item.name == "iq" and item.get("id") == id:
                return got
            got.append(item)

    async def close(self) -> None:
        if self._pump is not None:
            if not self._writer.is_closing():
                self.send("</stream:stream>")
            self._writer.close()
            self._pump.cancel()
            await asyncio.gather(self._pump, return_exceptions=True)
            with contextlib.suppress(ConnectionError, ssl.SSLError):
                await self._writer.wait_closed()

    async def drop(self) -> None:
        """Lose the connection without a word."""
        assert self._pump is not None
        self._writer.transport.abort()
        self._pump.cancel()
        await asyncio.gather(self._pump, return_exceptions=True)

    async def __aenter__(self) -> Self:
        if self._pump is None:
            await self.connect()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()


def untrusting_context() -> ssl.SSLContext:
    """A TLS context for self-signed certificates of test servers."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context
