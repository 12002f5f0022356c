"""Any page of any selection is what a plain list says it is (XEP-0059)."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mim.storage.sqlite import SqliteDatabase
from mim.xmpp.conditions import StanzaError
from mim_plugins.mod_mam_meta.pages import find_page
from mim_plugins.mod_mam_meta.query import Query, has_words
from mim_plugins.mod_mam_meta.store import MAX_ID, Selection, UserMessages
from mim_plugins.mod_mam_meta.tables import SCHEMA

OWNER = "romeo@localhost"
PEERS = ("juliet@localhost", "nurse@localhost")


@dataclass(frozen=True)
class Kept:
    """A message of the model."""

    id: int
    peer: str
    resource: str
    body: str | None


# Ids with gaps between them, two peers taking turns unevenly, a message without body now and then.
MODEL = [
    Kept(1000 + 7 * n, PEERS[n % 3 == 0], f"r{n % 2}", None if n % 11 == 5 else f"m{n} {'rose' if n % 4 else 'thorn'}")
    for n in range(60)
]
IDS = [kept.id for kept in MODEL]


@pytest.fixture(scope="module")
def archive() -> Iterator[tuple[asyncio.Runner, UserMessages]]:
    with asyncio.Runner() as runner:

        async def filled() -> tuple[SqliteDatabase, UserMessages]:
            database = SqliteDatabase(None)
            await database.migrate(SCHEMA)
            messages = UserMessages(database)
            for kept in MODEL:
                for owner in (OWNER, "other@localhost"):
                    messages.submit(
                        messages.addition(
                            archive=owner, id=kept.id, peer=kept.peer, peer_resource=kept.resource, is_outgoing=False,
                            origin_id=None, body=kept.body, attributes="", children="",
                        )
                    )  # fmt: skip
            return database, messages

        database, messages = runner.run(filled())
        yield runner, messages
        runner.run(database.close())


near_an_id = st.one_of(st.sampled_from(IDS), st.integers(980, 1450))


@st.composite
def queries(draw: st.DrawFn) -> tuple[Selection, Query, str, tuple[str, ...], int]:
    selection = Selection(
        OWNER,
        draw(st.sampled_from(["", *PEERS])),
        draw(st.one_of(st.just(0), near_an_id)),
        draw(st.one_of(st.just(MAX_ID), near_an_id)),
    )
    after, before = draw(st.one_of(st.none(), near_an_id)), draw(st.one_of(st.none(), near_an_id))
    index = draw(st.one_of(st.none(), st.integers(0, 70)))
    is_backward = index is None and (before is not None or draw(st.booleans()))
    resource = draw(st.sampled_from(["", "", "r0", "r1"]))
    words = draw(st.sampled_from([(), (), ("rose",), ("thorn", "m1")]))
    asked = Query("", None, None, 0, MAX_ID, words, None, after, before, index, is_backward)
    return selection, asked, resource, words, draw(st.integers(0, 70))


def expected(
    selection: Selection, query: Query, resource: str, words: tuple[str, ...], limit: int
) -> tuple[list[int], int, int, bool] | None:
    """Return ids, place of the first, count, and whether nothing is left that way; None = not found."""
    if any(cursor is not None and cursor not in IDS for cursor in (query.after, query.before)):
        return None
    all_ids = [
        kept.id
        for kept in MODEL
        if selection.low <= kept.id <= selection.high
        and (not selection.peer or kept.peer == selection.peer)
        and (not resource or kept.resource == resource)
        and has_words(kept.body, words)
    ]
    window = [
        id for id in all_ids
        if (query.after is None or id > query.after) and (query.before is None or id < query.before)
    ][query.index or 0 :]  # fmt: skip
    page = window[max(0, len(window) - limit) :] if query.is_backward else window[:limit]
    index = all_ids.index(page[0]) if page else -1
    if page:
        complete = page[0] == all_ids[0] if query.is_backward else page[-1] == all_ids[-1]
    elif limit == 0:
        complete = not all_ids
    else:
        complete = True
    return page, index, len(all_ids), complete


@given(asked=queries())
def test_a_page_is_what_a_list_says(archive, asked):
    runner, messages = archive
    selection, query, resource, words, limit = asked
    matches = None
    if resource or words:
        matches = lambda one: (not resource or one.name == resource) and has_words(one.body, words)  # noqa: E731

    asking = find_page(messages, selection, query, limit=limit, matches=matches)
    wanted = expected(selection, query, resource, words, limit)
    if wanted is None:
        with pytest.raises(StanzaError, match="item-not-found"):
            runner.run(asking)
        return
    found = runner.run(asking)
    ids, index, count, complete = wanted
    assert [message.id for message in found.messages] == ids
    assert (found.count, found.is_complete) == (count, complete)
    if ids:
        assert found.index == index


@given(size=st.integers(1, 70), is_backward=st.booleans(), peer=st.sampled_from(["", *PEERS]))
def test_pages_put_together_are_the_whole(archive, size, is_backward, peer):
    runner, messages = archive
    selection = Selection(OWNER, peer)
    seen: list[int] = []
    is_complete = False
    while not is_complete:
        edge = None if not seen else seen[0] if is_backward else seen[-1]
        query = Query(
            "", None, None, 0, MAX_ID, (), None,
            None if is_backward else edge, edge if is_backward else None, None, is_backward,
        )  # fmt: skip
        found = runner.run(find_page(messages, selection, query, limit=size))
        ids = [message.id for message in found.messages]
        seen = ids + seen if is_backward else seen + ids
        is_complete = found.is_complete
    assert seen == [kept.id for kept in MODEL if not peer or kept.peer == peer]
