"""``python -m bench.profile OPERATION``: where mim spends its CPU under one operation of the bench.

``--plain`` measures the same operation without the profiler, several times: what to compare a change by.
"""

from __future__ import annotations

import asyncio
import pstats
import shutil
import statistics
import sys
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import click
import uvloop

from bench.clients import register_all
from bench.measure import Result
from bench.peers import Mim, Peer, Settings
from bench.rest_operations import CONNECTIONS, fill, measure, to_online
from bench.xmpp_operations import OPERATIONS, QUICK, Sizes, chat, users


async def _rest(peer: Peer, sizes: Sizes, operation: str, **values: Any) -> Result | None:
    await register_all(peer.c2s_port, users("u", 10))
    if operation == "page":
        await fill(peer, sizes.archived)
    return await measure(peer, f"REST {operation}", operation, sizes.requests, **values)


async def _online(peer: Peer, sizes: Sizes) -> Result | None:
    await register_all(peer.c2s_port, users("u", 10))
    return await to_online(peer, sizes.requests, CONNECTIONS, "REST message to an online user")


Operation = Callable[[Peer, Sizes], Awaitable[Result | None]]

REST: dict[str, Operation] = {
    "rest-commands": lambda peer, sizes: _rest(peer, sizes, "commands"),
    "rest-users": lambda peer, sizes: _rest(peer, sizes, "users"),
    "rest-roster": lambda peer, sizes: _rest(peer, sizes, "roster", user="u0"),
    "rest-online": _online,
    "rest-offline": lambda peer, sizes: _rest(peer, sizes, "message", user="u2"),
    "rest-page": lambda peer, sizes: _rest(peer, sizes, "page", user="arch1"),
}
ALL: dict[str, Operation] = {
    **OPERATIONS,  # type: ignore[dict-item]
    **REST,
    "noarchive": lambda peer, sizes: chat(peer, sizes, "one-to-one message, archive off"),
}


# Counted is the CPU of the loop's thread, not the time: what waits costs nothing, and a busy machine changes little.
_PROFILED = """
import cProfile, sys, time
from mim.cli import main
profile = cProfile.Profile(time.thread_time)
try:
    profile.runcall(main, sys.argv[2:])
finally:
    profile.dump_stats(sys.argv[1])
"""


class ProfiledMim(Mim):
    """mim under cProfile; the figures lie in ``output.prof`` when it has ended."""

    def command(self) -> list[str]:
        """Return ``mim run`` under the profiler."""
        python, _, _, *rest = super().command()
        return [python, "-c", _PROFILED, str(self.folder / "output.prof"), *rest]


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("operation", type=click.Choice(list(ALL)))
@click.option("--top", default=40, show_default=True, help="How many functions to print.")
@click.option("--sort", default="tottime", show_default=True, help="As the module pstats names it.")
@click.option("--quick", is_flag=True, help="Small sizes.")
@click.option("--plain", default=0, help="Do not profile; print the CPU of so many runs.")
def main(operation: str, top: int, sort: str, quick: bool, plain: int) -> None:
    """Profile mim under OPERATION; the setting up of users and connections is in the figures too."""
    sizes = QUICK if quick else Sizes()
    if plain:
        costs = [uvloop.run(_run(Mim, operation, sizes, 0, "")).cpu_ms for _ in range(plain)]
        listed = ", ".join(f"{cost:.3f}" for cost in costs)
        click.echo(f"{operation}: CPU ms per operation {listed}; median {statistics.median(costs):.3f}")
    else:
        result = uvloop.run(_run(ProfiledMim, operation, sizes, top, sort))
        click.echo(f"{result.operation}: {result.count} times, {result.cpu_ms:.3f} ms each, under the profiler")


async def _run(kind: type[Mim], operation: str, sizes: Sizes, top: int, sort: str) -> Result:
    folder = Path(tempfile.mkdtemp(prefix="mim-profile-"))
    peer = kind(folder)
    try:
        peer.start(Settings(archive=operation != "noarchive"))
        result = await ALL[operation](peer, sizes)
        await asyncio.to_thread(peer.stop)
        if top:
            pstats.Stats(str(peer.folder / "output.prof"), stream=sys.stdout).sort_stats(sort).print_stats(top)
    finally:
        await asyncio.to_thread(peer.stop)
        shutil.rmtree(folder, ignore_errors=True)
    assert result is not None
    return result


if __name__ == "__main__":
    main()
