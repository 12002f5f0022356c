"""Rooms for tests: stanzas written as XML, expected as XML, in order."""

from __future__ import annotations

import itertools
from typing import Any

from mim.xmpp import ns
from mim.xmpp.element import Element
from mim.xmpp.parser import StreamParser
from tests.client import Client
from tests.harness import Server

SERVICE = "muclight.localhost"
ROOM = f"den@{SERVICE}"
MODULE = "[modules.mod_muc_light]"

NS = "urn:xmpp:muclight:0"
CREATE = f"{NS}#create"
CONF = f"{NS}#configuration"
AFF = f"{NS}#affiliations"
INFO = f"{NS}#info"
BLOCK = f"{NS}#blocking"
DESTROY = f"{NS}#destroy"

_ids = itertools.count(1)


def xml(text: str) -> Element:
    """Return the element a text stands for, as a client's stream would carry it."""
    parser = StreamParser()
    stream = f"<stream:stream xmlns='jabber:client' xmlns:stream='{ns.STREAMS}'>{text}"
    element = list(parser.feed(stream.encode()))[-1]
    assert isinstance(element, Element), element
    return element


async def gets(client: Client, *stanzas: str) -> None:
    """See that these are the next things a client is sent."""
    for stanza in stanzas:
        assert await client.next() == xml(stanza)


async def result(client: Client, id: str, sender: str = ROOM) -> None:
    """See that the next thing is an empty result."""
    await gets(client, f"<iq type='result' id='{id}' from='{sender}' to='{client.jid}'/>")


async def error(client: Client, condition: str, type: str, text: str | None = None) -> Element:
    """See that the next thing is that error, and return the stanza."""
    got = await client.next()
    assert got.get("type") == "error", got
    found = got.find(ns.CLIENT, "error")
    assert found is not None, got
    assert found.find(ns.STANZA_ERRORS, condition) is not None, got
    assert found.get("type") == type, got
    if text is not None:
        assert (found.child_text(ns.STANZA_ERRORS, "text") or "") == text, got
    return got


def send_iq(client: Client, type: str, payload: str, to: str = ROOM) -> str:
    """Send an IQ and return its id."""
    id = f"m{next(_ids)}"
    client.send(f"<iq type='{type}' id='{id}' to='{to}'>{payload}</iq>")
    return id


def users(affiliations: dict[str, str]) -> str:
    """Return ``<user/>`` elements; a name without a domain is one of localhost."""
    return "".join(f"<user affiliation='{what}'>{jid(name)}</user>" for name, what in affiliations.items())


def jid(name: str) -> str:
    return name if "@" in name else f"{name}@localhost"


def told(name: str, id: str, content: str, *, room: str = ROOM, more: str = "") -> str:
    """Return a notification of the room."""
    return f"<message type='groupchat' from='{room}' to='{jid(name)}' id='{id}'>{content}<body/>{more}</message>"


def changed(affiliations: dict[str, str], *, prev: str = "", version: str = "") -> str:
    """Return ``<x/>`` of a change of affiliations."""
    versions = f"<prev-version>{prev}</prev-version>" if prev else ""
    versions += f"<version>{version}</version>" if version else ""
    return f"<x xmlns='{AFF}'>{versions}{users(affiliations)}</x>"


def own(affiliation: str, name: str, version: str) -> str:
    return changed({name: affiliation}, version=version)


async def next_version(client: Client) -> str:
    """Return the version in the next stanza, a notification or a result."""
    payload = (await client.next()).payload
    assert payload is not None
    version = payload.child_text(payload.ns, "version")
    assert version
    return version


async def version_of(client: Client, room: str = ROOM) -> str:
    """Return the room's version as an occupant is told it."""
    send_iq(client, "get", f"<query xmlns='{AFF}'/>", room)
    return await next_version(client)


async def create(owner: Client, *others: Client, room: str = ROOM, fields: str = "") -> str:
    """Make a room with these members, take in what all are told, and return its version."""
    members = "".join(f"<user affiliation='member'>{other.jid.bare}</user>" for other in others if other.jid)
    id = send_iq(
        owner,
        "set",
        f"<query xmlns='{CREATE}'><configuration>{fields}</configuration><occupants>{members}</occupants></query>",
        room,
    )
    version = await next_version(owner)
    await result(owner, id, room)
    for other in others:
        assert await next_version(other) == version
    return version


def change(client: Client, affiliations: dict[str, str], room: str = ROOM) -> str:
    """Ask for a change of affiliations and return the request's id."""
    return send_iq(client, "set", f"<query xmlns='{AFF}'>{users(affiliations)}</query>", room)


def configure(client: Client, fields: str, room: str = ROOM) -> str:
    """Ask for a change of configuration and return the request's id."""
    return send_iq(client, "set", f"<query xmlns='{CONF}'>{fields}</query>", room)


async def occupants(client: Client, room: str = ROOM) -> dict[str, str]:
    """Return who is in the room, as an occupant is told, in the order of the list."""
    send_iq(client, "get", f"<query xmlns='{AFF}'/>", room)
    query = (await client.next()).payload
    assert query is not None
    return {user.text: user.get("affiliation") for user in query.elements(AFF, "user")}


async def fields(client: Client, room: str = ROOM) -> dict[str, str]:
    """Return the room's configuration, as an occupant is told, in the order of the answer."""
    send_iq(client, "get", f"<query xmlns='{CONF}'/>", room)
    query = (await client.next()).payload
    assert query is not None
    return {child.name: child.text for child in query.elements() if child.name != "version"}


async def online(server: Server, *names: str) -> list[Client]:
    """Return a client of each account, available, with nothing left to read."""
    return [await server.online(name) for name in names]


def options(**values: Any) -> str:
    """Return the module's section with these options."""
    lines = (f"{name} = {_toml(value)}" for name, value in values.items())
    return "\n".join((MODULE, *lines))


def _toml(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return f'"{value}"' if isinstance(value, str) else str(value)
