"""How options are declared: typed, bounded, documented in one place.

A table is a class derived from :class:`Options`; each option is one line that is type, default, bounds and manual::

    class Options(Options):
        history_size: int = option(20, minimum=0, help="Messages of history kept in memory.")

Types are ``bool``, ``int``, ``float``, ``str``, ``Literal[...]``, another table, ``list[...]``, ``dict[str, ...]``,
``X | None`` (not set), ``int | Infinity``, and those of :mod:`mim.config.options`. TOML's types are strict: ``"5"``
is not 5, ``1`` is not ``true``, ``5.0`` is not 5.

Declaring costs nothing: an annotation is read when a file first has its table.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from inspect import get_annotations
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar, dataclass_transform

from mim.config.errors import MISSING, ConfigErrors, Problem, is_secret, shown

if TYPE_CHECKING:
    from mim.config.kinds import Kind, Report

REQUIRED: Any = object()
"""The default of an option that must be written."""


@dataclass(slots=True)
class Declared:
    """One option as its table declares it."""

    default: Any
    help: str
    tier: str = ""
    """"A" works, "B" is accepted and will work later, "C" is accepted and has no effect; empty = as its table."""
    minimum: int | None = None
    maximum: int | None = None
    unit: str = ""
    secret: bool = False
    nonempty: bool = False
    distinct: bool | str = False
    """No two equal items; a text: no two items with the same value of that key."""
    mapped: Mapping[str, str] | None = None
    """Values of another tier or meaning than the option, and what they are treated as."""
    computed: str = ""
    """How the default follows from something else, for the manual."""
    name: str = ""

    @property
    def is_required(self) -> bool:
        """Tell whether it must be written when its table is."""
        return self.default is REQUIRED


def option(
    default: Any = REQUIRED,
    *,
    help: str,
    tier: str = "",
    minimum: int | None = None,
    maximum: int | None = None,
    unit: str = "",
    secret: bool = False,
    nonempty: bool = False,
    distinct: bool | str = False,
    mapped: Mapping[str, str] | None = None,
    computed: str = "",
) -> Any:
    """Declare an option: its default (none = required), bounds, unit, tier, and the line of manual that goes with it.

    *tier*: "A" works, "B" is accepted and will work later, "C" is accepted and has no effect; not given: that of the
    table. *secret*: shown as ``***``. *nonempty*: the array has at least one item. *distinct*: no two items are equal;
    a text: no two have the same value of that key. *mapped*: values that mean something else than they say, or belong
    to another tier ("B", "C -> what they are treated as", "alias of ..."). *computed*: how a default follows.
    """
    return Declared(default, help, tier, minimum, maximum, unit, secret, nonempty, distinct, mapped, computed)


@dataclass(frozen=True, slots=True)
class Refusal:
    """What a table's own rule refuses: the key (empty = the table itself) and what is allowed instead."""

    key: str
    allowed: str
    suggestion: str = ""


@dataclass_transform(kw_only_default=True, frozen_default=True)
class Options:
    """The options of one table: strict types, unknown keys refused, frozen.

    An instance holds what was written; everything else is the default, which is an attribute of the class.

    Raises:
        ConfigErrors: the values given are none the table allows.
    """

    if TYPE_CHECKING:
        __tier__: ClassVar[str]
        __scope__: ClassVar[Mapping[str, Any]]
        __declared__: ClassVar[dict[str, Declared]]
        __kinds__: ClassVar[dict[str, Kind] | None]
    else:
        __tier__ = "A"
        __scope__ = {}
        __declared__ = {}
        __kinds__ = None

    def __init_subclass__(cls, *, tier: str = "", **more: Any) -> None:
        super().__init_subclass__(**more)
        if tier:
            cls.__tier__ = tier
        frame = sys._getframe(1)
        cls.__scope__ = frame.f_locals if frame.f_locals is not frame.f_globals else {}
        cls.__kinds__ = None
        declared: dict[str, Declared] = {}
        for base in reversed(cls.__mro__[1:]):
            declared.update(vars(base).get("__declared__", {}))
        for name, value in list(vars(cls).items()):
            if isinstance(value, Declared):
                value.name = name
                declared[name] = value
                if value.is_required:
                    delattr(cls, name)
                else:
                    setattr(cls, name, value.default)
        cls.__declared__ = declared

    def __init__(self, **values: Any) -> None:
        from mim.config.kinds import Report

        report = Report()
        vars(self).update(checked_values(type(self), values, "", report))
        if report.problems:
            raise ConfigErrors(report.problems)

    def refusals(self) -> Iterator[Refusal]:
        """Yield what is wrong between the keys of this table; every value alone is good already."""
        yield from ()

    def __setattr__(self, name: str, value: Any) -> None:
        raise AttributeError(f"{type(self).__name__} is frozen")

    def __eq__(self, other: object) -> bool:
        if type(self) is not type(other):
            return NotImplemented
        return all(getattr(self, name, REQUIRED) == getattr(other, name, REQUIRED) for name in self.__declared__)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(self._texts())})"

    def _texts(self) -> Iterator[str]:
        for name, value in vars(self).items():
            yield f"{name}=***" if self.__declared__[name].secret or is_secret(name) else f"{name}={value!r}"


def declared_options(table: type[Options]) -> dict[str, Declared]:
    """Return the options of a table by name, in the order of declaration, inherited ones first."""
    return table.__declared__


def tier_of(table: type[Options], declared: Declared) -> str:
    """Return the tier of an option in a table: its own, or else the table's."""
    return declared.tier or table.__tier__


def kinds_of(table: type[Options]) -> dict[str, Kind]:
    """Return the kinds of a table's options; annotations are read on the first call."""
    kinds = table.__kinds__
    if kinds is None:
        from mim.config.kinds import kind_of_annotation

        kinds = {}
        for name, declared in table.__declared__.items():
            owner = next(base for base in table.__mro__ if name in get_annotations(base))
            annotation = get_annotations(owner)[name]
            if isinstance(annotation, str):
                names = {**vars(sys.modules[owner.__module__]), **vars(owner)["__scope__"]}
                annotation = eval(annotation, names)  # noqa: S307 - the text is our own source
            kinds[name] = kind_of_annotation(annotation, declared)
        table.__kinds__ = kinds
    return kinds


def checked_table(table: type[Options], values: Mapping[str, Any], path: str, report: Report) -> Options:
    """Return the options that *values* (a TOML table at *path*) stand for; what is wrong goes to *report*."""
    before = len(report.problems)
    made = table.__new__(table)
    vars(made).update(checked_values(table, values, path, report))
    if len(report.problems) == before:
        for refusal in made.refusals():
            where = f"{path}.{refusal.key}" if path and refusal.key else path or refusal.key
            found = value_at(values, refusal.key) if refusal.key else values
            text = MISSING if found is MISSING else shown(found, secret=is_secret(refusal.key))
            report.add(Problem(where, text, refusal.allowed, refusal.suggestion))
    return made


def value_at(values: Mapping[str, Any], key: str) -> Any:
    """Return what was written at ``a.b[0].c`` inside a table, :data:`MISSING` when nothing was."""
    current: Any = values
    for step in key.replace("[", ".").replace("]", "").split("."):
        if isinstance(current, list) and step.isdigit() and int(step) < len(current):
            current = current[int(step)]
        elif isinstance(current, Mapping) and step in current:
            current = current[step]
        else:
            return MISSING
    return current


def checked_values(table: type[Options], values: Mapping[str, Any], path: str, report: Report) -> dict[str, Any]:
    """Return the checked values of the keys that are written and known."""
    checked: dict[str, Any] = {}
    if not values and not any(declared.is_required for declared in table.__declared__.values()):
        return checked
    kinds = kinds_of(table)
    prefix = f"{path}." if path else ""
    for name, value in values.items():
        kind = kinds.get(name)
        if kind is None:
            report.unknown(path, name, value, kinds)
        else:
            secret = table.__declared__[name].secret or is_secret(name)
            checked[name] = kind.check(value, prefix + name, report, secret)
    for name, declared in table.__declared__.items():
        if declared.is_required and name not in values:
            report.add(Problem(prefix + name, MISSING, kinds[name].allowed))
    return checked


def is_written(options: Options, name: str) -> bool:
    """Tell whether an option was written, rather than left at its default."""
    return name in vars(options)


Table = TypeVar("Table", bound=Options)


def with_options(options: Table, **changes: Any) -> Table:
    """Return a copy with other values."""
    made = type(options).__new__(type(options))
    vars(made).update(vars(options), **changes)
    return made
