"""Client state indication (XEP-0352; xmpp-behaviour, section 9)."""

from __future__ import annotations

from pathlib import Path

from mim.xmpp import ns
from tests.plugins.problems import problems
from tests.plugins.shorthand import body_of

CSI = "[modules.mod_csi]\n"
SM = "[modules.mod_stream_management]\nack = false\n"
WITNESS = "[modules.mod_witness]\n"
OFFLINE = "[modules.mod_offline]\n"
FOLDER = Path(__file__).parent / "modules"
INACTIVE = f"<inactive xmlns='{ns.CSI}'/>"
ACTIVE = f"<active xmlns='{ns.CSI}'/>"


async def friends(server):
    a1, b1 = await server.online("a", "a1"), await server.online("b", "b1")
    a1.send(f"<enable xmlns='{ns.STREAM_MANAGEMENT}' resume='true'/>")
    a1.previd = (await a1.expect("enabled")).get("id")
    a1.send(INACTIVE)
    await expect_nothing(a1)
    return a1, b1


async def expect_nothing(client):
    """See that nothing came, by something that does not wait: an acknowledgement."""
    client.send(f"<r xmlns='{ns.STREAM_MANAGEMENT}'/>")
    await client.expect("a", h="0")


def say(client, *texts):
    for text in texts:
        client.send(f"<message to='a@localhost' type='chat'><body>{text}</body></message>")


async def bodies(client, count):
    return [body_of(await client.expect("message")) for _ in range(count)]


async def test_feature_is_announced_after_login(serve):
    server = await serve(CSI)
    client = await server.client("a")

    assert client.features is not None
    assert client.features.find(ns.CSI, "csi") is not None


async def test_stanzas_wait_until_the_client_is_active(serve):
    server = await serve(CSI + SM)
    a1, b1 = await friends(server)
    say(b1, "one", "two")
    b1.send("<presence to='a@localhost'/>")
    await b1.collect()
    await expect_nothing(a1)

    a1.send(ACTIVE)

    assert await bodies(a1, 2) == ["one", "two"]
    await a1.expect("presence")
    say(b1, "three")
    assert await bodies(a1, 1) == ["three"]


async def test_more_than_the_limit_lets_all_go_in_order(serve):
    server = await serve(SM + CSI + "buffer_max = 3\n")
    a1, b1 = await friends(server)
    say(b1, 1, 2, 3)
    await b1.collect()
    await expect_nothing(a1)

    say(b1, 4)
    assert await bodies(a1, 4) == ["1", "2", "3", "4"]

    say(b1, 5)
    await b1.collect()
    await expect_nothing(a1)  # still inactive


async def test_default_limit_is_twenty(serve):
    server = await serve(CSI + SM)
    a1, b1 = await friends(server)
    say(b1, *range(20))
    await b1.collect()
    await expect_nothing(a1)

    say(b1, 20)

    assert await bodies(a1, 21) == [str(number) for number in range(21)]


async def test_request_lets_all_go_because_somebody_waits_for_its_answer(serve):
    server = await serve(CSI + SM)
    a1, b1 = await friends(server)
    say(b1, "one")

    b1.send("<iq type='get' id='q' to='a@localhost/a1'><x xmlns='urn:x'/></iq>")

    assert await bodies(a1, 1) == ["one"]
    await a1.expect("iq", id="q")


async def test_said_twice_is_said_once(serve):
    server = await serve(CSI + SM)
    a1, b1 = await friends(server)
    a1.send(INACTIVE)
    say(b1, "one")
    await b1.collect()

    a1.send(ACTIVE + ACTIVE)

    assert await bodies(a1, 1) == ["one"]
    await a1.expect_nothing()


async def test_what_waits_is_stored_when_the_client_leaves(serve):
    server = await serve(CSI + SM + OFFLINE)
    a1, b1 = await friends(server)
    say(b1, "one", "two")
    await b1.collect()

    await a1.close()

    again = await server.client("a", "a2")
    again.send("<presence/>")
    assert await bodies(again, 2) == ["one", "two"]


async def test_what_waits_comes_after_a_resumption(serve):
    server = await serve(CSI + SM + WITNESS, folders=[FOLDER])
    a1, b1 = await friends(server)
    a1.send(ACTIVE)
    say(b1, "seen")
    assert await bodies(a1, 1) == ["seen"]
    a1.send(INACTIVE)
    await expect_nothing(a1)
    say(b1, "waiting")
    await b1.collect()
    await a1.drop()
    await server.app.modules.find(server.app.host("localhost"), "mod_witness").lost(a1.jid)
    say(b1, "late")
    await b1.collect()

    again = await server.unbound("a")
    again.send(f"<resume xmlns='{ns.STREAM_MANAGEMENT}' previd='{a1.previd}' h='0'/>")

    await again.expect("resumed")
    assert await bodies(again, 3) == ["seen", "waiting", "late"]
    say(b1, "active again")
    assert await bodies(again, 1) == ["active again"]


async def test_stopped_module_lets_all_go(serve):
    server = await serve(CSI + SM)
    a1, b1 = await friends(server)
    say(b1, "one")
    await b1.collect()

    await server.stop_module("mod_csi")

    assert await bodies(a1, 1) == ["one"]
    a1.send(INACTIVE)  # advice that nobody takes
    say(b1, "two")
    assert await bodies(a1, 1) == ["two"]


def test_options_are_checked():
    assert problems(CSI + 'buffer_max = "infinity"\n') == []
    assert problems(CSI + "buffer_max = 0\n") == []
    assert problems(CSI + "buffer_max = -1\n") == ["modules.mod_csi.buffer_max"]
