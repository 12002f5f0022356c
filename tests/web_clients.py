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
