"""contract/muc-light, section 8."""

from __future__ import annotations

from tests.plugins.muc_light.rooms import (
    AFF,
    CONF,
    DESTROY,
    MODULE,
    ROOM,
    SERVICE,
    change,
    create,
    error,
    gets,
    online,
    options,
    result,
    send_iq,
    told,
)

QUERY = f"<query xmlns='{DESTROY}'/>"


def gone(name: str, id: str) -> str:
    return told(
        name,
        id,
        f"<x xmlns='{DESTROY}'/><x xmlns='{AFF}'><user affiliation='none'>{name}@localhost</user></x>",
    )


async def test_each_occupant_is_told_that_he_and_the_room_are_gone(serve):
    server = await serve(MODULE)
    ann, ben, cat = await online(server, "ann", "ben", "cat")
    await create(ann, ben, cat)

    id = send_iq(ann, "set", QUERY)

    await gets(ann, gone("ann", id))
    await result(ann, id)
    await gets(ben, gone("ben", id))
    await gets(cat, gone("cat", id))
    for client in (ann, ben):
        send_iq(client, "get", f"<query xmlns='{CONF}'/>")
        await error(client, "item-not-found", "cancel")
        client.send(f"<message type='groupchat' id='1' to='{ROOM}'><body>hello?</body></message>")
        await error(client, "item-not-found", "cancel")


async def test_members_and_outsiders_destroy_nothing(serve):
    server = await serve(MODULE)
    ann, ben, dan = await online(server, "ann", "ben", "dan")
    await create(ann, ben)

    send_iq(ben, "set", QUERY)
    await error(ben, "not-allowed", "cancel", "")
    send_iq(dan, "set", QUERY)
    await error(dan, "item-not-found", "cancel", "")
    send_iq(ann, "set", QUERY, f"nowhere@{SERVICE}")
    await error(ann, "item-not-found", "cancel", "")
    await ben.expect_nothing()


async def test_nobody_destroys_a_room_of_equals(serve):
    server = await serve(options(equal_occupants=True))
    (ann,) = await online(server, "ann")
    await create(ann)

    send_iq(ann, "set", QUERY)
    await error(ann, "not-allowed", "cancel")


async def test_the_name_is_free_again_and_nothing_of_the_old_room_stays(serve):
    server = await serve(MODULE)
    ann, ben = await online(server, "ann", "ben")
    await create(ann, ben, fields="<subject>old</subject>")
    send_iq(ann, "set", QUERY)
    await ann.expect("message")
    await ann.expect("iq", type="result")
    await ben.expect("message")

    await create(ben)

    change(ann, {"ann": "none"})
    await error(ann, "item-not-found", "cancel")
