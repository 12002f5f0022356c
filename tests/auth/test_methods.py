"""The authentication methods of ``[auth]`` at work (contract/config, section 5)."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import sys
import textwrap
import time
from pathlib import Path
from typing import Any

import jwt
import pytest
from aiohttp import web
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from mim.auth.http import keys_in, packed
from mim.auth.scram import derive
from mim.errors import BadRequest, Conflict, Denied, NotFound, Unavailable
from mim.xmpp import ns
from mim.xmpp.jid import JID
from tests.auth.support import b64, bound, mechanisms, opened, outcome, plain, server_text
from tests.client import Client

ROMEO = JID.parse("romeo@localhost")


# --- dummy ----------------------------------------------------------------------------------------------------


async def test_dummy_lets_everybody_in(serve):
    server = await serve(text=server_text("[auth.dummy]\nbase_time = 0\nvariance = 1"))
    async with await opened(server.port) as client:
        assert mechanisms(client.features) == ["PLAIN"]
        assert await plain(client, "anybody", "anything") == "success"
        await bound(client)
        assert await server.app.server.accounts.exists(JID.parse("nobody@localhost"))
        with pytest.raises(Denied):
            await server.app.server.accounts.register(ROMEO, "secret")


async def test_dummy_waits(serve):
    server = await serve(text=server_text("[auth.dummy]\nbase_time = 60\nvariance = 1"))
    async with await opened(server.port) as client:
        start = asyncio.get_running_loop().time()
        assert await plain(client, "anybody", "anything") == "success"
        assert asyncio.get_running_loop().time() - start > 0.05


# --- anonymous ------------------------------------------------------------------------------------------------


async def test_anonymous_gets_a_name_of_his_own(serve):
    server = await serve(text=server_text("[auth.anonymous]"))
    async with await opened(server.port) as one, await opened(server.port) as other:
        assert mechanisms(one.features) == ["ANONYMOUS"]
        assert await outcome(one, "ANONYMOUS") == "success"
        assert await outcome(other, "ANONYMOUS", "mail@example.org") == "success"
        names = [(await bound(client)).jid.bare for client in (one, other)]
        assert names[0] != names[1]
        assert await server.app.server.accounts.exists(names[0])


async def test_a_guest_who_has_left_is_unknown(serve):
    server = await serve(text=server_text("[auth.anonymous]"))
    client = await opened(server.port)
    await outcome(client, "ANONYMOUS")
    guest = (await bound(client)).jid.bare
    await client.close()
    async with await opened(server.port) as other:
        await outcome(other, "ANONYMOUS")
        await bound(other)
        while server.app.server.session_manager.is_online(guest):
            await other.expect_nothing()
        other.send(f"<message to='{guest}' id='m' type='chat'><body>hi</body></message>")
        error = await other.expect("message", type="error", id="m")
        assert (
            error.find("jabber:client", "error").child_text("urn:ietf:params:xml:ns:xmpp-stanzas", "text")
            == "User not found"
        )


async def test_login_anon_takes_any_password_once_per_name(serve):
    server = await serve(text=server_text('[auth.anonymous]\nprotocol = "login_anon"'))
    async with await opened(server.port) as one, await opened(server.port) as other:
        assert mechanisms(one.features) == ["PLAIN"]
        assert await plain(one, "romeo", "whatever") == "success"
        await bound(one)
        assert await plain(other, "romeo", "whatever") == "not-authorized"
        assert await plain(other, "juliet", "whatever") == "success"


async def test_several_connections_of_one_guest_where_they_are_allowed(serve):
    text = server_text('[auth.anonymous]\nprotocol = "both"\nallow_multiple_connections = true')
    server = await serve(text=text)
    async with await opened(server.port) as one, await opened(server.port) as other:
        assert mechanisms(one.features) == ["PLAIN", "ANONYMOUS"]
        assert await plain(one, "romeo", "a") == "success"
        await bound(one)
        assert await plain(other, "romeo", "b") == "success"


async def test_a_registered_name_is_no_guests(serve):
    methods = '[auth]\nmethods = ["anonymous", "internal"]\n[auth.internal]\n'
    text = server_text(methods + '[auth.anonymous]\nprotocol = "both"')
    server = await serve(text=text)
    await server.app.server.accounts.register(ROMEO, "secret")
    async with await opened(server.port) as client:
        assert await plain(client, "romeo", "wrong") == "not-authorized"
        assert await plain(client, "romeo", "secret") == "success"


# --- jwt ------------------------------------------------------------------------------------------------------

SECRET = "a secret that is long enough for SHA-512 as well, which asks for more than sixty bytes"


def jwt_text(algorithm: str, secret: str) -> str:
    return server_text(f'[auth.jwt]\nalgorithm = "{algorithm}"\nusername_key = "user"\nsecret.{secret}')


@pytest.mark.parametrize(("algorithm", "signed"), [("HS256", "HS256"), ("HS386", "HS384"), ("HS512", "HS512")])
async def test_a_token_is_the_password(serve, algorithm, signed):
    server = await serve(text=jwt_text(algorithm, f'value = "{SECRET}"'))
    now = time.time()

    def token(key: str = SECRET, **claims: Any) -> str:
        return jwt.encode({"user": "romeo", **claims}, key, signed)

    async with await opened(server.port) as client:
        assert mechanisms(client.features) == ["PLAIN"]
        assert await plain(client, "romeo", token(key=SECRET + "x")) == "not-authorized"
        assert await plain(client, "romeo", token(exp=now - 60)) == "not-authorized"
        assert await plain(client, "romeo", token(nbf=now + 60)) == "not-authorized"
        assert await plain(client, "romeo", token(iat=now + 60)) == "not-authorized"
        assert await plain(client, "juliet", token()) == "not-authorized"
        assert await plain(client, "romeo", token(user=5)) == "not-authorized"
        assert await plain(client, "romeo", "no.token.atall") == "not-authorized"
        good = token(user="Romeo", exp=now + 60, aud="somebody", sub=7, filler="x" * 2000)
        assert await plain(client, "romeo", good) == "success"
        await bound(client)


async def test_a_token_signed_with_the_public_key_as_if_it_were_a_secret_is_refused(serve, tmp_path):
    private = rsa.generate_private_key(65537, 2048)
    public = private.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    (tmp_path / "key.pem").write_bytes(public)
    server = await serve(text=jwt_text("RS256", f'file = "{tmp_path}/key.pem"'))
    async with await opened(server.port) as client:
        unsigned = jwt.encode({"user": "romeo"}, SECRET, "HS256").rsplit(".", 1)[0]
        mac = hmac.digest(public, unsigned.encode(), hashlib.sha256)
        forged = f"{unsigned}.{base64.urlsafe_b64encode(mac).decode().rstrip('=')}"
        assert await plain(client, "romeo", forged) == "not-authorized"
        none = jwt.encode({"user": "romeo"}, None, "none")
        assert await plain(client, "romeo", none) == "not-authorized"
        assert await plain(client, "romeo", jwt.encode({"user": "romeo"}, private, "RS256")) == "success"


async def test_a_token_of_an_elliptic_curve_with_the_key_in_the_environment(serve, monkeypatch):
    private = ec.generate_private_key(ec.SECP256R1())
    public = private.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    monkeypatch.setenv("JWT_KEY", public.decode())
    server = await serve(text=jwt_text("ES256", 'env = "JWT_KEY"'))
    async with await opened(server.port) as client:
        assert await plain(client, "romeo", jwt.encode({"user": "romeo"}, private, "ES256")) == "success"


@pytest.mark.parametrize("secret", ['file = "/no/such/key"', 'env = "NO_SUCH_KEY"'])
async def test_a_key_that_is_not_there_stops_the_start(serve, secret):
    with pytest.raises(BadRequest, match=r"auth\.jwt\.secret"):
        await serve(text=jwt_text("HS256", secret))


# --- external -------------------------------------------------------------------------------------------------

PROGRAM = """
    import sys
    users = {("romeo", "localhost"): "sec:ret"}
    while True:
        size = int.from_bytes(sys.stdin.buffer.read(2), "big")
        if not size:
            break
        question, user, domain, *rest = sys.stdin.buffer.read(size).decode().split(":", 3)
        key, password = (user, domain), rest[0] if rest else ""
        if password == "die":
            sys.exit(1)
        if question == "auth":
            good = users.get(key) == password
        elif question == "isuser":
            good = key in users
        elif question == "setpass":
            good = key in users
            if good:
                users[key] = password
        elif question == "tryregister":
            good = key not in users
            users.setdefault(key, password)
        elif question == "removeuser":
            good = users.pop(key, None) is not None
        sys.stdout.buffer.write(b"\\0\\2\\0" + bytes([good]))
        sys.stdout.flush()
"""


@pytest.fixture
def program(tmp_path: Path) -> str:
    file = tmp_path / "authenticator.py"
    file.write_text(textwrap.dedent(PROGRAM))
    return f"{sys.executable} {file}"


async def test_a_program_is_asked(serve, program):
    server = await serve(text=server_text(f'[auth.external]\nprogram = "{program}"'))
    accounts = server.app.server.accounts
    async with await opened(server.port) as client:
        assert mechanisms(client.features) == ["PLAIN"]
        assert await plain(client, "romeo", "wrong") == "not-authorized"
        assert await plain(client, "juliet", "sec:ret") == "not-authorized"
        assert await plain(client, "romeo", "sec:ret") == "success"
        await bound(client)
        assert await accounts.exists(ROMEO)
        juliet = JID.parse("juliet@localhost")
        await accounts.register(juliet, "other")
        with pytest.raises(Conflict):
            await accounts.register(juliet, "other")
        await accounts.set_password(juliet, "third")
        assert await accounts.check_password(juliet, "third")
        await accounts.remove(juliet)
        assert not await accounts.exists(juliet)
        with pytest.raises(NotFound):
            await accounts.remove(juliet)


async def test_a_program_that_dies_is_started_again(serve, program):
    server = await serve(text=server_text(f'[auth.external]\nprogram = "{program}"\ninstances = 2'))
    async with await opened(server.port) as client:
        assert await plain(client, "romeo", "die") == "temporary-auth-failure"
        assert await plain(client, "romeo", "sec:ret") == "success"


async def test_a_program_that_is_not_there_is_a_temporary_failure(serve):
    server = await serve(text=server_text('[auth.external]\nprogram = "/no/such/program"'))
    async with await opened(server.port) as client:
        assert await plain(client, "romeo", "sec:ret") == "temporary-auth-failure"


# --- http -----------------------------------------------------------------------------------------------------


class Service:
    """An authentication service."""

    def __init__(self) -> None:
        self.passwords = {("romeo", "localhost"): "secret"}
        self.asked: list[str] = []
        self.broken = False

    async def answer(self, request: web.Request) -> web.Response:
        fields = request.query if request.method == "GET" else await request.post()
        key, password = (str(fields["user"]), str(fields["server"])), str(fields["pass"])
        question = request.path.removeprefix("/auth/")
        self.asked.append(f"{request.method} {question} {request.headers.get('Authorization', '-')}")
        if self.broken:
            return web.Response(status=503)
        kept = self.passwords.get(key)
        if request.method == "GET":
            answers = {
                "check_password": "true" if kept == password else "false",
                "user_exists": "true" if kept is not None else "false",
                "get_password": kept,
            }
            return web.Response(text=answers[question]) if answers[question] else web.Response(status=404)
        if question == "register":
            if kept is not None:
                return web.Response(status=409)
            self.passwords[key] = password
            return web.Response(status=201)
        if question == "set_password":
            self.passwords[key] = password
        elif question == "remove_user" and self.passwords.pop(key, None) is None:
            return web.Response(status=404)
        return web.Response(status=204)


@pytest.fixture
async def service(aiohttp_server):
    made = Service()
    app = web.Application()
    app.router.add_route("*", "/auth/{question}", made.answer)
    made.port = (await aiohttp_server(app)).port
    return made


def http_text(service: Service, format: str, more: str = "") -> str:
    return server_text(
        f'[auth]\npassword.format = "{format}"\npassword.scram_iterations = 16\npassword.hash = ["sha", "sha256"]\n'
        f'[auth.http]\nbasic_auth = "mim:pass"',
        more=f"""
[outgoing_pools.http.auth]
  workers = 2
  connection.host = "http://127.0.0.1:{service.port}"
  connection.path_prefix = "/auth/"
{more}
""",
    )


async def test_a_service_that_keeps_plain_passwords(serve, service):
    server = await serve(text=http_text(service, "plain"))
    async with await opened(server.port) as client:
        assert await plain(client, "romeo", "wrong") == "not-authorized"
        assert await plain(client, "romeo", "secret") == "success"
        assert service.asked[-1] == f"GET check_password Basic {b64('mim:pass')}"
    async with await Client(server.port).connect() as client:
        await client.login("romeo", "secret", "r")  # SCRAM, from the password that the service gives out


async def test_a_service_that_keeps_keys(serve, service):
    server = await serve(text=http_text(service, "scram"))
    accounts, juliet = server.app.server.accounts, JID.parse("juliet@localhost")
    await accounts.register(juliet, "secret")
    kept = service.passwords["juliet", "localhost"]
    assert kept.startswith("==MULTI_SCRAM==,16,===SHA1===")
    with pytest.raises(Conflict):
        await accounts.register(juliet, "secret")
    async with await Client(server.port).connect() as client:
        await client.login("juliet", "secret", "r")
    async with await opened(server.port) as client:
        assert await plain(client, "juliet", "wrong") == "not-authorized"
        assert await plain(client, "juliet", "secret") == "success"
    await accounts.set_password(juliet, "other")
    assert await accounts.check_password(juliet, "other")
    await accounts.remove(juliet)
    assert not await accounts.exists(juliet)


async def test_a_service_that_fails_is_a_temporary_failure(serve, service):
    server = await serve(text=http_text(service, "plain"))
    service.broken = True
    async with await opened(server.port) as client:
        assert await plain(client, "romeo", "secret") == "temporary-auth-failure"
        service.broken = False
        assert await plain(client, "romeo", "secret") == "success"


async def test_a_service_that_is_not_there_is_a_temporary_failure(serve, service, unused_tcp_port):
    service.port = unused_tcp_port
    server = await serve(text=http_text(service, "plain"))
    async with await opened(server.port) as client:
        assert await plain(client, "romeo", "secret") == "temporary-auth-failure"
    with pytest.raises(Unavailable):
        await server.app.server.accounts.exists(ROMEO)


def test_keys_are_written_and_read_as_mongooseim_does() -> None:
    made = [derive("secret", hash, 10) for hash in ("sha", "sha256", "sha512")]
    text = packed(made)
    assert [keys_in(text, keys.hash) for keys in made] == made
    assert keys_in(text, "sha384") is None
    old = "==SCRAM==,tmi5IE+9pceRV/jkPLFHEaVY33c=,MiWNa8T3dniVDwmh77ufJ41fpAQ=,inKXODlSY5y5SCsLxibi0w==,4096"
    keys = keys_in(old, "sha")
    assert keys is not None
    assert derive("misio", "sha", 4096, keys.salt) == keys
    for broken in ("", "==SCRAM==,a,b", "==MULTI_SCRAM==,x,===SHA1===a|b", "==MULTI_SCRAM==,5,===SHA1===a|b|c|d"):
        assert keys_in(broken, "sha") is None


# --- several methods, and what listeners and hosts make of them -----------------------------------------------


async def test_methods_are_asked_in_the_order_of_the_file(serve, program):
    text = server_text(
        f'[auth]\nmethods = ["external", "internal"]\n[auth.internal]\n[auth.external]\nprogram = "{program}"'
    )
    server = await serve(text=text)
    accounts = server.app.server.accounts
    await accounts.register(JID.parse("juliet@localhost"), "secret")  # goes to the first that makes accounts
    assert await accounts.methods_of(server.app.host("localhost"))[0].exists(JID.parse("juliet@localhost"))
    async with await opened(server.port) as client:
        assert "SCRAM-SHA-1" in mechanisms(client.features)
        assert await plain(client, "romeo", "sec:ret") == "success"


async def test_a_listener_lets_only_its_methods_log_in(serve):
    text = server_text(
        '[auth]\nmethods = ["internal", "dummy"]\n[auth.internal]\n[auth.dummy]\nbase_time = 0\nvariance = 1',
        c2s='allowed_auth_methods = ["internal"]\n[[listen.c2s]]\nport = 0\nip_address = "127.0.0.1"\n'
        'allowed_auth_methods = ["dummy"]',
    )
    server = await serve(text=text)
    await server.app.server.accounts.methods_of(server.app.host("localhost"))[0].register(ROMEO, "secret")
    async with await opened(server.app.c2s[0].port) as client:
        assert await plain(client, "romeo", "wrong") == "not-authorized"
        assert await plain(client, "romeo", "secret") == "success"
    async with await opened(server.app.c2s[1].port) as client:
        assert mechanisms(client.features) == ["PLAIN"]
        assert await plain(client, "romeo", "wrong") == "success"


async def test_mechanisms_are_those_of_the_file_that_a_method_works_with(serve):
    text = server_text(
        '[auth]\nsasl_mechanisms = ["plain", "oauth", "scram_sha256", "external", "scram_sha1", "anonymous"]\n'
        'password.hash = ["sha256"]\n[auth.internal]'
    )
    server = await serve(text=text)
    async with await opened(server.port) as client:
        assert mechanisms(client.features) == ["PLAIN", "SCRAM-SHA-256"]


async def test_a_method_of_another_tier_lets_nobody_in(serve):
    server = await serve(text=server_text("[auth.ldap]"))
    texts = [notice.text for notice in server.app.config.notices]
    assert any("nobody can log in to localhost" in text for text in texts)
    assert any(text == "no effect: auth.ldap" for text in texts)
    async with await opened(server.port) as client:
        assert mechanisms(client.features) == []


# --- DIGEST-MD5 -----------------------------------------------------------------------------------------------

DIGEST = '[auth]\nsasl_mechanisms = ["digest"]\npassword.format = "plain"\n[auth.internal]'


def digest_client(user: str, password: str) -> Any:
    """Another implementation's side of the exchange."""
    from slixmpp.util.sasl.mechanisms import DIGEST

    names = {"username": user, "password": password, "realm": "localhost", "service": "xmpp", "host": "localhost"}
    credentials = {key: value.encode() for key, value in {**names, "authzid": "", "service-name": ""}.items()}
    return DIGEST("DIGEST-MD5", credentials, {"encrypted": False, "unencrypted_digest": True})


async def test_digest_md5(serve):
    server = await serve(text=server_text(DIGEST))
    await server.app.server.accounts.register(ROMEO, "secret")

    async def exchange(password: str) -> str:
        other = digest_client("romeo", password)
        client.send(f"<auth xmlns='{ns.SASL}' mechanism='DIGEST-MD5'/>")
        while True:
            answer = await client.next()
            if answer.name != "challenge":
                return answer.name
            text = other.process(base64.b64decode(answer.text)) or b""
            client.send(f"<response xmlns='{ns.SASL}'>{b64(text)}</response>")

    async with await opened(server.port) as client:
        assert mechanisms(client.features) == ["DIGEST-MD5"]
        assert await exchange("wrong") == "failure"
        assert await exchange("secret") == "success"
        await bound(client)


@pytest.mark.parametrize(
    "response",
    ["", "username", 'username="romeo"', 'username="romeo",username="x"', "\xff", ",,,", 'a="b'],
)
async def test_broken_digest_md5_is_malformed(serve, response):
    server = await serve(text=server_text(DIGEST))
    async with await opened(server.port) as client:
        client.send(f"<auth xmlns='{ns.SASL}' mechanism='DIGEST-MD5'/>")
        await client.expect("challenge")
        client.send(f"<response xmlns='{ns.SASL}'>{b64(response.encode('latin-1'))}</response>")
        failure = await client.expect("failure")
        assert failure.find(ns.SASL, "malformed-request") is not None


async def test_digest_md5_is_offered_only_where_passwords_are_kept_plain(serve):
    server = await serve(text=server_text(DIGEST.replace('"plain"', '"scram"')))
    async with await opened(server.port) as client:
        assert mechanisms(client.features) == []
        assert await outcome(client, "DIGEST-MD5") == "invalid-mechanism"
