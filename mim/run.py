"""The server in the foreground: signals, the ready line, the reload, the end."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import json
import logging
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from mim.application import Application
from mim.blueprint import Blueprint
from mim.config import ConfigErrors
from mim.errors import BadRequest, MimError
from mim.log import LEVELS, start_logging
from mim.version import NAME, VERSION

log = logging.getLogger("mim")

COLLECTOR_THRESHOLDS = (10_000, 20, 20)
"""How many more objects there are than at the last collection before the youngest are looked through, and so on."""
GRACE_SECONDS = 10.0
"""What SIGTERM leaves for telling the clients and flushing the store."""


def run_until_signal(
    blueprint: Blueprint, data_dir: Path | None, config_path: Path, *, print_ports: bool = False
) -> int:
    """Run the server until SIGTERM or SIGINT and return the exit status.

    *print_ports*: the ready line is a JSON object with the ports, for programs that started us.
    """
    end_logging = start_logging(blueprint.config.general.loglevel)
    try:
        with asyncio.Runner(loop_factory=_loop_factory()) as runner:
            return runner.run(_main(Application(blueprint, data_dir), config_path, print_ports))
    finally:
        end_logging()


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    try:
        import uvloop
    except ImportError:
        return None
    return uvloop.new_event_loop


async def _main(application: Application, config_path: Path, print_ports: bool) -> int:
    loop = asyncio.get_running_loop()
    stopping = asyncio.Event()

    def stop() -> None:
        if stopping.is_set():
            os._exit(1)  # asked twice: somebody is in a hurry
        stopping.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)
    reloading: set[asyncio.Task[None]] = set()

    def reload() -> None:
        task = loop.create_task(_reload(application, config_path))
        reloading.add(task)
        task.add_done_callback(reloading.discard)

    loop.add_signal_handler(signal.SIGHUP, reload)
    try:
        await application.start()
    except (MimError, OSError) as error:
        reason = error.text if isinstance(error, MimError) else error.strerror or str(error)
        sys.stderr.write(f"{NAME}: {reason}\n")
        return 1
    except Exception:
        log.exception("the server does not start")
        sys.stderr.write(f"{NAME}: the server does not start; the log says why\n")
        return 1
    application.server.reload = lambda: reload_file(application, config_path)
    _spare_collector()
    _say(json.dumps(ports_of(application)) if print_ports else ready_line(application))
    await stopping.wait()
    log.log(LEVELS["notice"], "stopping")
    try:
        async with asyncio.timeout(GRACE_SECONDS):
            await application.stop()
    except TimeoutError:
        log.error("not everything ended within the grace period")
        return 1
    return 0


def _spare_collector() -> None:
    """Have the garbage collector leave alone what the start has made, and come less often.

    Code, tables and options live as long as the process: looking through them again and again costs more than some
    requests do. What a server makes by the minute is freed by its reference counts.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*COLLECTOR_THRESHOLDS)


async def reload_file(application: Application, config_path: Path) -> list[str]:
    """Read the file again, obey it, and return the paths of what needs a restart.

    Raises:
        mim.errors.BadRequest: the file has problems, or something of it does not work; nothing has changed.
    """
    try:
        blueprint = Blueprint.read(
            config_path,
            plugin_path=os.environ.get("MIM_PLUGIN_PATH", ""),
            before=application.blueprint,
            makes_certificates=True,
        )
        waiting = await application.reload(blueprint)
    except ConfigErrors as errors:
        for problem in errors.problems:
            log.error("reload refused", extra={"problem": str(problem), "place": problem.place or "-"})
        raise BadRequest("\n".join(str(problem) for problem in errors.problems)) from None
    except (MimError, OSError) as error:
        reason = error.text if isinstance(error, MimError) else error.strerror or str(error)
        log.error("reload failed, nothing has changed", extra={"reason": reason})
        raise BadRequest(reason) from error
    except Exception as error:
        log.exception("reload failed, nothing has changed")
        raise BadRequest("the reload failed; the log says why") from error
    logging.getLogger().setLevel(LEVELS[blueprint.config.general.loglevel])
    for notice in blueprint.config.notices:
        log.log(logging.WARNING if notice.level == "warning" else logging.INFO, notice.text)
    log.log(LEVELS["notice"], "reloaded", extra={"needs_restart": ", ".join(waiting) or "-"})
    return waiting


async def _reload(application: Application, config_path: Path) -> None:
    with contextlib.suppress(BadRequest):  # said in the log
        await reload_file(application, config_path)


def ready_line(application: Application) -> str:
    """Return the line that tells people what listens where and what runs."""
    parts = []
    for listener in application.c2s:
        settings = listener.options.settings
        parts.append(f"c2s {listener.options.address}:{listener.port} ({settings.tls_mode or 'no TLS'})")
    for http in application.http:
        parts.append(f"{http.scheme} {http.address}:{http.port} ({', '.join(http.paths)})")
    hosts = [
        f"{host.name} [{', '.join(application.modules.running(host)) or 'no modules'}]"
        for host in application.server.hosts
    ]
    return f"{NAME} {VERSION} is ready: {'; '.join([*parts, *hosts])}"


def ports_of(application: Application) -> dict[str, Any]:
    """Return the open ports, in the order of the file."""
    return {
        "c2s": [listener.port for listener in application.c2s],
        "http": [listener.port for listener in application.http],
    }


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()
