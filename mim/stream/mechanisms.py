"""The SASL mechanisms, each a class that takes the client's messages one by one."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from mim.accounts import Accounts
from mim.auth import digest
from mim.auth.saslprep import saslprep
from mim.auth.scram import ClientFirst, Exchange, ScramError, check_binding, parse_client_first
from mim.errors import InvalidJid
from mim.host import Host
from mim.xmpp.jid import JID

HASH_OF = {"sha512": "SHA-512", "sha384": "SHA-384", "sha256": "SHA-256", "sha224": "SHA-224", "sha": "SHA-1"}
SCRAM = {
    **{f"SCRAM-{text}-PLUS": hash for hash, text in HASH_OF.items()},
    **{f"SCRAM-{text}": hash for hash, text in HASH_OF.items()},
}
"""SCRAM mechanisms and the hashes of ``auth.password.hash`` they need."""


class SaslFailure(Exception):
    """The negotiation failed: a condition of RFC 6120 §6.5 and an optional text."""

    def __init__(self, condition: str, text: str = "") -> None:
        super().__init__(condition)
        self.condition = condition
        self.text = text


@dataclass(frozen=True, slots=True)
class Step:
    """What to answer: a challenge, or success with the account that has proven itself."""

    data: bytes | None
    account: JID | None = None


@dataclass(frozen=True, slots=True)
class Login:
    """Where somebody logs in, and with what."""

    host: Host
    domain: str
    accounts: Accounts
    bindings: Mapping[str, bytes]
    """Channel bindings of the connection."""
    allowed: Collection[str] | None
    """Authentication methods of the listener, None = all of the host."""
    offered: Sequence[str]
    """Mechanisms offered."""

    def account_of(self, username: str) -> JID | None:
        """Return the account of a user name, None when there can be none."""
        try:
            account = JID.of(saslprep(username), self.domain)
        except (InvalidJid, ValueError):
            return None
        return account if account.local else None


class Mechanism(Protocol):
    """One attempt to log in."""

    async def step(self, data: bytes | None) -> Step:
        """Return the answer to a message; None = an ``<auth/>`` without initial response.

        Raises:
            SaslFailure: it is over.
        """
        ...


def check_authzid(authzid: str, account: JID | None) -> None:
    """RFC 6120 §6.3.8: nobody acts for another; the own bare JID is the same as none."""
    if not authzid:
        return
    try:
        same = JID.parse(authzid) == account
    except InvalidJid:
        same = False
    if not same:
        raise SaslFailure("invalid-authzid")


class Plain:
    """PLAIN (RFC 4616): authzid NUL authcid NUL password."""

    def __init__(self, login: Login) -> None:
        self._login = login

    async def step(self, data: bytes | None) -> Step:
        """Take the one message."""
        if data is None:
            return Step(b"")  # ask for it (RFC 6120 §6.4.2)
        try:
            authzid, username, password = data.decode().split("\0")
        except ValueError:
            raise SaslFailure("malformed-request") from None
        if not username or not password:
            raise SaslFailure("malformed-request")
        login = self._login
        account = login.account_of(username)
        check_authzid(authzid, account)
        if account is None or not await login.accounts.check_password(account, password, allowed=login.allowed):
            raise SaslFailure("not-authorized")
        return Step(None, account)


class Scram:
    """SCRAM (RFC 5802) with one hash, with and without channel binding."""

    def __init__(self, login: Login, name: str) -> None:
        self._login = login
        self._name = name
        self._account: JID | None = None
        self._exchange: Exchange | None = None

    async def step(self, data: bytes | None) -> Step:
        """Take the first message, then the final one."""
        if data is None:
            return Step(b"")
        try:
            if self._exchange is None:
                return await self._first(data)
            final = self._exchange.finish(data)
        except ScramError as error:
            raise SaslFailure(error.condition, error.text) from None
        if self._account is None or not await self._login.accounts.exists(self._account):
            raise SaslFailure("not-authorized")
        return Step(final, self._account)

    async def _first(self, data: bytes) -> Step:
        login = self._login
        first: ClientFirst = parse_client_first(data)
        binding = check_binding(
            first,
            plus=self._name.endswith("-PLUS"),
            offered=login.bindings,
            plus_advertised=any(name.endswith("-PLUS") for name in login.offered),
        )
        self._account = login.account_of(first.username)
        check_authzid(first.authzid, self._account)
        known = self._account or JID(first.username, login.domain)
        keys = await login.accounts.scram_keys(known, SCRAM[self._name], allowed=login.allowed)
        self._exchange = Exchange(first, keys, binding)
        return Step(self._exchange.server_first)


class DigestMd5:
    """DIGEST-MD5 (RFC 2831): we speak first, and prove ourselves in a challenge that asks nothing."""

    def __init__(self, login: Login) -> None:
        self._login = login
        self._nonce = ""
        self._proven: JID | None = None

    async def step(self, data: bytes | None) -> Step:
        """Send the challenge, take the response, then the client's empty message."""
        if self._proven is not None:
            return Step(None, self._proven)
        if not self._nonce:
            self._nonce, text = digest.challenge(self._login.domain)
            return Step(text)
        login = self._login
        try:
            answer = digest.parse_response(data or b"", self._nonce, login.domain)
        except digest.DigestError:
            raise SaslFailure("malformed-request") from None
        account = login.account_of(answer.username)
        check_authzid(answer.authzid, account)
        password = None if account is None else await login.accounts.plain_password(account, allowed=login.allowed)
        proof = None if password is None else digest.verify(answer, password)
        if proof is None:
            raise SaslFailure("not-authorized")
        self._proven = account
        return Step(proof)


class Anonymous:
    """ANONYMOUS (RFC 4505): whoever comes gets a name of his own; what he says about himself is not kept."""

    def __init__(self, login: Login) -> None:
        self._login = login

    async def step(self, data: bytes | None) -> Step:
        """Welcome him."""
        account = self._login.accounts.new_guest(self._login.host, self._login.domain, allowed=self._login.allowed)
        if account is None:
            raise SaslFailure("not-authorized")
        return Step(None, account)


def mechanism(name: str, login: Login) -> Mechanism:
    """Return an attempt with the mechanism of that name, one of ``login.offered``."""
    if name == "PLAIN":
        return Plain(login)
    if name == "ANONYMOUS":
        return Anonymous(login)
    return DigestMd5(login) if name == "DIGEST-MD5" else Scram(login, name)
