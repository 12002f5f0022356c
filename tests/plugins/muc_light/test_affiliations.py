"""contract/muc-light, section 7."""

from __future__ import annotations

from itertools import pairwise

import pytest

from tests.plugins.muc_light.rooms import (
    AFF,
    MODULE,
    ROOM,
    SERVICE,
    change,
    changed,
    create,
    error,
    gets,
    next_version,
    occupants,
    online,
    options,
    own,
    result,
    send_iq,
    told,
    users,
    version_of,
)

OWNED = {"ann@localhost": "owner", "ben@localhost": "member", "cat@localhost": "member"}


async def test_everybody_is_told_what_concerns_him_before_the_result(serve):
    server = await serve(MODULE)
    ann, ben, cat, dan = await online(server, "ann", "ben", "cat", "dan")
    v1 = await create(ann, ben, cat)

    id = change(ann, {"dan": "member", "ben": "owner", "cat": "none"})

    v2 = await next_version(dan)
    assert v2 != v1
    all_changes = changed({"ann": "member", "ben": "owner", "cat": "none", "dan": "member"}, prev=v1, version=v2)
    await gets(ann, told("ann", id, all_changes))
    await result(ann, id)
    await gets(ben, told("ben", id, all_changes))
    await gets(cat, told("cat", id, changed({"cat": "none"})))
    assert await occupants(dan) == {"ann@localhost": "member", "ben@localhost": "owner", "dan@localhost": "member"}
    for client in (ann, ben, cat, dan):
        await client.expect_nothing()


async def test_a_newcomer_is_told_of_himself_only(serve):
    server = await serve(MODULE)
    ann, dan, eve = await online(server, "ann", "dan", "eve")
    await create(ann)

    id = change(ann, {"eve": "member", "dan": "member"})

    version = await next_version(ann)
    await result(ann, id)
    await gets(dan, told("dan", id, own("member", "dan", version)))
    await gets(eve, told("eve", id, own("member", "eve", version)))


@pytest.mark.parametrize(
    ("asked", "outcome", "listed"),
    [
        # the request names an owner
        (
            {"ben": "owner"},
            {"ann": "member", "ben": "owner", "cat": "member"},
            {"ann": "member", "ben": "owner"},
        ),
        (
            {"ben": "owner", "ann": "none"},
            {"ben": "owner", "cat": "member"},
            {"ann": "none", "ben": "owner"},
        ),
        (
            {"ben": "owner", "ann": "member"},
            {"ann": "member", "ben": "owner", "cat": "member"},
            {"ann": "member", "ben": "owner"},
        ),
        # he names none: an old member whom he does not mention
        (
            {"ann": "none"},
            {"ben": "owner", "cat": "member"},
            {"ben": "owner", "ann": "none"},
        ),
        (
            {"ben": "none", "ann": "member"},
            {"ann": "member", "cat": "owner"},
            {"cat": "owner", "ann": "member", "ben": "none"},
        ),
        # else one who joins
        (
            {"ann": "member", "ben": "none", "cat": "none", "eve": "member", "dan": "member"},
            {"ann": "member", "dan": "owner", "eve": "member"},
            {"ann": "member", "ben": "none", "cat": "none", "dan": "owner", "eve": "member"},
        ),
        # else he stays what he is
        (
            {"ann": "member", "ben": "none", "cat": "none"},
            {"ann": "owner"},
            {"ben": "none", "cat": "none"},
        ),
    ],
)
async def test_who_owns_the_room_afterwards(serve, asked, outcome, listed):
    server = await serve(MODULE)
    ann, ben, cat = await online(server, "ann", "ben", "cat")
    await server.register("dan", "eve")
    v1 = await create(ann, ben, cat)

    id = change(ann, asked)

    stayer = {"ann": ann, "ben": ben, "cat": cat}[next(name for name in outcome if name in ("ann", "ben", "cat"))]
    got = await stayer.next()
    v2 = got.payload.child_text(AFF, "version")
    everything = changed(listed, prev=v1, version=v2)
    if stayer is not ann:
        gone = changed({"ann": "none"})
        await gets(ann, told("ann", id, gone))
    await result(ann, id)
    for name, client in (("ben", ben), ("cat", cat)):
        if name in outcome and client is not stayer:
            await gets(client, told(name, id, everything))
        elif name not in outcome:
            await gets(client, told(name, id, changed({name: "none"})))
    assert [(u.get("affiliation"), u.text) for u in got.payload.elements(AFF, "user")] == [
        (what, f"{name}@localhost") for name, what in listed.items()
    ]
    assert await occupants(stayer) == {f"{name}@localhost": what for name, what in outcome.items()}


async def test_a_lone_owner_cannot_demote_himself(serve):
    server = await serve(MODULE)
    (ann,) = await online(server, "ann")
    version = await create(ann)

    id = change(ann, {"ann": "member"})

    await result(ann, id)
    assert await version_of(ann) == version
    assert await occupants(ann) == {"ann@localhost": "owner"}


async def test_a_member_leaves(serve):
    server = await serve(MODULE)
    ann, ben = await online(server, "ann", "ben")
    v1 = await create(ann, ben)

    id = change(ben, {"ben": "none"})

    await gets(ben, told("ben", id, changed({"ben": "none"})))
    await result(ben, id)
    v2 = await next_version(ann)
    assert v2 != v1
    assert await occupants(ann) == {"ann@localhost": "owner"}
    change(ben, {"ben": "none"})
    await error(ben, "item-not-found", "cancel", "")


async def test_the_room_ends_with_its_last_occupant(serve):
    server = await serve(MODULE)
    ann, ben = await online(server, "ann", "ben")
    await create(ann)

    id = change(ann, {"ann": "none"})

    await gets(ann, told("ann", id, changed({"ann": "none"})))
    await result(ann, id)
    send_iq(ann, "get", f"<query xmlns='{AFF}'/>")
    await error(ann, "item-not-found", "cancel")
    await create(ben)  # the name is free again


async def test_an_owner_may_empty_the_room_at_once(serve):
    server = await serve(MODULE)
    ann, ben = await online(server, "ann", "ben")
    await create(ann, ben)

    id = change(ann, {"ann": "none", "ben": "none"})

    await gets(ann, told("ann", id, changed({"ann": "none"})))
    await result(ann, id)
    await gets(ben, told("ben", id, changed({"ben": "none"})))
    send_iq(ben, "get", f"<query xmlns='{AFF}'/>")
    await error(ben, "item-not-found", "cancel")


# --- what is refused ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "asked",
    [
        users({"dan": "member"}),
        users({"dan": "owner"}),
        users({"cat": "none"}),
        users({"cat": "owner"}),
        users({"ben": "owner"}),
        users({"ann": "member"}),
        users({"ann": "none"}),
        users({"ben": "none", "cat": "none"}),
        users({"ben": "none", "ann": "member"}),
    ],
)
async def test_a_member_may_only_leave(serve, asked):
    server = await serve(MODULE)
    ann, ben, cat, dan = await online(server, "ann", "ben", "cat", "dan")
    version = await create(ann, ben, cat)

    send_iq(ben, "set", f"<query xmlns='{AFF}'>{asked}</query>")

    await error(ben, "not-allowed", "cancel", "")
    for client in (ann, cat, dan):
        await client.expect_nothing()
    assert await version_of(ben) == version
    assert await occupants(ben) == OWNED


async def test_all_can_invite_lets_members_add_members(serve):
    server = await serve(options(all_can_invite=True))
    ann, ben, dan = await online(server, "ann", "ben", "dan")
    v1 = await create(ann, ben)

    id = change(ben, {"dan": "member"})

    v2 = await next_version(dan)
    everything = changed({"dan": "member"}, prev=v1, version=v2)
    await gets(ann, told("ann", id, everything))
    await gets(ben, told("ben", id, everything))
    await result(ben, id)
    for asked in ({"eve": "owner"}, {"dan": "none"}, {"ann": "member"}, {"eve": "member", "ann": "none"}):
        change(ben, asked)
        await error(ben, "not-allowed", "cancel")
    change(ben, {"dan": "member"})
    await error(ben, "bad-request", "modify")


@pytest.mark.parametrize(
    "asked",
    [
        users({"ben": "member"}),
        users({"ann": "owner"}),
        users({"dan": "none"}),
        users({"ben": "owner", "cat": "owner"}),
        users({"ben": "owner", "dan": "owner"}),
        users({"dan": "member"}) + users({"dan": "none"}),
        users({"dan": "member", "ben": "member"}),
        "<user affiliation='member'>@nobody</user>",
        "<user affiliation='member'>localhost</user>",
        "<user affiliation='member'/>",
        "<user affiliation='admin'>dan@localhost</user>",
        "<user>dan@localhost</user>",
        "<user affiliation='member' role='none'>dan@localhost</user>",
        "<member affiliation='member'>dan@localhost</member>",
        "<user xmlns='urn:other' affiliation='member'>dan@localhost</user>",
    ],
)
async def test_what_changes_nothing_or_contradicts_itself_is_refused(serve, asked):
    server = await serve(MODULE)
    ann, ben, cat, dan = await online(server, "ann", "ben", "cat", "dan")
    version = await create(ann, ben, cat)

    send_iq(ann, "set", f"<query xmlns='{AFF}'>{asked}</query>")

    await error(ann, "bad-request", "modify")
    for client in (ben, cat, dan):
        await client.expect_nothing()
    assert await version_of(ann) == version
    assert await occupants(ann) == OWNED


async def test_outsiders_change_nothing(serve):
    server = await serve(MODULE)
    ann, dan = await online(server, "ann", "dan")
    await create(ann)

    for room in (ROOM, f"nowhere@{SERVICE}"):
        for asked in ({"dan": "member"}, {"dan": "none"}, {"ann": "none"}):
            change(dan, asked, room)
            await error(dan, "item-not-found", "cancel", "")
    await ann.expect_nothing()


async def test_a_request_without_users_changes_nothing(serve):
    server = await serve(MODULE)
    ann, ben = await online(server, "ann", "ben")
    version = await create(ann, ben)

    id = change(ann, {})

    await result(ann, id)
    await ben.expect_nothing()
    assert await version_of(ann) == version


async def test_max_occupants_bounds_the_outcome(serve):
    server = await serve(options(max_occupants=2))
    ann, ben, dan = await online(server, "ann", "ben", "dan")
    await create(ann, ben)

    change(ann, {"dan": "member"})
    await error(ann, "bad-request", "modify", "max_occupants_reached")
    await dan.expect_nothing()
    change(ann, {"dan": "member", "ben": "none"})
    await ann.expect("message")
    await ann.expect("iq", type="result")
    assert list(await occupants(ann)) == ["ann@localhost", "dan@localhost"]


async def test_a_room_that_is_larger_than_a_new_limit_can_be_left(serve, tmp_path):
    server = await serve(MODULE, data_dir=tmp_path)
    ann, ben, cat = await online(server, "ann", "ben", "cat")
    await create(ann, ben, cat)
    await server.stop()
    again = await serve(options(max_occupants=1), data_dir=tmp_path)
    ann, cat = await online(again, "ann", "cat")

    id = change(cat, {"cat": "none"})

    await cat.expect("message", id=id)
    await result(cat, id)
    await ann.expect("message", id=id)
    assert list(await occupants(ann)) == ["ann@localhost", "ben@localhost"]


async def test_who_is_in_enough_rooms_is_silently_left_out(serve):
    server = await serve(options(rooms_per_user=1))
    ann, ben, dan = await online(server, "ann", "ben", "dan")
    version = await create(ann, ben)
    await create(dan, room=f"other@{SERVICE}")

    id = change(ann, {"dan": "member"})
    await result(ann, id)
    assert await version_of(ann) == version

    id = change(ann, {"dan": "member", "ben": "none"})
    await ann.expect("message", id=id)
    await result(ann, id)
    assert list(await occupants(ann)) == ["ann@localhost"]
    await dan.expect_nothing()


async def test_a_user_is_not_brought_into_two_rooms_at_once_beyond_his_limit(serve):
    server = await serve(options(rooms_per_user=1))
    owners = await online(server, *(f"o{number}" for number in range(6)))
    await server.register("dan")
    rooms = [f"r{number}@{SERVICE}" for number in range(6)]
    for owner, room in zip(owners, rooms, strict=True):
        await create(owner, room=room)

    for owner, room in zip(owners, rooms, strict=True):
        change(owner, {"dan": "member"}, room)
    for owner in owners:
        await owner.collect()

    members = [list(await occupants(owner, room)) for owner, room in zip(owners, rooms, strict=True)]
    assert sum("dan@localhost" in inside for inside in members) == 1


# --- without owners -------------------------------------------------------------------------------------------


async def test_among_equals_nobody_removes_or_promotes(serve):
    server = await serve(options(equal_occupants=True))
    ann, ben, dan = await online(server, "ann", "ben", "dan")
    await create(ann, ben)

    for asked in ({"ben": "none"}, {"dan": "member"}, {"ann": "owner"}, {"ben": "owner"}):
        change(ann, asked)
        await error(ann, "not-allowed", "cancel")

    id = change(ann, {"ann": "none"})
    await gets(ann, told("ann", id, changed({"ann": "none"})))
    await result(ann, id)
    await ben.expect("message")
    assert await occupants(ben) == {"ben@localhost": "member"}
    await dan.expect_nothing()


async def test_equals_add_others_where_all_can_invite(serve):
    server = await serve(options(equal_occupants=True, all_can_invite=True))
    ann, dan = await online(server, "ann", "dan")
    await create(ann)

    change(ann, {"dan": "member"})
    await dan.expect("message")
    assert await occupants(dan) == {"ann@localhost": "member", "dan@localhost": "member"}


# --- while others are writing ---------------------------------------------------------------------------------


async def test_changes_and_messages_keep_their_order(serve):
    server = await serve(MODULE)
    ann, ben, dan = await online(server, "ann", "ben", "dan")
    await create(ann, ben)

    for number in range(20):
        ann.send(f"<message type='groupchat' id='a{number}' to='{ROOM}'><body>{number}</body></message>")
        change(ann, {"dan": "member" if number % 2 == 0 else "none"})

    seen_by_ann = [stanza for stanza in await ann.collect() if stanza.name == "message"]
    seen_by_ben = await ben.collect()
    assert [s.get("id") for s in seen_by_ann] == [s.get("id") for s in seen_by_ben]
    assert len(seen_by_ben) == 40
    versions = [(s.payload.child_text(AFF, "prev-version"), s.payload.child_text(AFF, "version"))
                for s in seen_by_ben[1::2]]  # fmt: skip
    for (_, version), (prev, _) in pairwise(versions):
        assert prev == version
    # dan hears what is said while he is inside, and nothing else
    bodies = [s.child_text("jabber:client", "body") for s in await dan.collect()]
    assert [body for body in bodies if body] == [str(number) for number in range(1, 20, 2)]
