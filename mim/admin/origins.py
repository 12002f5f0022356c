"""Which web pages may call the API (section 5.2): its own, and those of the handler's ``allowed_origins``."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping

from aiohttp import web

from mim.net.http import Target

PREFLIGHT = {
    "Access-Control-Allow-Methods": "GET, OPTIONS, PUT, POST, DELETE",
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Allow-Headers": "Content-Type",
}
_BROWSER_SIGNS = ("Accept-Language", "Origin", "Referer", "Sec-Fetch-Site")


class Origins:
    """The rule for one handler. *host*: the handler's own name, "_" for any."""

    def __init__(self, host: str, allowed: Iterable[str]) -> None:
        self._host = host.lower()
        self._allowed = frozenset(origin.rstrip("/").lower() for origin in allowed)

    def allowed(self, origin: str | None) -> bool:
        """Return whether the file lists an origin."""
        return origin is not None and origin.lower() in self._allowed

    def may_write(self, origin: str | None, target: Target) -> bool:
        """Return whether a request from a page of *origin* may change anything; None: it comes from no page."""
        if origin is None or self.allowed(origin):
            return True
        # A proxy that adds TLS in front of us makes the page's scheme https, and ours http.
        own = target.origin.lower()
        return origin.lower() in (own, own.replace("http:", "https:", 1))

    def is_rebound(self, headers: Mapping[str, str], target: Target) -> bool:
        """Return whether a browser on this machine was led here by a foreign name (DNS rebinding).

        On a loopback listener with the host "_" any Host is fine for programs; for a page, which the browser takes
        for the API's own when its name has been made to point here, only the machine's own names are. Browsers
        always send Accept-Language. Where the handler asks for credentials nobody needs to ask this: such a page has
        none.
        """
        if not target.on_loopback or self._host != "_" or is_loopback_name(target.host):
            return False
        if f"{target.scheme}://{target.authority}".lower() in self._allowed:
            return False
        return any(sign in headers for sign in _BROWSER_SIGNS)

    def preflight(self, origin: str | None) -> dict[str, str]:
        """Return the headers of an answer to OPTIONS."""
        if self.allowed(origin):
            return {**PREFLIGHT, "Access-Control-Allow-Headers": "Content-Type, Authorization"}
        return PREFLIGHT

    def mark(self, response: web.StreamResponse, origin: str | None) -> None:
        """Let a listed origin read an answer."""
        if origin is not None and self.allowed(origin):
            response.headers["Access-Control-Allow-Origin"] = origin
            response.headers.add("Vary", "Origin")


def is_loopback_name(host: str) -> bool:
    """Return whether a host name means this machine wherever it is resolved (RFC 6761 §6.3)."""
    name = host.removesuffix(".")
    if name == "localhost" or name.endswith(".localhost") or not name:
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False
