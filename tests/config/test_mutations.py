"""Files broken at random: never a crash, always a path."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import tomli
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mim.config import ConfigErrors, load
from mim.config.errors import Problem
from tests.config.support import CATALOGUE, make_files_named

WHOLE = (Path(__file__).parent / "whole.toml").read_text()
ODD: list[Any] = [
    "", "x", "infinity", "${NO}", "$${", "@file:/no", "@HOST@", "a.@HOST@", "[", "(", "\0", "é", "a" * 2000,
    0, -1, 1, 65536, 2**63, 1.5, float("inf"), float("nan"), True, False, [], {}, [{}], [[]], {"a": {}}, [1, "a"],
]  # fmt: skip


def to_toml(value: Any) -> str:
    """Return a value as TOML writes it inline."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{to_toml(key)} = {to_toml(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(to_toml(item) for item in value) + "]"
    if isinstance(value, str):
        return '"' + "".join(c if c.isalnum() else f"\\U{ord(c):08x}" for c in value) + '"'
    return str(value)


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    found = [path] if path else []
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        found += places(item, (*path, key))
    return found


@pytest.fixture(autouse=True)
def _files(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path_factory.mktemp("files")
    make_files_named(folder)
    monkeypatch.chdir(folder)


def verdict(text: str) -> list[Problem]:
    try:
        load(text, modules=CATALOGUE, environment={}, until="strict")
    except ConfigErrors as errors:
        return errors.problems or [Problem("", "", "")]
    return []


def test_the_whole_file_is_good() -> None:
    assert verdict(WHOLE) == []


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_a_file_with_values_replaced_removed_or_renamed_gives_a_verdict_with_paths(data: st.DataObject) -> None:
    document = copy.deepcopy(tomli.loads(WHOLE))
    for _ in range(data.draw(st.integers(1, 3))):
        path = data.draw(st.sampled_from(places(document)))
        *way, last = path
        parent: Any = document
        for step in way:
            parent = parent[step]
        action = data.draw(st.sampled_from(["replace", "remove", "rename"]))
        if action == "remove":
            del parent[last]
        elif action == "rename" and isinstance(parent, dict):
            name = data.draw(st.sampled_from([f"{last}x", str(last)[:-1], "a.b", 'a"b', "password", "ä"]))
            parent[name] = parent.pop(last)
        else:
            parent[last] = data.draw(st.sampled_from(ODD))
    for problem in verdict("\n".join(f"{to_toml(key)} = {to_toml(value)}" for key, value in document.items())):
        assert problem.path
        assert problem.allowed
        assert problem.place or problem.found == "(missing)"


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, len(WHOLE)), st.integers(0, 30), st.text(max_size=8))
def test_a_text_with_a_piece_replaced_gives_a_verdict(start: int, length: int, piece: str) -> None:
    for problem in verdict(WHOLE[:start] + piece + WHOLE[start + length :]):
        assert problem.path
        assert problem.allowed


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=60))
def test_bytes_give_a_verdict(data: bytes) -> None:
    with pytest.raises(ConfigErrors):
        load(data, modules=CATALOGUE, environment={}, until="strict")
