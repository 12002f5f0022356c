"""slixmpp in rooms that curl touches, too: a client that is not ours."""

from __future__ import annotations

import asyncio

from tests.foreign import SECONDS, happened, slixmpp_client
from tests.plugins.muc.rooms import MODULES, ROOM

COMMANDS = "[modules.mod_muc_commands]\n"
MUC = ["xep_0030", "xep_0045", "xep_0004"]


async def soon(future):
    async with asyncio.timeout(SECONDS):
        return await future


async def test_join_talk_subject_configuration_kick_and_destruction(serve):
    server = await serve(MODULES + COMMANDS)
    async with (
        slixmpp_client(server, "owner", plugins=MUC) as owner,
        slixmpp_client(server, "guest", plugins=MUC) as guest,
    ):
        mine, theirs = owner.plugin["xep_0045"], guest.plugin["xep_0045"]
        await mine.join_muc_wait(ROOM, "boss", timeout=SECONDS)
        form = await mine.get_room_config(ROOM)
        form["type"] = "submit"
        form["values"] = {"muc#roomconfig_roomname": "Tea", "muc#roomconfig_whois": "anyone"}
        await mine.set_room_config(ROOM, form)

        _, subject, occupants, history = await theirs.join_muc_wait(ROOM, "joe", timeout=SECONDS)
        assert [presence["muc"]["nick"] for presence in occupants] == ["boss", "joe"]
        assert not subject["subject"]
        assert list(history) == []
        assert set(theirs.get_roster(ROOM)) == {"boss", "joe"}
        assert theirs.get_jid_property(ROOM, "boss", "role") == "moderator"

        heard = happened(owner, "groupchat_message")
        guest.send_message(ROOM, "hello", mtype="groupchat")
        message = await soon(heard)
        assert (message["body"], message["mucnick"]) == ("hello", "joe")

        changed = happened(guest, "groupchat_subject")
        mine.set_subject(ROOM, "Leaves")
        assert (await soon(changed))["subject"] == "Leaves"

        heard = happened(guest, "groupchat_message")
        answer = await server.api.post("/mucs/localhost/den/messages", {"from": "owner@localhost", "body": "by curl"})
        assert answer.status == 204
        message = await soon(heard)
        assert (message["body"], message["mucnick"]) == ("by curl", "boss")

        assert await mine.get_roles_list(ROOM, "participant") == ["joe"]
        await mine.set_affiliation(ROOM, "member", jid="guest@localhost")
        assert await mine.get_affiliation_list(ROOM, "member") == ["guest@localhost"]

        gone = happened(guest, f"muc::{ROOM}::self-presence")
        await mine.set_role(ROOM, "joe", "none", reason="out")
        presence = await soon(gone)
        assert presence["type"] == "unavailable"
        assert 307 in presence["muc"]["status_codes"]

        await theirs.join_muc_wait(ROOM, "joe", timeout=SECONDS)
        gone = happened(guest, f"muc::{ROOM}::self-presence")
        assert (await server.api.delete("/mucs/localhost/den/joe")).status == 204
        assert 307 in (await soon(gone))["muc"]["status_codes"]

        await mine.destroy(ROOM, reason="over")
        assert (await server.api.delete("/mucs/localhost/den/joe")).status == 404


async def test_room_of_the_admin_api(serve):
    server = await serve(MODULES + COMMANDS)
    async with (
        slixmpp_client(server, "owner", plugins=MUC) as owner,
        slixmpp_client(server, "guest", plugins=MUC) as guest,
    ):
        answer = await server.api.post("/mucs/localhost", {"name": "den", "owner": "owner@localhost", "nick": "boss"})
        assert answer.status == 201
        await guest.plugin["xep_0045"].join_muc_wait(ROOM, "joe", timeout=SECONDS)
        heard = happened(owner, "groupchat_message")
        guest.send_message(ROOM, "hello", mtype="groupchat")
        assert (await soon(heard))["body"] == "hello"
        items = await guest.plugin["xep_0030"].get_items("conference.localhost")
        assert [(jid, name) for jid, _, name in items["disco_items"]["items"]] == [(ROOM, "den (2)")]
