"""What several tests of rosters need."""

from __future__ import annotations

from mim.capabilities import RosterView
from mim.xmpp import ns
from mim.xmpp.element import Element
from mim.xmpp.jid import JID
from mim_plugins.mod_roster.model import Item
from mim_plugins.mod_roster.store import RosterStore
from tests.client import Client
from tests.harness import Server
from tests.plugins.shorthand import shown

ROSTER = "[modules.mod_roster]\n"
VERSIONS = ROSTER + "versioning = true\n"
ROMEO, JULIET = JID("romeo", "localhost"), JID("juliet", "localhost")


def view(server: Server, domain: str = "localhost") -> RosterView:
    """The rosters of a host, as modules see them."""
    found = server.app.host(domain).find(RosterView)
    assert found is not None
    return found


async def stored(server: Server, account: JID) -> dict[str, Item]:
    """What is in the database of an account's roster, by contact."""
    items = await RosterStore(server.app.server.database).load(account)
    return {str(item.contact): item for item in items}


async def put(server: Server, account: JID, *items: Item) -> None:
    """Put items into the database behind the server's back; the account must be offline."""
    store = RosterStore(server.app.server.database)
    await store.submit([write for item in items for write in store.put(account, item)])


async def stands(server: Server, account: JID) -> dict[str, str]:
    """How the contacts of an account stand, ``subscription/ask`` by contact; memory and disk must agree."""
    contacts = await view(server, account.domain).list_contacts(account)
    found = {str(contact.jid): f"{contact.subscription}/{contact.ask}" for contact in contacts}
    on_disk = await stored(server, account)
    assert found == {jid: f"{item.state.subscription}/{item.state.ask}" for jid, item in on_disk.items()}
    return found


def query(inner: str = "", **attrs: str) -> str:
    more = "".join(f" {key}='{value}'" for key, value in attrs.items())
    return f"<query xmlns='{ns.ROSTER}'{more}>{inner}</query>"


def setting(inner: str, id: str = "s") -> str:
    """A roster set."""
    return f"<iq type='set' id='{id}'>{query(inner)}</iq>"


def items_of(answer: Element) -> list[Element]:
    """The items of a roster result or push."""
    found = answer.find(ns.ROSTER, "query")
    assert found is not None, answer
    return list(found.elements())


async def roster(client: Client) -> dict[str, str]:
    """A client's roster as the server tells it, ``subscription`` or ``subscription+ask`` by contact."""
    answer = await client.ask("get", query())
    assert answer.get("type") == "result"
    return {
        item.get("jid"): item.get("subscription") + ("+ask" if item.get("ask") == "subscribe" else "")
        for item in items_of(answer)
    }


async def befriend(server: Server, one: JID, other: JID) -> None:
    """Let two accounts see each other, over the interface of the admin API."""
    for account, contact in ((one, other), (other, one)):
        await view(server, account.domain).subscribe(account, contact, "subscribe")
    for account, contact in ((one, other), (other, one)):
        await view(server, account.domain).subscribe(account, contact, "subscribed")


async def friends(server: Server) -> tuple[Client, Client]:
    """Romeo and Juliet online, each other's contacts, with nothing left to read."""
    await server.register("romeo", "juliet")
    await befriend(server, ROMEO, JULIET)
    romeo, juliet = await server.online("romeo"), await server.online("juliet")
    await romeo.collect(), await juliet.collect()
    return romeo, juliet


async def roster_set(client: Client, inner: str) -> tuple[Element, list[str]]:
    """Send a roster set; return its answer and, in shorthand, what came before it."""
    client.send(setting(inner, "rs"))
    before: list[str] = []
    while True:
        stanza = await client.next()
        if stanza.get("id") == "rs":
            return stanza, before
        before.append(shown(stanza))
