"""mod_ping (XEP-0199; xmpp-behaviour, section 9)."""

from __future__ import annotations

import pytest

from mim.xmpp import ns
from tests.plugins.answers import refusal
from tests.plugins.problems import problems

PING = "<ping xmlns='urn:xmpp:ping'/>"
PINGS = "[modules.mod_ping]\nsend_pings = true\nping_interval = 60\nping_req_timeout = 32\n"


@pytest.mark.parametrize("to", ["localhost", "", "romeo@localhost"])
async def test_server_and_own_account_answer_a_ping(serve, to):
    server = await serve("[modules.mod_ping]", admin=None)
    romeo = await server.client("romeo")

    answer = await romeo.ask("get", PING, to=to)

    assert answer.get("type") == "result"
    assert answer.payload is None
    assert ns.PING in server.app.host("localhost").features()


@pytest.mark.parametrize("to", ["localhost", ""])
@pytest.mark.parametrize(("type", "payload"), [("set", PING), ("get", "<pong xmlns='urn:xmpp:ping'/>")])
async def test_anything_else_in_the_namespace_is_not_implemented(serve, to, type, payload):
    server = await serve("[modules.mod_ping]", admin=None)
    romeo = await server.client("romeo")

    answer = await romeo.ask(type, payload, to=to)

    assert refusal(answer) == "cancel/feature-not-implemented"


async def test_a_ping_does_not_tell_whether_another_account_exists(serve):
    server = await serve("[modules.mod_ping]", admin=None)
    await server.register("juliet")
    romeo = await server.client("romeo")

    for other in ("juliet@localhost", "nobody@localhost"):
        answer = await romeo.ask("get", PING, to=other)
        assert refusal(answer) == "cancel/service-unavailable"


async def test_a_silent_client_is_pinged_and_its_pong_goes_nowhere(serve):
    server = await serve(PINGS + 'timeout_action = "kill"', admin=None)
    romeo = await server.client("romeo")

    server.clock.advance(61)
    ping = await romeo.expect("iq", type="get", from_="localhost", to="romeo@localhost/r1")
    assert ping.find(ns.PING, "ping") is not None
    romeo.send(f"<iq type='result' id='{ping.get('id')}' to='localhost'/>")
    await romeo.expect_nothing()

    server.clock.advance(33)
    await romeo.expect_nothing()


async def test_an_error_is_a_sign_of_life_too(serve):
    server = await serve(PINGS + 'timeout_action = "kill"', admin=None)
    romeo = await server.client("romeo")

    server.clock.advance(61)
    ping = await romeo.expect("iq", type="get")
    romeo.send(
        f"<iq type='error' id='{ping.get('id')}' to='localhost'><error type='cancel'>"
        f"<service-unavailable xmlns='{ns.STANZA_ERRORS}'/></error></iq>"
    )
    await romeo.expect_nothing()

    server.clock.advance(33)
    await romeo.expect_nothing()


async def test_a_client_that_sends_something_is_not_pinged_before_the_interval_is_over_again(serve):
    server = await serve(PINGS, admin=None)
    romeo = await server.client("romeo")

    server.clock.advance(40)
    romeo.send("<message to='romeo@localhost/r1' type='chat' id='mine'/>")
    await romeo.expect("message")
    server.clock.advance(40)
    await romeo.expect_nothing()

    server.clock.advance(61)
    await romeo.expect("iq", type="get", from_="localhost")


async def test_a_client_that_does_not_answer_is_closed_when_the_file_says_so(serve):
    server = await serve(PINGS + 'timeout_action = "kill"', admin=None)
    romeo = await server.client("romeo")

    server.clock.advance(61)
    await romeo.expect("iq", type="get")
    server.clock.advance(33)

    error = await romeo.stream_error()
    assert error.find(ns.STREAM_ERRORS, "connection-timeout") is not None
    assert not server.app.server.sessions.has(romeo.jid.bare)


async def test_a_session_that_can_be_resumed_is_not_lost_with_its_connection(serve):
    section = PINGS + 'timeout_action = "kill"\n[modules.mod_stream_management]'
    server = await serve(section, admin=None)
    romeo = await server.client("romeo")
    romeo.send("<enable xmlns='urn:xmpp:sm:3' resume='true'/>")
    await romeo.expect("enabled")

    server.clock.advance(61)
    await romeo.expect("iq", type="get")
    await romeo.expect("r")
    server.clock.advance(33)
    error = await romeo.stream_error()
    assert error.find(ns.STREAM_ERRORS, "connection-timeout") is not None
    session = server.app.server.sessions.find(romeo.jid)
    assert not session.is_attached

    await server.clock.elapse(61)
    assert not session.is_over


async def test_without_an_action_a_silent_client_is_pinged_again(serve):
    server = await serve(PINGS, admin=None)
    romeo = await server.client("romeo")

    server.clock.advance(61)
    first = await romeo.expect("iq", type="get")
    await server.clock.elapse(33)
    server.clock.advance(61)
    second = await romeo.expect("iq", type="get")

    assert first.get("id") != second.get("id")


async def test_no_pings_are_sent_unless_the_file_says_so(serve):
    server = await serve("[modules.mod_ping]", admin=None)
    romeo = await server.client("romeo")

    server.clock.advance(1000)

    assert not server.clock.timers
    await romeo.expect_nothing()


async def test_a_module_started_late_pings_the_sessions_it_finds_and_stops_when_it_stops(serve):
    server = await serve(PINGS, admin=None)
    await server.stop_module("mod_ping")
    romeo = await server.client("romeo")
    assert not server.clock.timers

    module = server.app.config.hosts["localhost"].modules["mod_ping"]
    await server.app.modules.start(server.app.host("localhost"), "mod_ping", module)
    server.clock.advance(61)
    await romeo.expect("iq", type="get", from_="localhost")

    await server.stop_module("mod_ping")
    assert not server.clock.timers


async def test_a_closed_session_is_not_watched_any_more(serve):
    server = await serve(PINGS, admin=None)
    romeo = await server.client("romeo")
    assert len(server.clock.timers) == 1

    romeo.send("</stream:stream>")
    await romeo.closed()

    assert not server.clock.timers


def test_options_are_checked():
    assert problems('[modules.mod_ping]\nsend_pings = false\ntimeout_action = "none"') == []
    assert problems('[modules.mod_ping]\nping_interval = 0\nping_req_timeout = 0\ntimeout_action = "die"') == [
        "modules.mod_ping.ping_interval",
        "modules.mod_ping.ping_req_timeout",
        "modules.mod_ping.timeout_action",
    ]
