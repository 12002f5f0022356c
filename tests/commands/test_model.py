from __future__ import annotations

from typing import Any

import pytest

from mim.commands.listing import Listing
from mim.commands.model import Command, command, commands_of
from mim.commands.registry import CommandRegistry


class Sample:
    @command("contacts", action="read", desc="Get", subcategory="manage")
    async def get_it(self, caller: str, with_: str, limit: int = 5) -> list[str]:
        """Doc."""
        return [caller, with_, str(limit)]

    @command("contacts", action="update", desc="Put", identifiers=("caller",), xml_text=("body",), location=("body",))
    async def put_it(self, caller: str, body: str) -> None:
        return None


GET, PUT = commands_of(Sample())


def test_a_command_is_its_signature():
    assert [(a.name, a.type, a.optional, a.default) for a in GET.arguments] == [
        ("caller", "binary", False, None), ("with", "binary", False, None), ("limit", "integer", True, 5),
    ]  # fmt: skip
    assert (GET.path, GET.method, GET.result, GET.doc) == ("/contacts/:caller/:with/manage", "GET", list[str], "Doc.")
    assert (PUT.path, PUT.method, PUT.result, PUT.returns_value) == ("/contacts/:caller", "PUT", None, False)
    assert [a.name for a in GET.required] == ["caller", "with"]
    assert (GET.has_xml_text, PUT.has_xml_text) == (False, True)


def test_the_listing_has_seven_fields_and_no_optional_arguments():
    registry = CommandRegistry()
    listing = Listing(registry)
    assert listing() == []
    registry.register("a", (GET,))

    assert listing() is listing()
    assert listing() == [
        {
            "path": "/contacts/:caller/:with/manage",
            "method": "GET",
            "args": {"caller": "binary", "with": "binary"},
            "category": "contacts",
            "name": "get_it",
            "desc": "Get",
            "action": "read",
        }
    ]


@pytest.mark.parametrize("more", [{"identifiers": ("zz",)}, {"also_at": (("zz",),)}, {"location": ("zz",)}])
def test_names_that_are_no_arguments_are_a_mistake(more: dict[str, Any]):
    class Wrong:
        @command("a", action="create", desc="", **more)
        async def it(self, one: str) -> None: ...

    with pytest.raises(TypeError, match="zz"):
        list(commands_of(Wrong()))


def test_a_type_without_a_name_is_a_mistake():
    class Wrong:
        @command("a", action="create", desc="")
        async def it(self, one: bytes) -> None: ...

    with pytest.raises(TypeError, match="bytes"):
        list(commands_of(Wrong()))


def named(name: str, **more: Any) -> Command:
    kept = ("category", "subcategory", "action", "desc", "arguments", "identifiers", "result", "function")
    return Command(name=name, **{**{field: getattr(PUT, field) for field in kept}, **more})


def test_the_second_registration_of_a_name_is_ignored_until_the_first_leaves():
    registry = CommandRegistry()
    first, second = named("it", desc="first"), named("it", desc="second")
    registry.register("a", (first,))
    registry.register("b", (second,))

    assert registry.commands() == (first,)
    registry.unregister("a")
    assert registry.commands() == (second,)


def test_commands_that_cannot_be_told_apart_are_refused():
    registry = CommandRegistry()
    registry.register("a", (named("one"),))

    with pytest.raises(ValueError, match="one and two"):
        registry.register("b", (named("two"),))
    assert [found.name for found in registry.commands()] == ["one"]


def test_commands_are_sorted_by_path_then_method_then_name_in_byte_order():
    registry = CommandRegistry()
    names = "bcad"
    categories = ["b", "a-b", "a", "a_b"]
    made = [named(name, category=category) for name, category in zip(names, categories, strict=True)]
    made.append(named("z", category="a", action="delete", identifiers=()))
    made.append(named("y", category="a", action="update", arguments=(), identifiers=()))
    made.append(named("x", category="a", action="update", identifiers=(), arguments=PUT.arguments[:1]))
    registry.register("a", tuple(made))

    assert [(found.path, found.method, found.name) for found in registry.commands()] == [
        ("/a", "DELETE", "z"),
        ("/a", "PUT", "x"),
        ("/a", "PUT", "y"),
        ("/a-b/:caller", "PUT", "c"),
        ("/a/:caller", "PUT", "a"),
        ("/a_b/:caller", "PUT", "d"),
        ("/b/:caller", "PUT", "b"),
    ]
