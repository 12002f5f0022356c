"""Commands for tests of the admin API: every kind of argument, result, refusal and fault."""

from __future__ import annotations

import asyncio
from typing import Any

from mim.errors import BadRequest, Conflict, Denied, LimitExceeded, MimError, NotFound, NotImplementedHere, Unavailable
from mim.plugin import Module, Options, command

REFUSALS: dict[str, MimError] = {
    "bad": BadRequest("no such thing"),
    "denied": Denied("not allowed"),
    "missing": NotFound("thing not found"),
    "conflict": Conflict("taken"),
    "limit": LimitExceeded("later"),
    "unknown": NotImplementedHere("not here"),
    "away": Unavailable("store does not answer"),
    "fault": MimError("Can't do it"),
    "silent": Denied(),
}


class ModSample(Module[Options]):
    """``[modules.mod_sample]``"""

    async def start(self) -> None:
        self.calls: list[tuple[Any, ...]] = []
        self.entered = asyncio.Event()
        self.go_on = asyncio.Event()

    # --- things: routes, counting, answers ---------------------------------------------------------------------

    @command("things", action="read", desc="List things", tag="Things", path_names={"host": "XMPPHost"})
    async def list_things(self, host: str) -> list[str]:
        """Return what there is."""
        return [host]

    @command(
        "things",
        action="create",
        desc="Make a thing",
        tag="Things",
        location=("host", "name"),
        also_at=(("host",),),
        path_names={"host": "XMPPHost", "name": "thingName"},
        errors={403: "The name is taken."},
        schemas={"secret": {"type": "string", "format": "password"}},
    )
    async def create_thing(self, host: str, name: str, secret: str) -> str:
        """Make a thing.

        Its secret is kept.
        """
        self.calls.append((host, name, secret))
        return f"Thing {name} made"

    @command("things", action="update", desc="Change a thing", identifiers=("host", "name"), tag="Things")
    async def change_thing(self, host: str, name: str, secret: str) -> None:
        self.calls.append((host, name, secret))

    @command("things", action="delete", desc="Remove a thing", tag="Things", path_names={"thing": "thingName"})
    async def remove_thing(self, host: str, thing: str) -> None:
        self.calls.append((host, thing))

    @command(
        "things", action="create", desc="Say", subcategory="words", identifiers=("host", "name"), xml_text=("text",)
    )
    async def say(self, host: str, name: str, text: str) -> None:
        self.calls.append((host, name, text))

    @command("things", action="delete", desc="Remove a part")
    async def remove_part(self, host: str, thing: str, part: str) -> None:
        self.calls.append((host, thing, part))

    @command("things", action="delete", desc="Remove many", subcategory="many")
    async def remove_many(self, host: str, names: list[str]) -> list[str]:
        return names

    @command("things", action="update", desc="Name it", subcategory="name", identifiers=("host",))
    async def name_it(self, host: str, name: str) -> str:
        return name

    @command("rooms", action="create", desc="Make a room", identifiers=("host",))
    async def create_room(self, host: str, name: str) -> str:
        return name

    # --- kinds: types ------------------------------------------------------------------------------------------

    @command("kinds", action="create", desc="All kinds", identifiers=())
    async def all_kinds(self, number: int, share: float, flag: bool, words: list[str], text: str) -> str:
        self.calls.append((number, share, flag, words, text))
        return "ok"

    @command("kinds", action="read", desc="With options")
    async def with_options(
        self, host: str, before: int = 0, share: float = 0.5, flag: bool = False, with_: str = ""
    ) -> list[Any]:
        return [host, before, share, flag, with_]

    @command("kinds", action="update", desc="Write with options")
    async def write_with_options(self, text: str, limit: int = 7) -> str:
        return f"{text} {limit}"

    # --- answers: results and refusals -------------------------------------------------------------------------

    @command("answers", action="read", desc="Refuse")
    async def refuse(self, kind: str) -> str:
        if kind == "crash":
            raise RuntimeError("a secret of the server")
        raise REFUSALS[kind]

    @command("answers", action="read", desc="Break a promise", subcategory="broken")
    async def break_promise(self, kind: str) -> list[dict[str, int]]:
        broken: dict[str, Any] = {"none": None, "text": "text", "deep": [{"a": "1"}], "fine": [{"a": 1}]}
        return broken[kind]  # type: ignore[no-any-return]  # what it is there for

    @command("answers", action="delete", desc="Return a number")
    async def count(self, kind: str) -> int:
        return len(kind)

    @command("answers", action="create", desc="Wait", identifiers=())
    async def wait(self, text: str) -> str:
        self.entered.set()
        await self.go_on.wait()
        return text


setup = ModSample
