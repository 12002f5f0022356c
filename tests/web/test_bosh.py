"""BOSH (XEP-0124, XEP-0206)."""

from __future__ import annotations

import asyncio
import hashlib
import io
from collections.abc import Awaitable, Callable

import pytest

from mim.xmpp import ns
from mim.xmpp.element import Element
from tests.harness import PASSWORD, Server
from tests.web.conftest import http
from tests.web.test_websocket import condition
from tests.web_clients import BoshClient

Serve = Callable[..., Awaitable[Server]]
HANDLER = '[[listen.http.handlers.mod_bosh]]\nhost = "_"\npath = "/http-bind"'


@pytest.fixture
def serve_bosh(serve: Serve) -> Serve:
    async def start(options: str = "", modules: str = "", **more: object) -> Server:
        return await serve(f"[modules.mod_bosh]\n{options}\n{modules}", admin=http(HANDLER), **more)

    return start


async def connected(server: Server) -> BoshClient:
    client = await BoshClient(server.http_port).connect()
    server.keep(client)
    return client


async def bound(server: Server, user: str) -> BoshClient:
    await server.register(user)
    client = await connected(server)
    await client.login(user, PASSWORD, "web")
    return client


async def created(server: Server, **attrs: str) -> BoshClient:
    """Return a client with a session that is not logged in; its requests are sent one by one with ``post``."""
    client = await connected(server)
    body = await client.create(**attrs)
    assert body.get("type") == "", body
    return client


# --- sessions -----------------------------------------------------------------------------------------------------


async def test_a_client_logs_in_and_chats_with_one_over_tcp(serve_bosh: Serve):
    server = await serve_bosh()
    romeo = await bound(server, "romeo")
    juliet = await server.online("juliet")

    romeo.send("<message to='juliet@localhost' type='chat'><body>hi &amp; ho</body></message>")
    got = await juliet.expect("message", from_="romeo@localhost/web")
    assert got.child_text(ns.CLIENT, "body") == "hi & ho"
    juliet.send("<message to='romeo@localhost/web' type='chat'><body>\u00e9</body></message>")
    got = await romeo.expect("message", from_="juliet@localhost/r1")
    assert got.child_text(ns.CLIENT, "body") == "\u00e9"


async def test_the_first_response_says_what_was_agreed(serve_bosh: Serve):
    client = await created(await serve_bosh(), wait="20", hold="1")
    body = client.opening
    assert body is not None
    told = {name: body.get(name) for name in ("wait", "hold", "requests", "inactivity", "maxpause", "polling", "from")}
    assert told == {
        "wait": "20", "hold": "1", "requests": "2", "inactivity": "30", "maxpause": "120", "polling": "5",
        "from": "localhost",
    }  # fmt: skip
    assert len(client.sid) == 32
    assert body.get("authid")
    assert body.get("ack") == ""
    assert body.get(f"{{{ns.XBOSH}}}restartlogic") == "true"
    assert body.get(f"{{{ns.XBOSH}}}version") == "1.0"
    assert body.find(ns.STREAMS, "features") is not None
    assert client.headers["Content-Type"] == "text/xml; charset=utf-8"


@pytest.mark.parametrize(
    ("options", "asked", "told"),
    [
        ("max_wait = 10", {"wait": "60"}, {"wait": "10"}),
        ("max_wait = 10", {"wait": "5"}, {"wait": "5"}),
        ("inactivity = 7", {}, {"inactivity": "7"}),
        ('inactivity = "infinity"', {}, {"inactivity": ""}),
        ("max_pause = 9", {}, {"maxpause": "9"}),
        ("server_acks = true", {}, {"ack": "1001"}),
        ("", {"ack": "1"}, {"ack": "1001"}),
        ("", {"hold": "100"}, {"hold": "4", "requests": "5"}),
        ("", {"hold": "0"}, {"hold": "0", "requests": "1"}),
    ],
)
async def test_options_and_wishes_meet(serve_bosh: Serve, options: str, asked: dict[str, str], told: dict[str, str]):
    body = await (await connected(await serve_bosh(options))).create(**asked)
    assert {name: body.get(name) for name in told} == told


@pytest.mark.parametrize(
    ("attrs", "expected"),
    [
        ({"to": "elsewhere"}, "host-unknown"),
        ({"to": ""}, "improper-addressing"),
        ({"to": "a@b"}, "improper-addressing"),
        ({"wait": "long"}, "bad-request"),
        ({"hold": "-1"}, "bad-request"),
        ({"sid": "unknown"}, "item-not-found"),
    ],
)
async def test_sessions_that_cannot_be(serve_bosh: Serve, attrs: dict[str, str], expected: str):
    body = await (await connected(await serve_bosh())).create(**attrs)
    assert (body.get("type"), body.get("condition")) == ("terminate", expected)


async def test_without_the_module_there_are_no_sessions_and_those_there_were_end(serve_bosh: Serve):
    server = await serve_bosh()
    client = await created(server)
    await server.stop_module("mod_bosh")
    assert (await client.post()).get("condition") == "system-shutdown"
    other = await (await connected(server)).create()
    assert other.get("condition") == "host-unknown"


@pytest.mark.parametrize(
    "text",
    [
        "", "<body", "nothing", "<html/>", f"<body xmlns='{ns.HTTPBIND}'/>", f"<body xmlns='{ns.HTTPBIND}' rid='x'/>",
        f"<body xmlns='{ns.HTTPBIND}' rid='{2**53}'/>", "<body xmlns='other' rid='1' to='localhost'/>",
        f"<!DOCTYPE body [<!ENTITY b 'c'>]><body xmlns='{ns.HTTPBIND}' rid='1' to='localhost'>&b;</body>",
        f"<body xmlns='{ns.HTTPBIND}' rid='1' to='localhost'><!-- hello --></body>",
        f"<body xmlns='{ns.HTTPBIND}' rid='1' to='localhost'><?a b?></body>",
    ],
)  # fmt: skip
async def test_what_is_no_request_is_refused(serve_bosh: Serve, text: str):
    client = await connected(await serve_bosh())
    body = await client.post_text(text)
    assert (client.status, body.get("type"), body.get("condition")) == (400, "terminate", "bad-request")


async def test_a_body_too_large_is_refused(serve_bosh: Serve):
    client = await connected(await serve_bosh())
    body = io.BytesIO(b"<body>" + b"a" * (4 * 1024 * 1024))
    async with client._http.post(f"http://127.0.0.1:{client.port}/http-bind", data=body) as response:
        assert response.status == 413


async def test_web_pages_of_other_sites_may_use_it(serve_bosh: Serve):
    server = await serve_bosh()
    origin = {"Origin": "https://chat.example", "Host": "localhost"}
    asked = await server.http("OPTIONS", "/http-bind", headers=origin | {"Access-Control-Request-Method": "POST"})
    assert asked.status == 204
    assert asked.headers["Access-Control-Allow-Origin"] == "*"
    assert "POST" in asked.headers["Access-Control-Allow-Methods"]
    assert asked.headers["Access-Control-Allow-Headers"] == "Content-Type"
    client = await created(server)
    assert client.headers["Access-Control-Allow-Origin"] == "*"


async def test_other_methods_paths_and_rebound_names_are_refused(serve_bosh: Serve):
    server = await serve_bosh()
    assert (await server.http("GET", "/http-bind")).status == 405
    assert (await server.http("POST", "/http-bind/x", b"")).status == 404
    evil = {"Host": "evil.example", "Origin": "http://evil.example"}
    assert (await server.http("POST", "/http-bind", b"", headers=evil)).status == 403


# --- requests -----------------------------------------------------------------------------------------------------


async def test_an_empty_request_waits_and_is_answered_empty(serve_bosh: Serve):
    server = await serve_bosh()
    client = await created(server, wait="20")
    waiting = asyncio.create_task(client.post())
    await held(server, client, 1)
    await server.clock.elapse(20.001)
    body = await waiting
    assert (body.get("type"), body.children) == ("", [])


async def held(server: Server, client: BoshClient, count: int) -> None:
    """Wait until the session holds so many requests."""
    for _ in range(100):
        session = session_of(server, client)
        if len(session._held) + len(session._early) == count:
            return
        await server.http("GET", "/health/live")
    raise AssertionError(f"the session does not hold {count} requests")


def session_of(server: Server, client: BoshClient):
    bosh = server.app.listeners._bosh
    assert bosh is not None
    found = bosh.find(client.sid)
    assert found is not None
    return found


async def test_a_second_request_has_the_first_answered(serve_bosh: Serve):
    server = await serve_bosh()
    client = await created(server)
    first = asyncio.create_task(client.post())
    await held(server, client, 1)
    second = asyncio.create_task(client.post())
    assert (await first).children == []
    await held(server, client, 1)
    assert not second.done()
    second.cancel()


async def test_a_request_that_is_sent_again_gets_the_same_response(serve_bosh: Serve):
    client = await created(await serve_bosh())
    first = await client.post(f"<auth xmlns='{ns.SASL}' mechanism='NONE'/>")
    again = await client.post(rid=client.rid)
    assert first.payload is not None
    assert first.payload.name == "failure"
    assert again == first


async def test_a_waiting_request_that_is_sent_again_takes_the_place_of_the_first(serve_bosh: Serve):
    server = await serve_bosh()
    client = await created(server)
    first = asyncio.create_task(client.post())
    await held(server, client, 1)
    again = asyncio.create_task(client.post(rid=client.rid))
    assert (await first).children == []
    answer = asyncio.create_task(client.post(f"<auth xmlns='{ns.SASL}' mechanism='NONE'/>"))
    got = await again
    assert got.payload is not None
    assert got.payload.name == "failure"
    answer.cancel()


async def test_requests_are_taken_in_the_order_of_their_ids(serve_bosh: Serve):
    server = await serve_bosh()
    client = await created(server, hold="2")
    base = client.rid
    iq = "<iq xmlns='jabber:client' type='get' id='{}'><a xmlns='b'/></iq>"
    late = asyncio.create_task(client.post(iq.format("second"), rid=base + 2))
    await held(server, client, 1)
    early = asyncio.create_task(client.post(iq.format("first"), rid=base + 1))
    got = await early
    assert [child.get("id") for child in got.elements()] == ["first", "second"]
    late.cancel()


async def test_a_gap_that_is_not_filled_ends_the_session(serve_bosh: Serve):
    server = await serve_bosh()
    client = await created(server, hold="2")
    late = asyncio.create_task(client.post(rid=client.rid + 2))
    await held(server, client, 1)
    await server.clock.elapse(30.001)
    assert (await late).get("condition") == "item-not-found"


@pytest.mark.parametrize("distance", [-5, 3, 1000])
async def test_an_id_outside_the_window_ends_the_session(serve_bosh: Serve, distance: int):
    client = await created(await serve_bosh())
    body = await client.post(rid=client.rid + distance)
    assert (body.get("type"), body.get("condition")) == ("terminate", "item-not-found")
    assert (await client.post()).get("condition") == "item-not-found"


async def test_acknowledgements_name_the_last_request_that_came(serve_bosh: Serve):
    server = await serve_bosh("server_acks = true")
    client = await created(server)
    first = asyncio.create_task(client.post())
    await held(server, client, 1)
    second = asyncio.create_task(client.post())
    assert (await first).get("ack") == str(client.rid)
    second.cancel()


async def test_keys_prove_that_requests_come_from_the_same_client(serve_bosh: Serve):
    def hashed(text: str) -> str:
        return hashlib.sha1(text.encode()).hexdigest()

    keys = ["seed"]
    for _ in range(3):
        keys.append(hashed(keys[-1]))
    client = await created(await serve_bosh(), newkey=keys[3], hold="0")
    assert (await client.post("<iq xmlns='jabber:client' type='get' id='1'/>", key=keys[2])).get("type") == ""
    assert (await client.post("<iq xmlns='jabber:client' type='get' id='1'/>", key=keys[1])).get("type") == ""
    assert (await client.post(key="guessed")).get("condition") == "item-not-found"


async def test_polling_too_often_ends_the_session(serve_bosh: Serve):
    server = await serve_bosh()
    client = await created(server, hold="0")
    assert (await client.post()).get("type") == ""
    await server.clock.elapse(5.001)
    assert (await client.post()).get("type") == ""
    assert (await client.post()).get("condition") == "policy-violation"


async def test_a_client_may_pause_and_come_back(serve_bosh: Serve):
    server = await serve_bosh("inactivity = 5")
    client = await created(server)
    waiting = asyncio.create_task(client.post())
    await held(server, client, 1)
    assert (await client.post(pause="20")).children == []
    assert (await waiting).children == []
    await server.clock.elapse(15)
    got = await client.post(f"<auth xmlns='{ns.SASL}' mechanism='NONE'/>")
    assert got.payload is not None
    await server.clock.elapse(5.001)
    assert (await client.post()).get("condition") == "item-not-found"


async def test_a_pause_that_is_too_long_ends_the_session(serve_bosh: Serve):
    client = await created(await serve_bosh())
    assert (await client.post(pause="121")).get("condition") == "policy-violation"


# --- the end ------------------------------------------------------------------------------------------------------


async def test_a_client_says_good_bye_with_its_last_stanzas(serve_bosh: Serve):
    server = await serve_bosh()
    juliet = await server.online("juliet")
    romeo = await bound(server, "romeo")
    romeo.send("<presence to='juliet@localhost/r1'/>")
    await juliet.expect("presence", from_="romeo@localhost/web")
    body = await romeo.post("<presence xmlns='jabber:client' type='unavailable'/>", type="terminate")
    assert body.get("type") == "terminate"
    assert body.get("condition") == ""
    await juliet.expect("presence", from_="romeo@localhost/web", type="unavailable")


async def test_silence_ends_the_session(serve_bosh: Serve):
    server = await serve_bosh("inactivity = 10")
    juliet = await server.online("juliet")
    await server.register("romeo")
    romeo = await connected(server)
    await romeo.login("romeo", PASSWORD, "web")
    romeo.send("<presence to='juliet@localhost/r1'/>")
    await juliet.expect("presence", from_="romeo@localhost/web")
    await romeo.close()
    await server.clock.elapse(60.001)  # the request that waits is answered, to nobody
    await server.clock.elapse(10.001)
    await juliet.expect("presence", from_="romeo@localhost/web", type="unavailable")


async def test_who_does_not_log_in_is_sent_away(serve_bosh: Serve):
    server = await serve_bosh()
    client = await created(server, wait="100")
    waiting = asyncio.create_task(client.post())
    await held(server, client, 1)
    await server.clock.elapse(60.001)
    body = await waiting
    assert body.get("condition") == "remote-stream-error"
    assert body.payload is not None
    assert condition(body.payload) == "connection-timeout"


async def test_a_kick_ends_with_the_stream_error(serve_bosh: Serve):
    server = await serve_bosh(modules="[modules.mod_commands]")
    romeo = await bound(server, "romeo")
    assert (await server.api.delete("/sessions/localhost/romeo/web")).status == 204
    error = await romeo.next_event()
    assert isinstance(error, Element)
    assert (error.ns, condition(error)) == (ns.STREAMS, "conflict")
    await romeo.closed()


async def test_the_last_words_wait_for_a_request(serve_bosh: Serve):
    server = await serve_bosh()
    client = await created(server)
    session_of(server, client).stream.shut_down()
    body = await client.post()
    assert (body.get("type"), body.get("condition")) == ("terminate", "remote-stream-error")
    assert body.payload is not None
    assert condition(body.payload) == "system-shutdown"
    assert (await client.post()).get("condition") == "item-not-found"


async def test_a_stop_of_the_server_tells_every_client(serve_bosh: Serve):
    server = await serve_bosh()
    romeo = await bound(server, "romeo")
    stopping = asyncio.ensure_future(server.app.stop())
    assert condition(await romeo.stream_error()) == "system-shutdown"
    assert romeo.code == "system-shutdown"
    await stopping


async def test_a_stanza_too_large_before_login_ends_the_session(serve_bosh: Serve):
    client = await created(await serve_bosh())
    body = await client.post(f"<auth xmlns='{ns.SASL}' mechanism='PLAIN'>{'a' * 80000}</auth>")
    assert body.payload is not None
    assert condition(body.payload) == "policy-violation"


async def test_a_forged_sender_is_refused_as_over_tcp(serve_bosh: Serve):
    romeo = await bound(await serve_bosh(), "romeo")
    romeo.send("<message from='juliet@localhost/r1' to='romeo@localhost/web'><body>hi</body></message>")
    assert condition(await romeo.stream_error()) == "invalid-from"


async def test_a_session_is_resumed_over_bosh(serve_bosh: Serve):
    server = await serve_bosh(modules="[modules.mod_stream_management]\nack_freq = 50")
    await server.register("romeo")
    first = await server.client("romeo")
    first.send(f"<enable xmlns='{ns.STREAM_MANAGEMENT}' resume='true'/>")
    resume_id = (await first.expect("enabled")).get("id")
    again = await connected(server)
    await again.open_stream()
    await again.authenticate("romeo", PASSWORD)
    await again.restart_stream()
    again.send(f"<resume xmlns='{ns.STREAM_MANAGEMENT}' previd='{resume_id}' h='0'/>")
    await again.expect("resumed", previd=resume_id)
