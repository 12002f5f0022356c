"""What a change makes of the occupants: the rules as values, and what holds whatever is asked."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from mim.xmpp.jid import JID
from mim_plugins.mod_muc_light.changes import apply_changes, check_permission, first_occupants
from mim_plugins.mod_muc_light.model import Affiliation, in_order
from mim_plugins.mod_muc_light.refusals import Malformed, NotPermitted

OWNER, MEMBER, NONE = Affiliation.OWNER, Affiliation.MEMBER, Affiliation.NONE

people = st.sampled_from([JID(name, domain) for name in "abcde" for domain in ("x.org", "y.org")])
affiliations = st.dictionaries(people, st.sampled_from(list(Affiliation)), max_size=6)


@st.composite
def rooms(draw: st.DrawFn, owned: bool | None = None) -> dict[JID, Affiliation]:
    inside = draw(st.lists(people, min_size=1, max_size=7, unique=True))
    room = dict.fromkeys(in_order(inside), MEMBER)
    if draw(st.booleans()) if owned is None else owned:
        room[draw(st.sampled_from(inside))] = OWNER
    return room


def owners(of: object) -> list[JID]:
    assert isinstance(of, dict)
    return [user for user, affiliation in of.items() if affiliation is OWNER]


@given(rooms(), affiliations)
def test_a_change_is_done_as_asked_or_not_at_all(room, changes):
    before = dict(room)
    try:
        outcome = apply_changes(room, changes)
    except Malformed:
        assert room == before
        return

    assert room == before
    for user, wanted in changes.items():
        now = outcome.occupants.get(user, NONE)
        # Only one thing may overrule a request: somebody has to own the room.
        assert now is wanted or (now is OWNER and wanted is MEMBER)
    for user in {*room, *outcome.occupants} - set(changes):
        now = outcome.occupants.get(user, NONE)
        assert now is room[user] or {now, room[user]} == {OWNER, MEMBER}
    assert NONE not in outcome.occupants.values()
    assert list(outcome.occupants) == in_order(outcome.occupants)


@given(rooms(), affiliations)
def test_what_is_told_is_exactly_what_changed(room, changes):
    try:
        outcome = apply_changes(room, changes)
    except Malformed:
        return

    told = {**room}
    for user, affiliation in outcome.listed.items():
        assert room.get(user, NONE) is not affiliation
        told[user] = affiliation
    assert {user: a for user, a in told.items() if a is not NONE} == outcome.occupants
    asked = [user for user in outcome.listed if user in changes]
    implied = [user for user in outcome.listed if user not in changes]
    assert list(outcome.listed) == implied + in_order(asked)
    assert len(implied) <= 1


@given(rooms(), affiliations)
def test_an_owned_room_has_one_owner_and_an_ownerless_one_never_gets_one(room, changes):
    try:
        outcome = apply_changes(room, changes)
    except Malformed:
        return

    expected = 1 if owners(room) and outcome.occupants else 0
    assert len(owners(dict(outcome.occupants))) == expected


@given(rooms(owned=True), affiliations)
def test_the_owner_hands_over_in_the_order_of_the_rules(room, changes):
    try:
        outcome = apply_changes(room, changes)
    except Malformed:
        return
    (old,) = owners(room)
    new = owners(dict(outcome.occupants))
    if not new:
        return
    named = owners(changes)
    untouched = in_order(user for user in room if user != old and user not in changes)
    joined = in_order(user for user, wanted in changes.items() if wanted is MEMBER and user not in room)
    if named:
        assert new == named
    elif old not in changes:
        assert new == [old]
    elif untouched:
        assert new == untouched[:1]
    elif joined:
        assert new == joined[:1]
    else:
        assert new == [old]
        assert old not in outcome.listed


@given(rooms(), affiliations)
def test_a_change_is_refused_only_for_a_reason(room, changes):
    idle = any(room.get(user, NONE) is wanted for user, wanted in changes.items())
    wanted_owners = owners(changes)
    reason = idle or len(wanted_owners) > 1 or (wanted_owners and not owners(room))

    if reason:
        with pytest.raises(Malformed):
            apply_changes(room, changes)
    else:
        apply_changes(room, changes)


@given(rooms(owned=True), affiliations, st.booleans(), st.data())
def test_members_never_touch_the_owner_nor_remove_others(room, changes, all_can_invite, data):
    actor = data.draw(st.sampled_from(list(room)))
    (owner,) = owners(room)
    try:
        check_permission(room, actor, changes, all_can_invite=all_can_invite)
        outcome = apply_changes(room, changes)
    except (Malformed, NotPermitted):
        return
    if actor == owner:
        return
    assert outcome.occupants[owner] is OWNER
    assert set(room) - set(outcome.occupants) <= {actor}
    assert all_can_invite or set(outcome.occupants) <= set(room)


@given(people, affiliations, st.booleans())
def test_a_new_room_has_its_creator_and_one_owner_unless_all_are_equal(creator, others, equal):
    try:
        occupants = first_occupants(creator, others, equal=equal)
    except Malformed:
        assert creator in others or NONE in others.values() or len(owners(others)) > (0 if equal else 1)
        return

    assert set(occupants) == {creator, *others}
    assert len(owners(dict(occupants))) == (0 if equal else 1)
    assert occupants[creator] is (MEMBER if equal or owners(others) else OWNER)


class LifeOfARoom(RuleBasedStateMachine):
    """Whatever happens to a room in whatever order, it is never without its owner and never empty."""

    def __init__(self) -> None:
        super().__init__()
        self.room: dict[JID, Affiliation] = dict(first_occupants(JID("a", "x.org"), {}, equal=False))

    @rule(actor=people, changes=affiliations, all_can_invite=st.booleans())
    def somebody_asks(self, actor: JID, changes: dict[JID, Affiliation], all_can_invite: bool) -> None:
        if actor not in self.room:
            return
        try:
            check_permission(self.room, actor, changes, all_can_invite=all_can_invite)
            outcome = apply_changes(self.room, changes)
        except (Malformed, NotPermitted):
            return
        # A room without occupants ends; another takes its name.
        self.room = dict(outcome.occupants) or dict(first_occupants(actor, {}, equal=False))

    @invariant()
    def it_has_one_owner(self) -> None:
        assert len(owners(self.room)) == 1


TestLifeOfARoom = LifeOfARoom.TestCase
TestLifeOfARoom.settings = settings(max_examples=40, stateful_step_count=25)
