"""DIGEST-MD5 on the server's side (RFC 2831): historic (RFC 6331), for clients that know nothing better."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass

_FIELD = re.compile(r'\s*([A-Za-z-]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^,"\s]+))\s*(?:,|$)', re.DOTALL)


class DigestError(Exception):
    """The response is malformed, or not an answer to our challenge."""


@dataclass(frozen=True, slots=True)
class DigestResponse:
    """A client's answer taken apart (RFC 2831 §2.1.2)."""

    username: str
    authzid: str
    realm: str
    nonce: str
    cnonce: str
    count: str
    uri: str
    response: str


def challenge(realm: str) -> tuple[str, bytes]:
    """Return a fresh nonce and the challenge that carries it (RFC 2831 §2.1.1)."""
    nonce = secrets.token_urlsafe(18)
    return nonce, f'realm="{realm}",nonce="{nonce}",qop="auth",charset=utf-8,algorithm=md5-sess'.encode()


def parse_response(data: bytes, nonce: str, domain: str) -> DigestResponse:
    """Return the response taken apart; it must answer the challenge with *nonce*, for the service of *domain*.

    Raises:
        DigestError: as it says.
    """
    try:
        text = data.decode()
    except UnicodeDecodeError:
        raise DigestError("not UTF-8") from None
    fields: dict[str, str] = {}
    position = 0
    while position < len(text):
        found = _FIELD.match(text, position)
        if found is None or found[1].lower() in fields:
            raise DigestError("malformed")
        value = found[3] if found[2] is None else re.sub(r"\\(.)", r"\1", found[2], flags=re.DOTALL)
        fields[found[1].lower()] = value
        position = found.end()
    try:
        made = DigestResponse(
            username=fields["username"],
            authzid=fields.get("authzid", ""),
            realm=fields.get("realm", ""),
            nonce=fields["nonce"],
            cnonce=fields["cnonce"],
            count=fields["nc"],
            uri=fields["digest-uri"],
            response=fields["response"],
        )
    except KeyError as error:
        raise DigestError(f"without {error}") from None
    service, _, host = made.uri.partition("/")
    good = made.nonce == nonce and made.count == "00000001" and fields.get("qop", "auth") == "auth"
    if not good or service != "xmpp" or host.partition("/")[0].lower() != domain:
        raise DigestError("not an answer to our challenge")
    return made


def verify(answer: DigestResponse, password: str) -> bytes | None:
    """Return what proves to the client that we know the password too, None when it does not know it itself."""
    session_key = _session_key(answer, password)
    if not hmac.compare_digest(_value(session_key, answer, "AUTHENTICATE:").encode(), answer.response.encode()):
        return None
    return f"rspauth={_value(session_key, answer, ':')}".encode()


def _session_key(answer: DigestResponse, password: str) -> str:
    secret = b":".join((_coded(answer.username), _coded(answer.realm), _coded(password)))
    parts = [_md5(secret).digest(), answer.nonce.encode(), answer.cnonce.encode()]
    if answer.authzid:
        parts.append(answer.authzid.encode())
    return _md5(b":".join(parts)).hexdigest()


def _value(session_key: str, answer: DigestResponse, method: str) -> str:
    request = _md5(f"{method}{answer.uri}".encode()).hexdigest()
    text = ":".join((session_key, answer.nonce, answer.count, answer.cnonce, "auth", request))
    return _md5(text.encode()).hexdigest()


def _coded(text: str) -> bytes:
    """RFC 2831 §2.1.2.1: what ISO 8859-1 can write is hashed in it, whatever charset was agreed."""
    try:
        return text.encode("latin-1")
    except UnicodeEncodeError:
        return text.encode()


def _md5(data: bytes) -> hashlib._Hash:
    return hashlib.md5(data, usedforsecurity=False)
