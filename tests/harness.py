"""Servers for tests: started from a TOML text on free ports, in this process or in one of their own.

In this process (most tests)::

    async def test_ping(serve):
        server = await serve(modules="[modules.mod_ping]")
        romeo = await server.online("romeo")

``server.api`` speaks to the admin API, ``server.app`` reaches the parts, ``server.clock`` can be moved.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import aiohttp
from yarl import URL

from mim.application import Application
from mim.blueprint import Blueprint
from mim.clock import Clock
from mim.xmpp.jid import JID
from tests.client import Client

PASSWORD = "secret"
START_SECONDS = 20.0


class MovableTimer:
    """A call that is due later on a clock that tests move."""

    def __init__(self, clock: MovableClock, seconds: float, callback: Callable[[], object]) -> None:
        self._clock = clock
        self._due = clock.monotonic() + seconds
        self._callback = callback
        self._handle: asyncio.TimerHandle | None = None
        self.arm()

    def arm(self) -> None:
        """Wait for what is left on the clock as it stands now."""
        if self._handle is not None:
            self._handle.cancel()
        left = max(0.0, self._due - self._clock.monotonic())
        self._handle = asyncio.get_running_loop().call_later(left, self._fire)

    def cancel(self) -> None:
        self._clock.timers.discard(self)
        if self._handle is not None:
            self._handle.cancel()

    def _fire(self) -> None:
        self._clock.timers.discard(self)
        self._callback()


class MovableClock(Clock):
    """The real clock plus what tests have advanced it by; timers that this makes due fire in the loop's next turn."""

    def __init__(self) -> None:
        self._ahead_us = 0
        self.timers: set[MovableTimer] = set()

    def call_later(self, seconds: float, callback: Callable[[], object]) -> MovableTimer:
        timer = MovableTimer(self, seconds, callback)
        self.timers.add(timer)
        return timer

    def now_us(self) -> int:
        return super().now_us() + self._ahead_us

    def monotonic(self) -> float:
        return super().monotonic() + self._ahead_us / 1e6

    def advance(self, seconds: float) -> None:
        self._ahead_us += round(seconds * 1e6)
        for timer in list(self.timers):
            timer.arm()

    async def elapse(self, seconds: float) -> None:
        """Advance, and return when the timers that this made due have fired."""
        self.advance(seconds)
        fired = asyncio.Event()
        self.call_later(0, fired.set)
        await fired.wait()


def config(
    modules: str = "",
    *,
    hosts: Sequence[str] = ("localhost",),
    c2s: str = "",
    c2s_tls: str | None = None,
    admin: str | None = 'host = "_"\npath = "/api"',
    general: str = "",
    auth: str = "",
    iterations: int = 16,
    more: str = "",
) -> str:
    """Return a TOML text with a c2s listener and, unless *admin* is None, an HTTP one, on ports the system picks.

    *modules*, *c2s*, *admin*, *general*, *auth* and *more* are TOML put at their places; *c2s_tls* is the content of
    the listener's tls table (None = no TLS); a self-signed certificate serves when it names none.
    """
    own = "" if c2s_tls is None or "certfile" in c2s_tls else "self_signed = true\n"
    tls = "" if c2s_tls is None else f"[listen.c2s.tls]\n{own}{c2s_tls}\n"
    http = (
        ""
        if admin is None
        else f"""
[[listen.http]]
  port = 0
  ip_address = "127.0.0.1"
  [[listen.http.handlers.mongoose_api_admin]]
{admin}
"""
    )
    return f"""
[general]
  hosts = {json.dumps(list(hosts))}
  default_server_domain = "{hosts[0]}"
{general}
[auth]
{auth}
  [auth.password]
    hash = ["sha", "sha256"]
    scram_iterations = {iterations}
  [auth.internal]
[[listen.c2s]]
  port = 0
  ip_address = "127.0.0.1"
{c2s}
{tls}{http}
[modules]
{modules}
{more}
"""


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP answer, read whole."""

    status: int
    headers: Any
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Api:
    """The admin API of a test server. Paths are relative to ``/api`` and sent as they are written."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.base = f"http://127.0.0.1:{port}"
        self._session = aiohttp.ClientSession()

    async def request(
        self, method: str, path: str, body: Any = None, *, prefix: str = "/api", **options: Any
    ) -> Answer:
        """Send a request; *body* is JSON-encoded unless it is bytes."""
        headers = dict(options.pop("headers", {}))
        data = None
        if body is not None:
            data = body if isinstance(body, bytes) else json.dumps(body).encode()
            headers.setdefault("Content-Type", "application/json")
        url = URL(f"{self.base}{prefix}{path}", encoded=True)
        async with self._session.request(method, url, data=data, headers=headers, **options) as response:
            return Answer(response.status, response.headers, await response.read())

    async def get(self, path: str, **options: Any) -> Answer:
        return await self.request("GET", path, **options)

    async def post(self, path: str, body: Any, **options: Any) -> Answer:
        return await self.request("POST", path, body, **options)

    async def put(self, path: str, body: Any, **options: Any) -> Answer:
        return await self.request("PUT", path, body, **options)

    async def delete(self, path: str, **options: Any) -> Answer:
        return await self.request("DELETE", path, **options)

    async def close(self) -> None:
        await self._session.close()


class Server:
    """A server in this process."""

    def __init__(self, text: str, data_dir: Path | None = None, folders: Iterable[Path] = ()) -> None:
        self.clock = MovableClock()
        self.app = Application(Blueprint.parse(text, folders), data_dir, clock=self.clock)
        self._api: Api | None = None
        self._clients: list[Client] = []

    async def start(self) -> Self:
        await self.app.start()
        return self

    async def stop(self) -> None:
        for client in self._clients:
            await client.close()
        if self._api is not None:
            await self._api.close()
        await self.app.stop()

    @property
    def port(self) -> int:
        """The first c2s port."""
        return self.app.c2s[0].port

    @property
    def http_port(self) -> int:
        """The first HTTP port."""
        return self.app.http[0].port

    @property
    def api(self) -> Api:
        """The admin API."""
        if self._api is None:
            self._api = Api(self.http_port)
        return self._api

    async def http(self, method: str, path: str, body: Any = None, **options: Any) -> Answer:
        """Send a request to the first HTTP port, whatever its path."""
        return await self.api.request(method, path, body, prefix="", **options)

    async def register(self, *names: str, domain: str = "localhost") -> None:
        """Make accounts with the password of all tests."""
        for name in names:
            await self.app.server.accounts.register(JID.of(name, domain), PASSWORD)

    async def client(self, user: str, resource: str | None = "r1", *, domain: str = "localhost", **more: Any) -> Client:
        """Return a client that is logged in and bound, without presence; the account is made if it does not exist."""
        if not await self.app.server.accounts.exists(JID.of(user, domain)):
            await self.register(user, domain=domain)
        client = Client(self.port, domain)
        await client.connect()
        self.keep(client)
        return await client.login(user, PASSWORD, resource, **more)

    async def unbound(self, user: str, *, domain: str = "localhost") -> Client:
        """Return a client that has authenticated and not yet bound a resource; the account must exist."""
        client = Client(self.port, domain)
        await client.connect()
        self.keep(client)
        await client.open_stream()
        await client.authenticate(user, PASSWORD)
        await client.restart_stream()
        return client

    def keep(self, client: Client) -> None:
        """Close a client that a test has made itself when the server stops."""
        self._clients.append(client)

    async def online(
        self, user: str, resource: str | None = "r1", *, priority: int | None = None, domain: str = "localhost"
    ) -> Client:
        """Return a client that has sent initial presence; whatever it was sent stays to be read, but its own echo."""
        client = await self.client(user, resource, domain=domain)
        return await client.available(priority)

    async def start_module(self, name: str, domain: str = "localhost") -> None:
        await self.app.modules.start(self.app.host(domain), name)

    async def stop_module(self, name: str, domain: str = "localhost") -> None:
        await self.app.modules.stop(self.app.host(domain), name)


class ServerProcess:
    """A server in a process of its own, for what only a process can show: signals, kill -9, the command line."""

    def __init__(self, text: str, folder: Path, *arguments: str, env: dict[str, str] | None = None) -> None:
        self.folder = folder
        self.file = folder / "mongooseim.toml"
        self.file.write_text(text)
        self._arguments = arguments
        self._env = {**os.environ, **(env or {})}
        self._process: asyncio.subprocess.Process | None = None
        self.ports: dict[str, list[int]] = {}
        self.api: Api | None = None

    async def start(self) -> Self:
        """Start it and wait for its ready line."""
        self._process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "mim", "run", "--config", str(self.file), "--data-dir", str(self.folder / "data"),
            "--print-ports-json", *self._arguments,
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE, env=self._env,
        )  # fmt: skip
        assert self._process.stdout is not None
        async with asyncio.timeout(START_SECONDS):
            line = await self._process.stdout.readline()
        if not line:
            _, errors = await self._process.communicate()
            raise RuntimeError(errors.decode())
        self.ports = json.loads(line)
        if self.ports["http"]:
            self.api = Api(self.ports["http"][0])
        return self

    @property
    def process(self) -> asyncio.subprocess.Process:
        assert self._process is not None
        return self._process

    async def kill(self) -> None:
        """kill -9."""
        self.process.kill()
        await self._ended()

    async def terminate(self) -> tuple[int, str]:
        """SIGTERM; return the exit status and what it wrote to standard error."""
        self.process.send_signal(signal.SIGTERM)
        return await self._ended()

    async def _ended(self) -> tuple[int, str]:
        if self.api is not None:
            await self.api.close()
            self.api = None
        async with asyncio.timeout(START_SECONDS):
            _, errors = await self.process.communicate()
        assert self.process.returncode is not None
        return self.process.returncode, errors.decode()

    async def stop(self) -> None:
        """End it if it still runs."""
        if self._process is not None and self._process.returncode is None:
            await self.kill()
