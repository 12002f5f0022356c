"""JIDs (RFC 7622): normalised once at the edge, compared as values ever after."""

from __future__ import annotations

import re
from functools import lru_cache

import idna

from mim.errors import InvalidJid

MAX_PART_BYTES = 1023

# Characters RFC 7622 §3.3.1 takes out of localparts although PRECIS allows them; blanks never pass PRECIS.
_LOCAL_FORBIDDEN = frozenset("\"&'/:<>@")
_ASCII_LOCAL = re.compile(r"[a-z0-9!#$%()*+,\-.;=?\[\\\]^_`{|}~]+")
_ASCII_RESOURCE = re.compile(r"[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?")
_ASCII_DOMAIN = re.compile(r"[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?(?:\.[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?)*")
_IPV6 = re.compile(r"\[[0-9a-f:.]+\]")


class JID:
    """An address: ``local@domain/resource``; ``local`` and ``resource`` are empty when absent.

    Make one with :meth:`parse` from text or :meth:`of` from parts; both prepare the parts. The plain
    constructor trusts its arguments and is for parts that are prepared already.
    """

    __slots__ = ("_hash", "_text", "bare", "domain", "local", "resource")

    local: str
    domain: str
    resource: str
    bare: JID

    def __init__(self, local: str, domain: str, resource: str = "") -> None:
        self.local = local
        self.domain = domain
        self.resource = resource
        base = f"{local}@{domain}" if local else domain
        self._text = f"{base}/{resource}" if resource else base
        self._hash = hash(self._text)
        self.bare = JID(local, domain) if resource else self

    @staticmethod
    def parse(text: str) -> JID:
        """Return the JID *text* stands for.

        Raises:
            InvalidJid: the text is no JID (RFC 7622 §3).
        """
        return _parse(text)

    @staticmethod
    def of(local: str, domain: str, resource: str = "") -> JID:
        """Return the JID made of unprepared parts; raise InvalidJid naming the whole."""
        try:
            return JID(prepare_local(local), prepare_domain(domain), prepare_resource(resource))
        except InvalidJid:
            whole = f"{local}@{domain}" + (f"/{resource}" if resource else "")
            raise InvalidJid(whole) from None

    def with_resource(self, resource: str) -> JID:
        """Return this address with another, already prepared resource."""
        return JID(self.local, self.domain, resource)

    @property
    def is_bare(self) -> bool:
        """Tell whether there is no resource."""
        return not self.resource

    def __str__(self) -> str:
        return self._text

    def __repr__(self) -> str:
        return f"JID({self._text!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, JID) and self._text == other._text

    def __lt__(self, other: JID) -> bool:
        return self._text < other._text

    def __hash__(self) -> int:
        return self._hash


@lru_cache(maxsize=20_000)
def _parse(text: str) -> JID:
    bare, slash, resource = text.partition("/")
    local, at, domain = bare.rpartition("@")
    if at and not local:
        raise InvalidJid(text)
    try:
        return JID(prepare_local(local), prepare_domain(domain), prepare_resource(resource) if slash else "")
    except InvalidJid:
        raise InvalidJid(text) from None


def prepare_local(text: str) -> str:
    """Return a localpart by the UsernameCaseMapped profile (RFC 7622 §3.3); empty stays empty."""
    if not text:
        return ""
    lowered = text.lower() if text.isascii() else _username_case_mapped(text)
    if text.isascii():
        if not _ASCII_LOCAL.fullmatch(lowered):
            raise InvalidJid(text)
    elif not _LOCAL_FORBIDDEN.isdisjoint(lowered):
        raise InvalidJid(text)
    return _within_limit(lowered, text)


def prepare_domain(text: str) -> str:
    """Return a domainpart in lower case, without a final dot (RFC 7622 §3.2).

    Raises:
        InvalidJid: empty, no domain name, no bracketed IPv6 address.
    """
    name = text[:-1] if text.endswith(".") else text
    lowered = name.lower()
    if _ASCII_DOMAIN.fullmatch(lowered) and "xn--" not in lowered:
        return _within_limit(lowered, text)
    if _IPV6.fullmatch(lowered):
        return lowered
    try:
        return _within_limit(idna.decode(idna.encode(name, uts46=True)), text)
    except (idna.IDNAError, UnicodeError):
        raise InvalidJid(text) from None


def prepare_resource(text: str) -> str:
    """Return a resourcepart by the OpaqueString profile (RFC 7622 §3.4); empty stays empty."""
    if not text or _ASCII_RESOURCE.fullmatch(text):
        return _within_limit(text, text)
    return _within_limit(_opaque_string(text), text)


def _within_limit(prepared: str, text: str) -> str:
    if len(prepared) > MAX_PART_BYTES // 4 and len(prepared.encode()) > MAX_PART_BYTES:
        raise InvalidJid(text)
    return prepared


def _username_case_mapped(text: str) -> str:
    return _enforce("UsernameCaseMapped", text)


def _opaque_string(text: str) -> str:
    if text != text.strip(" "):
        raise InvalidJid(text)  # RFC 7622 keeps blanks inside, and no client means one at an end
    return _enforce("OpaqueString", text)


def _enforce(profile: str, text: str) -> str:
    from precis_i18n import get_profile  # 20 ms to import, and most addresses are ASCII

    try:
        return str(get_profile(profile).enforce(text))
    except UnicodeError:
        raise InvalidJid(text) from None
