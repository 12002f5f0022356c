"""Roles and affiliations (xmpp-behaviour, section 7.5)."""

from __future__ import annotations

import pytest

from mim.xmpp import ns
from tests.plugins.muc.rooms import (
    ADMIN,
    OWNER,
    ROOM,
    admin,
    answered,
    configured,
    item_of,
    join,
    joined,
    seen,
    shown,
    with_options,
)

JOE = "jid=guest@localhost/r1"


def reason_of(presence) -> str | None:
    return presence.find(ns.MUC_USER, "x").find(ns.MUC_USER, "item").child_text(ns.MUC_USER, "reason")


@pytest.fixture
async def third(server, owner, guest):
    """Is in den as max, without any right."""
    third = await server.online("third")
    await joined(third, "max")
    await owner.collect()
    await guest.collect()
    return third


async def raised(owner, client, affiliation: str, *others) -> None:
    """Give a client's user an affiliation; everybody has read it."""
    answer = await admin(owner, f"<item affiliation='{affiliation}' jid='{client.jid.bare}'/>")
    assert answer.get("type") == "result", answer
    for each in (client, *others):
        await each.collect()


# --- roles --------------------------------------------------------------------------------------------------------


async def test_kick(owner, guest, third):
    answer = await admin(owner, "<item role='none' nick='joe'><reason>out</reason></item>")
    assert answer.get("type") == "result"
    (told,) = owner.before  # the presence comes before the result
    assert shown(told) == f"-P joe none/none {JOE} 307"
    assert reason_of(told) == "out"
    (own,) = await guest.collect()
    assert shown(own) == "-P joe none/none 110,307"
    assert reason_of(own) == "out"
    assert await seen(third) == ["-P joe none/none 307"]
    await joined(guest, "joe")  # he may come again


@pytest.mark.parametrize("role", ["visitor", "moderator"])
async def test_role_is_told_to_all(owner, guest, third, role):
    await admin(owner, f"<item role='{role}' nick='joe'><reason>so</reason></item>")
    (told,) = owner.before
    assert shown(told) == f"P joe none/{role} {JOE}"
    assert reason_of(told) == "so"
    assert [shown(s)[:20] for s in await third.collect()] == [f"P joe none/{role}"[:20]]
    assert item_of((await guest.collect())[0])["role"] == role
    await admin(owner, "<item role='participant' nick='joe'/>")
    assert shown(owner.before[0]) == f"P joe none/participant {JOE}"


async def test_moderator_may_kick_and_mute_but_make_no_moderators(owner, guest, third):
    await admin(owner, "<item role='moderator' nick='joe'/>")
    assert (await admin(guest, "<item role='visitor' nick='max'/>")).get("type") == "result"
    assert shown(await admin(guest, "<item role='moderator' nick='max'/>")) == "E cancel/not-allowed"
    assert shown(await admin(guest, "<item role='none' nick='boss'/>")) == "E cancel/not-allowed"
    assert shown(await admin(guest, "<item role='participant' nick='boss'/>")) == "E cancel/not-allowed"
    assert (await admin(guest, "<item role='none' nick='max'/>")).get("type") == "result"


async def test_participant_may_change_no_role(guest, third):
    assert shown(await admin(guest, "<item role='none' nick='max'/>")) == "E cancel/not-allowed"
    assert await seen(third) == []


async def test_nobody_unmakes_an_admin_or_owner_moderator(owner, guest, third):
    await raised(owner, guest, "admin", third)
    assert shown(await admin(owner, "<item role='participant' nick='joe'/>")) == "E cancel/not-allowed"
    assert shown(await admin(guest, "<item role='none' nick='boss'/>")) == "E cancel/not-allowed"


# --- affiliations -------------------------------------------------------------------------------------------------


async def test_ban(owner, guest, third):
    answer = await admin(owner, "<item affiliation='outcast' jid='guest@localhost'><reason>bad</reason></item>")
    assert answer.get("type") == "result"
    (told,) = owner.before
    assert shown(told) == f"-P joe outcast/none {JOE} 301"
    assert reason_of(told) == "bad"
    assert await seen(guest) == ["-P joe outcast/none 110,301"]
    assert await seen(third) == ["-P joe outcast/none 301"]
    join(guest, "joe")
    assert await seen(guest) == ["E auth/forbidden"]


async def test_ban_by_nick_and_pardon(owner, guest):
    await admin(owner, "<item affiliation='outcast' nick='joe'/>")
    await guest.collect()
    await admin(owner, "<item affiliation='none' jid='guest@localhost'/>")
    await joined(guest, "joe")


async def test_membership_lost_in_a_members_only_room(owner, guest, third):
    await raised(owner, guest, "member")
    await raised(owner, third, "member", guest)
    await configured(owner, membersonly="1")
    await admin(owner, "<item affiliation='none' jid='guest@localhost'/>")
    assert shown(owner.before[0]) == f"-P joe none/none {JOE} 321"
    assert await seen(guest) == ["-P joe none/none 110,321"]
    assert await seen(third) == ["-P joe none/none 321"]


async def test_membership_lost_in_an_open_room(owner, guest):
    await raised(owner, guest, "member")
    await admin(owner, "<item affiliation='none' jid='guest@localhost'/>")
    assert await seen(guest) == ["P joe none/participant 110"]


@pytest.mark.parametrize(
    ("affiliation", "role"), [("member", "participant"), ("admin", "moderator"), ("owner", "moderator")]
)
async def test_affiliation_is_told_to_all_with_its_role(owner, guest, affiliation, role):
    await admin(owner, f"<item affiliation='{affiliation}' jid='guest@localhost'/>")
    assert shown(owner.before[0]) == f"P joe {affiliation}/{role} {JOE}"
    seeing = f" {JOE}" if role == "moderator" else ""
    assert await seen(guest) == [f"P joe {affiliation}/{role}{seeing} 110"]


async def test_new_member_of_a_members_only_room_is_invited(server, owner):
    await configured(owner, membersonly="1")
    fourth = await server.online("fourth")
    await admin(owner, "<item affiliation='member' jid='fourth@localhost'/>")
    got = await fourth.expect("message", from_=ROOM)
    assert got.find(ns.MUC_USER, "x").find(ns.MUC_USER, "invite") is not None
    await joined(fourth, "four")


async def test_admin_bans_and_makes_members_only(owner, guest, third):
    await raised(owner, guest, "admin", third)
    for affiliation in ("admin", "owner"):
        answer = await admin(guest, f"<item affiliation='{affiliation}' jid='third@localhost'/>")
        assert shown(answer) == "E auth/forbidden"
    for affiliation in ("none", "outcast", "member"):
        answer = await admin(guest, f"<item affiliation='{affiliation}' jid='owner@localhost'/>")
        assert shown(answer) == "E cancel/not-allowed"
    assert (await admin(guest, "<item affiliation='member' jid='third@localhost'/>")).get("type") == "result"
    assert (await admin(guest, "<item affiliation='outcast' jid='third@localhost'/>")).get("type") == "result"


@pytest.mark.parametrize("affiliation", ["none", "outcast", "member", "admin", "owner"])
async def test_participant_may_change_no_affiliation(guest, third, affiliation):
    answer = await admin(guest, f"<item affiliation='{affiliation}' jid='third@localhost'/>")
    assert shown(answer) == "E auth/forbidden"


async def test_last_owner_stays(owner, guest):
    answer = await admin(owner, "<item affiliation='member' jid='owner@localhost'/>")
    assert shown(answer) == "E cancel/not-allowed"
    await raised(owner, guest, "owner")
    answer = await admin(owner, "<item affiliation='member' jid='owner@localhost'/>")
    assert answer.get("type") == "result"


# --- several items ------------------------------------------------------------------------------------------------


async def test_items_are_done_from_the_last_to_the_first(owner, guest, third):
    await admin(
        owner,
        "<item affiliation='member' jid='guest@localhost'/>",
        "<item affiliation='admin' jid='third@localhost'/>",
    )
    assert [shown(stanza).split(" jid")[0] for stanza in owner.before] == [
        "P max admin/moderator",
        "P joe member/participant",
    ]


@pytest.mark.parametrize(
    ("bad", "expected"),
    [
        ("<item role='none' nick='nobody'/>", "E modify/not-acceptable"),
        ("<item affiliation='member' jid='@@'/>", "E modify/not-acceptable"),
        ("<item affiliation='king' jid='third@localhost'/>", "E modify/not-acceptable"),
        ("<item role='king' nick='max'/>", "E modify/bad-request"),
        ("<item nick='max'/>", "E modify/bad-request"),
        ("<item affiliation='none' jid='owner@localhost'/>", "E cancel/not-allowed"),
    ],
)
async def test_one_bad_item_and_nothing_is_done(owner, guest, third, bad, expected):
    answer = await admin(owner, bad, "<item affiliation='member' jid='guest@localhost'/>")
    assert shown(answer) == expected
    assert owner.before == []
    assert await seen(guest) == []


async def test_query_without_item(owner):
    assert shown(await admin(owner)) == "E modify/bad-request"


# --- lists --------------------------------------------------------------------------------------------------------


async def listed(client, **asked: str) -> list[dict[str, str]] | str:
    attrs = "".join(f" {name}='{value}'" for name, value in asked.items())
    answer = await answered(client, "get", f"<query xmlns='{ADMIN}'><item{attrs}/></query>", ROOM)
    if answer.get("type") == "error":
        return shown(answer)
    return [dict(item.attrs) for item in next(answer.elements()).elements()]


async def test_lists_of_roles(owner, guest, third):
    assert await listed(owner, role="participant") == [
        {"affiliation": "none", "role": "participant", "nick": "joe", "jid": "guest@localhost/r1"},
        {"affiliation": "none", "role": "participant", "nick": "max", "jid": "third@localhost/r1"},
    ]
    assert await listed(guest, role="participant") == "E auth/forbidden"
    assert await listed(owner, role="king") == "E modify/bad-request"


async def test_lists_of_affiliations(owner, guest):
    await admin(
        owner,
        "<item affiliation='outcast' jid='bad@localhost'><reason>rude</reason></item>",
        "<item affiliation='member' jid='guest@localhost'/>",
    )
    await guest.collect()
    assert await listed(owner, affiliation="outcast") == [{"affiliation": "outcast", "jid": "bad@localhost"}]
    assert await listed(owner, affiliation="member") == [
        {"affiliation": "member", "jid": "guest@localhost", "role": "participant", "nick": "joe"}
    ]
    assert await listed(guest, affiliation="member") == "E auth/forbidden"
    assert await listed(owner, affiliation="king") == "E modify/not-acceptable"
    answer = await answered(owner, "get", f"<query xmlns='{ADMIN}'><item affiliation='outcast'/></query>", ROOM)
    (item,) = next(answer.elements()).elements()
    assert item.child_text(ADMIN, "reason") == "rude"


async def test_lists_are_shown_to_roles_of_the_configuration(owner, guest):
    await configured(owner, getmemberlist=["moderator", "participant"])
    await guest.collect()
    assert await listed(guest, affiliation="owner") == [
        {"affiliation": "owner", "jid": "owner@localhost", "role": "moderator", "nick": "boss"}
    ]


# --- destruction --------------------------------------------------------------------------------------------------


async def test_destroy_tells_everybody_where_to_go(server, owner, guest):
    order = f"<query xmlns='{OWNER}'><destroy jid='new@conference.localhost'><reason>moved</reason></destroy></query>"
    assert (await answered(owner, "set", order, ROOM)).get("type") == "result"
    for told in (*owner.before, *await guest.collect()):
        assert item_of(told) == {"affiliation": "none", "role": "none"}
        destroy = told.find(ns.MUC_USER, "x").find(ns.MUC_USER, "destroy")
        assert destroy.get("jid") == "new@conference.localhost"
        assert destroy.child_text(ns.MUC_USER, "reason") == "moved"
    assert len(owner.before) == 1
    third = await server.online("third")
    assert shown((await joined(third, "t"))[0]).endswith("110,201")


async def test_only_owners_destroy(owner, guest):
    await raised(owner, guest, "admin")
    answer = await answered(guest, "set", f"<query xmlns='{OWNER}'><destroy/></query>", ROOM)
    assert shown(answer) == "E auth/forbidden"


async def test_destroyed_room_no_longer_counts_among_a_users_rooms(serve):
    server = await serve(with_options("max_user_conferences = 1"), admin=None)
    owner = await server.online("owner")
    for _ in range(2):
        await joined(owner, "boss")
        await answered(owner, "set", f"<query xmlns='{OWNER}'><destroy/></query>", ROOM)
