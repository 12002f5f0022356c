"""Where the lines of a log go, and the thread that appends them in order."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Coroutine
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

MAX_NAME_BYTES = 200


class Line(NamedTuple):
    """Text for the end of a file; *head* comes first where the file is new."""

    path: Path
    head: str
    text: str


def directory_name(name: str) -> str:
    """Return the name of a room's directory: never a path, never a hidden or too long name."""
    safe = quote(name, safe="@ !#$()+,;=[]{}~'") if not name.isprintable() or "/" in name else name
    if safe.startswith("."):
        safe = f"%2E{safe[1:]}"
    if len(safe.encode()) <= MAX_NAME_BYTES:
        return safe
    digest = hashlib.sha256(name.encode()).hexdigest()[:16]
    return f"{safe.encode()[: MAX_NAME_BYTES - 17].decode(errors='ignore')}-{digest}"


def file_of(folder: Path, day: datetime, suffix: str, *, by_folders: bool) -> Path:
    """Return the file of a day: ``YYYY/MM/DD.suffix`` or ``YYYY-MM-DD.suffix`` in the room's directory."""
    return folder / (f"{day:%Y/%m/%d}.{suffix}" if by_folders else f"{day:%Y-%m-%d}.{suffix}")


class Appender:
    """Appends lines outside the event loop, in the order in which they were given."""

    def __init__(
        self, spawn: Callable[[Coroutine[Any, Any, Any]], asyncio.Task[Any]], failed: Callable[[OSError], object]
    ) -> None:
        self._spawn = spawn
        self._failed = failed
        self._waiting: list[Line] = []
        self._writing: asyncio.Task[Any] | None = None

    def append(self, line: Line) -> None:
        """Write a line as soon as the ones before it are written."""
        self._waiting.append(line)
        if self._writing is None or self._writing.done():
            self._writing = self._spawn(self._write())

    async def _write(self) -> None:
        while self._waiting:
            lines, self._waiting = self._waiting, []
            try:
                await asyncio.to_thread(_append, lines)
            except OSError as error:
                self._failed(error)

    async def flush(self) -> None:
        """Return when everything is written."""
        if self._writing is not None:
            await self._writing


def _append(lines: list[Line]) -> None:
    for path, texts in _by_file(lines).items():
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a", encoding="utf-8") as file:
            if file.tell() == 0:
                file.write(texts[0].head)
            file.writelines(line.text for line in texts)


def _by_file(lines: list[Line]) -> dict[Path, list[Line]]:
    files: dict[Path, list[Line]] = {}
    for line in lines:
        files.setdefault(line.path, []).append(line)
    return files
