"""What pydantic found wrong, in the words of the contract: PATH, FOUND, ALLOWED."""

from __future__ import annotations

import types
import typing
from typing import Any

from annotated_types import Ge, Le
from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from mim.config.errors import MISSING, Problem, nearest, shown, unknown
from mim.config.options import Allowed

_TYPE_WORDS = {str: "a string", int: "an integer", bool: "true or false", float: "a float", dict: "a table"}
_FOUND_TYPES = {str: "string", bool: "boolean", int: "integer", float: "float", dict: "table", list: "array"}


def path_of(prefix: str, location: tuple[int | str, ...]) -> str:
    """Return a TOML path: ``listen.c2s[0].port``."""
    path = prefix
    for step in location:
        if isinstance(step, int):
            path += f"[{step}]"
        else:
            path += f".{step}" if path else step
    return path


def problems_of(error: ValidationError, model: type[BaseModel], prefix: str) -> list[Problem]:
    """Return the problems of a table at *prefix*, one per path."""
    problems: dict[str, Problem] = {}
    for detail in error.errors(include_url=False):
        location = _real_steps(detail["loc"], model)
        owner, field = _field_at(model, location)
        path = path_of(prefix, location)
        if path in problems:
            continue
        if detail["type"] == "extra_forbidden":
            problems[path] = unknown(path, detail["input"], owner.model_fields)
        elif detail["type"] == "missing":
            problems[path] = Problem(path, MISSING, _allowed(field, location))
        elif detail["type"] == "value_error" and detail["msg"].startswith("Value error, path:"):
            # A table's own rule; the text names the path inside the table and what is allowed.
            _, inner, allowed = detail["msg"].split(":", 2)
            problems[path] = Problem(path_of(path, (inner,)) if inner else path, MISSING, allowed)
        else:
            problems[path] = _wrong_value(path, detail["input"], field, location)
    return list(problems.values())


def _wrong_value(path: str, value: Any, field: FieldInfo | None, location: tuple[int | str, ...]) -> Problem:
    extra = field.json_schema_extra if field is not None else None
    secret = bool(isinstance(extra, dict) and extra.get("secret"))
    allowed = _allowed(field, location)
    found = shown(value, secret=secret)
    choices = _choices(field, location)
    if not secret and not (choices and isinstance(value, str)) and not isinstance(value, (dict, list)):
        kind = _FOUND_TYPES.get(type(value), type(value).__name__)
        if kind not in allowed and not (kind == "integer" and "port" in allowed):
            found += f" ({kind})"
    return Problem(path, found, allowed, nearest(value, choices) if isinstance(value, str) else "")


def _real_steps(location: tuple[int | str, ...], model: type[BaseModel]) -> tuple[int | str, ...]:
    """Return a location without the steps pydantic adds for the arms of a union or the checks of a type."""
    steps: list[int | str] = []
    current: Any = model
    for step in location:
        if isinstance(step, int):
            current = _item_of(current)
        elif isinstance(current, type) and issubclass(current, BaseModel):
            field = current.model_fields.get(step)
            current = field.annotation if field is not None else None
        elif _is_mapping(current):
            current = typing.get_args(_plain(current))[1]
        else:
            continue
        steps.append(step)
        current = _plain(current)
    return tuple(steps)


def _field_at(model: type[BaseModel], location: tuple[int | str, ...]) -> tuple[type[BaseModel], FieldInfo | None]:
    owner: type[BaseModel] = model
    field: FieldInfo | None = None
    current: Any = model
    for step in location:
        if isinstance(step, int):
            current = _plain(_item_of(current))
        elif isinstance(current, type) and issubclass(current, BaseModel):
            owner = current
            field = current.model_fields.get(step)
            current = _plain(field.annotation) if field is not None else None
        elif _is_mapping(current):
            current = _plain(typing.get_args(current)[1])
    return owner, field


def _plain(annotation: Any) -> Any:
    """Return an annotation without Annotated and without ``| None``; the table of a union that has one."""
    while typing.get_origin(annotation) is typing.Annotated:
        annotation = typing.get_args(annotation)[0]
    if typing.get_origin(annotation) in (typing.Union, types.UnionType):
        arms = [_plain(arm) for arm in typing.get_args(annotation) if arm is not type(None)]
        tables = [arm for arm in arms if isinstance(arm, type) and issubclass(arm, BaseModel)]
        return (tables or arms)[0] if len(arms) == 1 or tables else annotation
    return annotation


def _item_of(annotation: Any) -> Any:
    arguments = typing.get_args(_plain(annotation))
    return arguments[0] if arguments else None


def _is_mapping(annotation: Any) -> bool:
    return typing.get_origin(annotation) is dict


def _choices(field: FieldInfo | None, location: tuple[int | str, ...]) -> list[str]:
    if field is None:
        return []
    annotation: Any = field.annotation
    if location and isinstance(location[-1], int):
        annotation = _item_of(annotation)
    return [value for value in _literals(annotation) if isinstance(value, str)]


def _literals(annotation: Any) -> list[Any]:
    origin = typing.get_origin(annotation)
    if origin is typing.Literal:
        return list(typing.get_args(annotation))
    if origin is typing.Annotated or origin in (typing.Union, types.UnionType):
        return [value for arm in typing.get_args(annotation) for value in _literals(arm)]
    return []


def _allowed(field: FieldInfo | None, location: tuple[int | str, ...]) -> str:
    if field is None:
        return "not allowed here"
    annotation: Any = field.annotation
    metadata: list[Any] = list(field.metadata)
    if location and isinstance(location[-1], int):
        annotation, metadata = _item_of(annotation), []
    return _words(annotation, metadata)


def _words(annotation: Any, metadata: list[Any]) -> str:
    if typing.get_origin(annotation) is typing.Annotated:
        annotation, *inner = typing.get_args(annotation)
        metadata = [*inner, *metadata]
    for mark in metadata:
        if isinstance(mark, Allowed):
            return mark.text
    choices = _literals(annotation)
    arms = typing.get_args(annotation) if typing.get_origin(annotation) in (typing.Union, types.UnionType) else ()
    others = [arm for arm in arms if arm is not type(None) and not _literals(arm)]
    if arms and others:
        text = _words(others[0], metadata)
        return text + f" or {_listed(choices)}" if choices else text
    if choices:
        return f"must be {_listed(choices)}"
    if typing.get_origin(annotation) in (list, tuple):
        return "must be an array"
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return "must be a table"
    if typing.get_origin(annotation) is dict:
        return "must be a table"
    return f"must be {_TYPE_WORDS.get(annotation, 'another value')}{_bounds(metadata)}"


def _bounds(metadata: list[Any]) -> str:
    low = next((mark.ge for mark in metadata if isinstance(mark, Ge)), None)
    high = next((mark.le for mark in metadata if isinstance(mark, Le)), None)
    if low is not None and high is not None:
        return f" from {low} to {high}"
    if low is not None:
        return f" of at least {low}"
    return f" of at most {high}" if high is not None else ""


def _listed(choices: list[Any]) -> str:
    words = [f'"{choice}"' if isinstance(choice, str) else str(choice) for choice in choices]
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} or {words[-1]}"
