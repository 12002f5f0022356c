"""XMPP over WebSocket (RFC 7395): the same stream as over TCP, in messages."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Awaitable, Callable
from pathlib import Path

import aiohttp
import pytest

from mim.net.tls import end_point_binding, self_signed
from mim.xmpp import ns
from mim.xmpp.element import Element
from mim.xmpp.parser import StreamEnd, StreamHeader
from tests.client import untrusting_context
from tests.harness import PASSWORD, Server
from tests.web.conftest import bound, connected
from tests.web_clients import WebSocketClient

Serve = Callable[..., Awaitable[Server]]


def condition(error: Element) -> str:
    return next(child.name for child in error.elements(ns.STREAM_ERRORS) if child.name != "text")


async def test_a_client_logs_in_and_chats_with_one_over_tcp(serve_websockets: Serve):
    server = await serve_websockets()
    romeo = await bound(server, "romeo")
    juliet = await server.online("juliet")

    romeo.send("<message to='juliet@localhost' type='chat'><body>hi &amp; ho</body></message>")
    got = await juliet.expect("message", from_="romeo@localhost/web")
    assert got.child_text(ns.CLIENT, "body") == "hi & ho"
    juliet.send("<message to='romeo@localhost/web' type='chat'><body>\u00e9\U0001f600</body></message>")
    got = await romeo.expect("message", from_="juliet@localhost/r1")
    assert got.child_text(ns.CLIENT, "body") == "\u00e9\U0001f600"


async def test_the_stream_opens_with_open_in_place_of_a_header(serve_websockets: Serve):
    client = await connected(await serve_websockets())
    features = await client.open_stream()

    assert isinstance(client.header, StreamHeader)
    assert client.header.attrs["from"] == "localhost"
    assert client.header.attrs["version"] == "1.0"
    assert client.header.attrs["id"]
    assert (features.ns, features.name) == (ns.STREAMS, "features")
    assert features.find(ns.SASL, "mechanisms") is not None
    assert features.find(ns.TLS, "starttls") is None
    assert client.ws.protocol == "xmpp"


async def test_the_messages_are_documents_of_their_own_as_the_rfc_writes_them(serve_websockets: Serve):
    server = await serve_websockets()
    async with aiohttp.ClientSession() as http, http.ws_connect(
        f"http://127.0.0.1:{server.http_port}/ws-xmpp", protocols=["other", "xmpp"]
    ) as ws:
        await ws.send_str(f"<open xmlns='{ns.FRAMING}' to='localhost' version='1.0'/>")
        opened, features = await ws.receive_str(), await ws.receive_str()
        await ws.send_str(f"<close xmlns='{ns.FRAMING}'/>")
        assert await ws.receive_str() == f"<close xmlns='{ns.FRAMING}'/>"
        closing = await ws.receive()
    assert opened.startswith(f"<open xmlns='{ns.FRAMING}' id='")
    assert features.startswith(f"<stream:features xmlns:stream='{ns.STREAMS}'><")
    assert (closing.type, closing.data) == (aiohttp.WSMsgType.CLOSE, 1000)


async def test_a_client_that_says_close_leaves_at_once(serve_websockets: Serve):
    server = await serve_websockets("[modules.mod_stream_management]")
    romeo = await bound(server, "romeo")
    romeo.send(f"<enable xmlns='{ns.STREAM_MANAGEMENT}' resume='true'/>")
    await romeo.expect("enabled")
    romeo.send(f"<close xmlns='{ns.FRAMING}'/>")
    await romeo.closed()
    assert romeo.code == 1000
    assert not list(server.app.server.sessions)


async def test_a_session_is_resumed_on_another_websocket(serve_websockets: Serve):
    server = await serve_websockets("[modules.mod_stream_management]")
    romeo = await bound(server, "romeo")
    romeo.send(f"<enable xmlns='{ns.STREAM_MANAGEMENT}' resume='true'/>")
    resume_id = (await romeo.expect("enabled")).get("id")
    await romeo.ws.close()  # no <close/>: the connection is lost, the stream is not (RFC 7395 §3.6)
    juliet = await server.online("juliet")
    juliet.send("<message to='romeo@localhost/web' type='chat'><body>hi</body></message>")
    await juliet.collect()

    again = await connected(server)
    await again.open_stream()
    await again.authenticate("romeo", PASSWORD)
    await again.restart_stream()
    again.send(f"<resume xmlns='{ns.STREAM_MANAGEMENT}' previd='{resume_id}' h='0'/>")
    await again.expect("resumed", previd=resume_id)
    assert (await again.expect("message")).child_text(ns.CLIENT, "body") == "hi"
    await again.expect("r")


async def test_acknowledgements_are_asked_for_in_messages_of_their_own(serve_websockets: Serve):
    server = await serve_websockets("[modules.mod_stream_management]\nack_freq = 1")
    romeo = await bound(server, "romeo")
    romeo.send(f"<enable xmlns='{ns.STREAM_MANAGEMENT}'/>")
    await romeo.expect("enabled")
    romeo.send("<iq type='get' id='1' to='localhost'><nothing xmlns='urn:test:nothing'/></iq>")
    await romeo.expect("iq", id="1")
    await romeo.expect("r")


async def test_a_kick_closes_with_the_stream_error_and_close(serve_websockets: Serve):
    server = await serve_websockets("[modules.mod_commands]")
    romeo = await bound(server, "romeo")
    assert (await server.api.delete("/sessions/localhost/romeo/web")).status == 204
    assert isinstance(error := await romeo.next_event(), Element)
    assert condition(error) == "conflict"
    assert isinstance(await romeo.next_event(), StreamEnd)
    await romeo.closed()
    assert romeo.code == 1000


async def test_a_stop_of_the_server_tells_every_client(serve_websockets: Serve):
    server = await serve_websockets()
    romeo = await bound(server, "romeo")
    idle = await connected(server)
    stopping = asyncio.ensure_future(server.app.stop())
    assert condition(await romeo.stream_error()) == "system-shutdown"
    assert isinstance(await idle.next_event(), StreamHeader)
    assert condition(await idle.stream_error()) == "system-shutdown"
    assert (romeo.code, idle.code) == (1001, 1001)
    await stopping


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("<message xmlns='jabber:client'/>", "not-authorized"),
        (f"<stream:stream xmlns='jabber:client' xmlns:stream='{ns.STREAMS}' to='localhost'/>", "not-authorized"),
        (f"<open xmlns='{ns.FRAMING}' to='elsewhere' version='1.0'/>", "host-unknown"),
        (f"<open xmlns='{ns.FRAMING}' to='localhost'/>", "unsupported-version"),
        (f"<opened xmlns='{ns.FRAMING}' to='localhost'/>", "bad-format"),
        ("<open", "xml-not-well-formed"),
        ("</x>", "xml-not-well-formed"),
        ("text", "xml-not-well-formed"),
        ("<a xmlns='b'/><c xmlns='d'/>", "bad-format"),
        ("<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>", "restricted-xml"),
        ("<!-- hello --><a xmlns='b'/>", "restricted-xml"),
        ("<?target data?><a xmlns='b'/>", "restricted-xml"),
    ],
)
async def test_what_opens_no_stream_is_told_so(serve_websockets: Serve, message: str, expected: str):
    client = await connected(await serve_websockets())
    client.send_frame(message)
    assert isinstance(await client.next_event(), StreamHeader)
    assert condition(await client.stream_error()) == expected


async def test_a_stream_is_opened_once(serve_websockets: Serve):
    client = await connected(await serve_websockets())
    await client.open_stream()
    client.send(f"<open xmlns='{ns.FRAMING}' to='localhost' version='1.0'/>")
    assert condition(await client.stream_error()) == "unsupported-stanza-type"


async def test_blanks_keep_the_connection_alive_and_say_nothing(serve_websockets: Serve):
    romeo = await bound(await serve_websockets(), "romeo")
    romeo.send_frame(" ")
    romeo.send_frame("")
    await romeo.expect_nothing()


async def test_a_forged_sender_is_refused_as_over_tcp(serve_websockets: Serve):
    server = await serve_websockets()
    romeo = await bound(server, "romeo")
    romeo.send("<message from='juliet@localhost/r1' to='romeo@localhost/web'><body>hi</body></message>")
    assert condition(await romeo.stream_error()) == "invalid-from"


async def test_starttls_is_refused(serve_websockets: Serve):
    client = await connected(await serve_websockets())
    await client.open_stream()
    client.send(f"<starttls xmlns='{ns.TLS}'/>")
    await client.expect("failure")
    await client.closed()


async def test_over_tls_the_stream_is_encrypted_and_can_be_bound_to_it(serve_websockets: Serve, tmp_path: Path):
    pem, _ = self_signed(tmp_path, ["localhost"])
    server = await serve_websockets(tls=f'[listen.http.tls]\ncertfile = "{pem}"')
    await server.register("romeo")
    romeo = await connected(server, tls=untrusting_context())
    features = await romeo.open_stream()
    offered = [child.text for mechanisms in features.elements(ns.SASL) for child in mechanisms.elements()]
    assert "SCRAM-SHA-256-PLUS" in offered
    start = base64.b64encode(b"p=tls-server-end-point,,n=romeo,r=abcdef").decode()
    romeo.send(f"<auth xmlns='{ns.SASL}' mechanism='SCRAM-SHA-256-PLUS'>{start}</auth>")
    await romeo.expect("challenge")
    romeo.send(f"<abort xmlns='{ns.SASL}'/>")
    await romeo.expect("failure")
    await romeo.authenticate("romeo", PASSWORD)
    await romeo.restart_stream()
    await romeo.bind("web")
    (session,) = server.app.server.sessions
    assert session.connection.is_encrypted
    assert len(end_point_binding(pem)) == 32


async def test_a_handler_answers_at_its_own_path_only(serve_websockets: Serve):
    server = await serve_websockets()
    with pytest.raises(aiohttp.WSServerHandshakeError) as refusal:
        await connected_at(server, "/ws-xmpp/below")
    assert refusal.value.status == 404
    client = await connected_at(server, "/ws-xmpp/")
    await client.open_stream()


async def connected_at(server: Server, path: str) -> WebSocketClient:
    client = WebSocketClient(server.http_port)
    client.path = path
    try:
        await client.connect()
    except BaseException:
        await client._http.close()
        raise
    server.keep(client)
    return client
