"""Conversations: mod_inbox, mod_inbox_commands, mod_smart_markers, mod_offline_chatmarkers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from mim.config.options import ModuleOptions, NonEmpty
from mim.config.tables import Options, Refusal, option

RESERVED_BOXES = ("all", "inbox", "archive", "bin")


class InboxAsyncWriter(Options, tier="C"):
    """``[modules.mod_inbox.async_writer]``."""

    pool_size: int | None = option(None, minimum=0, computed="2 * CPU cores", help="Writers; no effect.")


class InboxOptions(ModuleOptions):
    """``[modules.mod_inbox]``."""

    backend: Literal["rdbms", "rdbms_async"] = option(
        "rdbms", help="Written with each message, or soon after in the background."
    )
    async_writer: InboxAsyncWriter = option(InboxAsyncWriter(), tier="C", help="Background writers.")
    reset_markers: list[Literal["received", "displayed", "acknowledged"]] = option(
        ["displayed"], help="Chat markers that set the unread count to zero."
    )
    groupchat: list[Literal["muc", "muclight"]] = option(["muclight"], help="Kinds of group chats included.")
    boxes: list[NonEmpty] = option(
        [],
        distinct=True,
        help="Further boxes besides inbox, archive, bin; the names all, inbox, archive, bin are reserved.",
    )
    bin_ttl: int = option(30, minimum=0, unit="days", help="An entry stays in the bin.")
    bin_clean_after: int = option(1, minimum=0, unit="hours", help="Between cleanings of the bin.")
    aff_changes: bool = option(True, help="MUC Light: affiliation changes of the user appear.")
    remove_on_kicked: bool = option(
        True, help="MUC Light: leaving or being removed drops the conversation (with rdbms_async: moves it to the bin)."
    )

    def refusals(self) -> Iterator[Refusal]:
        """L15: no box has a reserved name."""
        for place, name in enumerate(self.boxes):
            if name in RESERVED_BOXES:
                yield Refusal(f"boxes[{place}]", f"must not be one of {', '.join(RESERVED_BOXES)}")


class InboxCommandsOptions(Options):
    """``[modules.mod_inbox_commands]``."""


class SmartMarkersAsyncWriter(Options, tier="C"):
    """``[modules.mod_smart_markers.async_writer]``."""

    pool_size: int | None = option(None, minimum=0, computed="2 * CPU cores", help="No effect.")


class SmartMarkersOptions(ModuleOptions):
    """``[modules.mod_smart_markers]``."""

    backend: Literal["rdbms", "rdbms_async"] = option("rdbms", help="Written at once, or in the background.")
    keep_private: bool = option(False, help="Markers are not routed; each user sees only his own.")
    async_writer: SmartMarkersAsyncWriter = option(SmartMarkersAsyncWriter(), tier="C", help="Background writers.")


class OfflineChatmarkersOptions(Options, tier="B"):
    """``[modules.mod_offline_chatmarkers]``."""

    backend: Literal["rdbms"] = option("rdbms", help="Only SQL.")
    store_groupchat_messages: bool = option(False, help="Keep those of group chats too.")
