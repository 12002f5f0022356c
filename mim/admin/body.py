"""Request bodies: exactly the JSON of RFC 8259, an object, its members in order with repetitions."""

from __future__ import annotations

import json
from typing import Any

import msgspec

_decoder = msgspec.json.Decoder()


class MalformedBody(ValueError):
    """No JSON object: not JSON, not UTF-8, nested too deeply, followed by more, or another value."""


def members(body: bytes) -> tuple[tuple[str, Any], ...]:
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
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise MalformedBody from error
    return tuple((name, _plain(value)) for name, value in pairs.items)


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
