"""Tables of options: strict types, bounds, texts of what is wrong."""

from __future__ import annotations

from typing import Any, Literal

import pytest

from mim.config import ConfigErrors, Infinity, NonEmpty, Options, Port, Refusal, option
from mim.config.kinds import Report
from mim.config.tables import checked_table, is_written


class Inner(Options):
    """An inner table."""

    name: NonEmpty = option(help="A name.")
    size: int | Infinity = option(10, minimum=1, help="A size.")


class Outer(Options):
    """A table with one option of each kind."""

    port: Port = option(5222, help="A port.")
    on: bool = option(False, help="A switch.")
    ratio: float = option(1.5, help="A number.")
    level: Literal["low", "high"] = option("low", help="A choice.")
    inner: Inner | None = option(None, help="A table.")
    items: list[Inner] = option([], distinct="name", help="Tables.")
    names: list[NonEmpty] = option([], nonempty=True, distinct=True, help="Names.")
    free: dict[str, Inner] = option({}, help="Free names.")
    password: str | None = option(None, help="A secret by its name.")
    code: str | None = option(None, secret=True, help="A secret by its declaration.")

    def refusals(self) -> Any:
        if self.on and self.port == 0:
            yield Refusal("port", "must not be 0 while on")


def wrong(values: dict[str, Any]) -> list[str]:
    report = Report()
    checked_table(Outer, values, "t", report)
    return [str(problem) for problem in report.problems]


def test_what_is_not_written_is_the_default() -> None:
    made = Outer(port=1)
    assert (made.port, made.on, made.level, made.items) == (1, False, "low", [])
    assert is_written(made, "port")
    assert not is_written(made, "on")


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ({"port": "5222"}, 't.port = "5222" (string): must be a port, an integer from 0 to 65535'),
        ({"port": 70000}, "t.port = 70000: must be a port, an integer from 0 to 65535"),
        ({"port": True}, "t.port = true (boolean): must be a port, an integer from 0 to 65535"),
        ({"on": 1}, "t.on = 1 (integer): must be true or false"),
        ({"ratio": 1}, "t.ratio = 1 (integer): must be a number with a decimal point"),
        ({"level": "hihg"}, 't.level = "hihg": must be "low" or "high"; did you mean "high"?'),
        ({"level": 1}, 't.level = 1 (integer): must be "low" or "high"'),
        ({"inner": 1}, "t.inner = 1 (integer): must be a table"),
        ({"inner": {}}, "t.inner.name = (missing): must be a non-empty string"),
        ({"inner": {"name": ""}}, 't.inner.name = "": must be a non-empty string'),
        ({"inner": {"name": "x", "size": 0}}, 't.inner.size = 0: must be an integer of at least 1 or "infinity"'),
        (
            {"inner": {"name": "x", "size": "infinite"}},
            't.inner.size = "infinite": must be an integer of at least 1 or "infinity"; did you mean "infinity"?',
        ),
        ({"items": {"name": "x"}}, "t.items = a table: must be an array of tables"),
        ({"items": [{"name": "x"}, {"name": "x"}]}, 't.items[1].name = "x": must not be named twice'),
        ({"names": []}, "t.names = []: must be an array of at least one item"),
        ({"names": ["a", 1]}, "t.names[1] = 1 (integer): must be a non-empty string"),
        ({"names": ["a", "a"]}, 't.names[1] = "a": must not be named twice'),
        ({"free": {"a b": {}}}, 't.free."a b".name = (missing): must be a non-empty string'),
        ({"free": {"": {"name": "x"}}}, 't.free."" = "": must be a name that is not empty'),
        ({"prot": 1}, None),
        ({"password": 5}, "t.password = *** (integer): must be a string"),
        ({"code": 5}, "t.code = *** (integer): must be a string"),
        ({"on": True, "port": 0}, "t.port = 0: must not be 0 while on"),
    ],
)
def test_a_wrong_value_is_told_with_path_found_and_allowed(values: dict[str, Any], text: str | None) -> None:
    text = text or (
        "t.prot = 1: unknown; known here: port, on, ratio, level, inner, items, names, free, password, code; "
        'did you mean "port"?'
    )
    assert wrong(values) == [text]


def test_a_misspelt_secret_is_not_shown() -> None:
    (text,) = wrong({"pasword": "geheim"})
    assert text.startswith("t.pasword = ***: unknown")
    assert text.endswith('did you mean "password"?')


def test_options_are_frozen_compared_by_value_and_hide_secrets() -> None:
    made = Outer(port=1, password="geheim")
    with pytest.raises(AttributeError):
        made.port = 2  # type: ignore[misc]
    assert made == Outer(port=1, password="geheim")
    assert made != Outer(port=2, password="geheim")
    assert Outer(port=5222) == Outer()
    assert "geheim" not in repr(made)


def test_making_options_with_wrong_values_is_refused() -> None:
    with pytest.raises(ConfigErrors, match="level"):
        Outer(level="medium")  # type: ignore[arg-type]


def test_a_table_inherits_options_and_may_declare_them_anew() -> None:
    class More(Inner):
        size: int = option(3, minimum=2, help="A size.")
        colour: str = option("red", help="A colour.")

    made = More(name="x")
    assert (made.name, made.size, made.colour) == ("x", 3, "red")
    with pytest.raises(ConfigErrors, match="at least 2"):
        More(name="x", size=1)


def test_an_annotation_that_is_no_type_of_the_file_is_a_mistake_of_the_author() -> None:
    class Odd(Options):
        thing: bytes = option(b"", help="Odd.")

    with pytest.raises(TypeError, match="thing"):
        Odd(thing=b"x")
