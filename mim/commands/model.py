"""What a command is: one typed function with its metadata.

    @command("users", action="read", desc="List registered users on this host", tag="User management")
    async def list_users(self, host: str) -> list[str]: ...

From the signature come the arguments (name, type, order; a default makes one optional), from ``action`` the
method, from all of it the path (contract/admin-api, section 3). A parameter whose name is a Python keyword takes a
final underscore: ``with_`` is the argument ``with``.
"""

from __future__ import annotations

import inspect
import typing
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar, get_type_hints

Action = Literal["read", "create", "update", "delete"]
METHODS: Mapping[str, str] = {"read": "GET", "create": "POST", "update": "PUT", "delete": "DELETE"}

# The listing's names of types, as 5.1 wrote them internally.
TYPE_NAMES: Mapping[Any, str] = {str: "binary", int: "integer", bool: "boolean", float: "float", list[str]: "[binary]"}

F = TypeVar("F", bound=Callable[..., Any])
_MARK = "__mim_command__"


@dataclass(frozen=True, slots=True)
class Argument:
    """A command's argument. *type* is the listing's word: binary, integer, boolean, float, [binary]."""

    name: str
    type: str
    optional: bool = False
    default: Any = None
    xml_text: bool = False
    """The value travels inside a stanza, so it may hold only characters XML can carry."""


@dataclass(frozen=True, slots=True)
class Command:
    """A declared command, bound to the object that runs it."""

    name: str
    category: str
    subcategory: str
    action: Action
    desc: str
    arguments: tuple[Argument, ...]
    identifiers: tuple[str, ...]
    """Arguments in the path. For read and delete: all required ones, in order."""
    result: Any
    """The declared type of the value; None: it returns none."""
    function: Callable[..., Awaitable[Any]]
    tag: str = ""
    doc: str = ""
    errors: Mapping[int, str] = field(default_factory=dict)
    """Statuses the command may answer with, each with a sentence for the API document."""
    schemas: Mapping[str, Any] = field(default_factory=dict)
    """JSON schemas for the API document: by argument name, and "result" for the value."""
    location: tuple[str, ...] = ()
    """For create: the arguments that, below the category, address what was made. Empty: the request's own address
    and the value."""
    also_at: tuple[tuple[str, ...], ...] = ()
    """Further choices of identifiers the command can be reached with; the listing shows only :attr:`path`."""
    path_names: Mapping[str, str] = field(default_factory=dict)
    """Names of arguments in the paths of the API document, where another than the argument's own reads better."""
    required: tuple[Argument, ...] = field(init=False)
    """The arguments that must be given."""
    has_xml_text: bool = field(init=False)
    """Some argument travels inside a stanza."""

    def __post_init__(self) -> None:
        required = tuple(argument for argument in self.arguments if not argument.optional)
        object.__setattr__(self, "required", required)
        object.__setattr__(self, "has_xml_text", any(argument.xml_text for argument in self.arguments))

    @property
    def method(self) -> str:
        """Return the HTTP word for the action, which the listing shows."""
        return METHODS[self.action]

    @property
    def path(self) -> str:
        """Return the path as listed, bindings with a colon: ``/contacts/:caller/:jid``."""
        parts = [self.category, *(f":{name}" for name in self.identifiers)]
        if self.subcategory:
            parts.append(self.subcategory)
        return "/" + "/".join(parts)

    @property
    def returns_value(self) -> bool:
        """Return whether the command gives a value back."""
        return self.result is not None


@dataclass(frozen=True, slots=True)
class _Declaration:
    name: str
    category: str
    subcategory: str
    action: Action
    desc: str
    identifiers: tuple[str, ...]
    xml_text: frozenset[str]
    tag: str
    errors: Mapping[int, str]
    schemas: Mapping[str, Any]
    location: tuple[str, ...]
    also_at: tuple[tuple[str, ...], ...]
    path_names: Mapping[str, str]


def command(
    category: str,
    *,
    action: Action,
    desc: str,
    name: str = "",
    subcategory: str = "",
    identifiers: tuple[str, ...] = (),
    xml_text: tuple[str, ...] = (),
    tag: str = "",
    errors: Mapping[int, str] | None = None,
    schemas: Mapping[str, Any] | None = None,
    location: tuple[str, ...] = (),
    also_at: tuple[tuple[str, ...], ...] = (),
    path_names: Mapping[str, str] | None = None,
) -> Callable[[F], F]:
    """Declare a method as a command; see the module's text. The method's name is the command's unless *name* is given.

    *identifiers*: for create and update, the arguments that stand in the path. *xml_text*: arguments that travel in
    a stanza. *location*, *also_at*, *path_names*, *errors*, *schemas*, *tag*: see :class:`Command`.
    """

    def mark(function: F) -> F:
        declaration = _Declaration(
            name or function.__name__,
            category,
            subcategory,
            action,
            desc,
            identifiers,
            frozenset(xml_text),
            tag or category,
            errors or {},
            schemas or {},
            location,
            also_at,
            path_names or {},
        )
        setattr(function, _MARK, declaration)
        return function

    return mark


def commands_of(owner: object) -> Iterator[Command]:
    """Yield the commands declared by an object's methods, in the order of their definition."""
    seen: set[str] = set()
    for kind in type(owner).__mro__:
        for attribute, value in vars(kind).items():
            declaration = getattr(value, _MARK, None)
            if isinstance(declaration, _Declaration) and attribute not in seen:
                seen.add(attribute)
                yield _bind(declaration, getattr(owner, attribute))


def _bind(declaration: _Declaration, function: Callable[..., Awaitable[Any]]) -> Command:
    hints = get_type_hints(function)
    arguments = tuple(
        _argument(parameter, hints[parameter.name], declaration)
        for parameter in inspect.signature(function).parameters.values()
    )
    required = tuple(argument.name for argument in arguments if not argument.optional)
    in_path = required if declaration.action in ("read", "delete") else declaration.identifiers
    named = {*in_path, *(name for names in declaration.also_at for name in names), *declaration.location}
    unknown = named - set(required)
    if unknown:
        raise TypeError(f"command {declaration.name}: identifiers {sorted(unknown)} are no required arguments")
    return Command(
        name=declaration.name,
        category=declaration.category,
        subcategory=declaration.subcategory,
        action=declaration.action,
        desc=declaration.desc,
        arguments=arguments,
        identifiers=in_path,
        result=None if hints.get("return", type(None)) is type(None) else hints["return"],
        function=function,
        tag=declaration.tag,
        doc=inspect.getdoc(function) or "",
        errors=declaration.errors,
        schemas=declaration.schemas,
        location=declaration.location,
        also_at=declaration.also_at,
        path_names=declaration.path_names,
    )


def _argument(parameter: inspect.Parameter, hint: Any, declaration: _Declaration) -> Argument:
    name = parameter.name.removesuffix("_")
    try:
        kind = TYPE_NAMES[hint]
    except (KeyError, TypeError):
        kind_of = typing.cast(Any, hint)
        raise TypeError(f"command {declaration.name}: {name} is a {kind_of}, which has no name") from None
    optional = parameter.default is not inspect.Parameter.empty
    return Argument(
        name, kind, optional, parameter.default if optional else None, xml_text=name in declaration.xml_text
    )
