"""mod_privacy (XEP-0016, XEP-0126; xmpp-behaviour, section 9): lists and what they let through."""

from __future__ import annotations

import pytest

from mim.errors import Unavailable
from mim.xmpp import ns
from mim.xmpp.element import Element
from tests.foreign import slixmpp_client
from tests.plugins import friends
from tests.plugins.answers import refusal
from tests.plugins.privacy import DENY_ALL, PRIVACY, change, names, put, query, use
from tests.plugins.problems import problems

PUBLIC = (
    "<item type='jid' value='tybalt@localhost' action='deny' order='3'><message/><presence-in/></item>"
    "<item action='allow' order='68'/>"
    "<item type='jid' value='Paris@example.org/R' action='deny' order='5'/>"
)


@pytest.fixture
async def server(serve, tmp_path):
    return await serve(PRIVACY + friends.SECTION, admin=None, folders=friends.folder(tmp_path))


# --- lists ----------------------------------------------------------------------------------------------------


async def test_a_list_is_set_pushed_to_all_clients_and_got_in_order(server):
    romeo, phone = await server.client("romeo"), await server.client("romeo", "phone")
    assert names(await romeo.ask("get", query())) == []

    changed = query(f"<list name='public'>{PUBLIC}</list>")
    romeo.send(f"<iq type='set' id='put'>{changed}</iq>")
    push = await romeo.expect("iq", type="set", to="romeo@localhost/r1", from_="romeo@localhost")
    assert push.get("id").startswith("push")
    assert names_of_push(push) == ["public"]
    answer = await romeo.expect("iq", type="result", id="put")
    assert answer.payload is None
    assert names_of_push(await phone.expect("iq", type="set", to="romeo@localhost/phone")) == ["public"]

    assert names(await phone.ask("get", query())) == [("list", "public")]
    got = (await phone.ask("get", query("<list name='public'/>"))).find(ns.PRIVACY, "query").find(ns.PRIVACY, "list")
    assert got.get("name") == "public"
    assert [(item.attrs, [child.name for child in item.elements()]) for item in got.elements()] == [
        ({"type": "jid", "value": "tybalt@localhost", "action": "deny", "order": "3"}, ["message", "presence-in"]),
        ({"type": "jid", "value": "paris@example.org/R", "action": "deny", "order": "5"}, []),
        ({"action": "allow", "order": "68"}, []),
    ]
    assert ns.PRIVACY in server.app.host("localhost").features()


def names_of_push(push: Element) -> list[str]:
    (changed,) = push.find(ns.PRIVACY, "query").elements()
    assert not list(changed.elements())
    return [changed.get("name")]


async def test_a_list_that_is_not_there_is_not_found(server):
    romeo = await server.client("romeo")

    for inner in ("<list name='special'/>", "<list/>"):
        assert refusal(await romeo.ask("get", query(inner))) == "cancel/item-not-found"
    for inner in ("<active name='special'/>", "<default name='special'/>", "<list name='special'/>"):
        assert refusal(await romeo.ask("set", query(inner))) == "cancel/item-not-found"


async def test_one_list_is_asked_for_at_a_time(server):
    romeo = await server.client("romeo")
    await put(romeo, "a", DENY_ALL)
    await put(romeo, "b", DENY_ALL)

    assert refusal(await romeo.ask("get", query("<list name='a'/><list name='b'/>"))) == "modify/bad-request"
    assert refusal(await romeo.ask("get", query("<active name='a'/>"))) == "modify/bad-request"
    assert refusal(await romeo.ask("set", query("<list name='a'/><list name='b'/>"))) == "modify/bad-request"
    assert refusal(await romeo.ask("set", query("<active name='a'/><default name='b'/>"))) == "modify/bad-request"
    assert names(await romeo.ask("get", query())) == [("list", "a"), ("list", "b")]


async def test_active_and_default_lists_are_chosen_and_declined(server):
    romeo = await server.client("romeo")
    await put(romeo, "private", DENY_ALL)
    await put(romeo, "public", PUBLIC)

    for inner in ("<active name='private'/>", "<default name='public'/>"):
        answer = await romeo.ask("set", query(inner))
        assert answer.get("type") == "result"
        assert answer.payload is None
    assert names(await romeo.ask("get", query())) == [
        ("active", "private"), ("default", "public"), ("list", "private"), ("list", "public"),
    ]  # fmt: skip

    for inner in ("<active/>", "<default/>"):
        assert (await romeo.ask("set", query(inner))).get("type") == "result"
    assert names(await romeo.ask("get", query())) == [("list", "private"), ("list", "public")]


async def test_an_active_list_is_one_sessions_own(server):
    romeo, phone = await server.client("romeo"), await server.client("romeo", "phone")
    await put(romeo, "mine", DENY_ALL)
    await phone.collect()
    await change(romeo, "<active name='mine'/>")

    assert ("active", "mine") in names(await romeo.ask("get", query()))
    assert ("active", "mine") not in names(await phone.ask("get", query()))


async def test_an_empty_list_removes_and_the_removal_is_pushed(server):
    romeo = await server.client("romeo")
    await put(romeo, "mine", DENY_ALL)
    await change(romeo, "<active name='mine'/>")
    await change(romeo, "<default name='mine'/>")

    changed = query("<list name='mine'/>")
    romeo.send(f"<iq type='set' id='drop'>{changed}</iq>")
    assert names_of_push(await romeo.expect("iq", type="set")) == ["mine"]
    await romeo.expect("iq", type="result", id="drop")

    assert names(await romeo.ask("get", query())) == []
    assert (await romeo.ask("get", "<x xmlns='urn:x'/>", to="romeo@localhost/r1")).get("type") == "get"


@pytest.mark.parametrize("how", ["active", "default"])
async def test_a_list_that_another_client_uses_is_not_removed(server, how):
    romeo, phone = await server.client("romeo"), await server.client("romeo", "phone")
    await use(phone, DENY_ALL, how)
    await romeo.collect()

    assert refusal(await change(romeo, "<list name='mine'/>")) == "cancel/conflict"
    assert (await romeo.ask("get", query("<list name='mine'/>"))).get("type") == "result"


async def test_the_default_is_not_changed_while_another_client_uses_it(server):
    romeo, phone = await server.client("romeo"), await server.client("romeo", "phone")
    await put(romeo, "a", PUBLIC)
    await put(romeo, "b", PUBLIC)
    assert (await change(romeo, "<default name='a'/>")).get("type") == "result"

    assert refusal(await change(romeo, "<default name='b'/>")) == "cancel/conflict"
    assert refusal(await change(romeo, "<default/>")) == "cancel/conflict"
    assert (await change(romeo, "<default name='a'/>")).get("type") == "result"

    await phone.collect()
    await change(phone, "<active name='a'/>")
    assert (await change(romeo, "<default name='b'/>")).get("type") == "result"


@pytest.mark.parametrize(
    "items",
    [
        "<item order='1'/>",
        "<item action='block' order='1'/>",
        "<item action='deny'/>",
        "<item action='deny' order=''/>",
        "<item action='deny' order='-1'/>",
        "<item action='deny' order='x'/>",
        "<item action='deny' order='4294967296'/>",
        "<item action='deny' order='1'/><item action='allow' order='1'/>",
        "<item type='jid' action='deny' order='1'/>",
        "<item type='jid' value='@' action='deny' order='1'/>",
        "<item type='jid' value='' action='deny' order='1'/>",
        "<item type='group' value='' action='deny' order='1'/>",
        "<item type='subscription' value='all' action='deny' order='1'/>",
        "<item type='person' value='x' action='deny' order='1'/>",
        "<item action='deny' order='1'><presence/></item>",
        "<rule action='deny' order='1'/>",
        "<item xmlns='urn:x' action='deny' order='1'/>",
    ],
)
async def test_a_malformed_list_is_refused_and_nothing_is_kept(server, items):
    romeo = await server.client("romeo")

    assert refusal(await romeo.ask("set", query(f"<list name='mine'>{items}</list>"))) == "modify/bad-request"
    assert names(await romeo.ask("get", query())) == []


@pytest.mark.parametrize(
    "inner", ["", "<list/>", f"<list>{DENY_ALL}</list>", "<rule name='x'/>", "<active xmlns='urn:x' name='x'/>"]
)
async def test_a_malformed_change_is_refused(server, inner):
    romeo = await server.client("romeo")
    assert refusal(await romeo.ask("set", query(inner))) == "modify/bad-request"
    long = f"<list name='{'n' * 1025}'>{DENY_ALL}</list>"
    assert refusal(await romeo.ask("set", query(long))) == "modify/bad-request"


async def test_lists_and_items_have_limits(server, monkeypatch):
    monkeypatch.setattr("mim_plugins.mod_privacy.keeper.MAX_LISTS", 2)
    monkeypatch.setattr("mim_plugins.mod_privacy.rules.MAX_ITEMS", 3)
    romeo = await server.client("romeo")
    for name in ("a", "b", "a"):
        await put(romeo, name, DENY_ALL)

    assert refusal(await change(romeo, f"<list name='c'>{DENY_ALL}</list>")) == "wait/resource-constraint"
    four = "".join(f"<item action='deny' order='{order}'/>" for order in range(4))
    assert refusal(await change(romeo, f"<list name='a'>{four}</list>")) == "wait/resource-constraint"


@pytest.mark.parametrize("type", ["get", "set"])
async def test_lists_of_another_are_forbidden(server, type):
    romeo = await server.client("romeo")
    await server.register("juliet")
    assert refusal(await romeo.ask(type, query("<list name='x'/>"), to="juliet@localhost")) == "auth/forbidden"


async def test_lists_outlive_the_server_and_die_with_the_account(serve, tmp_path):
    first = await serve(PRIVACY, admin=None, data_dir=tmp_path)
    romeo = await first.client("romeo")
    await put(romeo, "public", PUBLIC)
    await put(romeo, "gone", DENY_ALL)
    await change(romeo, "<list name='gone'/>")
    await change(romeo, "<default name='public'/>")
    before = await romeo.ask("get", query("<list name='public'/>"))
    await first.stop()

    second = await serve(PRIVACY, admin=None, data_dir=tmp_path)
    romeo = await second.client("romeo")
    assert names(await romeo.ask("get", query())) == [("default", "public"), ("list", "public")]
    assert (await romeo.ask("get", query("<list name='public'/>"))).payload == before.payload

    await second.app.server.accounts.remove(romeo.jid.bare)
    romeo = await second.client("romeo", "new")
    assert names(await romeo.ask("get", query())) == []


async def test_a_change_that_cannot_be_stored_is_not_in_force(server):
    romeo = await server.client("romeo")
    await put(romeo, "mine", PUBLIC)
    keeper = server.app.modules.find(server.app.host("localhost"), "mod_privacy")._keeper

    async def refuse(*_writes) -> None:
        raise Unavailable("disk full")

    keeper._store.submit = refuse
    assert refusal(await change(romeo, f"<list name='mine'>{DENY_ALL}</list>")) == "wait/internal-server-error"
    del keeper._store.submit

    got = (await romeo.ask("get", query("<list name='mine'/>"))).find(ns.PRIVACY, "query").find(ns.PRIVACY, "list")
    assert len(list(got.elements())) == 3


async def test_slixmpp_keeps_lists(server):
    async with slixmpp_client(server, "romeo", plugins=["xep_0016"]) as romeo:
        privacy = romeo.plugin["xep_0016"]
        rules = [{"type": "jid", "value": "juliet@localhost", "action": "deny", "order": "1"}]
        iq = romeo.make_iq_set()
        iq["privacy"].add_list("mine")
        made = iq["privacy"]["lists"][0]
        for rule in rules:
            made.add_item(rule["value"], rule["action"], rule["order"], itype=rule["type"])
        await iq.send()
        await privacy.make_default("mine")

        got = await privacy.get_privacy_lists()
        assert got["privacy"]["default"]["name"] == "mine"
        kept = await privacy.get_list("mine")
        (rule,) = kept["privacy"]["lists"][0]["items"]
        assert (rule["type"], rule["value"], rule["action"]) == ("jid", "juliet@localhost", "deny")


def test_options_are_checked():
    good = """
[modules.mod_privacy]
backend = "riak"
[modules.mod_privacy.riak]
defaults_bucket_type = "privacy_defaults"
names_bucket_type = "privacy_lists_names"
bucket_type = "privacy_lists"
"""
    assert problems(good) == []
    bad = '[modules.mod_privacy]\nbackend = "x"\nriak = {bucket_type = ""}\niqdisc = {type = "no_queue"}'
    assert problems(bad) == [
        "modules.mod_privacy.backend",
        "modules.mod_privacy.iqdisc",
        "modules.mod_privacy.riak.bucket_type",
    ]
