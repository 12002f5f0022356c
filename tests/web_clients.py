"""XMPP clients over the web for tests: the raw client of ``tests.client`` on a WebSocket."""

from __future__ import annotations

import asyncio
import re
import ssl
from typing import Any, Self

import aiohttp

from mim.xmpp import ns
from mim.xmpp.element import Element
from mim.xmpp.parser import StreamEnd, StreamHeader, parse_fragment
from tests.client import TIMEOUT, Client


class WebSocketClient(Client):
    """A client over WebSocket (RFC 7395). *port* is an HTTP port."""

    path = "/ws-xmpp"
    code: int | None = None
    """What the server closed the connection with."""

    async def connect(self, *, tls: ssl.SSLContext | None = None, **options: Any) -> Self:
        self._http = aiohttp.ClientSession()
        scheme = "ws" if tls is None else "wss"
        options.setdefault("protocols", ["xmpp"])
        options.setdefault("headers", {"Host": "localhost"})
        if tls is not None:
            options["ssl"] = tls
        self.ws = await self._http.ws_connect(f"{scheme}://127.0.0.1:{self.port}{self.path}", max_msg_size=0, **options)
        self._tasks: set[asyncio.Task[None]] = set()
        self._pump = asyncio.create_task(self._read())
        return self

    def _restart(self) -> None:
        """Every message is parsed on its own."""

    async def _read(self) -> None:
        async for message in self.ws:
            assert message.type is aiohttp.WSMsgType.TEXT
            self._take(message.data)
        self.code = self.ws.close_code
        self._events.put_nowait(None)

    def _take(self, text: str) -> None:
        (event,) = parse_fragment(text.encode())
        assert isinstance(event, Element), text
        if event.ns == ns.FRAMING:
            made = StreamHeader(ns.STREAMS, "stream", event.attrs, ns.CLIENT) if event.name == "open" else StreamEnd()
            self._events.put_nowait(made)
        else:
            self._events.put_nowait(event)

    def send(self, xml: str | bytes) -> None:
        """Send one message; a stanza may leave its namespace out, as in the tests over TCP."""
        text = xml.decode() if isinstance(xml, bytes) else xml
        text = re.sub(r"^<(iq|message|presence)(?![^>]* xmlns=)", rf"<\1 xmlns='{ns.CLIENT}'", text)
        self.send_frame(text)

    def send_frame(self, text: str) -> None:
        """Send one message as it is."""
        task = asyncio.ensure_future(self.ws.send_str(text))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def open_stream(self, **attrs: str) -> Element:
        more = "".join(f" {key.replace('_', ':')}='{value}'" for key, value in attrs.items())
        self.send(f"<open xmlns='{ns.FRAMING}' to='{self.domain}' version='1.0'{more}/>")
        self.header = await self.next_event()
        assert isinstance(self.header, StreamHeader), self.header
        self.features = await self.next()
        return self.features

    async def closed(self) -> None:
        await super().closed()
        async with asyncio.timeout(TIMEOUT):
            await asyncio.gather(self._pump or asyncio.sleep(0))

    async def close(self) -> None:
        if self._pump is not None:
            await self.ws.close()
            self._pump.cancel()
            await asyncio.gather(self._pump, *self._tasks, return_exceptions=True)
            await self._http.close()

    async def drop(self) -> None:
        assert self._pump is not None
        self._pump.cancel()
        transport = self.ws.get_extra_info("socket")
        assert transport is not None
        self.ws._response.close()
        await self._http.close()
        await asyncio.gather(self._pump, return_exceptions=True)


class BoshClient(Client):
    """A client over BOSH (XEP-0124) that always has a request waiting once it is logged in. *port* is an HTTP port."""

    path = "/http-bind"

    async def connect(self, *, tls: ssl.SSLContext | None = None) -> Self:
        self._http = aiohttp.ClientSession(headers={"Host": "localhost"})
        self.sid = ""
        self.rid = 1000
        self.opening: Element | None = None
        self._waiting = 0
        self._is_over = False
        self._last: asyncio.Task[None] | None = None
        return self

    def _restart(self) -> None:
        """Every body is parsed on its own."""

    async def post(self, content: str = "", *, rid: int | None = None, **attrs: str) -> Element:
        """Send one request with the next rid or another, and return its response."""
        if rid is None:
            self.rid += 1
            rid = self.rid
        if self.sid:
            attrs.setdefault("sid", self.sid)
        written = "".join(f" {name.rstrip('_').replace('_', ':')}='{value}'" for name, value in attrs.items())
        text = f"<body xmlns='{ns.HTTPBIND}' xmlns:xmpp='{ns.XBOSH}' rid='{rid}'{written}>{content}</body>"
        return await self.post_text(text)

    async def post_text(self, text: str) -> Element:
        url = f"http://127.0.0.1:{self.port}{self.path}"
        async with asyncio.timeout(TIMEOUT), self._http.post(url, data=text.encode()) as response:
            self.status, self.headers = response.status, response.headers
            (body,) = parse_fragment(await response.read())
        assert isinstance(body, Element)
        assert (body.ns, body.name) == (ns.HTTPBIND, "body")
        return body

    async def create(self, **attrs: str) -> Element:
        """Ask for a session and return the response, features and all."""
        options = {"to": self.domain, "wait": "60", "hold": "1", "ver": "1.6", "xmpp_version": "1.0"} | attrs
        self.opening = await self.post(**options)
        self.sid = self.opening.get("sid")
        return self.opening

    async def open_stream(self, **attrs: str) -> Element:
        if not self.sid:
            body = await self.create(**attrs)
            features = body.payload
            assert features is not None
            return features
        self._later("", xmpp_restart="true", to=self.domain)
        return await self.next()

    def send(self, xml: str | bytes) -> None:
        text = xml.decode() if isinstance(xml, bytes) else xml
        self._later(re.sub(r"^<(iq|message|presence)(?![^>]* xmlns=)", rf"<\1 xmlns='{ns.CLIENT}'", text))

    def _later(self, content: str, **attrs: str) -> None:
        self._waiting += 1
        self._last = asyncio.create_task(self._exchange(self._last, asyncio.create_task(self.post(content, **attrs))))

    async def _exchange(self, before: asyncio.Task[None] | None, posted: asyncio.Task[Element]) -> None:
        body = await posted
        if before is not None:
            await before
        self._waiting -= 1
        for child in body.elements():
            self._events.put_nowait(child)
        if body.get("type") == "terminate":
            self.code = body.get("condition")  # type: ignore[assignment]
            self._is_over = True
            self._events.put_nowait(StreamEnd())
            self._events.put_nowait(None)
        elif not self._waiting and not self._is_over:
            self._later("")

    def stop_asking(self) -> None:
        """Let the request that waits be the last one that goes out by itself."""
        self._is_over = True

    async def close(self) -> None:
        if self._last is not None:
            self._last.cancel()
            await asyncio.gather(self._last, return_exceptions=True)
        await self._http.close()
