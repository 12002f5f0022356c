"""No error for messages to users who are offline: what nobody keeps is dropped without a word."""

from __future__ import annotations

from mim.config import Options
from mim.plugin import JID, Module, Stanza, hookimpl


class ModOfflineStub(Module[Options]):
    """Where mod_offline runs too, that one decides first."""

    after = ("mod_offline",)

    @hookimpl
    def message_waiting(self, stanza: Stanza, account: JID) -> bool | None:
        """Drop it."""
        return True


setup = ModOfflineStub
