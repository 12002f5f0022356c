"""mod_extdisco (XEP-0215)."""

from __future__ import annotations

import pytest

from mim.xmpp import ns
from mim.xmpp.element import Element
from tests.plugins.answers import refusal
from tests.plugins.problems import problems

EXTDISCO = """
[modules.mod_extdisco]
[[modules.mod_extdisco.service]]
  type = "stun"
  host = "stun.example"
  port = 3478
  transport = "udp"
[[modules.mod_extdisco.service]]
  type = "turn"
  host = "turn.example"
  port = 3478
  transport = "udp"
  username = "romeo"
  password = "one"
[[modules.mod_extdisco.service]]
  type = "turn"
  host = "turn.example"
  port = 5349
  transport = "tcp"
  username = "romeo"
  password = "two"
[[modules.mod_extdisco.service]]
  type = "ftp"
  host = "192.0.2.1"
"""
STUN = {"type": "stun", "host": "stun.example", "port": "3478", "transport": "udp"}
TURN_UDP = {
    "type": "turn", "host": "turn.example", "port": "3478", "transport": "udp", "username": "romeo", "password": "one",
}  # fmt: skip
TURN_TCP = {**TURN_UDP, "port": "5349", "transport": "tcp", "password": "two"}
FTP = {"type": "ftp", "host": "192.0.2.1"}


def services(answer: Element) -> list[dict[str, str]]:
    assert answer.get("type") == "result", answer
    assert answer.payload is not None
    return [service.attrs for service in answer.payload.elements(ns.EXTERNAL_SERVICES, "service")]


def credentials(**attrs: str) -> str:
    service = "".join(f" {key}='{value}'" for key, value in attrs.items())
    return f"<credentials xmlns='urn:xmpp:extdisco:2'><service{service}/></credentials>"


@pytest.fixture
async def romeo(serve):
    server = await serve(EXTDISCO, admin=None)
    assert ns.EXTERNAL_SERVICES in server.app.host("localhost").features()
    return await server.client("romeo")


async def test_all_services_of_the_file_are_listed(romeo):
    answer = await romeo.ask("get", "<services xmlns='urn:xmpp:extdisco:2'/>", to="localhost")
    assert services(answer) == [STUN, TURN_UDP, TURN_TCP, FTP]
    assert answer.payload.attrs == {}


@pytest.mark.parametrize(("type", "found"), [("turn", [TURN_UDP, TURN_TCP]), ("stun", [STUN]), ("sip", []), ("", [])])
async def test_services_of_one_type_are_listed(romeo, type, found):
    answer = await romeo.ask("get", f"<services xmlns='urn:xmpp:extdisco:2' type='{type}'/>", to="localhost")
    assert services(answer) == found
    assert answer.payload.get("type") == type


async def test_credentials_are_told_for_a_service(romeo):
    answer = await romeo.ask("get", credentials(host="turn.example", type="turn"), to="localhost")
    of_both = {"type": "turn", "host": "turn.example", "username": "romeo"}
    assert services(answer) == [{**of_both, "password": "one"}, {**of_both, "password": "two"}]
    assert answer.payload.name == "credentials"

    answer = await romeo.ask("get", credentials(host="turn.example", type="turn", port="5349"), to="localhost")
    assert services(answer) == [TURN_TCP]


@pytest.mark.parametrize(
    ("payload", "expected"),
    [
        (credentials(host="turn.example", type="stun"), "cancel/item-not-found"),
        (credentials(host="turn.example", type="turn", port="1"), "cancel/item-not-found"),
        (credentials(host="turn.example"), "modify/bad-request"),
        (credentials(type="turn"), "modify/bad-request"),
        ("<credentials xmlns='urn:xmpp:extdisco:2'/>", "modify/bad-request"),
        ("<other xmlns='urn:xmpp:extdisco:2'/>", "cancel/feature-not-implemented"),
    ],
)
async def test_a_request_that_makes_no_sense_is_refused(romeo, payload, expected):
    assert refusal(await romeo.ask("get", payload, to="localhost")) == expected


async def test_without_services_the_list_is_empty(serve):
    server = await serve("[modules.mod_extdisco]", admin=None)
    client = await server.client("romeo")
    assert services(await client.ask("get", "<services xmlns='urn:xmpp:extdisco:2'/>", to="localhost")) == []


def test_options_are_checked():
    assert problems(EXTDISCO + '[modules.mod_extdisco.iqdisc]\ntype = "no_queue"') == []
    bad = '[modules.mod_extdisco]\nservice = [{type = "", host = "h", port = "3478", transport = "sctp"}, {}]'
    assert problems(bad) == [
        "modules.mod_extdisco.service[0].port",
        "modules.mod_extdisco.service[0].transport",
        "modules.mod_extdisco.service[0].type",
        "modules.mod_extdisco.service[1].host",
        "modules.mod_extdisco.service[1].type",
    ]
