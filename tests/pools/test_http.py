"""``[outgoing_pools.http]``: requests to a service, over connections that are made again when they break."""

from __future__ import annotations

import asyncio
import ssl
from pathlib import Path

import pytest
from aiohttp import web

from mim.config.sections import OutgoingPools
from mim.errors import BadRequest, Unavailable
from mim.net.tls import self_signed
from mim.pools import Pools
from mim.pools.http import HttpPool


class Service:
    """An HTTP service that can be stopped and started on its port."""

    def __init__(self, port: int, context: ssl.SSLContext | None = None) -> None:
        self.port = port
        self._context = context
        self._runner: web.AppRunner | None = None
        self.seen: list[web.Request] = []
        self.bodies: list[bytes] = []
        self.gate: asyncio.Event | None = None
        self.at_once = 0
        self.arrived: asyncio.Queue[str] = asyncio.Queue()
        self.most_at_once = 0
        self.two_at_once = asyncio.Event()

    async def start(self) -> None:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._answer)
        self._runner = web.AppRunner(app, shutdown_timeout=0)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self.port, ssl_context=self._context).start()

    async def stop(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()

    async def _answer(self, request: web.Request) -> web.Response:
        self.seen.append(request)
        self.bodies.append(await request.read())
        self.at_once += 1
        self.arrived.put_nowait(request.path)
        self.most_at_once = max(self.most_at_once, self.at_once)
        if self.at_once >= 2:
            self.two_at_once.set()
        if self.gate is not None:
            await self.gate.wait()
        self.at_once -= 1
        if request.path.endswith("/elsewhere"):
            raise web.HTTPFound("/x")
        if request.path.endswith("/long"):
            return web.Response(body=b"x" * 2_000_000)
        return web.Response(status=201, text="done")


@pytest.fixture
async def service(unused_tcp_port):
    made = Service(unused_tcp_port)
    await made.start()
    yield made
    await made.stop()


@pytest.fixture
async def pools():
    made: list[Pools] = []

    def make(port: int, tag: str = "x", scheme: str = "http", **pool) -> Pools:
        connection = {"host": f"{scheme}://127.0.0.1:{port}", **pool.pop("connection", {})}
        made.append(Pools(OutgoingPools(http={tag: {"connection": connection, **pool}})))
        return made[-1]

    yield make
    for one in made:
        await one.close()


def pool(pools: Pools, host: str = "localhost") -> HttpPool:
    found = pools.http("x", host)
    assert found is not None
    return found


async def test_a_request_goes_below_the_prefix(service, pools):
    one = pool(pools(service.port, connection={"path_prefix": "/api/v1"}))
    assert await one.request("GET", "a", query={"q": "ä b&c"}) == (201, b"done")
    await one.request("POST", "/b", form={"user": "ä b&c"}, headers={"X-One": "1"})
    await one.request("POST", "c", body=b"{}")
    assert [request.path_qs for request in service.seen] == ["/api/v1/a?q=%C3%A4+b%26c", "/api/v1/b", "/api/v1/c"]
    assert service.bodies == [b"", b"user=%C3%A4+b%26c", b"{}"]
    assert service.seen[1].headers["X-One"] == "1"


async def test_redirects_are_answers_and_long_ones_none(service, pools):
    one = pool(pools(service.port))
    assert (await one.request("GET", "elsewhere"))[0] == 302
    with pytest.raises(Unavailable):
        await one.request("GET", "long")


async def test_a_service_that_comes_back_is_used_again(service, pools):
    one = pool(pools(service.port))
    assert (await one.request("GET", "a"))[0] == 201
    await service.stop()
    with pytest.raises(Unavailable):
        await one.request("GET", "a")
    await service.start()
    assert (await one.request("GET", "a"))[0] == 201


async def test_a_service_that_does_not_answer_in_time_is_unavailable(service, pools):
    service.gate = asyncio.Event()
    one = pool(pools(service.port, connection={"request_timeout": 50}))
    with pytest.raises(Unavailable):
        await one.request("GET", "a")
    service.gate.set()


async def test_no_more_requests_at_once_than_workers(service, pools):
    one = pool(pools(service.port, workers=2))
    service.gate = asyncio.Event()
    asking = [asyncio.ensure_future(one.request("GET", str(number))) for number in range(6)]
    for _ in range(2):
        await service.arrived.get()
    service.gate.set()
    assert [status for status, _ in await asyncio.gather(*asking)] == [201] * 6
    assert service.most_at_once == 2


async def test_a_caller_waits_no_longer_than_the_call_timeout(service, pools):
    one = pool(pools(service.port, workers=1, call_timeout=50, connection={"request_timeout": 50}))
    service.gate = asyncio.Event()
    outcomes = await asyncio.gather(*(one.request("GET", "a") for _ in range(3)), return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [Unavailable] * 3
    service.gate.set()


@pytest.mark.parametrize(
    ("tls", "good"),
    [
        (None, True),  # not checked, which a warning says at start (rule X11)
        ({}, False),
        ({"verify_mode": "none"}, True),
        ({"cacertfile": "%s"}, False),  # the certificate is of localhost, the pool connects to 127.0.0.1
        ({"cacertfile": "%s", "server_name_indication": {"enabled": False}}, True),
        ({"cacertfile": "%s", "server_name_indication": {"host": "localhost"}}, True),
        ({"cacertfile": "%s", "server_name_indication": {"host": "other"}}, False),
        ({"cacertfile": "%s", "server_name_indication": {"host": "localhost"}, "versions": ["tlsv1.2"]}, True),
    ],
)
async def test_the_certificate_is_checked_as_the_file_says(unused_tcp_port, pools, tmp_path, tls, good):
    certificate, _ = self_signed(tmp_path, ["localhost"])
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    service = Service(unused_tcp_port, context)
    await service.start()
    if tls and "cacertfile" in tls:
        tls = {**tls, "cacertfile": str(certificate)}
    one = pool(pools(service.port, scheme="https", connection={} if tls is None else {"tls": tls}))
    if good:
        assert (await one.request("GET", "a"))[0] == 201
    else:
        with pytest.raises(Unavailable):
            await one.request("GET", "a")
    await service.stop()


async def test_a_pool_serves_the_hosts_of_its_scope(service, pools):
    everywhere = pools(service.port)
    assert everywhere.http("x", "a") is everywhere.http("x", "b")
    assert everywhere.http("y", "a") is None
    each = pools(service.port, scope="host")
    assert each.http("x", "a") is not each.http("x", "b")
    one = pools(service.port, scope="single_host", host="a")
    assert one.http("x", "a") is not None
    assert one.http("x", "b") is None


async def test_a_pool_in_use_goes_on_with_other_options(service, pools):
    made = pools(service.port)
    one = pool(made)
    await one.request("GET", "a")
    connection = {"host": f"http://127.0.0.1:{service.port}", "path_prefix": "/new"}
    await made.change(OutgoingPools(http={"x": {"connection": connection}}))
    await one.request("GET", "a")
    assert service.seen[-1].path == "/new/a"
    await made.change(OutgoingPools())
    with pytest.raises(Unavailable):
        await one.request("GET", "a")


@pytest.mark.parametrize("host", ["ftp://x", "http://", "http://[", "http://x:port"])
def test_an_address_that_is_none_is_refused_with_its_path(host: str) -> None:
    with pytest.raises(BadRequest, match=r"outgoing_pools\.http\.x\.connection\.host"):
        Pools(OutgoingPools(http={"x": {"connection": {"host": host}}})).http("x", "a")


def test_a_file_of_the_tls_table_that_is_no_pem_is_refused_with_its_path(tmp_path: Path) -> None:
    broken = tmp_path / "broken.pem"
    broken.write_text("no PEM")
    connection = {"host": "https://x", "tls": {"cacertfile": str(broken)}}
    with pytest.raises(BadRequest, match=r"outgoing_pools\.http\.x\.connection\.tls"):
        Pools(OutgoingPools(http={"x": {"connection": connection}})).http("x", "a")
