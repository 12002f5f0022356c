"""The command line: run, check, modules, commands, openapi."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from mim.version import NAME, VERSION

if TYPE_CHECKING:
    from mim.blueprint import Blueprint

config_option = click.option(
    "--config",
    "config_path",
    type=click.Path(path_type=Path),
    envvar="MIM_CONFIG",
    default=Path("mongooseim.toml"),
    show_default=True,
    show_envvar=True,
    help="The TOML file.",
)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(VERSION, prog_name=NAME)
def main() -> None:
    """mim: an XMPP chat server, configured by one TOML file and administered over REST."""


@main.command()
@config_option
@click.option(
    "--data-dir",
    type=click.Path(path_type=Path, file_okay=False),
    envvar="MIM_DATA_DIR",
    default=Path("data"),
    show_default=True,
    show_envvar=True,
    help="Where stored data lie; made if it does not exist.",
)
@click.option("--ephemeral", is_flag=True, help="Keep everything in memory; nothing is left when the server ends.")
@click.option("--print-ports-json", is_flag=True, help="When ready, print the open ports as one line of JSON.")
def run(config_path: Path, data_dir: Path, ephemeral: bool, print_ports_json: bool) -> None:
    """Run the server in the foreground until SIGTERM or SIGINT.

    SIGHUP reads the file again: modules, listeners, hosts, logins and rules follow it, and who is connected stays. A
    file with errors changes nothing; the log says why.
    """
    from mim.quickstart import import_aiohttp

    import_aiohttp()
    blueprint = _load(config_path)
    from mim.run import run_until_signal

    kept = None if ephemeral else data_dir
    sys.exit(run_until_signal(blueprint, kept, config_path, print_ports=print_ports_json))


@main.command()
@click.argument("file", type=click.Path(path_type=Path), required=False)
@config_option
@click.option(
    "--diff",
    nargs=2,
    type=click.Path(path_type=Path),
    metavar="OLD NEW",
    help="Tell what a server that runs on OLD does when it reloads NEW, and what needs a restart.",
)
def check(file: Path | None, config_path: Path, diff: tuple[Path, Path] | None) -> None:
    """Check a configuration FILE without starting anything; exit status 1 means it has errors.

    Errors come with line and column, each with what was found and what is allowed. A good file is summed up: what has
    no effect, what would listen where, which modules would run on which host.
    """
    if diff is not None:
        old = _load(diff[0])
        for line in old.changes_to(_load(diff[1], before=old)) or ["no difference"]:
            click.echo(line)
        return
    path = file or config_path
    blueprint = _load(path, strict=True)
    for line in blueprint.summary():
        click.echo(line)
    click.echo(f"{path}: good")


@main.command()
@config_option
def modules(config_path: Path) -> None:
    """List the modules there are, and on which hosts the file switches them on."""
    blueprint = _load(config_path)
    enabled: dict[str, list[str]] = {}
    for host, options in blueprint.config.hosts.items():
        for name in options.modules:
            enabled.setdefault(name, []).append(host)
    rows = [
        (name, ", ".join(enabled.get(name, [])) or "-", blueprint.catalogue.source_of(name))
        for name in blueprint.catalogue.names
    ]
    _table(("module", "on", "from"), rows)


@main.command()
@click.argument("prefix", default="")
@click.option("--markdown", is_flag=True, help="Print the page of all options.")
def options(prefix: str, markdown: bool) -> None:
    """List the options there are, those whose path begins with PREFIX: type, default, tier."""
    from mim.config import manual
    from mim.plugins import ModuleCatalogue

    catalogue = ModuleCatalogue()
    if markdown:
        click.echo(manual.markdown(catalogue), nl=False)
        return
    _table(
        ("option", "type", "default", "tier"),
        [
            (entry.path, _unmarked(manual.type_of(entry.kind)), _unmarked(manual.default_of(entry)), entry.tier)
            for entry in manual.all_entries(catalogue)
            if entry.path.startswith(prefix)
        ],
    )


def _unmarked(text: str) -> str:
    return text.replace("`", "").replace("*", "")


@main.command()
@config_option
@click.option("--json", "as_json", is_flag=True, help="Print what GET /api/commands answers.")
def commands(config_path: Path, as_json: bool) -> None:
    """List the commands of the admin API that the file switches on."""
    listing = asyncio.run(_load(config_path).command_listing())
    if as_json:
        click.echo(json.dumps(listing, indent=2))
        return
    _table(
        ("method", "path", "name", "arguments", "description"),
        [(c["method"], c["path"], c["name"], ", ".join(c["args"]) or "-", c["desc"]) for c in listing],
    )


@main.command()
@config_option
def openapi(config_path: Path) -> None:
    """Print the OpenAPI document of the commands that the file switches on."""
    click.echo(json.dumps(asyncio.run(_load(config_path).openapi()), indent=2))


@main.command()
@config_option
def health(config_path: Path) -> None:
    """Ask a running server whether it is ready; exit status 1 means it is not, and the reason is printed.

    Asked is /health/ready of the file's first HTTP listener.
    """
    from mim.healthcheck import ask

    reason = ask(_load(config_path).config)
    if reason:
        click.echo(f"not ready: {reason}", err=True)
        sys.exit(1)
    click.echo("ready")


def _load(path: Path, *, before: Blueprint | None = None, strict: bool = False) -> Blueprint:
    """Read the file; on errors print them all, one a line, and exit with status 1.

    *strict*: a TLS listener without a certificate is an error, too; else a self-signed one serves for a first try.
    """
    from mim.blueprint import Blueprint
    from mim.config import ConfigErrors

    try:
        plugin_path = os.environ.get("MIM_PLUGIN_PATH", "")
        blueprint = Blueprint.read(path, plugin_path=plugin_path, before=before, makes_certificates=not strict)
    except OSError as error:
        click.echo(f"{path}: {error.strerror or error}", err=True)
        sys.exit(1)
    except ConfigErrors as errors:
        for problem in errors.problems:
            click.echo(f"{path}: {f'{problem.place}: ' if problem.place else ''}{problem}", err=True)
        click.echo(f"{path}: {len(errors.problems)} error(s), nothing started", err=True)
        sys.exit(1)
    return blueprint


def _table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> None:
    widths = [max(len(row[column]) for row in (head, *rows)) for column in range(len(head))]
    for row in (head, *rows):
        click.echo("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
