"""SASL on a client's stream (RFC 6120 §6): which mechanisms are offered, and the steps of each.

A :class:`Negotiation` is one ``<auth/>`` with what follows it. It ends with an account or with a failure condition.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass

from mim.accounts import Accounts
from mim.auth.saslprep import saslprep
from mim.auth.scram import ClientFirst, Exchange, ScramError, check_binding, parse_client_first
from mim.errors import InvalidJid
from mim.host import Host
from mim.xmpp import ns
from mim.xmpp.element import Element, element
from mim.xmpp.jid import JID

_HASH_OF = {"sha512": "SHA-512", "sha384": "SHA-384", "sha256": "SHA-256", "sha224": "SHA-224", "sha": "SHA-1"}
_SCRAM = {
    **{f"SCRAM-{text}-PLUS": hash for hash, text in _HASH_OF.items()},
    **{f"SCRAM-{text}": hash for hash, text in _HASH_OF.items()},
}
# The names of auth.sasl_mechanisms, in the order they are offered when the file names none.
_BY_OPTION = {
    **{
        name: mechanism
        for hash, text in _HASH_OF.items()
        for name, mechanism in (
            (f"scram_{'sha1' if hash == 'sha' else hash}_plus", f"SCRAM-{text}-PLUS"),
            (f"scram_{'sha1' if hash == 'sha' else hash}", f"SCRAM-{text}"),
        )
    },
    "plain": "PLAIN",
}


class SaslFailure(Exception):
    """The negotiation failed: a condition of RFC 6120 §6.5 and an optional text."""

    def __init__(self, condition: str, text: str = "") -> None:
        super().__init__(condition)
        self.condition = condition
        self.text = text

    def to_element(self) -> Element:
        """Return ``<failure/>``."""
        text = element(ns.SASL, "text", self.text, xml_lang="en") if self.text else None
        return element(ns.SASL, "failure", element(ns.SASL, self.condition), text)


@dataclass(frozen=True, slots=True)
class Step:
    """What to answer: a challenge, or success with the account that has proven itself."""

    data: bytes | None
    account: JID | None = None

    def to_element(self) -> Element:
        """Return ``<challenge/>`` or ``<success/>``."""
        name = "challenge" if self.account is None else "success"
        text = None if self.data is None else base64.b64encode(self.data).decode() or "="
        return element(ns.SASL, name, text)


def mechanisms_of(host: Host, bindings: Mapping[str, bytes]) -> list[str]:
    """Return the mechanisms to offer, in order; the -PLUS forms only where TLS gives a channel binding."""
    auth = host.config.auth
    if not auth.enabled:
        return []
    wanted = [_BY_OPTION[name] for name in auth.sasl_mechanisms if name in _BY_OPTION]
    hashes = None if auth.password.format == "plain" else auth.password.hash
    offered = []
    for mechanism in wanted:
        if mechanism.endswith("-PLUS") and not bindings:
            continue
        if mechanism in _SCRAM and hashes is not None and _SCRAM[mechanism] not in hashes:
            continue
        offered.append(mechanism)
    return offered


class Negotiation:
    """One attempt to authenticate on a stream to *domain*."""

    def __init__(
        self, mechanism: str, host: Host, domain: str, accounts: Accounts, bindings: Mapping[str, bytes]
    ) -> None:
        self._offered = mechanisms_of(host, bindings)
        if mechanism not in self._offered:
            raise SaslFailure("invalid-mechanism")
        self._mechanism = mechanism
        self._domain = domain
        self._accounts = accounts
        self._bindings = bindings
        self._exchange: Exchange | None = None
        self._account: JID | None = None
        self._final: bytes | None = None

    async def step(self, text: str) -> Step:
        """Return the answer to the base64 text of ``<auth/>`` or ``<response/>``.

        Raises:
            SaslFailure: it is over.
        """
        data = _decoded(text)
        if data is None and self._exchange is None:
            return Step(b"")  # no initial response: ask for it (RFC 6120 §6.4.2)
        try:
            if self._mechanism == "PLAIN":
                return await self._plain(data or b"")
            if self._exchange is None:
                return await self._scram_first(data or b"")
            final = self._exchange.finish(data or b"")
            if self._account is None or not await self._accounts.exists(self._account):
                raise SaslFailure("not-authorized")
            return Step(final, self._account)
        except ScramError as error:
            raise SaslFailure(error.condition, error.text) from None

    async def _plain(self, data: bytes) -> Step:
        """RFC 4616: authzid NUL authcid NUL password."""
        try:
            authzid, username, password = data.decode().split("\0")
        except ValueError:
            raise SaslFailure("malformed-request") from None
        if not username or not password:
            raise SaslFailure("malformed-request")
        account = self._account_of(username)
        self._check_authzid(authzid, account)
        if account is None or not await self._accounts.check_password(account, password):
            raise SaslFailure("not-authorized")
        return Step(None, account)

    async def _scram_first(self, data: bytes) -> Step:
        first: ClientFirst = parse_client_first(data)
        binding = check_binding(
            first,
            plus=self._mechanism.endswith("-PLUS"),
            offered=self._bindings,
            plus_advertised=any(name.endswith("-PLUS") for name in self._offered),
        )
        self._account = self._account_of(first.username)
        self._check_authzid(first.authzid, self._account)
        known = self._account or JID(first.username, self._domain)
        keys = await self._accounts.scram_keys(known, _SCRAM[self._mechanism])
        self._exchange = Exchange(first, keys, binding)
        return Step(self._exchange.server_first)

    def _account_of(self, username: str) -> JID | None:
        try:
            account = JID.of(saslprep(username), self._domain)
        except (InvalidJid, ValueError):
            return None
        return account if account.local else None

    @staticmethod
    def _check_authzid(authzid: str, account: JID | None) -> None:
        """RFC 6120 §6.3.8: nobody acts for another; the own bare JID is the same as none."""
        if not authzid:
            return
        try:
            same = JID.parse(authzid) == account
        except InvalidJid:
            same = False
        if not same:
            raise SaslFailure("invalid-authzid")


def _decoded(text: str) -> bytes | None:
    text = text.strip()
    if not text:
        return None
    if text == "=":
        return b""
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise SaslFailure("incorrect-encoding") from None
