"""mod_blocking (XEP-0191; xmpp-behaviour, section 9; modules, "Automatic starts")."""

from __future__ import annotations

import pytest

from mim.xmpp import ns
from mim.xmpp.element import Element
from tests.client import Client
from tests.foreign import slixmpp_client
from tests.plugins import friends
from tests.plugins.answers import refusal
from tests.plugins.privacy import DENY_ALL, change, names, put, query
from tests.plugins.problems import problems

BLOCKING = "[modules.mod_blocking]\n"
BLOCKLIST = "<blocklist xmlns='urn:xmpp:blocking'/>"
MESSAGE = "<message to='{to}' id='m' type='chat'><body>hi</body></message>"


def request(name: str, *addresses: str) -> str:
    items = "".join(f"<item jid='{address}'/>" for address in addresses)
    return f"<{name} xmlns='urn:xmpp:blocking'>{items}</{name}>"


def addresses(node: Element | None) -> list[str]:
    assert node is not None
    return [item.get("jid") for item in node.elements(ns.BLOCKING, "item")]


async def blocked(client: Client) -> list[str]:
    answer = await client.ask("get", BLOCKLIST)
    return addresses(answer.find(ns.BLOCKING, "blocklist"))


async def tell(client: Client, name: str, *jids: str) -> None:
    """Block or unblock; the push and the result, in any order, are taken off."""
    client.send(f"<iq type='set' id='tell'>{request(name, *jids)}</iq>")
    got = {(stanza.get("type"), stanza.get("id")) for stanza in (await client.expect("iq"), await client.expect("iq"))}
    assert got == {("set", "push"), ("result", "tell")}


@pytest.fixture
async def server(serve, tmp_path):
    return await serve(BLOCKING + friends.SECTION, admin=None, folders=friends.folder(tmp_path))


async def test_nobody_is_blocked_at_first(server):
    romeo = await server.client("romeo")
    assert await blocked(romeo) == []
    assert ns.BLOCKING in server.app.host("localhost").features()


async def test_blocking_is_pushed_to_all_clients(server):
    romeo, phone = await server.client("romeo"), await server.client("romeo", "phone")

    await tell(romeo, "block", "tybalt@localhost", "paris@example.org/R", "example.net")

    push = await phone.expect("iq", type="set", id="push", from_="romeo@localhost", to="romeo@localhost/phone")
    everybody = ["tybalt@localhost", "paris@example.org/R", "example.net"]
    assert addresses(push.find(ns.BLOCKING, "block")) == everybody
    assert await blocked(phone) == everybody

    await tell(romeo, "unblock", "example.net")
    push = await phone.expect("iq", type="set", id="push")
    assert addresses(push.find(ns.BLOCKING, "unblock")) == ["example.net"]
    assert await blocked(romeo) == everybody[:2]

    await tell(romeo, "unblock")
    push = await phone.expect("iq", type="set", id="push")
    assert addresses(push.find(ns.BLOCKING, "unblock")) == []
    assert await blocked(phone) == []


async def test_blocking_twice_is_blocking_once(server):
    romeo = await server.client("romeo")
    for _ in range(2):
        await tell(romeo, "block", "tybalt@localhost", "Tybalt@localhost")
    assert await blocked(romeo) == ["tybalt@localhost"]
    await tell(romeo, "unblock", "stranger@localhost")
    await tell(romeo, "unblock", "tybalt@localhost")
    await tell(romeo, "unblock", "tybalt@localhost")
    assert await blocked(romeo) == []


@pytest.mark.parametrize(
    ("payload", "expected"),
    [
        (request("block"), "modify/bad-request"),
        ("<block xmlns='urn:xmpp:blocking'><item/></block>", "modify/bad-request"),
        ("<block xmlns='urn:xmpp:blocking'><entry jid='a@b'/></block>", "modify/bad-request"),
        ("<unblock xmlns='urn:xmpp:blocking'><item/></unblock>", "modify/bad-request"),
        (request("block", "@"), "modify/jid-malformed"),
        (request("block", ""), "modify/jid-malformed"),
        (request("unblock", "a@b@/"), "modify/jid-malformed"),
        (BLOCKLIST, "cancel/service-unavailable"),
    ],
)
async def test_a_malformed_request_is_refused(server, payload, expected):
    romeo = await server.client("romeo")
    assert refusal(await romeo.ask("set", payload)) == expected
    assert await blocked(romeo) == []


async def test_the_list_of_another_is_forbidden(server):
    await server.register("juliet")
    romeo = await server.client("romeo")
    for type, payload in (("get", BLOCKLIST), ("set", request("block", "a@b")), ("set", request("unblock"))):
        assert refusal(await romeo.ask(type, payload, to="juliet@localhost")) == "auth/forbidden"


async def test_messages_go_neither_in_nor_out(server):
    romeo, juliet = await server.online("romeo"), await server.online("juliet")
    await romeo.collect(), await juliet.collect()
    await tell(romeo, "block", "juliet@localhost")
    await juliet.collect()

    for to in ("romeo@localhost", "romeo@localhost/r1"):
        juliet.send(MESSAGE.format(to=to))
        assert refusal(await juliet.expect("message", id="m", type="error")) == "cancel/service-unavailable"
    romeo.send(MESSAGE.format(to="juliet@localhost"))
    refused = await romeo.expect("message", id="m", type="error")
    assert refusal(refused) == "cancel/not-acceptable"
    assert refused.find(ns.CLIENT, "error").find(ns.BLOCKING_ERRORS, "blocked") is not None
    await romeo.expect_nothing()

    await tell(romeo, "unblock", "juliet@localhost")
    await juliet.collect()
    juliet.send(MESSAGE.format(to="romeo@localhost"))
    await romeo.expect("message", id="m", from_="juliet@localhost/r1")
    romeo.send(MESSAGE.format(to="juliet@localhost"))
    await juliet.expect("message", id="m", from_="romeo@localhost/r1")


async def test_a_subscriber_sees_a_blocker_go_and_come_back(server):
    romeo, phone = await server.online("romeo"), await server.online("romeo", "phone")
    juliet = await server.online("juliet")
    await romeo.collect(), await phone.collect(), await juliet.collect()
    romeo.send("<presence><show>chat</show></presence>")
    await romeo.collect(), await juliet.collect()

    await tell(romeo, "block", "juliet@localhost")
    gone = [await juliet.expect("presence", type="unavailable") for _ in range(2)]
    assert {presence.get("from") for presence in gone} == {"romeo@localhost/r1", "romeo@localhost/phone"}
    await juliet.expect_nothing()

    await tell(romeo, "unblock", "juliet@localhost")
    back = {(await juliet.expect("presence", type="")).get("from"): None for _ in range(2)}
    assert set(back) == {"romeo@localhost/r1", "romeo@localhost/phone"}
    await juliet.expect_nothing()


async def test_who_is_not_subscribed_learns_nothing_from_being_blocked(server):
    romeo, tybalt = await server.online("romeo"), await server.online("tybalt")

    await tell(romeo, "block", "tybalt@localhost")
    await tell(romeo, "unblock")

    await tybalt.expect_nothing()


async def test_a_blocked_domain_and_its_subdomains_are_blocked(serve, tmp_path):
    server = await serve(BLOCKING, admin=None, hosts=("localhost", "example.org", "sub.example.org"))
    romeo = await server.online("romeo")
    await tell(romeo, "block", "example.org")
    for domain in ("example.org", "sub.example.org"):
        tybalt = await server.online("tybalt", domain=domain)
        tybalt.send(MESSAGE.format(to="romeo@localhost"))
        assert refusal(await tybalt.expect("message", type="error")) == "cancel/service-unavailable"


async def test_the_block_list_is_the_default_privacy_list_called_blocking(server):
    romeo = await server.client("romeo")
    await put(romeo, "public", DENY_ALL)
    await change(romeo, "<default name='public'/>")
    await tell(romeo, "block", "tybalt@localhost")

    assert names(await romeo.ask("get", query())) == [("default", "blocking"), ("list", "public"), ("list", "blocking")]
    await put(romeo, "blocking", "<item type='jid' value='paris@localhost' action='deny' order='9'/>")
    assert await blocked(romeo) == ["paris@localhost"]

    await put(romeo, "blocking", "<item type='jid' value='paris@localhost' action='deny' order='9'><iq/></item>")
    assert await blocked(romeo) == []
    await tell(romeo, "block", "tybalt@localhost")
    assert await blocked(romeo) == ["tybalt@localhost"]
    await tell(romeo, "unblock")
    assert names(await romeo.ask("get", query())) == [("default", "blocking"), ("list", "public"), ("list", "blocking")]

    await change(romeo, "<list name='blocking'/>")
    await tell(romeo, "block", "tybalt@localhost")
    await tell(romeo, "unblock", "tybalt@localhost")
    assert names(await romeo.ask("get", query())) == [("list", "public")]


async def test_a_block_list_has_a_limit(server, monkeypatch):
    monkeypatch.setattr("mim_plugins.mod_privacy.keeper.MAX_ITEMS", 3)
    romeo = await server.client("romeo")
    await tell(romeo, "block", "a@x.org", "b@x.org")

    too_many = await romeo.ask("set", request("block", "c@x.org", "d@x.org"))

    assert refusal(too_many) == "wait/resource-constraint"
    assert await blocked(romeo) == ["a@x.org", "b@x.org"]


async def test_thousands_may_be_blocked(server):
    romeo, juliet = await server.online("romeo"), await server.online("juliet")
    await romeo.collect(), await juliet.collect()
    many = [f"spam{number}@example.org" for number in range(5000)]
    await tell(romeo, "block", *many)
    await tell(romeo, "block", "tybalt@localhost")

    assert await blocked(romeo) == [*many, "tybalt@localhost"]
    juliet.send(MESSAGE.format(to="romeo@localhost"))
    await romeo.expect("message")


async def test_blocking_outlives_session_and_server_and_dies_with_the_account(serve, tmp_path):
    first = await serve(BLOCKING, admin=None, data_dir=tmp_path)
    romeo, juliet = await first.client("romeo"), await first.online("juliet")
    await tell(romeo, "block", "juliet@localhost", "tybalt@localhost")
    await tell(romeo, "unblock", "tybalt@localhost")
    romeo.send("</stream:stream>")
    await romeo.closed()
    juliet.send(MESSAGE.format(to="romeo@localhost"))
    refused = await juliet.expect("message", type="error")
    assert refusal(refused) == "cancel/service-unavailable"
    await first.stop()

    second = await serve(BLOCKING, admin=None, data_dir=tmp_path)
    juliet = await second.online("juliet")
    juliet.send(MESSAGE.format(to="romeo@localhost"))
    refused = await juliet.expect("message", type="error")
    assert refused.find(ns.CLIENT, "error").find(ns.STANZA_ERRORS, "text") is None, "blocked, not just offline"
    romeo = await second.online("romeo")
    assert await blocked(romeo) == ["juliet@localhost"]

    await second.app.server.accounts.remove(romeo.jid.bare)
    romeo = await second.online("romeo", "new")
    assert await blocked(romeo) == []
    juliet.send(MESSAGE.format(to="romeo@localhost"))
    await romeo.expect("message", from_="juliet@localhost/r1")


async def test_the_module_starts_mod_privacy_with_its_options(serve, caplog):
    server = await serve(BLOCKING + 'backend = "riak"', admin=None)
    host = server.app.host("localhost")
    assert server.app.modules.running(host) == ["mod_privacy", "mod_blocking"]
    assert "mod_privacy, which is not written" not in caplog.text
    assert server.app.modules.find(host, "mod_privacy").options.backend == "riak"

    both = await serve('[modules.mod_privacy]\nbackend = "mnesia"\n' + BLOCKING + 'backend = "riak"', admin=None)
    assert both.app.modules.find(both.app.host("localhost"), "mod_privacy").options.backend == "mnesia"


async def test_slixmpp_blocks_and_unblocks(server):
    async with slixmpp_client(server, "romeo", plugins=["xep_0191"]) as romeo:
        blocking = romeo.plugin["xep_0191"]
        await blocking.block("tybalt@localhost")
        assert await blocking.get_blocked_jids() == {"tybalt@localhost"}
        await blocking.unblock("tybalt@localhost")
        assert await blocking.get_blocked_jids() == set()


def test_options_are_checked():
    assert problems('[modules.mod_blocking]\nbackend = "riak"\nriak = {bucket_type = "x"}') == []
    assert problems('[modules.mod_blocking]\nbackend = "x"\nriak = {names = "x"}') == [
        "modules.mod_blocking.backend",
        "modules.mod_blocking.riak.names",
    ]
