"""Discovery of XMPP over the web (XEP-0156)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from xml.etree import ElementTree

import pytest

from mim.net.tls import self_signed
from tests.client import untrusting_context
from tests.harness import Server
from tests.web.conftest import http, websockets
from tests.web.test_bosh import HANDLER

Serve = Callable[..., Awaitable[Server]]
OTHER = '[[listen.http.handlers.mod_websockets]]\nhost = "Chat.Example"\npath = "chat/ws"'
BOSH, WEBSOCKET = "urn:xmpp:alt-connections:xbosh", "urn:xmpp:alt-connections:websocket"


async def links(server: Server, host: str, **headers: str) -> list[tuple[str, str]]:
    """Return what both documents say, which must be the same."""
    written = {"Host": host} | {name.replace("_", "-"): value for name, value in headers.items()}
    as_json = await server.http("GET", "/.well-known/host-meta.json", headers=written)
    as_xml = await server.http("GET", "/.well-known/host-meta", headers=written)
    assert as_json.headers["Access-Control-Allow-Origin"] == as_xml.headers["Access-Control-Allow-Origin"] == "*"
    assert as_json.headers["Content-Type"] == "application/json; charset=utf-8"
    assert as_xml.headers["Content-Type"] == "application/xrd+xml; charset=utf-8"
    root = ElementTree.fromstring(as_xml.body)
    assert root.tag == "{http://docs.oasis-open.org/ns/xri/xrd-1.0}XRD"
    found = [(link["rel"], link["href"]) for link in as_json.json["links"]]
    assert [(link.get("rel"), link.get("href")) for link in root] == found
    return found


async def test_the_documents_name_the_handlers_that_the_asker_can_reach(serve: Serve):
    server = await serve("[modules.mod_bosh]", admin=http("\n".join([websockets(), OTHER, HANDLER])))
    everywhere = [(BOSH, "http://{}/http-bind"), (WEBSOCKET, "ws://{}/ws-xmpp")]
    assert await links(server, "localhost:5280") == [(rel, at.format("localhost:5280")) for rel, at in everywhere]
    assert await links(server, "chat.example") == [
        *((rel, at.format("chat.example")) for rel, at in everywhere),
        (WEBSOCKET, "ws://chat.example/chat/ws"),
    ]


async def test_behind_tls_of_a_proxy_the_links_are_secure(serve: Serve):
    server = await serve(admin=http(websockets()))
    assert await links(server, "chat.example", X_Forwarded_Proto="https") == [(WEBSOCKET, "wss://chat.example/ws-xmpp")]


async def test_behind_tls_of_our_own_the_links_are_secure(serve: Serve, tmp_path: Path):
    pem, _ = self_signed(tmp_path, ["localhost"])
    server = await serve(admin=http(websockets(), f'[listen.http.tls]\ncertfile = "{pem}"'))
    url = f"https://127.0.0.1:{server.http_port}/.well-known/host-meta.json"
    async with server.api._session.get(url, ssl=untrusting_context(), headers={"Host": "localhost"}) as answer:
        assert (await answer.json())["links"] == [{"rel": WEBSOCKET, "href": "wss://localhost/ws-xmpp"}]


async def test_without_such_handlers_there_is_no_document(serve: Serve):
    server = await serve()
    assert (await server.http("GET", "/.well-known/host-meta")).status == 404


@pytest.mark.parametrize("path", ["/.well-known/host-meta", "/.well-known/host-meta.json"])
async def test_it_can_only_be_read(serve: Serve, path: str):
    server = await serve(admin=http(websockets()))
    assert (await server.http("POST", path, b"")).status == 405
    assert (await server.http("GET", path + "/more")).status == 404
    head = await server.http("HEAD", path)
    assert (head.status, head.body) == (200, b"")


async def test_a_name_with_quotes_does_not_get_out_of_its_attribute(serve: Serve):
    server = await serve(admin=http(websockets()))
    answer = await server.http("GET", "/.well-known/host-meta", headers={"Host": "a'/><b/>"})
    assert answer.status == 400 or b"<b/>" not in answer.body
