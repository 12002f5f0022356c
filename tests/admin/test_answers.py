"""Results, refusals and faults as answers (contract/admin-api, section 5)."""

from __future__ import annotations

import logging
from urllib.parse import unquote, urlsplit

import pytest

from tests.admin.conftest import Start
from tests.raw_http import RawConnection, exchange


async def test_a_value_read_or_deleted_is_a_json_document(start: Start):
    server = await start()

    for answer in (await server.api.get("/things/żółć"), await server.api.delete("/answers/four")):
        assert answer.status == 200
        assert answer.headers["Content-Type"] == "application/json"
    assert (await server.api.get("/things/żółć")).text == '["żółć"]'
    assert (await server.api.delete("/answers/four")).json == 4


async def test_nothing_is_204_without_a_body(start: Start):
    server = await start()

    for answer in (
        await server.api.post("/things/h/n/words", {"text": "x"}),
        await server.api.put("/things/h/n", {"secret": "x"}),
        await server.api.delete("/things/h/n"),
    ):
        assert (answer.status, answer.body) == (204, b"")
        assert "Content-Length" not in answer.headers
        assert "Content-Type" not in answer.headers


async def test_a_value_created_is_201_with_bare_text_and_an_address(start: Start):
    server = await start()

    answer = await server.api.post("/rooms/localhost/?zz=1", {}, headers={"Host": "localhost:8088"})
    assert answer.status == 400
    answer = await server.api.post("/rooms/local%68ost/?name=a%20%C5%BC/%22", {}, headers={"Host": "localhost:8088"})

    assert (answer.status, answer.text) == (201, 'a ż/"')
    assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert answer.headers["Location"] == "http://localhost:8088/api/rooms/localhost/a%20%C5%BC%2F%22"


async def test_the_address_is_what_the_command_says_where_it_says_so(start: Start):
    server = await start()

    for path, body in [
        ("/things", {"host": "H", "name": "n/ż", "secret": ""}),
        ("/things/H", {"name": "n/ż", "secret": ""}),
    ]:
        answer = await server.api.post(path, body, headers={"Host": "localhost"})
        assert answer.text == "Thing n/ż made"
        assert answer.headers["Location"] == "http://localhost/api/things/H/n%2F%C5%BC"


async def test_the_address_has_the_port_only_when_it_is_not_the_usual_one(start: Start):
    server = await start()

    async def location(request: bytes) -> str:
        head = b"\r\nContent-Type: application/json\r\nContent-Length: 12\r\n\r\n"
        return (await exchange(server.http_port, request + head + b'{"name":"n"}')).headers["location"]

    assert await location(b"POST /api/rooms/h HTTP/1.1\r\nHost: a:80") == "http://a/api/rooms/h/n"
    assert await location(b"POST /api/rooms/h HTTP/1.1\r\nHost: a:81") == "http://a:81/api/rooms/h/n"
    assert await location(b"POST http://b:5/api/rooms/h HTTP/1.1\r\nHost: a:81") == "http://b:5/api/rooms/h/n"
    nameless = await location(b"POST /api/rooms/h HTTP/1.0")
    assert nameless == f"http://127.0.0.1:{server.http_port}/api/rooms/h/n"


async def test_a_value_updated_is_201_without_an_address(start: Start):
    server = await start()

    answer = await server.api.put("/things/h/name", {"name": "ż"})

    assert (answer.status, answer.text) == (201, "ż")
    assert "Location" not in answer.headers
    assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"


@pytest.mark.parametrize(
    ("kind", "status", "text"),
    [
        ("bad", 400, "no such thing"),
        ("denied", 403, "not allowed"),
        ("missing", 404, "thing not found"),
        ("conflict", 409, "taken"),
        ("limit", 429, "later"),
        ("unknown", 501, "not here"),
        ("away", 503, "store does not answer"),
        ("fault", 500, "Can't do it"),
        ("silent", 403, ""),
        ("crash", 500, "internal server error"),
    ],
)
async def test_each_kind_of_refusal_has_its_status_and_its_own_words(
    start: Start, kind: str, status: int, text: str, caplog: pytest.LogCaptureFixture
):
    server = await start()

    with caplog.at_level(logging.ERROR):
        answer = await server.api.get(f"/answers/{kind}", headers={"Accept": "text/html, */*"})

    assert (answer.status, answer.text) == (status, text)
    if text:
        assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert ("a secret of the server" in caplog.text) is (kind == "crash")


@pytest.mark.parametrize("kind", ["none", "text", "deep"])
async def test_a_result_that_is_not_what_was_declared_is_a_fault(
    start: Start, kind: str, caplog: pytest.LogCaptureFixture
):
    server = await start()

    answer = await server.api.get(f"/answers/{kind}/broken")

    assert (answer.status, answer.text) == (500, "internal server error")
    assert "break_promise" in caplog.text
    assert (await server.api.get("/answers/fine/broken")).json == [{"a": 1}]


async def test_a_connection_goes_on_after_refusals(start: Start):
    server = await start()

    async with RawConnection(server.http_port) as connection:
        for method, path, status in [
            ("GET", "/nothing", 404),
            ("HEAD", "/things/h", 405),
            ("GET", "/answers/crash", 500),
            ("POST", "/things/h", 415),
            ("GET", "/things/h", 200),
        ]:
            connection.send(f"{method} /api{path} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
            assert (await connection.answer(method)).status == status


async def test_addresses_of_all_kinds_of_names_lead_back(start: Start):
    server = await start()

    for name in ("a b", "a+b", "ż", "%", "?", "#", "a/b", "'\"<>", "@:;"):
        answer = await server.api.post("/rooms/h", {"name": name})
        path = urlsplit(answer.headers["Location"]).path
        assert unquote(path) == f"/api/rooms/h/{name}"
        assert answer.headers["Location"].isascii()
