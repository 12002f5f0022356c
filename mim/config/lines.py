"""Where in the text a path is written; looked up only when there is something to say about it."""

from __future__ import annotations

import re

from mim.config.errors import quoted

_BLANKS = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_BARE = re.compile(r"[A-Za-z0-9_-]+")
_STRING = re.compile(r'"""(?:[^\\]|\\.)*?"{3,5}|\'\'\'.*?\'{3,5}|"(?:[^"\\\n]|\\.)*"|\'[^\'\n]*\'', re.DOTALL)
_PLAIN_VALUE = re.compile(r"[^,\]}\n#]+")
_ESCAPE = re.compile(r"\\(?:u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|(.))", re.DOTALL)
_ESCAPED = {"b": "\b", "t": "\t", "n": "\n", "f": "\f", "r": "\r"}


def places_of(text: str) -> dict[str, str]:
    """Return ``line L, column C`` of every path of a TOML text that has been read without error."""
    scanner = _Scanner(text)
    scanner.scan()
    return {path: _place(text, offset) for path, offset in scanner.found.items()}


def place_of(places: dict[str, str], path: str) -> str:
    """Return the place of a path; of the innermost table that is written when it is not written itself."""
    while path:
        if path in places:
            return places[path]
        path = re.sub(r'(\.("(?:[^"\\]|\\.)*"|[^.\[\]"]+)|\[\d+\]|^[^.\[]+)$', "", path)
    return ""


def _place(text: str, offset: int) -> str:
    line = text.count("\n", 0, offset) + 1
    column = offset - text.rfind("\n", 0, offset)
    return f"line {line}, column {column}"


class _Scanner:
    """Walks through the text; it is known to be TOML, so that nothing is checked here."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._counts: dict[str, int] = {}
        self.found: dict[str, int] = {}

    def scan(self) -> None:
        """Find every key of the text."""
        table = ""
        while self._skip():
            start = self._at
            if self._text[start] == "[":
                table = self._header(start)
            else:
                self._pair(table)

    def _skip(self) -> bool:
        found = _BLANKS.match(self._text, self._at)
        self._at = found.end() if found is not None else self._at
        return self._at < len(self._text)

    def _header(self, start: int) -> str:
        is_array = self._text.startswith("[[", start)
        self._at += 2 if is_array else 1
        steps = self._key()
        path = ""
        for place, step in enumerate(steps):
            path = f"{path}.{step}" if path else step
            last = place + 1 == len(steps)
            if last and is_array:
                self.found.setdefault(path, start)
                self._counts[path] = self._counts.get(path, -1) + 1
            if path in self._counts:
                path = f"{path}[{self._counts[path]}]"
            self.found.setdefault(path, start)
        self._at = self._text.index("]", self._at) + (2 if is_array else 1)
        return path

    def _pair(self, table: str) -> None:
        start = self._at
        path = table
        for step in self._key():
            path = f"{path}.{step}" if path else step
            self.found.setdefault(path, start)
        self._at = self._text.index("=", self._at) + 1
        self._value(path)

    def _key(self) -> list[str]:
        steps: list[str] = []
        while True:
            self._skip()
            bare = _BARE.match(self._text, self._at)
            found = bare or _STRING.match(self._text, self._at)
            if found is None:
                return steps
            self._at = found.end()
            steps.append(found[0] if bare else quoted(_unquoted(found[0])))
            self._skip()
            if self._text[self._at : self._at + 1] != ".":
                return steps
            self._at += 1

    def _value(self, path: str) -> None:
        self._skip()
        opening = self._text[self._at : self._at + 1]
        if opening == "[":
            self._items(path)
        elif opening == "{":
            self._at += 1
            while self._skip() and self._text[self._at] != "}":
                if self._text[self._at] == ",":
                    self._at += 1
                else:
                    self._pair(path)
            self._at += 1
        else:
            found = _STRING.match(self._text, self._at) or _PLAIN_VALUE.match(self._text, self._at)
            self._at = found.end() if found is not None else self._at + 1

    def _items(self, path: str) -> None:
        self._at += 1
        count = 0
        while self._skip() and self._text[self._at] != "]":
            if self._text[self._at] == ",":
                self._at += 1
                continue
            item = f"{path}[{count}]"
            self.found.setdefault(item, self._at)
            self._value(item)
            count += 1
        self._at += 1


def _unquoted(text: str) -> str:
    if text.startswith("'"):
        return text[1:-1]

    def character(found: re.Match[str]) -> str:
        code = found[1] or found[2]
        return chr(int(code, 16)) if code else _ESCAPED.get(found[3], found[3])

    return _ESCAPE.sub(character, text[1:-1])
