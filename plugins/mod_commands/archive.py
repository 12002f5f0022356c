"""Commands that read the archive (contract/admin-api, section 6.16)."""

from __future__ import annotations

from typing import Any

from mim.capabilities import ArchivedMessage, ArchiveView
from mim.errors import BadRequest
from mim.plugin import JID, command
from mim_plugins.mod_commands import schemas
from mim_plugins.mod_commands.base import Commands, parse_jids

TAG = "One-to-one messages"
DEFAULT_LIMIT = 100
MAX_LIMIT = 500
MAX_BEFORE = 253_402_300_799
"""The last second of the year 9999; a bigger number is milliseconds by mistake."""

ERRORS = {
    400: "A JID, before or limit is not valid.",
    404: "The domain is not served here, or keeps no archive.",
}


class ArchiveCommands(Commands):
    """``/messages`` (to read)."""

    @command(
        "messages",
        action="read",
        desc="Get n last messages from archive, optionally before a certain date (unixtime)",
        tag=TAG,
        path_names={"caller": "owner"},
        errors=ERRORS,
        schemas={
            "caller": schemas.JID,
            "before": schemas.BEFORE,
            "limit": schemas.LIMIT,
            "result": schemas.MESSAGE_LIST,
        },
    )
    async def get_last_messages_with_everybody(
        self, caller: str, before: int = 0, limit: int = DEFAULT_LIMIT
    ) -> list[dict[str, Any]]:
        """Return the last messages of the caller's archive, oldest first."""
        (owner,) = parse_jids(caller)
        return await self._last_messages(owner, None, before, limit)

    @command(
        "messages",
        action="read",
        desc="Get n last messages to/from given contact, with limit and date",
        tag=TAG,
        path_names={"caller": "owner"},
        errors=ERRORS,
        schemas={
            "caller": schemas.JID,
            "with": schemas.JID,
            "before": schemas.BEFORE,
            "limit": schemas.LIMIT,
            "result": schemas.MESSAGE_LIST,
        },
    )
    async def get_last_messages(
        self, caller: str, with_: str, before: int = 0, limit: int = DEFAULT_LIMIT
    ) -> list[dict[str, Any]]:
        """Return the last messages that the caller exchanged with one contact, oldest first.

        A contact with a resource means this resource only.
        """
        owner, contact = parse_jids(caller, with_)
        return await self._last_messages(owner, contact, before, limit)

    async def _last_messages(self, owner: JID, contact: JID | None, before: int, limit: int) -> list[dict[str, Any]]:
        if limit < 0:
            raise BadRequest(f"Invalid limit: {limit}")
        if limit > MAX_LIMIT:
            raise BadRequest("message_limit_too_high")
        if before > MAX_BEFORE:
            raise BadRequest(f"Invalid before: {before}")
        archive = self.capability(owner, ArchiveView, "message archive is not enabled")
        if limit == 0 or before < 0:
            return []
        bound = _end_of_second(before)
        is_bound = before != 0 and bound < self.api.clock.now_us()
        messages = await archive.last_messages(
            owner.bare, with_=contact, not_after_us=bound if is_bound else None, limit=limit
        )
        return [_shown(message) for message in messages]


def _end_of_second(seconds: int) -> int:
    """Return the last microsecond that is shown as this second, times being rounded to the nearest."""
    return seconds * 1_000_000 + 499_999


def _shown(message: ArchivedMessage) -> dict[str, Any]:
    return {
        "sender": message.sender,
        "timestamp": (message.archived_us + 500_000) // 1_000_000,
        "message_id": message.message_id,
        "body": message.body,
    }
