"""contract/muc-light, section 4."""

from __future__ import annotations

import pytest

from tests.plugins.muc_light.rooms import (
    CREATE,
    MODULE,
    ROOM,
    SERVICE,
    error,
    fields,
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


def query(configuration: str = "", others: str = "") -> str:
    parts = f"<configuration>{configuration}</configuration>" if configuration else ""
    parts += f"<occupants>{others}</occupants>" if others else ""
    return f"<query xmlns='{CREATE}'>{parts}</query>"


async def test_each_occupant_is_told_of_himself_before_the_creator_gets_his_result(serve):
    server = await serve(MODULE)
    ann, ben, cat = await online(server, "ann", "ben", "cat")

    id = send_iq(ann, "set", query("<roomname>Den</roomname>", users({"cat": "member", "ben": "member"})))

    first = await ann.next()
    version = first.payload.child_text(first.payload.ns, "version")
    assert version
    assert first.attrs == {"type": "groupchat", "id": id, "from": ROOM, "to": "ann@localhost"}
    await result(ann, id)
    await gets(ben, told("ben", id, own("member", "ben", version)))
    await gets(cat, told("cat", id, own("member", "cat", version)))
    assert await occupants(ann) == {"ann@localhost": "owner", "ben@localhost": "member", "cat@localhost": "member"}
    assert await fields(ann) == {"roomname": "Den", "subject": ""}
    assert await version_of(ann) == version


async def test_configuration_and_occupants_may_be_left_out(serve):
    server = await serve(MODULE)
    (ann,) = await online(server, "ann")

    id = send_iq(ann, "set", query())

    version = await next_version(ann)
    await result(ann, id)
    assert await fields(ann) == {"roomname": "Untitled", "subject": ""}
    assert await occupants(ann) == {"ann@localhost": "owner"}
    assert version


async def test_the_service_invents_a_node_and_answers_for_itself(serve):
    server = await serve(MODULE)
    ann, ben = await online(server, "ann", "ben")

    id = send_iq(ann, "set", query("<roomname>Den</roomname>", users({"ben": "member"})), SERVICE)

    notice = await ann.next()
    room = notice.get("from")
    node, _, domain = room.partition("@")
    assert node
    assert domain == SERVICE
    version = notice.payload.child_text(notice.payload.ns, "version")
    assert notice.payload.elements().__next__().name == "version"
    await result(ann, id, SERVICE)
    await gets(ben, told("ben", id, own("member", "ben", version), room=room))

    send_iq(ann, "set", query(), SERVICE)
    assert (await ann.next()).get("from") != room


async def test_an_occupant_who_is_offline_is_in_all_the_same(serve):
    server = await serve(MODULE)
    (ann,) = await online(server, "ann")
    await server.register("ben")

    send_iq(ann, "set", query("", users({"ben": "member", "ghost": "member", "far@elsewhere.example": "member"})))

    await ann.expect("message")
    await ann.expect("iq", type="result")
    assert list(await occupants(ann)) == ["ann@localhost", "ben@localhost", "far@elsewhere.example", "ghost@localhost"]


async def test_equal_occupants_have_no_owner(serve):
    server = await serve(options(equal_occupants=True))
    ann, ben = await online(server, "ann", "ben")

    id = send_iq(ann, "set", query("", users({"ben": "member"})))
    version = await next_version(ann)
    await result(ann, id)
    await gets(ben, told("ben", id, own("member", "ben", version)))
    assert await occupants(ben) == {"ann@localhost": "member", "ben@localhost": "member"}

    send_iq(ann, "set", query("", users({"ben": "owner"})), f"other@{SERVICE}")
    await error(ann, "bad-request", "modify", "Ownerless room")


async def test_a_named_owner_makes_the_creator_a_member(serve):
    server = await serve(MODULE)
    ann, ben = await online(server, "ann", "ben")

    send_iq(ann, "set", query("", users({"ben": "owner"})))

    await ann.expect("message")
    await ann.expect("iq", type="result")
    await ben.expect("message")
    assert await occupants(ben) == {"ann@localhost": "member", "ben@localhost": "owner"}


@pytest.mark.parametrize(
    "others",
    [
        users({"ann": "member"}),
        users({"ann": "owner"}),
        users({"ben": "none"}),
        users({"ben": "owner", "cat": "owner"}),
        users({"ben": "member"}) + users({"ben": "member"}),
        users({"ben": "member"}) + users({"BEN@localhost/phone": "member"}),
        users({"ben": "outcast"}),
        "<user>ben@localhost</user>",
        "<user affiliation='member' more='x'>ben@localhost</user>",
        "<user affiliation='member'>localhost</user>",
        "<user affiliation='member'>a@b@c</user>",
        "<person affiliation='member'>ben@localhost</person>",
    ],
)
async def test_a_list_of_occupants_that_contradicts_itself_is_refused(serve, others):
    server = await serve(MODULE)
    ann, ben = await online(server, "ann", "ben")

    send_iq(ann, "set", query("", others))

    await error(ann, "bad-request", "modify")
    await ben.expect_nothing()
    send_iq(ann, "get", f"<query xmlns='{CREATE.replace('create', 'info')}'/>")
    await error(ann, "item-not-found", "cancel")


async def test_a_taken_node_is_a_conflict_and_changes_nothing(serve):
    server = await serve(MODULE)
    ann, ben = await online(server, "ann", "ben")
    send_iq(ann, "set", query("<roomname>Den</roomname>"))
    await ann.expect("message")
    await ann.expect("iq", type="result")

    send_iq(ben, "set", query("<roomname>Mine</roomname>", users({"ann": "member"})))

    await error(ben, "conflict", "cancel", "Room already exists")
    await ann.expect_nothing()
    assert await fields(ann) == {"roomname": "Den", "subject": ""}


async def test_of_two_who_make_the_same_room_at_once_one_gets_it(serve):
    server = await serve(MODULE)
    ann, ben = await online(server, "ann", "ben")

    send_iq(ann, "set", query())
    send_iq(ben, "set", query())

    outcomes = sorted([*[s.get("type") for s in await ann.collect()], *[s.get("type") for s in await ben.collect()]])
    assert outcomes == ["error", "groupchat", "result"]


@pytest.mark.parametrize(
    ("configuration", "text"),
    [
        ("<mood>good</mood>", "mood:not_found"),
        ("<roomname>Den</roomname><mood>good</mood>", "mood:not_found"),
        ("<version>1</version>", "version is no field"),
    ],
)
async def test_a_field_that_does_not_exist_is_refused(serve, configuration, text):
    server = await serve(MODULE)
    (ann,) = await online(server, "ann")

    send_iq(ann, "set", query(configuration))

    await error(ann, "bad-request", "modify", text)


async def test_rooms_per_user_counts_each_users_own_rooms(serve):
    server = await serve(options(rooms_per_user=1))
    ann, ben, cat = await online(server, "ann", "ben", "cat")
    send_iq(ann, "set", query("", users({"ben": "member"})))
    await ann.expect("message")
    await ann.expect("iq", type="result")
    await ben.expect("message")

    send_iq(ann, "set", query(), f"second@{SERVICE}")
    await error(ann, "bad-request", "modify")

    id = send_iq(cat, "set", query("", users({"ben": "member"})), f"third@{SERVICE}")
    await cat.expect("message", id=id)
    await result(cat, id, f"third@{SERVICE}")
    assert await occupants(cat, f"third@{SERVICE}") == {"cat@localhost": "owner"}
    await ben.expect_nothing()


async def test_an_owner_who_is_left_out_leaves_the_room_to_its_creator(serve):
    server = await serve(options(rooms_per_user=1))
    ann, ben = await online(server, "ann", "ben")
    send_iq(ben, "set", query(), f"first@{SERVICE}")
    await ben.expect("message")
    await ben.expect("iq", type="result")

    send_iq(ann, "set", query("", users({"ben": "owner"})))
    await ann.expect("message")
    await ann.expect("iq", type="result")

    assert await occupants(ann) == {"ann@localhost": "owner"}


async def test_max_occupants_counts_the_creator(serve):
    server = await serve(options(max_occupants=2))
    ann, ben = await online(server, "ann", "ben")

    send_iq(ann, "set", query("", users({"ben": "member", "cat": "member"})))
    await error(ann, "bad-request", "modify", "max_occupants_reached")
    await ben.expect_nothing()

    send_iq(ann, "set", query("", users({"ben": "member"})))
    await ann.expect("message")
    await ann.expect("iq", type="result")


async def test_nodes_are_prepared_and_bad_ones_refused(serve):
    server = await serve(MODULE)
    (ann,) = await online(server, "ann")

    id = send_iq(ann, "set", query(), f"DEN@{SERVICE}")
    assert (await ann.next()).get("from") == ROOM
    await result(ann, id)

    send_iq(ann, "set", query(), f"{'x' * 1024}@{SERVICE}")
    got = await ann.next()
    assert got.get("type") == "error"
    send_iq(ann, "set", query(), f"{ROOM}/nick")
    await error(ann, "bad-request", "modify", "Resource expected to be empty")


async def test_a_room_among_its_own_occupants_does_not_loop(serve):
    server = await serve(MODULE)
    (ann,) = await online(server, "ann")
    other = f"other@{SERVICE}"
    send_iq(ann, "set", query("", users({other: "member"})))
    await ann.expect("message")
    await ann.expect("iq", type="result")
    send_iq(ann, "set", query("", users({ROOM: "member"})), other)
    await ann.expect("message")
    await ann.expect("iq", type="result")

    ann.send(f"<message type='groupchat' id='1' to='{ROOM}'><body>echo?</body></message>")

    await ann.expect("message", from_=f"{ROOM}/ann@localhost")
    await ann.expect_nothing()
    assert list(await occupants(ann)) == ["ann@localhost", other]
