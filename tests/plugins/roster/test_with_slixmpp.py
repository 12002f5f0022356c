"""slixmpp's own idea of a roster, against ours."""

from __future__ import annotations

import asyncio

from mim.xmpp.jid import JID
from tests.foreign import SECONDS, connect, happened, slixmpp_client, unconnected
from tests.plugins.roster.support import JULIET, ROMEO, ROSTER, VERSIONS, befriend, stands


async def until(event):
    async with asyncio.timeout(SECONDS):
        return await event


async def test_two_clients_become_friends_and_see_each_other(serve):
    server = await serve(ROSTER, admin=None)
    async with slixmpp_client(server, "romeo") as romeo, slixmpp_client(server, "juliet") as juliet:
        for client in (romeo, juliet):
            client.auto_authorize = None  # we answer ourselves
            await client.get_roster()
        asked = happened(juliet, "presence_subscribe")
        romeo.send_presence_subscription(pto="juliet@localhost", ptype="subscribe", pnick="Romeo")
        request = await until(asked)
        assert request["from"] == "romeo@localhost"
        granted, seen = happened(romeo, "presence_subscribed"), happened(romeo, "got_online")

        juliet.send_presence_subscription(pto="romeo@localhost", ptype="subscribed")

        await until(granted)
        assert (await until(seen))["from"] == "juliet@localhost/slixmpp"
        assert romeo.client_roster["juliet@localhost"]["subscription"] == "to"
        gone = happened(romeo, "got_offline")
        juliet.send_presence(ptype="unavailable")
        assert (await until(gone))["from"] == "juliet@localhost/slixmpp"
        await romeo.update_roster("juliet@localhost", name="Juliet", groups=["Love"])
    assert await stands(server, ROMEO) == {"juliet@localhost": "to/none"}
    assert await stands(server, JULIET) == {"romeo@localhost": "from/none"}


async def test_roster_with_names_and_groups_comes_back(serve):
    server = await serve(ROSTER, admin=None)
    async with slixmpp_client(server, "romeo") as romeo:
        await romeo.update_roster("juliet@localhost", name="Juliet & co", groups=["Love", "Ünïcode"])
        await romeo.update_roster("paris@localhost", name="Paris")
        await romeo.del_roster_item("paris@localhost")
    async with slixmpp_client(server, "romeo") as romeo:
        await romeo.get_roster()

        assert set(romeo.client_roster.keys()) - {"romeo@localhost"} == {"juliet@localhost"}
        entry = romeo.client_roster["juliet@localhost"]
        assert (entry["name"], entry["groups"], entry["subscription"]) == ("Juliet & co", ["Love", "Ünïcode"], "none")


async def test_client_with_versions_keeps_what_it_has(serve):
    server = await serve(VERSIONS, admin=None)
    await server.register("romeo", "juliet")
    await befriend(server, ROMEO, JULIET)
    romeo = unconnected(server, "romeo")
    await connect(romeo, server)
    await romeo.get_roster()
    version = romeo.client_roster.version
    assert version
    assert "juliet@localhost" in romeo.client_roster

    answer = await romeo.get_roster()

    assert not answer["roster"]["items"]
    assert "juliet@localhost" in romeo.client_roster
    await romeo.update_roster(str(JID("paris", "localhost")))
    assert romeo.client_roster.version != version
    await romeo.disconnect()
