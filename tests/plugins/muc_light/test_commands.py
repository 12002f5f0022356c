"""contract/admin-api, sections 3.3, 6.21-6.25 and the rows of MUC Light in 7 and 7.1."""

from __future__ import annotations

import pytest

from tests.harness import Answer
from tests.plugins.muc_light.rooms import (
    AFF,
    BLOCK,
    INFO,
    MODULE,
    ROOM,
    SERVICE,
    changed,
    create,
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
    version_of,
)

COMMANDS = "[modules.mod_muc_light_commands]"
HTTP = 'host = "_"\npath = "/api"'


@pytest.fixture
def serve_api(serve):
    async def start(section: str = MODULE, **more):
        return await serve(f"{COMMANDS}\n{section}", **{"admin": HTTP, **more})

    return start


async def make(server, id: str = "den", name: str = "Den", owner: str = "ann@localhost", **more: str) -> Answer:
    body = {"id": id, "name": name, "owner": owner, "subject": "tea", **more}
    return await server.api.put("/muc-lights/localhost", body)


async def invite(server, sender: str, recipient: str, *, name: str = "Den", domain: str = SERVICE) -> Answer:
    body = {"sender": sender, "recipient": recipient}
    return await server.api.post(f"/muc-lights/{domain}/{name}/participants", body)


async def say(server, sender: str, body: str = "hi", *, name: str = "Den", domain: str = SERVICE) -> Answer:
    return await server.api.post(f"/muc-lights/{domain}/{name}/messages", {"from": sender, "body": body})


async def remove(server, owner: str, *, name: str = "Den", domain: str = SERVICE) -> Answer:
    return await server.api.delete(f"/muc-lights/{domain}/{name}/{owner}/management")


def refused(answer: Answer, status: int, text: str) -> None:
    assert (answer.status, answer.text) == (status, text)


# --- 3.3 ------------------------------------------------------------------------------------------------------


async def test_the_six_commands_are_listed_as_in_the_reference(serve):
    server = await serve(f"{COMMANDS}\n{MODULE}")

    assert [
        (c["name"], c["method"], c["path"], list(c["args"]), c["action"], c["desc"])
        for c in server.app.server.command_listing()
    ] == [
        (
            "create_muc_light_room",
            "POST",
            "/muc-lights/:domain",
            ["domain", "name", "owner", "subject"],
            "create",
            "Create a MUC Light room with unique username part in JID.",
        ),
        (
            "create_identifiable_muc_light_room",
            "PUT",
            "/muc-lights/:domain",
            ["domain", "id", "name", "owner", "subject"],
            "update",
            "Create a MUC Light room with user-provided username part in JID",
        ),
        (
            "delete_room",
            "DELETE",
            "/muc-lights/:domain/:name/:owner/management",
            ["domain", "name", "owner"],
            "delete",
            "Delete a MUC Light room.",
        ),
        (
            "send_message_to_muc_light_room",
            "POST",
            "/muc-lights/:domain/:name/messages",
            ["domain", "name", "from", "body"],
            "create",
            "Send a message to a MUC Light room.",
        ),
        (
            "invite_to_room",
            "POST",
            "/muc-lights/:domain/:name/participants",
            ["domain", "name", "sender", "recipient"],
            "create",
            "Invite to a MUC Light room.",
        ),
        (
            "change_muc_light_room_configuration",
            "PUT",
            "/muc-lights/:domain/config",
            ["domain", "id", "name", "user", "subject"],
            "update",
            "Change configuration of MUC Light room.",
        ),
    ]


# --- 6.21 creation --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("domain", ["localhost", "LOCALHOST", SERVICE])
async def test_a_room_is_made_on_an_unused_node_in_silence(serve_api, domain):
    server = await serve_api()
    (ann,) = await online(server, "ann")
    body = {"name": "Den", "owner": "ann@localhost/phone", "subject": "tea"}

    first = await server.api.post(f"/muc-lights/{domain}", body)
    second = await server.api.post(f"/muc-lights/{domain}", body)

    assert (first.status, second.status) == (201, 201)
    assert first.text != second.text
    assert first.text.endswith(f"@{SERVICE}")
    assert first.headers["Location"].endswith(f"/api/muc-lights/{domain}/{first.text}")
    await ann.expect_nothing()
    assert await fields(ann, first.text) == {"roomname": "Den", "subject": "tea"}
    assert await occupants(ann, first.text) == {"ann@localhost": "owner"}


async def test_a_room_is_made_on_a_node_of_ones_choice(serve_api):
    server = await serve_api()
    (ann,) = await online(server, "ann")

    answer = await make(server, "DeN")

    refused(answer, 201, ROOM)
    assert "Location" not in answer.headers
    await ann.expect_nothing()
    assert await occupants(ann) == {"ann@localhost": "owner"}
    refused(await make(server, "den", "Other", "ben@localhost"), 403, "Room already exists")
    assert (await fields(ann))["roomname"] == "Den"


async def test_texts_may_be_empty_and_owners_unknown(serve_api):
    server = await serve_api()

    assert (await make(server, name="", subject="", owner="ghost@localhost")).status == 201


@pytest.mark.parametrize(
    ("more", "status", "text"),
    [
        ({"owner": "@noway"}, 400, "Invalid jid: @noway"),
        ({"owner": ""}, 400, "Invalid jid: "),
        ({"owner": "localhost"}, 400, "Invalid jid: localhost"),
        ({"owner": "ann@nosuch.example"}, 404, "domain not found"),
        ({"id": ""}, 400, f"Invalid jid: @{SERVICE}"),
        ({"id": "a b"}, 400, f"Invalid jid: a b@{SERVICE}"),
        ({"id": "a@b"}, 400, f"Invalid jid: a@b@{SERVICE}"),
        ({"id": "a/b"}, 400, f"Invalid jid: a/b@{SERVICE}"),
        ({"id": "a/b", "owner": "@noway"}, 400, f"Invalid jid: @noway; Invalid jid: a/b@{SERVICE}"),
        ({"name": "a\x00b"}, 400, "Invalid name: character not allowed in XML"),
        ({"subject": "a\x1fb"}, 400, "Invalid subject: character not allowed in XML"),
    ],
)
async def test_what_cannot_be_made_is_refused(serve_api, more, status, text):
    server = await serve_api()

    refused(await make(server, **{"id": "den", **more}), status, text)
    if "id" not in more:
        body = {"name": "Den", "owner": "ann@localhost", "subject": "tea", **more}
        refused(await server.api.post("/muc-lights/localhost", body), status, text)


async def test_limits_are_refusals(serve_api):
    server = await serve_api(options(rooms_per_user=1))

    assert (await make(server)).status == 201
    refused(await make(server, "other"), 403, "room limit reached")
    body = {"name": "Den", "owner": "ann@localhost", "subject": "tea"}
    refused(await server.api.post("/muc-lights/localhost", body), 403, "room limit reached")


async def test_a_schema_without_the_fields_is_told(serve_api):
    server = await serve_api(f"{MODULE}\nconfig_schema = []")

    refused(await make(server), 400, "roomname:not_found")


async def test_equal_occupants_make_the_creator_a_member(serve_api):
    server = await serve_api(options(equal_occupants=True))
    (ann,) = await online(server, "ann")

    await make(server)

    assert await occupants(ann) == {"ann@localhost": "member"}


# --- 6.22 configuration ---------------------------------------------------------------------------------------


async def set_fields(server, user: str = "ann@localhost", domain: str = "localhost", **more: str) -> Answer:
    body = {"id": "den", "name": "New", "user": user, "subject": "coffee", **more}
    return await server.api.put(f"/muc-lights/{domain}/config", body)


@pytest.mark.parametrize("domain", ["localhost", SERVICE])
async def test_a_configuration_changes_in_silence(serve_api, domain):
    server = await serve_api()
    (ann,) = await online(server, "ann")
    await make(server)
    version = await version_of(ann)

    refused(await set_fields(server, "ann@localhost/phone", domain), 204, "")
    refused(await set_fields(server, domain=domain), 204, "")

    await ann.expect_nothing()
    assert await fields(ann) == {"roomname": "New", "subject": "coffee"}
    assert await version_of(ann) != version
    refused(await set_fields(server, name="", subject=""), 204, "")
    assert await fields(ann) == {"roomname": "", "subject": ""}


async def test_who_may_not_configure_is_refused(serve_api):
    server = await serve_api()
    await make(server)
    await invite(server, "ann@localhost", "ben@localhost")

    refused(await set_fields(server, "ben@localhost"), 403, "not allowed")
    refused(await set_fields(server, "dan@localhost"), 403, "given user does not occupy this room")
    refused(await set_fields(server, id="other"), 404, "room does not exist")
    refused(await set_fields(server, id="a b"), 404, "room does not exist")
    refused(await set_fields(server, id=""), 404, "room does not exist")
    refused(await set_fields(server, "@noway"), 400, "Invalid jid: @noway")
    refused(await set_fields(server, "localhost"), 400, "Invalid jid: localhost")
    refused(await set_fields(server, domain="nosuch.example"), 404, "domain not found")
    refused(await set_fields(server, "ann@nosuch.example"), 404, "domain not found")


async def test_a_schema_without_the_subject_is_told(serve_api):
    section = f'{MODULE}\n[[modules.mod_muc_light.config_schema]]\nfield = "roomname"\nstring_value = ""'
    server = await serve_api(section)
    (ann,) = await online(server, "ann")
    await create(ann)

    refused(await set_fields(server), 400, "subject:not_found")


# --- 6.23 invitation ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("domain", ["localhost", SERVICE])
async def test_an_invitation_is_told_to_all_without_a_result(serve_api, domain):
    server = await serve_api()
    ann, ben, dan = await online(server, "ann", "ben", "dan")
    await make(server)
    await invite(server, "ann@localhost", "ben@localhost", domain=domain)
    v1 = await next_version(ann)
    await ben.expect("message")

    refused(await invite(server, "ann@localhost/phone", "dan@localhost/phone", domain=domain), 204, "")

    got = await dan.next()
    v2 = got.payload.child_text(AFF, "version")
    id = got.get("id")
    assert id
    assert got.payload.elements().__next__().name == "version"
    everything = changed({"dan": "member"}, prev=v1, version=v2)
    for name, client in (("ann", ann), ("ben", ben)):
        await gets(
            client,
            f"<message type='groupchat' id='{id}' from='{ROOM}' to='{name}@localhost'>{everything}<body/></message>",
        )
    assert str(got).count(own("member", "dan", v2)) == 1
    for client in (ann, ben, dan):
        await client.expect_nothing()


async def test_superfluous_invitations_change_nothing(serve_api):
    server = await serve_api()
    ann, ben = await online(server, "ann", "ben")
    await make(server)
    await invite(server, "ann@localhost", "ben@localhost")
    await ann.expect("message")
    await ben.expect("message")
    version = await version_of(ann)

    for recipient in ("ben@localhost", "ann@localhost"):
        refused(await invite(server, "ann@localhost", recipient), 204, "")

    await ann.expect_nothing()
    await ben.expect_nothing()
    assert await version_of(ann) == version
    assert await occupants(ann) == {"ann@localhost": "owner", "ben@localhost": "member"}


async def test_who_blocks_or_is_in_enough_rooms_is_silently_left_out(serve_api):
    server = await serve_api(options(rooms_per_user=1))
    ann, ben, cat = await online(server, "ann", "ben", "cat")
    await make(server)
    await create(ben, room=f"bens@{SERVICE}")
    id = send_iq(cat, "set", f"<query xmlns='{BLOCK}'><user action='deny'>ann@localhost</user></query>", SERVICE)
    await result(cat, id, SERVICE)

    for recipient in ("ben@localhost", "cat@localhost"):
        refused(await invite(server, "ann@localhost", recipient), 204, "")

    for client in (ann, ben, cat):
        await client.expect_nothing()


async def test_who_may_not_invite_is_refused(serve_api):
    server = await serve_api(options(max_occupants=2))
    (ann, dan) = await online(server, "ann", "dan")
    await make(server)
    await make(server, "other", "Other", "cat@localhost")
    refused(await invite(server, "ann@localhost", "far@elsewhere.example"), 204, "")
    await ann.expect("message")

    refused(await invite(server, "ann@localhost", "dan@localhost"), 403, "occupant limit reached")
    refused(await invite(server, "dan@localhost", "ben@localhost"), 403, "given user does not occupy any room")
    refused(await invite(server, "cat@localhost", "ben@localhost"), 404, "room does not exist")
    refused(await invite(server, "ann@localhost", "ben@localhost", name="den"), 404, "room does not exist")
    refused(await invite(server, "ann@localhost", "@noway"), 400, "Invalid jid: @noway")
    refused(await invite(server, "ann@localhost", "localhost"), 400, "Invalid jid: localhost")
    refused(await invite(server, "localhost", "localhost"), 400, "Invalid jid: localhost")
    refused(await invite(server, "@a", "@b"), 400, "Invalid jid: @a; Invalid jid: @b")
    refused(await invite(server, "localhost", "ben@localhost"), 403, "given user does not occupy any room")
    refused(await invite(server, "far@elsewhere.example", "ben@localhost"), 404, "domain not found")
    refused(await invite(server, "ann@localhost", "ben@localhost", domain="local"), 404, "domain not found")
    await ann.expect_nothing()
    await dan.expect_nothing()


async def test_members_invite_only_where_all_can(serve_api):
    server = await serve_api()
    await make(server)
    await invite(server, "ann@localhost", "ben@localhost")

    refused(await invite(server, "ben@localhost", "dan@localhost"), 403, "not allowed")


async def test_members_invite_where_all_can(serve_api):
    server = await serve_api(options(all_can_invite=True))
    dan = await server.online("dan")
    await make(server)
    await invite(server, "ann@localhost", "ben@localhost")

    refused(await invite(server, "ben@localhost", "dan@localhost"), 204, "")
    await dan.expect("message")


# --- 6.24 messages --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("domain", ["localhost", SERVICE])
@pytest.mark.parametrize("sender", ["ann@localhost", "ann@localhost/phone"])
async def test_a_message_comes_from_the_bare_jid(serve_api, domain, sender):
    server = await serve_api()
    ann, ben, dan = await online(server, "ann", "ben", "dan")
    await make(server)
    await invite(server, "ann@localhost", "ben@localhost")
    await ann.expect("message")
    await ben.expect("message")

    refused(await say(server, sender, "a < b & c", domain=domain), 204, "")

    id = None
    for name, client in (("ann", ann), ("ben", ben)):
        got = await client.next()
        id = id or got.get("id")
        assert got.attrs == {
            "type": "groupchat",
            "id": id,
            "from": f"{ROOM}/ann@localhost",
            "to": f"{name}@localhost",
        }
        assert [(child.name, child.text) for child in got.elements()] == [("body", "a < b & c")]
    assert id
    await dan.expect_nothing()


async def test_an_empty_message_is_one(serve_api):
    server = await serve_api()
    (ann,) = await online(server, "ann")
    await make(server)

    refused(await say(server, "ann@localhost", ""), 204, "")
    assert (await ann.next()).child_text("jabber:client", "body") == ""


async def test_who_may_not_speak_is_refused(serve_api):
    server = await serve_api()
    await make(server)

    refused(await say(server, "dan@localhost"), 403, "given user does not occupy any room")
    refused(await say(server, "localhost"), 403, "given user does not occupy any room")
    refused(await say(server, "ann@localhost", name="den"), 404, "room does not exist")
    refused(await say(server, "@noway"), 400, "Invalid jid: @noway")
    refused(await say(server, "ann@nosuch.example"), 404, "domain not found")
    refused(await say(server, "ann@localhost", domain="nosuch.example"), 404, "domain not found")
    refused(await say(server, "ann@localhost", "\x08"), 400, "Invalid body: character not allowed in XML")


async def test_of_two_rooms_of_one_name_the_first_by_jid_is_meant(serve_api):
    server = await serve_api()
    (ann,) = await online(server, "ann")
    for id in ("zoo", "bar"):
        await make(server, id, "Same")

    await say(server, "ann@localhost", name="Same")

    assert (await ann.next()).get("from") == f"bar@{SERVICE}/ann@localhost"


# --- 6.25 deletion --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("domain", ["localhost", SERVICE])
@pytest.mark.parametrize("owner", ["ann@localhost", "ann@localhost%2Fphone"])
async def test_a_room_is_deleted_in_silence(serve_api, domain, owner):
    server = await serve_api()
    ann, ben = await online(server, "ann", "ben")
    await make(server)
    await invite(server, "ann@localhost", "ben@localhost")
    await ann.expect("message")
    await ben.expect("message")

    refused(await remove(server, owner, domain=domain), 204, "")

    for client in (ann, ben):
        await client.expect_nothing()
        send_iq(client, "get", f"<query xmlns='{INFO}'/>")
        await error(client, "item-not-found", "cancel")
    refused(await remove(server, owner, domain=domain), 403, "given user does not occupy this room")


async def test_who_may_not_delete_is_refused(serve_api):
    server = await serve_api()
    await make(server)
    await make(server, "other", "Other")
    await invite(server, "ann@localhost", "ben@localhost")

    refused(await remove(server, "ben@localhost"), 403, "you can not delete this room")
    refused(await remove(server, "dan@localhost"), 403, "given user does not occupy this room")
    refused(await remove(server, "ann@localhost", name="den"), 404, "room does not exist")
    refused(await remove(server, "@noway"), 400, "Invalid jid: @noway")
    refused(await remove(server, "localhost"), 400, "Invalid jid: localhost")
    refused(await remove(server, "ann@localhost", domain="nosuch.example"), 404, "domain not found")
    refused(await remove(server, "ann@nosuch.example"), 404, "domain not found")


# --- in general -----------------------------------------------------------------------------------------------


async def test_each_domain_has_its_own_rooms(serve_api):
    server = await serve_api(hosts=("localhost", "other.example"))
    body = {"id": "den", "name": "Den", "owner": "ann@localhost", "subject": ""}

    for domain, service in (("localhost", SERVICE), ("other.example", "muclight.other.example")):
        refused(await server.api.put(f"/muc-lights/{domain}", body), 201, f"den@{service}")
    refused(await remove(server, "ann@localhost", domain="muclight.other.example"), 204, "")
    refused(await remove(server, "ann@localhost"), 204, "")


async def test_without_rooms_the_service_is_not_enabled(serve_api):
    server = await serve_api("")

    refused(await make(server), 404, "service not enabled")
    refused(await set_fields(server), 404, "service not enabled")
    refused(await invite(server, "ann@localhost", "ben@localhost", domain="localhost"), 404, "service not enabled")
    refused(await invite(server, "ann@localhost", "ben@localhost"), 404, "domain not found")


async def test_what_was_answered_survives_kill_9(spawn_server):
    modules = f"{COMMANDS}\n{MODULE}"
    server = await spawn_server(modules)
    assert (await make(server)).status == 201
    assert (await make(server, "gone", "Gone")).status == 201
    for recipient in ("ben@localhost", "cat@localhost"):
        assert (await invite(server, "ann@localhost", recipient)).status == 204
    assert (await set_fields(server)).status == 204
    assert (await remove(server, "ann@localhost", name="Gone")).status == 204

    await server.kill()
    await server.start()

    refused(await remove(server, "ann@localhost", name="Gone"), 404, "room does not exist")
    refused(await say(server, "cat@localhost", name="New"), 204, "")
    refused(await make(server), 403, "Room already exists")
    refused(await remove(server, "ben@localhost", name="New"), 403, "you can not delete this room")
