"""Pages of long lists: Result Set Management (XEP-0059) as values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from mim.xmpp import ns
from mim.xmpp.conditions import StanzaError
from mim.xmpp.element import Element, element

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class PageRequest:
    """What a requester asks for. *before* "" means the last page; None = not asked."""

    max: int | None = None
    after: str | None = None
    before: str | None = None
    index: int | None = None

    @property
    def is_backward(self) -> bool:
        """Tell whether the page is taken from the end."""
        return self.before is not None


@dataclass(frozen=True, slots=True)
class Page:
    """What is answered: ids of the first and last item of this page, where it begins, and how many items there are."""

    count: int | None = None
    first: str | None = None
    last: str | None = None
    index: int | None = None

    def to_element(self) -> Element:
        """Return ``<set/>``; of an empty page only the count."""
        first = last = None
        if self.first is not None and self.last is not None:
            first = element(ns.RSM, "first", self.first, index=None if self.index is None else str(self.index))
            last = element(ns.RSM, "last", self.last)
        count = element(ns.RSM, "count", str(self.count)) if self.count is not None else None
        return element(ns.RSM, "set", first, last, count)


def read_page_request(parent: Element) -> PageRequest | None:
    """Return the ``<set/>`` among the children; None when there is none.

    Raises:
        StanzaError: bad-request; max or index is no number, or negative.
    """
    asked = parent.find(ns.RSM, "set")
    if asked is None:
        return None
    return PageRequest(
        max=_number(asked, "max"),
        after=asked.child_text(ns.RSM, "after"),
        before=asked.child_text(ns.RSM, "before"),
        index=_number(asked, "index"),
    )


def _number(asked: Element, name: str) -> int | None:
    text = asked.child_text(ns.RSM, name)
    if text is None:
        return None
    text = text.strip()
    if not (text.isascii() and text.isdigit()) or len(text) > 18:
        raise StanzaError("bad-request", f"{name} is a number, 0 or more")
    return int(text)


def page_of(ids: Sequence[str], request: PageRequest | None, *, limit: int) -> tuple[range, Page]:
    """Return the positions of a page within a whole list that is in memory, and what to say about it.

    An id that is not there, or an index beyond the end, gives an empty page with the count (XEP-0059 §2.5).
    """
    asked = request or PageRequest()
    size = limit if asked.max is None else min(asked.max, limit)
    count = len(ids)
    start, stop = 0, count
    try:
        if asked.after is not None:
            start = ids.index(asked.after) + 1
        if asked.before:
            stop = ids.index(asked.before)
    except ValueError:
        return range(0), Page(count)
    if asked.index is not None:
        start = min(asked.index, count)
    if asked.is_backward:
        start = max(start, stop - size)
    stop = max(start, min(stop, start + size))
    if start >= stop:
        return range(0), Page(count)
    return range(start, stop), Page(count, ids[start], ids[stop - 1], start)
