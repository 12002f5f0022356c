"""``[[listen.c2s]]``: limits of reading and of what waits, PROXY headers, compression, certificates."""

from __future__ import annotations

import asyncio
import datetime
import ipaddress
import ssl
import zlib
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from mim.net.proxy import ProxyError, parse_binary, parse_line
from mim.net.tls import server_context
from mim.shaper import TokenBucket
from mim.xmpp import ns
from mim.xmpp.jid import JID
from tests.client import Client, StreamClosed, untrusting_context
from tests.harness import PASSWORD, Server

SHAPER = """
[shaper.slow]
  max_rate = 2000
[access]
  c2s_shaper = [{acl = "fast", value = "none"}, {acl = "all", value = "slow"}]
[acl]
  fast = [{user = "mercutio"}]
"""


# --- shaper ---------------------------------------------------------------------------------------------------


def test_a_bucket_holds_a_seconds_worth_and_earns_what_was_overdrawn() -> None:
    bucket = TokenBucket(100, now=0.0)
    assert bucket.take(60, 0.0) == 0
    assert bucket.take(60, 0.0) == pytest.approx(0.2)
    assert bucket.take(10, 0.2) == pytest.approx(0.1)
    assert bucket.take(100, 60.0) == 0
    assert bucket.take(1, 60.0) == pytest.approx(0.01)


async def test_a_client_above_its_rate_is_read_later_and_loses_nothing(serve):
    server: Server = await serve(admin=None, c2s='shaper = "c2s_shaper"', more=SHAPER)
    romeo, juliet = await server.online("romeo"), await server.online("juliet")

    romeo.send(f"<message to='juliet@localhost' id='long' type='chat'><body>{'x' * 40_000}</body></message>")
    await juliet.expect("message", id="long")
    romeo.send("<message to='juliet@localhost' id='next' type='chat'/>")
    await juliet.expect_nothing()

    await server.clock.elapse(10)
    await juliet.expect_nothing()
    await server.clock.elapse(10)
    await juliet.expect("message", id="next")


async def test_a_rule_that_gives_no_shaper_is_no_limit(serve):
    server: Server = await serve(admin=None, c2s='shaper = "c2s_shaper"', more=SHAPER)
    mercutio, juliet = await server.online("mercutio"), await server.online("juliet")
    for number in range(5):
        mercutio.send(f"<message to='juliet@localhost' id='{number}' type='chat'><body>{'x' * 4000}</body></message>")
    for number in range(5):
        await juliet.expect("message", id=str(number))


# --- backlog --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("where", ["general", "c2s"])
async def test_a_client_that_does_not_read_is_cut_off_above_the_cap(serve, where):
    server: Server = await serve(admin=None, **{where: "max_fsm_queue = 20"})
    romeo, juliet = await server.online("romeo"), await server.online("juliet")
    juliet.stop_reading()
    body = "x" * 50_000
    for _ in range(20_000_000 // len(body)):
        romeo.send(f"<message to='juliet@localhost' type='chat'><body>{body}</body></message>")
        await romeo.expect_nothing()
        if not server.app.server.sessions.has(JID.parse("juliet@localhost")):
            break
    assert not server.app.server.sessions.has(JID.parse("juliet@localhost"))


# --- PROXY ----------------------------------------------------------------------------------------------------

V2 = b"\r\n\r\n\0\r\nQUIT\n"


@pytest.mark.parametrize(
    ("line", "address"),
    [
        (b"PROXY TCP4 192.0.2.7 192.0.2.1 5000 5222\r\n", "192.0.2.7"),
        (b"PROXY TCP6 2001:db8::7 2001:db8::1 5000 5222\r\n", "2001:db8::7"),
        (b"PROXY UNKNOWN\r\n", None),
        (b"PROXY UNKNOWN ffff::1 ffff::2 1 2\r\n", None),
    ],
)
def test_version_1_names_the_client(line: bytes, address: str | None) -> None:
    assert parse_line(line) == address


@pytest.mark.parametrize(
    "line",
    [
        b"PROXY TCP4 2001:db8::7 2001:db8::1 5000 5222\r\n", b"PROXY TCP4 192.0.2.7 192.0.2.1 5000\r\n",
        b"PROXY TCP4 192.0.2.7 192.0.2.1 5000 70000\r\n", b"PROXY TCP4 a b 1 2\r\n", b"PROXY \r\n", b"PROXY \xff\r\n",
    ],
)  # fmt: skip
def test_a_malformed_line_is_refused(line: bytes) -> None:
    with pytest.raises(ProxyError):
        parse_line(line)


def test_version_2_names_the_client() -> None:
    four = ipaddress.ip_address("192.0.2.7").packed * 2 + b"\0\1\0\2" + b"a tlv"
    six = ipaddress.ip_address("2001:db8::7").packed * 2 + b"\0\1\0\2"
    assert parse_binary(0x21, 0x11, four) == "192.0.2.7"
    assert parse_binary(0x21, 0x21, six) == "2001:db8::7"
    assert parse_binary(0x20, 0x00, b"") is None
    assert parse_binary(0x21, 0x31, b"x" * 216) is None
    for version_command, family, rest in ((0x11, 0x11, four), (0x22, 0x11, four), (0x21, 0x11, four[:11])):
        with pytest.raises(ProxyError):
            parse_binary(version_command, family, rest)


async def proxied(server: Server, header: bytes, tls: ssl.SSLContext | None = None) -> Client:
    """Return a client whose connection begins with a header."""
    client = Client(server.port)
    client._reader, client._writer = await asyncio.open_connection("127.0.0.1", server.port)
    client._writer.write(header)
    if tls is not None:
        await client._writer.start_tls(tls, server_hostname="localhost")
    client._restart()
    client._pump = asyncio.create_task(client._read())
    server.keep(client)
    return client


@pytest.mark.parametrize("tls", [None, 'mode = "tls"'])
@pytest.mark.parametrize(
    ("header", "address"),
    [
        (b"PROXY TCP4 192.0.2.7 192.0.2.1 5000 5222\r\n", "192.0.2.7"),
        (V2 + b"\x21\x11\0\x0c" + bytes([192, 0, 2, 7, 192, 0, 2, 1, 0, 1, 0, 2]), "192.0.2.7"),
        (V2 + b"\x20\x00\0\0", "127.0.0.1"),
    ],
)
async def test_the_client_behind_a_proxy_has_its_own_address(serve, tls, header, address):
    server: Server = await serve(admin=None, c2s="proxy_protocol = true", c2s_tls=tls)
    await server.register("romeo")
    client = await proxied(server, header, untrusting_context() if tls else None)
    await client.login("romeo", PASSWORD, "r")
    (session,) = server.app.server.sessions
    assert session.connection.peer_address == address


@pytest.mark.parametrize(
    "start", [b"<stream:stream to='localhost' version='1.0'>", b"PROXY" + b"x" * 200, V2 + b"\x21\x11\xff\xff"]
)
async def test_a_connection_without_header_is_closed(serve, start):
    server: Server = await serve(admin=None, c2s="proxy_protocol = true")
    client = await proxied(server, start)
    assert await client.next_event() is None


# --- compression ----------------------------------------------------------------------------------------------


class Compressed(Client):
    """A client that can compress."""

    inflate: zlib._Decompress | None = None
    deflate: zlib._Compress

    def send(self, xml: str | bytes) -> None:
        data = xml.encode() if isinstance(xml, str) else xml
        if self.inflate is not None:
            data = self.deflate.compress(data) + self.deflate.flush(zlib.Z_SYNC_FLUSH)
        self._writer.write(data)

    async def _read(self) -> None:
        while data := await self._reader.read(65536):
            if self.inflate is not None:
                data = self.inflate.decompress(data)
            for event in self._parser.feed(data):
                self._events.put_nowait(event)
        self._events.put_nowait(None)

    async def compress(self, method: str = "zlib"):
        self.send(f"<compress xmlns='{ns.COMPRESS}'><method>{method}</method></compress>")
        return await self.next()


async def test_a_stream_is_compressed_after_login(serve):
    server: Server = await serve(admin=None, c2s="zlib = 100_000")
    await server.register("romeo")
    async with Compressed(server.port) as client:
        features = await client.open_stream()
        assert features.find(ns.COMPRESS_FEATURE, "compression").child_text(ns.COMPRESS_FEATURE, "method") == "zlib"
        assert (await client.compress()).find(ns.COMPRESS, "setup-failed") is not None
        await client.authenticate("romeo", PASSWORD)
        await client.restart_stream()
        assert (await client.compress("lzw")).find(ns.COMPRESS, "unsupported-method") is not None
        assert (await client.compress()).name == "compressed"
        client.deflate, client.inflate = zlib.compressobj(), zlib.decompressobj()
        features = await client.restart_stream()
        assert features.find(ns.COMPRESS_FEATURE, "compression") is None
        await client.bind("r")
        client.send(f"<message to='romeo@localhost/r' id='m'><body>{'x' * 50_000}</body></message>")
        assert len((await client.expect("message", id="m")).child_text(ns.CLIENT, "body")) == 50_000


async def test_what_becomes_too_much_when_it_is_inflated_ends_the_connection(serve):
    server: Server = await serve(admin=None, c2s="zlib = 4096")
    await server.register("romeo")
    async with Compressed(server.port) as client:
        await client.open_stream()
        await client.authenticate("romeo", PASSWORD)
        await client.restart_stream()
        await client.compress()
        client.deflate, client.inflate = zlib.compressobj(), zlib.decompressobj()
        client.send(" " * 1_000_000)
        assert await client.next_event() is None


async def test_compression_is_not_offered_unless_the_file_says_so(serve):
    server: Server = await serve(admin=None)
    async with Compressed(server.port) as client:
        features = await client.open_stream()
        assert features.find(ns.COMPRESS_FEATURE, "compression") is None
        assert (await client.compress()).find(ns.COMPRESS, "setup-failed") is not None


# --- TLS ------------------------------------------------------------------------------------------------------


class Authority:
    """Makes certificates; ``ca.pem`` is its own."""

    def __init__(self, folder: Path, name: str = "ca") -> None:
        self.folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        self.certificate = self._signed(self._name, self._key.public_key(), ca=True)
        self.file = folder / f"{name}.pem"
        self.file.write_bytes(self.certificate.public_bytes(serialization.Encoding.PEM))

    def _signed(self, name: x509.Name, key: ec.EllipticCurvePublicKey, *, ca: bool = False) -> x509.Certificate:
        now = datetime.datetime.now(datetime.UTC)
        text = name.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value
        return (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(self._name)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(hours=1))
            .not_valid_after(now + datetime.timedelta(days=1))
            .add_extension(x509.SubjectAlternativeName([x509.DNSName(str(text))]), critical=False)
            .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
            .sign(self._key, hashes.SHA256())
        )

    def issue(self, name: str) -> tuple[Path, x509.Certificate]:
        """Return a file with a key and a certificate for a name, and the certificate."""
        key = ec.generate_private_key(ec.SECP256R1())
        made = self._signed(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]), key.public_key())
        file = self.folder / f"{name}.pem"
        file.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
            + made.public_bytes(serialization.Encoding.PEM)
        )
        return file, made

    def revoke(self, certificate: x509.Certificate) -> Path:
        """Return a file with the list of the one revoked certificate."""
        now = datetime.datetime.now(datetime.UTC)
        revoked = x509.RevokedCertificateBuilder().serial_number(certificate.serial_number).revocation_date(now).build()
        made = (
            x509.CertificateRevocationListBuilder()
            .issuer_name(self._name)
            .last_update(now - datetime.timedelta(hours=1))
            .next_update(now + datetime.timedelta(days=1))
            .add_revoked_certificate(revoked)
            .sign(self._key, hashes.SHA256())
        )
        file = self.folder / "crl.pem"
        file.write_bytes(made.public_bytes(serialization.Encoding.PEM))
        return file


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


def trusting(authority: Authority, certificate: Path | None = None) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=str(authority.file))
    if certificate is not None:
        context.load_cert_chain(certificate)
    return context


@pytest.mark.parametrize("mode", ["tls", "starttls"])
async def test_each_domain_has_its_certificate(serve, authority, mode):
    one, _ = authority.issue("one.example")
    two, _ = authority.issue("two.example")
    server: Server = await serve(
        admin=None,
        hosts=("one.example", "two.example"),
        general=f'domain_certfile = [{{domain = "two.example", certfile = "{two}"}}]',
        c2s_tls=f'mode = "{mode}"\ncertfile = "{one}"',
    )
    for domain in ("one.example", "two.example"):
        await server.register("romeo", domain=domain)
        async with Client(server.port, domain) as client:
            if mode == "tls":
                await client.close()
                await client.connect(tls=trusting(authority))
                await client.open_stream()
            else:
                await client.open_stream()
                await client.starttls(trusting(authority))
            assert client.ssl_object.getpeercert()["subject"] == ((("commonName", domain),),)


async def test_the_channel_binding_is_of_the_certificate_that_was_shown(serve, authority):
    import hashlib

    from tests.stream.test_sasl import scram

    one, _ = authority.issue("one.example")
    two, shown = authority.issue("two.example")
    server: Server = await serve(
        admin=None,
        hosts=("two.example",),
        general=f'domain_certfile = [{{domain = "two.example", certfile = "{two}"}}]',
        c2s_tls=f'certfile = "{one}"',
        iterations=4096,
    )
    await server.register("romeo", domain="two.example")
    async with Client(server.port, "two.example") as client:
        await client.open_stream()
        await client.starttls(trusting(authority))
        der = shown.public_bytes(serialization.Encoding.DER)
        binding = ("tls-server-end-point", hashlib.sha256(der).digest())
        assert (await scram(client, "SCRAM-SHA-256-PLUS", "romeo", PASSWORD, binding)).name == "success"


JUST_TLS = 'module = "just_tls"\nmode = "starttls"\n'


async def test_a_bad_client_certificate_ends_the_handshake(serve, authority, tmp_path):
    own, _ = authority.issue("localhost")
    good, _ = authority.issue("romeo")
    bad, _ = Authority(tmp_path, "other").issue("tybalt")
    server: Server = await serve(admin=None, c2s_tls=f'{JUST_TLS}certfile = "{own}"\ncacertfile = "{authority.file}"')
    for certificate in (None, good):
        async with Client(server.port) as client:
            await client.open_stream()
            await client.starttls(trusting(authority, certificate))
    async with Client(server.port) as client:
        await client.open_stream()
        with pytest.raises((ssl.SSLError, ConnectionError, StreamClosed, AssertionError)):
            await client.starttls(trusting(authority, bad))


@pytest.mark.parametrize(
    "tls",
    ['module = "just_tls"\ndisconnect_on_failure = false\n', "", 'verify_mode = "none"\n'],
    ids=["just_tls", "fast_tls", "none"],
)
async def test_a_bad_client_certificate_does_no_harm_where_the_file_says_so(serve, authority, tmp_path, tls):
    own, _ = authority.issue("localhost")
    bad, _ = Authority(tmp_path, "other").issue("tybalt")
    server: Server = await serve(admin=None, c2s_tls=f'{tls}certfile = "{own}"\ncacertfile = "{authority.file}"')
    async with Client(server.port) as client:
        await client.open_stream()
        await client.starttls(trusting(authority, bad))


async def test_a_revoked_client_certificate_is_a_bad_one(serve, authority):
    own, _ = authority.issue("localhost")
    revoked, certificate = authority.issue("romeo")
    good, _ = authority.issue("juliet")
    crl = authority.revoke(certificate)
    tls = f'{JUST_TLS}certfile = "{own}"\ncacertfile = "{authority.file}"\ncrl_files = ["{crl}"]'
    server: Server = await serve(admin=None, c2s_tls=tls)
    async with Client(server.port) as client:
        await client.open_stream()
        await client.starttls(trusting(authority, good))
    async with Client(server.port) as client:
        await client.open_stream()
        with pytest.raises((ssl.SSLError, ConnectionError, StreamClosed, AssertionError)):
            await client.starttls(trusting(authority, revoked))


@pytest.mark.parametrize(
    ("tls", "version"),
    [
        ("", "TLSv1.3"),
        ('module = "just_tls"\nversions = ["tlsv1.2"]', "TLSv1.2"),
        ('module = "just_tls"\nversions = ["tlsv1.3"]', "TLSv1.3"),
        ('module = "just_tls"\nversions = ["tlsv1", "tlsv1.1"]', "TLSv1.2"),
        ('protocol_options = ["no_tlsv1_3"]', "TLSv1.2"),
        ('ciphers = "TLSv1.2:TLSv1.3"', "TLSv1.3"),
    ],
)
async def test_versions_are_those_of_the_file_and_never_below_1_2(serve, tls, version):
    server: Server = await serve(admin=None, c2s_tls=tls)
    async with Client(server.port) as client:
        await client.open_stream()
        await client.starttls()
        assert client.ssl_object.version() == version


async def test_ciphers_are_those_of_the_file(serve):
    tls = 'ciphers = "TLSv1.2:ECDHE-ECDSA-AES256-GCM-SHA384"\nprotocol_options = ["no_tlsv1_3", "no_ticket"]'
    server: Server = await serve(admin=None, c2s_tls=tls)
    async with Client(server.port) as client:
        await client.open_stream()
        await client.starttls()
        assert client.ssl_object.cipher()[0] == "ECDHE-ECDSA-AES256-GCM-SHA384"


@pytest.mark.parametrize(
    "tls", ['ciphers = "nonsense"', 'protocol_options = ["nonsense"]', 'dhfile = "%s"', 'certfile = "%s"']
)
async def test_what_openssl_does_not_take_stops_the_start_with_its_path(serve, tls, tmp_path):
    broken = tmp_path / "broken.pem"
    broken.write_text("no PEM")
    with pytest.raises(OSError, match=r"listen\.c2s\[0\]\.tls: "):
        await serve(admin=None, c2s_tls=tls.replace("%s", str(broken)))


def test_a_key_with_a_password(authority):
    file, _ = authority.issue("localhost")
    key = serialization.load_pem_private_key(file.read_bytes(), None)
    locked = authority.folder / "key.pem"
    locked.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.BestAvailableEncryption(b"pw")
        )
    )
    server_context(file, keyfile=str(locked), password="pw")
    with pytest.raises(ssl.SSLError):
        server_context(file, keyfile=str(locked), password="wrong")
