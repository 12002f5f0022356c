"""Rooms' archives as a room service uses them (xmpp-behaviour, section 6; XEP-0313 §5.1.2)."""

from __future__ import annotations

import pytest

from mim.xmpp import ns
from tests.plugins.answers import refusal, refusal_text
from tests.plugins.mam.room_module import folder
from tests.plugins.mam.support import field, has_stanza_id, page, stanza_id

ROOM = "den@conference.localhost"
SECTION = '[modules.mod_testrooms]\nwatchers = ["watcher"]\nowners = ["owner"]\n'
MUC = "[modules.mod_mam_meta]\nmuc = {}\n"


@pytest.fixture
def rooms(serve, tmp_path):
    """Start a server with the archive's section and the rooms."""

    async def start(section: str = MUC, more: str = "", **options):
        return await serve(section + SECTION + more, folders=folder(tmp_path), **options)

    return start


@pytest.fixture
async def server(rooms):
    return await rooms()


async def said(client, *bodies: str, room: str = ROOM, id: str = "m", more: str = ""):
    """Say something and return it as it comes back."""
    for body in bodies:
        client.send(f"<message to='{room}' type='groupchat' id='{id}'><body>{body}</body>{more}</message>")
    return [await client.expect("message") for _ in bodies]


async def test_a_room_keeps_what_is_said_under_the_id_that_everybody_is_told(server):
    romeo, juliet = await server.online("romeo"), await server.online("juliet")
    (own,) = await said(romeo, "hello")
    others = await juliet.expect("message")

    found = await page(juliet, to=ROOM, query_id="q")
    (result,) = found.results
    assert result.id == stanza_id(own, ROOM) == stanza_id(others, ROOM)
    assert (result.envelope.get("from"), result.envelope.get("to")) == (ROOM, "juliet@localhost/r1")
    assert (result.message.get("from"), "to" in result.message.attrs) == (f"{ROOM}/romeo", False)
    assert result.delay.get("from") == f"{ROOM}/romeo"
    assert found.answer.get("from") == ROOM


async def test_rooms_and_users_keep_to_themselves(rooms):
    server = await rooms("[modules.mod_mam_meta]\npm = {}\nmuc = {}\n")
    romeo = await server.online("romeo")
    await said(romeo, "in the den")
    await said(romeo, "elsewhere", room="other@conference.localhost")

    assert (await page(romeo, to=ROOM)).bodies == ["in the den"]
    assert (await page(romeo)).bodies == []


async def test_groupchats_are_in_users_archives_if_the_file_says_so(rooms):
    server = await rooms("[modules.mod_mam_meta]\npm.archive_groupchats = true\nmuc = {}\n")
    romeo, juliet = await server.online("romeo"), await server.online("juliet")
    (own,) = await said(romeo, "hello")
    got = await juliet.expect("message")

    assert [child.get("by") for child in got.elements(ns.STANZA_ID, "stanza-id")] == [ROOM, "juliet@localhost"]
    assert (await page(juliet, with_=ROOM)).ids == [stanza_id(got, "juliet@localhost")]
    assert (await page(romeo)).ids == [stanza_id(own, "romeo@localhost")]


@pytest.mark.parametrize(
    "inner",
    [
        "<subject>s</subject>",
        f"<composing xmlns='{ns.CHAT_STATES}'/>",
        f"<body>x</body><no-store xmlns='{ns.HINTS}'/>",
    ],
)
async def test_what_a_room_does_not_keep(server, inner):
    romeo = await server.online("romeo")
    romeo.send(f"<message to='{ROOM}' type='groupchat'>{inner}</message>")
    assert not has_stanza_id(await romeo.expect("message"))
    assert (await page(romeo, to=ROOM)).count == 0


async def test_ids_in_the_rooms_name_are_taken_out(server):
    romeo = await server.online("romeo")
    (got,) = await said(romeo, "hello", more=f"<stanza-id xmlns='{ns.STANZA_ID}' by='{ROOM}' id='forged'/>")
    assert stanza_id(got, ROOM) != "forged"


async def test_another_service_is_not_archived(rooms):
    server = await rooms('[modules.mod_mam_meta]\nmuc.host = "muclight.@HOST@"\n')
    romeo = await server.online("romeo")
    (got,) = await said(romeo, "hello")
    assert not has_stanza_id(got)


# --- real addresses -------------------------------------------------------------------------------------------


def real_jid(result) -> dict[str, str] | None:
    x = result.message.find(ns.MUC_USER, "x")
    if x is None:
        return None
    assert result.message.children[-1] is x
    (item,) = x.elements()
    return item.attrs


async def test_real_addresses_are_shown_to_who_may_see_them_and_to_the_author(server):
    romeo, juliet, watcher = [await server.online(name) for name in ("romeo", "juliet", "watcher")]
    await said(romeo, "hello")
    await juliet.expect("message")
    await watcher.expect("message")
    his = {"affiliation": "member", "jid": "romeo@localhost/r1", "role": "participant"}

    assert real_jid((await page(watcher, to=ROOM)).results[0]) == his
    assert real_jid((await page(romeo, to=ROOM)).results[0]) == his
    assert real_jid((await page(juliet, to=ROOM)).results[0]) is None


async def test_a_forged_address_is_not_kept(server):
    romeo, juliet = await server.online("romeo"), await server.online("juliet")
    forged = f"<x xmlns='{ns.MUC_USER}'><item jid='mercutio@localhost/x' role='moderator'/></x>"
    await said(romeo, "hello", more=forged)
    await juliet.expect("message")

    assert real_jid((await page(juliet, to=ROOM)).results[0]) is None
    assert real_jid((await page(romeo, to=ROOM)).results[0])["jid"] == "romeo@localhost/r1"


async def test_what_the_room_itself_says_names_nobody(server):
    watcher = await server.online("watcher")
    await said(watcher, "this room is new", id="from-room")
    (result,) = (await page(watcher, to=ROOM)).results
    assert (result.message.get("from"), real_jid(result)) == (ROOM, None)


# --- filters --------------------------------------------------------------------------------------------------


async def test_with_names_the_room_an_occupant_or_a_person_one_may_know(server):
    romeo, juliet, watcher = [await server.online(name) for name in ("romeo", "juliet", "watcher")]
    for speaker, others in ((romeo, (juliet, watcher)), (juliet, (romeo, watcher))):
        await said(speaker, f"by {speaker.jid.local}")
        for other in others:
            await other.expect("message")

    assert (await page(juliet, to=ROOM, with_=ROOM)).count == 2
    assert (await page(juliet, to=ROOM, with_=f"{ROOM}/romeo")).bodies == ["by romeo"]
    assert (await page(juliet, to=ROOM, with_="juliet@localhost")).bodies == ["by juliet"]
    assert (await page(watcher, to=ROOM, with_="romeo@localhost")).bodies == ["by romeo"]
    hidden = await page(juliet, to=ROOM, with_="romeo@localhost")
    assert (hidden.count, hidden.is_complete) == (0, True)


async def test_a_room_has_pages_and_can_be_searched(server):
    romeo = await server.online("romeo")
    await said(romeo, *(f"m{number} {'rose' if number % 2 else 'thorn'}" for number in range(10)))

    last = await page(romeo, to=ROOM, rsm="<max>3</max><before/>")
    assert (last.bodies, last.index, last.count) == (["m7 rose", "m8 thorn", "m9 rose"], 7, 10)
    roses = await page(romeo, to=ROOM, full_text_search="rose", rsm="<max>2</max>")
    assert (roses.bodies, roses.count) == (["m1 rose", "m3 rose"], 5)
    answer = await romeo.ask("get", f"<query xmlns='{ns.MAM2}'/>", to=ROOM)
    assert len(list(answer.find(ns.MAM2, "query").find(ns.DATA_FORMS, "x").elements())) == 5
    refused = (await page(romeo, to=ROOM, fields=field("nick", "x"))).answer
    assert refusal(refused) == "cancel/feature-not-implemented"


# --- retraction -----------------------------------------------------------------------------------------------


def taking_back(id: str, namespace: str = ns.RETRACT0) -> str:
    fastening = f"<apply-to xmlns='{ns.FASTEN}' id='{id}'><retract xmlns='{namespace}'/></apply-to>"
    return f"<message to='{ROOM}' type='groupchat'>{fastening}</message>"


@pytest.mark.parametrize("namespace", [ns.RETRACT0, ns.RETRACT_ESL])
async def test_an_author_retracts_his_own_message_and_nobody_elses(server, namespace):
    romeo, juliet = await server.online("romeo"), await server.online("juliet")
    (got,) = await said(romeo, "regretted", more=f"<origin-id xmlns='{ns.STANZA_ID}' id='o1'/>")
    await juliet.expect("message")
    target = "o1" if namespace == ns.RETRACT0 else stanza_id(got, ROOM)

    juliet.send(taking_back(target, namespace))
    await juliet.expect("message")
    assert (await page(juliet, to=ROOM)).bodies[0] == "regretted"

    romeo.send(taking_back(target, namespace))
    await juliet.expect("message")
    (stone, *_) = (await page(juliet, to=ROOM)).results
    assert (stone.body, stone.id) == (None, stanza_id(got, ROOM))
    named = stone.message.find(namespace, "retracted").payload
    assert (named.get("id"), named.get("by", "")) == (target, "" if namespace == ns.RETRACT0 else ROOM)


async def test_a_stanza_id_that_cannot_be_one_retracts_nothing(server):
    romeo = await server.online("romeo")
    await said(romeo, "stays")
    romeo.send(taking_back("nonsense", ns.RETRACT_ESL))
    assert has_stanza_id(await romeo.expect("message"))
    assert (await page(romeo, to=ROOM)).bodies == ["stays", None]


# --- preferences ----------------------------------------------------------------------------------------------


async def test_only_an_owner_sets_a_rooms_preferences(rooms):
    server = await rooms('[modules.mod_mam_meta]\nmuc.user_prefs_store = "rdbms"\n')
    romeo, owner = await server.online("romeo"), await server.online("owner")
    never = f"<prefs xmlns='{ns.MAM2}' default='never'><always><jid>{ROOM}/owner</jid></always></prefs>"

    refused = await romeo.ask("set", never, to=ROOM)
    assert refusal(refused) == "cancel/not-allowed"
    assert refusal_text(refused) == "The action is not allowed. Not a room owner."
    assert (await owner.ask("set", never, to=ROOM)).get("type") == "result"
    told = (await romeo.ask("get", f"<prefs xmlns='{ns.MAM2}'/>", to=ROOM)).find(ns.MAM2, "prefs")
    assert told.get("default") == "never"

    (unkept,) = await said(romeo, "unkept")
    await owner.expect("message")
    (kept,) = await said(owner, "kept")
    assert (has_stanza_id(unkept), has_stanza_id(kept)) == (False, True)


@pytest.mark.parametrize(
    ("default", "never", "kept"),
    [
        ("roster", "", True),
        ("always", "romeo@localhost", False),
        ("always", f"{ROOM}/romeo", False),
        ("always", "juliet@localhost", True),
    ],
)
async def test_a_room_may_leave_out_a_person_or_a_nickname(rooms, default, never, kept):
    server = await rooms('[modules.mod_mam_meta]\nmuc.user_prefs_store = "mnesia"\n')
    romeo, owner = await server.online("romeo"), await server.online("owner")
    lists = f"<never><jid>{never}</jid></never>" if never else ""
    await owner.ask("set", f"<prefs xmlns='{ns.MAM2}' default='{default}'>{lists}</prefs>", to=ROOM)
    (got,) = await said(romeo, "hello")
    assert has_stanza_id(got) is kept


async def test_access_rules_for_rooms(rooms):
    server = await rooms(
        '[modules.mod_mam_meta]\nmuc.user_prefs_store = "mnesia"\n',
        more="""
[access]
muc_mam_lookup_messages = [{acl = "all", value = "deny"}]
muc_mam_set_prefs = [{acl = "all", value = "allow"}]
""",
    )
    romeo = await server.online("romeo")
    assert refusal((await page(romeo, to=ROOM)).answer) == "cancel/not-allowed"
    answer = await romeo.ask("set", f"<prefs xmlns='{ns.MAM2}' default='never'/>", to=ROOM)
    assert answer.get("type") == "result"


# --- removed --------------------------------------------------------------------------------------------------


async def test_a_removed_room_leaves_nothing(rooms):
    server = await rooms('[modules.mod_mam_meta]\nmuc.user_prefs_store = "mnesia"\n')
    owner = await server.online("owner")
    await said(owner, "one")
    await owner.ask("set", f"<prefs xmlns='{ns.MAM2}' default='never'/>", to=ROOM)

    await server.app.modules.find(server.app.host("localhost"), "mod_testrooms").forget(ROOM)

    assert (await page(owner, to=ROOM)).count == 0
    told = (await owner.ask("get", f"<prefs xmlns='{ns.MAM2}'/>", to=ROOM)).find(ns.MAM2, "prefs")
    assert told.get("default") == "always"
    await said(owner, "again")
    again = await page(owner, to=ROOM)
    assert (again.bodies, again.index, again.count) == (["again"], 0, 1)


async def test_announced_features_follow_the_options(rooms):
    server = await rooms("[modules.mod_mam_meta]\nmessage_retraction = false\nmuc.message_retraction = true\n")
    archive = server.app.modules.find(server.app.host("localhost"), "mod_testrooms").archive
    assert sorted(archive.features, key=str.encode) == [
        ns.RETRACT_ESL, ns.MAM1, ns.MAM2, ns.RETRACT0, ns.RETRACT0_TOMBSTONE
    ]
    assert not {ns.MAM1, ns.MAM2} & set(server.app.host("localhost").features())  # users have no archive
