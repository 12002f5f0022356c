"""Answers of the API: bodies are JSON documents or bare text (section 5)."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import msgspec
from aiohttp import web

from mim.admin.routes import Entry
from mim.commands.results import Snapshot
from mim.net.http import Target

MALFORMED_BODY = "The request body is malformed."
BODY_TOO_LARGE = "The request body is too large."
NO_COMMAND = "Bad parameters length."
FOREIGN_ORIGIN = "origin not allowed"
FAULT = "internal server error"

_JSON = {"Content-Type": "application/json"}
_TEXT = {"Content-Type": "text/plain; charset=utf-8", "X-Content-Type-Options": "nosniff"}
# RFC 3986 §3.3: what a segment may hold as it is.
_SEGMENT = "!$&'()*+,;=:@-._~"


class Refusal(Exception):
    """A request ends here, with a response."""

    def __init__(self, response: web.Response) -> None:
        super().__init__(response.status)
        self.response = response


def text(status: int, words: str, headers: dict[str, str] | None = None) -> web.Response:
    """Return an answer with bare text."""
    if not words:
        return web.Response(status=status, headers=headers)
    return web.Response(status=status, body=words.encode(), headers=_TEXT if headers is None else {**_TEXT, **headers})


def malformed_body() -> Refusal:
    """Return the refusal of a body that is no JSON object, or names something no command knows."""
    return Refusal(text(400, MALFORMED_BODY))


def document(body: bytes) -> web.Response:
    """Return an answer with a JSON document."""
    return web.Response(body=body, headers=_JSON)


def of_result(entry: Entry, value: Any, arguments: list[Any], target: Target) -> web.Response:
    """Return the answer for what a command returned.

    Raises:
        TypeError: it is not what the command declared.
    """
    command = entry.command
    if isinstance(value, Snapshot) and value.encoded is not None:
        return document(value.encoded)
    if not entry.conforms(value):
        raise TypeError(f"command {command.name} returned {type(value).__name__}, declared is {command.result}")
    if not command.returns_value:
        return web.Response(status=204)
    if command.action in ("read", "delete"):
        body = msgspec.json.encode(value)
        if isinstance(value, Snapshot):
            value.encoded = body
        return document(body)
    words = value if isinstance(value, str) else msgspec.json.encode(value).decode()
    if command.action == "update":
        return text(201, words)
    return text(201, words, {"Location": _location(entry, words, arguments, target)})


def _location(entry: Entry, words: str, arguments: list[Any], target: Target) -> str:
    """Return the address of what a command made, percent-encoded."""
    command = entry.command
    if command.location:
        values = {argument.name: value for argument, value in zip(command.arguments, arguments, strict=True)}
        segments = [command.category, *(str(values[name]) for name in command.location)]
    else:
        segments = [*target.path.decoded, words]
    below = "/".join(quote(segment, safe=_SEGMENT) for segment in segments)
    return f"{target.origin}{quote(target.prefix, safe='/' + _SEGMENT + '%')}/{below}"
