"""What a section of the file that is wrong is told, for the tests of modules' options."""

from __future__ import annotations

from mim.blueprint import Blueprint
from mim.config import ConfigErrors
from tests.harness import config


def problems(modules: str) -> list[str]:
    """Return the paths of the problems of a file with these module sections; none when it is good."""
    try:
        Blueprint.parse(config(modules, admin=None))
    except ConfigErrors as errors:
        return [problem.path for problem in errors.problems]
    return []
