"""mod_domain_isolation (modules: users of different local domains cannot reach each other)."""

from __future__ import annotations

import pytest

from mim.xmpp import ns
from mim.xmpp.element import Element
from tests.client import Client
from tests.plugins.answers import refusal, refusal_text
from tests.plugins.problems import problems

ISOLATION = "[modules.mod_domain_isolation]\n"
HOSTS = ("localhost", "other.example")
ECHO = '''
"""A service that returns to their senders the messages it gets, and another one that all hosts could share."""

from mim.config import HostTemplate, Options, expand_host
from mim.plugin import Module, option


class EchoOptions(Options):
    host: HostTemplate = option("echo.@HOST@", help="Name.")


class ModEcho(Module[EchoOptions]):
    """One per domain, or one for the first host with a fixed name."""

    Options = EchoOptions

    async def start(self):
        for domain in self.api.host.domains:
            name = expand_host(self.options.host, domain)
            if not self.api.router.is_service(name):
                self.api.add_service(name, self.answer)

    def answer(self, stanza):
        self.api.router.route(stanza.replace(sender=stanza.to, to=stanza.sender))


setup = ModEcho
'''


@pytest.fixture
async def server(serve):
    return await serve(ISOLATION, admin=None, hosts=HOSTS)


def is_isolated(answer: Element) -> bool:
    return (
        refusal(answer) == "cancel/service-unavailable"
        and refusal_text(answer) == "Filtered by the domain isolation"
    )


async def message(client: Client, to: str) -> Element:
    """Send a message and return what comes back to the sender, or the message itself when it went to himself."""
    client.send(f"<message to='{to}' id='m' type='chat'><body>hi</body></message>")
    return await client.expect("message", id="m")


async def test_users_of_one_domain_reach_each_other_and_the_server(server):
    romeo, juliet = await server.online("romeo"), await server.online("juliet")

    romeo.send("<message to='juliet@localhost' id='m'><body>hi</body></message>")
    await juliet.expect("message", id="m")
    assert refusal(await romeo.ask("get", "<x xmlns='urn:x'/>", to="localhost")) == "cancel/feature-not-implemented"


async def test_users_of_another_domain_are_out_of_reach(server):
    romeo = await server.online("romeo")
    juliet = await server.online("juliet", domain="other.example")

    for to in ("juliet@other.example", "juliet@other.example/r1", "other.example"):
        assert is_isolated(await message(romeo, to)), to
        assert is_isolated(await romeo.ask("get", "<x xmlns='urn:x'/>", to=to)), to
    romeo.send("<presence to='juliet@other.example'/>")
    assert is_isolated(await romeo.expect("presence", type="error"))
    romeo.send("<presence to='juliet@other.example' type='subscribe'/>")
    assert is_isolated(await romeo.expect("presence", type="error"))
    romeo.send("<iq to='juliet@other.example/r1' type='result' id='r'/>")
    romeo.send("<message to='juliet@other.example' type='error'/>")
    await romeo.expect_nothing()
    await juliet.expect_nothing()


async def test_names_that_nobody_serves_are_not_this_modules_business(server):
    romeo = await server.online("romeo")
    assert refusal(await message(romeo, "juliet@far.example")) == "cancel/remote-server-not-found"


async def test_one_side_is_enough(serve):
    elsewhere = "[[host_config]]\n  host = 'other.example'\n  [host_config.modules]\n"
    server = await serve(ISOLATION, admin=None, hosts=HOSTS, more=elsewhere)
    romeo = await server.online("romeo")
    juliet = await server.online("juliet", domain="other.example")

    assert is_isolated(await message(juliet, "romeo@localhost"))
    assert is_isolated(await message(romeo, "juliet@other.example"))
    await romeo.expect_nothing()
    await juliet.expect_nothing()


async def test_a_service_belongs_to_the_domain_it_is_below(serve, tmp_path):
    (tmp_path / "mod_echo.py").write_text(ECHO)
    server = await serve(ISOLATION + "[modules.mod_echo]", admin=None, hosts=HOSTS, folders=[tmp_path])
    romeo = await server.online("romeo")

    assert (await message(romeo, "echo.localhost")).get("from") == "echo.localhost"
    assert is_isolated(await message(romeo, "echo.other.example"))


async def test_a_service_with_a_name_of_its_own_belongs_to_the_host_that_runs_it(serve, tmp_path):
    (tmp_path / "mod_echo.py").write_text(ECHO)
    modules = ISOLATION + "[modules.mod_echo]\nhost = 'echo.example'"
    server = await serve(modules, admin=None, hosts=HOSTS, folders=[tmp_path])
    romeo, juliet = await server.online("romeo"), await server.online("juliet", domain="other.example")

    assert (await message(romeo, "echo.example")).get("from") == "echo.example"
    assert is_isolated(await message(juliet, "echo.example"))


FRIENDS = '''
"""Everybody named in the options sees everybody's presence."""

from mim.config import Options
from mim.plugin import JID, Module, hookimpl, option


class WatchersOptions(Options):
    watchers: list[str] = option([], help="Addresses.")


class ModWatchers(Module[WatchersOptions]):
    """A list."""

    Options = WatchersOptions

    @hookimpl
    def presence_subscribers(self, account):
        return [JID.parse(name) for name in self.options.watchers]


setup = ModWatchers
'''


async def test_presence_stays_at_home(serve, tmp_path):
    (tmp_path / "mod_watchers.py").write_text(FRIENDS)
    watchers = "[modules.mod_watchers]\nwatchers = ['juliet@other.example', 'mercutio@localhost']"
    elsewhere = "[[host_config]]\n  host = 'other.example'\n  [host_config.modules]\n"
    server = await serve(ISOLATION + watchers, admin=None, hosts=HOSTS, folders=[tmp_path], more=elsewhere)
    juliet = await server.online("juliet", domain="other.example")
    mercutio = await server.online("mercutio")
    await mercutio.collect()

    await server.online("romeo")

    assert [got.get("from") for got in await mercutio.collect()] == ["romeo@localhost/r1"]
    await juliet.expect_nothing()


async def test_stopping_the_module_opens_the_way(server):
    romeo = await server.online("romeo")
    juliet = await server.online("juliet", domain="other.example")
    for domain in HOSTS:
        await server.stop_module("mod_domain_isolation", domain)

    romeo.send("<message to='juliet@other.example' id='m'/>")

    assert (await juliet.expect("message", id="m")).ns == ns.CLIENT


def test_there_are_no_options():
    assert problems(ISOLATION) == []
    assert problems(ISOLATION + "strict = true") == ["modules.mod_domain_isolation.strict"]
