"""``[auth.dummy]``: everybody may log in, after a random pause; for tests of load."""

from __future__ import annotations

import asyncio
import random

from mim.auth.method import AuthMethod
from mim.config.sections.auth import Dummy
from mim.xmpp.jid import JID


class DummyMethod(AuthMethod):
    """Knows everybody."""

    name = "dummy"
    mechanisms = frozenset({"plain"})

    def __init__(self, options: Dummy) -> None:
        self._options = options

    async def exists(self, account: JID) -> bool:
        """Say yes."""
        return True

    async def check_password(self, account: JID, password: str) -> bool:
        """Wait for ``base_time`` and up to ``variance`` milliseconds more, then say yes."""
        pause = self._options.base_time + random.uniform(0, self._options.variance)  # noqa: S311 - not for secrets
        await asyncio.sleep(pause / 1000)
        return True
