"""Cheap XMPP clients for load: raw bytes out, end tags counted, nothing parsed.

A generator must cost less than the server it loads; slixmpp needs more CPU per message than the servers do.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import secrets
from collections.abc import Callable, Iterable
from typing import cast

DOMAIN = "localhost"
PASSWORD = "bench-password"
TIMEOUT = 60.0
_SASL = "urn:ietf:params:xml:ns:xmpp-sasl"
_HEADER = (
    f"<?xml version='1.0'?><stream:stream to='{DOMAIN}' version='1.0' xmlns='jabber:client'"
    " xmlns:stream='http://etherx.jabber.org/streams'>"
).encode()


class Refused(Exception):
    """The server said no; the argument is what it said."""


class LoadClient(asyncio.Protocol):
    """One connection. While setting up, ``until`` waits for a piece of text; afterwards ``count`` counts end tags."""

    def __init__(self, user: str) -> None:
        self.user = user
        self.transport: asyncio.Transport | None = None
        self._text = b""
        self._waiter: asyncio.Future[None] | None = None
        self._closed = False
        self._tag = b""
        self._tail = b""
        self._counted: Callable[[int], None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)

    def connection_lost(self, error: Exception | None) -> None:
        self._closed = True
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_exception(ConnectionError(f"{self.user}: the server closed the connection"))

    def data_received(self, data: bytes) -> None:
        if self._counted is not None:
            data = self._tail + data
            found = data.count(self._tag)
            self._tail = data[-(len(self._tag) - 1) :] if not data.endswith(b">") else b""
            if found:
                self._counted(found)
            return
        self._text += data
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def write(self, text: str | bytes) -> None:
        """Send."""
        assert self.transport is not None
        self.transport.write(text.encode() if isinstance(text, str) else text)

    def count(self, tag: bytes, counted: Callable[[int], None]) -> None:
        """From now on call *counted* with the number of *tag* in what arrives."""
        self._text = self._tail = b""
        self._tag, self._counted = tag, counted

    def stop_counting(self) -> None:
        """Keep what arrives again."""
        self._counted = None
        self._text = b""

    async def until(self, *needles: bytes) -> bytes:
        """Return what has arrived up to the first of *needles* to be seen."""
        async with asyncio.timeout(TIMEOUT):
            while True:
                ends = [self._text.find(needle) + len(needle) for needle in needles if needle in self._text]
                if ends:
                    got, self._text = self._text[: min(ends)], self._text[min(ends) :]
                    return got
                if self._closed:
                    raise ConnectionError(f"{self.user}: the server closed the connection")
                self._waiter = asyncio.get_running_loop().create_future()
                await self._waiter

    # --- steps ------------------------------------------------------------------------------------------------

    async def open(self) -> bytes:
        """Open a stream and return the features."""
        self.write(_HEADER)
        return await self.until(b"</stream:features>", b"<stream:features/>")

    async def register(self) -> None:
        """Register the account in-band (XEP-0077); that it exists already is fine."""
        await self.open()
        self.write(
            f"<iq type='set' id='reg'><query xmlns='jabber:iq:register'><username>{self.user}</username>"
            f"<password>{PASSWORD}</password></query></iq>"
        )
        got = await self.until(b"</iq>", b"/>")
        if b"error" in got and b"conflict" not in got:
            raise Refused(got.decode())

    async def login(self, resource: str = "bench", *, presence: bool = True) -> LoadClient:
        """Authenticate with SCRAM-SHA-1, bind, open the session, send presence, and see a ping answered."""
        await self.open()
        await self._scram()
        features = await self.open()
        self.write(
            "<iq type='set' id='bind'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'>"
            f"<resource>{resource}</resource></bind></iq>"
        )
        if b"<jid>" not in await self.until(b"</iq>"):
            raise Refused(f"{self.user}: bind refused")
        if b"urn:ietf:params:xml:ns:xmpp-session" in features:
            self.write("<iq type='set' id='sess'><session xmlns='urn:ietf:params:xml:ns:xmpp-session'/></iq>")
            await self.until(b"id='sess'", b'id="sess"')
        if presence:
            self.write("<presence/>")
        await self.ping()
        return self

    async def ping(self) -> None:
        """Wait until the server has answered a ping: everything sent before it has been handled."""
        mark = secrets.token_hex(4)
        self.write(f"<iq type='get' id='{mark}' to='{DOMAIN}'><ping xmlns='urn:xmpp:ping'/></iq>")
        await self.until(f"id='{mark}'".encode(), f'id="{mark}"'.encode())

    async def _scram(self) -> None:
        nonce = secrets.token_hex(12)
        first = f"n={self.user},r={nonce}"
        start = base64.b64encode(f"n,,{first}".encode()).decode()
        self.write(f"<auth xmlns='{_SASL}' mechanism='SCRAM-SHA-1'>{start}</auth>")
        got = await self.until(b"</challenge>", b"</failure>", b"<failure")
        if b"<challenge" not in got:
            raise Refused(got.decode())
        server_first = base64.b64decode(got.rpartition(b"</challenge>")[0].rpartition(b">")[2]).decode()
        fields = dict(part.split("=", 1) for part in server_first.split(","))
        key = _client_key(fields["s"], int(fields["i"]))
        final = f"c=biws,r={fields['r']}"
        signature = hmac.digest(hashlib.sha1(key).digest(), f"{first},{server_first},{final}".encode(), "sha1")
        proof = base64.b64encode(bytes(a ^ b for a, b in zip(key, signature, strict=True))).decode()
        self.write(f"<response xmlns='{_SASL}'>{base64.b64encode(f'{final},p={proof}'.encode()).decode()}</response>")
        got = await self.until(b"</success>", b"</failure>")
        if b"<success" not in got:
            raise Refused(got.decode())

    def close(self) -> None:
        """End the stream."""
        if not self._closed and self.transport is not None:
            self.write(b"</stream:stream>")
            self.transport.close()


_keys: dict[tuple[str, int], bytes] = {}


def _client_key(salt: str, iterations: int) -> bytes:
    """Keys are remembered: deriving them is the client's work, and would take the server's CPU on a small machine."""
    key = _keys.get((salt, iterations))
    if key is None:
        salted = hashlib.pbkdf2_hmac("sha1", PASSWORD.encode(), base64.b64decode(salt), iterations)
        key = _keys[salt, iterations] = hmac.digest(salted, b"Client Key", "sha1")
    return key


async def connect(port: int, user: str) -> LoadClient:
    """Return a connection that has said nothing yet."""
    _, client = await asyncio.get_running_loop().create_connection(lambda: LoadClient(user), "127.0.0.1", port)
    return client


async def login_all(port: int, users: Iterable[str], *, at_once: int = 20, **how: bool) -> list[LoadClient]:
    """Log many users in."""
    gate = asyncio.Semaphore(at_once)

    async def one(user: str) -> LoadClient:
        async with gate:
            return await (await connect(port, user)).login(**how)

    return await asyncio.gather(*map(one, users))


async def register_all(port: int, users: Iterable[str], *, at_once: int = 10) -> None:
    """Register many users."""
    gate = asyncio.Semaphore(at_once)

    async def one(user: str) -> None:
        async with gate:
            client = await connect(port, user)
            await client.register()
            client.close()

    await asyncio.gather(*map(one, users))
