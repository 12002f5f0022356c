"""``[modules.mod_mam_meta]``: what may be written, and what it comes to for users' and for rooms' archives."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from mim.config import HostTemplate, Infinity, NonEmpty, Options, Refusal, option

Backend = Literal["rdbms", "riak", "cassandra", "elasticsearch"]
Callback = Literal["mod_mam_utils"]
JidFormat = Literal["mam_jid_rfc", "mam_jid_mini"]
MessageFormat = Literal["mam_message_xml", "mam_message_eterm", "mam_message_compressed_eterm"]
PreferencesStore = Literal["rdbms", "cassandra", "mnesia"]

_FOREIGN = "C -> the embedded default store; the old data are not read"
_BACKENDS = {"riak": _FOREIGN, "cassandra": _FOREIGN, "elasticsearch": _FOREIGN}
_PREFERENCES = {"cassandra": _FOREIGN, "mnesia": "C -> the embedded default store"}


class AsyncWriter(Options):
    """``async_writer``: when messages are stored. A table of pm or muc replaces the whole of the outer one."""

    enabled: bool = option(True, help="False: a message goes on to its recipient only when it is stored.")
    flush_interval: int = option(
        2000, minimum=0, unit="ms", help="The longest a message may wait to be stored; here none ever waits."
    )
    batch_size: int = option(30, minimum=0, help="Messages stored at once; here as many as there are, at least.")
    pool_size: int | None = option(None, tier="C", minimum=0, computed="4 * CPU cores", help="No effect.")


class Cache(Options):
    """``cache`` of numbers that stand for archives' owners: here archives are found by their JIDs."""

    module: Literal["internal", "mod_cache_users"] = option("internal", help="Whose cache; mod_cache_users is started.")
    strategy: Literal["fifo", "lru"] = option("fifo", help="What is dropped first.")
    time_to_live: int | Infinity = option(480, minimum=1, unit="minutes", help="Life of a segment.")
    number_of_segments: int = option(3, minimum=1, help="Segments.")


class Riak(Options):
    """``riak``; no effect here."""

    search_index: NonEmpty = option("mam", tier="C", help="No effect.")
    bucket_type: NonEmpty = option("mam_yz", tier="C", help="No effect.")


def _as_outer(name: str, **more: Any) -> Any:
    """Declare an option of pm or muc that, when it is not set, is as the section's own of that name."""
    return option(None, computed="as mod_mam_meta", help=f"As mod_mam_meta.{name}.", **more)


class Part(Options):
    """What pm and muc have in common."""

    backend: Backend | None = _as_outer("backend", mapped=_BACKENDS)
    no_stanzaid_element: bool | None = _as_outer("no_stanzaid_element")
    is_archivable_message: Callback | None = _as_outer("is_archivable_message", tier="C")
    send_message: Callback | None = _as_outer("send_message", tier="C")
    archive_chat_markers: bool | None = _as_outer("archive_chat_markers")
    message_retraction: bool | None = _as_outer("message_retraction")
    user_prefs_store: PreferencesStore | None = _as_outer("user_prefs_store", mapped=_PREFERENCES)
    full_text_search: bool | None = _as_outer("full_text_search")
    cache_users: bool | None = _as_outer("cache_users")
    default_result_limit: int | None = _as_outer("default_result_limit", minimum=0)
    max_result_limit: int | None = _as_outer("max_result_limit", minimum=0)
    db_jid_format: JidFormat | None = _as_outer("db_jid_format", tier="C")
    db_message_format: MessageFormat | None = _as_outer("db_message_format", tier="C")
    extra_fin_element: Callback | None = option(None, tier="C", help="No effect.")
    extra_lookup_params: Callback | None = option(None, tier="C", help="No effect.")
    async_writer: AsyncWriter | None = _as_outer("async_writer")


class UserPart(Part):
    """``[modules.mod_mam_meta.pm]``: present, even empty, means that users have archives."""

    archive_groupchats: bool = option(False, help="Messages of rooms go to the archives of those who get them, too.")
    same_mam_id_for_peers: bool = option(False, help="Sender and recipient archive a message under one id.")


class RoomPart(Part):
    """``[modules.mod_mam_meta.muc]``: present, even empty, means that rooms have archives."""

    host: HostTemplate = option(
        "conference.@HOST@", help="The service whose rooms are archived; for MUC Light its host."
    )


class MamOptions(Options):
    """``[modules.mod_mam_meta]``."""

    backend: Backend = option("rdbms", mapped=_BACKENDS, help="Where messages are kept.")
    no_stanzaid_element: bool = option(False, help="Delivered messages get no <stanza-id/>.")
    is_archivable_message: Callback = option("mod_mam_utils", tier="C", help="No effect.")
    send_message: Callback = option("mod_mam_utils", tier="C", help="No effect.")
    archive_chat_markers: bool = option(False, help="Chat markers (XEP-0333) are archived, too.")
    message_retraction: bool = option(True, help="A retracted message (XEP-0424) is replaced by a tombstone.")
    user_prefs_store: PreferencesStore | None = option(
        None,
        mapped=_PREFERENCES,
        help="Where preferences are kept; not set: everything is archived, and nobody can change that.",
    )
    full_text_search: bool = option(True, help="Archives can be searched by words.")
    cache_users: bool = option(True, help="Remember which archive is whose.")
    default_result_limit: int = option(50, minimum=0, help="Messages of a page when the client names no number.")
    max_result_limit: int = option(50, minimum=0, help="Messages of a page at most.")
    db_jid_format: JidFormat | None = option(
        None, tier="C", computed="pm: mam_jid_mini; muc: mam_jid_rfc", help="No effect."
    )
    db_message_format: MessageFormat | None = option(
        None, tier="C", computed="mam_message_compressed_eterm (rdbms), mam_message_xml (others)", help="No effect."
    )
    extra_fin_element: Callback | None = option(None, tier="C", help="No effect.")
    extra_lookup_params: Callback | None = option(None, tier="C", help="No effect.")
    async_writer: AsyncWriter = option(AsyncWriter(), help="When messages are stored.")
    cache: Cache = option(Cache(), help="The cache of archives' owners.")
    riak: Riak = option(Riak(), tier="C", help="No effect.")
    pm: UserPart | None = option(None, help="Present: users have archives.")
    muc: RoomPart | None = option(None, help="Present: rooms have archives.")

    def refusals(self) -> Iterator[Refusal]:
        """Yield what breaks rule L18: preferences in "rdbms" or "cassandra" need messages in the same."""
        for name, part in (("pm", self.pm), ("muc", self.muc)):
            if part is None:
                continue
            store = _inherited(self, part, "user_prefs_store")
            if store not in (None, "mnesia", _inherited(self, part, "backend")):
                key = "user_prefs_store" if part.user_prefs_store is None else f"{name}.user_prefs_store"
                yield Refusal(key, f'must be "mnesia" or not set, or {name} must have backend = "{store}"')


def _inherited(options: MamOptions, part: Part, name: str) -> Any:
    own = getattr(part, name)
    return getattr(options, name) if own is None else own


@dataclass(frozen=True, slots=True)
class Settings:
    """What the section comes to for one kind of archive."""

    shows_ids: bool
    archives_markers: bool
    buries_retracted: bool
    keeps_preferences: bool
    can_search: bool
    page_size: int
    max_page_size: int
    stores_first: bool
    """A message goes on only when it is stored."""

    @classmethod
    def of(cls, options: MamOptions, part: Part) -> Settings:
        """Return the settings of pm or muc: what it says, else what the section says."""
        writer: AsyncWriter = _inherited(options, part, "async_writer")
        return cls(
            shows_ids=not _inherited(options, part, "no_stanzaid_element"),
            archives_markers=_inherited(options, part, "archive_chat_markers"),
            buries_retracted=_inherited(options, part, "message_retraction"),
            keeps_preferences=_inherited(options, part, "user_prefs_store") is not None,
            can_search=_inherited(options, part, "full_text_search"),
            page_size=_inherited(options, part, "default_result_limit"),
            max_page_size=_inherited(options, part, "max_result_limit"),
            stores_first=not writer.enabled,
        )
