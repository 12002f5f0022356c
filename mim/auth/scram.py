"""SCRAM on the server's side (RFC 5802, RFC 7677): stored keys, and the exchange as values."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import secrets
from collections.abc import Mapping
from dataclasses import dataclass

HASHES = {"sha": "sha1", "sha224": "sha224", "sha256": "sha256", "sha384": "sha384", "sha512": "sha512"}
"""Hash names of the configuration, and hashlib's."""

SALT_BYTES = 16


class ScramError(Exception):
    """The exchange is over. ``condition`` is the SASL condition (RFC 6120 §6.5)."""

    def __init__(self, condition: str, text: str = "") -> None:
        super().__init__(f"{condition}: {text}" if text else condition)
        self.condition = condition
        self.text = text


@dataclass(frozen=True, slots=True)
class Keys:
    """What is kept of a password for one hash; the password cannot be read from it (RFC 5802 §2.2)."""

    hash: str
    salt: bytes
    iterations: int
    stored_key: bytes
    server_key: bytes


def derive(password: str, hash: str, iterations: int, salt: bytes | None = None) -> Keys:
    """Return the keys of a prepared password. Slow on purpose: run it in a thread (hashlib lets go of the GIL)."""
    name = HASHES[hash]
    salt = secrets.token_bytes(SALT_BYTES) if salt is None else salt
    salted = hashlib.pbkdf2_hmac(name, password.encode(), salt, iterations)
    client_key = hmac.digest(salted, b"Client Key", name)
    return Keys(
        hash, salt, iterations, hashlib.new(name, client_key).digest(), hmac.digest(salted, b"Server Key", name)
    )


def matches(password: str, keys: Keys) -> bool:
    """Tell whether a prepared password is the one of these keys. Slow like :func:`derive`."""
    made = derive(password, keys.hash, keys.iterations, keys.salt)
    return hmac.compare_digest(made.stored_key, keys.stored_key)


def decoy(secret: bytes, username: str, hash: str, iterations: int) -> Keys:
    """Return keys for a name that has no account: always the same, and nobody knows a password for them."""
    seed = hmac.digest(secret, f"{hash}:{username}".encode(), "sha512")
    size = hashlib.new(HASHES[hash]).digest_size
    return Keys(hash, seed[:SALT_BYTES], iterations, seed[-size:], seed[:size])


@dataclass(frozen=True, slots=True)
class ClientFirst:
    """A client-first-message taken apart (RFC 5802 §7)."""

    gs2_header: bytes
    binding: str
    """The name of the channel binding, ``n`` (the client has none) or ``y`` (it thinks we have none)."""
    authzid: str
    username: str
    nonce: str
    bare: bytes


def parse_client_first(data: bytes) -> ClientFirst:
    """Return the message taken apart.

    Raises:
        ScramError: malformed-request.
    """
    try:
        text = data.decode()
        flag, authzid, bare = text.split(",", 2)
        fields = bare.split(",")
        if fields[0].startswith("m="):
            raise ScramError("malformed-request", "an extension that nobody here knows")
        username, nonce = _field(fields[0], "n"), _field(fields[1], "r")
    except (UnicodeDecodeError, ValueError, IndexError):
        raise ScramError("malformed-request") from None
    if flag.startswith("p="):
        binding = flag[2:]
    elif flag in ("n", "y"):
        binding = flag
    else:
        raise ScramError("malformed-request")
    authzid = _unescape(_field(authzid, "a")) if authzid else ""
    if not nonce or not nonce.isprintable():
        raise ScramError("malformed-request")
    header = text[: len(text) - len(bare)].encode()
    return ClientFirst(header, binding, authzid, _unescape(username), nonce, bare.encode())


def _field(text: str, name: str) -> str:
    if not text.startswith(f"{name}="):
        raise ValueError(name)
    return text[2:]


def _unescape(text: str) -> str:
    """RFC 5802 §5.1: ``=2C`` and ``=3D`` stand for ``,`` and ``=``; no other ``=`` may appear."""
    plain = text.replace("=2C", ",").replace("=3D", "=")
    if "=" in text.replace("=2C", "").replace("=3D", ""):
        raise ScramError("malformed-request")
    return plain


class Exchange:
    """One SCRAM exchange after its first message, against keys."""

    def __init__(self, first: ClientFirst, keys: Keys, binding_data: bytes) -> None:
        self._first = first
        self._keys = keys
        self._binding_data = binding_data
        self._nonce = first.nonce + secrets.token_urlsafe(18)
        salt = base64.b64encode(keys.salt).decode()
        self.server_first = f"r={self._nonce},s={salt},i={keys.iterations}".encode()

    def finish(self, data: bytes) -> bytes:
        """Return the server-final-message for the client's last one.

        Raises:
            ScramError: malformed-request, or not-authorized: the proof is wrong.
        """
        try:
            text = data.decode()
            without_proof, proof_text = text.rsplit(",p=", 1)
            fields = without_proof.split(",")
            binding = base64.b64decode(_field(fields[0], "c"), validate=True)
            nonce = _field(fields[1], "r")
            proof = base64.b64decode(proof_text, validate=True)
        except (UnicodeDecodeError, ValueError, IndexError, binascii.Error):
            raise ScramError("malformed-request") from None
        name = HASHES[self._keys.hash]
        signed = b",".join((self._first.bare, self.server_first, without_proof.encode()))
        signature = hmac.digest(self._keys.stored_key, signed, name)
        if len(proof) != len(signature):
            raise ScramError("malformed-request")
        client_key = bytes(a ^ b for a, b in zip(proof, signature, strict=True))
        good = hmac.compare_digest(hashlib.new(name, client_key).digest(), self._keys.stored_key)
        good &= hmac.compare_digest(binding, self._first.gs2_header + self._binding_data)
        good &= hmac.compare_digest(nonce.encode(), self._nonce.encode())
        if not good:
            raise ScramError("not-authorized")
        return b"v=" + base64.b64encode(hmac.digest(self._keys.server_key, signed, name))


def check_binding(first: ClientFirst, *, plus: bool, offered: Mapping[str, bytes], plus_advertised: bool) -> bytes:
    """Return the channel binding data the client must prove to know, empty when it uses none (RFC 5802 §6).

    Raises:
        ScramError: the client's flag does not fit the mechanism, names a binding that we do not have, or says that
            we offer none although we do: somebody in between has taken the -PLUS mechanisms away.
    """
    if plus:
        if first.binding in ("n", "y"):
            raise ScramError("malformed-request", "a -PLUS mechanism needs a channel binding")
        data = offered.get(first.binding)
        if data is None:
            raise ScramError("not-authorized", "channel binding not available")
        return data
    if first.binding == "y" and plus_advertised:
        raise ScramError("not-authorized", "channel binding was offered")
    if first.binding not in ("n", "y"):
        raise ScramError("malformed-request", "this mechanism has no channel binding")
    return b""
