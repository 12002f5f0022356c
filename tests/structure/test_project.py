"""What holds for the project as a whole: packages, errors, the example file."""

from __future__ import annotations

from pathlib import Path

import mim.errors
from mim.blueprint import Blueprint
from mim.errors import WIRE, MimError

ROOT = Path(__file__).parents[2]


def test_every_package_is_installed():
    """setup.py finds them; a folder without __init__.py would be left out without a word."""
    for folder in ("mim", "plugins"):
        for path in (ROOT / folder).rglob("*.py"):
            assert (path.parent / "__init__.py").exists(), path


def test_every_kind_of_refusal_has_a_row_of_its_own():
    kinds = [kind for kind in vars(mim.errors).values() if isinstance(kind, type) and issubclass(kind, MimError)]
    assert set(kinds) == set(WIRE)


def test_the_example_file_is_good():
    blueprint = Blueprint.read(ROOT / "mongooseim.toml")
    assert not [notice for notice in blueprint.config.notices if notice.level == "warning"]
