"""Ad-hoc commands (XEP-0050) of the server: a list for clients to show, and one command, ``ping``."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from mim.config import ModuleOptions
from mim.plugin import Element, Module, Stanza, StanzaError, Xep, element, hookimpl, iq_handler, new_id, option
from mim.xmpp import ns

ACTIONS = ("", "execute", "cancel", "prev", "next", "complete")
COMPLETING = ("", "execute", "complete")
LIST_NAME = "Ad-Hoc Commands"


class AdHocOptions(ModuleOptions):
    """``[modules.mod_adhoc]``."""

    report_commands_node: bool = option(False, help="List the node of the commands among the server's items.")


class AdHocCommand(NamedTuple):
    """A command of a single stage: its name for people, and what it tells when it is done."""

    name: str
    run: Callable[[], str]


COMMANDS = {"ping": AdHocCommand("Ping", lambda: "Pong")}


class ModAdHoc(Module[AdHocOptions]):
    """Lists the commands and runs them."""

    Options = AdHocOptions
    features = (ns.COMMANDS,)
    xeps = (Xep(50, "1.3.0", "commands of the server itself, of a single stage"),)

    @iq_handler("set", ns.COMMANDS, "command")
    def run(self, iq: Stanza) -> Element:
        """Run a command (XEP-0050 §2.4)."""
        request = iq.payload
        assert request is not None
        node, action = request.get("node"), request.get("action")
        command = COMMANDS.get(node)
        if command is None:
            raise StanzaError("item-not-found")
        if action not in ACTIONS:
            raise StanzaError("bad-request", extra=element(ns.COMMANDS, "malformed-action"))
        session = request.get("sessionid") or new_id()
        if action == "cancel":
            return element(ns.COMMANDS, "command", node=node, sessionid=session, status="canceled")
        if action not in COMPLETING:
            raise StanzaError("bad-request", extra=element(ns.COMMANDS, "bad-action"))
        note = element(ns.COMMANDS, "note", command.run(), type="info")
        return element(ns.COMMANDS, "command", note, node=node, sessionid=session, status="completed")

    # --- discovery --------------------------------------------------------------------------------------------

    @hookimpl
    def server_items(self, domain: str) -> list[Element]:
        """Name the list among the server's items, if the file says so."""
        if not self.options.report_commands_node:
            return []
        return [element(ns.DISCO_ITEMS, "item", jid=domain, node=ns.COMMANDS, name_=LIST_NAME)]

    @hookimpl
    def server_node(self, iq: Stanza, node: str) -> Element | None:
        """Return what there is to know of the list and of each command (XEP-0050 §2.1, §2.2)."""
        query = iq.payload
        assert query is not None
        if node != ns.COMMANDS and node not in COMMANDS:
            return None
        if query.ns == ns.DISCO_ITEMS:
            commands = COMMANDS.items() if node == ns.COMMANDS else ()
            domain = iq.to_jid.domain
            items = [
                element(ns.DISCO_ITEMS, "item", jid=domain, node=name, name_=command.name)
                for name, command in commands
            ]
            return element(ns.DISCO_ITEMS, "query", items, node=node)
        type, name = ("command-list", LIST_NAME) if node == ns.COMMANDS else ("command-node", COMMANDS[node].name)
        return element(
            ns.DISCO_INFO,
            "query",
            element(ns.DISCO_INFO, "identity", category="automation", type=type, name_=name),
            element(ns.DISCO_INFO, "feature", var=ns.COMMANDS),
            node=node,
        )


setup = ModAdHoc
