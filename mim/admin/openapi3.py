"""Swagger 2.0 documents turned into OpenAPI 3.0.3: a pure function for what :mod:`mim.admin.swagger2` writes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

TEXT_TYPES = "x-text"
"""On a Swagger 2.0 response: the types its body of bare text goes by."""
SCHEMA = "x-schema"
"""On a Swagger 2.0 response: the schema of its JSON body, which aiohttp-apispec would want as a marshmallow class."""
JSON = "application/json"

_PARAMETER_KEYS = ("in", "name", "required", "description")


def openapi3(swagger: dict[str, Any], servers: Sequence[str]) -> dict[str, Any]:
    """Return the OpenAPI 3.0.3 form of a Swagger 2.0 document. Schemas with a title become shared ones."""
    schemas = dict(swagger.get("definitions", {}))
    paths = {
        path: {method: _operation(operation, schemas) for method, operation in operations.items()}
        for path, operations in swagger.get("paths", {}).items()
    }
    components: dict[str, Any] = {"schemas": schemas}
    if "securityDefinitions" in swagger:
        components["securitySchemes"] = {
            name: {"type": "http", "scheme": "basic"} for name in swagger["securityDefinitions"]
        }
    document = {
        "openapi": "3.0.3",
        "info": swagger["info"],
        "servers": [{"url": url} for url in servers],
        "tags": swagger.get("tags", []),
        "paths": paths,
        "components": components,
    }
    if "security" in swagger:
        document["security"] = swagger["security"]
    moved: dict[str, Any] = _with_moved_references(document)
    return moved


def _operation(swagger: dict[str, Any], schemas: dict[str, Any]) -> dict[str, Any]:
    operation = {key: value for key, value in swagger.items() if key not in ("parameters", "responses", "produces")}
    parameters = []
    for parameter in swagger.get("parameters", ()):
        if parameter["in"] == "body":
            operation["requestBody"] = {
                "required": parameter.get("required", False),
                "content": {JSON: {"schema": parameter["schema"]}},
            }
        else:
            parameters.append(_parameter(parameter))
    if parameters:
        operation["parameters"] = parameters
    operation["responses"] = {
        str(status): _response(response, schemas) for status, response in swagger["responses"].items()
    }
    return operation


def _parameter(swagger: dict[str, Any]) -> dict[str, Any]:
    parameter = {key: swagger[key] for key in _PARAMETER_KEYS if key in swagger}
    parameter["schema"] = {
        key: value for key, value in swagger.items() if key not in (*_PARAMETER_KEYS, "collectionFormat")
    }
    return parameter


def _response(swagger: dict[str, Any], schemas: dict[str, Any]) -> dict[str, Any]:
    response = {key: value for key, value in swagger.items() if key not in ("headers", SCHEMA, TEXT_TYPES)}
    if "headers" in swagger:
        response["headers"] = {
            name: {
                **({"description": header["description"]} if "description" in header else {}),
                "schema": {key: value for key, value in header.items() if key != "description"},
            }
            for name, header in swagger["headers"].items()
        }
    if SCHEMA in swagger:
        response["content"] = {JSON: {"schema": _shared(swagger[SCHEMA], schemas)}}
    elif TEXT_TYPES in swagger:
        response["content"] = {kind: {"schema": {"type": "string"}} for kind in swagger[TEXT_TYPES]}
    return response


def _shared(schema: Any, schemas: dict[str, Any]) -> Any:
    """Return a schema with each titled part put among the shared ones and referred to."""
    if isinstance(schema, list):
        return [_shared(item, schemas) for item in schema]
    if not isinstance(schema, dict):
        return schema
    whole = {key: _shared(value, schemas) for key, value in schema.items()}
    title = schema.get("title")
    if isinstance(title, str) and schemas.setdefault(title, whole) == whole:
        return {"$ref": f"#/components/schemas/{title}"}
    return whole


def _with_moved_references(value: Any) -> Any:
    if isinstance(value, dict):
        return {
            key: item.replace("#/definitions/", "#/components/schemas/", 1)
            if key == "$ref" and isinstance(item, str)
            else _with_moved_references(item)
            for key, item in value.items()
        }
    return [_with_moved_references(item) for item in value] if isinstance(value, list) else value
