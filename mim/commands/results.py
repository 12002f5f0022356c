"""Whether what a command returned is what it declared: a promise of the API, so a breach is a fault of the server."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, get_origin

import msgspec


class Snapshot(list[Any]):
    """A list made once and given out often: nobody changes it, so whoever encodes it keeps the bytes with it."""

    encoded: bytes | None = None


def checker(hint: Any) -> Callable[[Any], bool]:
    """Return a predicate for values of a declared result type; None means that no value may come."""
    if hint is None or hint is type(None):
        return lambda value: value is None
    if hint is str:
        return lambda value: isinstance(value, str)
    if hint is Any:
        return lambda value: True
    try:
        msgspec.json.schema(hint)
    except TypeError:  # a type that msgspec does not know
        kind = get_origin(hint) or hint
        return lambda value: isinstance(value, kind)

    def conforms(value: Any) -> bool:
        try:
            msgspec.convert(value, hint)
        except msgspec.ValidationError:
            return False
        return True

    return conforms
