"""``python -m bench``: run mim and the peers that are installed through the same operations, print ratios."""

from __future__ import annotations

import asyncio
import json
import shutil
import tempfile
from datetime import UTC, datetime
from pathlib import Path

import click
import uvloop

from bench import rest_operations
from bench.measure import Result, machine, memory_kib
from bench.peers import PEERS, Peer, Settings
from bench.report import chart, table
from bench.xmpp_operations import OPERATIONS, QUICK, Sizes, chat


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--peers", default=",".join(PEERS), show_default=True, help="Which servers, separated by commas.")
@click.option("--only", default="", help=f"Operations: start, rest, noarchive, {', '.join(OPERATIONS)}; default: all.")
@click.option("--runs", default=1, show_default=True, help="Repeat everything; the table shows medians of the CPU.")
@click.option("--quick", is_flag=True, help="Small sizes: a look, not figures.")
@click.option("--results", type=click.Path(path_type=Path), default=Path("bench/results"), show_default=True)
def main(peers: str, only: str, runs: int, quick: bool, results: Path) -> None:
    """Measure mim beside ejabberd and Prosody on this machine."""
    wanted = [name for name in peers.split(",") if name]
    versions = {name: PEERS[name].version() for name in wanted}
    for name, version in versions.items():
        if not version:
            click.echo(f"{name} is not installed and is left out")
    chosen = set(filter(None, only.split(",")))
    collected: list[Result] = []
    for number in range(runs):
        for name in wanted:
            if versions[name]:
                click.echo(f"run {number + 1} of {runs}: {name} {versions[name]}")
                collected += uvloop.run(_measure(PEERS[name], QUICK if quick else Sizes(), chosen))
    if not collected:
        raise click.ClickException("nothing was measured")
    results.mkdir(parents=True, exist_ok=True)
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    document = {"when": stamp, "machine": machine(), "versions": versions, "results": [r.to_json() for r in collected]}
    (results / f"{stamp}.json").write_text(json.dumps(document, indent=1))
    (results / "latest.svg").write_text(chart(collected))
    (results / "latest.md").write_text(table(collected) + "\n")
    click.echo(table(collected))


def _new_folder() -> Path:
    """Return a folder that the servers' own users may enter."""
    folder = Path(tempfile.mkdtemp(prefix="mim-bench-"))
    folder.chmod(0o755)
    return folder


async def _measure(kind: type[Peer], sizes: Sizes, chosen: set[str]) -> list[Result]:
    """Run the chosen operations on one server, each group on an empty store."""
    results: list[Result] = []
    for group in ("start", "rest", "noarchive", *OPERATIONS):
        if chosen and group not in chosen:
            continue
        folder = _new_folder()
        peer = kind(folder)
        try:
            seconds = peer.start(Settings(archive=group != "noarchive"))
            if group == "start":
                mib = memory_kib(peer.pid) / 1024
                label = "start, seconds until the ports are open"
                results.append(Result(peer.name, label, 1, seconds, 0.0, memory_mib=mib))
            elif group == "rest":
                results += await rest_operations.all_operations(peer, sizes) if peer.http_port else []
            elif group == "noarchive":
                results.append(await chat(peer, sizes, "one-to-one message, archive off"))
            else:
                results.append(await OPERATIONS[group](peer, sizes))  # type: ignore[misc]
            click.echo(f"  {group}: done")
        except (OSError, RuntimeError, TimeoutError, AssertionError) as error:
            click.echo(f"  {group}: failed: {type(error).__name__} {error}")
        finally:
            await asyncio.to_thread(peer.stop)
            shutil.rmtree(folder, ignore_errors=True)
    return results


if __name__ == "__main__":
    main()
