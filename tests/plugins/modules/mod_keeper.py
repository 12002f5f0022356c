"""A module that promises to store every message sent, and hands the promises to the test."""

from __future__ import annotations

import asyncio
from typing import Any

from mim.plugin import Module, Options, Stanza, hookimpl


class ModKeeper(Module[Options]):
    async def start(self) -> None:
        self.promises: asyncio.Queue[asyncio.Future[Any]] = asyncio.Queue()

    @hookimpl
    def filter_sent(self, stanza: Stanza) -> Stanza:
        if stanza.name == "message":
            promise: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
            self.promises.put_nowait(promise)
            stanza.trail.promises.append(promise)
        return stanza


setup = ModKeeper
