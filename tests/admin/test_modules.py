"""Commands, routes and document follow the modules at once (contract/admin-api, sections 2 and 5.3)."""

from __future__ import annotations

from tests.admin.conftest import Start
from tests.harness import Server
from tests.raw_http import RawConnection

LIST = b"GET /api/commands HTTP/1.1\r\nHost: a\r\n\r\n"


async def names(server: Server) -> set[str]:
    return {entry["name"] for entry in (await server.api.get("/commands")).json}


async def documented(server: Server) -> set[str]:
    paths = (await server.api.get("/openapi.json")).json["paths"]
    return {operation.get("operationId") for operations in paths.values() for operation in operations.values()} - {None}


async def test_the_listing_is_sorted_and_has_seven_fields(start: Start):
    server = await start()

    listing = (await server.api.get("/commands")).json

    assert listing == sorted(listing, key=lambda entry: (entry["path"], entry["method"], entry["name"]))
    assert {frozenset(entry) for entry in listing} == {
        frozenset({"path", "method", "args", "category", "name", "desc", "action"})
    }
    assert next(entry for entry in listing if entry["name"] == "remove_many") == {
        "path": "/things/:host/:names/many",
        "method": "DELETE",
        "args": {"host": "binary", "names": "[binary]"},
        "category": "things",
        "name": "remove_many",
        "desc": "Remove many",
        "action": "delete",
    }


async def test_a_stopped_module_takes_its_commands_routes_and_documents_with_it(start: Start):
    server = await start()
    assert "list_things" in await names(server)
    assert await documented(server) == await names(server)

    await server.stop_module("mod_sample")

    assert await names(server) == {"list_methods", "list_others"}
    assert await documented(server) == {"list_methods", "list_others"}
    assert (await server.api.get("/things/h")).status == 404
    await server.start_module("mod_sample")
    assert "list_things" in await names(server)
    assert await documented(server) == await names(server)
    assert (await server.api.get("/things/h")).status == 200


async def test_other_modules_keep_working_and_open_connections_see_the_change(start: Start):
    server = await start()

    async with RawConnection(server.http_port) as connection:
        connection.send(LIST)
        assert (await connection.answer()).status == 200
        await server.stop_module("mod_other")
        for method in (b"GET", b"OPTIONS"):
            connection.send(LIST.replace(b"GET", method, 1))
            answer = await connection.answer()
            assert (answer.status, answer.body) == (404, b"")
        assert (await server.api.get("/things/h")).status == 200
        await server.start_module("mod_other")
        connection.send(LIST)
        assert (await connection.answer()).status == 200


async def test_names_of_arguments_go_with_their_module(start: Start):
    server = await start()
    extra = {"name": "n", "secret": "s", "share": 1}

    assert (await server.api.post("/things/h", extra)).text == "Bad parameters length."
    await server.stop_module("mod_sample")
    assert (await server.api.post("/things/h", extra)).status == 404


async def test_without_any_module_nothing_is_there_but_the_documents(start: Start):
    server = await start("")

    assert (await server.api.get("/commands")).status == 404
    assert (await server.api.get("/openapi.json")).json["paths"] == {}
    assert (await server.api.get("/docs")).status == 200
