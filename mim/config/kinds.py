"""What an option's annotation allows: a value of TOML in, the checked value or a problem out."""

from __future__ import annotations

import types
import typing
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from mim.config.errors import Problem, names_listed, nearest, quoted, shown, type_name, unknown
from mim.config.modules import Modules, info_of, known_modules
from mim.config.old_names import INNER_MODULES, new_name
from mim.config.tables import Declared, Options, checked_table
from mim.errors import MimError

REFUSED: Any = object()
"""Stands for a value that was refused; whoever made it has reported the problem."""


class Report:
    """Problems as they are found, and what the checks must know besides the value."""

    def __init__(self, modules: Modules | None = None) -> None:
        self.problems: list[Problem] = []
        self.modules = modules

    def add(self, problem: Problem) -> None:
        """Note a problem."""
        self.problems.append(problem)

    def unknown(self, table: str, name: str, value: Any, known: Iterable[str]) -> None:
        """Note a key that its table does not know; one of older releases with the name it has now."""
        path = f"{table}.{quoted(name)}" if table else quoted(name)
        self.problems.append(unknown(path, name, value, known, allowed=new_name(path)))

    def refuse(self, path: str, value: Any, kind: Kind, secret: bool, *, wrong_type: bool = False) -> Any:
        """Note that a value is none *kind* allows; return :data:`REFUSED`."""
        found = shown(value, secret=secret)
        if wrong_type and not isinstance(value, dict):
            found += f" ({type_name(value)})"
        near = nearest(value, kind.choices) if isinstance(value, str) else ""
        self.problems.append(Problem(path, found, new_name(path) or kind.allowed, near))
        return REFUSED


class Kind:
    """One kind of value."""

    noun = "a value"
    types: tuple[type, ...] = ()
    choices: tuple[str, ...] = ()
    """The texts it allows, if these are few."""

    @property
    def allowed(self) -> str:
        """Return ALLOWED of an error text."""
        return f"must be {self.noun}"

    def fits(self, value: Any) -> bool:
        """Tell whether a value is of the right TOML type."""
        return type(value) in self.types

    def check(self, value: Any, path: str, report: Report, secret: bool) -> Any:
        """Return the value as the server uses it, or :data:`REFUSED`."""
        if isinstance(value, str) and getattr(value, "reads_as_toml", False):
            return self._check_read(value, path, report, secret)
        if not self.fits(value):
            return report.refuse(path, value, self, secret, wrong_type=True)
        return self.check_value(value, path, report, secret)

    def _check_read(self, text: str, path: str, report: Report, secret: bool) -> Any:
        """Check what a text from the environment stands for; problems show where it came from, not what it is."""
        attempt = Report(report.modules)
        checked = self.check(self.read(str(text)), path, attempt, secret)
        for problem in attempt.problems:
            report.add(replace(problem, found=shown(text)))
        return checked

    def check_value(self, value: Any, path: str, report: Report, secret: bool) -> Any:
        """Check a value of the right type."""
        return value

    def read(self, text: str) -> Any:
        """Return the value that a text from the environment stands for: what TOML would read, else the text."""
        from mim.config.document import value_of_text

        value = value_of_text(text)
        return value if self.fits(value) else text


class Anything(Kind):
    """Whatever TOML has."""

    def fits(self, value: Any) -> bool:
        """Accept everything."""
        return True


class Boolean(Kind):
    """``true`` or ``false``."""

    noun = "true or false"
    types = (bool,)


class Integer(Kind):
    """An integer between bounds."""

    types = (int,)

    def __init__(self, minimum: int | None = None, maximum: int | None = None) -> None:
        self.minimum = minimum
        self.maximum = maximum

    @property
    def noun(self) -> str:  # type: ignore[override]
        """Return what it is, with its bounds."""
        if self.minimum is not None and self.maximum is not None:
            return f"an integer from {self.minimum} to {self.maximum}"
        if self.minimum is not None:
            return f"an integer of at least {self.minimum}"
        return "an integer" if self.maximum is None else f"an integer of at most {self.maximum}"

    def check_value(self, value: Any, path: str, report: Report, secret: bool) -> Any:
        """Check the bounds."""
        if (self.minimum is not None and value < self.minimum) or (self.maximum is not None and value > self.maximum):
            return report.refuse(path, value, self, secret)
        return value


class Float(Kind):
    """A number with a decimal point."""

    noun = "a number with a decimal point"
    types = (float,)


class Text(Kind):
    """A string."""

    noun = "a string"

    def fits(self, value: Any) -> bool:
        """Accept strings, also those that came from elsewhere."""
        return isinstance(value, str)

    def read(self, text: str) -> Any:
        """Return the text as it is."""
        return text

    def check_value(self, value: Any, path: str, report: Report, secret: bool) -> Any:
        """Return a plain text, whatever it came from."""
        return str(value)


class Choice(Kind):
    """One of a few values."""

    def __init__(self, values: tuple[Any, ...]) -> None:
        self.values = values
        self.types = tuple({type(value) for value in values})
        self.choices = tuple(value for value in values if isinstance(value, str))

    @property
    def noun(self) -> str:  # type: ignore[override]
        """Return the values, for people."""
        words = [shown(value) for value in self.values]
        return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} or {words[-1]}"

    def fits(self, value: Any) -> bool:
        """Accept the types of the values."""
        return type(value) in self.types or (bool(self.choices) and isinstance(value, str))

    def check_value(self, value: Any, path: str, report: Report, secret: bool) -> Any:
        """Check that it is one of them."""
        return value if value in self.values else report.refuse(path, value, self, secret)


class Either(Kind):
    """A value of one of several kinds."""

    def __init__(self, arms: list[Kind]) -> None:
        self.arms = arms
        self.choices = tuple(choice for arm in arms for choice in arm.choices)

    @property
    def noun(self) -> str:  # type: ignore[override]
        """Return what the arms are."""
        return " or ".join(arm.noun for arm in self.arms)

    def fits(self, value: Any) -> bool:
        """Accept what any arm accepts."""
        return any(arm.fits(value) for arm in self.arms)

    def check_value(self, value: Any, path: str, report: Report, secret: bool) -> Any:
        """Check as the arm of that type does; refusals name all arms."""
        attempt = Report(report.modules)
        for arm in self.arms:
            if arm.fits(value):
                checked = arm.check(value, path, attempt, secret)
                if checked is not REFUSED:
                    return checked
        return report.refuse(path, value, self, secret)


class Checked(Kind):
    """A kind with a further condition; the check may return another form of the value."""

    def __init__(self, inner: Kind, condition: Condition) -> None:
        self.inner = inner
        self.condition = condition
        self.choices = inner.choices

    @property
    def allowed(self) -> str:
        """Return the condition's own words."""
        return self.condition.allowed

    @property
    def noun(self) -> str:  # type: ignore[override]
        """Return the condition's words without "must be"."""
        return self.condition.allowed.removeprefix("must be ")

    def fits(self, value: Any) -> bool:
        """Accept what the inner kind accepts."""
        return self.inner.fits(value)

    def read(self, text: str) -> Any:
        """Read as the inner kind does."""
        return self.inner.read(text)

    def check_value(self, value: Any, path: str, report: Report, secret: bool) -> Any:
        """Check the inner kind, then the condition."""
        attempt = Report(report.modules)
        checked = self.inner.check(value, path, attempt, secret)
        if checked is not REFUSED:
            try:
                return self.condition.check(checked, report)
            except (ValueError, OSError, MimError):
                pass
        return report.refuse(path, value, self, secret)


class ListOf(Kind):
    """An array."""

    types = (list,)

    def __init__(self, item: Kind, *, nonempty: bool = False, distinct: bool | str = False) -> None:
        self.item = item
        self.nonempty = nonempty
        self.distinct = distinct
        self.noun = "an array of tables" if isinstance(item, TableOf) else "an array"
        if nonempty:
            self.noun += " of at least one item"

    def check_value(self, value: Any, path: str, report: Report, secret: bool) -> Any:
        """Check every item, then that no two are the same."""
        if self.nonempty and not value:
            return report.refuse(path, value, self, secret)
        items = [self.item.check(item, f"{path}[{place}]", report, secret) for place, item in enumerate(value)]
        if self.distinct:
            self._check_distinct(items, value, path, report)
        return items

    def _check_distinct(self, items: list[Any], value: list[Any], path: str, report: Report) -> None:
        seen: list[Any] = []
        for place, item in enumerate(items):
            if item is REFUSED:
                continue
            where, key, written = f"{path}[{place}]", item, value[place]
            if isinstance(self.distinct, str):
                where = f"{where}.{self.distinct}"
                key, written = getattr(item, self.distinct, REFUSED), written.get(self.distinct)
            if key is not REFUSED and key in seen:
                report.add(Problem(where, shown(written), "must not be named twice"))
            seen.append(key)


class MapOf(Kind):
    """A table of free names."""

    noun = "a table"
    types = (dict,)

    def __init__(self, item: Kind) -> None:
        self.item = item

    def check_value(self, value: Any, path: str, report: Report, secret: bool) -> Any:
        """Check every entry; a name is any text that is not empty."""
        checked = {}
        for name, item in value.items():
            where = f"{path}.{quoted(name)}"
            if not name:
                report.add(Problem(where, '""', "must be a name that is not empty"))
            checked[name] = self.item.check(item, where, report, secret)
        return checked


class TableOf(Kind):
    """A table with options of its own."""

    noun = "a table"
    types = (dict,)

    def __init__(self, table: type[Options]) -> None:
        self.table = table

    def fits(self, value: Any) -> bool:
        """Accept tables, and options that are made already."""
        return type(value) is dict or isinstance(value, self.table)

    def check_value(self, value: Any, path: str, report: Report, secret: bool) -> Any:
        """Check the table's options."""
        return checked_table(self.table, value, path, report) if type(value) is dict else value


class ModuleSections(Kind):
    """``[modules]``: a table per module, checked as the module declares."""

    noun = "a table"
    types = (dict,)

    def check_value(self, value: Any, path: str, report: Report, secret: bool) -> Any:
        """Return the options of each module by its name; parts of the reference's modules (X10) are left out."""
        checked: dict[str, Options] = {}
        for name, section in value.items():
            where = f"{path}.{quoted(name)}"
            if getattr(section, "reads_as_toml", False):
                section = value[name] = self.read(str(section))
            if type(section) is not dict:
                report.add(Problem(where, f"{shown(section)} ({type_name(section)})", "must be a table"))
            elif name in INNER_MODULES:
                continue
            elif report.modules is not None:
                self._check_module(checked, name, section, where, report, report.modules)
        return checked

    @staticmethod
    def _check_module(
        checked: dict[str, Options], name: str, section: Any, where: str, report: Report, modules: Modules
    ) -> None:
        try:
            info = info_of(modules, name)
        except MimError as error:
            report.add(Problem(where, shown(section), error.text))
            return
        if info is not None:
            checked[name] = checked_table(info.options, section, where, report)
            return
        known = known_modules(modules)
        allowed = new_name(where) or f"no such module; there are {names_listed(known)}"
        report.add(Problem(where, shown(section), allowed, "" if new_name(where) else nearest(name, known)))


@dataclass(frozen=True, slots=True)
class ModulesMark:
    """Stands in ``Annotated[dict[str, Any], ModulesMark()]``: the table holds modules."""


@dataclass(frozen=True, slots=True)
class Condition:
    """What a value type demands besides its TOML type; stands in ``Annotated[str, Condition(...)]``."""

    function: Callable[[Any], Any]
    """Returns the value as the server uses it; raises ValueError, OSError or a refusal."""
    allowed: str
    format: str = ""
    """What the manual calls it."""
    refers: str = ""
    """What it names: "access", "shaper", "http pool", "host", "module"."""
    builtin: tuple[str, ...] = ()
    """Names that exist without being defined."""

    def check(self, value: Any, report: Report) -> Any:
        """Return the value in the form to use; raise as the function does."""
        if self.refers == "module" and report.modules is not None and value not in known_modules(report.modules):
            raise ValueError(value)
        return self.function(value)


@dataclass(frozen=True, slots=True)
class Between:
    """The bounds of an integer type; stands in ``Annotated[int, Between(0, 65535)]``."""

    minimum: int
    maximum: int


_SIMPLE: Mapping[Any, type[Kind]] = {bool: Boolean, float: Float, str: Text, Any: Anything}


def kind_of_annotation(annotation: Any, declared: Declared) -> Kind:
    """Return the kind of an option from its annotation and its bounds."""
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is typing.Annotated:
        return _annotated(arguments[0], arguments[1:], declared)
    if origin in (typing.Union, types.UnionType):
        arms = [kind_of_annotation(arm, declared) for arm in arguments if arm is not type(None)]
        return arms[0] if len(arms) == 1 else Either(arms)
    if origin is typing.Literal:
        return Choice(arguments)
    if origin is list:
        item = kind_of_annotation(arguments[0], Declared(None, ""))
        return ListOf(item, nonempty=declared.nonempty, distinct=declared.distinct)
    if origin is dict:
        return MapOf(kind_of_annotation(arguments[1], Declared(None, "")))
    if annotation is int:
        return Integer(declared.minimum, declared.maximum)
    if annotation in _SIMPLE:
        return _SIMPLE[annotation]()
    if isinstance(annotation, type) and issubclass(annotation, Options):
        return TableOf(annotation)
    raise TypeError(f"option {declared.name}: {annotation!r} is no type of the configuration")


def _annotated(annotation: Any, marks: tuple[Any, ...], declared: Declared) -> Kind:
    if any(isinstance(mark, ModulesMark) for mark in marks):
        return ModuleSections()
    bounds = next((mark for mark in marks if isinstance(mark, Between)), None)
    if bounds is not None:
        declared = Declared(declared.default, declared.help, minimum=bounds.minimum, maximum=bounds.maximum)
    kind = kind_of_annotation(annotation, declared)
    for mark in marks:
        if isinstance(mark, Condition):
            kind = Checked(kind, mark)
    return kind
