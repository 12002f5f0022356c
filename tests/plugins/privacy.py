"""Privacy lists of clients in tests, in a line each."""

from __future__ import annotations

from mim.xmpp import ns
from mim.xmpp.element import Element
from tests.client import Client

PRIVACY = "[modules.mod_privacy]\n"
DENY_ALL = "<item action='deny' order='1'/>"


def query(inner: str = "") -> str:
    return f"<query xmlns='jabber:iq:privacy'>{inner}</query>"


def names(answer: Element) -> list[tuple[str, str]]:
    assert answer.get("type") == "result", answer
    return [(child.name, child.get("name")) for child in answer.find(ns.PRIVACY, "query").elements()]


async def change(client: Client, inner: str) -> Element:
    """Send a change and return its answer; what comes before it (pushes, presences) is taken off."""
    client.send(f"<iq type='set' id='change'>{query(inner)}</iq>")
    while True:
        got = await client.next()
        if got.name == "iq" and got.get("id") == "change":
            return got


async def put(client: Client, name: str, items: str) -> None:
    answer = await change(client, f"<list name='{name}'>{items}</list>")
    assert answer.get("type") == "result", answer
    await client.collect()


async def use(client: Client, items: str, how: str = "active") -> None:
    """Set a list and make it the active or the default one."""
    await put(client, "mine", items)
    assert (await change(client, f"<{how} name='mine'/>")).get("type") == "result"
