"""The tables of xmpp-behaviour, section 3.2, as they stand there, and how the tests read them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from mim_plugins.mod_roster.states import State

OUTBOUND = """
| state | subscribe | subscribed | unsubscribe | unsubscribed |
|---|---|---|---|---|
| N | N+O | - | - | - |
| N+O | N+O (push again) | - | N | - |
| N+I | N+B | F | - | N (hidden item deleted, no push) |
| N+B | - | F+O | N+I (no push) | N+O |
| T | - | B | N | - |
| T+I | - | B | N+I (no push) | T |
| F | F+O | - | - | N |
| F+O | - | - | F | N+O |
| B | - | - | F | T |
"""
INBOUND = """
| state | subscribe | subscribed | unsubscribe | unsubscribed |
|---|---|---|---|---|
| N | N+I (no push, delivered) | - | - | - |
| N+O | N+B | T | - | N |
| N+I | - | - | N: item deleted, no push, not delivered, *unsubscribed* | - |
| N+B | - | T+I | N+O, *unsubscribed* | N+I (no push) |
| T | T+I | - | - | N |
| T+I | - | - | T, *unsubscribed* | N+I (no push) |
| F | - *subscribed* | B | N, *unsubscribed* | - |
| F+O | - *subscribed* | B | N+O, *unsubscribed* | F |
| B | - *subscribed* | - | T, *unsubscribed* | F |
"""

STATES = {
    "N": State.NONE,
    "N+O": State.NONE_OUT,
    "N+I": State.NONE_IN,
    "N+B": State.NONE_BOTH,
    "T": State.TO,
    "T+I": State.TO_IN,
    "F": State.FROM,
    "F+O": State.FROM_OUT,
    "B": State.BOTH,
}


class Cell(NamedTuple):
    """One cell: where it stands, what is written in it."""

    state: State
    type: str
    text: str

    @property
    def is_change(self) -> bool:
        return not self.text.startswith("-")

    @property
    def new(self) -> State:
        """The state afterwards."""
        return STATES[re.split(r"[ ,:]", self.text)[0]] if self.is_change else self.state

    @property
    def is_deletion(self) -> bool:
        return "deleted" in self.text

    @property
    def is_pushed(self) -> bool:
        return self.is_change and "no push" not in self.text

    @property
    def is_delivered(self) -> bool:
        return self.is_change and "not delivered" not in self.text

    @property
    def reply(self) -> str:
        found = re.search(r"\*(\w+)\*", self.text)
        return found[1] if found else ""

    def __str__(self) -> str:
        return f"{self.state.name}-{self.type}"


def cells(table: str) -> Iterator[Cell]:
    """Yield the cells of a table, row by row."""
    header, _, *rows = ([part.strip() for part in line.strip("|").split("|")] for line in table.strip().splitlines())
    for name, *texts in rows:
        for type, text in zip(header[1:], texts, strict=True):
            yield Cell(STATES[name], type, text)
