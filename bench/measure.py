"""One measurement: how many operations, how long, what the server paid for them."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from bench.proc import cpu_seconds, memory_kib, settled_cpu_seconds


@dataclass
class Result:
    """What one operation cost one server. CPU in milliseconds of the server's process tree."""

    peer: str
    operation: str
    count: int
    seconds: float
    cpu_ms: float
    p50_ms: float | None = None
    p99_ms: float | None = None
    memory_mib: float = 0.0
    generator_share: float = 0.0
    """Of one core; near 1 means that the generator was the limit, so rates say nothing (CPU still does)."""
    extra: dict[str, Any] = field(default_factory=dict)

    @property
    def per_second(self) -> float:
        """Return the rate."""
        return self.count / self.seconds if self.seconds else 0.0

    def to_json(self) -> dict[str, Any]:
        """Return all of it, for the results file."""
        return {**asdict(self), "per_second": round(self.per_second, 1)}


class Measurement:
    """``with Measurement(...) as m: ...`` around the work; ``m.result(count)`` afterwards."""

    def __init__(self, peer: str, operation: str, pid: int) -> None:
        self._peer, self._operation, self._pid = peer, operation, pid
        self.latencies: list[float] = []

    def __enter__(self) -> Measurement:
        self._cpu = settled_cpu_seconds(self._pid)
        self._own = time.process_time()
        self._began = time.perf_counter()
        return self

    def __exit__(self, *_: object) -> None:
        self.seconds = time.perf_counter() - self._began
        self._own = time.process_time() - self._own

    def result(self, count: int, **extra: Any) -> Result:
        """Return the result of *count* operations, once the server has gone quiet."""
        cpu = settled_cpu_seconds(self._pid) - self._cpu
        return Result(
            self._peer,
            self._operation,
            count,
            self.seconds,
            cpu / count * 1000 if count else 0.0,
            percentile(self.latencies, 0.5),
            percentile(self.latencies, 0.99),
            memory_kib(self._pid) / 1024,
            self._own / self.seconds if self.seconds else 0.0,
            extra,
        )


def percentile(seconds: Sequence[float], share: float) -> float | None:
    """Return a percentile in milliseconds, None of nothing."""
    if not seconds:
        return None
    ordered = sorted(seconds)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))] * 1000


def machine() -> dict[str, Any]:
    """Return what to know about this machine."""
    model = ""
    with open("/proc/cpuinfo") as file:  # noqa: PTH123 - a line at a time
        model = next((line.partition(":")[2].strip() for line in file if line.startswith("model name")), "")
    return {"cpu": model, "cores": os.cpu_count(), "load": round(os.getloadavg()[0], 2)}


__all__ = ["Measurement", "Result", "cpu_seconds", "machine", "memory_kib", "percentile"]
