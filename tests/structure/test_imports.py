"""Imports point one way (docs/architecture.md): a part knows those to its left, never those to its right."""

from __future__ import annotations

import ast
import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

# From left to right; parts of one level may know each other as long as no circle comes of it.
LEVELS: list[set[str]] = [
    {"mim.errors", "mim.clock", "mim.version", "mim.log", "mim.shaper"},
    {"mim.xmpp"},
    {"mim.storage", "mim.config", "mim.auth", "mim.pools"},
    {
        "mim.hooks", "mim.hookspecs", "mim.capabilities", "mim.host", "mim.commands", "mim.session", "mim.router",
        "mim.accounts", "mim.server", "mim.plugin", "mim.plugins",
    },
    {"mim.stream"},
    {"mim.net", "mim.admin"},
    {
        "mim.application", "mim.listeners", "mim.mounts", "mim.blueprint", "mim.run", "mim.healthcheck",
        "mim.quickstart",
    },
    {"mim.cli", "mim.__main__"},
]  # fmt: skip

# What a module may import of mim; everything else is the core's own business.
PUBLIC = (
    "mim.plugin", "mim.xmpp", "mim.errors", "mim.config", "mim.storage", "mim.capabilities", "mim.clock", "mim.version",
)  # fmt: skip


def level_of(module: str) -> int:
    for level, parts in enumerate(LEVELS):
        if any(module == part or module.startswith(part + ".") for part in parts):
            return level
    raise AssertionError(f"{module} belongs to no level; add it to LEVELS and to docs/architecture.md")


def files(folder: str) -> Iterator[tuple[str, Path]]:
    for path in sorted((ROOT / folder).rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        name = ".".join(part for part in parts if part != "__init__")
        yield name, path


def shown(value: object) -> str:
    return value if isinstance(value, str) else ""


def is_module(name: str) -> bool:
    path = ROOT / name.replace("mim_plugins", "plugins").replace(".", "/")
    return path.with_suffix(".py").exists() or (path / "__init__.py").exists()


def imports_of(path: Path, *, only_at_import: bool = False) -> Iterator[tuple[str, int]]:
    """Yield what a file imports; with *only_at_import* not what it imports for type checkers or inside functions."""
    tree = ast.parse(path.read_text())
    nodes: list[ast.AST] = list(ast.iter_child_nodes(tree)) if only_at_import else list(ast.walk(tree))
    for node in nodes:
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, node.lineno
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            inner = [f"{node.module}.{alias.name}" for alias in node.names]
            submodules = [name for name in inner if is_module(name)]
            for name in submodules or [node.module]:
                yield name, node.lineno


def type_checking_lines(path: Path) -> set[int]:
    lines: set[int] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            lines.update(range(node.lineno, (node.end_lineno or node.lineno) + 1))
    return lines


@pytest.mark.parametrize(("name", "path"), list(files("mim")), ids=shown)
def test_a_part_imports_only_what_stands_to_its_left(name: str, path: Path):
    if name == "mim":
        return
    own = level_of(name)
    typing_only = type_checking_lines(path)
    for imported, line in imports_of(path):
        if not imported.startswith("mim.") or line in typing_only:
            continue
        where = f"{path.relative_to(ROOT)}:{line}"
        assert level_of(imported) <= own, f"{where} imports {imported}, which stands to the right"


def test_there_is_no_import_cycle():
    graph: dict[str, set[str]] = {}
    known = {name for name, _ in itertools.chain(files("mim"), files("plugins"))}
    for name, path in files("mim"):
        typing_only = type_checking_lines(path)
        graph[name] = {
            imported
            for imported, line in imports_of(path, only_at_import=True)
            if imported in known and imported != name and line not in typing_only
        }
    done: set[str] = set()

    def visit(name: str, path: tuple[str, ...]) -> None:
        assert name not in path, " -> ".join((*path[path.index(name) :], name))
        if name in done:
            return
        for other in graph.get(name, ()):
            visit(other, (*path, name))
        done.add(name)

    for name in graph:
        visit(name, ())


@pytest.mark.parametrize(("name", "path"), list(files("plugins")), ids=shown)
def test_a_module_uses_the_public_interface_only(name: str, path: Path):
    own = "mim_plugins." + name.removeprefix("plugins").removeprefix(".").split(".")[0]
    for imported, line in imports_of(path):
        where = f"{path.relative_to(ROOT)}:{line}"
        if imported.startswith("mim."):
            assert any(imported == part or imported.startswith(part + ".") for part in PUBLIC), f"{where}: {imported}"
        if imported.startswith("mim_plugins"):
            assert imported == own or imported.startswith(own + "."), f"{where}: modules do not import each other"
        assert imported.partition(".")[0] not in ("sqlite3", "asyncpg", "plugins"), f"{where}: {imported}"
