"""What was acknowledged stays: over a restart, a crash, a database that refuses; and who waits for the disk."""

from __future__ import annotations

import asyncio
from asyncio import Future
from typing import Any

import aiohttp
import pytest

from mim.errors import Unavailable
from mim.storage.api import Write
from mim.xmpp.jid import JID
from mim.xmpp.stanza import body, message
from tests.client import Client
from tests.harness import PASSWORD
from tests.plugins.answers import refusal
from tests.plugins.mam.support import PM, chat, exchanged, page, stanza_id

STORES = PM + "[modules.mod_commands]\n[modules.mod_offline]\n"


async def test_archives_survive_a_restart_and_go_on_in_order(serve, tmp_path):
    first = await serve(PM, data_dir=tmp_path)
    romeo, juliet = await first.online("romeo"), await first.online("juliet")
    first.clock.advance(86400)  # that clock was a day ahead
    (got,) = await exchanged(romeo, juliet, "before")
    await first.stop()

    second = await serve(PM, data_dir=tmp_path)
    romeo, juliet = await second.online("romeo"), await second.online("juliet")
    await exchanged(romeo, juliet, "after")

    found = await page(juliet)
    assert found.bodies == ["before", "after"]
    assert found.ids[0] == stanza_id(got, "juliet@localhost")
    assert (found.index, found.count) == (0, 2)


async def test_what_the_api_has_answered_survives_kill_9_once(spawn_server):
    server = await spawn_server(STORES)
    api = server.api
    for name in ("romeo", "juliet"):
        await api.post("/users/localhost", {"username": name, "password": PASSWORD})
    acknowledged: list[str] = []

    async def talk(talker: str) -> None:
        for number in range(1000):
            said = {"caller": "romeo@localhost", "to": "juliet@localhost", "body": f"{talker}{number}"}
            try:
                answer = await api.post("/messages", said)
            except aiohttp.ClientError:
                return  # the server is gone
            assert answer.status == 204
            acknowledged.append(said["body"])
            if len(acknowledged) == 100:
                server.process.kill()

    await asyncio.gather(*(talk(talker) for talker in "abcd"))
    await server.process.communicate()
    await api.close()

    again = await spawn_server(STORES)
    for owner in ("romeo", "juliet"):
        archive = (await again.api.get(f"/messages/{owner}@localhost?limit=500")).json
        bodies = [one["body"] for one in archive]
        assert len(bodies) == len(set(bodies))
        assert set(acknowledged) <= set(bodies)
        for talker in "abcd":  # what each has sent is in the order in which he did
            numbers = [int(text[1:]) for text in bodies if text[0] == talker]
            assert numbers == sorted(numbers)

    juliet = await Client(again.ports["c2s"][0]).connect()
    await juliet.login("juliet", PASSWORD)
    juliet.send("<presence/>")
    waited: list[str | None] = []
    while (got := await juliet.next()).name == "message":
        waited.append(got.child_text("jabber:client", "body"))
    assert len(waited) == len(set(waited))
    assert set(acknowledged) <= set(waited)
    await juliet.close()


# --- the disk -------------------------------------------------------------------------------------------------


class Stalled:
    """A database whose writes stay in line until they are let go, or are refused."""

    def __init__(self, real: Any) -> None:
        self._real = real
        self._waiting: list[tuple[Future[list[int]], tuple[Write, ...]]] = []
        self.is_open = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)

    def submit(self, *writes: Write) -> Future[list[int]]:
        if self.is_open:
            return self._real.submit(*writes)
        promise: Future[list[int]] = asyncio.get_running_loop().create_future()
        self._waiting.append((promise, writes))
        return promise

    async def let_go(self) -> None:
        self.is_open = True
        for promise, writes in self._waiting:
            promise.set_result(await self._real.submit(*writes))

    def refuse(self) -> None:
        self.is_open = True
        for promise, _ in self._waiting:
            promise.set_exception(Unavailable("the disk is full"))
            promise.exception()  # seen, as the database itself does

    @property
    def has_writes(self) -> bool:
        return bool(self._waiting)


async def stalled(server) -> Stalled:
    """Put a database that stalls under the archive of a server."""
    module = server.app.modules.find(server.app.host("localhost"), "mod_mam_meta")
    database = Stalled(server.app.server.database)
    module._users._store._database = database
    return database


async def test_delivery_does_not_wait_for_the_disk_but_the_acknowledgement_does(serve):
    server = await serve(PM)
    juliet = await server.online("juliet")
    database = await stalled(server)
    sent = message(body("hi"), sender=JID.parse("romeo@localhost"), to=JID.parse("juliet@localhost"), type="chat")
    server.app.server.router.send_as(sent)

    assert (await juliet.expect("message")).child_text("jabber:client", "body") == "hi"
    assert len(sent.trail.promises) == 2
    assert not any(promise.done() for promise in sent.trail.promises)

    await database.let_go()
    assert all(promise.done() for promise in sent.trail.promises)
    assert (await page(juliet)).bodies == ["hi"]


async def test_where_the_file_says_so_a_message_goes_on_when_it_is_stored(serve):
    server = await serve(PM + "async_writer.enabled = false\n")
    romeo, juliet = await server.online("romeo"), await server.online("juliet")
    database = await stalled(server)

    romeo.send(chat("first") + "<message to='juliet@localhost' type='headline'><body>news</body></message>")
    romeo.send(chat("second"))
    await romeo.expect_nothing()
    await juliet.expect_nothing()

    await database.let_go()
    got = [await juliet.expect("message") for _ in range(3)]
    assert [one.child_text("jabber:client", "body") for one in got] == ["first", "news", "second"]
    assert (await page(juliet)).ids == [stanza_id(got[0], "juliet@localhost"), stanza_id(got[2], "juliet@localhost")]
    await exchanged(romeo, juliet, "third")
    assert (await page(juliet)).bodies == ["first", "second", "third"]


async def test_where_the_file_says_so_a_message_that_cannot_be_stored_comes_back(serve):
    server = await serve(PM + "async_writer.enabled = false\n")
    romeo, juliet = await server.online("romeo"), await server.online("juliet")
    database = await stalled(server)
    romeo.send(chat("lost", id="lost"))
    await romeo.expect_nothing()

    database.refuse()
    error = await romeo.expect("message", id="lost")
    assert refusal(error) == "wait/internal-server-error"
    await juliet.expect_nothing()
    await exchanged(romeo, juliet, "next")


@pytest.mark.parametrize("enabled", ["true", "false"])
async def test_the_module_can_be_stopped_and_started_while_users_talk(serve, enabled):
    server = await serve(PM + f"async_writer.enabled = {enabled}\n")
    romeo, juliet = await server.online("romeo"), await server.online("juliet")
    await exchanged(romeo, juliet, "one")
    module = server.app.modules.find(server.app.host("localhost"), "mod_mam_meta")
    await server.stop_module("mod_mam_meta")
    await exchanged(romeo, juliet, "unkept")
    await server.app.modules.start(server.app.host("localhost"), "mod_mam_meta", module.options)
    await exchanged(romeo, juliet, "two")

    assert (await page(juliet)).bodies == ["one", "two"]
