"""The lines of a log, as plain text and as HTML. What users have written never becomes markup or a line of its own."""

from __future__ import annotations

import re
from datetime import datetime
from html import escape
from typing import Protocol

from mim.capabilities import RoomView
from mim_plugins.mod_muc_log.options import MucLogOptions

_LINK = re.compile(r"""\bhttps?://[^\s<>"']+""")
_STYLE = (
    "body{font-family:sans-serif;margin:1em auto;max-width:60em;padding:0 1em}"
    "time{color:#777}.nick{font-weight:bold}.event{color:#555;font-style:italic}"
)


class Format(Protocol):
    """How a log is written."""

    suffix: str
    """Of its files."""

    def head(self, room: RoomView, day: datetime) -> str:
        """Return what a new file begins with."""
        ...

    def said(self, at: datetime, nick: str, text: str) -> str:
        """Return the line of a message."""
        ...

    def event(self, at: datetime, text: str) -> str:
        """Return the line of anything else."""
        ...


class PlainText:
    """``[12:30:00] <nick> text``; further lines of a message are indented."""

    suffix = "txt"

    def head(self, room: RoomView, day: datetime) -> str:
        """Return the room and the day."""
        title = f" ({_one_line(room.title)})" if room.title else ""
        return f"{room.jid}{title}, {day:%Y-%m-%d}\n\n"

    def said(self, at: datetime, nick: str, text: str) -> str:
        """Return a message; ``/me`` becomes the nickname (XEP-0245)."""
        shown = "\n    ".join(text.splitlines())
        if shown.startswith("/me "):
            return f"[{at:%H:%M:%S}] * {nick} {shown[4:]}\n"
        return f"[{at:%H:%M:%S}] <{nick}> {shown}\n"

    def event(self, at: datetime, text: str) -> str:
        """Return an event."""
        return f"[{at:%H:%M:%S}] -- {_one_line(text)}\n"


class Html:
    """A page a day; it has no end tags, which HTML does not ask for, so lines can be added to it."""

    suffix = "html"

    def __init__(self, options: MucLogOptions) -> None:
        self._options = options
        self._rel = ' rel="nofollow"' if options.spam_prevention else ""

    def head(self, room: RoomView, day: datetime) -> str:
        """Return head, link, title and subject."""
        title = escape(f"{room.title or room.jid.local} - {day:%Y-%m-%d}")
        css, top = self._options.css_file, self._options.top_link
        style = f'<link rel="stylesheet" href="{escape(css)}">' if css else f"<style>{_STYLE}</style>"
        subject = f"<p>{self._linked(room.subject)}</p>\n" if room.subject else ""
        return (
            f'<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n<title>{title}</title>\n{style}\n'
            f'</head>\n<body>\n<p><a href="{escape(top.target)}"{self._rel}>{escape(top.text)}</a></p>\n'
            f'<h1>{title}</h1>\n<p><a href="xmpp:{escape(str(room.jid))}?join"{self._rel}>'
            f"{escape(str(room.jid))}</a></p>\n{subject}"
        )

    def said(self, at: datetime, nick: str, text: str) -> str:
        """Return a message; ``/me`` becomes the nickname (XEP-0245)."""
        if text.startswith("/me "):
            return self._line(at, f'<span class="nick">* {escape(nick)}</span> {self._linked(text[4:])}')
        return self._line(at, f'<span class="nick">&lt;{escape(nick)}&gt;</span> {self._linked(text)}')

    def event(self, at: datetime, text: str) -> str:
        """Return an event."""
        return self._line(at, f'<span class="event">{self._linked(text)}</span>')

    @staticmethod
    def _line(at: datetime, inner: str) -> str:
        return f"<div><time>[{at:%H:%M:%S}]</time> {inner}</div>\n"

    def _linked(self, text: str) -> str:
        made, end = "", 0
        for found in _LINK.finditer(text):
            address = escape(found.group())
            made += escape(text[end : found.start()]) + f'<a href="{address}"{self._rel}>{address}</a>'
            end = found.end()
        return (made + escape(text[end:])).replace("\n", "<br>")


def _one_line(text: str) -> str:
    return " ".join(text.splitlines())
