"""mod_last (XEP-0012; xmpp-behaviour, section 9)."""

from __future__ import annotations

import pytest

from mim.xmpp import ns
from mim.xmpp.element import Element
from tests.plugins import friends
from tests.plugins.answers import refusal
from tests.plugins.problems import problems

LAST = "[modules.mod_last]\n"
QUERY = "<query xmlns='jabber:iq:last'/>"


def told(answer: Element) -> tuple[int, str]:
    assert answer.get("type") == "result", answer
    query = answer.find(ns.LAST, "query")
    return int(query.get("seconds")), query.text


@pytest.fixture(params=[friends.SECTION, friends.FORGETFUL], ids=["roster in memory", "roster in store"])
async def server(request, serve, tmp_path):
    return await serve(LAST + request.param, admin=None, folders=friends.folder(tmp_path))


async def test_the_server_tells_its_uptime(serve):
    server = await serve(LAST, admin=None)
    romeo = await server.client("romeo")
    server.clock.advance(3600)

    seconds, text = told(await romeo.ask("get", QUERY, to="localhost"))

    assert 3600 <= seconds < 3660
    assert text == ""
    assert ns.LAST in server.app.host("localhost").features()


async def test_a_contact_who_is_online_has_been_away_for_no_time(server):
    romeo = await server.online("romeo")
    juliet = await server.online("juliet")
    await romeo.collect(), await juliet.collect()
    server.clock.advance(60)

    assert told(await juliet.ask("get", QUERY, to="romeo@localhost")) == (0, "")
    assert told(await romeo.ask("get", QUERY)) == (0, "")


async def test_a_contact_who_has_left_has_been_away_since_with_his_last_words(server):
    romeo = await server.online("romeo")
    juliet = await server.client("juliet")
    romeo.send("<presence type='unavailable'><status>good night</status></presence></stream:stream>")
    await romeo.next()
    await romeo.closed()
    server.clock.advance(300)

    seconds, text = told(await juliet.ask("get", QUERY, to="romeo@localhost"))

    assert 300 <= seconds < 330
    assert text == "good night"


async def test_unavailable_presence_is_enough_although_the_session_goes_on(server):
    romeo = await server.online("romeo")
    juliet = await server.client("juliet")
    romeo.send("<presence type='unavailable'><status>reading</status></presence>")
    await romeo.collect()
    server.clock.advance(20)

    seconds, text = told(await juliet.ask("get", QUERY, to="romeo@localhost"))
    assert 20 <= seconds < 40
    assert text == "reading"

    romeo.send("</stream:stream>")
    await romeo.closed()
    assert told(await juliet.ask("get", QUERY, to="romeo@localhost"))[1] == "reading"


async def test_words_of_an_earlier_leave_are_forgotten_when_the_connection_is_lost(server):
    romeo = await server.online("romeo")
    juliet = await server.client("juliet")
    romeo.send("<presence type='unavailable'><status>reading</status></presence><presence/>")
    await romeo.collect()
    await romeo.drop()
    while server.app.server.sessions.has(romeo.jid.bare):
        await juliet.expect_nothing()

    assert told(await juliet.ask("get", QUERY, to="romeo@localhost"))[1] == ""


async def test_an_invisible_contact_is_not_given_away(server):
    romeo = await server.client("romeo")
    juliet = await server.client("juliet")
    romeo.send("<presence type='invisible'/>")
    await romeo.expect_nothing()

    assert refusal(await juliet.ask("get", QUERY, to="romeo@localhost")) == "cancel/service-unavailable"
    assert told(await romeo.ask("get", QUERY)) == (0, "")


async def test_a_contact_who_has_never_been_online_is_unavailable(server):
    await server.register("romeo")
    juliet = await server.client("juliet")

    assert refusal(await juliet.ask("get", QUERY, to="romeo@localhost")) == "cancel/service-unavailable"


async def test_who_is_not_subscribed_is_told_nothing(server):
    await server.online("romeo")
    mercutio = await server.client("mercutio")

    for other in ("romeo@localhost", "romeo@localhost/r1", "romeo@localhost/absent", "nobody@localhost"):
        assert refusal(await mercutio.ask("get", QUERY, to=other)) == "auth/forbidden", other


async def test_a_contact_may_ask_a_client_itself(server):
    romeo = await server.online("romeo")
    juliet = await server.client("juliet")
    await romeo.collect()

    juliet.send(f"<iq type='get' id='idle' to='romeo@localhost/r1'>{QUERY}</iq>")
    asked = await romeo.expect("iq", type="get", from_="juliet@localhost/r1")
    answer = "<query xmlns='jabber:iq:last' seconds='9'/>"
    romeo.send(f"<iq type='result' id='{asked.get('id')}' to='juliet@localhost/r1'>{answer}</iq>")

    assert told(await juliet.expect("iq", id="idle")) == (9, "")
    absent = await juliet.ask("get", QUERY, to="romeo@localhost/absent")
    assert refusal(absent) == "cancel/service-unavailable"


async def test_without_a_roster_only_the_account_itself_may_ask(serve):
    server = await serve(LAST, admin=None)
    romeo, other = await server.client("romeo"), await server.client("romeo", "r2")
    juliet = await server.client("juliet")

    assert told(await romeo.ask("get", QUERY, to="romeo@localhost")) == (0, "")
    assert refusal(await juliet.ask("get", QUERY, to="romeo@localhost")) == "auth/forbidden"
    assert refusal(await juliet.ask("get", QUERY, to="romeo@localhost/r1")) == "auth/forbidden"
    romeo.send(f"<iq type='get' id='own' to='romeo@localhost/r2'>{QUERY}</iq>")
    await other.expect("iq", id="own")


@pytest.mark.parametrize("to", ["localhost", "romeo@localhost", ""])
async def test_nobody_sets_last_activity(serve, to):
    server = await serve(LAST, admin=None)
    romeo = await server.client("romeo")

    assert refusal(await romeo.ask("set", QUERY, to=to)) == "cancel/not-allowed"


async def test_the_record_outlives_the_server_and_dies_with_the_account(serve, tmp_path):
    modules = LAST + friends.SECTION
    data, folders = tmp_path / "data", friends.folder(tmp_path)
    first = await serve(modules, admin=None, folders=folders, data_dir=data)
    romeo = await first.online("romeo")
    romeo.send(f"<presence type='unavailable'><status>{'z' * 5000}</status></presence></stream:stream>")
    await romeo.next()
    await romeo.closed()
    await first.stop()

    second = await serve(modules, admin=None, folders=folders, data_dir=data)
    juliet = await second.client("juliet")
    assert told(await juliet.ask("get", QUERY, to="romeo@localhost"))[1] == "z" * 1024

    romeo = await second.client("romeo")
    await second.app.server.accounts.remove(romeo.jid.bare)
    await second.register("romeo")
    answer = await juliet.ask("get", QUERY, to="romeo@localhost")
    assert refusal(answer) == "cancel/service-unavailable"


def test_options_are_checked():
    good = '[modules.mod_last]\nbackend = "riak"\niqdisc = {type = "one_queue"}\nriak = {bucket_type = "last"}'
    assert problems(good) == []
    assert problems('[modules.mod_last]\nbackend = "file"\nriak = {bucket_type = ""}') == [
        "modules.mod_last.backend",
        "modules.mod_last.riak.bucket_type",
    ]
