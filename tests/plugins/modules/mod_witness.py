"""A module that tells a test when a session loses its connection, and when it ends."""

from __future__ import annotations

import asyncio

from mim.plugin import JID, Module, Options, Session, hookimpl


class ModWitness(Module[Options]):
    async def start(self) -> None:
        self._seen: dict[tuple[str, JID], asyncio.Event] = {}

    def of(self, what: str, jid: JID) -> asyncio.Event:
        return self._seen.setdefault((what, jid), asyncio.Event())

    @hookimpl(tryfirst=True)
    def connection_lost(self, session: Session) -> None:
        self.of("lost", session.jid).set()

    @hookimpl
    def session_closed(self, session: Session) -> None:
        self.of("closed", session.jid).set()

    async def lost(self, jid: JID) -> None:
        """Wait until the connection is lost; again for the next time."""
        await self._wait("lost", jid)

    async def closed(self, jid: JID) -> None:
        """Wait until the session has ended."""
        await self._wait("closed", jid)

    async def _wait(self, what: str, jid: JID) -> None:
        async with asyncio.timeout(10):
            await self.of(what, jid).wait()
        del self._seen[what, jid]


setup = ModWitness
