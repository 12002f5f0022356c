"""Ad-hoc commands (XEP-0050) of the server: so far one, ``ping``, which says that the server hears."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

from mim.config.options import ModuleOptions
from mim.plugin import Element, Module, Stanza, StanzaError, Xep, element, hookimpl, iq_handler, new_id, option
from mim.xmpp import ns


class AdhocOptions(ModuleOptions):
    """``[modules.mod_adhoc]``."""

    report_commands_node: bool = option(False, help="List the commands among the server's items.")


class AdhocCommand(NamedTuple):
    """A command of one step: its name for people, and what tells its result."""

    name: str
    run: Callable[[], str]


class ModAdhoc(Module[AdhocOptions]):
    """Runs the server's commands for its users."""

    Options = AdhocOptions
    features = (ns.COMMANDS,)
    xeps = (Xep(50, "1.3.0", "commands of one step"),)

    commands: Mapping[str, AdhocCommand] = {"ping": AdhocCommand("Ping", lambda: "Pong")}

    @iq_handler("set", ns.COMMANDS, "command")
    def execute(self, iq: Stanza) -> Element:
        """Run a command (XEP-0050 §2.4): it completes at once, its result is a note."""
        asked = iq.payload
        assert asked is not None
        node = asked.get("node")
        command = self.commands.get(node)
        if command is None:
            raise StanzaError("item-not-found")
        if asked.get("action") not in ("", "execute"):
            raise StanzaError("bad-request", extra=element(ns.COMMANDS, "bad-action"))
        note = element(ns.COMMANDS, "note", command.run(), type="info")
        session_id = asked.get("sessionid") or new_id()
        return element(ns.COMMANDS, "command", note, node=node, sessionid=session_id, status="completed")

    @hookimpl
    def server_items(self, domain: str) -> list[Element]:
        """List the node of all commands, if it is to be seen."""
        if not self.options.report_commands_node:
            return []
        return [Element(ns.DISCO_ITEMS, "item", {"jid": domain, "node": ns.COMMANDS, "name": "Commands"})]


setup = ModAdhoc
