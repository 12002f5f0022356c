"""What a server costs, read from /proc: CPU seconds and memory of its process tree."""

from __future__ import annotations

import os
import time
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")
QUIET_SECONDS = 0.3
"""A server is at rest when it used no tick for this long."""
SETTLE_SECONDS = 15.0


def tree(pid: int) -> list[int]:
    """Return a process and its descendants."""
    found = [pid]
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            for child in task.read_text().split():
                found += tree(int(child))
        except OSError:
            continue
    return found


def cpu_seconds(pid: int) -> float:
    """Return user and system time that a process tree has used, ended children that were waited for included."""
    ticks = 0
    for one in tree(pid):
        try:
            fields = Path(f"/proc/{one}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        ticks += sum(int(field) for field in fields[11:15])
    return ticks / _TICKS


def settled_cpu_seconds(pid: int) -> float:
    """Return the CPU time once the server has gone quiet, so that work it does afterwards counts."""
    end = time.monotonic() + SETTLE_SECONDS
    used = cpu_seconds(pid)
    while time.monotonic() < end:
        time.sleep(QUIET_SECONDS)
        now = cpu_seconds(pid)
        if now - used <= 1 / _TICKS:
            return now
        used = now
    return used


def memory_kib(pid: int) -> int:
    """Return the resident memory of a process tree in KiB; shared pages count once per process (PSS where it can)."""
    total = 0
    for one in tree(pid):
        try:
            rollup = Path(f"/proc/{one}/smaps_rollup").read_text()
            total += next(int(line.split()[1]) for line in rollup.splitlines() if line.startswith("Pss:"))
        except (OSError, StopIteration):
            try:
                total += int(Path(f"/proc/{one}/statm").read_text().split()[1]) * _PAGE // 1024
            except OSError:
                continue
    return total
