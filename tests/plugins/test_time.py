"""mod_time (XEP-0202; xmpp-behaviour, section 9)."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from mim.xmpp import ns
from tests.plugins.answers import refusal
from tests.plugins.problems import problems

QUERY = "<time xmlns='urn:xmpp:time'/>"


async def test_the_server_tells_its_time_and_time_zone(serve):
    server = await serve("[modules.mod_time]", admin=None)
    romeo = await server.client("romeo")
    server.clock.advance(86400)

    answer = await romeo.ask("get", QUERY, to="localhost")

    told = answer.find(ns.TIME, "time")
    utc = datetime.strptime(told.child_text(ns.TIME, "utc"), "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    assert abs(utc - server.clock.now()) < timedelta(seconds=5)
    assert re.fullmatch(r"[+-]\d\d:\d\d", told.child_text(ns.TIME, "tzo"))
    assert ns.TIME in server.app.host("localhost").features()


async def test_nobody_sets_the_time(serve):
    server = await serve("[modules.mod_time]", admin=None)
    romeo = await server.client("romeo")

    answer = await romeo.ask("set", QUERY, to="localhost")

    assert refusal(answer) == "cancel/not-allowed"


def test_options_are_checked():
    assert problems('[modules.mod_time]\niqdisc = {type = "no_queue"}') == []
    assert problems('[modules.mod_time]\niqdisc = {type = "line"}') == ["modules.mod_time.iqdisc.type"]
