"""Structured logs: one line per event, logfmt, written by a thread so that the loop never waits for the disk.

A record's ``extra`` fields become ``key=value`` pairs. Never log a password, a token or a message body.
"""

from __future__ import annotations

import logging
import logging.handlers
import queue
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TextIO

# The names of [general] loglevel, by what Python calls them (syslog's levels, RFC 5424 §6.2.1).
LEVELS = {
    "none": logging.CRITICAL + 10,
    "emergency": logging.CRITICAL,
    "alert": logging.CRITICAL,
    "critical": logging.CRITICAL,
    "error": logging.ERROR,
    "warning": logging.WARNING,
    "notice": logging.INFO + 5,
    "info": logging.INFO,
    "debug": logging.DEBUG,
    "all": logging.NOTSET + 1,
}
NOTICE = LEVELS["notice"]

_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


class LogfmtFormatter(logging.Formatter):
    """``when=… level=… logger=… msg="…" key=value``; a traceback follows on lines of its own."""

    def format(self, record: logging.LogRecord) -> str:
        """Return one record as text."""
        moment = datetime.fromtimestamp(record.created, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        parts = [
            f"when={moment}",
            f"level={record.levelname.lower()}",
            f"logger={record.name}",
            f"msg={quoted(record.getMessage())}",
        ]
        parts += [f"{key}={quoted(str(value))}" for key, value in vars(record).items() if key not in _STANDARD]
        line = " ".join(parts)
        if record.exc_info:
            line += "\n" + self.formatException(record.exc_info)
        return line


def quoted(text: str) -> str:
    """Return a logfmt value; line ends and quotes cannot break out of it."""
    if text and all(character.isprintable() and character not in ' "=\\' for character in text):
        return text
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + "".join(c if c.isprintable() else f"\\u{ord(c):04x}" for c in escaped) + '"'


class _KeepTraceback(logging.handlers.QueueHandler):
    """Hands the record over as it is: same process, so nothing has to be made picklable."""

    def prepare(self, record: logging.LogRecord) -> logging.LogRecord:
        """Return the record unchanged."""
        return record


def start_logging(level: str, stream: TextIO | None = None) -> Callable[[], None]:
    """Log to *stream* (standard error) from *level* up; return what ends it and writes what is left."""
    logging.addLevelName(NOTICE, "NOTICE")
    output = logging.StreamHandler(stream or sys.stderr)
    output.setFormatter(LogfmtFormatter())
    records: queue.SimpleQueue[logging.LogRecord] = queue.SimpleQueue()
    handler = _KeepTraceback(records)
    listener = logging.handlers.QueueListener(records, output)
    root = logging.getLogger()
    root.addHandler(handler)
    root.setLevel(LEVELS[level])
    listener.start()

    def end() -> None:
        root.removeHandler(handler)
        listener.stop()

    return end
