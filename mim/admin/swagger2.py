"""The one user of aiohttp-apispec: operations in, a Swagger 2.0 document out (docs/decisions).

The package describes the routes of an aiohttp application, so one is made for it that never serves anything.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web
from aiohttp_apispec import docs, request_schema, setup_aiohttp_apispec
from marshmallow import Schema, fields

_FIELDS: dict[str, type[fields.Field[Any]]] = {
    "binary": fields.String,
    "integer": fields.Integer,
    "float": fields.Float,
    "boolean": fields.Boolean,
}


@dataclass(frozen=True, slots=True)
class Operation:
    """A command at one path, as the document shows it."""

    method: str
    path: str
    """With parameters in braces."""
    description: Mapping[str, Any]
    """What Swagger 2.0 says of an operation: tags, summary, parameters, responses."""
    body: Mapping[str, tuple[str, Mapping[str, Any]]] = field(default_factory=dict)
    """Members of the JSON body: name to (type as listed, JSON schema)."""
    body_name: str = ""


def swagger2(operations: Iterable[Operation], *, title: str, version: str, **top: Any) -> dict[str, Any]:
    """Return the document of the operations; *top*: further members of its top level."""
    table = web.Application()
    for operation in operations:
        table.router.add_route(operation.method, operation.path, _handler(operation))
    spec = setup_aiohttp_apispec(table, title=title, version=version, url=None, in_place=True, **top)
    found: dict[str, Any] = spec.swagger_dict()
    return found


def _handler(operation: Operation) -> Any:
    async def never_called(request: web.Request) -> web.Response:
        raise AssertionError(request)

    described = docs(**operation.description)(never_called)
    if not operation.body:
        return described
    return request_schema(_schema(operation), location="json", required=True)(described)


def _schema(operation: Operation) -> type[Schema]:
    members = {name: _field(kind, dict(schema)) for name, (kind, schema) in operation.body.items()}
    return Schema.from_dict(members, name=operation.body_name)


def _field(kind: str, schema: dict[str, Any]) -> fields.Field[Any]:
    schema.pop("type", None)
    if kind == "[binary]":
        items = schema.pop("items", {})
        return fields.List(_field("binary", dict(items)), required=True, metadata=schema)
    return _FIELDS[kind](required=True, metadata=schema)
