from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any, TypedDict

import pytest

from mim.commands.results import checker


class Message(TypedDict):
    sender: str
    timestamp: int


@dataclass
class Contact:
    jid: str


class Foreign:
    pass


@pytest.mark.parametrize(
    ("hint", "value", "conforms"),
    [
        (None, None, True),
        (None, "x", False),
        (str, "x", True),
        (str, None, False),
        (str, 1, False),
        (int, 1, True),
        (int, True, False),
        (int, "1", False),
        (list[str], ["a"], True),
        (list[str], ["a", 1], False),
        (list[str], "a", False),
        (list[Any], [1, "a"], True),
        (list[dict[str, Any]], [{"a": 1}], True),
        (list[dict[str, Any]], [1], False),
        (list[Message], [{"sender": "a", "timestamp": 1}], True),
        (list[Message], [{"sender": "a"}], False),
        (list[Contact], [Contact("a")], True),
        (str | None, None, True),
        (Any, object(), True),
        (Foreign, Foreign(), True),
        (Foreign, 1, False),
        (Decimal, Decimal(1), True),
    ],
)
def test_results_are_what_was_declared(hint: Any, value: Any, conforms: bool):
    assert checker(hint)(value) is conforms
