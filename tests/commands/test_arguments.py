"""Merging, choosing, converting (contract/admin-api, sections 4.3 and 4.4)."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mim.commands.arguments import Given, fill, select
from mim.commands.model import Command, command, commands_of
from mim.errors import BadRequest

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)


class Sample:
    @command("a", action="create", desc="")
    async def two(self, one: str, two: str) -> None: ...

    @command("a", action="create", desc="")
    async def three(self, one: str, two: str, three: str) -> None: ...

    @command("k", action="create", desc="")
    async def kinds(self, number: int, share: float, flag: bool, words: list[str], text: str) -> None: ...

    @command("o", action="update", desc="")
    async def optional(self, text: str, before: int = 0, limit: int = 100) -> None: ...

    @command("x", action="create", desc="", xml_text=("body",))
    async def carried(self, body: str, other: str) -> None: ...


COMMANDS: dict[str, Command] = {found.name: found for found in commands_of(Sample())}
LIKE_A = [COMMANDS["two"], COMMANDS["three"]]


def chosen(given: Given, *, counts_path_only: bool = False) -> str | None:
    found = select(LIKE_A, given, counts_path_only=counts_path_only)
    return None if found is None else found.name


def test_the_number_of_all_that_is_given_chooses_the_command():
    assert chosen(Given([("one", "1")], [("two", "2")])) == "two"
    assert chosen(Given([], [("one", "1")], [("two", "2")])) == "two"
    assert chosen(Given([("one", "1")], [("two", "2")], [("three", "3")])) == "three"
    assert chosen(Given([("one", "1")], [("one", "2")])) == "two"
    assert chosen(Given([], [("one", "1"), ("one", "1"), ("one", "1")])) == "three"
    assert chosen(Given([], [("one", "1")])) is None
    assert chosen(Given([("one", "1")], [("two", "2"), ("three", "3"), ("zz", "4")])) is None


def test_only_the_path_counts_where_there_is_no_body():
    given = Given([("one", "1"), ("two", "2")], [], [("limit", "3"), ("zz", "4")])

    assert chosen(given, counts_path_only=True) == "two"


def test_optional_arguments_never_count():
    only = [COMMANDS["optional"]]

    assert select(only, Given([], [("text", "a")]), counts_path_only=False)
    assert select(only, Given([], [("text", "a"), ("limit", 1)], [("before", "2")]), counts_path_only=False)
    assert not select(only, Given([], [("text", "a"), ("zz", 1)]), counts_path_only=False)


def test_the_path_beats_the_body_and_the_body_the_query_and_the_first_the_second():
    given = Given([("one", "path")], [("one", "body"), ("two", "body"), ("two", "again")], [("two", "query")])

    assert fill(COMMANDS["two"], given) == ["path", "body"]


def test_what_is_missing_is_counted_with_the_optional_ones():
    with pytest.raises(BadRequest, match=r"^Invalid number of arguments: should be 3, got 2$"):
        fill(COMMANDS["three"], Given([], [("one", "1"), ("three", "3"), ("zz", "1")]))
    with pytest.raises(BadRequest, match=r"^Invalid number of arguments: should be 3, got 2$"):
        fill(COMMANDS["optional"], Given([], [("zz", "1")]))


def test_optional_arguments_take_their_defaults():
    assert fill(COMMANDS["optional"], Given([], [("text", "a")], [("limit", "5")])) == ["a", 0, 5]


def test_the_first_wrong_argument_in_the_order_of_the_listing_is_named_before_any_is_missed():
    with pytest.raises(BadRequest, match=r"^For one expected binary, got 1$"):
        fill(COMMANDS["three"], Given([], [("two", 2), ("one", 1)]))


GOOD: list[tuple[str, Any, Any]] = [
    ("number", 5, 5),
    ("number", -(10**30), -(10**30)),
    ("number", "5", 5),
    ("number", "+5", 5),
    ("number", "-05", -5),
    ("share", 1, 1.0),
    ("share", 1.5, 1.5),
    ("share", "-1.5", -1.5),
    ("share", "1e3", 1000.0),
    ("flag", True, True),
    ("flag", False, False),
    ("words", [], []),
    ("words", ["a", ""], ["a", ""]),
    ("text", "", ""),
    ("text", "ż\0", "ż\0"),
]
BAD: list[tuple[str, Any, str]] = [
    ("number", "", ""),
    ("number", "abc", "abc"),
    ("number", " 5", " 5"),
    ("number", "5\n", "5\n"),
    ("number", "1_0", "1_0"),
    ("number", "٣", "٣"),
    ("number", "1.0", "1.0"),
    ("number", 1.0, "1.0"),
    ("number", True, "true"),
    ("number", None, "null"),
    ("number", [1], "[1]"),
    ("number", "9" * 5000, "9" * 5000),
    ("share", "nan", "nan"),
    ("share", "1e999", "1e999"),
    ("share", 10**400, "1" + "0" * 400),
    ("share", True, "true"),
    ("share", ".5", ".5"),
    ("share", [], "[]"),
    ("flag", 1, "1"),
    ("flag", "true", "true"),
    ("flag", None, "null"),
    ("words", "a", "a"),
    ("words", ["a", 1], '["a",1]'),
    ("words", {"a": "ż"}, '{"a":"ż"}'),
    ("text", 5, "5"),
    ("text", None, "null"),
    ("text", {"zz": "y"}, '{"zz":"y"}'),
]
SOUND = {"number": 1, "share": 1.5, "flag": True, "words": ["w"], "text": "t"}
ORDER = list(SOUND)
TYPES = {"number": "integer", "share": "float", "flag": "boolean", "words": "[binary]", "text": "binary"}


@pytest.mark.parametrize(("name", "value", "converted"), GOOD)
def test_values_are_converted(name: str, value: Any, converted: Any):
    filled = fill(COMMANDS["kinds"], Given([], list({**SOUND, name: value}.items())))

    assert filled[ORDER.index(name)] == converted
    assert type(filled[ORDER.index(name)]) is type(converted)


@pytest.mark.parametrize(("name", "value", "shown"), BAD)
def test_values_of_another_type_are_refused_as_they_were_given(name: str, value: Any, shown: str):
    with pytest.raises(BadRequest) as refusal:
        fill(COMMANDS["kinds"], Given([], list({**SOUND, name: value}.items())))

    assert refusal.value.text == f"For {name} expected {TYPES[name]}, got {shown}"


def test_a_url_can_say_true_and_false():
    flags = [
        fill(COMMANDS["kinds"], Given([], list(SOUND.items()), [])._replace(path=[("flag", text)]))[2]
        for text in ("true", "false")
    ]

    assert flags == [True, False]


@pytest.mark.parametrize("text", ["\0", "a\x08", "\x0b", "\x0c", "\x1f", "￾", "￿", "ok\x01"])
def test_text_that_xml_cannot_carry_is_refused(text: str):
    with pytest.raises(BadRequest, match=r"^Invalid body: character not allowed in XML$"):
        fill(COMMANDS["carried"], Given([], [("body", text), ("other", text)]))


@pytest.mark.parametrize("text", ["", "\t\n\r", "\x7f\x85", "żółć", "\U0001f600", "\ufdd0", "\U0001fffe"])
def test_text_that_xml_can_carry_is_taken(text: str):
    assert fill(COMMANDS["carried"], Given([], [("body", text), ("other", "\0")])) == [text, "\0"]


@given(st.lists(st.tuples(st.sampled_from([*SOUND, "zz"]), json_values)))
def test_any_json_fills_a_command_or_is_refused(pairs: list[tuple[str, Any]]):
    try:
        values = fill(COMMANDS["kinds"], Given([], pairs))
    except BadRequest as refusal:
        refused = refusal.text
    else:
        assert [type(value) for value in values] == [int, float, bool, list, str]
        return
    assert refused.startswith(("For ", "Invalid number"))


@given(json_values.filter(lambda value: not isinstance(value, str)))
def test_a_refused_value_is_shown_as_json(value: Any):
    with pytest.raises(BadRequest) as refusal:
        fill(COMMANDS["two"], Given([], [("one", value), ("two", "x")]))

    assert json.loads(refusal.value.text.removeprefix("For one expected binary, got ")) == value
