"""A disk that refuses: nobody is promised what was not stored, and clients are told how it is."""

from __future__ import annotations

from contextlib import asynccontextmanager

import pytest

from tests.plugins.answers import refusal
from tests.plugins.roster.support import JULIET, ROMEO, ROSTER, friends, roster, roster_set, stands
from tests.plugins.shorthand import seen

MODULES = ROSTER + "[modules.mod_commands]\n"


@asynccontextmanager
async def read_only(server):
    """Make the database refuse all writes for a while."""
    connection = server.app.server.database._connection
    await server.app.server.database.flush()
    connection.execute("PRAGMA query_only = ON")
    yield
    await server.app.server.router.drain()
    connection.execute("PRAGMA query_only = OFF")


async def test_roster_set_is_refused_and_taken_back(serve):
    server = await serve(MODULES, admin=None)
    romeo, phone = await server.client("romeo", "r1"), await server.client("romeo", "r2")
    await roster_set(romeo, "<item jid='a@localhost' name='A'/>")
    await romeo.collect(), await phone.collect()

    async with read_only(server):
        answer, _ = await roster_set(romeo, "<item jid='a@localhost' name='B'/>")
        assert refusal(answer) == "wait/internal-server-error"
        answer, _ = await roster_set(romeo, "<item jid='b@localhost'/>")
        assert refusal(answer) == "wait/internal-server-error"

    await romeo.collect()
    assert await roster(romeo) == {"a@localhost": "none"}
    last = {}
    for push in await phone.collect():
        (item,) = push.payload.elements()
        last[item.get("jid")] = (item.get("subscription"), item.get("name"))
    assert last == {"a@localhost": ("none", "A"), "b@localhost": ("remove", "")}
    answer, before = await roster_set(romeo, "<item jid='b@localhost'/>")
    assert answer.get("type") == "result"
    assert before[-1] == "push(none) b@localhost"
    assert await stands(server, ROMEO) == {"a@localhost": "none/none", "b@localhost": "none/none"}


async def test_admin_api_is_refused_and_both_sides_stay_as_they_were(serve):
    server = await serve(MODULES)
    romeo, juliet = await friends(server)

    async with read_only(server):
        answer = await server.api.delete("/contacts/romeo@localhost/juliet@localhost")
        assert answer.status == 503
        assert (await server.api.post("/contacts", {"caller": "romeo@localhost", "jid": "x@localhost"})).status == 503

    assert await stands(server, ROMEO) == {"juliet@localhost": "both/none"}
    assert await stands(server, JULIET) == {"romeo@localhost": "both/none"}
    assert (await seen(juliet))[-1] == "push(both) romeo@localhost"
    assert "push(both) juliet@localhost" in await seen(romeo)
    juliet.send("<presence><show>away</show></presence>")
    await juliet.collect()
    assert await seen(romeo) == ["P(available) juliet@localhost"]


async def test_subscription_of_a_client_is_taken_back_on_both_sides(serve):
    server = await serve(MODULES, admin=None)
    romeo, juliet = await friends(server)

    async with read_only(server):
        romeo.send("<presence type='unsubscribe' to='juliet@localhost'/>")
        await romeo.collect()

    assert await stands(server, ROMEO) == {"juliet@localhost": "both/none"}
    assert await stands(server, JULIET) == {"romeo@localhost": "both/none"}
    assert (await seen(juliet))[-1] == "push(both) romeo@localhost"
    assert (await seen(romeo))[-1] == "push(both) juliet@localhost"


@pytest.mark.parametrize("is_online", [True, False], ids=["contact online", "contact offline"])
@pytest.mark.parametrize("way", ["client", "api"])
async def test_both_sides_are_one_transaction(serve, is_online, way):
    """The second half of the change fails in the database; the first must not stand alone."""
    server = await serve(MODULES)
    await server.register("juliet")
    romeo = await server.online("romeo")
    if is_online:
        await server.online("juliet")
    await server.app.server.database.flush()
    server.app.server.database._connection.execute(
        "CREATE TRIGGER refuse BEFORE INSERT ON roster_items WHEN NEW.username = 'juliet'"
        " BEGIN SELECT RAISE(ABORT, 'refused by the test'); END"
    )

    if way == "client":
        romeo.send("<presence type='subscribe' to='juliet@localhost'/>")
        await romeo.collect()
    else:
        answer = await server.api.put("/contacts/romeo@localhost/juliet@localhost", {"action": "subscribe"})
        assert answer.status >= 400
    await server.app.server.router.drain()

    assert await stands(server, ROMEO) == {}
    assert await stands(server, JULIET) == {}
