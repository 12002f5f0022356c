"""From a path to a route (contract/admin-api, sections 4.1 and 4.2)."""

from __future__ import annotations

import pytest

from tests.admin.conftest import CREDENTIALS, Start, sample
from tests.raw_http import exchange

THINGS = {"GET", "POST", "PUT", "DELETE", "OPTIONS"}


@pytest.mark.parametrize(
    ("path", "first"),
    [
        ("/things/localhost", "localhost"),
        ("/things/localhost/", "localhost"),
        ("/%74hings/%6Cocalhost", "localhost"),
        ("/things/a+b", "a+b"),
        ("/things/a%2Fb", "a/b"),
        ("/things/za%C5%BC", "zaż"),
        ("/x/../things/b", "b"),
        ("/./things/./b/.", "b"),
        ("/../api/things/b", "b"),
        ("/things/b?zzqq=1&limit=2", "b"),
        ("/things/b?host=other", "b"),
    ],
)
async def test_a_path_leads_to_its_command(start: Start, path: str, first: str):
    server = await start()

    answer = await server.api.get(path)

    assert (answer.status, answer.json) == (200, [first])


@pytest.mark.parametrize(
    "path",
    [
        "/isitthereornot",
        "",
        "/",
        "/Things/x",
        "//things/x",
        "/things//x",
        "/things/x//",
        "/things/a/b/c/d",
        "/rooms",
        "/docs/x",
    ],
)
@pytest.mark.parametrize("method", ["GET", "OPTIONS", "PATCH", "POST"])
async def test_an_unknown_path_is_404_without_a_body_before_anything_is_asked(start: Start, path: str, method: str):
    server = await start(admin=CREDENTIALS)

    answer = await server.api.request(method, path)

    assert (answer.status, answer.body) == (404, b"")
    assert "WWW-Authenticate" not in answer.headers


@pytest.mark.parametrize(
    "path", ["/things/a%zz", "/things/%", "/things/%ff", "/nothing/%zz", "/things/x?a=%zz", "/things/x?a=%ff"]
)
async def test_a_bad_escape_is_400_without_a_body(start: Start, path: str):
    server = await start()

    answer = await exchange(server.http_port, f"GET /api{path} HTTP/1.1\r\nHost: a\r\n\r\n".encode())

    assert (answer.status, answer.body) == (400, b"")


@pytest.mark.parametrize("method", ["HEAD", "PATCH", "TRACE"])
async def test_methods_that_no_command_has_are_not_allowed(start: Start, method: str):
    server = await start(admin=CREDENTIALS)

    answer = await server.api.request(method, "/things/localhost")

    assert (answer.status, answer.body) == (405, b"")
    assert set(answer.headers["Allow"].split(", ")) == THINGS


async def test_allowed_are_the_methods_of_the_whole_category(start: Start):
    server = await start()

    answer = await server.api.put("/rooms/localhost", {"name": "x"})

    assert answer.status == 405
    assert set(answer.headers["Allow"].split(", ")) == {"OPTIONS", "POST"}


@pytest.mark.parametrize("method", ["LINK", "PROPFIND", "FOO", "get"])
async def test_a_verb_nobody_knows_is_501(start: Start, method: str):
    server = await start(admin=CREDENTIALS)

    answer = await exchange(server.http_port, f"{method} /api/things/x HTTP/1.1\r\nHost: a\r\n\r\n".encode())

    assert (answer.status, answer.body) == (501, b"")


async def test_a_literal_segment_beats_a_binding(start: Start):
    server = await start()

    answer = await server.api.post("/things/h/n/words", {"text": "hello"})

    assert answer.status == 204
    assert sample(server).calls == [("h", "n", "hello")]


async def test_a_literal_without_a_command_for_the_method_is_a_binding(start: Start):
    server = await start()

    assert (await server.api.delete("/things/h/n/words")).status == 204
    assert (await server.api.delete("/things/h/many")).status == 204

    assert sample(server).calls == [("h", "n", "words"), ("h", "many")]


async def test_a_literal_that_no_binding_can_replace_stays_one(start: Start):
    server = await start()

    answer = await server.api.get("/things/h/name")

    assert (answer.status, answer.text) == (404, "Bad parameters length.")


async def test_each_method_binds_by_the_names_of_its_own_command(start: Start):
    server = await start()

    # PUT calls the second one "name", DELETE "thing"; POST has no command at this path and takes the first's names.
    assert (await server.api.put("/things/h/n", {"secret": "s"})).status == 204
    assert (await server.api.delete("/things/h/n")).status == 204
    assert sample(server).calls == [("h", "n", "s"), ("h", "n")]
    answer = await server.api.post("/things/h/n", {"text": "x"})
    assert (answer.status, answer.text) == (400, "Invalid number of arguments: should be 3, got 2")


@pytest.mark.parametrize(
    ("method", "path", "headers", "status"),
    [
        ("GET", "/nothing%zz", {}, 400),
        ("FOO", "/nothing", {}, 501),
        ("LINK", "/nothing", {}, 404),
        ("LINK", "/things/x", {}, 501),
        ("PATCH", "/things/x", {}, 405),
        ("OPTIONS", "/things/x", {"Accept": "text/html"}, 200),
        ("POST", "/things/x", {"Authorization": "rubbish", "Accept": "text/html"}, 400),
        ("POST", "/things/x", {"Accept": "text/html"}, 401),
        ("POST", "/things/x", {"Authorization": "Basic YWxhOm1ha290YQ==", "Accept": "text/html"}, 406),
        ("POST", "/things/x", {"Authorization": "Basic YWxhOm1ha290YQ==", "Accept": ";"}, 400),
        ("POST", "/things/x", {"Authorization": "Basic YWxhOm1ha290YQ=="}, 415),
    ],
)
async def test_checks_come_in_their_order(start: Start, method: str, path: str, headers: dict[str, str], status: int):
    server = await start(admin=CREDENTIALS)
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())

    answer = await exchange(server.http_port, f"{method} /api{path} HTTP/1.1\r\nHost: a\r\n{lines}\r\n".encode())

    assert (answer.status, answer.body) == (status, b"")
