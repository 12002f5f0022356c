"""``/.well-known/host-meta`` and ``host-meta.json``: where XMPP is spoken over the web (XEP-0156 §3, RFC 6415)."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from aiohttp import web

from mim.net.http_routing import Mount, Target
from mim.xmpp.element import escape_attribute

PATH = "/.well-known/host-meta"
_XRD = "http://docs.oasis-open.org/ns/xri/xrd-1.0"
_HEADERS = {"Access-Control-Allow-Origin": "*"}


@dataclass(frozen=True, slots=True)
class Place:
    """Where a handler answers: its options ``host`` and ``path``, and which of the two it is."""

    host: str
    path: str
    is_websocket: bool


class HostMeta:
    """Tells what the handlers of one port are called from outside, by the name the port was called by."""

    def __init__(self, places: Sequence[Place]) -> None:
        self._places = places

    def mounts(self) -> list[Mount]:
        """Return the two documents' places for every Host that a handler has."""
        return [
            Mount(host, path, handler)
            for host in sorted({place.host for place in self._places})
            for path, handler in ((PATH, self.xml), (PATH + ".json", self.json))
        ]

    async def xml(self, request: web.BaseRequest, target: Target) -> web.StreamResponse:
        """Return the document in XML."""
        links = "".join(
            f"<Link rel='{rel}' href='{escape_attribute(href)}'/>" for rel, href in self._links(request, target)
        )
        text = f"<?xml version='1.0' encoding='utf-8'?>\n<XRD xmlns='{_XRD}'>{links}</XRD>\n"
        return _answer(request, target, text, "application/xrd+xml")

    async def json(self, request: web.BaseRequest, target: Target) -> web.StreamResponse:
        """Return the document in JSON."""
        links = [{"rel": rel, "href": href} for rel, href in self._links(request, target)]
        return _answer(request, target, json.dumps({"links": links}), "application/json")

    def _links(self, request: web.BaseRequest, target: Target) -> Iterator[tuple[str, str]]:
        # A proxy that adds TLS in front of us says so; what it says is told to nobody but the one it says it for.
        is_secure = target.scheme == "https" or request.headers.get("X-Forwarded-Proto", "").lower() == "https"
        for place in self._places:
            if place.host.lower() not in ("_", target.host):
                continue
            scheme = ("ws" if place.is_websocket else "http") + ("s" if is_secure else "")
            kind = "websocket" if place.is_websocket else "xbosh"
            path = place.path if place.path.startswith("/") else "/" + place.path
            yield f"urn:xmpp:alt-connections:{kind}", f"{scheme}://{target.authority}{path}"


def _answer(request: web.BaseRequest, target: Target, text: str, content_type: str) -> web.Response:
    if target.path.decoded:
        return web.Response(status=404)
    if request.method not in ("GET", "HEAD"):
        return web.Response(status=405, headers={"Allow": "GET, HEAD"})
    return web.Response(text=text, content_type=content_type, charset="utf-8", headers=_HEADERS)
