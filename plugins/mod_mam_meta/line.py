"""Messages that cannot go on at once: they wait in a line, one for each account, so that their order stays."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable

from mim.errors import MimError
from mim.plugin import JID, ModuleApi, Stanza, StanzaError

Work = Callable[[Stanza, JID], Awaitable[Stanza]]


class Lines:
    """Takes messages off the router's hands and routes them again when *work* is done with them."""

    def __init__(self, api: ModuleApi, work: Work) -> None:
        self._api = api
        self._work = work
        self._lines: dict[JID, deque[tuple[Stanza, asyncio.Future[None]]]] = {}

    def has(self, account: JID) -> bool:
        """Tell whether messages to an account are waiting, so that others must, too."""
        return account in self._lines

    def put(self, message: Stanza, account: JID) -> None:
        """Let a message wait; whoever acknowledges it waits with it."""
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        message.trail.promises.append(turn)
        line = self._lines.get(account)
        if line is None:
            line = self._lines[account] = deque()
            self._api.router.spawn(self._serve(account, line))
        line.append((message, turn))

    def takes_back(self, message: Stanza, account: JID) -> bool:
        """Tell whether a message has had its turn and is on its way again."""
        return account in self._lines and message.trail.notes.pop(_note(account), False)

    async def _serve(self, account: JID, line: deque[tuple[Stanza, asyncio.Future[None]]]) -> None:
        while line:
            message, turn = line[0]
            try:
                ready = await self._work(message, account)
                ready.trail.notes[_note(account)] = True
                self._api.router.route(ready)
            except MimError as error:
                self._api.router.refuse(message, StanzaError.from_refusal(error))
            except Exception:
                self._api.log.exception("message could not be archived", extra={"to": str(account)})
                self._api.router.refuse(message, StanzaError("internal-server-error"))
            finally:
                line.popleft()
                turn.set_result(None)
        del self._lines[account]


def _note(account: JID) -> str:
    return f"mam.had_its_turn {account}"
