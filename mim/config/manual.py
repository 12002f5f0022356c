"""The manual of the options, made from their declarations: types, units, defaults, tiers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from mim.config.errors import shown
from mim.config.kinds import Checked, Choice, Either, Integer, Kind, ListOf, MapOf, ModuleSections, TableOf
from mim.config.modules import Modules, info_of, known_modules
from mim.config.sections import Top
from mim.config.tables import Options
from mim.config.walk import Entry, vocabulary

_REPEATED = ("host_config[].auth.", "host_config[].acl.", "host_config[].access.", "host_config[].s2s.")
"""What is below these is the same as in the section of that name."""

HEAD = """\
# Options

Every option of `mongooseim.toml`. This page is made from the declarations (`mim options --markdown`); do not edit it.

Tier **A** works. **B** is accepted and checked, and will work later; a warning at start names what a file writes of it.
**C** is accepted and checked, and has no effect here; a notice at start names it. `[]` stands for each item of an array
of tables, `<name>` for any name. **required** options must be written when their table is.

Any option may be set by an environment variable: `MIM__LISTEN__HTTP__0__PORT=8080` is `listen.http[0].port`. In strings
`${NAME}` stands for an environment variable (`$${` for these two characters), and a string that begins with `@file:` is
what that file holds.
"""


def all_entries(modules: Modules) -> Iterator[Entry]:
    """Yield every option there is, those of all modules included; what a host repeats is yielded once."""
    for entry in vocabulary(Top):
        if not entry.path.startswith(_REPEATED):
            yield entry
        if entry.path == "modules":
            for name in known_modules(modules):
                yield from module_entries(name, modules)


def module_entries(name: str, modules: Modules) -> Iterator[Entry]:
    """Yield the options of a module, itself first."""
    info = info_of(modules, name)
    if info is not None:
        path = f"modules.{name}"
        yield Entry(path, _section(info.options), TableOf(info.options), info.options.__tier__)
        yield from vocabulary(info.options, path)


def _section(options: type[Options]) -> Any:
    from mim.config.tables import Declared

    return Declared(None, (options.__doc__ or "").partition("\n")[0])


def markdown(modules: Modules) -> str:
    """Return the page of all options."""
    parts = [HEAD]
    entries = list(all_entries(modules))
    for section in dict.fromkeys(_section_of(entry.path) for entry in entries):
        rows = [entry for entry in entries if _section_of(entry.path) == section]
        parts.append(f"## `[{section}]`\n\n{_about(rows[0])}{_table(rows[1:], section)}")
    return "\n".join(parts)


def _section_of(path: str) -> str:
    steps = path.replace("[]", "").split(".")
    return ".".join(steps[: 2 if steps[0] in ("modules", "listen", "outgoing_pools") else 1])


def _about(entry: Entry) -> str:
    help = entry.declared.help
    about = help.partition("``: ")[2] if help.startswith("``") else help
    return f"Tier {entry.tier}.{f' {about[:1].upper()}{about[1:]}' if about else ''}\n"


def _table(entries: Iterable[Entry], section: str) -> str:
    rows = [
        f"| `{entry.path.removeprefix(section).lstrip('[].')}` | {type_of(entry.kind)} | {default_of(entry)} "
        f"| {entry.tier} | {_meaning(entry)} |"
        for entry in entries
    ]
    if not rows:
        return ""
    return "\n".join(("", "| Option | Type | Default | Tier | Meaning |", "|---|---|---|---|---|", *rows, ""))


def type_of(kind: Kind) -> str:
    """Return a kind of value for people who read Markdown."""
    if isinstance(kind, Checked):
        return kind.condition.format or type_of(kind.inner).replace("string", "non-empty string")
    if isinstance(kind, Either):
        return " or ".join(type_of(arm) for arm in kind.arms)
    if isinstance(kind, Choice):
        return " / ".join(f"`{shown(value)}`" for value in kind.values)
    if isinstance(kind, ListOf):
        return "array of tables" if isinstance(kind.item, TableOf) else f"array of {type_of(kind.item)}"
    if isinstance(kind, (TableOf, MapOf, ModuleSections)):
        return "table"
    if isinstance(kind, Integer):
        return _integer(kind)
    return {"a string": "string", "true or false": "boolean"}.get(kind.noun, "number")


def _integer(kind: Integer) -> str:
    if kind.maximum is not None:
        return f"integer {kind.minimum}–{kind.maximum}"
    return "integer" if kind.minimum is None else f"integer ≥ {kind.minimum}"


def default_of(entry: Entry) -> str:
    """Return an option's default for people who read Markdown; a dash for none."""
    declared = entry.declared
    if declared.is_required:
        return "**required**"
    if declared.computed:
        return declared.computed.replace("|", "\\|")
    if declared.default is None or isinstance(declared.default, Options) or declared.default in ({}, []):
        return "—" if declared.default is None or declared.default == {} else _code(declared.default)
    return _code(declared.default)


def _code(value: Any) -> str:
    if isinstance(value, Options):
        written = ", ".join(f"{name} = {shown(item)}" for name, item in vars(value).items())
        return f"`{{{written}}}`" if written else "—"
    if isinstance(value, list) and any(isinstance(item, Options) for item in value):
        return ", ".join(_code(item) for item in value)
    return f"`{shown(value)}`"


def _meaning(entry: Entry) -> str:
    declared = entry.declared
    text = declared.help.replace("|", "\\|")
    if declared.name == "<name>":
        text = "Any name."
    parts = [f"{declared.unit}: {text}" if declared.unit else text]
    for value, meaning in (declared.mapped or {}).items():
        parts.append(f"`{shown(value)}`: {meaning.replace('C -> ', 'treated as ').replace('->', '→')}.")
    return " ".join(parts)
