"""``[auth.external]``: accounts asked from a program over its standard input and output.

Both sides send packets: two bytes of length, the high one first, then that many bytes. We send
``auth:USER:DOMAIN:PASSWORD``, ``isuser:USER:DOMAIN``, ``setpass:…``, ``tryregister:…``, ``removeuser:USER:DOMAIN``;
the program answers with the two bytes 0 0 (no) or 0 1 (yes).
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import shlex

from mim.auth.method import AuthMethod
from mim.config.sections.auth import External
from mim.errors import Conflict, Denied, Unavailable
from mim.xmpp.jid import JID

log = logging.getLogger("mim.auth")

ANSWER_SECONDS = 30.0
MAX_PACKET_BYTES = 0xFFFF


class ExternalMethod(AuthMethod):
    """Asks one of ``instances`` processes, whichever is free; one that dies is started anew for the next question."""

    name = "external"
    mechanisms = frozenset({"plain"})
    stores = True
    is_steady = False

    def __init__(self, options: External) -> None:
        self._free: asyncio.Queue[_Program] = asyncio.Queue()
        self._programs = [_Program(options.program) for _ in range(options.instances)]
        for program in self._programs:
            self._free.put_nowait(program)

    async def exists(self, account: JID) -> bool:
        """Ask ``isuser``."""
        return await self._ask("isuser", account)

    async def check_password(self, account: JID, password: str) -> bool:
        """Ask ``auth``."""
        return bool(password) and await self._ask("auth", account, password)

    async def register(self, account: JID, password: str) -> None:
        """Ask ``tryregister``."""
        if not await self._ask("tryregister", account, password):
            raise Conflict(f"{account} was refused by the authentication program")

    async def set_password(self, account: JID, password: str) -> bool:
        """Ask ``setpass``."""
        return await self._ask("setpass", account, password)

    async def remove(self, account: JID) -> None:
        """Ask ``removeuser``."""
        if not await self._ask("removeuser", account):
            raise Denied(f"the authentication program does not remove {account}")

    async def close(self) -> None:
        """End the processes."""
        for program in self._programs:
            await program.end()

    async def _ask(self, question: str, account: JID, *more: str) -> bool:
        packet = ":".join((question, account.local, account.domain, *more)).encode(errors="replace")
        if len(packet) > MAX_PACKET_BYTES:
            return False
        program = await self._free.get()
        try:
            return await program.ask(packet)
        finally:
            self._free.put_nowait(program)


class _Program:
    """One process."""

    def __init__(self, command: str) -> None:
        self._command = command
        self._process: asyncio.subprocess.Process | None = None

    async def ask(self, packet: bytes) -> bool:
        """Return the answer to one packet."""
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                return await self._answer(packet)
        except (OSError, ValueError, EOFError, TimeoutError) as error:
            await self.end()
            log.error("authentication program failed", extra={"program": self._command, "reason": repr(error)})
            raise Unavailable("the authentication program does not answer") from error
        except asyncio.CancelledError:
            await self.end()  # its answer would be taken for that to the next question
            raise

    async def _answer(self, packet: bytes) -> bool:
        if self._process is None or self._process.returncode is not None:
            self._process = await asyncio.create_subprocess_exec(
                *shlex.split(self._command), stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
            )
        process = self._process
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(len(packet).to_bytes(2, "big") + packet)
        await process.stdin.drain()
        size = int.from_bytes(await process.stdout.readexactly(2), "big")
        answer = await process.stdout.readexactly(size)
        return int.from_bytes(answer, "big") == 1

    async def end(self) -> None:
        """End the process, if it runs."""
        process, self._process = self._process, None
        if process is not None and process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
