"""mod_adhoc (XEP-0050; xmpp-behaviour, section 9)."""

from __future__ import annotations

import pytest

from mim.xmpp import ns
from mim.xmpp.element import Element, element
from mim.xmpp.jid import JID
from mim.xmpp.stanza import Stanza
from tests.foreign import slixmpp_client
from tests.harness import Server
from tests.plugins.answers import refusal
from tests.plugins.problems import problems

ADHOC = "[modules.mod_adhoc]\n"


def command(node: str = "ping", **attrs: str) -> str:
    more = "".join(f" {key}='{value}'" for key, value in attrs.items())
    return f"<command xmlns='http://jabber.org/protocol/commands' node='{node}'{more}/>"


def node_answer(server: Server, namespace: str, node: str) -> Element | None:
    """Return what the module says of a node."""
    asked = Stanza("iq", {"type": "get"}, [element(namespace, "query", node=node)], to=JID("", "localhost"))
    (question,) = server.app.host("localhost").hooks.server_node
    return question(asked, node)


@pytest.mark.parametrize("action", [{}, {"action": "execute"}, {"action": "complete"}])
async def test_ping_is_completed_with_pong(serve, action):
    server = await serve(ADHOC, admin=None)
    romeo = await server.client("romeo")

    answer = await romeo.ask("set", command(**action), to="localhost")

    assert answer.get("type") == "result"
    told = answer.find(ns.COMMANDS, "command")
    assert (told.get("node"), told.get("status")) == ("ping", "completed")
    assert told.get("sessionid")
    note = told.find(ns.COMMANDS, "note")
    assert (note.get("type"), note.text) == ("info", "Pong")
    assert ns.COMMANDS in server.app.host("localhost").features()


async def test_every_run_is_a_session_of_its_own(serve):
    server = await serve(ADHOC, admin=None)
    romeo = await server.client("romeo")
    sessions = {(await romeo.ask("set", command(), to="localhost")).payload.get("sessionid") for _ in range(2)}
    assert len(sessions) == 2


async def test_a_command_is_cancelled(serve):
    server = await serve(ADHOC, admin=None)
    romeo = await server.client("romeo")

    told = (await romeo.ask("set", command(action="cancel", sessionid="mine"), to="localhost")).payload

    assert told == element(ns.COMMANDS, "command", node="ping", sessionid="mine", status="canceled")


@pytest.mark.parametrize("node", ["nothing", ""])
async def test_an_unknown_command_is_not_found(serve, node):
    server = await serve(ADHOC, admin=None)
    romeo = await server.client("romeo")
    assert refusal(await romeo.ask("set", command(node), to="localhost")) == "cancel/item-not-found"
    bare = "<command xmlns='http://jabber.org/protocol/commands'/>"
    assert refusal(await romeo.ask("set", bare, to="localhost")) == "cancel/item-not-found"


@pytest.mark.parametrize(
    ("action", "condition"), [("prev", "bad-action"), ("next", "bad-action"), ("dance", "malformed-action")]
)
async def test_an_action_that_the_command_does_not_have_is_refused(serve, action, condition):
    server = await serve(ADHOC, admin=None)
    romeo = await server.client("romeo")

    answer = await romeo.ask("set", command(action=action), to="localhost")

    assert refusal(answer) == "modify/bad-request"
    assert answer.find(ns.CLIENT, "error").find(ns.COMMANDS, condition) is not None


@pytest.mark.parametrize(("section", "listed"), [("", []), ("report_commands_node = true", [ns.COMMANDS])])
async def test_the_list_stands_among_the_servers_items_if_the_file_says_so(serve, section, listed):
    server = await serve(ADHOC + section, admin=None)
    (question,) = server.app.host("localhost").hooks.server_items
    items = list(question("localhost"))
    assert [item.get("node") for item in items] == listed
    assert all(item.get("jid") == "localhost" and item.get("name") for item in items)


async def test_the_list_and_its_commands_can_be_discovered(serve):
    server = await serve(ADHOC, admin=None)

    listed = node_answer(server, ns.DISCO_ITEMS, ns.COMMANDS)
    assert listed == element(
        ns.DISCO_ITEMS,
        "query",
        element(ns.DISCO_ITEMS, "item", jid="localhost", node="ping", name_="Ping"),
        node=ns.COMMANDS,
    )
    assert node_answer(server, ns.DISCO_ITEMS, "ping") == element(ns.DISCO_ITEMS, "query", node="ping")
    for node, type in ((ns.COMMANDS, "command-list"), ("ping", "command-node")):
        told = node_answer(server, ns.DISCO_INFO, node)
        identity = told.find(ns.DISCO_INFO, "identity")
        assert (identity.get("category"), identity.get("type")) == ("automation", type)
        assert told.find(ns.DISCO_INFO, "feature").get("var") == ns.COMMANDS
        assert told.get("node") == node
    assert node_answer(server, ns.DISCO_INFO, "nothing") is None


async def test_slixmpp_runs_the_command(serve):
    server = await serve(ADHOC, admin=None)
    async with slixmpp_client(server, "romeo", plugins=["xep_0050"]) as romeo:
        answer = await romeo.plugin["xep_0050"].send_command("localhost", "ping")
    assert answer["command"]["status"] == "completed"
    assert answer["command"]["notes"] == [("info", "Pong")]


def test_options_are_checked():
    assert problems(ADHOC + 'report_commands_node = true\niqdisc = {type = "one_queue"}') == []
    assert problems(ADHOC + "report_commands_node = 1") == ["modules.mod_adhoc.report_commands_node"]
