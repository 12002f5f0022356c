"""Which handler a request is for, and what it is told of its address: pure, and remembered for usual addresses."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import NamedTuple

from aiohttp import web

from mim.net.urls import Path, host_name, parse_path, parse_query

REMEMBERED = 1024
"""Addresses kept parsed; each without a query, which may hold a secret."""
MAX_REMEMBERED_LENGTH = 256
_ABSOLUTE = re.compile(r"https?://([^/?#]*)(.*)", re.IGNORECASE | re.DOTALL)


class Target(NamedTuple):
    """Where a request goes, as its handler needs it."""

    scheme: str
    authority: str
    """The Host header as sent, e.g. ``localhost:8088``; the socket's address when an HTTP/1.0 client sent none."""
    host: str
    """The name in the Host header, in lower case; empty when there is none."""
    prefix: str
    """The path the handler is mounted at, without a final slash."""
    path: Path
    """The segments below it."""
    has_final_slash: bool
    query: tuple[tuple[str, str], ...]
    on_loopback: bool
    """The listener is reached from this machine only."""

    @property
    def origin(self) -> str:
        """Return scheme and authority, the port only if it is not the scheme's own."""
        usual = ":443" if self.scheme == "https" else ":80"
        return f"{self.scheme}://{self.authority.removesuffix(usual)}"


HttpHandler = Callable[[web.BaseRequest, Target], Awaitable[web.StreamResponse]]


@dataclass(frozen=True)
class Mount:
    """A handler and where it answers: Host header without port ("_" = any), path prefix.

    *on_stop* is awaited when the port has been closed: what does not end by itself (a WebSocket) ends there.
    """

    host: str
    path: str
    app: HttpHandler
    on_stop: Callable[[], Awaitable[None]] | None = None

    @cached_property
    def segments(self) -> tuple[str, ...]:
        """Return the decoded segments of the prefix."""
        return parse_path("/" + self.path.strip("/")).decoded

    @cached_property
    def prefix(self) -> str:
        """Return the prefix with one slash before it and none behind; empty at the root."""
        return "/" + self.path.strip("/") if self.segments else ""


class Routing:
    """The mounts of a listener. A host name's own come before those of "_", longer prefixes before shorter ones."""

    def __init__(self, mounts: Sequence[Mount], scheme: str, *, on_loopback: bool) -> None:
        self._scheme = scheme
        self._on_loopback = on_loopback
        self._everywhere = _longest_first(mount for mount in mounts if mount.host == "_")
        self._by_name = {
            name: [*_longest_first(mount for mount in mounts if mount.host.lower() == name), *self._everywhere]
            for name in {mount.host.lower() for mount in mounts} - {"_"}
        }
        self._remembered = lru_cache(REMEMBERED)(self._find)

    def find(self, authority: str, target: str) -> tuple[Mount, Target] | None:
        """Return who answers a request with that Host header and request target, and what it is told; None: nobody.

        Raises:
            BadUrl: one of them is broken.
        """
        if "?" in target or len(target) > MAX_REMEMBERED_LENGTH:
            return self._find(authority, target)
        return self._remembered(authority, target)

    def _find(self, authority: str, target: str) -> tuple[Mount, Target] | None:
        if target[:1] != "/":
            # The absolute form of RFC 9112 §3.2.2 beats the Host header; "*" and CONNECT's form name nothing here.
            absolute = _ABSOLUTE.fullmatch(target)
            if absolute is None:
                return None
            authority, target = absolute[1], absolute[2] if absolute[2][:1] == "/" else "/" + absolute[2]
        raw_path, _, query = target.partition("#")[0].partition("?")
        path, parameters, host = parse_path(raw_path), parse_query(query), host_name(authority)
        mount = self._mount(host, path.decoded)
        if mount is None:
            return None
        depth = len(mount.segments)
        below = Path(path.raw[depth:], path.decoded[depth:])
        has_final_slash = raw_path.endswith("/")
        return mount, Target(
            self._scheme, authority, host, mount.prefix, below, has_final_slash, parameters, self._on_loopback
        )

    def _mount(self, host: str, segments: tuple[str, ...]) -> Mount | None:
        for mount in self._by_name.get(host, self._everywhere):
            if segments[: len(mount.segments)] == mount.segments:
                return mount
        return None


def _longest_first(mounts: Iterable[Mount]) -> list[Mount]:
    return sorted(mounts, key=lambda mount: -len(mount.segments))
