"""What the small modules have in common: acknowledged data survive a kill, no request makes them fail."""

from __future__ import annotations

import random

from mim.xmpp import ns
from mim.xmpp.element import Element, element, serialize
from mim.xmpp.parser import parse_element
from tests.client import Client
from tests.plugins.answers import refusal

ALL = "".join(
    f"[modules.mod_{name}]\n"
    for name in (
        "register", "ping", "version", "time", "last", "private", "vcard", "blocking", "sic", "adhoc", "extdisco",
        "domain_isolation",
    )
)  # fmt: skip
NAMES = {
    ns.REGISTER: ("query", "username", "password", "x"),
    ns.PING: ("ping",),
    ns.VERSION: ("query",),
    ns.TIME: ("time",),
    ns.LAST: ("query",),
    ns.PRIVATE: ("query",),
    ns.VCARD: ("vCard", "FN", "N", "FAMILY", "EMAIL", "USERID", "PHOTO"),
    ns.SEARCH: ("query", "first", "last", "item"),
    ns.DATA_FORMS: ("x", "field", "value"),
    ns.PRIVACY: ("query", "list", "active", "default", "item", "message", "iq"),
    ns.BLOCKING: ("blocklist", "block", "unblock", "item"),
    ns.SERVER_IP0: ("ip",),
    ns.SERVER_IP1: ("address",),
    ns.COMMANDS: ("command", "note"),
    ns.EXTERNAL_SERVICES: ("services", "credentials", "service"),
}
ATTRIBUTES = (
    "name", "jid", "type", "value", "action", "order", "node", "sessionid", "var", "host", "port", "xml:lang",
)  # fmt: skip
TEXTS = (
    "", " ", "0", "1", "jid", "deny", "allow", "submit", "ping", "@", "a@b/c", "4294967296", "*", "Ünïcödé", "%'\"<&>",
)  # fmt: skip
ADDRESSES = ("localhost", "vjud.localhost", "romeo@localhost", "juliet@localhost", "romeo@localhost/none", "")


def made_up(chance: random.Random, depth: int = 0) -> Element:
    """Return an element of the modules' words in no sensible order."""
    namespace = chance.choice(list(NAMES))
    words = NAMES[namespace] if depth else NAMES[namespace][:1 + chance.randrange(2)]
    node = Element(namespace, chance.choice(words))
    for _ in range(chance.randrange(4)):
        node.attrs[chance.choice(ATTRIBUTES)] = chance.choice(TEXTS)
    if chance.randrange(3) == 0:
        node.children.append(chance.choice(TEXTS))
    if depth < 4:
        for _ in range(chance.randrange(4)):
            child = made_up(chance, depth + 1)
            if chance.randrange(3):
                child.ns, child.name = namespace, chance.choice(NAMES[namespace])
            node.children.append(child)
    return node


async def ask(client: Client, type: str, to: str, payload: Element) -> Element:
    """Send a request and return its answer; what else comes is taken off."""
    attrs = {"type": type, "id": "fuzz", **({"to": to} if to else {})}
    client.send(serialize(Element(ns.CLIENT, "iq", attrs, [payload])))
    while True:
        got = await client.next()
        if got.name == "iq" and got.get("id") == "fuzz":
            return got


async def test_no_request_makes_a_module_fail(serve, caplog):
    server = await serve(ALL, admin=None)
    await server.register("juliet")
    romeo = await server.client("romeo")
    chance = random.Random(7)

    for _ in range(500):
        type, to, payload = chance.choice(("get", "set")), chance.choice(ADDRESSES), made_up(chance)
        answer = await ask(romeo, type, to, payload)
        assert answer.get("type") in ("result", "error")
        if answer.get("type") == "error":
            assert "internal-server-error" not in refusal(answer), (type, to, payload)

    assert "Traceback" not in caplog.text


async def test_what_was_acknowledged_is_there_after_a_kill(spawn_server):
    process = await spawn_server(ALL, admin=None)
    note = "<note xmlns='urn:test:note'>kept</note>"
    card = "<vCard xmlns='vcard-temp'><FN>Romeo</FN></vCard>"
    async with Client(process.ports["c2s"][0]) as client:
        await client.open_stream()
        registered = await client.ask(
            "set", f"<query xmlns='{ns.REGISTER}'><username>romeo</username><password>pw</password></query>"
        )
        assert registered.get("type") == "result"
        await client.authenticate("romeo", "pw")
        await client.restart_stream()
        await client.bind("r1")
        for payload in (f"<query xmlns='{ns.PRIVATE}'>{note}</query>", card):
            assert (await client.ask("set", payload)).get("type") == "result"
        block = element(ns.BLOCKING, "block", element(ns.BLOCKING, "item", jid="tybalt@localhost"))
        assert (await ask(client, "set", "", block)).get("type") == "result"
        await process.kill()

    await process.start()
    async with Client(process.ports["c2s"][0]) as client:
        await client.login("romeo", "pw", "r2")
        kept = await client.ask("get", f"<query xmlns='{ns.PRIVATE}'><note xmlns='urn:test:note'/></query>")
        assert kept.payload.find("urn:test:note", "note").text == "kept"
        assert (await client.ask("get", "<vCard xmlns='vcard-temp'/>")).payload == parse_element(card)
        blocked = await client.ask("get", f"<blocklist xmlns='{ns.BLOCKING}'/>")
        assert [item.get("jid") for item in blocked.payload.elements()] == ["tybalt@localhost"]
