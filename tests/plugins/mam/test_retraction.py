"""Retracted messages become tombstones (xmpp-behaviour, section 6; XEP-0424 0.3)."""

from __future__ import annotations

import pytest

from mim.capabilities import ArchiveView
from mim.clock import parse_stamp
from mim.xmpp import ns
from mim.xmpp.jid import JID
from tests.plugins.mam.support import PM, chat, exchanged, page, stanza_id


def origin(id: str) -> str:
    return f"<origin-id xmlns='{ns.STANZA_ID}' id='{id}'/>"


def retraction(target: str, namespace: str = ns.RETRACT0, to: str = "juliet@localhost") -> str:
    fastening = f"<apply-to xmlns='{ns.FASTEN}' id='{target}'><retract xmlns='{namespace}'/></apply-to>"
    return f"<message to='{to}' type='chat' id='takeback'>{fastening}</message>"


def is_tombstone(result) -> bool:
    return [child.name for child in result.message.elements()] == ["retracted"]


async def test_both_archives_get_a_tombstone_and_keep_the_retraction(server, romeo, juliet):
    await exchanged(romeo, juliet, "before")
    await exchanged(romeo, juliet, "regretted", id="m1", more=origin("o1"))
    was = (await page(juliet)).ids
    romeo.send(retraction("o1"))
    await juliet.expect("message", id="takeback")

    for client in (romeo, juliet):
        found = await page(client)
        before, stone, taking = found.results
        assert (before.body, taking.message.get("id")) == ("before", "takeback")
        assert taking.message.find(ns.FASTEN, "apply-to") is not None
        assert is_tombstone(stone)
        assert (stone.message.get("id"), stone.message.get("to")) == ("m1", "juliet@localhost")
        retracted = stone.message.find(ns.RETRACT0, "retracted")
        assert retracted.find(ns.STANZA_ID, "origin-id").get("id") == "o1"
        assert parse_stamp(retracted.get("stamp")) >= parse_stamp(stone.delay.get("stamp"))
        assert found.count == 3
    assert (await page(juliet)).ids[:2] == was


async def test_a_tombstone_is_found_by_no_search_and_has_no_body_for_the_api(server, romeo, juliet):
    await exchanged(romeo, juliet, "regretted", more=origin("o1"))
    romeo.send(retraction("o1"))
    await juliet.expect("message", id="takeback")

    assert (await page(romeo, full_text_search="regretted")).count == 0
    view = server.app.host("localhost").find(ArchiveView)
    found = await view.last_messages(JID.parse("romeo@localhost"), with_=None, not_after_us=None, limit=10)
    assert [(one.message_id, one.body) for one in found] == [("m", ""), ("takeback", "")]
    assert "regretted" not in found[0].stanza


async def test_another_resource_of_the_same_user_may_retract(server, romeo, juliet):
    second = await server.client("romeo", "r2")
    await exchanged(romeo, juliet, "regretted", more=origin("o1"))
    second.send(retraction("o1"))
    await juliet.expect("message", id="takeback")
    assert is_tombstone((await page(juliet)).results[0])


async def test_nobody_retracts_what_is_not_his_or_went_elsewhere(server, romeo, juliet):
    mercutio = await server.online("mercutio")
    await exchanged(romeo, juliet, "to juliet", more=origin("o1"))
    await exchanged(romeo, mercutio, "to mercutio", more=origin("o2"))

    juliet.send(retraction("o1", to="romeo@localhost"))  # received, not sent, by her
    await romeo.expect("message")
    mercutio.send(retraction("o1"))  # a stranger to it
    await juliet.expect("message")
    romeo.send(retraction("o2"))  # not where it went
    await juliet.expect("message")
    romeo.send(retraction("o9"))  # nothing of that name
    await juliet.expect("message")

    everything = [*(await page(romeo)).results, *(await page(juliet)).results, *(await page(mercutio)).results]
    assert not any(is_tombstone(result) for result in everything)


@pytest.mark.parametrize("shared", ["true", "false"])
async def test_retraction_by_stanza_id(serve, shared):
    server = await serve(f"[modules.mod_mam_meta]\npm.same_mam_id_for_peers = {shared}\n")
    romeo, juliet = await server.online("romeo"), await server.online("juliet")
    (got,) = await exchanged(romeo, juliet, "regretted")
    own_id = (await page(romeo)).ids[0]
    romeo.send(retraction(own_id, ns.RETRACT_ESL))
    await juliet.expect("message", id="takeback")

    stone = (await page(romeo)).results[0]
    assert is_tombstone(stone)
    named = stone.message.find(ns.RETRACT_ESL, "retracted").find(ns.STANZA_ID, "stanza-id")
    assert (named.get("id"), named.get("by")) == (own_id, "romeo@localhost")
    hers = (await page(juliet)).results[0]
    assert is_tombstone(hers) is (shared == "true")
    assert hers.id == stanza_id(got, "juliet@localhost")


@pytest.mark.parametrize("target", ["nonsense", "VVVVVVVVVVVVVVVV", "0", "CO8SHK24S0G0"])
async def test_a_stanza_id_that_names_nothing_retracts_nothing(romeo, juliet, target):
    await exchanged(romeo, juliet, "stays")
    romeo.send(retraction(target, ns.RETRACT_ESL))
    await juliet.expect("message", id="takeback")
    assert (await page(juliet)).bodies == ["stays", None]


async def test_where_tombstones_are_off_the_retraction_is_archived_alone(serve):
    server = await serve(PM + "message_retraction = false\n")
    romeo, juliet = await server.online("romeo"), await server.online("juliet")
    await exchanged(romeo, juliet, "stays", more=origin("o1"))
    romeo.send(retraction("o1"))
    await juliet.expect("message", id="takeback")
    for client in (romeo, juliet):
        assert (await page(client)).bodies == ["stays", None]


async def test_a_message_without_children_is_archived_as_it_is(romeo, juliet):
    # Nothing between the tags: only a hint makes it one to keep.
    romeo.send(f"<message to='juliet@localhost' type='chat' id='m1'><store xmlns='{ns.HINTS}'/></message>")
    await juliet.expect("message", id="m1")
    romeo.send(chat("after"))
    assert (await page(romeo)).bodies == [None, "after"]
