"""Accounts: who is registered here, and how they prove it."""

from __future__ import annotations

import asyncio
import json
import secrets
from base64 import b64decode, b64encode
from collections import OrderedDict
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from sqlalchemy import Column, MetaData, String, Table, Text, bindparam, delete, func, insert, select, update

from mim.auth.saslprep import saslprep
from mim.auth.scram import HASHES, Keys, decoy, derive, matches
from mim.errors import BadRequest, Conflict, EmptyPassword, InvalidPassword, NotFound
from mim.hooks import joined, notify, notify_async
from mim.host import Host, Hosts
from mim.storage.api import Database, Migration, Schema, Write, statement
from mim.xmpp.conditions import StreamError
from mim.xmpp.jid import JID

if TYPE_CHECKING:
    from alembic.operations import Operations

    from mim.session.manager import SessionManager

_metadata = MetaData()
_accounts = Table(
    "accounts",
    _metadata,
    Column("domain", String, primary_key=True),
    Column("username", String, primary_key=True),
    Column("credentials", Text, nullable=False),
)


def _create(op: Operations) -> None:
    _metadata.create_all(op.get_bind())


SCHEMA = Schema("accounts", (Migration(1, "create accounts", _create),))

_where = (_accounts.c.domain == bindparam("domain_"), _accounts.c.username == bindparam("username_"))
_FIND = statement(select(_accounts.c.credentials).where(*_where))
_ADD = statement(
    insert(_accounts).values(
        domain=bindparam("domain_"), username=bindparam("username_"), credentials=bindparam("credentials")
    )
)
_SET = statement(update(_accounts).where(*_where).values(credentials=bindparam("credentials_")))
_DELETE = statement(delete(_accounts).where(*_where))
_LIST = statement(select(_accounts.c.username).where(_accounts.c.domain == bindparam("domain_")))
_COUNT = statement(
    select(func.count()).select_from(_accounts).where(_accounts.c.domain == bindparam("domain_"))
)

KNOWN_ACCOUNTS = 100_000
MAX_PASSWORD_BYTES = 1023


def prepare_password(password: str) -> str:
    """Return a password as it is kept and compared.

    Raises:
        EmptyPassword, InvalidPassword
    """
    if not password:
        raise EmptyPassword
    if len(password.encode(errors="surrogatepass")) > MAX_PASSWORD_BYTES:
        raise InvalidPassword
    try:
        prepared = saslprep(password)
    except ValueError:
        raise InvalidPassword from None
    if not prepared:
        raise EmptyPassword
    return prepared


class Accounts:
    """The accounts of all hosts, kept in the database; which exist is remembered in memory."""

    def __init__(self, database: Database, hosts: Hosts) -> None:
        self._database = database
        self._hosts = hosts
        self._known: OrderedDict[JID, bool] = OrderedDict()
        self._decoy_secret = secrets.token_bytes(32)
        self.session_manager: SessionManager | None = None  # set when both exist; each needs the other

    # --- existence --------------------------------------------------------------------------------------------

    def exists_now(self, account: JID) -> bool | None:
        """Tell from memory whether an account exists; None = ask :meth:`exists`."""
        return self._known.get(account)

    async def exists(self, account: JID) -> bool:
        """Tell whether an account exists."""
        known = self._known.get(account)
        if known is None:
            known = await self._credentials(account) is not None
        return known

    def _remember(self, account: JID, exists: bool) -> None:
        self._known[account] = exists
        self._known.move_to_end(account)
        if len(self._known) > KNOWN_ACCOUNTS:
            self._known.popitem(last=False)

    async def list_users(self, domain: str) -> list[str]:
        """Return the localparts of a domain's accounts, sorted by their bytes."""
        rows = await self._database.fetch_all(_LIST, domain_=domain)
        return sorted((row[0] for row in rows), key=str.encode)

    async def count(self, domain: str) -> int:
        """Return how many accounts a domain has."""
        row = await self._database.fetch_one(_COUNT, domain_=domain)
        return 0 if row is None else int(row[0])

    # --- changes ----------------------------------------------------------------------------------------------

    async def register(self, account: JID, password: str) -> None:
        """Make an account; it is on disk when this returns.

        Raises:
            EmptyPassword, InvalidPassword: as they say.
            Conflict: it exists.
            NotFound: the domain is not served.
        """
        prepared = prepare_password(password)
        host = self._host(account)
        if await self.exists(account):
            raise Conflict(f"{account} exists")
        credentials = await self._make_credentials(host, prepared)
        await self._database.submit(_ADD.bind(**_key(account), credentials=credentials))
        self._remember(account, True)
        await notify_async(host.hooks.account_registered, account)

    async def set_password(self, account: JID, password: str) -> None:
        """Give an account another password; open sessions stay.

        Raises:
            EmptyPassword, InvalidPassword: as they say.
            NotFound: there is no such account.
        """
        prepared = prepare_password(password)
        host = self._host(account)
        if not await self.exists(account):
            raise NotFound(f"there is no account {account}")
        credentials = await self._make_credentials(host, prepared)
        (touched,) = await self._database.submit(_SET.bind(**_key(account), credentials_=credentials))
        if not touched:
            raise NotFound(f"there is no account {account}")

    async def remove(self, account: JID, *, acknowledge: Callable[[], None] | None = None) -> None:
        """Remove an account with all its data, and end its sessions.

        *acknowledge* is called once the account is gone from disk and before its sessions end: so the account's own
        client can be told over the stream that is about to end.

        Raises:
            NotFound: there is no such account.
        """
        host = self._host(account)
        if not await self.exists(account):
            raise NotFound(f"there is no account {account}")
        await notify_async(host.hooks.account_leaving, account)
        if acknowledge is not None:
            await self._remove_data(host, account)
            acknowledge()
        if self.session_manager is not None:
            self.session_manager.close_account(account, StreamError("conflict", "User removed"))
        # In any case now, when no session can write any more.
        await self._remove_data(host, account)
        notify(host.hooks.account_removed, account)

    async def _remove_data(self, host: Host, account: JID) -> None:
        writes: list[Write] = joined(host.hooks.account_data_removal, account)
        await self._database.submit(*writes, _DELETE.bind(**_key(account)))
        self._remember(account, False)

    # --- credentials ------------------------------------------------------------------------------------------

    async def check_password(self, account: JID, password: str) -> bool:
        """Tell whether this is the account's password; takes as long when there is no such account."""
        host = self._host(account)
        try:
            prepared = prepare_password(password)
        except BadRequest:
            return False
        stored = await self._credentials(account)
        if stored is not None and "plain" in stored:
            return secrets.compare_digest(prepared.encode(), stored["plain"].encode())
        options = host.config.auth.password
        hash = self._hashes(host)[0]
        keys = _keys_in(stored, None) if stored is not None else None
        fake = keys is None
        checked = keys or decoy(self._decoy_secret, str(account), hash, options.scram_iterations)
        good = await asyncio.to_thread(matches, prepared, checked)
        return good and not fake

    async def scram_keys(self, account: JID, hash: str) -> Keys:
        """Return the account's keys for a hash; made-up ones when there is none, so that nobody learns which."""
        host = self._host(account)
        iterations = host.config.auth.password.scram_iterations
        stored = await self._credentials(account)
        if stored is not None and "plain" in stored:
            return await asyncio.to_thread(derive, stored["plain"], hash, iterations)
        keys = _keys_in(stored, hash) if stored is not None else None
        return keys or decoy(self._decoy_secret, str(account), hash, iterations)

    async def _credentials(self, account: JID) -> dict[str, Any] | None:
        if not account.local:
            return None
        row = await self._database.fetch_one(_FIND, **_key(account))
        self._remember(account, row is not None)
        return None if row is None else json.loads(row[0])

    async def _make_credentials(self, host: Host, prepared: str) -> str:
        options = host.config.auth.password
        if options.format == "plain":
            return json.dumps({"plain": prepared})
        made = await asyncio.gather(
            *(
                asyncio.to_thread(derive, prepared, hash, options.scram_iterations)
                for hash in self._hashes(host)
            )
        )
        return json.dumps({"scram": {keys.hash: _packed(keys) for keys in made}})

    @staticmethod
    def _hashes(host: Host) -> list[str]:
        return list(host.config.auth.password.hash or HASHES)

    def _host(self, account: JID) -> Host:
        host = self._hosts.find(account.domain)
        if host is None:
            raise NotFound(f"{account.domain} is not served here")
        return host


def _key(account: JID) -> dict[str, str]:
    return {"domain_": account.domain, "username_": account.local}


def _packed(keys: Keys) -> list[Any]:
    texts = [b64encode(part).decode() for part in (keys.salt, keys.stored_key, keys.server_key)]
    return [keys.iterations, *texts]


def _keys_in(stored: dict[str, Any], hash: str | None) -> Keys | None:
    """Return the stored keys for a hash; for None those of any hash."""
    scram: dict[str, list[Any]] = stored.get("scram", {})
    name = hash or next(iter(scram), "")
    packed = scram.get(name)
    if packed is None:
        return None
    iterations, *texts = packed
    salt, stored_key, server_key = (b64decode(text) for text in texts)
    return Keys(name, salt, iterations, stored_key, server_key)


