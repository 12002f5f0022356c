"""A client library that is not ours: rooms by the admin API and IQs, and legacy mode with a XEP-0045 client."""

from __future__ import annotations

import asyncio

from tests.foreign import happened, slixmpp_client
from tests.plugins.muc_light.rooms import MODULE, ROOM, SERVICE, options

SECONDS = 10


async def soon(future):
    async with asyncio.timeout(SECONDS):
        return await future


async def test_a_room_by_rest_is_a_room_for_slixmpp(serve):
    server = await serve(f"[modules.mod_muc_light_commands]\n{MODULE}", admin='host = "_"\npath = "/api"')
    async with (
        slixmpp_client(server, "ann", plugins=["xep_0030", "xep_0059"]) as ann,
        slixmpp_client(server, "ben") as ben,
    ):
        invited, heard = happened(ben, "message"), happened(ann, "message")
        body = {"id": "den", "name": "Den", "owner": "ann@localhost", "subject": "tea"}
        assert (await server.api.put("/muc-lights/localhost", body)).status == 201

        items = await soon(ann.plugin["xep_0030"].get_items(jid=SERVICE))
        assert [(jid, name) for jid, _, name in items["disco_items"]["items"]] == [(ROOM, "Den")]
        info = await soon(ann.plugin["xep_0030"].get_info(jid=ROOM))
        assert info["disco_info"]["features"] == {"urn:xmpp:muclight:0"}

        participants = {"sender": "ann@localhost", "recipient": "ben@localhost"}
        assert (await server.api.post(f"/muc-lights/{SERVICE}/Den/participants", participants)).status == 204
        invitation = await soon(invited)
        assert (invitation["type"], invitation["from"].bare) == ("groupchat", ROOM)
        await soon(heard)  # the owner is told of the newcomer

        heard = happened(ann, "message")
        ben.send_message(mto=ROOM, mbody="hello", mtype="groupchat")
        message = await soon(heard)
        assert (str(message["from"]), message["body"]) == (f"{ROOM}/ben@localhost", "hello")


async def test_a_muc_client_makes_configures_and_fills_a_legacy_room(serve):
    server = await serve(options(legacy_mode=True))
    async with (
        slixmpp_client(server, "ann", plugins=["xep_0004", "xep_0045"]) as ann,
        slixmpp_client(server, "ben", plugins=["xep_0045"]) as ben,
    ):
        muc = ann.plugin["xep_0045"]
        presence = happened(ann, f"muc::{ROOM}::self-presence")
        muc.join_muc(ROOM, "ann@localhost")
        joined = await soon(presence)
        assert joined["muc"]["status_codes"] == {110, 201}
        assert (joined["muc"]["affiliation"], joined["muc"]["role"]) == ("owner", "moderator")

        form = await soon(muc.get_room_config(ROOM))
        assert form.get_values()["roomname"] == "Untitled"

        invited = happened(ben, "groupchat_invite")
        await soon(muc.set_affiliation(ROOM, "member", jid="ben@localhost"))
        assert (await soon(invited))["from"].bare == ROOM
