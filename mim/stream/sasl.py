"""SASL on a client's stream (RFC 6120 §6): which mechanisms are offered, and the negotiation itself.

A :class:`Negotiation` is one ``<auth/>`` with what follows it. It ends with an account or with a failure condition.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Collection, Mapping

from mim.accounts import Accounts
from mim.host import Host
from mim.stream.mechanisms import HASH_OF, SCRAM, Login, SaslFailure, Step, mechanism
from mim.xmpp import ns
from mim.xmpp.element import Element, element

# The names of auth.sasl_mechanisms that this server knows, and what they are called on the wire.
_BY_OPTION = {
    **{
        name: mechanism
        for hash, text in HASH_OF.items()
        for name, mechanism in (
            (f"scram_{'sha1' if hash == 'sha' else hash}_plus", f"SCRAM-{text}-PLUS"),
            (f"scram_{'sha1' if hash == 'sha' else hash}", f"SCRAM-{text}"),
        )
    },
    "plain": "PLAIN",
    "digest": "DIGEST-MD5",
    "anonymous": "ANONYMOUS",
}
_KINDS = {"PLAIN": "plain", "DIGEST-MD5": "digest", "ANONYMOUS": "anonymous", **dict.fromkeys(SCRAM, "scram")}


def mechanisms_of(
    host: Host, accounts: Accounts, bindings: Mapping[str, bytes], allowed: Collection[str] | None = None
) -> list[str]:
    """Return the mechanisms to offer, in the order of the file, those that some method of the host works with.

    The -PLUS forms only where TLS gives a channel binding. *allowed*: the listener's authentication methods.
    """
    auth = host.config.auth
    kinds = frozenset().union(*(method.mechanisms for method in accounts.methods_of(host, allowed)))
    hashes = None if auth.password.format == "plain" else auth.password.hash
    offered = []
    for option in auth.sasl_mechanisms:
        name = _BY_OPTION.get(option, "")
        if _KINDS.get(name) not in kinds or (name.endswith("-PLUS") and not bindings):
            continue
        if name in SCRAM and hashes is not None and SCRAM[name] not in hashes:
            continue
        offered.append(name)
    return offered


class Negotiation:
    """One attempt to authenticate on a stream to *domain*.

    Raises:
        SaslFailure: the mechanism is not offered.
    """

    def __init__(
        self,
        name: str,
        host: Host,
        domain: str,
        accounts: Accounts,
        bindings: Mapping[str, bytes],
        allowed: Collection[str] | None = None,
    ) -> None:
        offered = mechanisms_of(host, accounts, bindings, allowed)
        if name not in offered:
            raise SaslFailure("invalid-mechanism")
        self._mechanism = mechanism(name, Login(host, domain, accounts, bindings, allowed, offered))
        self._has_begun = False

    async def step(self, text: str) -> Step:
        """Return the answer to the base64 text of ``<auth/>`` or ``<response/>``.

        Raises:
            SaslFailure: it is over.
        """
        data = _decoded(text)
        if data is None and self._has_begun:
            data = b""
        self._has_begun = True
        return await self._mechanism.step(data)


def step_element(step: Step) -> Element:
    """Return ``<challenge/>`` or ``<success/>``."""
    name = "challenge" if step.account is None else "success"
    text = None if step.data is None else base64.b64encode(step.data).decode() or "="
    return element(ns.SASL, name, text)


def failure_element(failure: SaslFailure) -> Element:
    """Return ``<failure/>``."""
    text = element(ns.SASL, "text", failure.text, xml_lang="en") if failure.text else None
    return element(ns.SASL, "failure", element(ns.SASL, failure.condition), text)


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
