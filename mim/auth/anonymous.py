"""``[auth.anonymous]``: logins without an account, which exist as long as somebody is connected under their name."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from mim.auth.method import AuthMethod
from mim.config.sections.auth import Anonymous
from mim.xmpp.jid import JID


class AnonymousMethod(AuthMethod):
    """Takes any password, or none at all (SASL ANONYMOUS, RFC 4505).

    *is_online*: tells whether an account has a session. *is_registered*: tells whether another method knows it;
    a registered name cannot be taken without its password.
    """

    name = "anonymous"
    is_steady = False

    def __init__(
        self, options: Anonymous, is_online: Callable[[JID], bool], is_registered: Callable[[JID], Awaitable[bool]]
    ) -> None:
        self._options = options
        self._is_online = is_online
        self._is_registered = is_registered
        self._guests: set[JID] = set()
        protocol = options.protocol
        # SCRAM cannot work with just any password: the client would see that the server does not know it.
        kinds = (["plain"] if protocol != "sasl_anon" else []) + (["anonymous"] if protocol != "login_anon" else [])
        self.mechanisms = frozenset(kinds)

    async def exists(self, account: JID) -> bool:
        """Tell whether somebody is connected under the name."""
        return account in self._guests and self._is_online(account)

    async def check_password(self, account: JID, password: str) -> bool:
        """Let in whoever does not take another's name."""
        if "plain" not in self.mechanisms or await self._is_registered(account):
            return False
        if self._is_online(account) and not self._options.allow_multiple_connections:
            return False
        self._guests.add(account)
        return True

    def welcome(self, account: JID) -> None:
        """Note a guest who has come by SASL ANONYMOUS."""
        self._guests.add(account)

    def farewell(self, account: JID) -> bool:
        """Note that an account has no session any more; tell whether it was a guest's."""
        if account in self._guests:
            self._guests.discard(account)
            return True
        return False
