"""Whatever is sent, the answer is below 500 and the server goes on (contract/admin-api, sections 4.4 and 6.26)."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.admin.conftest import Start
from tests.harness import Server
from tests.raw_http import RawConnection, exchange

MODULES = "[modules.mod_sample]\n[modules.mod_other]\n[modules.mod_commands]"
METHODS = ["GET", "POST", "PUT", "DELETE", "OPTIONS", "HEAD", "PATCH", "TRACE", "LINK"]
ROUTES = [
    "/commands",
    "/users",
    "/users/localhost",
    "/users/localhost/alice",
    "/sessions/localhost",
    "/sessions/localhost/a/b",
    "/messages",
    "/messages/a@localhost",
    "/messages/a@localhost/b@localhost",
    "/stanzas",
    "/contacts",
    "/contacts/a@localhost",
    "/contacts/a@localhost/b@localhost",
    "/contacts/a@localhost/b@localhost/manage",
    "/contacts/a@localhost/_/multiple",
    "/things",
    "/things/h",
    "/things/h/n",
    "/things/h/n/words",
    "/things/h/_/many",
    "/things/h/name",
    "/rooms/h",
    "/kinds",
    "/kinds/h",
    "/openapi.json",
    "/docs",
    "/docs/start.js",
]
NAMES = [
    "host",
    "username",
    "password",
    "user",
    "newpass",
    "res",
    "caller",
    "jid",
    "action",
    "jids",
    "to",
    "body",
    "stanza",
    "before",
    "limit",
    "with",
    "name",
    "secret",
    "text",
    "names",
    "number",
    "share",
    "flag",
    "words",
]

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
segments = texts | st.sampled_from(
    ["localhost", "a@localhost", "a@localhost/r", ".", "..", "_", "", "%", "@", "a@b@c", "\0"]
)
scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | texts
    | st.sampled_from(["a@localhost", "<message/>", "5"])
)
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3), max_leaves=6
)
paths = st.sampled_from(ROUTES) | st.lists(segments, max_size=5).map(
    lambda parts: "/" + "/".join(quote(p, safe="") for p in parts)
)
bodies = (
    st.dictionaries(st.sampled_from(NAMES) | texts, values, max_size=6).map(json.dumps) | values.map(json.dumps) | texts
)
queries = st.lists(st.tuples(st.sampled_from(NAMES) | texts, texts), max_size=4).map(
    lambda pairs: "&".join(f"{quote(name)}={quote(value)}" for name, value in pairs)
)
lines = st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=40)


@pytest.fixture
async def server(start: Start) -> Server:
    return await start(MODULES)


many = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


async def is_alive(server: Server) -> bool:
    return (await exchange(server.http_port, b"GET /api/things/h HTTP/1.1\r\nHost: a\r\n\r\n")).status == 200


async def ask(server: Server, method: str, path: str, headers: dict[str, str], body: bytes) -> Any:
    head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    data = f"{method} {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n{head}\r\n".encode() + body
    return await exchange(server.http_port, data, method)


@many
@given(st.sampled_from(METHODS), paths, queries, bodies)
async def test_any_request_is_answered_below_500(server: Server, method: str, path: str, query: str, body: str):
    answer = await ask(server, method, f"/api{path}?{query}", {"Content-Type": "application/json"}, body.encode())

    assert answer.status < 500 or (answer.status == 501 and method == "LINK"), answer
    assert b"Traceback" not in answer.body
    assert await is_alive(server)


@many
@given(
    st.sampled_from([*METHODS, ""]),
    st.text(max_size=60),
    st.dictionaries(
        st.sampled_from(
            ["Accept", "Content-Type", "Authorization", "Origin", "Expect", "Content-Encoding", "Accept-Encoding"]
        ),
        lines,
    ),
)
async def test_any_target_and_headers_are_answered_below_500(
    server: Server, method: str, target: str, headers: dict[str, str]
):
    data = f"{method} {target} HTTP/1.1\r\nHost: localhost\r\n".encode(errors="surrogatepass")
    data += "".join(f"{name}: {value}\r\n" for name, value in headers.items()).encode() + b"\r\n"
    async with RawConnection(server.http_port) as connection:
        connection.send(data)
        connection.writer.write_eof()
        received = await connection.closed()

    assert received == b"" or received.split(b" ", 2)[1] < b"500" or received.split(b" ", 2)[1] == b"501"
    assert await is_alive(server)


@many
@given(
    st.binary(max_size=200),
    st.sampled_from([b"", b"POST /api/things/h HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"]),
)
async def test_any_bytes_are_survived(server: Server, data: bytes, head: bytes):
    async with RawConnection(server.http_port) as connection:
        connection.send(head + data)
        connection.writer.write_eof()
        received = await connection.closed()

    assert b"Traceback" not in received
    assert await is_alive(server)


@many
@given(st.sampled_from(["POST", "PUT"]), st.sampled_from(ROUTES), st.binary(max_size=100))
async def test_any_body_is_answered_below_500(server: Server, method: str, path: str, body: bytes):
    answer = await ask(server, method, f"/api{path}", {"Content-Type": "application/json"}, body)

    assert answer.status < 500
    assert answer.status >= 400 or body.strip().startswith(b"{")
