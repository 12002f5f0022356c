"""contract/muc-light, section 15, and contract/admin-api, section 7: what an account's removal does to its rooms."""

from __future__ import annotations

from mim.xmpp.element import Element
from mim.xmpp.jid import JID
from tests.plugins.muc_light.rooms import (
    AFF,
    BLOCK,
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
    result,
    send_iq,
    told,
)


async def test_a_removed_account_leaves_its_rooms_before_its_streams_end(serve):
    server = await serve(MODULE)
    ann, ben, cat = await online(server, "ann", "ben", "cat")
    v1 = await create(ann, ben, cat)
    w1 = await create(cat, ann, room=f"other@{SERVICE}")
    await create(ann, room=f"lonely@{SERVICE}")

    await server.app.server.accounts.remove(JID("ann", "localhost"))

    # one room after the other, in the order of their JIDs
    leaves = [await ann.next() for _ in range(3)]
    assert [stanza.get("from") for stanza in leaves] == [ROOM, f"lonely@{SERVICE}", f"other@{SERVICE}"]
    for stanza in leaves:
        assert stanza.payload is not None
        (user,) = stanza.payload.elements()
        assert (user.text, user.get("affiliation")) == ("ann@localhost", "none")
    assert (await ann.stream_error()).find("urn:ietf:params:xml:ns:xmpp-streams", "conflict") is not None

    handover = {"ben": "owner", "ann": "none"}
    got = await ben.next()
    id, v2 = got.get("id"), got.payload.child_text(AFF, "version")
    assert id
    await gets(
        cat,
        told("cat", id, changed(handover, prev=v1, version=v2)),
    )
    got = await cat.next()
    w2 = got.payload.child_text(AFF, "version")
    assert (got.payload.child_text(AFF, "prev-version"), w2 != w1) == (w1, True)
    assert await occupants(cat) == {"ben@localhost": "owner", "cat@localhost": "member"}
    send_iq(ben, "get", f"<query xmlns='{AFF}'/>", f"lonely@{SERVICE}")
    await error(ben, "item-not-found", "cancel")


async def test_its_blocking_list_goes_too(serve):
    server = await serve(MODULE)
    ann, ben = await online(server, "ann", "ben")
    id = send_iq(ben, "set", f"<query xmlns='{BLOCK}'><user action='deny'>ann@localhost</user></query>", SERVICE)
    await result(ben, id, SERVICE)

    await server.app.server.accounts.remove(JID("ben", "localhost"))
    (ben,) = await online(server, "ben")

    await create(ann, ben)


async def test_rooms_of_other_hosts_are_left_as_well(serve):
    server = await serve(MODULE, hosts=("localhost", "other.example"))
    (ann,) = await online(server, "ann")
    eve = await server.online("eve", domain="other.example")
    await create(ann)
    change(ann, {"eve@other.example": "member"})
    await ann.collect()
    await next_version(eve)

    await server.app.server.accounts.remove(JID("eve", "other.example"))

    await ann.expect("message")
    assert await occupants(ann) == {"ann@localhost": "owner"}


async def test_somebody_who_is_in_no_room_just_goes(serve):
    server = await serve(MODULE)
    ann, dan = await online(server, "ann", "dan")
    await create(ann)

    await server.app.server.accounts.remove(JID("dan", "localhost"))

    await ann.expect_nothing()
    assert (await dan.stream_error()).name == "error"


async def test_contacts_hear_of_it_before_rooms_do_and_streams_end_last(serve):
    server = await serve("[modules.mod_muc_light]\n[modules.mod_roster]")
    ann, ben = await online(server, "ann", "ben")
    for asker, asked in ((ann, ben), (ben, ann)):
        for client, other, type in ((asker, asked, "subscribe"), (asked, asker, "subscribed")):
            client.send(f"<presence type='{type}' to='{other.jid.bare}'/>")
            await client.collect()
            await other.collect()
    await create(ann, ben)

    await server.app.server.accounts.remove(JID("ann", "localhost"))

    def kind(stanza: Element) -> str:
        return f"{stanza.name} {stanza.get('type')}"

    seen = [kind(stanza) for stanza in await ben.collect()]
    assert "presence unsubscribe" in seen
    assert "presence unsubscribed" in seen
    assert seen[-1] == "message groupchat"
    assert seen.count("message groupchat") == 1
    own = [kind(await ann.next()) for _ in range(2)]
    assert own == ["presence unavailable", "message groupchat"]
    assert (await ann.stream_error()).name == "error"
