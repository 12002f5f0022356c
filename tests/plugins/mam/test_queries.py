"""What can be asked of an archive, and how it answers (xmpp-behaviour, section 6; XEP-0313 §4, XEP-0059)."""

from __future__ import annotations

from datetime import timedelta

import pytest

from mim.clock import format_stamp, from_us, parse_stamp
from mim.storage.ids import decode, encode, microseconds_of
from mim.xmpp import ns
from mim.xmpp.parser import parse_element
from mim.xmpp.stanza import Stanza
from tests.plugins.answers import refusal, refusal_text
from tests.plugins.mam.support import PM, chat, exchanged, field, page, query, taken_apart

NAMESPACES = [ns.MAM1, ns.MAM2]


@pytest.fixture
async def ten(romeo, juliet):
    """The ids of m0 to m9, which Romeo has sent, in his archive."""
    await exchanged(romeo, juliet, *(f"m{number}" for number in range(10)))
    return (await page(romeo)).ids


# --- form and answer ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("namespace", NAMESPACES)
async def test_the_form_has_the_fields_of_the_contract(romeo, namespace):
    answer = await romeo.ask("get", f"<query xmlns='{namespace}'/>")

    asked = answer.find(namespace, "query").find(ns.DATA_FORMS, "x")
    assert asked.get("type") == "form"
    assert [(f.get("var"), f.get("type")) for f in asked.elements()] == [
        ("FORM_TYPE", "hidden"),
        ("with", "jid-single"),
        ("start", "text-single"),
        ("end", "text-single"),
        ("full-text-search", "text-single"),
    ]
    assert next(asked.elements()).child_text(ns.DATA_FORMS, "value") == namespace


@pytest.mark.parametrize("namespace", NAMESPACES)
@pytest.mark.parametrize("to", ["", "romeo@localhost"])
async def test_results_come_before_the_answer_in_the_form_of_the_contract(romeo, juliet, namespace, to):
    await exchanged(romeo, juliet, "one", "two")

    found = await page(romeo, to=to, namespace=namespace, query_id="q&apos;1")

    first = found.results[0]
    assert (first.envelope.get("from"), first.envelope.get("to")) == ("romeo@localhost", "romeo@localhost/r1")
    assert len({result.envelope.get("id") for result in found.results} - {""}) == 2
    assert first.result.get("queryid") == "q'1"
    assert first.delay.get("from") == "romeo@localhost/r1"
    assert parse_stamp(first.delay.get("stamp")) == from_us(microseconds_of(decode(first.id)))
    assert found.answer.get("type") == "result"
    assert found.ends == (found.ids[0], found.ids[1])
    assert (found.index, found.count, found.is_complete) == (0, 2, True)


async def test_without_a_query_id_results_have_none(romeo, juliet):
    await exchanged(romeo, juliet, "one")
    (result,) = (await page(romeo)).results
    assert "queryid" not in result.result.attrs


async def test_an_empty_archive_answers_a_count_alone(romeo):
    found = await page(romeo)
    assert (found.results, found.count, found.ends, found.is_complete) == ([], 0, (None, None), True)


@pytest.mark.parametrize("namespace", ["urn:xmpp:mam:0", "urn:xmpp:mam:tmp"])
async def test_older_versions_are_not_served(romeo, namespace):
    assert refusal(await romeo.ask("set", f"<query xmlns='{namespace}'/>")) == "cancel/service-unavailable"


async def test_a_query_sees_everything_delivered_before_it(romeo, juliet):
    for number in range(5):
        romeo.send(chat(f"m{number}") * 20)
        assert (await page(romeo, rsm="<max>0</max>")).count == 20 * (number + 1)


async def test_a_client_without_presence_may_ask(server, romeo, juliet):
    await exchanged(romeo, juliet, "one")
    second = await server.client("romeo", "r2")
    assert (await page(second)).bodies == ["one"]


async def test_results_for_a_client_that_is_gone_go_to_nobody(server, romeo, juliet):
    await exchanged(romeo, juliet, "one")
    asked = f"<iq type='set' id='q' from='romeo@localhost/gone' to='romeo@localhost'>{query()}</iq>"
    iq = Stanza.from_element(parse_element(asked))
    server.app.server.router.send_as(iq)
    for promise in iq.trail.promises:
        await promise

    await romeo.expect_nothing()


# --- pages ----------------------------------------------------------------------------------------------------


async def test_pages_forward(romeo, ten):
    first = await page(romeo, rsm="<max>4</max>")
    assert (first.ids, first.index, first.count, first.is_complete) == (ten[:4], 0, 10, False)

    second = await page(romeo, rsm=f"<max>4</max><after>{first.ids[-1]}</after>")
    assert (second.ids, second.index, second.count, second.is_complete) == (ten[4:8], 4, 10, False)

    third = await page(romeo, rsm=f"<max>4</max><after>{second.ids[-1]}</after>")
    assert (third.ids, third.index, third.count, third.is_complete) == (ten[8:], 8, 10, True)

    fourth = await page(romeo, rsm=f"<max>4</max><after>{third.ids[-1]}</after>")
    assert (fourth.ids, fourth.ends, fourth.count, fourth.is_complete) == ([], (None, None), 10, True)


async def test_pages_backward(romeo, ten):
    last = await page(romeo, rsm="<max>4</max><before/>")
    assert (last.ids, last.index, last.count, last.is_complete) == (ten[6:], 6, 10, False)

    middle = await page(romeo, rsm=f"<max>4</max><before>{last.ids[0]}</before>")
    assert (middle.ids, middle.index, middle.is_complete) == (ten[2:6], 2, False)

    first = await page(romeo, rsm=f"<max>4</max><before>{middle.ids[0]}</before>")
    assert (first.ids, first.index, first.is_complete) == (ten[:2], 0, True)

    none = await page(romeo, rsm=f"<max>4</max><before>{first.ids[0]}</before>")
    assert (none.ids, none.count, none.is_complete) == ([], 10, True)


async def test_a_page_by_index(romeo, ten):
    found = await page(romeo, rsm="<max>3</max><index>5</index>")
    assert (found.ids, found.index, found.count, found.is_complete) == (ten[5:8], 5, 10, False)
    beyond = await page(romeo, rsm="<max>3</max><index>11</index>")
    assert (beyond.ids, beyond.count, beyond.is_complete) == ([], 10, True)


async def test_between_two_ids(romeo, ten):
    found = await page(romeo, rsm=f"<max>3</max><after>{ten[2]}</after><before>{ten[7]}</before>")
    assert (found.ids, found.index) == (ten[4:7], 4)


async def test_max_zero_counts_only(romeo, ten):
    found = await page(romeo, rsm="<max>0</max>")
    assert (found.results, found.count, found.ends, found.is_complete) == ([], 10, (None, None), False)


async def test_fifty_messages_are_a_page_and_the_most(romeo, juliet):
    romeo.send("".join(chat(f"m{number}") for number in range(60)))
    assert len((await page(romeo)).results) == 50
    assert len((await page(romeo, rsm="<max>1000</max>")).results) == 50
    assert len((await page(romeo, rsm="<before/>")).results) == 50


async def test_the_file_sets_the_page(serve):
    server = await serve(PM + "default_result_limit = 2\nmax_result_limit = 5\n")
    romeo, juliet = await server.online("romeo"), await server.online("juliet")
    await exchanged(romeo, juliet, *"abcdefg")

    assert len((await page(romeo)).results) == 2
    assert len((await page(romeo, rsm="<max>9</max>")).results) == 5


@pytest.mark.parametrize("text", ["abc", "not an id", "CO8SHK24S0G0X'", "-1", "Z", "V" * 13, "VVVVVVVVVVVVVVVV"])
@pytest.mark.parametrize("where", ["before", "after"])
async def test_what_cannot_be_an_id_is_refused(romeo, ten, where, text):
    answer = (await page(romeo, rsm=f"<{where}>{text}</{where}>")).answer
    assert refusal(answer) == "modify/not-acceptable"
    assert refusal_text(answer) == "Invalid stanza id provided"


@pytest.mark.parametrize("where", ["before", "after"])
@pytest.mark.parametrize("search", ["", "m"])
async def test_an_id_that_is_not_there_is_not_found(romeo, juliet, ten, where, search):
    asked = {"full_text_search": search} if search else {}
    for id in (encode(decode(ten[3]) + 256), "0", (await page(juliet)).ids[0]):
        answer = (await page(romeo, rsm=f"<{where}>{id}</{where}>", **asked)).answer
        assert refusal(answer) == "cancel/item-not-found"
    both = (await page(romeo, rsm=f"<after>{ten[0]}</after><before>{encode(1)}</before>", **asked)).answer
    assert refusal(both) == "cancel/item-not-found"


@pytest.mark.parametrize("rsm", ["<max>many</max>", "<max>-1</max>", "<index>x</index>", "<max/>"])
async def test_a_page_that_makes_no_sense_is_refused(romeo, rsm):
    assert refusal((await page(romeo, rsm=rsm)).answer) == "modify/bad-request"


# --- filters --------------------------------------------------------------------------------------------------


async def test_with_a_bare_address_every_resource_counts_both_ways(server, romeo, juliet):
    nurse = await server.online("nurse")
    await exchanged(romeo, juliet, "to her")
    await exchanged(juliet, romeo, "to him")
    await exchanged(romeo, nurse, "to the nurse")
    romeo.send(chat("to her balcony", "juliet@localhost/r1"))

    found = await page(romeo, with_="Juliet@localhost")
    assert (found.bodies, found.index, found.count) == (["to her", "to him", "to her balcony"], 0, 3)
    last = await page(romeo, with_="juliet@localhost", rsm="<max>1</max><before/>")
    assert (last.bodies, last.index, last.count, last.is_complete) == (["to her balcony"], 2, 3, False)
    after = await page(romeo, with_="juliet@localhost", rsm=f"<after>{(await page(romeo)).ids[2]}</after>")
    assert (after.bodies, after.index) == (["to her balcony"], 2)
    assert (await page(romeo, with_="mercutio@localhost")).count == 0


async def test_with_a_full_address_only_that_resource_counts(romeo, juliet):
    await exchanged(romeo, juliet, "to her")
    romeo.send(chat("to her balcony", "juliet@localhost/r1"))
    await juliet.expect("message")
    await exchanged(juliet, romeo, "from her balcony")

    found = await page(romeo, with_="juliet@localhost/r1")
    assert (found.bodies, found.count) == (["to her balcony", "from her balcony"], 2)
    assert (await page(romeo, with_="juliet@localhost/other")).bodies == []


async def test_start_and_end_are_inclusive_and_go_with_the_rest(server, romeo, juliet):
    for body in ("one", "two", "three"):
        await exchanged(romeo, juliet, body)
        server.clock.advance(3600)
    stamps = [result.delay.get("stamp") for result in (await page(romeo)).results]

    assert (await page(romeo, start=stamps[1])).bodies == ["two", "three"]
    assert (await page(romeo, end=stamps[1])).bodies == ["one", "two"]
    both = await page(romeo, start=stamps[1], end=stamps[1], with_="juliet@localhost")
    assert (both.bodies, both.index, both.count, both.is_complete) == (["two"], 0, 1, True)
    later = format_stamp(parse_stamp(stamps[1]) + timedelta(microseconds=1))
    assert (await page(romeo, start=later)).bodies == ["three"]
    assert (await page(romeo, start=stamps[2], end=stamps[0])).count == 0
    last = await page(romeo, end=stamps[1], rsm="<max>1</max><before/>")
    assert (last.bodies, last.index, last.count) == (["two"], 1, 2)


@pytest.mark.parametrize(
    ("stamp", "from_it"),
    [
        ("1969-07-20T20:17:40Z", 1),
        ("0001-01-01T00:00:00Z", 1),
        ("9999-12-31T23:59:59Z", 0),
        ("2020-01-01T01:00:00+01:00", 1),
        ("3200-01-01T00:00:00Z", 0),
    ],
)
async def test_any_time_may_be_named(romeo, juliet, stamp, from_it):
    await exchanged(romeo, juliet, "now")
    assert (await page(romeo, start=stamp)).count == from_it
    assert (await page(romeo, end=stamp)).count == 1 - from_it


@pytest.mark.parametrize("stamp", ["yesterday", "2020-01-01", "2020-01-01T00:00:00", "20200101T00:00:00Z0", "1"])
@pytest.mark.parametrize("name", ["start", "end"])
async def test_what_is_no_time_is_refused(romeo, name, stamp):
    assert refusal((await page(romeo, **{name: stamp})).answer) == "modify/bad-request"


async def test_what_is_no_address_is_refused(romeo):
    assert refusal((await page(romeo, with_="@localhost")).answer) == "modify/jid-malformed"


async def test_a_form_of_another_kind_is_refused(romeo):
    assert refusal((await page(romeo, with_="juliet@localhost", form_type="urn:x")).answer) == "modify/bad-request"


async def test_an_unknown_field_is_not_implemented(romeo):
    answer = (await page(romeo, fields=field("before-id", "1"))).answer
    assert refusal(answer) == "cancel/feature-not-implemented"


async def test_empty_fields_ask_for_nothing(romeo, juliet):
    await exchanged(romeo, juliet, "now")
    assert (await page(romeo, with_="", start="", end="", full_text_search="", rsm="<after/>")).count == 1


# --- words ----------------------------------------------------------------------------------------------------


async def test_a_search_finds_all_words_in_any_order_and_case(romeo, juliet):
    said = ("A rose by any other name", "Wherefore art thou?", "a name, a ROSE", "Łódź, źródło", "100% <rose>")
    await exchanged(romeo, juliet, *said)

    assert (await page(romeo, full_text_search="name rose")).bodies == ["A rose by any other name", "a name, a ROSE"]
    assert (await page(romeo, full_text_search="łódź ŹRÓDŁO")).bodies == ["Łódź, źródło"]
    assert (await page(romeo, full_text_search="thou")).count == 1
    assert (await page(romeo, full_text_search="thou rose")).count == 0
    assert (await page(romeo, full_text_search="rose 100")).bodies == ["100% <rose>"]
    assert (await page(romeo, full_text_search="' OR 1=1 --")).count == 0


async def test_a_search_has_pages_and_goes_with_filters(server, romeo, juliet):
    nurse = await server.online("nurse")
    await exchanged(romeo, juliet, *(f"rose {number}" if number % 2 else f"thorn {number}" for number in range(10)))
    await exchanged(romeo, nurse, "rose for the nurse")

    first = await page(romeo, full_text_search="rose", rsm="<max>2</max>")
    assert (first.bodies, first.index, first.count, first.is_complete) == (["rose 1", "rose 3"], 0, 6, False)
    next_ = await page(romeo, full_text_search="rose", rsm=f"<max>9</max><after>{first.ids[1]}</after>")
    assert (next_.index, len(next_.results), next_.is_complete) == (2, 4, True)
    last = await page(romeo, full_text_search="rose", with_="juliet@localhost", rsm="<max>2</max><before/>")
    assert (last.bodies, last.index, last.count, last.is_complete) == (["rose 7", "rose 9"], 3, 5, False)


async def test_where_search_is_off_it_is_refused_and_not_in_the_form(serve):
    server = await serve(PM + "full_text_search = false\n")
    romeo = await server.online("romeo")

    assert refusal((await page(romeo, full_text_search="rose")).answer) == "cancel/feature-not-implemented"
    asked = (await romeo.ask("get", f"<query xmlns='{ns.MAM2}'/>")).find(ns.MAM2, "query")
    assert [f.get("var") for f in asked.find(ns.DATA_FORMS, "x").elements()] == ["FORM_TYPE", "with", "start", "end"]


# --- who may ask ----------------------------------------------------------------------------------------------

QUESTIONS = [
    ("set", f"<query xmlns='{ns.MAM2}'/>"),
    ("get", f"<query xmlns='{ns.MAM2}'/>"),
    ("get", f"<prefs xmlns='{ns.MAM2}'/>"),
    ("set", f"<prefs xmlns='{ns.MAM2}' default='never'/>"),
]


@pytest.mark.parametrize(("type", "payload"), QUESTIONS)
async def test_somebody_elses_archive_is_closed(romeo, juliet, type, payload):
    answer = await romeo.ask(type, payload, to="juliet@localhost")
    assert refusal(answer) == "cancel/not-allowed"
    assert refusal_text(answer) == "The action is not allowed."


async def test_access_rules_open_and_close_archives(serve):
    server = await serve(
        PM,
        more="""
[acl]
reader = [{user = "friar"}]
[access]
mam_set_message_form = [{acl = "reader", value = "allow"}, {acl = "all", value = "default"}]
mam_get_message_form = [{acl = "all", value = "deny"}]
""",
    )
    romeo, juliet, friar = [await server.online(name) for name in ("romeo", "juliet", "friar")]
    await exchanged(romeo, juliet, "hello")

    found = await page(friar, to="juliet@localhost")
    assert found.bodies == ["hello"]
    assert found.results[0].envelope.get("from") == "juliet@localhost"
    assert (await page(romeo)).bodies == ["hello"]
    assert refusal((await page(romeo, to="juliet@localhost")).answer) == "cancel/not-allowed"
    assert refusal(await juliet.ask("get", f"<query xmlns='{ns.MAM2}'/>")) == "cancel/not-allowed"


async def test_a_module_on_the_way_to_the_client_sees_results_as_stanzas(serve):
    server = await serve(PM + "[modules.mod_csi]\n")
    romeo, juliet = await server.online("romeo"), await server.online("juliet")
    await exchanged(romeo, juliet, "a <b> & 'c'")
    romeo.send(f"<iq type='set' id='q'>{query(query_id='x')}</iq>")

    assert taken_apart(await romeo.expect("message")).body == "a <b> & 'c'"
    await romeo.expect("iq", id="q", type="result")


# --- discovery ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("to", ["localhost", ""])
async def test_server_and_account_tell_that_they_have_an_archive(serve, to):
    server = await serve(PM + "[modules.mod_disco]\n")
    romeo = await server.online("romeo")

    answer = await romeo.ask("get", f"<query xmlns='{ns.DISCO_INFO}'/>", to=to)
    features = {f.get("var") for f in answer.find(ns.DISCO_INFO, "query").elements(ns.DISCO_INFO, "feature")}
    assert {ns.MAM1, ns.MAM2, ns.RETRACT0, ns.RETRACT0_TOMBSTONE, ns.RETRACT_ESL} <= features


async def test_tombstones_are_announced_only_where_there_are_any(serve):
    server = await serve(PM + "message_retraction = false\n")
    features = set(server.app.host("localhost").features())
    assert {ns.MAM1, ns.MAM2, ns.RETRACT0} <= features
    assert not {ns.RETRACT0_TOMBSTONE, ns.RETRACT_ESL} & features


# --- how often ------------------------------------------------------------------------------------------------

SHAPED = """
[shaper.seldom]
max_rate = 2
[access]
mam_lookup_messages_shaper = [{acl = "all", value = "seldom"}]
"""


async def test_a_shaper_lets_questions_wait_for_their_turn(serve):
    server = await serve(PM, more=SHAPED)
    romeo, juliet = await server.online("romeo"), await server.online("juliet")
    for _ in range(3):  # two are there, the third is owed
        assert (await page(romeo)).count == 0
    romeo.send(f"<iq type='set' id='fourth'>{query()}</iq>")
    romeo.send("<message to='juliet@localhost' type='chat'><body>behind</body></message>")
    assert (await page(juliet)).count == 0  # each has his own

    server.clock.advance(0.5)
    await romeo.expect("iq", id="fourth", type="result")
    assert (await juliet.expect("message")).child_text(ns.CLIENT, "body") == "behind"


async def test_a_global_shaper_is_for_all_together_and_forms_are_not_shaped(serve):
    server = await serve(PM, more=SHAPED.replace("messages_shaper", "messages_global_shaper"))
    romeo, juliet = await server.online("romeo"), await server.online("juliet")
    for client in (romeo, juliet, romeo):
        assert (await page(client)).count == 0
    juliet.send(f"<iq type='set' id='fourth'>{query()}</iq>")
    for _ in range(5):
        assert (await romeo.ask("get", f"<query xmlns='{ns.MAM2}'/>")).get("type") == "result"

    server.clock.advance(0.5)
    await juliet.expect("iq", id="fourth", type="result")


async def test_the_module_may_stop_while_a_question_waits(serve):
    server = await serve(PM, more=SHAPED)
    romeo = await server.online("romeo")
    for _ in range(3):
        assert (await page(romeo)).count == 0
    romeo.send(f"<iq type='set' id='fourth'>{query()}</iq>")
    other = await server.online("juliet")
    await other.expect_nothing()
    await server.stop_module("mod_mam_meta")

    server.clock.advance(0.5)
    await romeo.expect("iq", id="fourth")
