"""The start and the end of a stream (RFC 6120 §4; xmpp-behaviour, sections 1.1 and 1.2)."""

from __future__ import annotations

import asyncio
import base64

import pytest

from mim.xmpp import ns
from mim.xmpp.element import Element
from mim.xmpp.parser import StreamEnd, StreamHeader
from tests.client import Client
from tests.harness import PASSWORD

HEADER = (
    "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'"
    " to='localhost' version='1.0'>"
)


async def refused(client: Client, opening: str) -> Element:
    """Send *opening*; a header, a stream error, the end and the close must come. Return the error."""
    client.send(opening)
    header = await client.next_event()
    assert isinstance(header, StreamHeader), header
    return await client.stream_error()


def condition(error: Element) -> str:
    return next(error.elements(ns.STREAM_ERRORS)).name


@pytest.fixture
async def server(serve):
    return await serve(admin=None)


@pytest.fixture
async def client(server):
    async with Client(server.port) as client:
        yield client


async def test_header_is_answered_with_a_header_of_its_own_id(client, server):
    await client.open_stream()
    first = client.header.attrs
    assert first["from"] == "localhost"
    assert first["version"] == "1.0"
    assert first["xml:lang"] == "en"
    async with Client(server.port) as other:
        await other.open_stream()
        assert other.header.attrs["id"] != first["id"]


@pytest.mark.parametrize(
    ("opening", "expected"),
    [
        (HEADER.replace("localhost", "elsewhere"), "host-unknown"),
        (HEADER.replace(" to='localhost'", ""), "host-unknown"),
        (HEADER.replace("http://etherx.jabber.org/streams", "urn:wrong"), "invalid-namespace"),
        (HEADER.replace("jabber:client", "jabber:server"), "invalid-namespace"),
        (HEADER.replace(" version='1.0'", ""), "unsupported-version"),
        (HEADER.replace("'1.0'", "'0.9'"), "unsupported-version"),
        ("hello?", "xml-not-well-formed"),
        ("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", "xml-not-well-formed"),
        ("<a b=></a>", "xml-not-well-formed"),
        ("<!DOCTYPE a [<!ENTITY b 'c'>]>" + HEADER, "restricted-xml"),
        ("<?xml version='1.0' encoding='latin-1'?>" + HEADER, "unsupported-encoding"),
    ],
)
async def test_bad_opening_gets_a_header_and_an_error(client, opening, expected):
    assert condition(await refused(client, opening)) == expected


@pytest.mark.parametrize(
    ("after", "expected"),
    [
        ("<a b='1' b='2'/>", "xml-not-well-formed"),
        ("<a>\x01</a>", "xml-not-well-formed"),
        (b"<a>\xff\xfe</a>", "xml-not-well-formed"),
        ("<a>&undefined;</a>", "xml-not-well-formed"),
        ("<!-- comment --><a/>", "restricted-xml"),
        ("<?target data?><a/>", "restricted-xml"),
        ("text between stanzas<a/>", "bad-format"),
        ("<message xmlns='urn:foreign'/>", "unsupported-stanza-type"),
        ("<a>" * 100 + "</a>" * 100, "policy-violation"),
        (f"<a {' '.join(f'a{n}=0' for n in range(100))}/>".replace("=0", "='0'"), "policy-violation"),
        ("<message>" + "x" * 70_000, "policy-violation"),
    ],
)
async def test_bad_xml_before_login_ends_the_stream(client, after, expected):
    await client.open_stream()
    client.send(after)
    assert condition(await client.stream_error()) == expected


async def test_hidden_service_says_nothing_to_garbage(serve):
    server = await serve(admin=None, general="hide_service_name = true")
    async with Client(server.port) as client:
        client.send("hello?>")
        assert await client.next_event() is None
    async with Client(server.port) as client:  # who speaks XMPP is answered
        await client.open_stream()


async def test_stanza_over_the_limit_ends_the_stream(serve):
    server = await serve(admin=None, c2s="max_stanza_size = 2000")
    romeo = await server.online("romeo")
    romeo.send(f"<message to='romeo@localhost'><body>{'x' * 3000}</body></message>")
    error = await romeo.stream_error()
    assert condition(error) == "policy-violation"
    assert error.child_text(ns.STREAM_ERRORS, "text") == "child element too big"


async def test_closing_tag_is_answered(server):
    romeo = await server.client("romeo")
    romeo.send("</stream:stream>")
    assert isinstance(await romeo.next_event(), StreamEnd)
    assert await romeo.next_event() is None


async def test_client_that_does_not_log_in_is_cut_off(server):
    listener = server.app.c2s[0]
    object.__setattr__(listener.options, "login_seconds", 0.05)
    async with Client(server.port) as client:
        client.send(HEADER)
        await client.next_event()
        await client.next_event()
        assert await client.next_event() is None  # without a word


async def test_stop_tells_clients(serve):
    server = await serve(admin=None)
    romeo = await server.client("romeo")
    async with Client(server.port) as stranger:
        await stranger.open_stream()
        await server.app.stop()
        assert condition(await romeo.stream_error()) == "system-shutdown"
        assert condition(await stranger.stream_error()) == "system-shutdown"


async def test_error_texts_are_in_the_language_of_the_client(server):
    for lang, expected in (("de", "de"), ("", "en")):
        romeo = await server.client("romeo", **({"xml_lang": lang} if lang else {}))
        romeo.send("<message from='other@localhost'/>")
        error = await romeo.stream_error()
        assert condition(error) == "invalid-from"
        assert all(text.get("xml:lang") == expected for text in error.elements(ns.STREAM_ERRORS, "text"))


# --- features -----------------------------------------------------------------------------------------------------


def names(features: Element) -> list[str]:
    return [child.name for child in features.elements()]


@pytest.mark.parametrize(
    ("tls", "expected"),
    [
        (None, ["mechanisms"]),
        ('mode = "starttls"', ["starttls", "mechanisms"]),
        ('mode = "starttls_required"', ["starttls"]),
    ],
)
async def test_features_before_login(serve, tls, expected):
    server = await serve(admin=None, c2s_tls=tls)
    async with Client(server.port) as client:
        features = await client.open_stream()
        assert names(features) == expected
        required = [child for child in features.elements(ns.TLS) if child.find(ns.TLS, "required")]
        assert len(required) == (tls == 'mode = "starttls_required"')


async def test_features_after_login_are_bind_and_optional_session(server, client):
    await server.register("romeo")
    await client.open_stream()
    await client.authenticate("romeo", PASSWORD)
    features = await client.restart_stream()
    assert names(features) == ["bind", "session"]
    assert features.find(ns.SESSION, "session").find(ns.SESSION, "optional") is not None


async def test_iq_before_login_is_refused_and_the_rest_dropped(client):
    await client.open_stream()
    client.send("<message to='romeo@localhost'><body>psst</body></message>")
    client.send("<iq type='get' id='a'><x xmlns='urn:x'/></iq>")
    answer = await client.expect("iq", type="error", id="a")
    error = answer.find(ns.CLIENT, "error")
    assert error.find(ns.STANZA_ERRORS, "service-unavailable") is not None
    assert error.child_text(ns.STANZA_ERRORS, "text") == "Forbidden unauthenticated stanza"


async def test_everything_in_one_packet_works(server):
    await server.register("romeo")
    plain = base64.b64encode(f"\0romeo\0{PASSWORD}".encode()).decode()
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(
        (
            f"{HEADER}<auth xmlns='{ns.SASL}' mechanism='PLAIN'>{plain}</auth>{HEADER}"
            f"<iq type='set' id='b'><bind xmlns='{ns.BIND}'><resource>x</resource></bind></iq>"
            f"<iq type='set' id='s'><session xmlns='{ns.SESSION}'/></iq><presence/>"
        ).encode()
    )
    text = (await asyncio.wait_for(reader.readuntil(b"<presence"), 10)).decode()
    assert text.index("<success") < text.index("id='b'") < text.index("id='s'") < text.index("<presence")
    writer.close()
