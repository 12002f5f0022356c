"""``[[host_config]]``: each host has its own modules, methods, rules (contract/config, section 10)."""

from __future__ import annotations

from pathlib import Path

import pytest

from mim.config import ConfigErrors
from tests.auth.support import mechanisms, opened, plain, server_text
from tests.config.support import read, texts

HOSTS = ("a.example", "b.example", "c.example")
TEXT = server_text(
    "[auth.internal]",
    hosts=HOSTS,
    more="""
[modules.mod_ping]
[modules.mod_version]
[[host_config]]
  host = "b.example"
  [host_config.auth.dummy]
    base_time = 0
    variance = 1
  [host_config.modules.mod_time]
[[host_config]]
  host_type = "c.example"
  modules = {}
  [host_config.auth]
""",
)


async def test_each_host_runs_its_own_modules(serve):
    server = await serve(text=TEXT)
    modules = server.app.modules
    assert [modules.running(server.app.host(name)) for name in HOSTS] == [["mod_ping", "mod_version"], ["mod_time"], []]


async def test_each_host_has_its_own_methods(serve):
    server = await serve(text=TEXT)
    async with await opened(server.port, "a.example") as client:
        assert "SCRAM-SHA-1" in mechanisms(client.features)
        assert await plain(client, "romeo", "x") == "not-authorized"
    async with await opened(server.port, "b.example") as client:
        assert mechanisms(client.features) == ["PLAIN"]
        assert await plain(client, "romeo", "x") == "success"
    async with await opened(server.port, "c.example") as client:
        assert mechanisms(client.features) == []
    assert any("nobody can log in to c.example" in notice.text for notice in server.app.config.notices)


def test_general_options_of_a_host_replace_the_global_ones_one_by_one() -> None:
    config = read(TEXT + "[[host_config]]\nhost = 'a.example'\ngeneral.replaced_wait_timeout = 5")
    assert config.hosts["a.example"].general.replaced_wait_timeout == 5
    assert config.hosts["a.example"].general.hosts == list(HOSTS)
    assert config.hosts["b.example"].general.replaced_wait_timeout == 2000


def test_of_two_entries_for_a_host_the_later_counts_per_section() -> None:
    config = read(TEXT + "[[host_config]]\nhost = 'b.example'\nmodules = {}")
    assert config.hosts["b.example"].modules == {}
    assert config.hosts["b.example"].auth.enabled == ["dummy"]
    assert any("host_config[2]: b.example has an entry already" in notice.text for notice in config.notices)


async def test_a_host_type_has_its_modules_before_it_has_a_domain(serve):
    text = TEXT.replace("[[listen.c2s]]", 'host_types = ["premium"]\n[[listen.c2s]]')
    text += '[[host_config]]\nhost_type = "premium"\n[host_config.modules.mod_ping]\n'
    text += "[host_config.auth.dummy]\nbase_time = 0\n"
    server = await serve(text=text)
    premium = server.app.server.hosts.by_name("premium")
    assert premium is not None
    assert premium.domains == ()
    assert server.app.modules.running(premium) == ["mod_ping"]
    server.app.server.hosts.add_domain("new.example", premium)
    async with await opened(server.port, "new.example") as client:
        assert await plain(client, "romeo", "x") == "success"
        await client.restart_stream()
        assert str(await client.bind("r")) == "romeo@new.example/r"
        answer = await client.ask("get", "<ping xmlns='urn:xmpp:ping'/>", to="new.example")
        assert answer.get("type") == "result"


@pytest.mark.parametrize(
    ("more", "text"),
    [
        (
            "[[host_config]]\nhost = 'a.example'\n[host_config.modules.mod_pubsub]\naccess_createnode = 'zzz'",
            'host_config[2].modules.mod_pubsub.access_createnode = "zzz": must be a rule of [access]: all, none',
        ),
        (
            "[[host_config]]\nhost = 'a.example'\n[host_config.auth.rdbms]",
            "host_config[2].auth.rdbms = a table: needs [outgoing_pools.rdbms.default]",
        ),
        (
            "[[host_config]]\nhost = 'a.example'\n[host_config.access]\nx_shaper = [{acl = 'all', value = 'zzz'}]",
            'host_config[2].access.x_shaper[0].value = "zzz": must be a shaper of [shaper]: none',
        ),
        (
            "[[host_config]]\nhost = 'a.example'\n[host_config.modules.mod_mam]",
            "host_config[2].modules.mod_mam = a table: must not be written: mod_mam_meta configures it; "
            'did you mean "mod_mam_meta"?',
        ),
    ],
)
def test_strict_rules_hold_in_an_entry_too(more: str, text: str) -> None:
    assert texts(TEXT + more) == [text]


def test_what_a_host_type_cannot_run_is_refused_there_too() -> None:
    text = TEXT.replace("[[listen.c2s]]", 'host_types = ["premium"]\n[[listen.c2s]]')
    entry = '[[host_config]]\nhost = "%s"\n[host_config.modules.mod_pubsub]'
    assert texts(text + entry % "premium", until="load") == [
        "host_config[2].modules.mod_pubsub = a table: does not work for host types (general.host_types)"
    ]
    assert texts(text + entry % "a.example", until="load") == []


def test_a_module_of_the_vocabulary_that_is_not_built_is_refused_when_serving(tmp_path: Path) -> None:
    text = TEXT + "[[host_config]]\nhost = 'a.example'\n[host_config.modules.mod_pubsub]\n[host_config.modules.mod_amp]"
    assert texts(text) == []
    assert texts(text, until="serve") == [
        "host_config[2].modules.mod_pubsub = a table: is not available in this version"
    ]
    config = read(text)
    assert config.tiers.b == ["host_config[2].modules.mod_amp"]
    assert config.hosts["a.example"].modules == {}


def test_the_example_is_good() -> None:
    with pytest.raises(ConfigErrors):
        read("")
    assert read(TEXT).hosts["a.example"].modules.keys() == {"mod_ping", "mod_version"}
