"""contract/muc-light, section 10."""

from __future__ import annotations

import pytest

from tests.plugins.muc_light.rooms import (
    AFF,
    BLOCK,
    CREATE,
    MODULE,
    ROOM,
    SERVICE,
    change,
    create,
    error,
    gets,
    occupants,
    online,
    options,
    result,
    send_iq,
    users,
    version_of,
)


async def block(client, items: str) -> None:
    id = send_iq(client, "set", f"<query xmlns='{BLOCK}'>{items}</query>", SERVICE)
    await result(client, id, SERVICE)


async def listed(client) -> list[str]:
    answer = await client.ask("get", f"<query xmlns='{BLOCK}'/>", SERVICE)
    assert answer.get("type") == "result"
    query = answer.payload
    assert query is not None
    assert {child.get("action") for child in query.elements()} <= {"deny"}
    return sorted(f"{child.name} {child.text}" for child in query.elements())


async def test_a_list_is_changed_and_shown_to_its_owner_only(serve):
    server = await serve(MODULE)
    ann, ben = await online(server, "ann", "ben")

    await block(ben, f"<room action='deny'>{ROOM}</room><user action='deny'>ann@localhost</user>")
    await block(ben, "<user action='deny'>CAT@localhost/phone</user><user action='deny'>ann@localhost</user>")

    assert await listed(ben) == [f"room {ROOM}", "user ann@localhost", "user cat@localhost"]
    assert await listed(ann) == []

    await block(ben, "<user action='allow'>ann@localhost</user><user action='allow'>never@localhost</user>")
    assert await listed(ben) == [f"room {ROOM}", "user cat@localhost"]


async def test_of_two_items_about_the_same_the_last_counts(serve):
    server = await serve(MODULE)
    (ben,) = await online(server, "ben")

    await block(ben, "<user action='deny'>ann@localhost</user><user action='allow'>ann@localhost</user>")

    assert await listed(ben) == []


@pytest.mark.parametrize(
    "items",
    [
        "<user action='deny'>localhost</user>",
        "<user action='deny'>ann@</user>",
        "<user action='deny'/>",
        "<room action='deny'>muclight.localhost</room>",
        "<user action='forbid'>ann@localhost</user>",
        "<user>ann@localhost</user>",
        "<person action='deny'>ann@localhost</person>",
        "<user action='deny' more='x'>ann@localhost</user>",
        "<user action='deny' xmlns='urn:other'>ann@localhost</user>",
        "<user action='deny'>ben@localhost</user><user action='deny'>localhost</user>",
    ],
)
async def test_what_is_malformed_changes_nothing(serve, items):
    server = await serve(MODULE)
    (ben,) = await online(server, "ben")

    send_iq(ben, "set", f"<query xmlns='{BLOCK}'>{items}</query>", SERVICE)

    await error(ben, "bad-request", "modify")
    assert await listed(ben) == []


async def test_without_blocking_nothing_is_kept_and_nothing_is_obeyed(serve, tmp_path):
    server = await serve(MODULE, data_dir=tmp_path)
    (ben,) = await online(server, "ben")
    await block(ben, "<user action='deny'>ann@localhost</user>")
    await server.stop()
    again = await serve(options(blocking=False), data_dir=tmp_path)
    ann, ben = await online(again, "ann", "ben")

    for type, items in (("get", ""), ("set", "<user action='deny'>cat@localhost</user>")):
        send_iq(ben, type, f"<query xmlns='{BLOCK}'>{items}</query>", SERVICE)
        await error(ben, "bad-request", "modify")
    await create(ann, ben)


async def test_a_user_who_blocks_is_silently_left_out_of_new_rooms(serve):
    server = await serve(MODULE)
    ann, ben, cat, dan = await online(server, "ann", "ben", "cat", "dan")
    await block(ben, "<user action='deny'>ann@localhost</user>")
    await block(cat, f"<room action='deny'>{ROOM}</room>")

    others = users({"ben": "member", "cat": "member", "dan": "member"})
    send_iq(ann, "set", f"<query xmlns='{CREATE}'><occupants>{others}</occupants></query>")
    await ann.expect("message")
    await ann.expect("iq", type="result")

    await dan.expect("message")
    assert list(await occupants(ann)) == ["ann@localhost", "dan@localhost"]
    await ben.expect_nothing()
    await cat.expect_nothing()
    await create(ann, cat, room=f"other@{SERVICE}")


@pytest.mark.parametrize("item", ["<user action='deny'>ann@localhost</user>", f"<room action='deny'>{ROOM}</room>"])
async def test_a_user_who_blocks_is_not_added(serve, item):
    server = await serve(MODULE)
    ann, ben, dan = await online(server, "ann", "ben", "dan")
    version = await create(ann)
    await block(ben, item)

    id = change(ann, {"ben": "member"})
    await result(ann, id)
    assert await version_of(ann) == version

    id = change(ann, {"ben": "owner", "dan": "member"})
    await ann.expect("message", id=id)
    await result(ann, id)
    await dan.expect("message")
    assert await occupants(ann) == {"ann@localhost": "owner", "dan@localhost": "member"}
    await ben.expect_nothing()


async def test_blocking_an_inviting_member_keeps_out_too(serve):
    server = await serve(options(all_can_invite=True))
    ann, ben, cat = await online(server, "ann", "ben", "cat")
    await create(ann, ben)
    await block(cat, "<user action='deny'>ben@localhost</user>")

    id = change(ben, {"cat": "member"})
    await result(ben, id)
    await cat.expect_nothing()
    change(ann, {"cat": "member"})
    await cat.expect("message")


async def test_blocking_hides_nothing_and_keeps_nobody_from_removing(serve):
    server = await serve(MODULE)
    ann, ben = await online(server, "ann", "ben")
    await create(ann, ben)
    await block(ben, f"<user action='deny'>ann@localhost</user><room action='deny'>{ROOM}</room>")

    ann.send(f"<message type='groupchat' id='m1' to='{ROOM}'><body>hi</body></message>")
    await ben.expect("message", id="m1")
    await ann.expect("message", id="m1")
    id = change(ann, {"ben": "none"})
    await gets(
        ben,
        f"<message type='groupchat' from='{ROOM}' to='ben@localhost' id='{id}'>"
        f"<x xmlns='{AFF}'><user affiliation='none'>ben@localhost</user></x><body/></message>",
    )


async def test_lists_of_two_services_are_apart(serve):
    server = await serve(MODULE, hosts=("localhost", "other.example"))
    ben = await server.online("ben")
    await block(ben, "<user action='deny'>ann@localhost</user>")

    answer = await ben.ask("get", f"<query xmlns='{BLOCK}'/>", "muclight.other.example")

    assert answer.payload is not None
    assert list(answer.payload.elements()) == []
