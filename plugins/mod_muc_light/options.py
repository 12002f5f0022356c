"""``[modules.mod_muc_light]`` (contract/config, section 11)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from mim.config import HostTemplate, Infinity, NonEmpty, Options, Refusal, option


class CacheAffs(Options):
    """``[modules.mod_muc_light.cache_affs]``: how long rooms stay in memory."""

    module: Literal["internal", "mod_cache_users"] = option(
        "internal", help="An own cache, or one with the settings of mod_cache_users; the other keys are then ignored."
    )
    strategy: Literal["fifo", "lru"] = option("fifo", help="fifo: entries always expire; lru: used entries stay.")
    time_to_live: int | Infinity = option(2, minimum=1, unit="minutes", help="Of one segment.")
    number_of_segments: int = option(3, minimum=1, help="An entry lives at most time_to_live times this.")


class ConfigField(Options):
    """``[[modules.mod_muc_light.config_schema]]``: a field of the room configuration, its type and default."""

    field: NonEmpty = option(help="Name of the field.")
    string_value: str | None = option(None, help="Default of a field that holds text.")
    integer_value: int | None = option(None, help="Default of a field that holds an integer.")
    float_value: float | None = option(None, help="Default of a field that holds a float.")
    internal_key: NonEmpty | None = option(None, computed="field", help="Name in the store.")

    def refusals(self) -> Iterator[Refusal]:
        """L16: the one value gives type and default."""
        given = [value for value in (self.string_value, self.integer_value, self.float_value) if value is not None]
        if len(given) != 1:
            yield Refusal("", "must have exactly one of string_value, integer_value and float_value")


DEFAULT_SCHEMA = (
    ConfigField(field="roomname", string_value="Untitled"),
    ConfigField(field="subject", string_value=""),
)


class MucLightOptions(Options):
    """``[modules.mod_muc_light]``."""

    host: HostTemplate = option("muclight.@HOST@", help="Name of the service.")
    backend: Literal["mnesia", "rdbms"] = option(
        "mnesia", mapped={"mnesia": "C -> the embedded default store"}, help="Where rooms are kept."
    )
    cache_affs: CacheAffs | None = option(None, help="Present: rooms leave the memory after a time.")
    equal_occupants: bool = option(False, help="No owners: everyone is a member.")
    legacy_mode: bool = option(False, help="XEP-0045 stanzas for simple clients.")
    rooms_per_user: int | Infinity = option("infinity", minimum=1, help="Rooms one user may be in.")
    blocking: bool = option(True, help="Users may block users and rooms.")
    all_can_configure: bool = option(False, help="All members may change the configuration.")
    all_can_invite: bool = option(False, help="All members may add users.")
    max_occupants: int | Infinity = option("infinity", minimum=1, help="Occupants of a room.")
    rooms_per_page: int | Infinity = option(10, minimum=1, help="Rooms in one disco answer.")
    rooms_in_rosters: bool = option(False, help="Rooms appear in their occupants' rosters.")
    config_schema: list[ConfigField] = option(
        list(DEFAULT_SCHEMA), help="Fields of the room configuration; an empty array means no fields."
    )


def bound(value: int | str) -> int | None:
    """Return a limit as a number, None for no limit."""
    return None if isinstance(value, str) else value
