"""Logins with any mechanism, and servers with any ``[auth]``."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence

from mim.xmpp import ns
from mim.xmpp.element import Element
from tests.client import Client


def server_text(auth: str, *, hosts: Sequence[str] = ("localhost",), c2s: str = "", more: str = "") -> str:
    """Return a file with that ``[auth]`` and nothing else in it."""
    return f"""
[general]
  hosts = {json.dumps(list(hosts))}
  default_server_domain = "{hosts[0]}"
[[listen.c2s]]
  port = 0
  ip_address = "127.0.0.1"
{c2s}
{auth}
{more}
"""


def b64(data: str | bytes) -> str:
    return base64.b64encode(data.encode() if isinstance(data, str) else data).decode()


def mechanisms(features: Element) -> list[str]:
    offered = features.find(ns.SASL, "mechanisms")
    return [] if offered is None else [mechanism.text for mechanism in offered.elements()]


async def outcome(client: Client, mechanism: str, data: str | None = None) -> str:
    """Send ``<auth/>`` and return "success", or the condition of the failure."""
    text = "" if data is None else b64(data)
    client.send(f"<auth xmlns='{ns.SASL}' mechanism='{mechanism}'>{text}</auth>")
    answer = await client.next()
    return answer.name if answer.name == "success" else next(answer.elements(ns.SASL)).name


async def plain(client: Client, user: str, password: str) -> str:
    """Log in with PLAIN and return the outcome."""
    return await outcome(client, "PLAIN", f"\0{user}\0{password}")


async def opened(port: int, domain: str = "localhost") -> Client:
    """Return a client with an open stream."""
    client = await Client(port, domain).connect()
    await client.open_stream()
    return client


async def bound(client: Client, resource: str = "r") -> Client:
    """Go on to a session after a successful login."""
    await client.restart_stream()
    await client.bind(resource)
    return client
