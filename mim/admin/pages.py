"""The OpenAPI document at ``openapi.json`` and a page to read and try it at ``docs`` (section 8).

The page is Swagger UI from the package swagger-ui-py, with a frame of ours: nothing is loaded from elsewhere, and
the policy in its headers has the browser refuse what would be.
"""

from __future__ import annotations

import asyncio
from importlib.util import find_spec
from pathlib import Path

import msgspec
from aiohttp import web

from mim.commands.model import Command
from mim.commands.registry import CommandRegistry
from mim.net.http import Target

DOCUMENT = ("openapi.json",)
PAGE = ("docs",)
ASSET_TYPES = {
    "swagger-ui-bundle.js": "text/javascript; charset=utf-8",
    "swagger-ui.css": "text/css; charset=utf-8",
    "favicon-32x32.png": "image/png",
}
START_SCRIPT = "start.js"
METHODS = frozenset({"GET", "OPTIONS"})
ALLOW = "GET, OPTIONS"

_PATHS = frozenset({DOCUMENT, PAGE, *((*PAGE, name) for name in (*ASSET_TYPES, START_SCRIPT))})
_SAFE = {"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer"}
# Swagger UI sets style attributes, so styles may be inline; scripts may not.
_PAGE_HEADERS = {
    **_SAFE,
    "Content-Type": "text/html; charset=utf-8",
    "Cache-Control": "no-cache",
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
        "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Frame-Options": "DENY",
}
_PAGE = """\
<!doctype html>
<html lang="en">
<head>
  <meta charset="utf-8">
  <meta name="viewport" content="width=device-width, initial-scale=1">
  <title>Admin API</title>
  <link rel="icon" type="image/png" href="{folder}favicon-32x32.png">
  <link rel="stylesheet" href="{folder}swagger-ui.css">
</head>
<body>
  <div id="swagger-ui"></div>
  <noscript>This page needs JavaScript; the API's description is the file openapi.json beside it.</noscript>
  <script src="{folder}swagger-ui-bundle.js"></script>
  <script src="{folder}start.js"></script>
</body>
</html>
"""
# The API is where the browser found this script, whatever a proxy has made of the path.
_START = """\
"use strict";
const api = new URL("..", document.currentScript.src);
fetch(new URL("openapi.json", api))
  .then((response) => response.ok ? response.json() : Promise.reject(new Error(`status ${response.status}`)))
  .then((spec) => {
    spec.servers = [{ url: api.href.replace(/\\/$/, "") }];
    SwaggerUIBundle({ spec, dom_id: "#swagger-ui", deepLinking: true, validatorUrl: null, docExpansion: "list" });
  })
  .catch((error) => {
    document.getElementById("swagger-ui").textContent = `The API's description could not be read: ${error.message}`;
  });
"""


class Pages:
    """The document and the page of one mounted API; built when first asked for, and again when commands change."""

    def __init__(self, registry: CommandRegistry) -> None:
        self._registry = registry
        self._lock = asyncio.Lock()
        self._built: tuple[tuple[Command, ...], bytes] | None = None
        self._assets: dict[str, bytes] = {}

    def has(self, segments: tuple[str, ...]) -> bool:
        """Return whether something is to be had at a path."""
        return segments in _PATHS

    async def get(self, target: Target) -> web.Response:
        """Return what :meth:`has` has found."""
        segments = target.path.decoded
        if segments == DOCUMENT:
            headers = {**_SAFE, "Content-Type": "application/json", "Cache-Control": "no-cache"}
            return web.Response(body=await self._document(target.prefix or "/"), headers=headers)
        if segments == PAGE:
            page = _PAGE.format(folder="" if target.has_final_slash else "docs/")
            return web.Response(body=page.encode(), headers=_PAGE_HEADERS)
        name = segments[1]
        if name == START_SCRIPT:
            headers = {**_SAFE, "Content-Type": "text/javascript; charset=utf-8", "Cache-Control": "no-cache"}
            return web.Response(body=_START.encode(), headers=headers)
        headers = {**_SAFE, "Content-Type": ASSET_TYPES[name], "Cache-Control": "private, max-age=3600"}
        return web.Response(body=await self._asset(name), headers=headers)

    async def _document(self, server_url: str) -> bytes:
        async with self._lock:
            while self._built is None or self._built[0] is not self._registry.commands():
                commands = self._registry.commands()
                # In a thread: it imports packages that nothing else needs, most of a second the first time.
                self._built = commands, await asyncio.to_thread(_encoded_document, commands, server_url)
            return self._built[1]

    async def _asset(self, name: str) -> bytes:
        found = self._assets.get(name)
        if found is None:
            found = self._assets[name] = await asyncio.to_thread((_asset_folder() / name).read_bytes)
        return found


def _encoded_document(commands: tuple[Command, ...], server_url: str) -> bytes:
    from mim.admin.openapi import document

    return msgspec.json.encode(document(commands, server_url=server_url))


def _asset_folder() -> Path:
    """Return where swagger-ui-py keeps the files of Swagger UI; the package itself is not imported."""
    spec = find_spec("swagger_ui")
    assert spec is not None
    assert spec.submodule_search_locations is not None
    return Path(spec.submodule_search_locations[0]) / "static"
