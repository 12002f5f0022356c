"""Pages of an archive (XEP-0059, XEP-0313 §4.3): which messages, and what is said about them."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, replace

from mim.plugin import Element, StanzaError, element
from mim.storage.ids import encode
from mim.xmpp.paging import Page
from mim_plugins.mod_mam_meta.query import Query
from mim_plugins.mod_mam_meta.store import NO_CURSOR, Candidate, Messages, Selection, StoredMessage, Window

SCANNED_AT_ONCE = 1000
"""How many messages a search looks at before others have their turn."""

Predicate = Callable[[Candidate], bool]


@dataclass(frozen=True, slots=True)
class ArchivePage:
    """Messages, oldest first; the place of the first among all that match; how many do; is nothing left that way?"""

    messages: Sequence[StoredMessage]
    index: int
    count: int
    is_complete: bool

    def to_element(self, namespace: str) -> Element:
        """Return ``<fin/>``."""
        ids = [encode(message.id) for message in (*self.messages[:1], *self.messages[-1:])]
        page = Page(self.count, ids[0], ids[1], self.index) if ids else Page(self.count)
        return element(namespace, "fin", page.to_element(), complete="true" if self.is_complete else None)


async def find_page(
    messages: Messages, selection: Selection, query: Query, *, limit: int, matches: Predicate | None = None
) -> ArchivePage:
    """Return the page of a selection that a query asks for, of at most *limit* messages.

    Without *matches* its cost does not depend on the archive's length; with it, every message of the selection is
    looked at.

    Raises:
        StanzaError: item-not-found; the id before or after which the page is to be is not in the archive.
    """
    window = _window(selection, query, limit)
    if query.before is not None and window.cursor != query.before:
        await _check_cursor(messages, selection.archive, query.before)
    if matches is not None:
        return await _search(messages, selection, window, matches)
    found = await messages.slice(selection, window) if limit else None
    bounds = found.bounds if found is not None else await messages.bounds(selection, window.cursor)
    if window.cursor != NO_CURSOR and not bounds.is_cursor_known:
        raise StanzaError("item-not-found")
    if found is None:
        return _empty_page(bounds.count, limit)
    assert bounds.first is not None
    reached = found.first == bounds.first if window.is_backward else found.last == bounds.last
    return ArchivePage(found.messages, found.first - bounds.first, bounds.count, is_complete=reached)


def _empty_page(count: int, limit: int) -> ArchivePage:
    """Nothing is left that way, unless nothing was wanted (XEP-0059 §2.7)."""
    return ArchivePage((), 0, count, is_complete=limit > 0 or count == 0)


def _window(selection: Selection, query: Query, limit: int) -> Window:
    cursor = query.before if query.after is None else query.after
    return Window(
        low=selection.low if query.after is None else max(selection.low, query.after + 1),
        high=selection.high if query.before is None else min(selection.high, query.before - 1),
        limit=limit,
        skip=query.index or 0,
        is_backward=query.is_backward,
        cursor=NO_CURSOR if cursor is None else cursor,
    )


async def _check_cursor(messages: Messages, archive: str, cursor: int) -> None:
    if await messages.find(archive, cursor) is None:
        raise StanzaError("item-not-found")


async def _search(messages: Messages, selection: Selection, window: Window, matches: Predicate) -> ArchivePage:
    """Look at every message of a selection, keeping no more ids than the page has."""
    if window.cursor != NO_CURSOR:
        await _check_cursor(messages, selection.archive, window.cursor)
    ids: deque[int] = deque(maxlen=window.limit if window.is_backward else None)
    earlier = inside = later = 0  # matches ahead of the window, within it, behind it
    async for candidate in _all(messages, selection):
        if not matches(candidate):
            continue
        if candidate.id < window.low:
            earlier += 1
        elif candidate.id > window.high:
            later += 1
        else:
            inside += 1
            if inside > window.skip and (window.is_backward or len(ids) < window.limit):
                ids.append(candidate.id)
    count = earlier + inside + later
    index = earlier + (inside - len(ids) if window.is_backward else window.skip)
    if not ids:
        return _empty_page(count, window.limit)
    reached = index == 0 if window.is_backward else index + len(ids) == count
    found = [await messages.find(selection.archive, id) for id in ids]
    return ArchivePage([message for message in found if message is not None], index, count, is_complete=reached)


async def _all(messages: Messages, selection: Selection) -> AsyncIterator[Candidate]:
    low = selection.low
    while True:
        rest = replace(selection, low=low)
        candidates = await messages.candidates(rest, SCANNED_AT_ONCE)
        for candidate in candidates:
            yield candidate
        if len(candidates) < SCANNED_AT_ONCE:
            return
        low = candidates[-1].id + 1
