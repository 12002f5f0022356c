"""Tokens and keys: mod_auth_token, mod_keystore."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from mim.config.options import ExistingFile, ModuleOptions, NonEmpty
from mim.config.tables import Options, Refusal, option


class Period(Options, tier="B"):
    """``[modules.mod_auth_token.validity_period.access]`` and refresh."""

    value: int = option(minimum=0, help="Amount; required when the table is present.")
    unit: Literal["days", "hours", "minutes", "seconds"] = option(help="Unit; required when the table is present.")


class ValidityPeriods(Options, tier="B"):
    """``[modules.mod_auth_token.validity_period]``."""

    access: Period = option(Period(value=1, unit="hours"), help="Lifetime of access tokens.")
    refresh: Period = option(Period(value=25, unit="days"), help="Lifetime of refresh tokens.")


class AuthTokenOptions(ModuleOptions, tier="B"):
    """``[modules.mod_auth_token]``."""

    backend: Literal["rdbms"] = option("rdbms", help="Only SQL.")
    validity_period: ValidityPeriods = option(ValidityPeriods(), help="Lifetimes of tokens.")


class KeystoreKey(Options, tier="B"):
    """``[[modules.mod_keystore.keys]]``."""

    name: NonEmpty = option(help="Name.")
    type: Literal["file", "ram"] = option(help="Read from path, or generated at start.")
    path: ExistingFile | None = option(None, help='Required with type = "file".')

    def refusals(self) -> Iterator[Refusal]:
        """L17: a file has a path."""
        if self.type == "file" and self.path is None:
            yield Refusal("path", 'must be written with type = "file"')


class KeystoreOptions(Options, tier="B"):
    """``[modules.mod_keystore]``."""

    ram_key_size: int = option(2048, minimum=0, unit="bytes", help="Of generated keys.")
    keys: list[KeystoreKey] = option([], distinct="name", help="Keys.")
