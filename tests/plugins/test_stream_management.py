"""Stream management (XEP-0198; xmpp-behaviour, section 2)."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from mim.clock import parse_stamp
from mim.errors import Unavailable
from mim.xmpp import ns
from mim.xmpp.element import Element, element
from tests.client import Client, StreamClosed
from tests.harness import PASSWORD
from tests.plugins.answers import refusal
from tests.plugins.problems import problems
from tests.plugins.shorthand import body_of

SM = ns.STREAM_MANAGEMENT
MODULES = "[modules.mod_stream_management]\n"
OFFLINE = "[modules.mod_offline]\n"
WITNESS = "[modules.mod_witness]\n"
FOLDER = Path(__file__).parent / "modules"
R = f"<r xmlns='{SM}'/>"
MAX = 2**32


async def start(serve, modules, **more):
    return await serve(modules + WITNESS, folders=[FOLDER], **more)


async def enable(client, resume="true"):
    """Enable management and return the id to resume by."""
    client.send(f"<enable xmlns='{SM}'" + (f" resume='{resume}'/>" if resume else "/>"))
    enabled = await client.expect("enabled")
    assert enabled.ns == SM
    return enabled.get("id")


async def stanza(client):
    """Return the next element that is no ``<r/>``."""
    while True:
        got = await client.next()
        if got.name != "r":
            return got


async def message(client):
    got = await stanza(client)
    assert got.name == "message", got
    return body_of(got)


async def handled(client):
    """Ask how many stanzas the server has handled."""
    client.send(R)
    answer = await stanza(client)
    assert (answer.ns, answer.name) == (SM, "a"), answer
    return int(answer.get("h"))


def acknowledge(client, h):
    client.send(f"<a xmlns='{SM}' h='{h}'/>")


async def resume(server, previd, h, user="a"):
    client = await server.unbound(user)
    client.send(f"<resume xmlns='{SM}' previd='{previd}' h='{h}'/>")
    return client


async def resumed(server, previd, h, user="a"):
    """Resume a session; return the client and how many of its stanzas the server has handled."""
    client = await resume(server, previd, h, user)
    answer = await client.expect("resumed", previd=previd)
    assert answer.ns == SM
    return client, int(answer.get("h"))


def module(server, name):
    return server.app.modules.find(server.app.host("localhost"), name)


async def lost(server, client):
    """Cut a client's connection and wait until the server knows it."""
    await client.drop()
    await module(server, "mod_witness").lost(client.jid)


async def gone(server, client):
    """Wait until a client's session has ended."""
    await module(server, "mod_witness").closed(client.jid)


async def friends(server):
    """``a`` under management, resumable; ``b`` without."""
    a1, b1 = await server.online("a", "a1"), await server.online("b", "b1")
    return a1, b1, await enable(a1)


def say(client, text, to="a@localhost"):
    client.send(f"<message to='{to}' type='chat'><body>{text}</body></message>")


def failure(node):
    """Return the condition of a ``<failed/>``."""
    assert (node.ns, node.name) == (SM, "failed"), node
    (condition,) = node.elements(ns.STANZA_ERRORS)
    return condition.name


async def stream_error(client):
    """Return the stream error that comes next but for ``<r/>``s; the end of the stream must follow."""
    while True:
        event = await client.next_event()
        if isinstance(event, Element) and event.name == "r":
            continue
        assert isinstance(event, Element), event
        assert event.name == "error", event
        await client.closed()
        (condition, *_) = event.elements(ns.STREAM_ERRORS)
        return condition.name, event.child_text(ns.STREAM_ERRORS, "text") or "", event


# --- enabling -------------------------------------------------------------------------------------------------


async def test_feature_is_announced_after_login(serve):
    server = await start(serve, MODULES)
    await server.register("a")
    client = Client(server.port)
    await client.connect()
    server.keep(client)

    assert (await client.open_stream()).find(SM, "sm") is None
    await client.authenticate("a", PASSWORD)
    assert (await client.restart_stream()).find(SM, "sm") is not None


@pytest.mark.parametrize("value", ["true", "1"])
async def test_enabled_with_resumption(serve, value):
    server = await start(serve, MODULES)
    client = await server.client("a")

    client.send(f"<enable xmlns='{SM}' resume='{value}'/>")

    enabled = await client.expect("enabled", resume="true")
    assert enabled.ns == SM
    assert len(enabled.get("id")) >= 16


@pytest.mark.parametrize("attribute", ["", " resume='false'", " resume='0'"])
async def test_enabled_without_resumption(serve, attribute):
    server = await start(serve, MODULES)
    client = await server.client("a")

    client.send(f"<enable xmlns='{SM}'{attribute}/>")

    assert (await client.expect("enabled")).attrs == {}


@pytest.mark.parametrize("nonza", [f"<enable xmlns='{SM}'/>", f"<resume xmlns='{SM}' previd='x' h='0'/>"])
async def test_before_login_it_is_unexpected_and_the_stream_goes_on(serve, nonza):
    server = await start(serve, MODULES)
    await server.register("a")
    client = Client(server.port)
    await client.connect()
    server.keep(client)
    await client.open_stream()

    client.send(nonza)

    assert failure(await client.next()) == "unexpected-request"
    await client.authenticate("a", PASSWORD)
    await client.restart_stream()
    client.send(f"<enable xmlns='{SM}'/>")
    assert failure(await client.next()) == "unexpected-request"
    await client.bind("r")
    await enable(client)


async def test_enabled_twice_ends_the_stream(serve):
    server = await start(serve, MODULES)
    client = await server.client("a")
    await enable(client)

    client.send(f"<enable xmlns='{SM}'/>")

    assert failure(await client.next()) == "unexpected-request"
    await client.closed()
    await gone(server, client)


@pytest.mark.parametrize("nonza", [f"<enable xmlns='{SM}'/>", f"<resume xmlns='{SM}' previd='x' h='0'/>"])
async def test_without_the_module_it_is_not_implemented(serve, nonza):
    server = await start(serve, "")
    client = await server.client("a")
    assert client.features is not None
    assert client.features.find(SM, "sm") is None

    client.send(nonza)

    assert failure(await client.next()) == "feature-not-implemented"
    await client.closed()


@pytest.mark.parametrize("name", ["enable", "r", "a"])
@pytest.mark.parametrize("namespace", ["urn:xmpp:sm:2", "jabber:client"])
async def test_wrong_namespace_ends_the_stream(serve, name, namespace):
    server = await start(serve, MODULES)
    client = await server.client("a")

    client.send(f"<{name} xmlns='{namespace}'/>")

    assert (await stream_error(client))[0] == "invalid-namespace"


async def test_resumption_by_another_version_is_ignored(serve):
    server = await start(serve, MODULES)
    client = await server.client("a")

    client.send("<resume xmlns='urn:xmpp:sm:2' previd='x' h='0'/>")

    await client.expect_nothing()


async def test_while_it_is_off_requests_and_answers_are_ignored(serve):
    server = await start(serve, MODULES)
    client = await server.client("a")

    client.send(R)
    acknowledge(client, 5)

    await client.expect_nothing()


# --- what the client sent -------------------------------------------------------------------------------------


async def test_stanzas_since_enable_are_counted_and_nothing_else(serve):
    server = await start(serve, MODULES)
    client = await server.client("a")
    await client.expect_nothing()
    await enable(client)

    assert await handled(client) == 0
    say(client, "one", "b@localhost")
    client.send(" \n ")
    client.send("<presence/>")
    client.send("<iq type='get' id='x' to='localhost'><nothing xmlns='urn:x'/></iq>")
    client.send("<message to='@invalid'/>")
    got = [await stanza(client) for _ in range(4)]
    assert sorted(node.name for node in got) == ["iq", "message", "message", "presence"]
    assert await handled(client) == 4
    assert await handled(client) == 4


async def test_acknowledgement_waits_until_it_is_on_disk(serve):
    server = await start(serve, MODULES + "[modules.mod_keeper]\n")
    client = await server.client("a")
    await server.online("b")
    keeper = module(server, "mod_keeper")
    await enable(client)
    say(client, "one", "b@localhost")
    client.send(R)
    say(client, "two", "b@localhost")
    client.send(R)
    first, second = [await keeper.promises.get() for _ in range(2)]

    second.set_result(None)
    client.send("<iq type='get' id='x' to='localhost'><nothing xmlns='urn:x'/></iq>")
    assert (await stanza(client)).name == "iq"  # no acknowledgement before it
    first.set_result(None)

    assert [(await stanza(client)).get("h") for _ in range(2)] == ["1", "2"]
    assert await handled(client) == 3


async def test_what_cannot_be_stored_is_not_acknowledged(serve):
    server = await start(serve, MODULES + "[modules.mod_keeper]\n")
    client = await server.client("a")
    await server.online("b")
    keeper = module(server, "mod_keeper")
    await enable(client)
    say(client, "one", "b@localhost")
    client.send(R)
    promise = await keeper.promises.get()

    promise.set_exception(Unavailable("disk full"))

    condition, text, _ = await stream_error(client)
    assert (condition, text) == ("internal-server-error", "a stanza could not be stored")


# --- what the client was sent ---------------------------------------------------------------------------------


async def test_server_asks_after_every_stanza(serve):
    server = await start(serve, MODULES)
    a1, b1, _ = await friends(server)

    for number in range(2):
        say(b1, number)
        assert body_of(await a1.expect("message")) == str(number)
        assert (await a1.next()) == element(SM, "r")


async def test_server_asks_after_every_nth_stanza(serve):
    server = await start(serve, MODULES + "ack_freq = 2\n")
    a1, b1, _ = await friends(server)

    for _ in range(4):
        say(b1, "x")

    assert [(await a1.next()).name for _ in range(6)] == ["message", "message", "r"] * 2


async def test_server_that_does_not_ask(serve):
    server = await start(serve, MODULES + "ack = false\n")
    a1, b1, _ = await friends(server)

    for _ in range(3):
        say(b1, "x")

    assert [(await a1.next()).name for _ in range(3)] == ["message"] * 3
    await a1.expect_nothing()


async def test_more_acknowledged_than_sent_ends_the_stream(serve):
    server = await start(serve, MODULES)
    a1, b1, _ = await friends(server)
    for number in range(3):
        say(b1, number)
        await message(a1)
    acknowledge(a1, 2)

    acknowledge(a1, 4)

    condition, text, error = await stream_error(a1)
    assert condition == "undefined-condition"
    assert text == "You acknowledged more stanzas that what has been sent"
    details = error.find(SM, "handled-count-too-high")
    assert details is not None
    assert details.attrs == {"h": "4", "send-count": "2"}


@pytest.mark.parametrize("attribute", ["", " h=''", " h='x'", " h='-1'", " h='1.0'", f" h='{MAX}'", " h='٣'"])
async def test_acknowledgement_without_a_number_ends_the_stream(serve, attribute):
    server = await start(serve, MODULES)
    client = await server.client("a")
    await enable(client)

    client.send(f"<a xmlns='{SM}'{attribute}/>")

    assert (await stream_error(client))[:2] == ("policy-violation", "Invalid h attribute")


async def test_counters_go_round(serve):
    server = await start(serve, MODULES + OFFLINE)
    a1, b1, previd = await friends(server)
    session = server.app.server.sessions.find(a1.jid)
    (outgoing,) = session.layers
    outgoing._sent = outgoing._acked = MAX - 2
    session.received += MAX - 2
    for number in range(4):
        say(b1, number)
        await message(a1)

    acknowledge(a1, MAX - 1)
    acknowledge(a1, 1)  # three of four
    for _ in range(5):
        a1.send("<message to='b@localhost'/>")
    assert await handled(a1) == 3
    await lost(server, a1)

    again, h = await resumed(server, previd, 1)
    assert h == 3
    assert await message(again) == "3"


async def test_too_many_unacknowledged_stanzas_end_the_session(serve):
    server = await start(serve, MODULES + "buffer_max = 3\n" + OFFLINE)
    a1, b1, _ = await friends(server)
    for number in range(4):
        say(b1, number)
        await message(a1)
    server.clock.advance(4.9)
    assert await handled(a1) == 0

    server.clock.advance(0.2)

    assert (await stream_error(a1))[:2] == ("resource-constraint", "too many unacked stanzas")
    await gone(server, a1)
    again = await server.client("a", "a1")
    again.send("<presence/>")
    assert [await message(again) for _ in range(4)] == ["0", "1", "2", "3"]


async def test_client_that_catches_up_in_time_goes_on(serve):
    server = await start(serve, MODULES + "buffer_max = 3\n")
    a1, b1, _ = await friends(server)
    for number in range(5):
        say(b1, number)
        await message(a1)

    acknowledge(a1, 2)
    await handled(a1)
    server.clock.advance(6)

    assert await handled(a1) == 0


# --- loss and return ------------------------------------------------------------------------------------------


async def test_lost_session_stays_available_and_gets_everything_when_it_comes_back(serve):
    server = await start(serve, MODULES + "[modules.mod_commands]\n")
    a1, b1, previd = await friends(server)
    say(b1, "acked")
    say(b1, "seen")
    assert [await message(a1) for _ in range(2)] == ["acked", "seen"]
    say(a1, "from a", "b@localhost")
    acknowledge(a1, 1)
    await handled(a1)
    await lost(server, a1)
    assert (await server.api.get("/sessions/localhost")).json == ["a@localhost/a1", "b@localhost/b1"]

    sent_at = server.clock.now_us()
    say(b1, "one")
    say(b1, "two", "a@localhost/a1")
    b1.send("<iq type='get' id='q1' to='a@localhost/a1'><x xmlns='urn:x'/></iq>")
    await b1.collect()
    server.clock.advance(60)
    again, h = await resumed(server, previd, 1)

    assert h == 1
    first = await stanza(again)
    assert body_of(first) == "seen"
    assert first.find(ns.DELAY, "delay") is None
    for text in ("one", "two"):
        late = await stanza(again)
        assert body_of(late) == text
        delay = late.find(ns.DELAY, "delay")
        assert delay is not None
        assert delay.get("from") == "localhost"
        assert abs(parse_stamp(delay.get("stamp")).timestamp() - sent_at / 1e6) < 30
    assert (await stanza(again)).get("id") == "q1"
    assert await again.next() == element(SM, "r")
    say(b1, "three")
    assert await message(again) == "three"
    say(again, "here again", "b@localhost")
    got = await b1.expect("message", from_="a@localhost/a1")
    assert body_of(got) == "here again"
    assert await handled(again) == 2


async def test_nobody_hears_of_a_loss_that_is_made_good(serve):
    server = await start(serve, MODULES)
    a1, _, previd = await friends(server)
    a2 = await server.online("a", "a2")
    await a2.collect()

    await lost(server, a1)
    await resumed(server, previd, 1)

    await a2.expect_nothing()


async def test_resumption_can_be_repeated(serve):
    server = await start(serve, MODULES)
    client, b1, previd = await friends(server)

    for number in range(3):
        await lost(server, client)
        say(b1, number)
        await b1.collect()
        jid, (client, _) = client.jid, await resumed(server, previd, number)
        client.jid = jid
        assert await message(client) == str(number)


async def test_old_connection_that_is_still_alive_is_ended(serve):
    server = await start(serve, MODULES)
    a1, b1, previd = await friends(server)

    again, _ = await resumed(server, previd, 0)

    assert (await stream_error(a1))[:2] == ("conflict", "Resumed by new connection")
    say(b1, "hi")
    assert await message(again) == "hi"
    assert await handled(again) == 0


async def test_session_that_nobody_resumes_ends(serve):
    server = await start(serve, MODULES + "resume_timeout = 30\n" + OFFLINE)
    a1, b1, previd = await friends(server)
    a2 = await server.online("a", "a2", priority=-1)
    await a2.collect()
    assert (await stanza(a1)).name == "presence"
    say(b1, "unacked")
    await message(a1)
    await lost(server, a1)
    say(b1, "while away")
    await b1.collect()

    server.clock.advance(29)
    await a2.expect_nothing()
    server.clock.advance(2)
    await a2.expect("presence", type="unavailable", from_="a@localhost/a1")

    late = await resume(server, previd, 0)
    failed = await late.next()
    assert failure(failed) == "item-not-found"
    assert failed.attrs == {}
    await late.bind("a1")
    late.send("<presence/>")
    for text in ("unacked", "while away"):
        got = await stanza(late)
        assert body_of(got) == text
        assert got.find(ns.DELAY, "delay") is not None


async def test_without_resumption_a_loss_is_the_end(serve):
    server = await start(serve, MODULES + OFFLINE)
    a1, b1 = await server.online("a", "a1"), await server.online("b", "b1")
    await enable(a1, resume="")
    for text in ("acked", "unacked"):
        say(b1, text)
        await message(a1)
    acknowledge(a1, 1)
    await handled(a1)

    await a1.drop()
    await gone(server, a1)

    again = await server.client("a", "a1")
    again.send("<presence/>")
    assert await message(again) == "unacked"
    assert (await stanza(again)).name == "presence"


async def test_end_of_stream_is_no_loss(serve):
    server = await start(serve, MODULES)
    a1, _, previd = await friends(server)

    a1.send("</stream:stream>")
    await a1.closed()

    assert failure(await (await resume(server, previd, 0)).next()) == "item-not-found"


@pytest.mark.parametrize("previd", ["", "unknown"])
async def test_unknown_id_is_not_found_and_the_client_may_bind(serve, previd):
    server = await start(serve, MODULES)
    await server.register("a")

    client = await resume(server, previd, 0)

    assert failure(await client.next()) == "item-not-found"
    assert str(await client.bind("a1")) == "a@localhost/a1"


async def test_nobody_resumes_the_session_of_another(serve):
    server = await start(serve, MODULES)
    a1, _, previd = await friends(server)
    await lost(server, a1)

    thief = await resume(server, previd, 0, user="b")

    assert failure(await thief.next()) == "item-not-found"
    await resumed(server, previd, 0)


async def test_bound_client_cannot_resume(serve):
    server = await start(serve, MODULES)
    a1, _, previd = await friends(server)
    await lost(server, a1)
    client = await server.client("a", "a2")

    client.send(f"<resume xmlns='{SM}' previd='{previd}' h='0'/>")

    assert failure(await client.next()) == "unexpected-request"
    await client.expect_nothing()


@pytest.mark.parametrize("h", ["", "x", "-1"])
async def test_resumption_without_a_number_is_a_bad_request(serve, h):
    server = await start(serve, MODULES)
    a1, _, previd = await friends(server)
    await lost(server, a1)

    assert failure(await (await resume(server, previd, h)).next()) == "bad-request"
    await resumed(server, previd, 0)


async def test_resumption_with_too_high_a_number_ends_both(serve):
    server = await start(serve, MODULES + OFFLINE)
    a1, b1, previd = await friends(server)
    say(b1, "unacked")
    await message(a1)
    await lost(server, a1)

    client = await resume(server, previd, 2)

    condition, text, error = await stream_error(client)
    assert (condition, text) == ("undefined-condition", "You acknowledged more stanzas that what has been sent")
    details = error.find(SM, "handled-count-too-high")
    assert details is not None
    assert details.attrs == {"h": "2", "send-count": "0"}
    assert server.app.server.sessions.find(a1.jid) is None
    again = await server.client("a", "a1")
    again.send("<presence/>")
    assert await message(again) == "unacked"


STALE = "[modules.mod_stream_management.stale_h]\nenabled = true\nrepeat_after = 10\ngeriatric = 60\n"


async def test_late_client_is_told_what_had_arrived(serve):
    server = await start(serve, MODULES + "resume_timeout = 30\n" + STALE)
    a1, _, previd = await friends(server)
    for _ in range(3):
        say(a1, "x", "b@localhost")
    await handled(a1)
    await lost(server, a1)
    server.clock.advance(31)
    await gone(server, a1)

    for user, attributes in (("a", {"h": "3"}), ("b", {})):
        failed = await (await resume(server, previd, 0, user)).next()
        assert (failure(failed), failed.attrs) == ("item-not-found", attributes)
    server.clock.advance(61)
    assert (await (await resume(server, previd, 0)).next()).attrs == {}


async def test_messages_go_to_another_resource_when_a_session_ends(serve):
    server = await start(serve, MODULES + OFFLINE)
    a1, b1, _ = await friends(server)
    a2 = await server.online("a", "a2")
    await a2.collect()
    say(b1, "only for a1", "a@localhost/a1")
    say(b1, "for both")
    await b1.collect()
    assert await message(a2) == "for both"
    await lost(server, a1)
    say(b1, "for both, too")
    assert await message(a2) == "for both, too"

    server.clock.advance(601)

    presence, late = await a2.next(), await a2.next()
    if presence.name == "message":
        presence, late = late, presence
    assert presence.get("type") == "unavailable"
    assert (body_of(late), late.get("to")) == ("only for a1", "a@localhost/a1")
    assert late.find(ns.DELAY, "delay") is not None
    await a2.expect_nothing()


async def test_message_that_two_clients_missed_is_stored_once(serve):
    server = await start(serve, MODULES + OFFLINE)
    a1, b1, _ = await friends(server)
    a2 = await server.online("a", "a2")
    await a2.collect()
    await enable(a2)
    await lost(server, a1)
    await lost(server, a2)
    say(b1, "hi")
    await b1.collect()

    server.clock.advance(601)
    await gone(server, a1)
    await gone(server, a2)

    again = await server.client("a", "a3")
    again.send("<presence/>")
    assert await message(again) == "hi"
    assert (await stanza(again)).name == "presence"


async def test_unanswered_request_is_refused_when_a_session_ends(serve):
    server = await start(serve, MODULES)
    a1, b1, _ = await friends(server)
    b1.send("<iq type='get' id='q' to='a@localhost/a1'><x xmlns='urn:x'/></iq>")
    await stanza(a1)
    await a1.close()

    answer = await b1.next()

    assert answer.get("id") == "q"
    assert refusal(answer) == "cancel/service-unavailable"


async def test_copies_and_presence_go_nowhere_else(serve):
    server = await start(serve, MODULES + OFFLINE + "[modules.mod_carboncopy]\n")
    a1, b1, _ = await friends(server)
    a2 = await server.online("a", "a2")
    assert (await stanza(a1)).name == "presence"
    a1.send(f"<iq type='set' id='c'><enable xmlns='{ns.CARBONS2}'/></iq>")
    assert (await stanza(a1)).get("id") == "c"
    say(a2, "from a2", "b@localhost")
    assert (await stanza(a1)).name == "message"
    await a2.close()

    await a1.close()
    await gone(server, a1)

    again = await server.client("a", "a3")
    again.send("<presence/>")
    assert (await stanza(again)).name == "presence"
    assert await message(b1) == "from a2"


async def test_message_that_comes_again_is_archived_once_and_keeps_its_id(serve):
    archive = "[modules.mod_mam_meta]\n[modules.mod_mam_meta.pm]\n[modules.mod_commands]\n"
    server = await start(serve, MODULES + OFFLINE + archive)
    a1, b1, _ = await friends(server)
    say(b1, "hi")
    first = await stanza(a1)
    await lost(server, a1)
    server.clock.advance(601)
    await gone(server, a1)

    again = await server.client("a", "a2")
    again.send("<presence/>")

    second = await stanza(again)
    assert second.find(ns.DELAY, "delay") is not None
    ids = [list(node.elements(ns.STANZA_ID, "stanza-id")) for node in (first, second)]
    assert ids[0] == ids[1]
    assert len(ids[0]) == 1
    for owner in "ab":
        archived = await server.api.get(f"/messages/{owner}@localhost")
        assert [entry["body"] for entry in archived.json] == ["hi"]


async def test_unanswered_request_for_subscription_comes_again(serve):
    server = await start(serve, MODULES + OFFLINE + "[modules.mod_roster]\n")
    a1, b1, _ = await friends(server)
    b1.send("<presence to='a@localhost' type='subscribe'/>")
    assert (await stanza(a1)).get("type") == "subscribe"
    await lost(server, a1)
    server.clock.advance(601)
    await gone(server, a1)

    again = await server.client("a", "a2")
    again.send("<presence/>")

    assert (await stanza(again)).get("type") == "subscribe"
    assert (await stanza(again)).get("from") == "a@localhost/a2"
    await again.expect_nothing()


async def test_contacts_see_a_lost_client_go_when_its_time_is_over(serve):
    server = await start(serve, MODULES + "[modules.mod_roster]\n[modules.mod_commands]\n")
    a1, b1, _ = await friends(server)
    await server.api.put("/contacts/a@localhost/b@localhost/manage", {"action": "connect"})
    await b1.collect()
    await lost(server, a1)
    await b1.expect_nothing()

    server.clock.advance(601)

    gone_presence = await b1.expect("presence", type="unavailable", from_="a@localhost/a1")
    assert gone_presence.children == []


async def test_new_session_of_the_same_name_replaces_a_lost_one(serve):
    server = await start(serve, MODULES + OFFLINE)
    a1, b1, previd = await friends(server)
    say(b1, "unacked")
    await message(a1)
    await lost(server, a1)

    again = await server.client("a", "a1")
    again.send("<presence/>")

    assert await message(again) == "unacked"
    assert failure(await (await resume(server, previd, 0)).next()) == "item-not-found"


async def test_kicked_session_cannot_be_resumed(serve):
    server = await start(serve, MODULES + OFFLINE + "[modules.mod_commands]\n")
    a1, b1, previd = await friends(server)
    a2 = await server.online("a", "a2", priority=-1)
    assert (await stanza(a1)).name == "presence"
    say(b1, "unacked")
    await message(a1)

    assert (await server.api.delete("/sessions/localhost/a/a1")).status == 204

    while True:
        node = await stanza_or_error(a1)
        if node.name == "error":
            break
    assert node.child_text(ns.STREAM_ERRORS, "text") == "kicked"
    await a1.closed()
    await a2.collect()
    assert failure(await (await resume(server, previd, 0)).next()) == "item-not-found"
    again = await server.client("a", "a1")
    again.send("<presence/>")
    assert await message(again) == "unacked"


async def stanza_or_error(client):
    try:
        return await stanza(client)
    except StreamClosed as closed:
        return closed.args[0]


async def test_lost_session_can_be_kicked(serve):
    server = await start(serve, MODULES + "[modules.mod_commands]\n")
    a1, _, previd = await friends(server)
    await lost(server, a1)

    assert (await server.api.delete("/sessions/localhost/a/a1")).status == 204

    assert (await server.api.get("/sessions/localhost")).json == ["b@localhost/b1"]
    assert (await server.api.delete("/sessions/localhost/a/a1")).status == 404
    assert failure(await (await resume(server, previd, 0)).next()) == "item-not-found"


async def test_removed_account_leaves_no_lost_session(serve):
    server = await start(serve, MODULES + OFFLINE + "[modules.mod_commands]\n")
    a1, b1, _ = await friends(server)
    say(b1, "unacked")
    await message(a1)
    await lost(server, a1)

    assert (await server.api.delete("/users/localhost/a")).status == 204

    assert (await server.api.get("/sessions/localhost")).json == ["b@localhost/b1"]
    again = await server.online("a", "a1")
    await again.expect_nothing()


async def test_without_buffer_it_is_counted_only(serve):
    server = await start(serve, MODULES + "buffer = false\n")
    a1, b1 = await server.online("a", "a1"), await server.online("b", "b1")
    a1.send(f"<enable xmlns='{SM}' resume='true'/>")
    assert (await a1.expect("enabled")).attrs == {}
    say(b1, "hi")
    await message(a1)
    acknowledge(a1, 1)
    assert await handled(a1) == 0
    acknowledge(a1, 2)

    assert (await stream_error(a1))[0] == "undefined-condition"


# --- module and server ----------------------------------------------------------------------------------------


async def test_stopped_module_keeps_no_lost_session(serve):
    server = await start(serve, MODULES + OFFLINE)
    a1, b1, _ = await friends(server)
    b1.send(f"<enable xmlns='{SM}' resume='true'/>")
    await b1.expect("enabled")
    await lost(server, a1)
    say(b1, "while away")
    assert await handled(b1) == 1

    await server.stop_module("mod_stream_management")

    assert server.app.server.sessions.find(a1.jid) is None
    assert await asyncio.wait_for(b1.ask("get", "<x xmlns='urn:x'/>"), 10)  # goes on, and is not asked for anything
    b1.send(R)
    await b1.expect_nothing()
    again = await server.client("a", "a1")
    again.send("<presence/>")
    assert await message(again) == "while away"


async def test_stopping_server_stores_what_waits_for_lost_clients(serve, tmp_path):
    first = await start(serve, MODULES + OFFLINE, data_dir=tmp_path)
    a1, b1, _ = await friends(first)
    say(b1, "unacked")
    await message(a1)
    await lost(first, a1)
    say(b1, "while away")
    await b1.collect()
    await first.stop()

    second = await start(serve, MODULES + OFFLINE, data_dir=tmp_path)
    again = await second.client("a", "a1")
    again.send("<presence/>")

    assert [await message(again) for _ in range(2)] == ["unacked", "while away"]


def test_options_are_checked():
    section = "modules.mod_stream_management"
    assert problems(MODULES + 'buffer_max = "infinity"\nack_freq = 3\nresume_timeout = 1\nbackend = "mnesia"\n') == []
    assert problems(MODULES + STALE) == []
    for wrong in ("buffer_max = 0", "ack_freq = 0", "resume_timeout = 0", "buffer = 1", 'ack = "yes"', 'backend = "x"'):
        assert problems(MODULES + wrong) == [f"{section}.{wrong.split()[0]}"]
    assert problems(MODULES + "stale_h.geriatric = 0\n") == [f"{section}.stale_h.geriatric"]
