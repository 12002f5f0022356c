"""Contacts over the admin API (admin-api, section 6.8 to 6.13) and what clients see of it (7, 7.1)."""

from __future__ import annotations

import pytest

from mim.xmpp import ns
from tests.plugins.shorthand import seen, shown

MODULES = "[modules.mod_commands]\n[modules.mod_roster]\n"


async def contacts(server, caller):
    answer = await server.api.get(f"/contacts/{caller}")
    assert answer.status == 200
    return {entry["jid"]: f"{entry['subscription']}/{entry['ask']}" for entry in answer.json}


async def put(server, caller, jid, action, *, manage=False):
    answer = await server.api.put(f"/contacts/{caller}/{jid}{'/manage' if manage else ''}", {"action": action})
    assert (answer.status, answer.body) == (204, b"")


async def add(server, caller, jid):
    answer = await server.api.post("/contacts", {"caller": caller, "jid": jid})
    assert (answer.status, answer.body) == (204, b"")


async def pair(server):
    return await server.online("a", "a1"), await server.online("b", "b1")


async def connected(server):
    a1, b1 = await pair(server)
    await put(server, "a@localhost", "b@localhost", "connect", manage=True)
    await seen(a1), await seen(b1)
    return a1, b1


# --- list_contacts --------------------------------------------------------------------------------------------


async def test_contacts_are_listed_sorted_with_requests_that_clients_do_not_see(serve):
    server = await serve(MODULES)
    await server.register("a", "b", "c", "d")
    await add(server, "a@localhost", "d@localhost")
    await add(server, "a@localhost", "b@localhost")
    await put(server, "a@localhost", "b@localhost", "subscribe")
    await put(server, "c@localhost", "a@localhost", "subscribe")

    answer = await server.api.get("/contacts/A@LOCALHOST%2Fres")

    assert answer.json == [
        {"jid": "b@localhost", "subscription": "none", "ask": "out"},
        {"jid": "c@localhost", "subscription": "none", "ask": "in"},
        {"jid": "d@localhost", "subscription": "none", "ask": "none"},
    ]


@pytest.mark.parametrize("caller", ["nobody@localhost", "localhost"])
async def test_there_may_be_no_contacts(serve, caller):
    server = await serve(MODULES)

    assert await contacts(server, caller) == {}


# --- add_contact ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/contacts", {"caller": "a@localhost", "jid": "b@localhost"}),
        ("/contacts/a@localhost", {"jid": "b@localhost"}),
        ("/contacts/a@localhost/b@localhost", {}),
        ("/contacts?caller=a@localhost", {"jid": "b@localhost"}),
    ],
)
async def test_added_contact_is_pushed_to_every_bound_resource(serve, path, body):
    server = await serve(MODULES)
    a1, b1 = await pair(server)
    silent = await server.client("a", "a2")

    for _ in range(2):
        assert (await server.api.post(path, body)).status == 204

    assert await seen(a1) == ["push(none) b@localhost"] * 2
    assert await seen(silent) == ["push(none) b@localhost"] * 2
    assert await seen(b1) == []
    assert await contacts(server, "a@localhost") == {"b@localhost": "none/none"}


async def test_adding_takes_name_and_groups_but_not_what_is_subscribed(serve):
    server = await serve(MODULES)
    a1, _ = await pair(server)
    a1.send(
        "<iq type='set' id='s'>"
        f"<query xmlns='{ns.ROSTER}'><item jid='b@localhost' name='B'><group>G</group></item></query></iq>"
    )
    await put(server, "a@localhost", "b@localhost", "subscribe")
    await seen(a1)

    await add(server, "a@localhost", "b@localhost/res")

    push = await a1.expect("iq", type="set")
    assert shown(push) == "push(none+ask) b@localhost"
    query = push.find(ns.ROSTER, "query")
    assert query is not None
    (item,) = query.elements()
    assert item.get("name") == ""
    assert item.children == []


@pytest.mark.parametrize("jid", ["nobody@localhost", "x@nosuch.example", "muc.localhost", "a@localhost"])
async def test_anybody_can_be_a_contact(serve, jid):
    server = await serve(MODULES)
    a1 = await server.online("a", "a1")

    await add(server, "a@localhost", jid)

    assert await seen(a1) == [f"push(none) {jid}"]
    assert await contacts(server, "a@localhost") == {jid: "none/none"}


async def test_unregistered_callers_have_contacts_too(serve):
    server = await serve(MODULES)

    await add(server, "ghost@localhost", "b@localhost")

    assert await contacts(server, "ghost@localhost") == {"b@localhost": "none/none"}


# --- subscription ---------------------------------------------------------------------------------------------


async def test_steps_to_a_mutual_subscription(serve):
    server = await serve(MODULES)
    a1, b1 = await pair(server)
    await add(server, "a@localhost", "b@localhost")
    await add(server, "b@localhost", "a@localhost")
    await seen(a1), await seen(b1)

    await put(server, "a@localhost", "b@localhost", "subscribe")
    assert await seen(a1) == ["push(none+ask) b@localhost"]
    request = await b1.expect("presence", type="subscribe", from_="a@localhost")
    assert request.get("to") in ("b@localhost", "b@localhost/b1")
    await b1.expect_nothing()
    assert await contacts(server, "a@localhost") == {"b@localhost": "none/out"}
    assert await contacts(server, "b@localhost") == {"a@localhost": "none/in"}

    await put(server, "a@localhost", "b@localhost", "invite")
    assert await seen(a1) == ["push(none+ask) b@localhost"]
    assert await seen(b1) == []

    await put(server, "b@localhost", "a@localhost", "subscribed")
    assert await seen(b1) == ["push(from) a@localhost"]
    assert await seen(a1) == ["push(to) b@localhost", "P(subscribed) b@localhost", "P(available) b@localhost"]
    assert await contacts(server, "a@localhost") == {"b@localhost": "to/none"}

    await put(server, "b@localhost", "a@localhost", "subscribe")
    assert await contacts(server, "a@localhost") == {"b@localhost": "to/in"}
    await put(server, "a@localhost", "b@localhost", "accept")
    assert await seen(a1) == ["push(to) b@localhost", "P(subscribe) b@localhost", "push(both) b@localhost"]
    assert await seen(b1) == [
        "push(from+ask) a@localhost", "push(both) a@localhost", "P(subscribed) a@localhost", "P(available) a@localhost",
    ]  # fmt: skip
    assert await contacts(server, "a@localhost") == {"b@localhost": "both/none"}
    assert await contacts(server, "b@localhost") == {"a@localhost": "both/none"}

    for action in ("subscribe", "subscribed"):
        await put(server, "a@localhost", "b@localhost", action)
    assert await seen(a1) == await seen(b1) == []


async def test_request_to_an_offline_stranger_waits_for_his_login(serve):
    server = await serve(MODULES)
    a1 = await server.online("a", "a1")
    await server.register("c")

    await put(server, "a@localhost", "c@localhost", "subscribe")

    assert await seen(a1) == ["push(none+ask) c@localhost"]
    c1 = await server.client("c", "c1")
    roster = await c1.ask("get", f"<query xmlns='{ns.ROSTER}'/>")
    query = roster.find(ns.ROSTER, "query")
    assert query is not None
    assert list(query.elements()) == []
    c1.send("<presence/>")
    await c1.expect("presence", type="subscribe", from_="a@localhost", to="c@localhost")
    await c1.expect("presence", from_="c@localhost/c1")
    await c1.expect_nothing()


# --- set_subscription -----------------------------------------------------------------------------------------


async def test_connect_from_nothing(serve):
    server = await serve(MODULES)
    a1, b1 = await pair(server)

    await put(server, "a@localhost", "b@localhost", "connect", manage=True)

    assert await seen(a1) == [
        "push(none) b@localhost",
        "push(none+ask) b@localhost",
        "push(none+ask) b@localhost",
        "P(subscribe) b@localhost",
        "push(to) b@localhost",
        "P(subscribed) b@localhost",
        "P(available) b@localhost",
        "push(both) b@localhost",
    ]
    assert await seen(b1) == [
        "push(none) a@localhost",
        "P(subscribe) a@localhost",
        "push(none+ask) a@localhost",
        "push(from+ask) a@localhost",
        "push(both) a@localhost",
        "P(subscribed) a@localhost",
        "P(available) a@localhost",
    ]
    a1.send("<presence><show>away</show></presence>")
    await a1.expect("presence", from_="a@localhost/a1")
    assert await seen(b1) == ["P(available) a@localhost"]
    b1.send("<presence><show>away</show></presence>")
    await b1.expect("presence", from_="b@localhost/b1")
    assert await seen(a1) == ["P(available) b@localhost"]


async def test_connect_again_is_one_push_to_each(serve):
    server = await serve(MODULES)
    a1, b1 = await connected(server)

    await put(server, "a@localhost", "b@localhost", "connect", manage=True)

    assert await seen(a1) == ["push(both) b@localhost"]
    assert await seen(b1) == ["push(both) a@localhost"]


async def test_disconnect(serve):
    server = await serve(MODULES)
    a1, b1 = await connected(server)

    await put(server, "a@localhost", "b@localhost", "disconnect", manage=True)

    assert await seen(a1) == ["push(remove) b@localhost", "P(unavailable) b@localhost"]
    assert await seen(b1) == [
        "push(to) a@localhost",
        "P(unsubscribe) a@localhost",
        "push(none) a@localhost",
        "P(unsubscribed) a@localhost",
        "P(unavailable) a@localhost",
        "push(remove) a@localhost",
    ]
    assert await contacts(server, "a@localhost") == await contacts(server, "b@localhost") == {}


async def test_disconnect_of_strangers_is_nothing(serve):
    server = await serve(MODULES)
    a1, b1 = await pair(server)

    await put(server, "a@localhost", "b@localhost", "disconnect", manage=True)

    assert await seen(a1) == await seen(b1) == []


async def test_unregistered_users_are_connected_like_others(serve):
    server = await serve(MODULES)

    await put(server, "ghost@localhost", "spirit@localhost", "connect", manage=True)

    assert await contacts(server, "ghost@localhost") == {"spirit@localhost": "both/none"}
    assert await contacts(server, "spirit@localhost") == {"ghost@localhost": "both/none"}


async def test_contact_at_a_foreign_domain_is_half_connected(serve):
    server = await serve(MODULES)

    await put(server, "a@localhost", "x@nosuch.example", "connect", manage=True)
    assert await contacts(server, "a@localhost") == {"x@nosuch.example": "none/out"}

    await put(server, "a@localhost", "x@nosuch.example", "disconnect", manage=True)
    assert await contacts(server, "a@localhost") == {}


async def test_users_of_two_hosts_are_connected(serve):
    server = await serve(MODULES, hosts=("localhost", "other.example"))

    await put(server, "a@localhost", "b@other.example", "connect", manage=True)

    assert await contacts(server, "a@localhost") == {"b@other.example": "both/none"}
    assert await contacts(server, "b@other.example") == {"a@localhost": "both/none"}


# --- delete_contact, delete_contacts --------------------------------------------------------------------------


async def test_deleted_contact_keeps_an_item_of_none(serve):
    server = await serve(MODULES)
    a1, b1 = await connected(server)

    answer = await server.api.delete("/contacts/a@localhost/b@localhost")

    assert (answer.status, answer.body) == (204, b"")
    assert await seen(a1) == ["push(remove) b@localhost", "P(unavailable) b@localhost"]
    assert await seen(b1) == [
        "push(to) a@localhost",
        "P(unsubscribe) a@localhost",
        "push(none) a@localhost",
        "P(unsubscribed) a@localhost",
        "P(unavailable) a@localhost",
    ]
    assert await contacts(server, "a@localhost") == {}
    assert await contacts(server, "b@localhost") == {"a@localhost": "none/none"}
    again = await server.api.delete("/contacts/a@localhost/b@localhost")
    assert (again.status, again.text) == (404, "contact not found")
    assert (await server.api.delete("/contacts/b@localhost/a@localhost")).status == 204
    assert await seen(b1) == ["push(remove) a@localhost"]


async def test_deletion_of_a_pending_request_does_not_concern_the_contact(serve):
    server = await serve(MODULES)
    a1, b1 = await pair(server)
    await put(server, "a@localhost", "b@localhost", "subscribe")
    await seen(a1), await seen(b1)

    assert (await server.api.delete("/contacts/a@localhost/b@localhost")).status == 204

    assert await seen(a1) == ["push(remove) b@localhost"]
    assert await seen(b1) == []
    assert await contacts(server, "b@localhost") == {"a@localhost": "none/in"}


async def test_several_are_deleted_and_those_that_were_none_come_back(serve):
    server = await serve(MODULES)
    a1 = await server.online("a", "a1")
    for jid in ("b@localhost", "c@localhost", "d@localhost"):
        await add(server, "a@localhost", jid)
    await seen(a1)

    answer = await server.api.delete("/contacts/a@localhost/b@localhost,X@localhost,c@localhost,b@localhost/multiple")

    assert (answer.status, answer.json) == (200, ["X@localhost", "b@localhost"])
    assert await seen(a1) == ["push(remove) b@localhost", "push(remove) c@localhost"]
    body = await server.api.delete("/contacts/a@localhost/_/multiple", json={"jids": ["d@localhost"]})
    assert (body.status, body.json) == (200, [])
    assert await contacts(server, "a@localhost") == {}


async def test_one_invalid_jid_and_nothing_is_deleted(serve):
    server = await serve(MODULES)
    await add(server, "a@localhost", "b@localhost")

    answer = await server.api.delete("/contacts/a@localhost/b@localhost,@bad/multiple")

    assert (answer.status, answer.text) == (400, "Invalid jid: @bad")
    assert await contacts(server, "a@localhost") == {"b@localhost": "none/none"}


# --- refusals -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "text"),
    [
        ("GET", "@invalid", None, 400, "Invalid jid: @invalid"),
        ("GET", "a@nosuch.example", None, 404, "domain not found"),
        ("POST", "a@localhost", {"jid": "@bad"}, 400, "Invalid jid: @bad"),
        ("POST", "@invalid", {"jid": "@bad"}, 400, "Invalid jid: @invalid; Invalid jid: @bad"),
        ("POST", "a@nosuch.example", {"jid": "b@localhost"}, 404, "domain not found"),
        ("PUT", "a@localhost/b@localhost", {"action": "something stupid"}, 400, "invalid action"),
        ("PUT", "a@localhost/b@localhost", {"action": "Subscribe"}, 400, "invalid action"),
        ("PUT", "a@localhost/b@localhost", {"action": "unsubscribe"}, 400, "invalid action"),
        ("PUT", "a@localhost/@bad", {"action": "x"}, 400, "invalid action"),
        ("PUT", "a@localhost/@bad", {"action": "subscribe"}, 400, "Invalid jid: @bad"),
        ("PUT", "a@nosuch.example/b@localhost", {"action": "subscribe"}, 404, "domain not found"),
        ("PUT", "a@localhost/stranger@localhost", {"action": "subscribed"}, 404, "contact not found"),
        ("PUT", "a@localhost/@bad/manage", {"action": "x"}, 400, "Invalid jid: @bad"),
        ("PUT", "a@localhost/b@localhost/manage", {"action": "subscribe"}, 400, "invalid action"),
        ("PUT", "a@nosuch.example/b@localhost/manage", {"action": "connect"}, 404, "domain not found"),
        ("PUT", "a@nosuch.example/b@nosuch.example/manage", {"action": "connect"}, 404, "domain not found"),
        ("DELETE", "@invalid/b@localhost", None, 400, "Invalid jid: @invalid"),
        ("DELETE", "a@localhost/@bad", None, 400, "Invalid jid: @bad"),
        ("DELETE", "a@nosuch.example/b@localhost", None, 404, "domain not found"),
        ("DELETE", "a@localhost/stranger@localhost", None, 404, "contact not found"),
        ("DELETE", "a@localhost/multiple", None, 404, "contact not found"),
        ("DELETE", "a@nosuch.example/b@localhost/multiple", None, 404, "domain not found"),
        ("DELETE", "@invalid/@bad/multiple", None, 400, "Invalid jid: @invalid; Invalid jid: @bad"),
    ],
)
async def test_refused(serve, method, path, body, status, text):
    server = await serve(MODULES)
    await add(server, "a@localhost", "b@localhost")

    answer = await server.api.request(method, f"/contacts/{path}", body)

    assert (answer.status, answer.text) == (status, text)
    assert await contacts(server, "a@localhost") == {"b@localhost": "none/none"}


async def test_without_rosters_the_service_is_not_enabled(serve):
    server = await serve("[modules.mod_commands]")

    answer = await server.api.get("/contacts/a@localhost")

    assert (answer.status, answer.text) == (404, "service not enabled")
