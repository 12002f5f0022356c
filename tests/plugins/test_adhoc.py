"""Ad-hoc commands (XEP-0050; xmpp-behaviour, section 9)."""

from __future__ import annotations

import pytest

from mim.hooks import joined
from mim.xmpp import ns
from mim.xmpp.element import element
from tests.foreign import slixmpp_client
from tests.plugins.answers import refusal
from tests.plugins.problems import problems

COMMANDS = ns.COMMANDS
MODULES = "[modules.mod_adhoc]\n"


@pytest.mark.parametrize("action", ["", " action='execute'"])
async def test_ping_completes_with_pong(serve, action):
    server = await serve(MODULES)
    client = await server.client("a")

    answer = await client.ask("set", f"<command xmlns='{COMMANDS}' node='ping'{action}/>", to="localhost")

    assert answer.get("type") == "result"
    command = answer.payload
    assert command is not None
    assert (command.ns, command.name) == (COMMANDS, "command")
    assert (command.get("node"), command.get("status")) == ("ping", "completed")
    assert len(command.get("sessionid")) >= 16
    assert command.children == [element(COMMANDS, "note", "Pong", type="info")]


@pytest.mark.parametrize(
    ("attributes", "error"),
    [
        ("node='nothing'", "cancel/item-not-found"),
        ("", "cancel/item-not-found"),
        ("node='ping' action='next'", "modify/bad-request"),
        ("node='ping' action='cancel'", "modify/bad-request"),
        ("node='ping' action='dance'", "modify/bad-request"),
    ],
)
async def test_refused_command(serve, attributes, error):
    server = await serve(MODULES)
    client = await server.client("a")

    answer = await client.ask("set", f"<command xmlns='{COMMANDS}' {attributes}/>", to="localhost")

    assert refusal(answer) == error


async def test_slixmpp_runs_it(serve):
    server = await serve(MODULES)
    async with slixmpp_client(server, "a", plugins=["xep_0050"]) as client:
        answer = await client.plugin["xep_0050"].send_command("localhost", "ping")

    assert answer["command"]["status"] == "completed"
    assert answer["command"]["notes"] == [("info", "Pong")]


@pytest.mark.parametrize(("option", "nodes"), [("", []), ("report_commands_node = true\n", [COMMANDS])])
async def test_node_of_all_commands_is_hidden_unless_told(serve, option, nodes):
    server = await serve(MODULES + option)

    items = joined(server.app.host("localhost").hooks.server_items, "localhost")

    assert [item.get("node") for item in items] == nodes


def test_options_are_checked():
    assert problems(MODULES + "report_commands_node = true\n") == []
    assert problems(MODULES + "report_commands_node = 1\n") == ["modules.mod_adhoc.report_commands_node"]
