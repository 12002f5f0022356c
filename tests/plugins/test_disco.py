"""mod_disco (XEP-0030, XEP-0157; xmpp-behaviour, section 8)."""

from __future__ import annotations

import pytest

from mim.capabilities import Discovery
from mim.version import NAME
from mim.xmpp import ns
from mim.xmpp.element import element
from mim.xmpp.forms import read_submission
from tests.foreign import slixmpp_client
from tests.plugins.answers import refusal
from tests.plugins.roster.support import JULIET, ROMEO, ROSTER, befriend, view

DISCO = "[modules.mod_disco]\n"
INFO = f"<query xmlns='{ns.DISCO_INFO}'/>"
ITEMS = f"<query xmlns='{ns.DISCO_ITEMS}'/>"
SERVER_INFO = """
[[modules.mod_disco.server_info]]
  name = "abuse-addresses"
  urls = ["mailto:abuse@localhost", "xmpp:abuse@localhost"]
[[modules.mod_disco.server_info]]
  name = "admin-addresses"
  urls = ["mailto:admin@localhost"]
  modules = ["mod_disco"]
[[modules.mod_disco.server_info]]
  name = "feedback-addresses"
  urls = ["mailto:feedback@localhost"]
  modules = ["mod_vcard"]
"""
BOTH_KINDS = pytest.mark.parametrize("namespace", [ns.DISCO_INFO, ns.DISCO_ITEMS], ids=["info", "items"])

SERVICE = '''
"""A service, and a node of the server."""

from mim.plugin import Module, element, hookimpl
from mim.xmpp import ns


class ModService(Module):
    """One running mod_service."""

    @hookimpl
    def server_items(self, domain):
        return [
            element(ns.DISCO_ITEMS, "item", jid=f"service.{domain}"),
            element(ns.DISCO_ITEMS, "item", jid=domain, node="things"),
        ]

    @hookimpl
    def server_node(self, iq, node):
        if node == "things":
            return element(iq.payload.ns, "query", element(iq.payload.ns, "seen"), node=node)


setup = ModService
'''


def features(answer):
    return [feature.get("var") for feature in answer.payload.elements(ns.DISCO_INFO, "feature")]


def identities(answer):
    return [
        (identity.get("category"), identity.get("type"), identity.get("name"))
        for identity in answer.payload.elements(ns.DISCO_INFO, "identity")
    ]


def jids(answer):
    return [item.get("jid") for item in answer.payload.elements(ns.DISCO_ITEMS, "item")]


# --- the server -----------------------------------------------------------------------------------------------


async def test_server_says_what_it_is_and_what_its_modules_can(serve):
    server = await serve(DISCO + ROSTER + "[modules.mod_ping]\n[modules.mod_last]\n", admin=None)
    romeo = await server.client("romeo")

    answer = await romeo.ask("get", INFO, to="localhost")

    assert answer.get("type") == "result"
    assert "node" not in answer.payload.attrs
    assert identities(answer) == [("server", "im", NAME)]
    assert features(answer) == sorted(
        {
            "iq", "presence", "presence-invisible", ns.DISCO_INFO, ns.DISCO_ITEMS, ns.ROSTER, ns.PING, ns.LAST,
        }
    )  # fmt: skip
    assert answer.payload.find(ns.DATA_FORMS, "x") is None


async def test_features_come_and_go_with_the_modules(serve):
    server = await serve(DISCO, admin=None)
    romeo = await server.client("romeo")
    assert ns.PING not in features(await romeo.ask("get", INFO, to="localhost"))

    await server.start_module("mod_ping")
    assert ns.PING in features(await romeo.ask("get", INFO, to="localhost"))
    await server.stop_module("mod_ping")

    assert ns.PING not in features(await romeo.ask("get", INFO, to="localhost"))


async def test_contact_addresses_are_a_form(serve):
    server = await serve(DISCO + SERVER_INFO + "[modules.mod_vcard]\n", admin=None)
    romeo = await server.client("romeo")

    answer = await romeo.ask("get", INFO, to="localhost")

    form = answer.payload.find(ns.DATA_FORMS, "x")
    assert form.get("type") == "result"
    (hidden, *_) = form.elements()
    assert (hidden.get("var"), hidden.get("type")) == ("FORM_TYPE", "hidden")
    said = read_submission(form)
    assert said.form_type == "http://jabber.org/network/serverinfo"
    assert {name: list(values) for name, values in said.values.items()} == {
        "abuse-addresses": ["mailto:abuse@localhost", "xmpp:abuse@localhost"],
        "admin-addresses": ["mailto:admin@localhost"],
    }


async def test_other_modules_get_the_addresses_meant_for_them(serve):
    server = await serve(DISCO + SERVER_INFO + "[modules.mod_vcard]\n", admin=None)
    discovery = server.app.host("localhost").find(Discovery)

    def fields(module: str) -> list[str]:
        return list(read_submission(discovery.contact_form(module)).values)

    assert fields("mod_vcard") == ["abuse-addresses", "feedback-addresses"]
    assert fields("mod_muc") == ["abuse-addresses"]
    without = await serve(DISCO, admin=None)
    assert without.app.host("localhost").find(Discovery).contact_form("mod_muc") is None


async def test_what_the_server_says_is_there_for_other_modules(serve):
    server = await serve(DISCO + SERVER_INFO + "[modules.mod_vcard]\n", admin=None)
    romeo = await server.client("romeo")

    said = server.app.host("localhost").find(Discovery).server_info("localhost")

    assert (await romeo.ask("get", INFO, to="localhost")).payload == said


async def test_items_of_the_server_are_the_services_and_the_extra_domains(serve, tmp_path):
    (tmp_path / "mod_service.py").write_text(SERVICE)
    extra = 'extra_domains = ["files.example", "Service.localhost", "files.example", "localhost"]\n'
    server = await serve(DISCO + extra + "[modules.mod_service]\n", admin=None, folders=[tmp_path])
    romeo = await server.client("romeo")

    answer = await romeo.ask("get", ITEMS, to="localhost")

    assert jids(answer) == ["service.localhost", "localhost", "files.example", "localhost"]
    assert [item.get("node") for item in answer.payload.elements()] == ["", "things", "", ""]


async def test_server_without_services_has_no_items(serve):
    server = await serve(DISCO, admin=None)
    romeo = await server.client("romeo")

    assert (await romeo.ask("get", ITEMS, to="localhost")).payload == element(ns.DISCO_ITEMS, "query")


async def test_each_domain_speaks_for_itself(serve, tmp_path):
    (tmp_path / "mod_service.py").write_text(SERVICE)
    more = '[[host_config]]\nhost = "verona.example"\n[host_config.modules.mod_disco]\n'
    server = await serve(
        DISCO + "[modules.mod_service]\n[modules.mod_ping]\n",
        admin=None, folders=[tmp_path], hosts=("localhost", "verona.example"), more=more,
    )  # fmt: skip
    romeo = await server.client("romeo")

    assert jids(await romeo.ask("get", ITEMS, to="verona.example")) == []
    assert ns.PING not in features(await romeo.ask("get", INFO, to="verona.example"))
    assert jids(await romeo.ask("get", ITEMS, to="localhost")) == ["service.localhost", "localhost"]


@BOTH_KINDS
async def test_nodes_are_the_business_of_modules(serve, tmp_path, namespace):
    (tmp_path / "mod_service.py").write_text(SERVICE)
    server = await serve(DISCO + "[modules.mod_service]\n", admin=None, folders=[tmp_path])
    romeo = await server.client("romeo")

    known = await romeo.ask("get", f"<query xmlns='{namespace}' node='things'/>", to="localhost")
    assert known.payload == element(namespace, "query", element(namespace, "seen"), node="things")
    unknown = await romeo.ask("get", f"<query xmlns='{namespace}' node='nonsense'/>", to="localhost")
    assert refusal(unknown) == "cancel/item-not-found"
    empty = await romeo.ask("get", f"<query xmlns='{namespace}' node=''/>", to="localhost")
    assert empty.get("type") == "result"


@BOTH_KINDS
@pytest.mark.parametrize("to", ["localhost", "romeo@localhost", "juliet@localhost"])
async def test_nobody_sets_anything(serve, namespace, to):
    server = await serve(DISCO, admin=None)
    romeo = await server.client("romeo")

    assert refusal(await romeo.ask("set", f"<query xmlns='{namespace}'/>", to=to)) == "cancel/not-allowed"


# --- accounts -------------------------------------------------------------------------------------------------


async def test_account_tells_itself_what_it_is(serve):
    server = await serve(DISCO + "[modules.mod_private]\n", admin=None)
    romeo = await server.client("romeo")

    for to in ("", "romeo@localhost"):
        answer = await romeo.ask("get", INFO, to=to)
        assert answer.get("from") == "romeo@localhost"
        assert identities(answer) == [("account", "registered", "")]
        assert ns.PRIVATE in features(answer)


@pytest.mark.parametrize("is_online", [True, False])
async def test_account_tells_who_may_see_its_presence(serve, is_online):
    server = await serve(DISCO + ROSTER, admin=None)
    await server.register("romeo", "juliet")
    await befriend(server, ROMEO, JULIET)
    romeo = await server.client("romeo")
    if is_online:
        await server.online("juliet", "r1")
        await server.client("juliet", "silent")
        juliet = await server.client("juliet", "invisible")
        juliet.send("<presence type='invisible'/>")
        await juliet.collect()

    info = await romeo.ask("get", INFO, to="juliet@localhost")
    items = await romeo.ask("get", ITEMS, to="juliet@localhost")

    assert identities(info) == [("account", "registered", "")]
    assert jids(items) == (["juliet@localhost/r1"] if is_online else [])


async def test_own_resources_are_listed_all(serve):
    server = await serve(DISCO, admin=None)
    await server.online("romeo", "r1")
    romeo = await server.client("romeo", "r2")

    items = await romeo.ask("get", ITEMS)

    assert [(item.get("jid"), item.get("name")) for item in items.payload.elements()] == [
        ("romeo@localhost/r1", "romeo"), ("romeo@localhost/r2", "romeo"),
    ]  # fmt: skip


@BOTH_KINDS
@pytest.mark.parametrize("modules", [DISCO, DISCO + ROSTER], ids=["no rosters", "rosters"])
@pytest.mark.parametrize("to", ["juliet@localhost", "nobody@localhost"])
async def test_account_tells_strangers_nothing(serve, namespace, modules, to):
    server = await serve(modules, admin=None)
    await server.register("juliet", "romeo")
    if "roster" in modules:
        await view(server).subscribe(ROMEO, JULIET, "subscribe")
    romeo = await server.client("romeo")

    answer = await romeo.ask("get", f"<query xmlns='{namespace}' node='n'/>", to=to)

    assert refusal(answer) == "cancel/service-unavailable"


@BOTH_KINDS
async def test_account_has_no_nodes(serve, namespace):
    server = await serve(DISCO + ROSTER, admin=None)
    await server.register("romeo", "juliet")
    await befriend(server, ROMEO, JULIET)
    romeo = await server.client("romeo")
    query = f"<query xmlns='{namespace}' node='nonsense'/>"

    assert refusal(await romeo.ask("get", query)) == "cancel/item-not-found"
    assert refusal(await romeo.ask("get", query, to="juliet@localhost")) == "cancel/not-allowed"


async def test_slixmpp_discovers_the_server_and_its_directory(serve):
    server = await serve(DISCO + SERVER_INFO + "[modules.mod_vcard]\n", admin=None)
    async with slixmpp_client(server, "romeo", plugins=["xep_0030"]) as romeo:
        info = await romeo.plugin["xep_0030"].get_info(jid="localhost")
        items = await romeo.plugin["xep_0030"].get_items(jid="localhost")

        assert ("server", "im", None, NAME) in info["disco_info"]["identities"]
        assert ns.DISCO_INFO in info["disco_info"]["features"]
        assert "vjud.localhost" in {jid for jid, _, _ in items["disco_items"]["items"]}
