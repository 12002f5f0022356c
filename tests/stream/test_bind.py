"""Resource binding and conflicts (RFC 6120 §7; xmpp-behaviour, section 1.4), TLS, addressing (section 0)."""

from __future__ import annotations

import asyncio
import ssl
import warnings

import pytest

from mim.xmpp import ns
from mim.xmpp.element import Element
from tests.client import Client, untrusting_context
from tests.harness import PASSWORD


def error_of(answer: Element) -> tuple[str, str]:
    error = answer.find(ns.CLIENT, "error")
    assert error is not None, answer
    return error.get("type"), next(error.elements(ns.STANZA_ERRORS)).name


@pytest.fixture
async def server(serve):
    return await serve(admin=None)


async def authenticated(server, user: str = "romeo") -> Client:
    client = Client(server.port)
    await client.connect()
    server.keep(client)
    await client.open_stream()
    await client.authenticate(user, PASSWORD)
    await client.restart_stream()
    return client


async def test_a_resource_is_made_up_when_none_is_asked_for(server):
    first, second = await server.client("romeo", None), await server.client("romeo", None)
    assert first.jid.resource != second.jid.resource
    assert len(first.jid.resource) >= 8


async def test_invalid_resource_is_refused_and_another_may_follow(server):
    await server.register("romeo")
    client = await authenticated(server)
    client.send(f"<iq type='set' id='b'><bind xmlns='{ns.BIND}'><resource>{'x' * 2000}</resource></bind></iq>")
    assert error_of(await client.expect("iq", type="error", id="b")) == ("modify", "bad-request")
    assert str(await client.bind("good")) == "romeo@localhost/good"


async def test_stanza_before_bind_does_not_go_anywhere(server):
    juliet = await server.online("juliet")
    await server.register("romeo")
    client = await authenticated(server)
    client.send("<message to='juliet@localhost'><body>early</body></message>")
    assert (await client.stream_error()).find(ns.STREAM_ERRORS, "not-authorized") is not None
    await juliet.expect_nothing()


async def test_same_full_jid_replaces_the_old_session(server):
    old, other = await server.online("romeo", "same"), await server.online("romeo", "other")
    await old.collect()
    await other.collect()

    await server.online("romeo", "same")

    error = await old.stream_error()
    assert error.find(ns.STREAM_ERRORS, "conflict") is not None
    assert error.child_text(ns.STREAM_ERRORS, "text") == "Replaced by new connection"
    gone = await other.expect("presence", type="unavailable", from_="romeo@localhost/same")
    assert gone.child_text(ns.CLIENT, "status") == "Replaced by new connection"
    await other.expect("presence", from_="romeo@localhost/same")


async def test_oldest_session_makes_room_when_there_are_too_many(server):
    oldest = await server.client("romeo", "r0")
    clients = [await server.client("romeo", f"r{number}") for number in range(1, 100)]
    assert len(clients) == 99
    await server.client("romeo", "one more")
    assert (await oldest.stream_error()).find(ns.STREAM_ERRORS, "conflict") is not None
    assert len(server.app.server.sessions) == 100


async def test_session_iq_is_answered_although_there_is_nothing_to_do(server):
    romeo = await server.client("romeo")
    romeo.send(f"<iq type='set' id='s'><session xmlns='{ns.SESSION}'/></iq>")
    await romeo.expect("iq", type="result", id="s")


# --- addressing ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("claimed", ["juliet@localhost", "romeo@localhost/other", "localhost", "a@b@c"])
async def test_a_from_that_is_not_ones_own_ends_the_stream(server, claimed):
    juliet = await server.online("juliet")
    romeo = await server.client("romeo")
    romeo.send(f"<message from='{claimed}' to='juliet@localhost'><body>forged</body></message>")
    assert (await romeo.stream_error()).find(ns.STREAM_ERRORS, "invalid-from") is not None
    await juliet.expect_nothing()


@pytest.mark.parametrize("claimed", ["romeo@localhost", "romeo@localhost/r1", "ROMEO@LOCALHOST"])
async def test_ones_own_from_is_stamped_with_the_full_jid(server, claimed):
    juliet, romeo = await server.online("juliet"), await server.client("romeo")
    romeo.send(f"<message from='{claimed}' to='Juliet@Localhost' type='chat'><body>me</body></message>")
    await juliet.expect("message", from_="romeo@localhost/r1", to="juliet@localhost")


@pytest.mark.parametrize(
    ("stanza", "expected"),
    [
        ("<iq type='get' id='%s' to='localhost'><x xmlns='urn:x'/></iq>", ("cancel", "feature-not-implemented")),
        ("<iq type='get' id='%s' to='juliet@localhost'><x xmlns='urn:x'/></iq>", ("cancel", "service-unavailable")),
        ("<iq type='get' id='%s' to='juliet@localhost/no'><x xmlns='urn:x'/></iq>", ("cancel", "service-unavailable")),
        ("<iq type='get' id='%s' to='localhost'/>", ("modify", "bad-request")),
        ("<iq type='get' id='%s' to='localhost'><a xmlns='urn:a'/><b xmlns='urn:b'/></iq>", ("modify", "bad-request")),
        ("<iq type='what' id='%s' to='localhost'><a xmlns='urn:a'/></iq>", ("modify", "bad-request")),
        ("<iq type='get' id='%s' to='a@b@c'><a xmlns='urn:a'/></iq>", ("modify", "jid-malformed")),
        ("<iq type='get' id='%s' to='else.example'><a xmlns='urn:a'/></iq>", ("cancel", "remote-server-not-found")),
    ],
)
async def test_iq_that_cannot_be_served_gets_its_error(server, stanza, expected):
    await server.register("juliet")
    romeo = await server.client("romeo")
    answer = await romeo.request(stanza)
    assert answer.get("type") == "error"
    assert error_of(answer) == expected


async def test_results_and_errors_are_never_answered(server):
    romeo = await server.client("romeo")
    for kind in ("result", "error"):
        romeo.send(f"<iq type='{kind}' id='x' to='localhost'><x xmlns='urn:x'/></iq>")
        romeo.send(f"<iq type='{kind}' id='x' to='nobody@localhost/x'/>")
    romeo.send("<message type='error' to='nobody@localhost'><body>x</body></message>")
    await romeo.expect_nothing()


async def test_message_to_nobody_comes_back_with_its_body(server):
    romeo = await server.client("romeo")
    romeo.send("<message to='nobody@localhost' id='m' type='chat'><body>hello?</body></message>")
    back = await romeo.expect("message", type="error", id="m", from_="nobody@localhost")
    assert error_of(back) == ("cancel", "service-unavailable")
    assert back.child_text(ns.CLIENT, "body") == "hello?"


async def test_own_delay_is_taken_out_and_the_language_filled_in(server):
    juliet, romeo = await server.online("juliet"), await server.client("romeo", xml_lang="it")
    romeo.send(
        "<message to='juliet@localhost' type='chat'><body>old</body>"
        "<delay xmlns='urn:xmpp:delay' stamp='2001-01-01T00:00:00Z'/></message>"
    )
    got = await juliet.expect("message")
    assert not got.has_namespace(ns.DELAY)
    assert got.get("xml:lang") == "it"


# --- TLS ----------------------------------------------------------------------------------------------------------


async def test_direct_tls(serve):
    server = await serve(admin=None, c2s_tls='mode = "tls"')
    await server.register("romeo")
    async with await Client(server.port).connect(tls=untrusting_context()) as client:
        await client.login("romeo", PASSWORD)
        assert client.ssl_object.version() in ("TLSv1.2", "TLSv1.3")


async def test_old_tls_is_refused(serve):
    server = await serve(admin=None, c2s_tls='mode = "tls"')
    context = untrusting_context()
    context.set_ciphers("ALL:@SECLEVEL=0")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = ssl.TLSVersion.TLSv1
        context.maximum_version = ssl.TLSVersion.TLSv1_1
    with pytest.raises((ssl.SSLError, ConnectionError)):
        await Client(server.port).connect(tls=context)


async def test_what_is_sent_in_clear_behind_starttls_is_thrown_away(serve):
    server = await serve(admin=None, c2s_tls='mode = "starttls_required"')
    await server.register("romeo")
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    header = (
        "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'"
        " to='localhost' version='1.0'>"
    )
    behind = f"{header}<auth xmlns='{ns.SASL}' mechanism='PLAIN'>=</auth>"
    writer.write(f"{header}<starttls xmlns='{ns.TLS}'/>{behind}".encode())
    await reader.readuntil(b"<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>")
    await writer.start_tls(untrusting_context(), server_hostname="localhost")
    writer.write(header.encode())
    answer = (await reader.readuntil(b"</stream:features>")).decode()
    assert "failure" not in answer
    writer.close()


async def test_garbage_instead_of_a_handshake_hurts_nobody(serve):
    server = await serve(admin=None, c2s_tls="")
    async with Client(server.port) as client:
        await client.open_stream()
        client.send(f"<starttls xmlns='{ns.TLS}'/>")
        await client.expect("proceed")
        client.send(b"this is no client hello\r\n" * 10)
        while await client.next_event() is not None:
            pass
    romeo = await server.client("romeo")
    await romeo.expect_nothing()
