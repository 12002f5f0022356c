"""The declarations: all of the contract's options with its types, defaults and tiers; the page made from them."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from mim.cli import main
from mim.config import manual
from mim.config.kinds import (
    Boolean,
    Checked,
    Choice,
    Either,
    Float,
    Integer,
    Kind,
    ListOf,
    MapOf,
    ModuleSections,
    TableOf,
    Text,
)
from mim.config.tables import Options
from mim.config.walk import Entry
from tests.config.support import CATALOGUE, VOCABULARY, contract_folder, missing_modules

ROOT = Path(__file__).parents[2]

OURS = {
    "listen.c2s[].tls.self_signed",
    "listen.http[].handlers.mongoose_api_admin[].allowed_origins",
    "modules.mod_config_commands",
}
"""Options that MongooseIM does not have."""

FREE_NAMES = {
    "shaper", "acl", "access", "general.mongooseimctl_access_commands",
    "general.mongooseimctl_access_commands.<rule>.argument_restrictions",
}  # fmt: skip
"""Tables of free names: whether none is the empty table or no table makes no difference."""


def type_of(kind: Kind) -> str:
    """Return a kind in the words of config-options.json."""
    if isinstance(kind, Checked):
        return type_of(kind.inner)
    if isinstance(kind, Either):
        first = type_of(kind.arms[0])
        return f"{first}_or_{'infinity' if isinstance(kind.arms[1], Choice) else type_of(kind.arms[1])}"
    if isinstance(kind, ListOf):
        item = type_of(kind.item)
        return "array_of_tables" if item == "table" else f"array<{item}>"
    if isinstance(kind, Choice):
        return "string" if kind.choices else "integer"
    for made, name in ((Boolean, "boolean"), (Integer, "integer"), (Float, "float"), (Text, "string")):
        if isinstance(kind, made):
            return name
    assert isinstance(kind, (TableOf, MapOf, ModuleSections)), kind
    return "table"


def limits_of(kind: Kind) -> dict[str, Any]:
    """Return bounds and choices of a kind in the words of config-options.json."""
    if isinstance(kind, Checked):
        limits = limits_of(kind.inner)
        if kind.condition.builtin and kind.condition.refers == "tls version":
            limits["enum"] = list(kind.condition.builtin)
        return limits
    if isinstance(kind, Either):
        return limits_of(kind.arms[0])
    if isinstance(kind, Choice):
        return {"enum": list(kind.values)}
    if isinstance(kind, Integer):
        found = {"min": kind.minimum, "max": kind.maximum}
        return {name: value for name, value in found.items() if value is not None}
    if isinstance(kind, ListOf) and not isinstance(kind.item, (TableOf, ListOf)):
        items = limits_of(kind.item)
        return {"items": items} if items else {}
    return {}


def plain(value: Any) -> Any:
    if isinstance(value, Options):
        return {name: plain(item) for name, item in vars(value).items()}
    return [plain(item) for item in value] if isinstance(value, list) else value


def default_of(entry: Entry) -> Any:
    declared = entry.declared
    if declared.computed:
        return declared.computed.strip('"') if declared.computed in ('"all"', '"generic"') else {"computed": True}
    if declared.is_required or (isinstance(entry.kind, MapOf) and declared.default == {}):
        return None
    return plain(declared.default)


def wanted_default(option: dict[str, Any]) -> Any:
    if option["required"] or option["path"] in FREE_NAMES:
        return None
    default = option["default"]
    if option["path"] == "modules.mod_register.welcome_message":
        return {}  # what the contract writes is the defaults of its keys
    return {"computed": True} if isinstance(default, dict) and "computed" in default else default


def wanted_limits(values: dict[str, Any]) -> dict[str, Any]:
    limits = {name: values[name] for name in ("enum", "min", "max") if name in values}
    items = {name: values["items"][name] for name in ("enum", "min", "max") if name in values.get("items", {})}
    return {**limits, "items": items} if items else limits


def described(entry: Entry) -> dict[str, Any]:
    return {
        "type": type_of(entry.kind),
        "required": entry.declared.is_required,
        "tier": entry.tier,
        "default": default_of(entry),
        **limits_of(entry.kind),
    }


def test_the_declarations_are_those_of_the_contract() -> None:
    folder = contract_folder()
    if folder is None:
        pytest.skip("the contract's folder is not here: set MIM_CONTRACT_DIR")
    options = json.loads((folder / "config-options.json").read_text())
    absent = missing_modules("\n".join(f"[modules.{name}]" for name in VOCABULARY))
    wanted = {
        re.sub("<[^>]+>", "<name>", option["path"]): {
            "type": option["type"],
            "required": option["required"],
            "tier": option["tier"],
            "default": wanted_default(option),
            **wanted_limits(option["values"] or {}),
        }
        for option in options
        if not any(re.match(rf"modules\.{name}\b", option["path"]) for name in absent)
    }
    declared = {entry.path: described(entry) for entry in manual.all_entries(CATALOGUE)}

    assert sorted(set(declared) - OURS - set(wanted)) == [], "declared, but not in the contract"
    assert sorted(set(wanted) - set(declared)) == [], "in the contract, but not declared"
    assert {path: declared[path] for path in wanted if declared[path] != wanted[path]} == {
        path: wanted[path] for path in wanted if declared[path] != wanted[path]
    }


def test_every_option_has_a_line_of_manual() -> None:
    silent = [
        entry.path
        for entry in manual.all_entries(CATALOGUE)
        if not entry.declared.help and not entry.path.endswith("<name>")
    ]
    assert silent == []


def test_the_page_of_options_is_current() -> None:
    page = (ROOT / "docs" / "options.md").read_text()
    assert page == manual.markdown(CATALOGUE), "make it anew: mim options --markdown > docs/options.md"


def test_options_are_listed_on_the_command_line() -> None:
    result = CliRunner().invoke(main, ["options", "shaper"])
    assert result.exit_code == 0
    assert result.stdout.splitlines() == [
        "option                  type         default   tier",
        "shaper                  table        —         A",
        "shaper.<name>           table        —         A",
        "shaper.<name>.max_rate  integer ≥ 1  required  A",
    ]
    assert CliRunner().invoke(main, ["options", "--markdown"]).stdout == manual.markdown(CATALOGUE)
