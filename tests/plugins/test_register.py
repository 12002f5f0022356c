"""mod_register (XEP-0077; xmpp-behaviour, section 9)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from mim.clock import Clock
from mim.xmpp import ns
from mim.xmpp.element import Element
from mim.xmpp.jid import JID
from mim_plugins.mod_register import MAX_SOURCES, RecentSources, entropy, source_of
from tests.client import Client
from tests.foreign import SECONDS, connect, happened, unconnected
from tests.harness import PASSWORD, Server
from tests.plugins.answers import refusal, refusal_text
from tests.plugins.problems import problems

REGISTER = "[modules.mod_register]\n"
NO_WAIT = 'registration_timeout = "infinity"'

OFFLINE = '''
"""Keeps what waits for accounts, to be looked at by a test."""

from mim.plugin import Module, hookimpl


class ModKept(Module):
    """A list."""

    async def start(self):
        self.kept = []

    @hookimpl
    def message_waiting(self, stanza, account):
        self.kept.append(stanza)
        return True


setup = ModKept
'''


def fields(username: str = "", password: str = "", more: str = "") -> str:
    name = f"<username>{username}</username>" if username else ""
    word = f"<password>{password}</password>" if password else ""
    return f"<query xmlns='jabber:iq:register'>{name}{word}{more}</query>"


@asynccontextmanager
async def stranger(server: Server) -> AsyncIterator[Client]:
    """Yield a client that has opened its stream and not logged in."""
    async with Client(server.port) as client:
        await client.open_stream()
        yield client


async def exists(server: Server, name: str) -> bool:
    return await server.app.server.accounts.exists(JID.of(name, "localhost"))


async def can_log_in(server: Server, name: str, password: str) -> bool:
    async with stranger(server) as client:
        try:
            await client.authenticate(name, password)
        except PermissionError:
            return False
        return True


# --- before login ---------------------------------------------------------------------------------------------


async def test_registration_is_a_stream_feature_before_login_only(serve):
    server = await serve(REGISTER, admin=None)
    async with stranger(server) as client:
        assert client.features.find(ns.REGISTER_FEATURE, "register") is not None
    romeo = await server.client("romeo")
    assert romeo.features.find(ns.REGISTER_FEATURE, "register") is None
    assert ns.REGISTER in server.app.host("localhost").features()

    await server.stop_module("mod_register")
    async with stranger(server) as client:
        assert client.features.find(ns.REGISTER_FEATURE, "register") is None
        assert refusal(await client.ask("get", fields(), to="localhost")) == "cancel/service-unavailable"


async def test_a_stranger_is_told_what_a_registration_takes(serve):
    server = await serve(REGISTER, admin=None)
    async with stranger(server) as client:
        query = (await client.ask("get", fields(), to="localhost")).find(ns.REGISTER, "query")

    assert [child.name for child in query.elements()] == ["instructions", "username", "password"]
    assert query.child_text(ns.REGISTER, "instructions")


async def test_a_stranger_registers_and_logs_in_on_the_same_stream(serve):
    server = await serve(REGISTER, admin=None)
    async with stranger(server) as client:
        answer = await client.ask("set", fields("Romeo", "wherefore"), to="localhost")
        assert answer.get("type") == "result"
        assert answer.payload is None

        await client.authenticate("romeo", "wherefore")
        await client.restart_stream()
        assert str(await client.bind("balcony")) == "romeo@localhost/balcony"


async def test_what_was_registered_outlives_the_server(serve, tmp_path):
    first = await serve(REGISTER, admin=None, data_dir=tmp_path)
    async with stranger(first) as client:
        await client.ask("set", fields("romeo", "wherefore"), to="localhost")
    await first.stop()

    second = await serve(REGISTER, admin=None, data_dir=tmp_path)
    assert await can_log_in(second, "romeo", "wherefore")


async def test_a_name_that_is_taken_is_a_conflict(serve):
    server = await serve(REGISTER, admin=None)
    await server.register("romeo")
    async with stranger(server) as client:
        assert refusal(await client.ask("set", fields("romeo", "mine"), to="localhost")) == "cancel/conflict"
        other = await client.ask("set", fields("mercutio", "mine"), to="localhost")
        assert other.get("type") == "result", "a registration that failed does not count"
    assert await can_log_in(server, "romeo", PASSWORD)


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        (fields("a@b", "x"), "modify/bad-request"),
        (fields("a b", "x"), "modify/bad-request"),
        (fields("x" * 1024, "x"), "modify/bad-request"),
        ("<query xmlns='jabber:iq:register'><username/><password>x</password></query>", "modify/bad-request"),
        (fields("", "x"), "modify/not-acceptable"),
        (fields("romeo"), "modify/not-acceptable"),
        ("<query xmlns='jabber:iq:register'><username>romeo</username><password/></query>", "modify/not-acceptable"),
        (fields("romeo", "bell\u0085"), "modify/not-acceptable"),
        (fields("romeo", "x" * 1024), "modify/not-acceptable"),
        (fields(), "modify/not-acceptable"),
        (fields(more="<remove/>"), "cancel/not-allowed"),
        (fields("romeo", "x", "<remove/>"), "cancel/not-allowed"),
        (f"{fields('romeo', 'x')}<more xmlns='urn:test:more'/>", "modify/bad-request"),
    ],
)
async def test_a_malformed_registration_is_refused_and_the_stream_goes_on(serve, query, expected):
    server = await serve(REGISTER, admin=None)
    async with stranger(server) as client:
        assert refusal(await client.ask("set", query, to="localhost")) == expected
        assert (await client.ask("set", fields("mercutio", "x"), to="localhost")).get("type") == "result"
    assert not await exists(server, "romeo")


async def test_a_weak_password_is_refused(serve):
    server = await serve(REGISTER + "password_strength = 40", admin=None)
    async with stranger(server) as client:
        answer = await client.ask("set", fields("romeo", "romeo"), to="localhost")
        assert refusal(answer) == "modify/not-acceptable"
        assert refusal_text(answer) == "The password is too weak"
        assert (await client.ask("set", fields("romeo", "R0meo+Jul1et"), to="localhost")).get("type") == "result"

    romeo = await server.client("juliet")
    change = await romeo.ask("set", fields("juliet", "romeo"), to="localhost")
    assert refusal(change) == "modify/not-acceptable"
    assert refusal_text(change) == "The password is too weak"


async def test_access_may_be_denied(serve):
    server = await serve(REGISTER + 'access = "none"', admin=None)
    async with stranger(server) as client:
        assert refusal(await client.ask("set", fields("romeo", "x"), to="localhost")) == "auth/forbidden"
    assert not await exists(server, "romeo")


async def test_an_access_rule_may_keep_names(serve):
    rules = """
[acl]
  reserved = [{user = "admin"}, {user_glob = "bot-*"}]
[access]
  register = [{acl = "reserved", value = "deny"}, {acl = "all", value = "allow"}]
"""
    server = await serve(REGISTER + 'access = "register"', admin=None, general=NO_WAIT, more=rules)
    async with stranger(server) as client:
        for name in ("admin", "Bot-7"):
            assert refusal(await client.ask("set", fields(name, "x"), to="localhost")) == "auth/forbidden"
        assert (await client.ask("set", fields("romeo", "x"), to="localhost")).get("type") == "result"


@pytest.mark.parametrize(
    ("rules", "allowed"),
    [
        ('[{address = "127.0.0.0/8", policy = "deny"}]', False),
        ('[{address = "127.0.0.1", policy = "deny"}]', False),
        ('[{address = "127.0.0.1", policy = "allow"}, {address = "0.0.0.0/0", policy = "deny"}]', True),
        ('[{address = "0.0.0.0/0", policy = "deny"}, {address = "127.0.0.1", policy = "allow"}]', False),
        ('[{address = "::/0", policy = "deny"}]', True),
        ('[{address = "10.0.0.0/8", policy = "deny"}]', True),
        ("[]", True),
    ],
)
async def test_the_first_rule_that_matches_the_address_decides(serve, rules, allowed):
    server = await serve(REGISTER + f"ip_access = {rules}", admin=None)
    async with stranger(server) as client:
        answer = await client.ask("set", fields("romeo", "x"), to="localhost")
    assert await exists(server, "romeo") is allowed
    assert allowed or refusal(answer) == "auth/forbidden"


async def test_one_source_registers_once_in_ten_minutes(serve):
    server = await serve(REGISTER, admin=None)
    async with stranger(server) as client:
        assert (await client.ask("set", fields("romeo", "x"), to="localhost")).get("type") == "result"
        assert refusal(await client.ask("set", fields("tybalt", "x"), to="localhost")) == "wait/resource-constraint"
    async with stranger(server) as client:
        assert refusal(await client.ask("set", fields("tybalt", "x"), to="localhost")) == "wait/resource-constraint"
        server.clock.advance(599)
        assert refusal(await client.ask("set", fields("tybalt", "x"), to="localhost")) == "wait/resource-constraint"
        server.clock.advance(2)
        assert (await client.ask("set", fields("tybalt", "x"), to="localhost")).get("type") == "result"


async def test_registrations_at_the_same_moment_count_as_well(serve):
    server = await serve(REGISTER, admin=None)
    async with stranger(server) as one, stranger(server) as two:
        answers = await asyncio.gather(
            one.ask("set", fields("romeo", "x"), to="localhost"), two.ask("set", fields("tybalt", "x"), to="localhost")
        )
    assert sorted(answer.get("type") for answer in answers) == ["error", "result"]


async def test_the_file_may_lift_the_limit(serve):
    server = await serve(REGISTER, admin=None, general=NO_WAIT)
    async with stranger(server) as client:
        for name in ("romeo", "tybalt", "juliet"):
            assert (await client.ask("set", fields(name, "x"), to="localhost")).get("type") == "result"


async def test_new_users_are_welcomed_and_watchers_told(serve, tmp_path):
    (tmp_path / "mod_kept.py").write_text(OFFLINE)
    section = """
[modules.mod_register]
registration_watchers = ["juliet@localhost"]
welcome_message = {subject = "Welcome", body = "Be <kind>"}
[modules.mod_kept]
"""
    server = await serve(section, admin=None, folders=[tmp_path])
    juliet = await server.online("juliet")
    async with stranger(server) as client:
        await client.ask("set", fields("romeo", "x"), to="localhost")

    (welcome,) = server.app.modules.find(server.app.host("localhost"), "mod_kept").kept
    assert (str(welcome.sender), str(welcome.to), welcome.type) == ("localhost", "romeo@localhost", "")
    assert welcome.child_text(ns.CLIENT, "subject") == "Welcome"
    assert welcome.child_text(ns.CLIENT, "body") == "Be <kind>"
    notice = await juliet.expect("message", type="chat", from_="localhost", to="juliet@localhost")
    assert "romeo@localhost" in notice.child_text(ns.CLIENT, "body")
    assert "127.0.0.1" in notice.child_text(ns.CLIENT, "body")


async def test_nobody_is_welcomed_with_nothing(serve, tmp_path):
    (tmp_path / "mod_kept.py").write_text(OFFLINE)
    server = await serve(REGISTER + "[modules.mod_kept]", admin=None, folders=[tmp_path])
    async with stranger(server) as client:
        await client.ask("set", fields("romeo", "x"), to="localhost")

    assert server.app.modules.find(server.app.host("localhost"), "mod_kept").kept == []


async def test_registration_waits_for_tls_where_tls_is_required(serve):
    server = await serve(REGISTER, admin=None, c2s_tls='mode = "starttls_required"')
    async with stranger(server) as client:
        assert client.features.find(ns.REGISTER_FEATURE, "register") is None
        assert refusal(await client.ask("set", fields("romeo", "x"), to="localhost")) == "cancel/service-unavailable"
        await client.starttls()
        assert (await client.ask("set", fields("romeo", "x"), to="localhost")).get("type") == "result"


# --- after login ----------------------------------------------------------------------------------------------


def said(answer: Element) -> dict[str, str]:
    assert answer.get("type") == "result", answer
    return {child.name: child.text for child in answer.find(ns.REGISTER, "query").elements()}


@pytest.mark.parametrize("to", ["localhost", "", "romeo@localhost"])
async def test_who_is_logged_in_is_told_that_he_is_registered(serve, to):
    server = await serve(REGISTER, admin=None)
    romeo = await server.client("romeo")

    told = said(await romeo.ask("get", fields(), to=to))

    assert told.pop("instructions")
    assert told == {"registered": "", "username": "romeo", "password": ""}


@pytest.mark.parametrize("to", ["localhost", "", "romeo@localhost"])
async def test_the_own_password_is_changed(serve, to):
    server = await serve(REGISTER, admin=None)
    romeo = await server.client("romeo")

    assert (await romeo.ask("set", fields("romeo", "new one"), to=to)).get("type") == "result"

    assert await can_log_in(server, "romeo", "new one")
    assert not await can_log_in(server, "romeo", PASSWORD)
    await romeo.expect_nothing()


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        (fields("romeo"), "modify/bad-request"),
        ("<query xmlns='jabber:iq:register'><username>romeo</username><password/></query>", "modify/bad-request"),
        (fields("", "new"), "modify/bad-request"),
        (fields("a b", "new"), "modify/bad-request"),
        (fields("romeo", "bell\u0085"), "modify/not-acceptable"),
        (fields(), "modify/bad-request"),
    ],
)
async def test_a_malformed_change_is_refused(serve, query, expected):
    server = await serve(REGISTER, admin=None)
    romeo = await server.client("romeo")

    assert refusal(await romeo.ask("set", query, to="localhost")) == expected
    assert await can_log_in(server, "romeo", PASSWORD)


@pytest.mark.parametrize("type", ["get", "set"])
async def test_another_account_is_nobodys_business(serve, type):
    server = await serve(REGISTER, admin=None)
    await server.register("juliet")
    romeo = await server.client("romeo")

    for query in (fields("juliet", "x"), fields(more="<remove/>")):
        assert refusal(await romeo.ask(type, query, to="juliet@localhost")) == "auth/forbidden"
    assert await can_log_in(server, "juliet", PASSWORD)


async def test_who_is_logged_in_registers_others_once_in_a_while(serve):
    server = await serve(REGISTER, admin=None)
    await server.register("juliet")
    romeo = await server.client("romeo")

    assert refusal(await romeo.ask("set", fields("juliet", "x"), to="localhost")) == "cancel/conflict"
    assert (await romeo.ask("set", fields("mercutio", "x"), to="localhost")).get("type") == "result"
    assert refusal(await romeo.ask("set", fields("tybalt", "x"), to="localhost")) == "wait/resource-constraint"
    async with stranger(server) as client:
        assert (await client.ask("set", fields("tybalt", "x"), to="localhost")).get("type") == "result"
    assert await can_log_in(server, "mercutio", "x")


async def test_an_account_removes_itself_result_first_then_the_stream_ends(serve):
    server = await serve(REGISTER, admin=None)
    romeo, phone = await server.client("romeo"), await server.client("romeo", "phone")

    romeo.send(f"<iq type='set' id='bye' to='localhost'>{fields(more='<remove/>')}</iq>")

    answer = await romeo.expect("iq", type="result", id="bye", from_="localhost")
    assert answer.payload is None
    for client in (romeo, phone):
        error = await client.stream_error()
        assert error.find(ns.STREAM_ERRORS, "conflict") is not None
        assert error.child_text(ns.STREAM_ERRORS, "text") == "User removed"
    assert not await exists(server, "romeo")
    assert not await can_log_in(server, "romeo", PASSWORD)


async def test_when_the_removal_is_acknowledged_the_account_is_gone_from_disk(serve, tmp_path):
    first = await serve(REGISTER + "[modules.mod_private]", admin=None, data_dir=tmp_path, general=NO_WAIT)
    romeo = await first.client("romeo")
    await romeo.ask("set", "<query xmlns='jabber:iq:private'><x xmlns='urn:x'>kept</x></query>")
    seen: list[bool] = []
    real = first.app.server.router.route

    def route(stanza) -> None:
        if stanza.id == "bye":
            seen.append(first.app.server.accounts.exists_now(romeo.jid.bare) is False)
        real(stanza)

    first.app.server.router.route = route
    romeo.send(f"<iq type='set' id='bye'>{fields(more='<remove/>')}</iq>")
    await romeo.expect("iq", type="result", id="bye")
    await romeo.stream_error()
    assert seen[-1] is True
    await first.stop()

    second = await serve(REGISTER + "[modules.mod_private]", admin=None, data_dir=tmp_path)
    assert not await exists(second, "romeo")
    romeo = await second.client("romeo")
    kept = await romeo.ask("get", "<query xmlns='jabber:iq:private'><x xmlns='urn:x'/></query>")
    assert kept.payload.find("urn:x", "x").text == ""


async def test_remove_stands_alone(serve):
    server = await serve(REGISTER, admin=None)
    romeo = await server.client("romeo")

    assert refusal(await romeo.ask("set", fields("romeo", "x", "<remove/>"))) == "modify/bad-request"
    assert await can_log_in(server, "romeo", PASSWORD)


async def test_who_may_not_register_may_not_remove_himself(serve):
    server = await serve(REGISTER + 'access = "none"', admin=None)
    romeo = await server.client("romeo")

    assert refusal(await romeo.ask("set", fields(more="<remove/>"))) == "cancel/not-allowed"
    assert await can_log_in(server, "romeo", PASSWORD)


async def test_at_another_domain_of_the_server_one_is_a_stranger(serve):
    server = await serve(REGISTER, admin=None, hosts=("localhost", "other.example"))
    romeo = await server.client("romeo")

    assert "registered" not in said(await romeo.ask("get", fields(), to="other.example"))
    assert refusal(await romeo.ask("set", fields(more="<remove/>"), to="other.example")) == "cancel/not-allowed"
    assert (await romeo.ask("set", fields("romeo", "y"), to="other.example")).get("type") == "result"
    assert await can_log_in(server, "romeo", PASSWORD)
    assert await server.app.server.accounts.check_password(JID("romeo", "other.example"), "y")


async def test_slixmpp_registers_changes_its_password_and_removes_itself(serve):
    server = await serve(REGISTER, admin=None)
    client = unconnected(server, "romeo", plugins=["xep_0077"])
    registered = happened(client, "register")
    finished: asyncio.Future[object] = asyncio.get_running_loop().create_future()

    async def register(_form: object) -> None:
        iq = client.make_iq_set(ito="localhost")
        iq["register"]["username"] = "romeo"
        iq["register"]["password"] = PASSWORD
        finished.set_result(await iq.send())

    client.add_event_handler("register", register)
    await connect(client, server)
    async with asyncio.timeout(SECONDS):
        assert (await registered)["register"]["fields"] == {"username", "password"}
        assert (await finished)["type"] == "result"
        assert await exists(server, "romeo")

        await client.plugin["xep_0077"].change_password("new", jid="localhost")
        assert await can_log_in(server, "romeo", "new")

        gone = happened(client, "disconnected")
        await client.plugin["xep_0077"].cancel_registration(jid="localhost")
        await gone
    assert not await exists(server, "romeo")
    await client.disconnect()


# --- values ---------------------------------------------------------------------------------------------------


class HandClock(Clock):
    def __init__(self) -> None:
        self.seconds = 0.0

    def monotonic(self) -> float:
        return self.seconds


def test_a_source_may_register_again_when_its_time_is_over_or_it_failed():
    clock = HandClock()
    sources = RecentSources(clock, 600)
    assert sources.claim("a")
    assert not sources.claim("a")
    sources.release("a")
    assert sources.claim("a")
    clock.seconds = 599.9
    assert not sources.claim("a")
    clock.seconds = 600
    assert sources.claim("a")


def test_the_memory_for_sources_is_bounded():
    sources = RecentSources(HandClock(), 600)
    for number in range(MAX_SOURCES + 10):
        assert sources.claim(str(number))
    assert len(sources._claimed) <= MAX_SOURCES
    assert not sources.claim(str(MAX_SOURCES))


@pytest.mark.parametrize(
    ("address", "source"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::ffff", "2001:db8:1:2::/64"),
        ("", ""),
        ("unix", "unix"),
    ],
)
def test_an_address_counts_as_its_owner(address, source):
    assert source_of(address) == source


@pytest.mark.parametrize(
    ("password", "bits"),
    [("", 0), ("1234", 13), ("abcdefgh", 37), ("aB", 11), ("aB3$", 26), ("é", 7), ("correct horse", 76)],
)
def test_entropy_grows_with_length_and_kinds_of_characters(password, bits):
    assert int(entropy(password)) == bits


def test_options_are_checked():
    good = """
[modules.mod_register]
access = "all"
registration_watchers = ["admin@localhost", "watcher@localhost/desk"]
password_strength = 32
iqdisc = {type = "no_queue"}
ip_access = [{address = "10.0.0.0/8", policy = "allow"}, {address = "::1", policy = "deny"}]
welcome_message = {subject = "Hello"}
"""
    assert problems(good) == []
    bad = """
[modules.mod_register]
access = ""
registration_watchers = ["@"]
password_strength = -1
ip_access = [{address = "10.0.0.300", policy = "perhaps"}, {}]
welcome_message = {title = "Hello"}
"""
    assert problems(bad) == [
        "modules.mod_register.access",
        "modules.mod_register.ip_access[0].address",
        "modules.mod_register.ip_access[0].policy",
        "modules.mod_register.ip_access[1].address",
        "modules.mod_register.ip_access[1].policy",
        "modules.mod_register.password_strength",
        "modules.mod_register.registration_watchers[0]",
        "modules.mod_register.welcome_message.title",
    ]
