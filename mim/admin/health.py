"""``/health/live`` and ``/health/ready`` on every HTTP listener: for load balancers, containers, ``mim health``."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable

import msgspec
from aiohttp import web

from mim.errors import MimError
from mim.net.http import Target, empty
from mim.storage.api import Database

PREFIX = "/health"
STORE_SECONDS = 2.0
"""What the store may take to answer."""


class Health:
    """Tells whether the process is alive, and whether it should be sent work; the reason when not."""

    def __init__(self, database: Database, reasons: Callable[[], Iterable[str]]) -> None:
        self._database = database
        self._reasons = reasons

    async def __call__(self, request: web.BaseRequest, target: Target) -> web.StreamResponse:
        """Answer a request."""
        if target.path.decoded not in (("live",), ("ready",)):
            return empty(404)
        if request.method not in ("GET", "HEAD"):
            return web.Response(status=405, headers={"Allow": "GET, HEAD"})
        reasons = await self.not_ready() if target.path.decoded == ("ready",) else []
        body = msgspec.json.encode({"status": "ok"} if not reasons else {"status": "unavailable", "reasons": reasons})
        return web.Response(
            status=503 if reasons else 200,
            body=body,
            headers={"Content-Type": "application/json", "Cache-Control": "no-store"},
        )

    async def not_ready(self) -> list[str]:
        """Return why the server should not be sent work now; nothing when it may be."""
        reasons = list(self._reasons())
        try:
            async with asyncio.timeout(STORE_SECONDS):
                await self._database.flush()
        except TimeoutError:
            reasons.append(f"the database did not answer within {STORE_SECONDS:g} seconds")
        except MimError as error:
            reasons.append(error.text)
        return reasons
