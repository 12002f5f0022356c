"""Rooms are kept: over a restart, over kill -9, and whole when the disk refuses."""

from __future__ import annotations

import asyncio

import pytest

from mim.errors import Unavailable
from tests.client import Client
from tests.harness import PASSWORD, Server, config
from tests.plugins.muc_light.rooms import (
    BLOCK,
    CREATE,
    DESTROY,
    MODULE,
    ROOM,
    SERVICE,
    change,
    configure,
    create,
    error,
    fields,
    occupants,
    online,
    result,
    send_iq,
    version_of,
)


async def test_rooms_and_lists_survive_a_restart(serve, tmp_path):
    server = await serve(MODULE, data_dir=tmp_path)
    ann, ben, cat = await online(server, "ann", "ben", "cat")
    await create(ann, ben, fields="<roomname>Den</roomname>")
    await create(cat, room=f"gone@{SERVICE}")
    send_iq(cat, "set", f"<query xmlns='{DESTROY}'/>", f"gone@{SERVICE}")
    await cat.collect()
    configure(ann, "<subject>tea &amp; &lt;cake&gt;</subject>")
    await ann.collect()
    id = send_iq(cat, "set", f"<query xmlns='{BLOCK}'><user action='deny'>ann@localhost</user></query>", SERVICE)
    await result(cat, id, SERVICE)
    version = await version_of(ann)
    await server.stop()

    again = await serve(MODULE, data_dir=tmp_path)
    ann, ben, cat = await online(again, "ann", "ben", "cat")

    assert await version_of(ben) == version
    assert await fields(ben) == {"roomname": "Den", "subject": "tea & <cake>"}
    assert await occupants(ben) == {"ann@localhost": "owner", "ben@localhost": "member"}
    await create(cat, room=f"gone@{SERVICE}")
    id = change(ann, {"cat": "member"})
    await result(ann, id)  # cat blocks ann still


async def test_a_module_that_is_stopped_and_started_finds_its_rooms(serve):
    server = await serve(MODULE)
    ann, ben = await online(server, "ann", "ben")
    await create(ann, ben)

    await server.stop_module("mod_muc_light")
    send_iq(ann, "get", f"<query xmlns='{CREATE}'/>")
    await error(ann, "remote-server-not-found", "cancel")
    await server.start_module("mod_muc_light")

    ann.send(f"<message type='groupchat' id='m1' to='{ROOM}'><body>hi</body></message>")
    await ben.expect("message", id="m1")


async def test_stopping_lets_changes_end_that_are_under_way(serve, monkeypatch):
    server = await serve(MODULE)
    ann, ben = await online(server, "ann", "ben")
    await create(ann)
    database = server.app.server.database
    submit = database.submit
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def write(*writes):
        begun.set()
        await go_on.wait()
        return await submit(*writes)

    monkeypatch.setattr(database, "submit", lambda *writes: asyncio.ensure_future(write(*writes)))
    id = change(ann, {"dan": "member"})
    await begun.wait()
    stopping = asyncio.ensure_future(server.stop_module("mod_muc_light"))
    await ben.expect_nothing()
    assert not stopping.done()
    go_on.set()
    await stopping

    await ann.expect("message", id=id)
    await result(ann, id)


async def clients(port: int, *names: str) -> list[Client]:
    made = []
    for name in names:
        client = Client(port)
        await client.connect()
        await client.login(name, PASSWORD, "r1")
        made.append(await client.available())
    return made


async def test_what_was_answered_survives_kill_9(spawn_server, tmp_path):
    first = Server(config(MODULE, admin=None), tmp_path / "data")
    await first.start()
    await first.register("ann", "ben", "cat")
    await first.stop()
    process = await spawn_server(MODULE, admin=None)
    ann, ben = await clients(process.ports["c2s"][0], "ann", "ben")
    await create(ann, ben, fields="<roomname>Den</roomname>")
    id = configure(ann, "<subject>tea</subject>")
    await ann.expect("message")
    await result(ann, id)
    id = change(ann, {"cat": "member", "ben": "owner"})
    await ann.expect("message")
    await result(ann, id)
    version = await version_of(ann)

    await process.kill()
    for client in (ann, ben):
        await client.close()
    again = await process.start()
    ann, ben = await clients(again.ports["c2s"][0], "ann", "ben")

    assert await version_of(ann) == version
    assert await fields(ann) == {"roomname": "Den", "subject": "tea"}
    assert list((await occupants(ben)).values()) == ["member", "owner", "member"]
    for client in (ann, ben):
        await client.close()


@pytest.mark.parametrize(
    "asked",
    [
        lambda ann: send_iq(ann, "set", f"<query xmlns='{CREATE}'/>", f"other@{SERVICE}"),
        lambda ann: configure(ann, "<roomname>New</roomname>"),
        lambda ann: change(ann, {"ben": "owner", "dan": "member"}),
        lambda ann: change(ann, {"ben": "none", "ann": "none"}),
        lambda ann: send_iq(ann, "set", f"<query xmlns='{DESTROY}'/>"),
    ],
)
async def test_when_the_disk_refuses_nobody_hears_of_a_change_that_is_not_kept(serve, monkeypatch, asked):
    server = await serve(MODULE)
    ann, ben, dan = await online(server, "ann", "ben", "dan")
    version = await create(ann, ben)

    def refuse(*writes):
        future = asyncio.get_running_loop().create_future()
        future.set_exception(Unavailable("disk full"))
        return future

    with monkeypatch.context() as full:
        full.setattr(server.app.server.database, "submit", refuse)
        asked(ann)
        await error(ann, "internal-server-error", "wait")

    for client in (ben, dan):
        await client.expect_nothing()
    assert await version_of(ann) == version
    assert await occupants(ann) == {"ann@localhost": "owner", "ben@localhost": "member"}
    assert await fields(ann) == {"roomname": "Untitled", "subject": ""}
    ann.send(f"<message type='groupchat' id='m1' to='{ROOM}'><body>hi</body></message>")
    await ben.expect("message", id="m1")


async def test_memory_and_disk_say_the_same_after_many_changes(serve):
    server = await serve(MODULE)
    ann, ben = await online(server, "ann", "ben")
    await create(ann, ben)
    for number in range(10):
        change(ann, {f"u{number}": "member"})
        if number % 3 == 0:
            change(ann, {f"u{number}": "none"})
        configure(ann, f"<subject>{number}</subject>")
    await ann.collect()
    in_memory = await occupants(ann), await fields(ann), await version_of(ann)

    await server.stop_module("mod_muc_light")
    await server.start_module("mod_muc_light")

    assert (await occupants(ann), await fields(ann), await version_of(ann)) == in_memory
