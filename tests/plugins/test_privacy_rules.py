"""Privacy lists as values: which item of a list decides (XEP-0016 §2.1, §2.2)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mim.capabilities import Relation
from mim.xmpp.jid import JID
from mim_plugins.mod_privacy.keeper import with_blocks
from mim_plugins.mod_privacy.rules import KINDS, MAX_ORDER, OTHER, SUBSCRIPTIONS, Item, PrivacyList, names_of

PEERS = ["a@x.org", "a@x.org/r", "b@x.org", "x.org", "x.org/r", "a@y.x.org/r", "org", "a@org"]


@pytest.mark.parametrize(
    ("peer", "names"),
    [
        ("a@m.x.org/r", ["a@m.x.org/r", "a@m.x.org", "m.x.org", "x.org", "org"]),
        ("a@x.org", ["a@x.org", "x.org", "org"]),
        ("x.org/r", ["x.org/r", "x.org", "org"]),
        ("localhost", ["localhost"]),
        ("a@localhost/r", ["a@localhost/r", "a@localhost", "localhost"]),
    ],
)
def test_an_address_is_matched_by_itself_and_by_what_it_is_part_of(peer, names):
    assert list(names_of(JID.parse(peer))) == names


items = st.builds(
    lambda order, is_deny, kind, kinds: Item(order, is_deny, *kind, frozenset(kinds)),
    st.integers(0, 50),
    st.booleans(),
    st.one_of(
        st.just(("", "")),
        st.tuples(st.just("jid"), st.sampled_from(PEERS)),
        st.tuples(st.just("subscription"), st.sampled_from(SUBSCRIPTIONS)),
        st.tuples(st.just("group"), st.sampled_from(["Friends", "Family"])),
    ),
    st.sets(st.sampled_from(KINDS)),
)


def by_reading(rules: list[Item], kind: str, peer: JID, relation: Relation) -> Item | None:
    """What the specification says, word by word."""
    for item in sorted(rules, key=lambda item: item.order):
        if item.kinds and kind not in item.kinds:
            continue
        fits = {
            "": True,
            "jid": item.value in list(names_of(peer)),
            "subscription": item.value == relation.subscription,
            "group": item.value in relation.groups,
        }[item.type]
        if fits:
            return item
    return None


@given(
    st.lists(items, unique_by=lambda item: item.order, max_size=12),
    st.sampled_from([*KINDS, OTHER]),
    st.sampled_from(PEERS),
    st.sampled_from(SUBSCRIPTIONS),
    st.sets(st.sampled_from(["Friends", "Family"])),
)
def test_the_list_decides_as_if_it_were_read_from_the_top(rules, kind, peer, subscription, groups):
    relation = Relation(subscription, tuple(groups))
    made = PrivacyList("any", rules)
    assert made.decide(kind, JID.parse(peer), lambda _: relation) == by_reading(rules, kind, JID.parse(peer), relation)


def test_the_roster_is_asked_only_where_an_item_needs_it():
    def never(contact: JID) -> Relation:
        raise AssertionError("not needed")

    made = PrivacyList("any", [Item(1, True, "jid", "a@x.org"), Item(2, True, "group", "Friends")])
    assert made.needs_roster
    assert made.decide("message", JID.parse("a@x.org/r"), never) == made.items[0]
    assert not PrivacyList("any", [Item(1, True, "jid", "a@x.org")]).needs_roster


def test_blocks_are_added_at_the_end_of_a_list_of_blocks():
    old = PrivacyList("blocking", [Item(7, True, "jid", "a@x.org")])
    made, added = with_blocks(old, ["b@x.org", "c@x.org"])
    assert added == [Item(8, True, "jid", "b@x.org"), Item(9, True, "jid", "c@x.org")]
    assert made.items == (*old.items, *added)


@pytest.mark.parametrize("old", [Item(4, False), Item(4, True, "jid", "a@x.org", frozenset({"iq"}))])
def test_blocks_come_before_everything_else(old):
    made, added = with_blocks(PrivacyList("blocking", [old]), ["b@x.org"])
    assert added is None
    assert [(item.order, item.value) for item in made.items] == [(1, "b@x.org"), (2, old.value)]


def test_the_order_of_added_blocks_stays_within_what_a_client_can_read():
    made, added = with_blocks(PrivacyList("blocking", [Item(MAX_ORDER, True, "jid", "a@x.org")]), ["b@x.org"])
    assert added is None
    assert max(item.order for item in made.items) == 2
