"""Request headers the API decides by: Accept, Content-Type, Authorization (RFC 9110, RFC 7617)."""

from __future__ import annotations

import base64
import binascii
import hmac
import re
from functools import lru_cache

# Possessive, so that no header, however made, is looked at twice (RFC 9110 §5.6).
_WORD = r"[!#$%&'*+.^_`|~0-9A-Za-z-]++"
_QUOTED = r'"(?:[^"\\]|\\.)*+"'
_BLANKS = r"[ \t]*+"
_EQUALS = rf"{_BLANKS}={_BLANKS}"
_PARAMETER = re.compile(rf"{_BLANKS};{_BLANKS}({_WORD})(?:{_EQUALS}({_WORD}|{_QUOTED}))?+")
_RANGE = re.compile(
    rf"{_BLANKS}({_WORD})/({_WORD})((?:{_BLANKS};{_BLANKS}{_WORD}(?:{_EQUALS}(?:{_WORD}|{_QUOTED}))?+)*+){_BLANKS}(?:,|$)"
)
_WEIGHT = re.compile(r"0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?")
_BEARER = re.compile(r"[A-Za-z0-9._~+/-]+=*")
_DIGEST = re.compile(
    rf"{_WORD}{_EQUALS}(?:{_WORD}|{_QUOTED})(?:{_BLANKS},{_BLANKS}{_WORD}{_EQUALS}(?:{_WORD}|{_QUOTED}))*+"
)


class Malformed(ValueError):
    """A header that does not parse: 400 without a body."""


@lru_cache(maxsize=64)
def accepts_json(accept: str) -> bool:
    """Return whether an Accept header admits ``application/json``; the most specific range decides.

    Raises:
        Malformed: it does not parse.
    """
    best = (-1, 0.0)
    position = 0
    while position < len(accept):
        match = _RANGE.match(accept, position)
        if match is None:
            raise Malformed(accept)
        position = match.end()
        kind, subtype, parameters = match[1].lower(), match[2].lower(), match[3]
        specificity = {("*", "*"): 0, ("application", "*"): 1, ("application", "json"): 2}.get((kind, subtype), -1)
        weight = _weight(parameters)
        if specificity >= 0:
            best = max(best, (specificity, weight))
    return best[0] >= 0 and best[1] > 0


def _weight(parameters: str) -> float:
    for match in _PARAMETER.finditer(parameters):
        if match[1].lower() == "q":
            if not _WEIGHT.fullmatch(match[2] or ""):
                raise Malformed(parameters)
            return float(match[2])
    return 1.0


def is_json(content_type: str) -> bool:
    """Return whether a Content-Type is ``application/json``, whatever its parameters."""
    return content_type.partition(";")[0].strip().lower() == "application/json"


class BasicAuth:
    """The credentials of a handler; all comparisons take the same time for right and wrong."""

    def __init__(self, username: str, password: str) -> None:
        self._username = username.encode()
        self._password = password.encode()
        self._usual = b"Basic " + base64.b64encode(self._username + b":" + self._password)

    def admits(self, header: str) -> bool:
        """Return whether an Authorization header carries the credentials (RFC 7617; section 5.1).

        Raises:
            Malformed: it is no well-formed Basic, Bearer or Digest.
        """
        if hmac.compare_digest(header.encode("utf-8", "surrogateescape"), self._usual):
            return True
        scheme, _, rest = header.strip().partition(" ")
        rest = rest.strip()
        match scheme.lower():
            case "basic":
                return self._compare(rest)
            case "bearer" if _BEARER.fullmatch(rest):
                return False
            case "digest" if _DIGEST.fullmatch(rest):
                return False
        raise Malformed(header)

    def _compare(self, encoded: str) -> bool:
        try:
            plain = base64.b64decode(encoded, validate=True)
        except (binascii.Error, ValueError) as error:
            raise Malformed(encoded) from error
        username, colon, password = plain.partition(b":")
        if not colon:
            raise Malformed(encoded)
        is_user = hmac.compare_digest(username, self._username)
        is_password = hmac.compare_digest(password, self._password)
        return is_user and is_password
