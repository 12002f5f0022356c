"""What of a file has no effect, or not yet (contract/config, section 1)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from mim.config.kinds import ListOf
from mim.config.sections import Top
from mim.config.tables import Options, declared_options, is_written
from mim.config.walk import Written

_EMBEDDED = "C -> the embedded default store"
_NOT_READ = f"{_EMBEDDED}; the old data are not read"
_STORES = {
    "mnesia": _EMBEDDED,
    **dict.fromkeys(("riak", "cassandra", "elasticsearch", "ldap"), _NOT_READ),
}
"""Stores of the reference; what modules mean by the values of ``backend`` and ``user_prefs_store``."""


@dataclass(slots=True)
class Tiers:
    """The topmost paths of each tier that a file writes, and values that mean something else than they say."""

    b: list[str] = field(default_factory=list)
    c: list[str] = field(default_factory=list)
    mapped: dict[str, str] = field(default_factory=dict)
    """``VALUE: what it is treated as`` by path."""
    fallen_back: list[str] = field(default_factory=list)
    """Options whose default is a database that is not configured."""

    def warning(self) -> str:
        """Return what is named once at start as not honoured yet, empty when there is nothing."""
        later = [path for path, text in self.mapped.items() if _tier(text) == "B"]
        paths = [*self.b, *(f"{path} = {self.mapped[path].partition(':')[0]}" for path in later)]
        return f"accepted, not honoured yet: {', '.join(paths)}" if paths else ""

    def notice(self) -> str:
        """Return what is named once at start as having no effect, empty when there is nothing."""
        parts = []
        if self.c:
            parts.append(f"no effect: {', '.join(self.c)}")
        parts += [f"{path} = {_for_people(text)}" for path, text in self.mapped.items() if _tier(text) != "B"]
        parts += [f"{path}: no database is configured -> the embedded default store" for path in self.fallen_back]
        return "; ".join(parts)


def _for_people(text: str) -> str:
    value, _, meaning = text.partition(": ")
    if meaning.startswith("C -> "):
        return f"{value} -> {meaning[5:]}"
    return f"{value}: no effect" if meaning == "C" else f"{value} is an {meaning}"


def _tier(text: str) -> str:
    return text.partition(": ")[2][:1]


def tiers_of(written: Iterable[Written], top: Top) -> Tiers:
    """Return what of the written options is of tier B or C, the topmost of each."""
    tiers = Tiers()
    named: dict[str, str] = {}  # tier B or C -> the table named last; what is below it is not named again
    for item in written:
        for tier, found in (("B", tiers.b), ("C", tiers.c)):
            above = named.get(tier, "")
            if item.tier == tier and not (above and item.path.startswith((f"{above}.", f"{above}["))):
                above_c = named.get("C", "")
                if tier == "B" and above_c and item.path.startswith((f"{above_c}.", f"{above_c}[")):
                    continue
                if item.is_table or not _is_default(item):
                    found.append(item.path)
                    if item.is_table:
                        named[tier] = item.path
        _mapped(item, tiers.mapped)
    if "default" not in top.outgoing_pools.rdbms:
        tiers.fallen_back += _fallen_back(top)
    return tiers


def _is_default(item: Written) -> bool:
    return bool(item.value == item.declared.default)


def _mapped(item: Written, mapped: dict[str, str]) -> None:
    meanings = item.declared.mapped
    if meanings is None and re.search(r"modules\.mod_\w+\..*(backend|user_prefs_store)$", item.path):
        meanings = _STORES
    if not meanings:
        return
    values: list[Any] = item.value if isinstance(item.kind, ListOf) else [item.value]
    texts = [f"{value}: {meanings[value]}" for value in values if value in meanings]
    if texts:
        mapped[item.path] = "; ".join(texts)


def _fallen_back(top: Top) -> Iterator[str]:
    """Yield the stores that nobody wrote and whose default is a database."""
    yield from _defaults(top.modules, "modules")
    for place, section in enumerate(top.host_config):
        yield from _defaults(section.modules or {}, f"host_config[{place}].modules")
    if top.services.service_domain_db is not None:
        yield "services.service_domain_db"


def _defaults(sections: dict[str, Options], path: str) -> Iterator[str]:
    for name, options in sections.items():
        declared = declared_options(type(options)).get("backend")
        default = declared.default if declared is not None else None
        if isinstance(default, str) and default.startswith("rdbms") and not is_written(options, "backend"):
            yield f"{path}.{name}.backend"
