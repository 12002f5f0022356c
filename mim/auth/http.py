"""``[auth.http]``: accounts asked from an HTTP service through the pool ``outgoing_pools.http.auth``.

Questions are GET requests with ``user``, ``server`` and ``pass`` in the query (``check_password``, ``get_password``,
``user_exists``); changes are POST requests with the same in a form (``register``, ``set_password``, ``remove_user``).
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import secrets
from collections.abc import Callable
from typing import Protocol

from mim.auth.method import AuthMethod
from mim.auth.passwords import prepare_password
from mim.auth.scram import HASHES, Keys, decoy, derive, matches
from mim.config.sections.auth import Http, Password
from mim.errors import BadRequest, Conflict, Denied, NotFound, Unavailable
from mim.xmpp.jid import JID

_PREFIXES = {
    "sha": "===SHA1===",
    "sha224": "==SHA224==",
    "sha256": "==SHA256==",
    "sha384": "==SHA384==",
    "sha512": "==SHA512==",
}


class HttpService(Protocol):
    """What the method asks of the pool."""

    async def request(
        self,
        method: str,
        path: str,
        *,
        query: dict[str, str] | None = None,
        form: dict[str, str] | None = None,
        headers: dict[str, str] | None = None,
    ) -> tuple[int, bytes]:
        """Return status and body of the answer; raise Unavailable when there is none."""
        ...  # fmt: skip


class HttpMethod(AuthMethod):
    """Asks the service each time; a reload may give it another pool."""

    name = "http"
    stores = True
    is_steady = False

    def __init__(
        self, find_service: Callable[[], HttpService | None], options: Http, password: Password, decoy_secret: bytes
    ) -> None:
        self._find_service = find_service
        self._password = password
        self._decoy_secret = decoy_secret
        self._headers: dict[str, str] = {}
        if options.basic_auth is not None:
            self._headers["Authorization"] = f"Basic {base64.b64encode(options.basic_auth.encode()).decode()}"
        self._keeps_plain = password.format == "plain"
        self.mechanisms = frozenset({"plain", "scram", *(["digest"] if self._keeps_plain else [])})

    async def exists(self, account: JID) -> bool:
        """Ask ``user_exists``."""
        return await self._get("user_exists", account) == b"true"

    async def check_password(self, account: JID, password: str) -> bool:
        """Ask ``check_password``; with ``password.format = "scram"`` compare with the keys of ``get_password``."""
        if not password:
            return False
        if self._keeps_plain:
            return await self._get("check_password", account, password) == b"true"
        try:
            prepared = prepare_password(password)
        except BadRequest:
            return False
        kept = await self._kept(account)
        if kept is not None and not kept.startswith(("==SCRAM==,", "==MULTI_SCRAM==,")):
            return secrets.compare_digest(kept.encode(), prepared.encode())
        known = (keys_in(kept or "", hash) for hash in HASHES)
        keys = next((keys for keys in known if keys is not None), None)
        checked = keys or decoy(self._decoy_secret, str(account), "sha", self._password.scram_iterations)
        good = await asyncio.to_thread(matches, prepared, checked)
        return good and keys is not None

    async def scram_keys(self, account: JID, hash: str) -> Keys | None:
        """Ask ``get_password``: keys, or a plain password to make them from."""
        kept = await self._kept(account)
        if kept is None:
            return None
        if kept.startswith(("==SCRAM==,", "==MULTI_SCRAM==,")):
            return keys_in(kept, hash)
        return await asyncio.to_thread(derive, kept, hash, self._password.scram_iterations)

    async def plain_password(self, account: JID) -> str | None:
        """Ask ``get_password``; keys are no password."""
        kept = await self._kept(account)
        return None if kept is None or kept.startswith(("==SCRAM==,", "==MULTI_SCRAM==,")) else kept

    async def register(self, account: JID, password: str) -> None:
        """Ask ``register``."""
        status = await self._post("register", account, await self._packed(password))
        if status == 409:
            raise Conflict(f"{account} exists")
        if status != 201:
            raise Denied(f"the authentication service does not register {account}")

    async def set_password(self, account: JID, password: str) -> bool:
        """Ask ``set_password``."""
        status = await self._post("set_password", account, await self._packed(password))
        if status not in (200, 201, 204):
            raise Denied(f"the authentication service does not change the password of {account}")
        return True

    async def remove(self, account: JID) -> None:
        """Ask ``remove_user``."""
        status = await self._post("remove_user", account, "")
        if status == 404:
            raise NotFound(f"there is no account {account}")
        if status not in (200, 201, 204):
            raise Denied(f"the authentication service does not remove {account}")

    @property
    def _service(self) -> HttpService:
        service = self._find_service()
        if service is None:
            raise Unavailable("outgoing_pools.http.auth does not serve this host")
        return service

    async def _kept(self, account: JID) -> str | None:
        body = await self._get("get_password", account)
        return None if body is None else body.decode(errors="replace")

    async def _packed(self, password: str) -> str:
        prepared = prepare_password(password)
        if self._keeps_plain:
            return prepared
        iterations = self._password.scram_iterations
        hashes = self._password.hash or HASHES
        made = await asyncio.gather(*(asyncio.to_thread(derive, prepared, hash, iterations) for hash in hashes))
        return packed(list(made))

    async def _get(self, question: str, account: JID, password: str = "") -> bytes | None:
        query = {"user": account.local, "server": account.domain, "pass": password}
        status, body = await self._service.request("GET", question, query=query, headers=self._headers)
        if status >= 500:
            raise Unavailable(f"the authentication service answers {status}")
        return body.strip() if status == 200 else None

    async def _post(self, question: str, account: JID, password: str) -> int:
        form = {"user": account.local, "server": account.domain, "pass": password}
        status, _ = await self._service.request("POST", question, form=form, headers=self._headers)
        if status >= 500:
            raise Unavailable(f"the authentication service answers {status}")
        return status


def packed(made: list[Keys]) -> str:
    """Return keys as MongooseIM writes them: ``==MULTI_SCRAM==,ITERATIONS,===SHA1===SALT|STORED|SERVER,…``."""
    parts = [f"==MULTI_SCRAM==,{made[0].iterations}"]
    for keys in made:
        texts = (base64.b64encode(part).decode() for part in (keys.salt, keys.stored_key, keys.server_key))
        parts.append(_PREFIXES[keys.hash] + "|".join(texts))
    return ",".join(parts)


def keys_in(text: str, hash: str) -> Keys | None:
    """Return the keys for a hash from MongooseIM's form, also the older one for SHA-1 only; None when there are none.

    The older one is ``==SCRAM==,STORED,SERVER,SALT,ITERATIONS``.
    """
    kind, *fields = text.split(",")
    try:
        if kind == "==SCRAM==" and hash == "sha":
            stored, server, salt, iterations = fields
        elif kind == "==MULTI_SCRAM==":
            iterations = fields[0]
            found = next(field for field in fields[1:] if field.startswith(_PREFIXES[hash]))
            salt, stored, server = found.removeprefix(_PREFIXES[hash]).split("|")
        else:
            return None
        decoded = [base64.b64decode(part, validate=True) for part in (salt, stored, server)]
        return Keys(hash, decoded[0], int(iterations), decoded[1], decoded[2])
    except (ValueError, StopIteration, binascii.Error):
        return None
