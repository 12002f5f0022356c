"""The API document: every command that exists, at every path it can be called with (section 8)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from mim.admin.openapi3 import JSON, SCHEMA, TEXT_TYPES, openapi3
from mim.admin.swagger2 import Operation, swagger2
from mim.commands.model import Argument, Command
from mim.version import VERSION

SERVER_URL = "http://localhost:8088/api"
TITLE = "REST API for the administration of the chat backend"
DESCRIPTION = """\
Everything an administrator does to users, sessions, contacts, messages and rooms, while clients are connected.

Where a user is asked for, give a bare or a full JID: `alice@localhost`, `alice@localhost/phone`.
A JID in a path is percent-encoded: `alice%40localhost%2Fphone`; only the slash has to be.
Errors come as plain text."""
PLAIN_TEXT = "text/plain"
TYPES: dict[str, dict[str, Any]] = {
    "binary": {"type": "string"},
    "integer": {"type": "integer"},
    "float": {"type": "number"},
    "boolean": {"type": "boolean"},
    "[binary]": {"type": "array", "items": {"type": "string"}},
}

_NO_BODY = {
    401: "Credentials are missing or wrong.",
    406: "The client does not accept application/json.",
    415: "The body is not declared as application/json.",
}
_WITH_TEXT = {
    400: "The request is malformed, or an argument is missing or of another type.",
    403: "The page this request comes from may not call the API.",
    404: "No command takes that number of arguments.",
    413: "The request body is too large.",
    500: "Something is wrong with the server; its log tells more.",
}


def document(commands: Iterable[Command], *, server_url: str = SERVER_URL) -> dict[str, Any]:
    """Return the OpenAPI 3.0.3 document of *commands*. *server_url*: where the API is mounted, relative or absolute."""
    chosen = list(commands)
    swagger = swagger2(
        _operations(chosen),
        title=TITLE,
        version=VERSION,
        info={"description": DESCRIPTION, "license": {"name": "Apache-2.0"}},
        tags=[{"name": tag} for tag in dict.fromkeys(command.tag for command in chosen)],
        consumes=["application/json"],
        produces=["application/json"],
        securityDefinitions={"basicAuth": {"type": "basic"}},
        security=[{"basicAuth": []}, {}],
    )
    return openapi3(swagger, [server_url])


def _operations(commands: list[Command]) -> Iterator[Operation]:
    # Two templates that differ in nothing but names are one path, so the first to come names the parameters.
    names: dict[tuple[str, str, int], tuple[str, ...]] = {}
    for command in commands:
        for position, identifiers in enumerate((*command.also_at, command.identifiers)):
            shape = command.category, command.subcategory, len(identifiers)
            shown = tuple(command.path_names.get(name, name) for name in identifiers)
            yield _operation(command, identifiers, names.setdefault(shape, shown), is_first=position == 0)


def _operation(command: Command, identifiers: tuple[str, ...], shown: tuple[str, ...], *, is_first: bool) -> Operation:
    parts = [command.category, *(f"{{{name}}}" for name in shown)]
    if command.subcategory:
        parts.append(command.subcategory)
    in_path = dict(zip(identifiers, shown, strict=True))
    parameters = [_parameter(command, a, "path", in_path[a.name]) for a in command.arguments if a.name in in_path]
    has_body = command.method in ("POST", "PUT")
    if not has_body:
        parameters += [_parameter(command, a, "query", a.name) for a in command.arguments if a.optional]
    description: dict[str, Any] = {
        "tags": [command.tag],
        "summary": command.desc,
        "parameters": parameters,
        "responses": _responses(command, has_body=has_body),
    }
    if command.doc:
        description["description"] = command.doc
    if is_first:
        description["operationId"] = command.name
    body = {a.name: (a.type, _schema(command, a)) for a in command.required if a.name not in in_path}
    return Operation(
        command.method,
        "/" + "/".join(parts),
        description,
        body if has_body else {},
        "_".join((command.name, *(() if is_first else ("with", *body)))),
    )


def _schema(command: Command, argument: Argument) -> dict[str, Any]:
    return {**TYPES[argument.type], **command.schemas.get(argument.name, {})}


def _parameter(command: Command, argument: Argument, place: str, name: str) -> dict[str, Any]:
    parameter = {"in": place, "name": name, "required": place == "path", **_schema(command, argument)}
    if argument.type == "[binary]":
        parameter["collectionFormat"] = "csv"
    if argument.optional and argument.default is not None:
        parameter.setdefault("default", argument.default)
    return parameter


def _responses(command: Command, *, has_body: bool) -> dict[int, dict[str, Any]]:
    # Clients make their Accept header of the types named here, and the API only answers those that take JSON. So a
    # command without a JSON result says that its text goes by that name, too.
    success = _success(command)
    kinds = [PLAIN_TEXT] if SCHEMA in success else [PLAIN_TEXT, JSON]
    responses = {_status(command): success}
    for status, words in _WITH_TEXT.items():
        if (status == 403 and command.action == "read") or (status == 413 and not has_body):
            continue
        told = command.errors.get(status)
        responses[status] = {"description": f"{told} {words}" if told else words, TEXT_TYPES: kinds}
    for status, words in command.errors.items():
        responses.setdefault(status, {"description": words, TEXT_TYPES: kinds})
    for status, words in _NO_BODY.items():
        if status != 415 or has_body:
            responses.setdefault(status, {"description": words})
    return dict(sorted(responses.items()))


def _status(command: Command) -> int:
    if not command.returns_value:
        return 204
    return 200 if command.action in ("read", "delete") else 201


def _success(command: Command) -> dict[str, Any]:
    if not command.returns_value:
        return {"description": "Done."}
    if command.action in ("read", "delete"):
        return {"description": "The result.", SCHEMA: command.schemas.get("result") or _result_schema(command)}
    response: dict[str, Any] = {"description": "The result, as bare text.", TEXT_TYPES: [JSON, PLAIN_TEXT]}
    if command.action == "create":
        response["headers"] = {"Location": {"type": "string", "format": "uri", "description": "What was made."}}
    return response


def _result_schema(command: Command) -> dict[str, Any]:
    """Return the schema of a declared type, in the words both Swagger 2.0 and OpenAPI 3 know."""
    kinds: dict[Any, dict[str, Any]] = {
        str: TYPES["binary"],
        int: TYPES["integer"],
        float: TYPES["float"],
        bool: TYPES["boolean"],
        list[str]: TYPES["[binary]"],
    }
    try:
        return kinds.get(command.result, {})
    except TypeError:  # a type that cannot be hashed
        return {}
