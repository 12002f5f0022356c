"""mod_private (XEP-0049; xmpp-behaviour, section 9)."""

from __future__ import annotations

import pytest

from mim.xmpp import ns
from mim.xmpp.element import Element, element, serialize
from mim.xmpp.parser import parse_element
from tests.foreign import slixmpp_client
from tests.plugins.answers import refusal
from tests.plugins.problems import problems

PRIVATE = "[modules.mod_private]\n"
NOTES = "<notes xmlns='urn:test:notes' lang='de'><note id='1'>a &lt; b</note>und<note id='2'/></notes>"


def query(inner: str = "") -> str:
    return f"<query xmlns='jabber:iq:private'>{inner}</query>"


def kept(answer: Element) -> list[Element]:
    assert answer.get("type") == "result", answer
    found = answer.find(ns.PRIVATE, "query")
    return list(found.elements())


async def test_what_was_set_is_got_again_by_every_client_of_the_account(serve):
    server = await serve(PRIVATE, admin=None)
    romeo, phone = await server.client("romeo"), await server.client("romeo", "phone")

    answer = await romeo.ask("set", query(NOTES))
    assert answer.get("type") == "result"
    assert answer.payload is None

    assert kept(await phone.ask("get", query("<notes xmlns='urn:test:notes'/>"))) == [parse_element(NOTES)]
    assert ns.PRIVATE in server.app.host("localhost").features()


async def test_where_nothing_is_kept_the_empty_element_comes_back(serve):
    server = await serve(PRIVATE, admin=None)
    romeo = await server.client("romeo")

    asked = "<storage xmlns='storage:bookmarks'><ignored/></storage>"
    assert kept(await romeo.ask("get", query(asked))) == [Element("storage:bookmarks", "storage")]


async def test_namespaces_are_kept_apart_and_each_set_replaces_one(serve):
    server = await serve(PRIVATE, admin=None)
    romeo = await server.client("romeo")
    await romeo.ask("set", query("<a xmlns='urn:a'>1</a><b xmlns='urn:b'>1</b>"))
    await romeo.ask("set", query("<a xmlns='urn:a'>2</a>"))

    got = kept(await romeo.ask("get", query("<b xmlns='urn:b'/><a xmlns='urn:a'/><c xmlns='urn:c'/>")))

    assert got == [element("urn:b", "b", "1"), element("urn:a", "a", "2"), element("urn:c", "c")]


async def test_elements_of_one_namespace_stay_together(serve):
    server = await serve(PRIVATE, admin=None)
    romeo = await server.client("romeo")
    await romeo.ask("set", query("<x xmlns='urn:a'/><y xmlns='urn:a'>2</y>"))

    got = kept(await romeo.ask("get", query("<x xmlns='urn:a'/>")))

    assert got == [element("urn:a", "x"), element("urn:a", "y", "2")]


@pytest.mark.parametrize("type", ["get", "set"])
async def test_what_another_keeps_is_forbidden(serve, type):
    server = await serve(PRIVATE, admin=None)
    juliet, romeo = await server.client("juliet"), await server.client("romeo")
    await juliet.ask("set", query(NOTES))

    for other in ("juliet@localhost", "nobody@localhost"):
        answer = await romeo.ask(type, query("<notes xmlns='urn:test:notes'/>"), to=other)
        assert refusal(answer) == "auth/forbidden"
    assert kept(await juliet.ask("get", query("<notes xmlns='urn:test:notes'/>"))) == [parse_element(NOTES)]


@pytest.mark.parametrize("type", ["get", "set"])
@pytest.mark.parametrize("inner", ["<own/>", "<own xmlns=''/>", "<a xmlns='urn:a'/><own/>"])
async def test_an_element_needs_a_namespace(serve, type, inner):
    server = await serve(PRIVATE, admin=None)
    romeo = await server.client("romeo")

    assert refusal(await romeo.ask(type, query(inner))) == "modify/bad-request"
    assert kept(await romeo.ask("get", query("<a xmlns='urn:a'/>"))) == [Element("urn:a", "a")]


@pytest.mark.parametrize("type", ["get", "set"])
async def test_a_query_needs_an_element(serve, type):
    server = await serve(PRIVATE, admin=None)
    romeo = await server.client("romeo")

    assert refusal(await romeo.ask(type, query())) == "modify/not-acceptable"


async def test_size_and_number_have_limits_and_nothing_is_half_kept(serve):
    server = await serve(PRIVATE, admin=None)
    romeo = await server.client("romeo")

    big = f"<small xmlns='urn:small'/><big xmlns='urn:big'>{'ä' * (128 * 1024)}</big>"
    assert refusal(await romeo.ask("set", query(big))) == "modify/policy-violation"
    long = f"<x xmlns='urn:{'n' * 1000}'/>"
    assert refusal(await romeo.ask("set", query(long))) == "modify/policy-violation"
    hundred = "".join(f"<x xmlns='urn:{number}'>kept</x>" for number in range(100))
    assert (await romeo.ask("set", query(hundred))).get("type") == "result"
    assert (await romeo.ask("set", query("<x xmlns='urn:7'>again</x>"))).get("type") == "result"
    assert refusal(await romeo.ask("set", query("<x xmlns='urn:100'/>"))) == "wait/resource-constraint"
    assert refusal(await romeo.ask("get", query(hundred + "<x xmlns='urn:100'/>"))) == "modify/bad-request"

    got = kept(await romeo.ask("get", query("<small xmlns='urn:small'/><x xmlns='urn:7'/>")))
    assert got == [element("urn:small", "small"), element("urn:7", "x", "again")]


async def test_what_is_kept_outlives_the_server_and_dies_with_the_account(serve, tmp_path):
    first = await serve(PRIVATE, admin=None, data_dir=tmp_path)
    romeo, juliet = await first.client("romeo"), await first.client("juliet")
    await romeo.ask("set", query(NOTES))
    await juliet.ask("set", query(NOTES))
    await first.stop()

    second = await serve(PRIVATE, admin=None, data_dir=tmp_path)
    romeo = await second.client("romeo")
    asked = query("<notes xmlns='urn:test:notes'/>")
    assert serialize(kept(await romeo.ask("get", asked))[0]) == serialize(parse_element(NOTES))

    await second.app.server.accounts.remove(romeo.jid.bare)
    romeo, juliet = await second.client("romeo", "new"), await second.client("juliet")
    assert kept(await romeo.ask("get", asked)) == [Element("urn:test:notes", "notes")]
    assert kept(await juliet.ask("get", asked)) == [parse_element(NOTES)]


def test_options_are_checked():
    good = '[modules.mod_private]\nbackend = "mnesia"\niqdisc = {type = "one_queue"}\nriak = {bucket_type = "private"}'
    assert problems(good) == []
    assert problems('[modules.mod_private]\nbackend = 5\nriak = {bucket_type = 1}') == [
        "modules.mod_private.backend",
        "modules.mod_private.riak.bucket_type",
    ]


async def test_slixmpp_keeps_bookmarks(serve):
    server = await serve(PRIVATE, admin=None)
    async with slixmpp_client(server, "romeo", plugins=["xep_0048", "xep_0049"]) as romeo:
        bookmarks = romeo.plugin["xep_0048"].stanza.Bookmarks()
        bookmarks.add_conference("orchard@rooms.example", "romeo", name="Orchard", autojoin=True)
        await romeo.plugin["xep_0049"].store(bookmarks)

        found = await romeo.plugin["xep_0049"].retrieve("bookmarks")

    (room,) = found["private"]["bookmarks"]["conferences"]
    assert (str(room["jid"]), room["name"], room["nick"], room["autojoin"]) == (
        "orchard@rooms.example", "Orchard", "romeo", True,
    )
