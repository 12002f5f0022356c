"""Request bodies: exactly the JSON of RFC 8259, an object, its members in order with repetitions."""

from __future__ import annotations

import json
from collections.abc import Container
from typing import Any

import msgspec
from aiohttp import web

from mim.admin.answers import BODY_TOO_LARGE, MALFORMED_BODY, Refusal, malformed_body, text
from mim.net.http_connection import BodyBroken, BodyTooLarge, read_body

MAX_BYTES = 8_000_000
Members = tuple[tuple[str, Any], ...]

_decoder = msgspec.json.Decoder()


class MalformedBody(ValueError):
    """No JSON object: not JSON, not UTF-8, nested too deeply, followed by more, or another value."""


async def read_members(request: web.BaseRequest, known: Container[str]) -> Members:
    """Return the members of a request's body.

    Raises:
        Refusal: it is too large, does not come, is no JSON object, or has a member whose name is not *known*.
    """
    try:
        found = members(await read_body(request, MAX_BYTES))
    except BodyTooLarge:
        raise _last_words(413, BODY_TOO_LARGE) from None
    except BodyBroken:
        raise _last_words(400, MALFORMED_BODY) from None
    except MalformedBody:
        raise malformed_body() from None
    if not all(name in known for name, _ in found):
        raise malformed_body()
    return found


def _last_words(status: int, words: str) -> Refusal:
    """Return a refusal after which the connection, in the middle of a body, is of no use."""
    response = text(status, words)
    response.force_close()
    return Refusal(response)


def members(body: bytes) -> Members:
    """Return the members of a JSON object.

    Equal names are kept, as they count (section 4.3). The fast decoder keeps the last of them only; that it dropped
    none is proved by the number of quotation marks, which holds for every plain body.

    Raises:
        MalformedBody: see there.
    """
    try:
        value = _decoder.decode(body)
        if not isinstance(value, dict):
            raise MalformedBody
        if body.count(b'"') == 2 * (len(value) + sum(map(_is_text, value.values()))):
            return tuple(value.items())
        # The text is known to be sound; this decoder is only asked because it tells of repetitions.
        pairs: _Pairs = json.loads(body, object_pairs_hook=_Pairs)
        return tuple((name, _plain(value)) for name, value in pairs.items)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise MalformedBody from error


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


class _Pairs:
    """A JSON object with its repetitions."""

    def __init__(self, items: list[tuple[str, Any]]) -> None:
        self.items = items


def _plain(value: Any) -> Any:
    """Return a decoded value with objects as dicts again."""
    if isinstance(value, _Pairs):
        return {name: _plain(item) for name, item in value.items}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return value
