"""What every authentication method of ``[auth]`` answers; each is a file of its own beside this one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from mim.auth.scram import Keys
from mim.errors import Denied
from mim.storage.api import Write
from mim.xmpp.jid import JID


class AuthMethod:
    """One way to know accounts, of one host. What a method cannot do it leaves as it is here."""

    name: ClassVar[str] = ""
    """As in ``auth.methods``."""
    mechanisms: frozenset[str] = frozenset()
    """The kinds of SASL mechanisms that work with it: "plain", "scram", "digest", "anonymous"."""
    stores: ClassVar[bool] = False
    """Accounts can be made, changed and removed through it."""
    is_steady: ClassVar[bool] = True
    """Which accounts exist changes only through this server, so that an answer may be remembered."""

    async def exists(self, account: JID) -> bool:
        """Tell whether the method knows an account."""
        return False

    async def check_password(self, account: JID, password: str) -> bool:
        """Tell whether this is the account's password.

        Raises:
            mim.errors.Unavailable: whom it asks does not answer.
        """
        return False

    async def scram_keys(self, account: JID, hash: str) -> Keys | None:
        """Return the account's keys for a hash (a name of ``auth.password.hash``), None when there are none."""
        return None

    async def plain_password(self, account: JID) -> str | None:
        """Return the account's password, where it is kept as it is; None elsewhere."""
        return None

    async def register(self, account: JID, password: str) -> None:
        """Make an account.

        Raises:
            mim.errors.EmptyPassword, InvalidPassword: as they say.
            mim.errors.Conflict: it exists.
            mim.errors.Denied: the method makes none.
        """
        raise Denied(f"accounts of method {self.name} are made elsewhere")

    async def set_password(self, account: JID, password: str) -> bool:
        """Give an account another password; False when there is no such account.

        Raises:
            mim.errors.EmptyPassword, InvalidPassword: as they say.
            mim.errors.Denied: the method changes none.
        """
        raise Denied(f"passwords of method {self.name} are changed elsewhere")

    def removal(self, account: JID) -> Sequence[Write]:
        """Return the writes that remove an account here, to be done together with those of its data."""
        return ()

    async def remove(self, account: JID) -> None:
        """Remove an account elsewhere, before it goes here.

        Raises:
            mim.errors.Denied: the other side refuses.
        """

    async def list_users(self, domain: str) -> list[str]:
        """Return the localparts of a domain's accounts, as far as they can be listed."""
        return []

    async def count(self, domain: str) -> int:
        """Return how many accounts a domain has, as far as they can be counted."""
        return len(await self.list_users(domain))

    async def close(self) -> None:
        """Let go of what the method holds."""
