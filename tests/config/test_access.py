"""``[acl]`` and ``[access]``: who gets which value (contract/config, sections 8 and 10)."""

from __future__ import annotations

import pytest

from mim.xmpp.jid import JID
from tests.auth.support import bound, opened, plain, server_text
from tests.client import StreamClosed
from tests.config.support import read

HOSTS = """
[general]
  hosts = ["a.example", "b.example"]
  host_types = ["premium"]
  default_server_domain = "a.example"
[auth.internal]
"""


def value(pattern: str, jid: str, *, host: str = "a.example", domain: str = "") -> object:
    """Return what a rule gives whose one class has that pattern."""
    config = read(HOSTS + f'[acl]\nsome = [{pattern}]\n[access]\nrule = [{{acl = "some", value = "yes"}}]')
    return config.hosts[host].access_value("rule", JID.parse(jid), domain)


@pytest.mark.parametrize(
    ("pattern", "jid", "matches"),
    [
        ("{}", "x@a.example", True),
        ("{}", "x@b.example", False),
        ('{match = "all"}', "x@elsewhere.example", True),
        ('{match = "any_hosted_domain"}', "x@b.example", True),
        ('{match = "any_hosted_domain"}', "x@elsewhere.example", False),
        ('{match = "none"}', "x@a.example", False),
        ('{user = "Romeo"}', "romeo@a.example", True),
        ('{user = "romeo"}', "romeo2@a.example", False),
        ('{user = "romeo", match = "all"}', "romeo@elsewhere.example", True),
        ('{server = "b.example", match = "all"}', "x@b.example", True),
        ('{server = "b.example"}', "x@b.example", False),
        ('{resource = "phone"}', "x@a.example/phone", True),
        ('{resource = "Phone"}', "x@a.example/Phone", True),
        ('{resource = "phone"}', "x@a.example", False),
        ('{user_regexp = "^adm"}', "admin@a.example", True),
        ('{user_regexp = "dmi"}', "admin@a.example", True),
        ('{user_regexp = "^dmi"}', "admin@a.example", False),
        ('{user_regexp = ""}', "x@a.example", True),
        ('{server_regexp = "^a[.]"}', "x@a.example", True),
        ('{resource_regexp = "^res"}', "x@a.example/Resource", True),
        ('{user_glob = "a*"}', "admin@a.example", True),
        ('{user_glob = "a*"}', "xa@a.example", False),
        ('{user_glob = "admi?"}', "admin@a.example", True),
        ('{user_glob = "[ab]dmin"}', "bdmin@a.example", True),
        ('{server_glob = "*.example", match = "all"}', "x@elsewhere.example", True),
        ('{resource_glob = "p*e"}', "x@a.example/phone", True),
        ('{user = "romeo", resource = "phone"}', "romeo@a.example/home", False),
        ('{user = "romeo"}, {user = "juliet"}', "juliet@a.example", True),
    ],
)
def test_all_conditions_of_any_pattern_must_hold(pattern: str, jid: str, matches: bool) -> None:
    assert value(pattern, jid) == ("yes" if matches else "deny")


def test_the_current_domain_is_the_one_that_is_asked() -> None:
    assert value("{}", "x@b.example", host="b.example") == "yes"
    assert value("{}", "x@one.example", host="premium") == "yes"
    assert value("{}", "x@one.example", host="premium", domain="two.example") == "deny"


def test_a_dynamic_domain_is_hosted_as_long_as_it_is_served() -> None:
    from mim.host import Host, Hosts

    config = read(
        HOSTS + '[acl]\nours = [{match = "any_hosted_domain"}]\n[access]\nrule = [{acl = "ours", value = "yes"}]'
    )
    premium = Host("premium", (), config.hosts["premium"])
    hosts = Hosts([premium], config.served)
    guest = JID.parse("x@one.example")
    assert config.rules.value("rule", guest, "") == "deny"
    hosts.add_domain("one.example", premium)
    assert hosts.find("one.example") is premium
    assert config.rules.value("rule", guest, "") == "yes"
    hosts.remove_domain("one.example")
    assert config.rules.value("rule", guest, "") == "deny"
    assert premium.domains == ()


def test_the_first_clause_that_matches_decides() -> None:
    config = read(
        HOSTS
        + """
[acl]
  admin = [{user = "admin"}]
[access]
  limit = [{acl = "nosuch", value = 1}, {acl = "none", value = 2}, {acl = "admin", value = 3}, {acl = "all", value = 4}]
  empty = []
"""
    )
    rules = config.hosts["a.example"]
    assert rules.access_value("limit", JID.parse("admin@a.example")) == 3
    assert rules.access_value("limit", JID.parse("x@a.example")) == 4
    assert rules.access_value("empty", JID.parse("x@a.example")) == "deny"
    assert rules.access_value("nosuch", JID.parse("x@a.example")) is None
    assert rules.access_value("all", JID.parse("x@a.example")) == "allow"
    assert rules.access_value("none", JID.parse("x@a.example")) == "deny"


JOINED = (
    HOSTS
    + """
[acl]
  admin = [{user = "alice"}]
[access]
  open = [{acl = "admin", value = "deny"}, {acl = "all", value = "allow"}]
  closed = [{acl = "admin", value = "allow"}]
  same = [{acl = "admin", value = "allow"}]
[[host_config]]
  host = "a.example"
  [host_config.acl]
    admin = [{user = "bob"}]
    local = [{}]
  [host_config.access]
    open = [{acl = "local", value = "deny"}]
    closed = [{acl = "all", value = "yes"}]
    same = [{acl = "admin", value = "allow"}]
    own = [{acl = "all", value = 7}]
"""
)


@pytest.mark.parametrize(
    ("rule", "user", "here", "elsewhere"),
    [
        ("open", "alice", "deny", "deny"),
        ("open", "carol", "deny", "allow"),
        ("closed", "alice", "allow", "allow"),
        ("closed", "bob", "allow", "deny"),
        ("closed", "carol", "yes", "deny"),
        ("same", "bob", "allow", "deny"),
        ("own", "x", 7, None),
    ],
)
def test_rules_of_a_host_are_joined_with_the_global_ones(rule: str, user: str, here: object, elsewhere: object) -> None:
    hosts = read(JOINED).hosts
    assert hosts["a.example"].access_value(rule, JID.parse(f"{user}@a.example")) == here
    assert hosts["b.example"].access_value(rule, JID.parse(f"{user}@b.example")) == elsewhere


# --- at work --------------------------------------------------------------------------------------------------


async def test_a_listener_opens_sessions_for_those_its_rule_allows(serve):
    text = server_text(
        "[auth.dummy]\nbase_time = 0\nvariance = 1",
        c2s='access = "c2s"',
        more='[acl]\nblocked = [{user = "tybalt"}]\n[access]\n'
        'c2s = [{acl = "blocked", value = "deny"}, {acl = "all", value = "allow"}]',
    )
    server = await serve(text=text)
    async with await opened(server.port) as client:
        await plain(client, "romeo", "x")
        await bound(client)
    async with await opened(server.port) as client:
        await plain(client, "tybalt", "x")
        await client.restart_stream()
        answer = await client.ask("set", "<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/>")
        error = answer.find("jabber:client", "error")
        assert error.get("type") == "cancel"
        assert error.find("urn:ietf:params:xml:ns:xmpp-stanzas", "not-allowed") is not None


async def test_a_user_has_no_more_sessions_than_the_rule_gives(serve):
    rule = '[acl]\nbusy = [{user = "juliet"}]\n[access]\nmax_user_sessions = [{acl = "busy", value = "infinity"}, '
    server = await serve(admin=None, more=rule + '{acl = "all", value = 2}]')
    one, two = await server.client("romeo", "one"), await server.client("romeo", "two")
    three = await server.client("romeo", "three")
    with pytest.raises(StreamClosed, match="conflict"):
        await one.next()
    await two.expect_nothing()
    await three.expect_nothing()
    juliets = [await server.client("juliet", f"r{number}") for number in range(4)]
    for client in juliets:
        await client.expect_nothing()
