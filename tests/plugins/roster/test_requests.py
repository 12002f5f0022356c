"""Subscription requests that wait for an answer, and the answers (xmpp-behaviour, section 3.2, 3.3)."""

from __future__ import annotations

import pytest

from mim.xmpp import ns
from mim.xmpp.jid import JID
from mim_plugins.mod_roster import subscriptions
from tests.plugins.answers import refusal
from tests.plugins.roster import elsewhere
from tests.plugins.roster.support import JULIET, ROMEO, ROSTER, friends, roster, stands, stored
from tests.plugins.shorthand import seen

NICK = "<nick xmlns='http://jabber.org/protocol/nick'>R</nick>"


async def test_request_comes_again_with_all_that_was_in_it_at_every_initial_presence(serve):
    server = await serve(ROSTER, admin=None)
    await server.register("juliet")
    romeo = await server.online("romeo")
    romeo.send(f"<presence type='subscribe' to='juliet@localhost/x'><status>Pray &amp; see</status>{NICK}</presence>")
    assert await seen(romeo) == ["push(none+ask) juliet@localhost"]

    for resource in ("r1", "r2"):
        juliet = await server.client("juliet", resource)
        assert await roster(juliet) == {}
        juliet.send("<presence/>")
        request = await juliet.expect("presence", type="subscribe", from_="romeo@localhost", to="juliet@localhost")
        assert request.child_text(ns.CLIENT, "status") == "Pray & see"
        assert request.child_text("http://jabber.org/protocol/nick", "nick") == "R"
        await juliet.expect("presence", from_=f"juliet@localhost/{resource}")
        await juliet.collect()
    juliet.send("<presence><show>away</show></presence>")
    assert await seen(juliet) == ["P(available) juliet@localhost"]
    juliet.send("<presence type='unavailable'/>")
    assert await seen(juliet) == ["P(unavailable) juliet@localhost"]
    juliet.send("<presence/>")
    assert (await seen(juliet))[:2] == ["P(subscribe) romeo@localhost", "P(available) juliet@localhost"]


async def test_request_without_words_comes_without_words(serve):
    server = await serve(ROSTER, admin=None)
    await server.register("juliet")
    romeo = await server.online("romeo")
    romeo.send("<presence type='subscribe' to='juliet@localhost'/>")
    await romeo.collect()

    juliet = await server.client("juliet")
    juliet.send("<presence/>")

    request = await juliet.expect("presence", type="subscribe")
    assert request.children == []


async def test_request_waits_until_the_priority_is_not_negative(serve):
    server = await serve(ROSTER, admin=None)
    await server.register("juliet")
    romeo = await server.online("romeo")
    romeo.send("<presence type='subscribe' to='juliet@localhost'/>")
    await romeo.collect()

    juliet = await server.online("juliet", priority=-1)
    await juliet.expect_nothing()

    juliet.send("<presence><priority>0</priority></presence>")
    assert await seen(juliet) == ["P(subscribe) romeo@localhost", "P(available) juliet@localhost"]


async def test_answered_request_does_not_come_again(serve):
    server = await serve(ROSTER, admin=None)
    romeo, juliet, paris = await server.online("romeo"), await server.online("juliet"), await server.online("paris")
    for suitor in (romeo, paris):
        suitor.send("<presence type='subscribe' to='juliet@localhost'><status>Please</status></presence>")
        await suitor.collect()
    await juliet.collect()
    juliet.send("<presence type='subscribed' to='romeo@localhost'/>")
    juliet.send("<presence type='unsubscribed' to='paris@localhost'/>")
    await juliet.collect()

    tablet = await server.client("juliet", "tablet")
    tablet.send("<presence/>")

    assert "P(subscribe)" not in " ".join(await seen(tablet))
    assert {jid: item.request for jid, item in (await stored(server, JULIET)).items()} == {"romeo@localhost": ""}


async def test_request_goes_to_every_available_resource_and_no_other(serve):
    server = await serve(ROSTER, admin=None)
    low, high = await server.online("juliet", "r1", priority=-5), await server.online("juliet", "r2", priority=5)
    silent = await server.client("juliet", "r3")
    await low.collect(), await high.collect()
    romeo = await server.online("romeo")

    romeo.send("<presence type='subscribe' to='juliet@localhost'/>")
    await romeo.collect()

    for client in (low, high):
        request = await client.expect("presence", type="subscribe", from_="romeo@localhost")
        assert request.get("to") == str(client.jid)
        await client.expect_nothing()
    await silent.expect_nothing()


async def test_repeated_request_is_pushed_again_but_not_delivered_again(serve):
    server = await serve(ROSTER, admin=None)
    romeo, juliet = await server.online("romeo"), await server.online("juliet")
    for _ in range(2):
        romeo.send("<presence type='subscribe' to='juliet@localhost'/>")

    assert await seen(romeo) == ["push(none+ask) juliet@localhost"] * 2
    assert await seen(juliet) == ["P(subscribe) romeo@localhost"]


async def test_withdrawn_request_leaves_nothing(serve):
    server = await serve(ROSTER, admin=None)
    romeo, juliet = await server.online("romeo"), await server.online("juliet")
    romeo.send("<presence type='subscribe' to='juliet@localhost'/>")
    await romeo.collect(), await juliet.collect()

    romeo.send("<presence type='unsubscribe' to='juliet@localhost'/>")

    assert await seen(romeo) == ["push(none) juliet@localhost"]
    assert await seen(juliet) == []
    assert await stands(server, JULIET) == {}


async def test_contact_whom_the_user_has_put_on_the_roster_stays_when_his_request_ends(serve):
    server = await serve(ROSTER, admin=None)
    romeo, juliet = await server.online("romeo"), await server.online("juliet")
    juliet.send(f"<iq type='set' id='s'><query xmlns='{ns.ROSTER}'><item jid='romeo@localhost' name='R'/></query></iq>")
    await juliet.collect()
    for type in ("subscribe", "unsubscribe"):
        romeo.send(f"<presence type='{type}' to='juliet@localhost'/>")
        await romeo.collect()

    assert await stands(server, JULIET) == {"romeo@localhost": "none/none"}
    assert (await stored(server, JULIET))["romeo@localhost"].name == "R"


async def test_decline(serve):
    server = await serve(ROSTER, admin=None)
    romeo, juliet = await server.online("romeo"), await server.online("juliet")
    romeo.send("<presence type='subscribe' to='juliet@localhost'/>")
    await romeo.collect(), await juliet.collect()

    juliet.send("<presence type='unsubscribed' to='romeo@localhost'/>")

    assert await seen(juliet) == []
    assert await seen(romeo) == ["push(none) juliet@localhost", "P(unsubscribed) juliet@localhost"]
    assert await stands(server, ROMEO) == {"juliet@localhost": "none/none"}
    assert await stands(server, JULIET) == {}


async def test_acceptance(serve):
    server = await serve(ROSTER, admin=None)
    romeo, phone = await server.online("romeo", "r1"), await server.online("romeo", "r2")
    juliet, tablet = await server.online("juliet", "j1"), await server.online("juliet", "j2")
    romeo.send("<presence type='subscribe' to='juliet@localhost'/>")
    for client in (romeo, phone, juliet, tablet):
        await client.collect()

    juliet.send("<presence type='subscribed' to='romeo@localhost/r1'/>")

    assert await seen(juliet) == await seen(tablet) == ["push(from) romeo@localhost"]
    expected = ["push(to) juliet@localhost", "P(subscribed) juliet@localhost"] + ["P(available) juliet@localhost"] * 2
    assert await seen(romeo) == await seen(phone) == expected


async def test_who_asks_for_what_he_has_is_told_so_by_the_server(serve, tmp_path):
    server = await serve(ROSTER + elsewhere.SECTION, admin=None, folders=elsewhere.folder(tmp_path))
    romeo = await server.online("romeo")
    paris = elsewhere.person("paris")
    await elsewhere.send(server, paris, "subscribe")
    await romeo.expect("presence", type="subscribe")
    romeo.send(f"<presence type='subscribed' to='{paris}'/>")
    await romeo.collect()
    elsewhere.arrived(server)

    await elsewhere.send(server, paris, "subscribe")

    assert elsewhere.arrived(server) == ["paris: P(subscribed) romeo@localhost"]
    await romeo.expect_nothing()


async def test_end_of_a_subscription(serve):
    server = await serve(ROSTER, admin=None)
    romeo, juliet = await friends(server)

    romeo.send("<presence type='unsubscribe' to='juliet@localhost'/>")
    assert await seen(romeo) == ["push(from) juliet@localhost", "P(unavailable) juliet@localhost"]
    assert await seen(juliet) == ["push(to) romeo@localhost", "P(unsubscribe) romeo@localhost"]

    romeo.send("<presence type='unsubscribed' to='juliet@localhost'/>")
    assert await seen(romeo) == ["push(none) juliet@localhost"]
    assert await seen(juliet) == [
        "push(none) romeo@localhost", "P(unsubscribed) romeo@localhost", "P(unavailable) romeo@localhost",
    ]  # fmt: skip
    assert await stands(server, ROMEO) == {"juliet@localhost": "none/none"}
    assert await stands(server, JULIET) == {"romeo@localhost": "none/none"}


# --- who does not exist, who asks too much --------------------------------------------------------------------


async def test_client_that_asks_nobody_makes_no_roster_for_him(serve):
    server = await serve(ROSTER, admin=None)
    romeo = await server.online("romeo")

    romeo.send("<presence type='subscribe' to='nobody@localhost'/>")

    assert await seen(romeo) == ["push(none+ask) nobody@localhost"]
    assert await stored(server, JID("nobody", "localhost")) == {}
    assert await stands(server, ROMEO) == {"nobody@localhost": "none/out"}


async def test_request_to_nowhere_comes_back(serve):
    server = await serve(ROSTER, admin=None)
    romeo = await server.online("romeo")

    romeo.send("<presence type='subscribe' to='x@nosuch.example' id='p1'/>")

    await romeo.expect("iq", type="set")
    error = await romeo.expect("presence", type="error", from_="x@nosuch.example", id="p1")
    assert refusal(error) == "cancel/remote-server-not-found"


async def test_requests_of_strangers_do_not_pile_up_without_end(serve, tmp_path, monkeypatch):
    monkeypatch.setattr(subscriptions, "MAX_REQUESTS", 2)
    server = await serve(ROSTER + elsewhere.SECTION, admin=None, folders=elsewhere.folder(tmp_path))
    await server.register("romeo")
    for name in ("a", "b", "c"):
        await elsewhere.send(server, elsewhere.person(name), "subscribe")

    assert sorted(await stands(server, ROMEO)) == [f"a@{elsewhere.DOMAIN}", f"b@{elsewhere.DOMAIN}"]
    assert elsewhere.arrived(server) == ["c: P(error) romeo@localhost"]


@pytest.mark.parametrize(("length", "kept"), [(3000, "status and nick"), (4040, "status"), (4200, "nothing")])
async def test_of_a_long_request_what_fits_is_kept(serve, tmp_path, length, kept):
    server = await serve(ROSTER, admin=None)
    await server.register("juliet")
    romeo = await server.online("romeo")
    words = "w" * length
    romeo.send(f"<presence type='subscribe' to='juliet@localhost'><status>{words}</status>{NICK}</presence>")
    await romeo.collect()

    juliet = await server.client("juliet")
    juliet.send("<presence/>")
    request = await juliet.expect("presence", type="subscribe")

    assert request.child_text(ns.CLIENT, "status") == (None if kept == "nothing" else words)
    assert (request.find("http://jabber.org/protocol/nick", "nick") is not None) == (kept == "status and nick")


@pytest.mark.parametrize("type", ["subscribe", "subscribed", "unsubscribe", "unsubscribed"])
async def test_presence_of_a_subscription_type_needs_an_addressee(serve, type):
    server = await serve(ROSTER, admin=None)
    romeo = await server.online("romeo")

    romeo.send(f"<presence type='{type}'/>")

    assert refusal(await romeo.expect("presence", type="error")) == "modify/bad-request"


# --- between hosts --------------------------------------------------------------------------------------------


async def test_users_of_two_hosts_subscribe_to_each_other(serve):
    server = await serve(ROSTER, admin=None, hosts=("localhost", "verona.example"))
    romeo, nurse = await server.online("romeo"), await server.online("nurse", domain="verona.example")
    address = JID("nurse", "verona.example")
    romeo.send(f"<presence type='subscribe' to='{address}'/>")
    assert await seen(romeo) == [f"push(none+ask) {address}"]
    assert await seen(nurse) == ["P(subscribe) romeo@localhost"]

    nurse.send("<presence type='subscribed' to='romeo@localhost'/>")

    assert await seen(nurse) == ["push(from) romeo@localhost"]
    assert await seen(romeo) == [f"push(to) {address}", f"P(subscribed) {address}", f"P(available) {address}"]
    assert await stands(server, address) == {"romeo@localhost": "from/none"}


async def test_host_without_rosters_takes_no_requests(serve):
    more = '[[host_config]]\nhost = "verona.example"\n[host_config.modules]\n'
    server = await serve(ROSTER, admin=None, hosts=("localhost", "verona.example"), more=more)
    romeo, nurse = await server.online("romeo"), await server.online("nurse", domain="verona.example")

    romeo.send("<presence type='subscribe' to='nurse@verona.example'/>")

    assert await seen(romeo) == ["push(none+ask) nurse@verona.example"]
    await nurse.expect_nothing()
