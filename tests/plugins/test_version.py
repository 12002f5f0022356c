"""mod_version (XEP-0092; xmpp-behaviour, section 9)."""

from __future__ import annotations

import platform

from mim.version import NAME, VERSION
from mim.xmpp import ns
from mim.xmpp.element import Element
from tests.plugins.answers import refusal
from tests.plugins.problems import problems

QUERY = "<query xmlns='jabber:iq:version'/>"


def texts(answer: Element) -> dict[str, str]:
    query = answer.find(ns.VERSION, "query")
    assert query is not None
    return {child.name: child.text for child in query.elements()}


async def test_the_server_tells_its_name_and_version(serve):
    server = await serve("[modules.mod_version]", admin=None)
    romeo = await server.client("romeo")

    answer = await romeo.ask("get", QUERY, to="localhost")

    assert answer.get("type") == "result"
    assert texts(answer) == {"name": NAME, "version": VERSION}
    assert ns.VERSION in server.app.host("localhost").features()


async def test_the_operating_system_is_told_when_the_file_says_so(serve):
    server = await serve("[modules.mod_version]\nos_info = true", admin=None)
    romeo = await server.client("romeo")

    told = texts(await romeo.ask("get", QUERY, to="localhost"))

    assert told["os"] == f"{platform.system()} {platform.release()}"


async def test_nobody_sets_the_version(serve):
    server = await serve("[modules.mod_version]", admin=None)
    romeo = await server.client("romeo")

    answer = await romeo.ask("set", QUERY, to="localhost")

    assert refusal(answer) == "cancel/not-allowed"


def test_options_are_checked():
    assert problems('[modules.mod_version]\nos_info = false\niqdisc = {type = "one_queue"}') == []
    assert problems('[modules.mod_version]\nos_info = "yes"\nos = true') == [
        "modules.mod_version.os",
        "modules.mod_version.os_info",
    ]
