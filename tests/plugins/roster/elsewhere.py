"""A domain of other people: a module that serves ``elsewhere.example`` and keeps what is sent there."""

from __future__ import annotations

from pathlib import Path

from mim.xmpp.element import element
from mim.xmpp.jid import JID
from mim.xmpp.stanza import Stanza
from tests.harness import Server
from tests.plugins.shorthand import shown

DOMAIN = "elsewhere.example"
SECTION = "[modules.mod_elsewhere]\n"

MODULE = f'''
"""Keeps what is sent to another domain."""

from mim.plugin import Module


class ModElsewhere(Module):
    """One running mod_elsewhere."""

    async def start(self):
        self.arrived = []
        self.api.add_service("{DOMAIN}", self.arrived.append)


setup = ModElsewhere
'''


def folder(path: Path) -> list[Path]:
    """Put the module into a folder and return it as ``serve`` takes it."""
    (path / "mod_elsewhere.py").write_text(MODULE)
    return [path]


def person(name: str) -> JID:
    return JID(name, DOMAIN)


def arrived(server: Server) -> list[str]:
    """Return what has come for people elsewhere since the last call, ``to: stanza`` each, in shorthand."""
    module = server.app.modules.find(server.app.host("localhost"), "mod_elsewhere")
    stanzas = list(module.arrived)
    module.arrived.clear()
    return [f"{stanza.to.local}: {shown(stanza)}" for stanza in stanzas]


async def send(server: Server, sender: JID, type: str, to: str = "romeo@localhost", status: str = "") -> None:
    """Send presence from there, and return when what it changes is stored."""
    children = [element("jabber:client", "status", status)] if status else []
    stanza = Stanza("presence", {"type": type} if type else {}, children, sender=sender, to=JID.parse(to))
    server.app.server.router.route(stanza)
    await server.app.server.router.drain()
    for promise in stanza.trail.promises:
        await promise
