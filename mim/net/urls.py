"""Request targets as values: paths split and decoded strictly, queries, host names (RFC 3986)."""

from __future__ import annotations

import re
from typing import NamedTuple
from urllib.parse import unquote_to_bytes

_BAD_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")
_AUTHORITY = re.compile(r"(?P<name>[A-Za-z0-9._~!$&'()*+,;=%-]*|\[[0-9A-Fa-f:.]+\])(?::[0-9]*)?")


class BadUrl(ValueError):
    """A target with a broken percent escape, or that is no UTF-8 once decoded."""


class Path(NamedTuple):
    """The segments of a path, as sent and decoded. A trailing slash is gone; an empty segment inside is kept."""

    raw: tuple[str, ...]
    decoded: tuple[str, ...]


def decode(text: str) -> str:
    """Return *text* with its percent escapes decoded.

    Raises:
        BadUrl: an escape is broken, or the bytes are no UTF-8.
    """
    if "%" not in text and text.isascii():
        return text
    if _BAD_ESCAPE.search(text):
        raise BadUrl(text)
    try:
        return unquote_to_bytes(text.encode("utf-8", "surrogateescape")).decode()
    except UnicodeDecodeError as error:
        raise BadUrl(text) from error


def parse_path(path: str) -> Path:
    """Split an absolute path into segments, dot segments resolved (RFC 3986 §5.2.4), encoded dots included.

    Raises:
        BadUrl: see :func:`decode`; or the path does not begin with a slash.
    """
    if path[:1] != "/":
        raise BadUrl(path)
    raw = path[1:].split("/")
    decoded = raw if "%" not in path and path.isascii() else [decode(segment) for segment in raw]
    if "." in decoded or ".." in decoded:
        raw, decoded = _without_dots(raw, decoded)
    if not raw[-1]:
        raw, decoded = raw[:-1], decoded[:-1]
    return Path(tuple(raw), tuple(decoded))


def _without_dots(raw: list[str], decoded: list[str]) -> tuple[list[str], list[str]]:
    kept: list[tuple[str, str]] = []
    for pair in zip(raw, decoded, strict=True):
        if pair[1] == "..":
            if kept:
                kept.pop()
        elif pair[1] != ".":
            kept.append(pair)
    if decoded[-1] in (".", "..") or not kept:
        kept.append(("", ""))  # what is left is a folder: its slash stays
    return [pair[0] for pair in kept], [pair[1] for pair in kept]


def parse_query(query: str) -> tuple[tuple[str, str], ...]:
    """Return the parameters of a query in order. A plus is a blank; a name without ``=`` has the value "".

    Raises:
        BadUrl: see :func:`decode`; or a value has no name.
    """
    if not query:
        return ()
    pairs = []
    for part in query.split("&"):
        if not part:
            continue
        name, _, value = part.partition("=")
        if not name:
            raise BadUrl(query)
        pairs.append((decode(name.replace("+", " ")), decode(value.replace("+", " "))))
    return tuple(pairs)


def host_name(authority: str) -> str:
    """Return the host of ``host:port`` in lower case, without the brackets of an IPv6 address.

    Raises:
        BadUrl: it is none.
    """
    match = _AUTHORITY.fullmatch(authority)
    if match is None:
        raise BadUrl(authority)
    return match["name"].strip("[]").lower()
