"""A request's arguments and its command (contract/admin-api, sections 4.3, 4.4 and 6.13)."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from mim.admin.body import MAX_BYTES
from tests.admin.conftest import Start, sample
from tests.raw_http import RawConnection

MALFORMED = (400, "The request body is malformed.")
NO_COMMAND = (404, "Bad parameters length.")


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/things", {"host": "h", "name": "n", "secret": "s"}),
        ("/things/h", {"name": "n", "secret": "s"}),
        ("/things?host=h", {"name": "n", "secret": "s"}),
        ("/things/h?name=n&secret=s", {}),
        ("/things?host=h&name=n&secret=s", {}),
    ],
)
async def test_path_body_and_query_make_one_call(start: Start, path: str, body: dict[str, Any]):
    server = await start()

    assert (await server.api.post(path, body)).status == 201
    assert sample(server).calls == [("h", "n", "s")]


@pytest.mark.parametrize(
    ("method", "path", "body", "answer"),
    [
        ("GET", "/things", None, NO_COMMAND),
        ("DELETE", "/things/h", None, NO_COMMAND),
        ("POST", "/things/h", b"{}", NO_COMMAND),
        ("POST", "/things/h", b'{"host":"x","name":"n","secret":"s"}', NO_COMMAND),
        ("POST", "/things/h?zzqq=1", b'{"name":"n","secret":"s"}', NO_COMMAND),
        ("POST", "/things/h?zzqq=1", b'{"name":"n"}', (400, "Invalid number of arguments: should be 3, got 2")),
        ("POST", "/things/h", b'{"name":"n","number":1}', (400, "Invalid number of arguments: should be 3, got 2")),
        ("POST", "/things/h", b'{"name":"n","name":"m"}', (400, "Invalid number of arguments: should be 3, got 2")),
        ("POST", "/things/h", b'{"name":"n","secret":5}', (400, "For secret expected binary, got 5")),
        ("POST", "/things/h", b'{"name":null,"secret":5}', (400, "For name expected binary, got null")),
        ("POST", "/things/h", b'{"name":{"zz":"y"},"secret":""}', (400, 'For name expected binary, got {"zz":"y"}')),
        ("POST", "/things/h", b'{"name":"n","zzqq":"s"}', MALFORMED),
        ("POST", "/things/h", b'{"zzqq":"s"}', MALFORMED),
        ("POST", "/things/h", b"", MALFORMED),
        ("POST", "/things/h", b"[]", MALFORMED),
        ("PUT", "/things/h/x/many", b'{"names":["a"]}', NO_COMMAND),
        ("POST", "/things/h/n/words", b'{"text":"a\\u0007"}', (400, "Invalid text: character not allowed in XML")),
        ("GET", "/kinds/h?before=abc", None, (400, "For before expected integer, got abc")),
        ("GET", "/kinds/h?before", None, (400, "For before expected integer, got ")),
        ("GET", "/kinds/h?share=x", None, (400, "For share expected float, got x")),
        ("GET", "/kinds/h?flag=1", None, (400, "For flag expected boolean, got 1")),
        ("GET", "/kinds/h?before=1&before=x", None, (200, '["h",1,0.5,false,""]')),
        ("GET", "/kinds/h?before=%2B05&share=1&flag=true&with=w", None, (200, '["h",5,1.0,true,"w"]')),
        ("GET", "/kinds/h?with=caf%C3%A9+x", None, (200, '["h",0,0.5,false,"café x"]')),
        ("PUT", "/kinds", b'{"text":"a"}', (201, "a 7")),
        ("PUT", "/kinds", b'{"text":"a","limit":8}', (201, "a 8")),
        ("PUT", "/kinds?limit=9", b'{"text":"a"}', (201, "a 9")),
        ("GET", "/kinds/h", b"{not looked at", (200, '["h",0,0.5,false,""]')),
    ],
)  # fmt: skip
async def test_each_rule_of_merging(start: Start, method: str, path: str, body: bytes | None, answer: tuple[int, str]):
    server = await start()

    got = await server.api.request(method, path, body)

    assert (got.status, got.text) == answer


@pytest.mark.parametrize(
    ("path", "body", "answer"),
    [
        ("/things/h/a/many", None, (200, ["a"])),
        ("/things/h/a,b%2Cc,d%40e/many", None, (200, ["a", "b,c", "d@e"])),
        ("/things/h/a,/many", None, (200, ["a", ""])),
        ("/things/h/x/many", b'{"names":["a"]}', (200, ["x"])),
        ("/things/h/_,a/many", None, (200, ["_", "a"])),
        ("/things/h/_/many", b'{"names":["a","b"]}', (200, ["a", "b"])),
        ("/things/h/_/many", b'{"names":[]}', (200, [])),
        ("/things/h/_/many", b'{"names":["a"],"names":["b"]}', (200, ["a"])),
        ("/things/h/_/many", b'{"names":"a"}', (400, "For names expected [binary], got a")),
        ("/things/h/_/many", b'{"names":["a",1]}', (400, 'For names expected [binary], got ["a",1]')),
        ("/things/h/_/many", b'{"name":["a"]}', MALFORMED),
        ("/things/h/_/many", b'{"names":["a"],"zzqq":1}', MALFORMED),
        ("/things/h/_/many", b"{}", MALFORMED),
        ("/things/h/_/many", b"[]", MALFORMED),
        ("/things/h/_/many", None, MALFORMED),
    ],
)
async def test_a_list_in_the_path(start: Start, path: str, body: bytes | None, answer: tuple[int, Any]):
    server = await start()

    got = await server.api.request("DELETE", path, body)

    assert (got.status, got.json if got.status == 200 else got.text) == answer


HEAD = b"POST /api/things/h HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"


async def test_a_body_over_the_limit_is_413(start: Start):
    server = await start()
    body = json.dumps({"name": "n", "secret": "s" * (MAX_BYTES - 27)}).encode()
    assert len(body) == MAX_BYTES

    async with RawConnection(server.http_port) as connection:
        connection.send(HEAD + b"Content-Length: %d\r\n\r\n" % len(body) + body)
        assert (await connection.answer()).status == 201
        connection.send(HEAD + b"Content-Length: %d\r\n\r\n" % (len(body) + 1))
        answer = await connection.answer()

    assert (answer.status, answer.text) == (413, "The request body is too large.")


@pytest.mark.parametrize("rest", [b"zz\r\n", b"1\r\n{\r\nzz\r\n", b"1\r\n{\r\n0\r\n\r\n"])
async def test_a_body_that_breaks_is_malformed(start: Start, rest: bytes):
    server = await start()

    async with RawConnection(server.http_port) as connection:
        connection.send(HEAD + b"Transfer-Encoding: chunked\r\nExpect: 100-continue\r\n\r\n")
        assert (await connection.answer()).status == 100
        connection.send(rest)
        answer = await connection.answer()

    assert (answer.status, answer.text) == MALFORMED


async def test_a_body_that_does_not_come_is_malformed(start: Start, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("mim.net.http_connection.BODY_SECONDS", 0.05)
    server = await start()

    async with RawConnection(server.http_port) as connection:
        connection.send(HEAD + b"Content-Length: 10\r\n\r\n{")
        answer = await connection.answer()
        await connection.closed()

    assert (answer.status, answer.text) == MALFORMED


@pytest.mark.parametrize(
    ("content_type", "status"),
    [
        ("application/json", 201),
        ("Application/JSON; charset=utf-8", 201),
        ("application/json;charset=latin-1; x", 201),
        ("text/plain", 415),
        ("application/json5", 415),
        ("application/x-www-form-urlencoded", 415),
        ("json", 415),
        ("", 415),
    ],
)
async def test_bodies_are_json_by_their_content_type(start: Start, content_type: str, status: int):
    server = await start()

    answer = await server.api.post("/things/h?name=n&secret=s", {}, headers={"Content-Type": content_type})

    assert answer.status == status
    if status == 415:
        assert answer.body == b""


async def test_a_packed_body_is_415(start: Start):
    server = await start()

    assert (await server.api.post("/things/h", b"x", headers={"Content-Encoding": "gzip"})).status == 415


@pytest.mark.parametrize(
    ("accept", "status"),
    [
        ("application/json", 200),
        ("application/json;charset=utf-8", 200),
        ("application/json;q=0.5, text/html", 200),
        ("APPLICATION/*", 200),
        ("text/html, */*;q=0.1", 200),
        ("*/*", 200),
        ('text/html;level="1,2;3", application/json', 200),
        ("text/html", 406),
        ("application/xml", 406),
        ("application/json;q=0", 406),
        ("*/*, application/json;q=0", 406),
        ("", 406),
        ("json", 400),
        ("application/", 400),
        ("application/json;q=2", 400),
        ("application/json;q=x", 400),
        ("a/b c/d", 400),
        (",;=", 400),
    ],
)
async def test_accept_has_to_admit_json(start: Start, accept: str, status: int):
    server = await start()

    answer = await server.api.get("/things/h", headers={"Accept": accept})

    assert answer.status == status
    if status != 200:
        assert answer.body == b""


async def test_conditions_are_ignored(start: Start):
    server = await start()

    answer = await server.api.get("/things/h", headers={"If-None-Match": '"x"', "If-Match": '"y"'})

    assert answer.status == 200


@pytest.mark.parametrize("path", ["/answers", "/things/h/_/many"])
async def test_a_command_that_is_gone_when_the_body_has_come_is_404(start: Start, path: str):
    server = await start()
    method = b"POST" if path == "/answers" else b"DELETE"
    body = b'{"text":"a"}' if path == "/answers" else b'{"names":["a"]}'
    async with RawConnection(server.http_port) as connection:
        connection.send(
            b"%s /api%s HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nExpect: 100-continue\r\n"
            b"Content-Length: %d\r\n\r\n" % (method, path.encode(), len(body))
        )
        assert (await connection.answer()).status == 100

        await server.stop_module("mod_sample")
        connection.send(body)

        answer = await connection.answer()
        assert (answer.status, answer.text) == (404, "")


async def test_calls_wait_for_their_command_without_holding_others(start: Start):
    server = await start()
    waiting = asyncio.create_task(server.api.post("/answers", {"text": "done"}))
    await sample(server).entered.wait()

    assert (await server.api.get("/things/h")).status == 200
    sample(server).go_on.set()

    assert (await waiting).text == "done"
