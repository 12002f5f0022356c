"""Accounts over the admin API (admin-api, section 6.1 to 6.5, and what clients see of it, section 7)."""

from __future__ import annotations

import pytest

from tests.client import Client, StreamClosed
from tests.harness import PASSWORD
from tests.plugins.shorthand import seen, shown

MODULES = "[modules.mod_commands]\n"


async def test_the_commands_of_the_module_are_listed(serve):
    server = await serve(MODULES)

    answer = await server.api.get("/commands")

    assert answer.status == 200
    assert [(entry["name"], entry["method"], entry["path"]) for entry in answer.json] == [
        ("list_methods", "GET", "/commands"),
        ("add_contact", "POST", "/contacts"),
        ("list_contacts", "GET", "/contacts/:caller"),
        ("delete_contact", "DELETE", "/contacts/:caller/:jid"),
        ("subscription", "PUT", "/contacts/:caller/:jid"),
        ("set_subscription", "PUT", "/contacts/:caller/:jid/manage"),
        ("delete_contacts", "DELETE", "/contacts/:caller/:jids/multiple"),
        ("send_message", "POST", "/messages"),
        ("get_last_messages_with_everybody", "GET", "/messages/:caller"),
        ("get_last_messages", "GET", "/messages/:caller/:with"),
        ("list_sessions", "GET", "/sessions/:host"),
        ("kick_user", "DELETE", "/sessions/:host/:user/:res"),
        ("send_stanza", "POST", "/stanzas"),
        ("register_user", "POST", "/users"),
        ("list_users", "GET", "/users/:host"),
        ("unregister_user", "DELETE", "/users/:host/:user"),
        ("change_password", "PUT", "/users/:host/:user"),
    ]
    assert answer.json[1] == {
        "path": "/contacts",
        "method": "POST",
        "args": {"caller": "binary", "jid": "binary"},
        "category": "contacts",
        "name": "add_contact",
        "desc": "Add a contact to roster",
        "action": "create",
    }
    assert answer.json[6]["args"] == {"caller": "binary", "jids": "[binary]"}
    assert answer.json[9]["args"] == {"caller": "binary", "with": "binary"}


async def test_stopped_module_takes_its_commands_away_at_once(serve):
    server = await serve(MODULES)

    assert (await server.api.get("/commands")).status == 200
    await server.stop_module("mod_commands")
    assert (await server.api.get("/commands")).status == 404
    await server.start_module("mod_commands")
    assert (await server.api.get("/commands")).status == 200


# --- list_users -----------------------------------------------------------------------------------------------


async def test_users_are_listed_sorted_by_their_names_bytes(serve):
    server = await serve(MODULES)
    await server.register("b", "a", "ż", "a-b", "a1")

    answer = await server.api.get("/users/localhost")

    assert answer.status == 200
    assert answer.json == ["a@localhost", "a-b@localhost", "a1@localhost", "b@localhost", "ż@localhost"]
    assert (await server.api.get("/users/LOCALHOST")).json == answer.json


@pytest.mark.parametrize("host", ["nosuch.example", "muc.localhost", "not%20a%20domain"])
async def test_unknown_domain_has_no_users(serve, host):
    server = await serve(MODULES)

    answer = await server.api.get(f"/users/{host}")

    assert (answer.status, answer.json) == (200, [])


async def test_command_acts_on_every_served_domain(serve):
    server = await serve(MODULES, hosts=("localhost", "other.example"))

    created = await server.api.post("/users/other.example", {"username": "mike", "password": "x"})

    assert created.text == "User mike@other.example successfully registered"
    assert (await server.api.get("/users/other.example")).json == ["mike@other.example"]
    assert (await server.api.get("/users/localhost")).json == []


# --- register_user --------------------------------------------------------------------------------------------


async def test_registered_user_can_log_in(serve):
    server = await serve(MODULES)

    answer = await server.api.post("/users/localhost", {"username": "mike", "password": "nicniema"})

    assert (answer.status, answer.text) == (201, "User mike@localhost successfully registered")
    assert answer.headers["Location"].endswith("/api/users/localhost/mike")
    async with Client(server.port) as mike:
        await mike.login("mike", "nicniema")


async def test_user_can_be_registered_at_the_listed_path_too(serve):
    server = await serve(MODULES)

    answer = await server.api.post("/users", {"host": "localhost", "username": "mike", "password": "x"})

    assert answer.status == 201
    assert answer.headers["Location"].endswith("/api/users/localhost/mike")


async def test_existing_user_is_not_registered_again(serve):
    server = await serve(MODULES)
    await server.register("mike")

    answer = await server.api.post("/users/localhost", {"username": "MIKE", "password": "other"})

    assert answer.status == 403
    assert answer.text == "User mike@localhost already registered at node mongooseim@localhost"
    async with Client(server.port) as mike:
        await mike.login("mike", PASSWORD)


@pytest.mark.parametrize(
    ("host", "username", "password", "status", "text"),
    [
        ("localhost", "m@ke", "x", 400, "Invalid jid: m@ke@localhost"),
        ("localhost", "a b", "x", 400, "Invalid jid: a b@localhost"),
        ("localhost", "a/b", "x", 400, "Invalid jid: a/b@localhost"),
        ("localhost", "x" * 1024, "x", 400, f"Invalid jid: {'x' * 1024}@localhost"),
        ("a b", "mike", "x", 400, "Invalid jid: mike@a b"),
        ("localhost", "", "x", 400, "Invalid jid: @localhost"),
        ("localhost", "mike", "", 400, "empty password"),
        ("localhost", "mike", "a\u0007", 400, "invalid password"),
        ("nosuch.example", "mike", "x", 404, "domain not found"),
        ("muc.localhost", "mike", "x", 404, "domain not found"),
        # The order of the checks: JID, password, domain, existence.
        ("nosuch.example", "m@ke", "", 400, "Invalid jid: m@ke@nosuch.example"),
        ("nosuch.example", "mike", "", 400, "empty password"),
        ("localhost", "taken", "", 400, "empty password"),
    ],
)
async def test_refused_registration(serve, host, username, password, status, text):
    server = await serve(MODULES)
    await server.register("taken")

    answer = await server.api.post("/users", {"host": host, "username": username, "password": password})

    assert (answer.status, answer.text) == (status, text)
    assert (await server.api.get("/users/localhost")).json == ["taken@localhost"]


# --- unregister_user ------------------------------------------------------------------------------------------


async def test_removed_user_is_gone_and_the_name_is_free(serve):
    server = await serve(MODULES)
    mike = await server.online("mike")

    answer = await server.api.delete("/users/localhost/mike")

    assert (answer.status, answer.body) == (204, b"")
    error = await mike.stream_error()
    assert error.find("urn:ietf:params:xml:ns:xmpp-streams", "conflict") is not None
    assert error.child_text("urn:ietf:params:xml:ns:xmpp-streams", "text") == "User removed"
    assert (await server.api.get("/users/localhost")).json == []
    assert (await server.api.post("/users/localhost", {"username": "mike", "password": "x"})).status == 201


async def test_removal_ends_sessions_without_presence_too(serve):
    server = await serve(MODULES)
    silent = await server.client("mike")

    await server.api.delete("/users/localhost/mike")

    await silent.stream_error()
    assert (await server.api.get("/sessions/localhost")).json == []


@pytest.mark.parametrize(
    ("path", "status", "text"),
    [
        ("localhost/nobody", 403, "User does not exist or you are not authorised properly"),
        ("nosuch.example/mike", 403, "User does not exist or you are not authorised properly"),
        ("localhost/%40mike", 400, "Invalid jid: @mike@localhost"),
        ("localhost/a%20b", 400, "Invalid jid: a b@localhost"),
    ],
)
async def test_refused_removal(serve, path, status, text):
    server = await serve(MODULES)
    await server.register("mike")

    answer = await server.api.delete(f"/users/{path}")

    assert (answer.status, answer.text) == (status, text)


async def test_contacts_of_a_removed_user_are_told(serve):
    server = await serve(MODULES + "[modules.mod_roster]\n")
    a1, b1 = await server.online("a", "a1"), await server.online("b", "b1")
    await server.api.put("/contacts/a@localhost/b@localhost/manage", {"action": "connect"})
    await seen(a1), await seen(b1)

    assert (await server.api.delete("/users/localhost/a")).status == 204

    assert await seen(b1) == [
        "push(to) a@localhost",
        "P(unsubscribe) a@localhost",
        "push(none) a@localhost",
        "P(unsubscribed) a@localhost",
        "P(unavailable) a@localhost",
    ]
    assert [shown(stanza) async for stanza in until_the_end(a1)] == ["P(unavailable) b@localhost"]
    assert (await server.api.get("/contacts/a@localhost")).json == []
    assert (await server.api.get("/contacts/b@localhost")).json == [
        {"jid": "a@localhost", "subscription": "none", "ask": "none"}
    ]


async def until_the_end(client):
    """Yield what a client is sent before its stream ends with an error."""
    while True:
        try:
            yield await client.next()
        except StreamClosed:
            return


async def test_what_was_stored_of_a_removed_user_is_gone_but_not_at_his_peers(serve):
    server = await serve(
        MODULES + "[modules.mod_roster]\n[modules.mod_offline]\n[modules.mod_mam_meta]\n[modules.mod_mam_meta.pm]\n"
    )
    await server.register("a", "b")
    await server.api.post("/contacts", {"caller": "a@localhost", "jid": "b@localhost"})
    await server.api.post("/messages", {"caller": "b@localhost", "to": "a@localhost", "body": "hi"})

    assert (await server.api.delete("/users/localhost/a")).status == 204

    assert (await server.api.get("/messages/a@localhost")).json == []
    assert [message["body"] for message in (await server.api.get("/messages/b@localhost")).json] == ["hi"]
    assert (await server.api.get("/contacts/a@localhost")).json == []
    again = await server.client("a", "a1")
    again.send("<presence/>")
    assert shown(await again.next()) == "P(available) a@localhost"
    await again.expect_nothing()


# --- change_password ------------------------------------------------------------------------------------------


async def test_changed_password_is_the_only_one_that_works(serve):
    server = await serve(MODULES)
    mike = await server.online("mike")

    answer = await server.api.put("/users/localhost/mike", {"newpass": "niemanic"})

    assert (answer.status, answer.body) == (204, b"")
    await mike.expect_nothing()  # open sessions stay
    async with Client(server.port) as again:
        await again.login("mike", "niemanic", "r2")
    async with Client(server.port) as refused:
        with pytest.raises(PermissionError):
            await refused.login("mike", PASSWORD)


@pytest.mark.parametrize(
    ("path", "password", "status", "text"),
    [
        ("localhost/mike", "", 400, "empty password"),
        ("localhost/%40mike", "", 400, "empty password"),
        ("localhost/%40mike", "x", 400, "invalid jid"),
        ("localhost/mike", "a\u0007", 400, "invalid password"),
        ("localhost/nobody", "x", 403, "password change not allowed"),
        ("nosuch.example/mike", "x", 403, "password change not allowed"),
    ],
)
async def test_refused_password_change(serve, path, password, status, text):
    server = await serve(MODULES)
    await server.register("mike")

    answer = await server.api.put(f"/users/{path}", {"newpass": password})

    assert (answer.status, answer.text) == (status, text)
    async with Client(server.port) as mike:
        await mike.login("mike", PASSWORD)
