"""What a client asks an archive for (XEP-0313 §4, XEP-0059): read from XML, checked."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime

from mim.plugin import JID, Element, StanzaError, element, parse_stamp
from mim.storage.ids import decode
from mim.xmpp import ns
from mim.xmpp.forms import Field, Submission, find_form, form, read_submission
from mim.xmpp.paging import PageRequest, read_page_request
from mim.xmpp.stanza import parse_address
from mim_plugins.mod_mam_meta.store import MAX_ID

NAMESPACES = (ns.MAM1, ns.MAM2)
TEXT_FIELD = "full-text-search"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_WORD = re.compile(r"\w+")
MAX_WORDS = 32


@dataclass(frozen=True, slots=True)
class Query:
    """A checked question: whose messages, ids between which, with which words; and which page of them.

    *with_* None = any; *max* None = as the server likes; *after* and *before* are ids that the archive must have.
    Backward: the page is taken from the end.
    """

    namespace: str
    query_id: str | None
    with_: JID | None
    low: int
    high: int
    words: tuple[str, ...]
    max: int | None
    after: int | None
    before: int | None
    index: int | None
    is_backward: bool


def form_of(namespace: str, *, can_search: bool) -> Element:
    """Return the form that a query may fill in (XEP-0313 §4.1.5)."""
    fields = [Field("with", "jid-single"), Field("start"), Field("end")]
    if can_search:
        fields.append(Field(TEXT_FIELD))
    return element(namespace, "query", form(namespace, fields))


def read_query(asked: Element, *, can_search: bool) -> Query:
    """Return what a ``<query/>`` of type set asks for.

    Raises:
        StanzaError: bad-request, jid-malformed, not-acceptable (an id that cannot be one), feature-not-implemented (a
            field we do not know, or a search where none is offered).
    """
    filled = find_form(asked)
    submission = Submission("") if filled is None else read_submission(filled)
    if submission.form_type not in ("", *NAMESPACES):
        raise StanzaError("bad-request", f"the form is not one of {asked.ns}")
    for name in submission.values:
        if name not in ("with", "start", "end") and not (name == TEXT_FIELD and can_search):
            raise StanzaError("feature-not-implemented", f"{name[:100]} is no field of this form")
    with_ = submission.get("with").strip()
    start, end = submission.get("start").strip(), submission.get("end").strip()
    page = read_page_request(asked) or PageRequest()
    return Query(
        namespace=asked.ns,
        query_id=asked.attrs.get("queryid"),
        with_=parse_address(with_) if with_ else None,
        low=_first_id(start, "start") if start else 0,
        high=_first_id(end, "end") | 255 if end else MAX_ID,
        words=words_of(submission.get(TEXT_FIELD)),
        max=page.max,
        after=_archive_id(page.after) if page.after else None,
        before=_archive_id(page.before) if page.before else None,
        index=page.index,
        is_backward=page.is_backward and page.index is None,
    )


def words_of(text: str) -> tuple[str, ...]:
    """Return the different words of a text, as searches compare them."""
    return tuple(dict.fromkeys(_WORD.findall(text.casefold())))[:MAX_WORDS]


def has_words(body: str | None, words: tuple[str, ...]) -> bool:
    """Tell whether a body has all the words, in any order, in any case, alone or within others."""
    if body is None:
        return not words
    folded = body.casefold()
    return all(word in folded for word in words)


def first_id_at(microseconds: int) -> int:
    """Return the lowest id that can have been given at a time, in microseconds since 1970."""
    return min(max(microseconds, 0) << 8, MAX_ID - 255)


def _first_id(text: str, name: str) -> int:
    try:
        since = parse_stamp(text) - _EPOCH
    except (ValueError, OverflowError):
        raise StanzaError("bad-request", f"{name} is a time such as 2026-01-02T03:04:05Z") from None
    return first_id_at((since.days * 86400 + since.seconds) * 1_000_000 + since.microseconds)


def _archive_id(text: str) -> int:
    try:
        archive_id = decode(text)
    except ValueError:
        archive_id = MAX_ID + 1
    if archive_id > MAX_ID:
        raise StanzaError("not-acceptable", "Invalid stanza id provided")
    return archive_id
