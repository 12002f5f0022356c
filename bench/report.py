"""Results as a table with ratios, as JSON, as a chart."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

from bench.measure import Result


def by_operation(results: Iterable[Result]) -> dict[str, dict[str, Result]]:
    """Return results by operation and server; of several runs the one with the median CPU."""
    found: dict[str, dict[str, list[Result]]] = {}
    for result in results:
        found.setdefault(result.operation, {}).setdefault(result.peer, []).append(result)
    return {
        operation: {peer: sorted(runs, key=lambda r: r.cpu_ms)[len(runs) // 2] for peer, runs in peers.items()}
        for operation, peers in found.items()
    }


def table(results: Iterable[Result]) -> str:
    """Return a Markdown table: CPU per operation, how many times mim's it is, rate, latency, memory."""
    lines = [
        "| operation | server | CPU ms/op | times mim | per s | p50 ms | p99 ms | MiB |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for operation, peers in by_operation(results).items():
        own = peers.get("mim")
        for peer, result in peers.items():
            ratio = f"{result.cpu_ms / own.cpu_ms:.1f}" if own is not None and own.cpu_ms else "-"
            memory = f"{result.memory_mib:.0f}"
            if "kib_per_room" in result.extra:
                memory += f" ({result.extra['kib_per_room']} KiB/room)"
            if "kib_per_session" in result.extra:
                memory += f" ({result.extra['kib_per_session']} KiB/session)"
            lines.append(
                f"| {operation} | {peer} | {result.cpu_ms:.4f} | {ratio} | {result.per_second:,.0f} |"
                f" {_ms(result.p50_ms)} | {_ms(result.p99_ms)} | {memory} |"
            )
    return "\n".join(lines)


def _ms(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"


def chart(results: Iterable[Result]) -> str:
    """Return an SVG bar chart: CPU per operation relative to the dearest server of each operation."""
    rows = list(by_operation(results).items())
    colours = {"mim": "#2a7de1", "ejabberd": "#e0a030", "prosody": "#8c8c8c"}
    bar, gap, left, width = 14, 16, 360, 420
    parts: list[str] = []
    y = 34
    for operation, peers in rows:
        most = max(result.cpu_ms for result in peers.values()) or 1.0
        middle = y + bar * len(peers) / 2 + 4
        parts.append(f'<text x="{left - 10}" y="{middle}" text-anchor="end">{escape(operation)}</text>')
        for peer, result in peers.items():
            long = max(1.0, result.cpu_ms / most * width)
            fill = colours.get(peer, "#444")
            parts.append(f'<rect x="{left}" y="{y}" width="{long:.1f}" height="{bar - 2}" fill="{fill}"/>')
            parts.append(f'<text x="{left + long + 6:.1f}" y="{y + bar - 4}">{peer} {result.cpu_ms:.3g} ms</text>')
            y += bar
        y += gap
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{left + width + 140}" height="{y}"'
        ' font-family="sans-serif" font-size="11"><title>CPU per operation</title>'
        '<text x="10" y="18" font-size="14">CPU milliseconds per operation (shorter is better)</text>'
    )
    return head + "".join(parts) + "</svg>\n"
