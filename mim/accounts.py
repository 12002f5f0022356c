"""Accounts: who may log in here, by the authentication methods of each host, asked in order."""

from __future__ import annotations

import secrets
from collections import OrderedDict
from collections.abc import Callable, Collection, Coroutine, Sequence
from typing import TYPE_CHECKING, Any

from mim.auth.anonymous import AnonymousMethod
from mim.auth.internal import SCHEMA, InternalMethod
from mim.auth.method import AuthMethod
from mim.auth.passwords import prepare_password
from mim.auth.scram import Keys, decoy
from mim.errors import BadRequest, Conflict, Denied, NotFound, Unavailable
from mim.hooks import joined, notify, notify_async
from mim.host import Host, Hosts
from mim.storage.api import Database, Write
from mim.xmpp.conditions import StreamError
from mim.xmpp.jid import JID

if TYPE_CHECKING:
    from mim.auth.http import HttpService
    from mim.config import HostConfig
    from mim.session.manager import SessionManager

__all__ = ["SCHEMA", "Accounts"]

KNOWN_ACCOUNTS = 100_000

FindService = Callable[[str, str], "HttpService | None"]
"""Returns the HTTP pool of a tag for the host of a name."""


class Accounts:
    """The accounts of all hosts; which exist is remembered in memory where only this server changes it."""

    def __init__(self, database: Database, hosts: Hosts, find_service: FindService = lambda tag, host: None) -> None:
        self._database = database
        self._hosts = hosts
        self._find_service = find_service
        self._known: OrderedDict[JID, bool] = OrderedDict()
        self._decoy_secret = secrets.token_bytes(32)
        self._methods: dict[str, list[AuthMethod]] = {}
        self.session_manager: SessionManager | None = None  # set when both exist; each needs the other

    # --- methods ----------------------------------------------------------------------------------------------

    def open(self, host: Host) -> None:
        """Make the methods that a host's ``auth`` names; those of tiers B and C authenticate nobody.

        Raises:
            BadRequest: a method cannot work; the text says which option is wrong.
        """
        self._methods[host.name] = [self._made(name, host.config) for name in host.config.auth.working]

    def check(self, options: HostConfig) -> None:
        """See that the methods of a host's ``auth`` could be made.

        Raises:
            BadRequest: one cannot; the text says which option is wrong.
        """
        for name in options.auth.working:
            self._made(name, options)

    async def forget(self, host: Host) -> None:
        """Let go of what a host's methods hold; the host is served no more."""
        for account in [account for account in self._known if account.domain in host.domains]:
            del self._known[account]
        for method in self._methods.pop(host.name, []):
            await method.close()

    async def reopen(self, host: Host) -> None:
        """Make the methods of a host anew, after its ``auth`` has changed; open sessions stay."""
        old = self._methods.get(host.name, [])
        self.open(host)
        for account in [account for account in self._known if account.domain in host.domains]:
            del self._known[account]
        for method in old:
            await method.close()

    async def close(self) -> None:
        """Let go of what the methods hold."""
        for methods in self._methods.values():
            for method in methods:
                await method.close()
        self._methods.clear()

    def methods_of(self, host: Host, allowed: Collection[str] | None = None) -> list[AuthMethod]:
        """Return the methods that work on a host, in order; those of *allowed* if given (a listener's subset)."""
        methods = self._methods.get(host.name, [])
        return methods if allowed is None else [method for method in methods if method.name in allowed]

    def _made(self, name: str, options: HostConfig) -> AuthMethod:
        auth = options.auth
        if name == "internal":
            return InternalMethod(self._database, auth.password, self._decoy_secret)
        if name == "anonymous" and auth.anonymous is not None:
            return AnonymousMethod(auth.anonymous, self._is_online, self._is_registered)
        if name == "dummy" and auth.dummy is not None:
            from mim.auth.dummy import DummyMethod

            return DummyMethod(auth.dummy)
        if name == "jwt" and auth.jwt is not None:
            from mim.auth.jwt import JwtMethod

            return JwtMethod(auth.jwt)
        if name == "external" and auth.external is not None:
            from mim.auth.external import ExternalMethod

            return ExternalMethod(auth.external)
        if name == "http" and auth.http is not None:
            from mim.auth.http import HttpMethod

            def find(name: str = options.name) -> HttpService | None:
                return self._find_service("auth", name)

            return HttpMethod(find, auth.http, auth.password, self._decoy_secret)
        raise BadRequest(f"auth.{name} is not available in this version")

    def _is_online(self, account: JID) -> bool:
        return self.session_manager is not None and self.session_manager.is_online(account)

    async def _is_registered(self, account: JID) -> bool:
        """Tell whether a method other than the anonymous one knows an account."""
        others = [method for method in self.methods_of(self._host(account)) if method.name != "anonymous"]
        return any([await method.exists(account) for method in others])

    # --- existence --------------------------------------------------------------------------------------------

    def exists_now(self, account: JID) -> bool | None:
        """Tell from memory whether an account exists; None = ask :meth:`exists`."""
        return self._known.get(account)

    async def exists(self, account: JID) -> bool:
        """Tell whether an account exists."""
        known = self._known.get(account)
        if known is not None:
            return known
        if not account.local:
            return False
        methods = self.methods_of(self._host(account))
        for method in methods:
            if await method.exists(account):
                if method.is_steady:
                    self._remember(account, True)
                return True
        if all(method.is_steady for method in methods):
            self._remember(account, False)
        return False

    def _remember(self, account: JID, exists: bool) -> None:
        self._known[account] = exists
        self._known.move_to_end(account)
        if len(self._known) > KNOWN_ACCOUNTS:
            self._known.popitem(last=False)

    async def list_users(self, domain: str) -> list[str]:
        """Return the localparts of a domain's accounts, sorted by their bytes."""
        host = self._hosts.find(domain)
        names: dict[str, None] = {}
        for method in [] if host is None else self.methods_of(host):
            names.update(dict.fromkeys(await method.list_users(domain)))
        return sorted(names)  # by code points, which is the order of their bytes in UTF-8 as well

    async def count(self, domain: str) -> int:
        """Return how many accounts a domain has."""
        host = self._hosts.find(domain)
        return sum([await method.count(domain) for method in ([] if host is None else self.methods_of(host))])

    # --- changes ----------------------------------------------------------------------------------------------

    async def register(self, account: JID, password: str) -> None:
        """Make an account with the first method that makes some; it is on disk when this returns.

        Raises:
            EmptyPassword, InvalidPassword: as they say.
            Conflict: it exists.
            NotFound: the domain is not served.
            Denied: no method of the host makes accounts.
        """
        prepare_password(password)
        host = self._host(account)
        method = next((method for method in self.methods_of(host) if method.stores), None)
        if method is None:
            raise Denied(f"no authentication method of {host.name} makes accounts")
        if await self._is_registered(account):
            raise Conflict(f"{account} exists")
        await method.register(account, password)
        if method.is_steady:
            self._remember(account, True)
        await notify_async(host.hooks.account_registered, account)

    async def set_password(self, account: JID, password: str) -> None:
        """Give an account another password; open sessions stay.

        Raises:
            EmptyPassword, InvalidPassword: as they say.
            NotFound: there is no such account.
            Denied: its method changes no passwords.
        """
        prepare_password(password)
        for method in self.methods_of(self._host(account)):
            if await method.exists(account) and await method.set_password(account, password):
                return
        raise NotFound(f"there is no account {account}")

    async def remove(self, account: JID, *, acknowledge: Callable[[], None] | None = None) -> None:
        """Remove an account with all its data, and end its sessions.

        *acknowledge* is called once the account is gone from disk and before its sessions end: so the account's own
        client can be told over the stream that is about to end.

        Raises:
            NotFound: there is no such account.
            Denied: its method removes none.
        """
        host = self._host(account)
        owners = [method for method in self.methods_of(host) if await method.exists(account)]
        if not owners:
            raise NotFound(f"there is no account {account}")
        await notify_async(host.hooks.account_leaving, account)
        for method in owners:
            await method.remove(account)
        if acknowledge is not None:
            await self._remove_data(host, account, owners)
            acknowledge()
        if self.session_manager is not None:
            self.session_manager.close_account(account, StreamError("conflict", "User removed"))
        # In any case now, when no session can write any more.
        await self._remove_data(host, account, owners)
        notify(host.hooks.account_removed, account)

    async def _remove_data(self, host: Host, account: JID, owners: Sequence[AuthMethod]) -> None:
        writes: list[Write] = joined(host.hooks.account_data_removal, account)
        await self._database.submit(*writes, *(write for method in owners for write in method.removal(account)))
        if all(method.is_steady for method in self.methods_of(host)):
            self._remember(account, any(not method.stores for method in owners))
        else:
            self._known.pop(account, None)

    def last_session_ended(self, account: JID, host: Host) -> Coroutine[Any, Any, None] | None:
        """Return the work of forgetting a guest who has left (``[auth.anonymous]``), None for everybody else."""
        guests = [method for method in self.methods_of(host) if isinstance(method, AnonymousMethod)]
        return self._forget_guest(account, host) if any(method.farewell(account) for method in guests) else None

    async def _forget_guest(self, account: JID, host: Host) -> None:
        if not await self._is_registered(account) and not self._is_online(account):
            await self._database.submit(*joined(host.hooks.account_data_removal, account))
            notify(host.hooks.account_removed, account)

    # --- credentials ------------------------------------------------------------------------------------------

    async def check_password(self, account: JID, password: str, *, allowed: Collection[str] | None = None) -> bool:
        """Tell whether a method of the host (of *allowed*, if given) accepts this password, asked in order.

        Raises:
            Unavailable: none accepts it, and one of them does not answer.
        """
        silent: Unavailable | None = None
        for method in self.methods_of(self._host(account), allowed):
            try:
                if "plain" in method.mechanisms and await method.check_password(account, password):
                    return True
            except Unavailable as error:
                silent = error
        if silent is not None:
            raise silent
        return False

    async def scram_keys(self, account: JID, hash: str, *, allowed: Collection[str] | None = None) -> Keys:
        """Return the account's keys for a hash; made-up ones when there is none, so that nobody learns which."""
        host = self._host(account)
        for method in self.methods_of(host, allowed):
            keys = await method.scram_keys(account, hash) if "scram" in method.mechanisms else None
            if keys is not None:
                return keys
        return decoy(self._decoy_secret, str(account), hash, host.config.auth.password.scram_iterations)

    async def plain_password(self, account: JID, *, allowed: Collection[str] | None = None) -> str | None:
        """Return the account's password where a method keeps it as it is (for DIGEST-MD5), None elsewhere."""
        for method in self.methods_of(self._host(account), allowed):
            password = await method.plain_password(account) if "digest" in method.mechanisms else None
            if password is not None:
                return password
        return None

    def new_guest(self, host: Host, domain: str, *, allowed: Collection[str] | None = None) -> JID | None:
        """Return a name for who logs in by SASL ANONYMOUS (RFC 4505), None when the host has no such method."""
        for method in self.methods_of(host, allowed):
            if isinstance(method, AnonymousMethod) and "anonymous" in method.mechanisms:
                account = JID.of(secrets.token_hex(10), domain)
                method.welcome(account)
                return account
        return None

    def _host(self, account: JID) -> Host:
        host = self._hosts.find(account.domain)
        if host is None:
            raise NotFound(f"{account.domain} is not served here")
        return host
