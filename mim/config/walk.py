"""Every option that a file writes, with its declaration; every option that there is."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from mim.config.errors import quoted
from mim.config.kinds import Checked, Either, Kind, ListOf, MapOf, ModuleSections, TableOf
from mim.config.tables import Declared, Options, declared_options, kinds_of, tier_of


@dataclass(frozen=True, slots=True)
class Written:
    """One key of the file: where, what it says, what it is."""

    path: str
    raw: Any
    value: Any
    tier: str
    declared: Declared
    kind: Kind
    table: Options
    """The table it stands in."""

    @property
    def is_table(self) -> bool:
        """Tell whether it is a table or an array of tables."""
        return type(self.raw) is dict or (type(self.raw) is list and bool(self.raw) and type(self.raw[0]) is dict)


def written_options(table: Options, raw: dict[str, Any], path: str = "") -> Iterator[Written]:
    """Yield every key written in a table and below it, a table before what is in it."""
    kinds = kinds_of(type(table))
    for name, value in vars(table).items():
        where = f"{path}.{quoted(name)}" if path else quoted(name)
        declared = declared_options(type(table))[name]
        tier = tier_of(type(table), declared)
        yield Written(where, raw[name], value, tier, declared, kinds[name], table)
        yield from _below(kinds[name], value, raw[name], where)


def _below(kind: Kind, value: Any, raw: Any, path: str) -> Iterator[Written]:
    if isinstance(value, Options):
        if type(raw) is dict:
            yield from written_options(value, raw, path)
    elif isinstance(kind, ListOf):
        for place, (item, written) in enumerate(zip(value, raw, strict=False)):
            yield from _below(kind.item, item, written, f"{path}[{place}]")
    elif isinstance(kind, ModuleSections):
        for name, options in value.items():
            yield from _module(name, options, raw[name], f"{path}.{quoted(name)}")
    elif isinstance(kind, MapOf):
        for name, item in value.items():
            yield from _below(kind.item, item, raw[name], f"{path}.{quoted(name)}")


_MODULE = Declared(None, "A module.", name="module")


def _module(name: str, options: Options, raw: Any, path: str) -> Iterator[Written]:
    yield Written(path, raw, options, type(options).__tier__, _MODULE, TableOf(type(options)), options)
    yield from written_options(options, raw, path)


def refers_to(kind: Kind) -> str:
    """Return what an option's value names ("access", "shaper", ...), empty when it names nothing."""
    return kind.condition.refers if isinstance(kind, Checked) else ""


def built_in(kind: Kind) -> tuple[str, ...]:
    """Return the names that an option may hold without their being defined."""
    return kind.condition.builtin if isinstance(kind, Checked) else ()


# --- the vocabulary -------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Entry:
    """One option that there is: its path with ``[]`` for the items of an array and ``<name>`` for a free name."""

    path: str
    declared: Declared
    kind: Kind
    tier: str


def vocabulary(table: type[Options], path: str = "") -> Iterator[Entry]:
    """Yield every option of a table and of those below it."""
    kinds = kinds_of(table)
    for name, declared in declared_options(table).items():
        where = f"{path}.{name}" if path else name
        tier = tier_of(table, declared)
        yield Entry(where, declared, kinds[name], tier)
        yield from _entries_below(kinds[name], where, tier)


def _entries_below(kind: Kind, path: str, tier: str) -> Iterator[Entry]:
    if isinstance(kind, Checked):
        yield from _entries_below(kind.inner, path, tier)
    elif isinstance(kind, Either):
        for arm in kind.arms:
            yield from _entries_below(arm, path, tier)
    elif isinstance(kind, TableOf):
        yield from vocabulary(kind.table, path)
    elif isinstance(kind, ListOf):
        yield from _entries_below(kind.item, f"{path}[]", tier)
    elif isinstance(kind, MapOf):
        named = f"{path}.<name>"
        item = kind.item.item if isinstance(kind.item, ListOf) else kind.item
        if isinstance(item, TableOf) or type(kind.item) is not ListOf:
            yield Entry(named, Declared(None, _first_line(item), name="<name>"), kind.item, _tier_below(item, tier))
        yield from _entries_below(kind.item, named, tier)


def _tier_below(kind: Kind, tier: str) -> str:
    return kind.table.__tier__ if isinstance(kind, TableOf) else tier


def _first_line(kind: Kind) -> str:
    text = kind.table.__doc__ if isinstance(kind, TableOf) else ""
    return (text or "").partition("\n")[0]
