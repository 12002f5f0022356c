"""SASL (RFC 6120 §6, RFC 5802, RFC 4616; xmpp-behaviour, section 1.3), against another implementation of SCRAM."""

from __future__ import annotations

import base64
import hashlib
import ssl

import pytest
from scramp import ScramClient

from mim.xmpp import ns
from mim.xmpp.element import Element
from mim.xmpp.jid import JID
from tests.client import Client, StreamClosed, untrusting_context
from tests.harness import PASSWORD

ITERATIONS = 4096
"""The least that scramp agrees to."""


def b64(data: str | bytes) -> str:
    return base64.b64encode(data.encode() if isinstance(data, str) else data).decode()


def offered(features: Element) -> list[str]:
    mechanisms = features.find(ns.SASL, "mechanisms")
    assert mechanisms is not None
    return [mechanism.text for mechanism in mechanisms.elements()]


async def plain(client: Client, data: str) -> Element:
    client.send(f"<auth xmlns='{ns.SASL}' mechanism='PLAIN'>{b64(data)}</auth>")
    return await client.next()


def failure(answer: Element) -> str:
    assert answer.name == "failure", answer
    return next(answer.elements(ns.SASL)).name


async def scram(client: Client, mechanism: str, user: str, password: str, binding: object = None) -> Element:
    """Go through an exchange with scramp as the client; return what the server says last, checked by scramp."""
    made = ScramClient([mechanism], user, password, channel_binding=binding)
    client.send(f"<auth xmlns='{ns.SASL}' mechanism='{mechanism}'>{b64(made.get_client_first())}</auth>")
    answer = await client.next()
    if answer.name != "challenge":
        return answer
    made.set_server_first(base64.b64decode(answer.text).decode())
    client.send(f"<response xmlns='{ns.SASL}'>{b64(made.get_client_final())}</response>")
    answer = await client.next()
    if answer.name == "success":
        made.set_server_final(base64.b64decode(answer.text).decode())
    return answer


@pytest.fixture
async def server(serve):
    server = await serve(admin=None, iterations=ITERATIONS)
    await server.register("romeo")
    return server


@pytest.fixture
async def client(server):
    async with Client(server.port) as client:
        await client.open_stream()
        yield client


async def test_mechanisms_are_offered_strongest_first(serve):
    text = """
[general]
hosts = ["localhost"]
default_server_domain = "localhost"
[auth.internal]
[auth.password]
scram_iterations = 4096
[[listen.c2s]]
port = 0
ip_address = "127.0.0.1"
[listen.c2s.tls]
self_signed = true
"""
    server = await serve(text=text)
    hashes = ("SCRAM-SHA-512", "SCRAM-SHA-384", "SCRAM-SHA-256", "SCRAM-SHA-224", "SCRAM-SHA-1")
    async with Client(server.port) as client:
        assert offered(await client.open_stream()) == [*hashes, "PLAIN"]
        assert offered(await client.starttls()) == [
            *(name for hash in hashes for name in (f"{hash}-PLUS", hash)),
            "PLAIN",
        ]


async def test_the_file_chooses_and_orders_mechanisms(serve):
    server = await serve(admin=None, auth='sasl_mechanisms = ["plain", "scram_sha1", "scram_sha512"]')
    async with Client(server.port) as client:
        # SHA-512 is not among the hashes that passwords are stored in.
        assert offered(await client.open_stream()) == ["PLAIN", "SCRAM-SHA-1"]


@pytest.mark.parametrize("mechanism", ["SCRAM-SHA-1", "SCRAM-SHA-256"])
async def test_scram(client, mechanism):
    assert (await scram(client, mechanism, "romeo", PASSWORD)).name == "success"
    await client.restart_stream()
    assert str((await client.bind("x")).bare) == "romeo@localhost"


@pytest.mark.parametrize("mechanism", ["SCRAM-SHA-1-PLUS", "SCRAM-SHA-256-PLUS"])
@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
async def test_scram_plus_binds_to_the_tls_channel(serve, mechanism, version):
    server = await serve(admin=None, c2s_tls="", iterations=ITERATIONS)
    await server.register("romeo")
    context = untrusting_context()
    context.maximum_version = version
    async with Client(server.port) as client:
        await client.open_stream()
        assert mechanism in offered(await client.starttls(context))
        certificate = client.ssl_object.getpeercert(binary_form=True)
        binding = ("tls-server-end-point", hashlib.sha256(certificate).digest())
        wrong = ("tls-server-end-point", b"of another certificate")
        assert failure(await scram(client, mechanism, "romeo", PASSWORD, wrong)) == "not-authorized"
        assert (await scram(client, mechanism, "romeo", PASSWORD, binding)).name == "success"


async def test_channel_binding_taken_away_by_somebody_in_between_is_noticed(serve):
    server = await serve(admin=None, c2s_tls="", iterations=ITERATIONS)
    await server.register("romeo")
    async with Client(server.port) as client:
        await client.open_stream()
        await client.starttls()
        # "y": the client could bind, and was told that the server cannot.
        client.send(f"<auth xmlns='{ns.SASL}' mechanism='SCRAM-SHA-1'>{b64('y,,n=romeo,r=abc')}</auth>")
        assert failure(await client.next()) == "not-authorized"


async def test_wrong_password_and_unknown_user_look_the_same(client):
    for user, password in (("romeo", "wrong"), ("nobody", PASSWORD)):
        assert failure(await scram(client, "SCRAM-SHA-1", user, password)) == "not-authorized"
        assert failure(await plain(client, f"\0{user}\0{password}")) == "not-authorized"


async def test_unknown_user_is_challenged_with_the_same_salt_every_time(client):
    salts = set()
    for _ in range(2):
        client.send(f"<auth xmlns='{ns.SASL}' mechanism='SCRAM-SHA-1'>{b64('n,,n=nobody,r=abc')}</auth>")
        challenge = await client.expect("challenge")
        salts.add(base64.b64decode(challenge.text).decode().split(",")[1])
        client.send(f"<abort xmlns='{ns.SASL}'/>")
        assert failure(await client.next()) == "aborted"
    assert len(salts) == 1


@pytest.mark.parametrize(
    ("auth", "expected"),
    [
        (f"<auth xmlns='{ns.SASL}' mechanism='CRAM-MD5'/>", "invalid-mechanism"),
        (f"<auth xmlns='{ns.SASL}'/>", "invalid-mechanism"),
        (f"<auth xmlns='{ns.SASL}' mechanism='SCRAM-SHA-1-PLUS'>{b64('n,,n=a,r=b')}</auth>", "invalid-mechanism"),
        (f"<auth xmlns='{ns.SASL}' mechanism='PLAIN'>{b64('romeo')}</auth>", "malformed-request"),
        (f"<auth xmlns='{ns.SASL}' mechanism='PLAIN'>{b64(chr(0) * 2)}</auth>", "malformed-request"),
        (f"<auth xmlns='{ns.SASL}' mechanism='PLAIN'>=</auth>", "malformed-request"),
        (f"<auth xmlns='{ns.SASL}' mechanism='PLAIN'>*not base64*</auth>", "incorrect-encoding"),
        (f"<auth xmlns='{ns.SASL}' mechanism='SCRAM-SHA-1'>{b64('n,,m=x,n=a,r=b')}</auth>", "malformed-request"),
        (f"<auth xmlns='{ns.SASL}' mechanism='SCRAM-SHA-1'>{b64('gibberish')}</auth>", "malformed-request"),
        (f"<response xmlns='{ns.SASL}'/>", "malformed-request"),
    ],
)
async def test_malformed_negotiation_fails_with_its_condition(client, auth, expected):
    client.send(auth)
    assert failure(await client.next()) == expected


async def test_nobody_acts_for_another(client):
    assert failure(await plain(client, f"juliet@localhost\0romeo\0{PASSWORD}")) == "invalid-authzid"
    assert (await plain(client, f"romeo@localhost\0romeo\0{PASSWORD}")).name == "success"


async def test_plain_without_initial_response_is_asked_for_it(client):
    client.send(f"<auth xmlns='{ns.SASL}' mechanism='PLAIN'/>")
    await client.expect("challenge")
    response = b64(chr(0) + "romeo" + chr(0) + PASSWORD)
    client.send(f"<response xmlns='{ns.SASL}'>{response}</response>")
    await client.expect("success")


async def test_many_failed_logins_end_the_stream(client):
    for _ in range(10):
        assert failure(await plain(client, "\0romeo\0wrong")) == "not-authorized"
    assert (await client.stream_error()).find(ns.STREAM_ERRORS, "policy-violation") is not None


async def test_login_before_required_tls_is_refused(serve):
    server = await serve(admin=None, c2s_tls='mode = "starttls_required"')
    await server.register("romeo")
    async with Client(server.port) as client:
        await client.open_stream()
        client.send(f"<auth xmlns='{ns.SASL}' mechanism='PLAIN'>{b64(f'{chr(0)}romeo{chr(0)}{PASSWORD}')}</auth>")
        error = await client.stream_error()
        assert error.find(ns.STREAM_ERRORS, "policy-violation") is not None
        assert error.child_text(ns.STREAM_ERRORS, "text") == "Use of STARTTLS required"


async def test_login_is_of_the_domain_the_stream_began_with(serve):
    server = await serve(admin=None, hosts=("localhost", "other.example"))
    await server.register("romeo")
    async with Client(server.port) as client:
        await client.open_stream()
        await client.authenticate("romeo", PASSWORD)
        client.domain = "other.example"
        with pytest.raises(StreamClosed) as ended:
            await client.restart_stream()
        (error,) = ended.value.args
        assert error.find(ns.STREAM_ERRORS, "improper-addressing") is not None


async def test_stored_credentials_do_not_hold_the_password(serve, tmp_path):
    server = await serve(admin=None, data_dir=tmp_path)
    await server.app.server.accounts.register(JID.parse("romeo@localhost"), "a-very-special-password")
    await server.app.server.database.flush()
    stored = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert b"romeo" in stored
    assert b"a-very-special-password" not in stored


async def test_plain_format_serves_every_mechanism(serve):
    text = """
[general]
hosts = ["localhost"]
default_server_domain = "localhost"
[auth.internal]
[auth.password]
format = "plain"
scram_iterations = 4096
[[listen.c2s]]
port = 0
ip_address = "127.0.0.1"
"""
    server = await serve(text=text)
    await server.register("romeo")
    for mechanism in ("SCRAM-SHA-1", "SCRAM-SHA-512"):
        async with Client(server.port) as client:
            await client.open_stream()
            assert (await scram(client, mechanism, "romeo", PASSWORD)).name == "success"
    async with Client(server.port) as client:
        await client.open_stream()
        assert (await plain(client, f"\0romeo\0{PASSWORD}")).name == "success"
