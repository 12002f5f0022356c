"""``[auth.internal]``: accounts in the server's own database, their passwords as SCRAM keys (or plain)."""

from __future__ import annotations

import asyncio
import json
import secrets
from base64 import b64decode, b64encode
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from sqlalchemy import Column, MetaData, String, Table, Text, bindparam, delete, func, insert, select, update

from mim.auth.method import AuthMethod
from mim.auth.passwords import prepare_password
from mim.auth.scram import HASHES, Keys, decoy, derive, matches
from mim.config.sections.auth import Password
from mim.errors import BadRequest
from mim.storage.api import Database, Migration, Schema, Write, statement
from mim.xmpp.jid import JID

if TYPE_CHECKING:
    from alembic.operations import Operations

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
_COUNT = statement(select(func.count()).select_from(_accounts).where(_accounts.c.domain == bindparam("domain_")))


class InternalMethod(AuthMethod):
    """Accounts in the database."""

    name = "internal"
    stores = True

    def __init__(self, database: Database, options: Password, decoy_secret: bytes) -> None:
        self._database = database
        self._options = options
        self._decoy_secret = decoy_secret
        keeps_plain = options.format == "plain"
        self.mechanisms = frozenset({"plain", "scram", *(["digest"] if keeps_plain else [])})

    @property
    def _hashes(self) -> list[str]:
        return list(self._options.hash or HASHES)

    async def exists(self, account: JID) -> bool:
        """Look it up."""
        return await self._credentials(account) is not None

    async def check_password(self, account: JID, password: str) -> bool:
        """Compare; takes as long when there is no such account."""
        try:
            prepared = prepare_password(password)
        except BadRequest:
            return False
        stored = await self._credentials(account)
        if stored is not None and "plain" in stored:
            return secrets.compare_digest(prepared.encode(), stored["plain"].encode())
        keys = _keys_in(stored, None) if stored is not None else None
        checked = keys or decoy(self._decoy_secret, str(account), self._hashes[0], self._options.scram_iterations)
        good = await asyncio.to_thread(matches, prepared, checked)
        return good and keys is not None

    async def scram_keys(self, account: JID, hash: str) -> Keys | None:
        """Return the stored keys; made now when the password is kept plain."""
        stored = await self._credentials(account)
        if stored is None:
            return None
        if "plain" in stored:
            return await asyncio.to_thread(derive, stored["plain"], hash, self._options.scram_iterations)
        return _keys_in(stored, hash)

    async def plain_password(self, account: JID) -> str | None:
        """Return it where it was kept plain."""
        stored = await self._credentials(account)
        return None if stored is None else stored.get("plain")

    async def register(self, account: JID, password: str) -> None:
        """Store it; on disk when this returns."""
        credentials = await self._make_credentials(prepare_password(password))
        await self._database.submit(_ADD.bind(**_key(account), credentials=credentials))

    async def set_password(self, account: JID, password: str) -> bool:
        """Store it; on disk when this returns."""
        credentials = await self._make_credentials(prepare_password(password))
        (touched,) = await self._database.submit(_SET.bind(**_key(account), credentials_=credentials))
        return bool(touched)

    def removal(self, account: JID) -> Sequence[Write]:
        """Return the one write."""
        return (_DELETE.bind(**_key(account)),)

    async def list_users(self, domain: str) -> list[str]:
        """Return all."""
        return [row[0] for row in await self._database.fetch_all(_LIST, domain_=domain)]

    async def count(self, domain: str) -> int:
        """Count all."""
        row = await self._database.fetch_one(_COUNT, domain_=domain)
        return 0 if row is None else int(row[0])

    async def _credentials(self, account: JID) -> dict[str, Any] | None:
        if not account.local:
            return None
        row = await self._database.fetch_one(_FIND, **_key(account))
        return None if row is None else json.loads(row[0])

    async def _make_credentials(self, prepared: str) -> str:
        if self._options.format == "plain":
            return json.dumps({"plain": prepared})
        iterations = self._options.scram_iterations
        made = await asyncio.gather(*(asyncio.to_thread(derive, prepared, hash, iterations) for hash in self._hashes))
        return json.dumps({"scram": {keys.hash: _packed(keys) for keys in made}})


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
