"""mod_sic (XEP-0279)."""

from __future__ import annotations

import pytest

from mim.xmpp import ns
from mim.xmpp.element import element
from tests.plugins.answers import refusal
from tests.plugins.problems import problems

SIC = "[modules.mod_sic]\n"
ASK = "<address xmlns='urn:xmpp:sic:1'/>"
ASK_AS_BEFORE = "<ip xmlns='urn:xmpp:sic:0'/>"


@pytest.mark.parametrize("to", ["", "localhost", "romeo@localhost"])
async def test_a_client_learns_its_address(serve, to):
    server = await serve(SIC, admin=None)
    romeo = await server.client("romeo")

    told = (await romeo.ask("get", ASK, to=to)).payload
    assert told == element(ns.SERVER_IP1, "address", element(ns.SERVER_IP1, "ip", "127.0.0.1"))
    told = (await romeo.ask("get", ASK_AS_BEFORE, to=to)).payload
    assert told == element(ns.SERVER_IP0, "ip", "127.0.0.1")
    assert {ns.SERVER_IP0, ns.SERVER_IP1} <= set(server.app.host("localhost").features())


@pytest.mark.parametrize("payload", [ASK, ASK_AS_BEFORE])
async def test_the_address_of_another_is_forbidden(serve, payload):
    server = await serve(SIC, admin=None)
    await server.client("juliet")
    romeo = await server.client("romeo")

    assert refusal(await romeo.ask("get", payload, to="juliet@localhost")) == "auth/forbidden"


def test_options_are_checked():
    assert problems(SIC + 'iqdisc = {type = "one_queue"}') == []
    assert problems(SIC + "port = true") == ["modules.mod_sic.port"]
