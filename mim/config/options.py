"""How options are declared: typed, bounded, documented in one place."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field


class Options(BaseModel):
    """The options of one table: strict types, unknown keys refused, frozen."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


def option(
    default: Any = ...,
    *,
    help: str,
    tier: str = "A",
    minimum: int | None = None,
    maximum: int | None = None,
    unit: str = "",
    secret: bool = False,
) -> Any:
    """Declare an option: its default, bounds, and the line of manual that goes with it."""
    return Field(
        default,
        description=help,
        ge=minimum,
        le=maximum,
        json_schema_extra={"tier": tier, "unit": unit, "secret": secret},
    )
