"""The contract's own files: what must load does, what must not is refused at the path and stage it says."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import tomli

from mim.config import ConfigErrors, load
from mim.config.modules import info_of
from tests.config.support import (
    BEING_WRITTEN,
    CATALOGUE,
    INVALID,
    VOCABULARY,
    contract_folder,
    make_files_named,
    missing_modules,
    problems,
)

# A file that configures a module without plugin and without declaration is left out until that module is there.
REFUSED_FILES = [path for path in sorted(INVALID.glob("*.toml")) if not missing_modules(path.read_text())]


@pytest.fixture
def files_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_files_named(tmp_path)
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("path", REFUSED_FILES, ids=lambda path: path.stem)
def test_file_with_one_mistake_is_refused_at_its_path(path: Path, files_named: None) -> None:
    text = path.read_text()
    wanted, stage = text.splitlines()[0].removeprefix("# "), text.splitlines()[1]

    found = problems(text, until="load")
    if stage.startswith("# stage: strict"):
        assert found == [], "the reference lets it pass"
        found = problems(text)

    assert [problem.path for problem in found] == [wanted], [str(problem) for problem in found]
    near = re.search(r"nearest: (\S+?)\)", stage)
    if near and not _is_missing(near[1]):
        assert found[0].suggestion == near[1] or near[1] in found[0].allowed
    now = re.search(r"\(now (\S+?)\)", stage)
    if now:
        assert now[1] in found[0].allowed
    assert found[0].place or found[0].found == "(missing)", "no place in the text"


def _is_missing(name: str) -> bool:
    return name in VOCABULARY and info_of(CATALOGUE, name) is None


def test_modules_without_declaration_are_those_whose_plugins_are_being_written() -> None:
    assert {name for name in VOCABULARY if _is_missing(name)} <= BEING_WRITTEN


def expectations() -> list[Any]:
    folder = contract_folder()
    if folder is None:
        return [pytest.param(None, "", id="absent")]
    expected = json.loads((folder / "data" / "expected-valid.json").read_text())
    return [pytest.param(folder / "data" / name, name, id=name) for name in expected]


@pytest.mark.parametrize(("path", "name"), expectations())
def test_valid_file_gives_what_is_expected(path: Path | None, name: str, files_named: None) -> None:
    if path is None:
        pytest.skip("the contract's folder is not here: set MIM_CONTRACT_DIR")
    expected = json.loads((path.parent / "expected-valid.json").read_text())[name]
    text = path.read_text()
    missing = missing_modules(text)
    text = _without(text, missing)
    left_out = re.compile(rf".*modules\.({'|'.join(missing)})\b.*") if missing else re.compile(r"(?!)")

    config = load(text, modules=CATALOGUE, environment={}, until="load")
    strict = {problem.path for problem in problems(text)}

    def wanted(paths: list[str]) -> list[str]:
        return sorted(path for path in paths if not left_out.fullmatch(path))

    assert sorted(strict) == wanted(expected["strict_errors"])
    assert sorted(config.tiers.b) == wanted(expected["tier_b"])
    assert sorted(config.tiers.c) == wanted(expected["tier_c"])
    assert config.tiers.mapped == {
        path: text for path, text in expected["mapped_values"].items() if not left_out.fullmatch(path)
    }


def _without(text: str, missing: set[str]) -> str:
    """Return the text without the sections of modules that do not exist yet, and without their names in lists."""
    document = tomli.loads(text)
    for name in missing:
        assert info_of(CATALOGUE, name) is None
    lines, keep = [], True
    for line in text.splitlines():
        header = re.match(r"\s*\[+([^\]]+)\]", line)
        if header:
            keep = not re.match(rf"(host_config\.)?modules\.({'|'.join(missing) or '(?!)'})(\.|$)", header[1])
        lines.append(line if keep else "")
    shorter = re.sub(rf'"({"|".join(missing) or "(?!)"})"(, *)?', "", "\n".join(lines))
    assert set(tomli.loads(shorter)) <= set(document)
    return shorter


def test_every_problem_is_told_at_once() -> None:
    with pytest.raises(ConfigErrors) as refused:
        load(
            '[general]\nhosts = [""]\nloglevel = 4\n[[listen.c2s]]\nport = "5222"\n[shaper.x]\nmaxrate = 1\n[what]\n',
            modules=CATALOGUE,
        )
    assert [problem.path for problem in refused.value.problems] == [
        "general.default_server_domain",
        "general.hosts[0]",
        "general.loglevel",
        "listen.c2s[0].port",
        "shaper.x.max_rate",
        "shaper.x.maxrate",
        "what",
    ]
