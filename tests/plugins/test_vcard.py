"""mod_vcard: vCards (XEP-0054) and the user directory (XEP-0055; xmpp-behaviour, section 9)."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mim.errors import Conflict
from mim.version import NAME
from mim.xmpp import ns
from mim.xmpp.element import Element
from mim.xmpp.parser import parse_element
from mim_plugins.mod_vcard.card import directory_values, folded_values
from mim_plugins.mod_vcard.directory import read_wanted
from mim_plugins.mod_vcard.store import Wanted
from tests.foreign import slixmpp_client
from tests.plugins.answers import refusal
from tests.plugins.problems import problems

VCARD = "[modules.mod_vcard]\n"
GET = "<vCard xmlns='vcard-temp'/>"
JULIET = (
    "<vCard xmlns='vcard-temp'><FN>Juliet Capulet</FN><N><FAMILY>Capulet</FAMILY><GIVEN>Juliet</GIVEN>"
    "<MIDDLE>C.</MIDDLE></N><NICKNAME>JulieC</NICKNAME><BDAY>1595-07-31</BDAY><ADR><HOME/><LOCALITY>Verona</LOCALITY>"
    "<CTRY>Italy</CTRY></ADR><EMAIL><INTERNET/><USERID>juliet@example.com</USERID></EMAIL><ORG><ORGNAME>House Capulet"
    "</ORGNAME><ORGUNIT>Daughters</ORGUNIT></ORG><PHOTO><TYPE>image/png</TYPE><BINVAL>iVBO\nRw0K</BINVAL></PHOTO></vCard>"
)
TYBALT = "<vCard xmlns='vcard-temp'><FN>Tybalt Capulet</FN><N><FAMILY>Capulet</FAMILY></N></vCard>"
ÖZLEM = "<vCard xmlns='vcard-temp'><FN>ÖZLEM 100%</FN><NICKNAME>a_b</NICKNAME></vCard>"


def search(**fields: str) -> str:
    inner = "".join(f"<field var='{var}'><value>{value}</value></field>" for var, value in fields.items())
    return f"<query xmlns='jabber:iq:search'><x xmlns='jabber:x:data' type='submit'>{inner}</x></query>"


def items(answer: Element) -> list[dict[str, str]]:
    """Return the rows of a result form, checked against the columns it reports."""
    assert answer.get("type") == "result", answer
    table = answer.find(ns.SEARCH, "query").find(ns.DATA_FORMS, "x")
    assert table.get("type") == "result"
    reported = [column.get("var") for column in table.find(ns.DATA_FORMS, "reported").elements()]
    rows = []
    for item in table.elements(ns.DATA_FORMS, "item"):
        row = {field.get("var"): field.child_text(ns.DATA_FORMS, "value") for field in item.elements()}
        assert list(row) == reported
        rows.append(row)
    return rows


def found(answer: Element) -> list[str]:
    return [row["jid"].partition("@")[0] for row in items(answer)]


@pytest.fixture
async def verona(serve):
    """A server whose directory knows juliet, tybalt and özlem, and a client to ask it."""
    server = await serve(VCARD, admin=None)
    for name, card in (("juliet", JULIET), ("tybalt", TYBALT), ("özlem", ÖZLEM)):
        client = await server.client(name)
        assert (await client.ask("set", card)).get("type") == "result"
    return await server.client("romeo")


# --- vCards ---------------------------------------------------------------------------------------------------


async def test_anybody_gets_the_vcard_that_its_owner_has_set(serve):
    server = await serve(VCARD, admin=None)
    juliet, romeo = await server.client("juliet"), await server.client("romeo")

    answer = await juliet.ask("set", JULIET)
    assert answer.get("type") == "result"
    assert answer.payload is None

    for client, to in ((romeo, "juliet@localhost"), (juliet, ""), (juliet, "juliet@localhost")):
        got = await client.ask("get", GET, to=to)
        assert got.get("type") == "result"
        assert got.payload == parse_element(JULIET)
    assert ns.VCARD in server.app.host("localhost").features()


async def test_a_new_vcard_replaces_the_old_one(serve):
    server = await serve(VCARD, admin=None)
    juliet = await server.client("juliet")
    await juliet.ask("set", JULIET)
    await juliet.ask("set", TYBALT)

    assert (await juliet.ask("get", GET)).payload == parse_element(TYBALT)
    assert found(await juliet.ask("set", search(nick="JulieC"), to="vjud.localhost")) == []
    assert found(await juliet.ask("set", search(fn="Tybalt Capulet"), to="vjud.localhost")) == ["juliet"]


async def test_who_has_no_vcard_is_not_found_like_who_does_not_exist(serve):
    server = await serve(VCARD, admin=None)
    await server.register("juliet")
    romeo = await server.client("romeo")

    for to in ("", "juliet@localhost", "nobody@localhost"):
        assert refusal(await romeo.ask("get", GET, to=to)) == "cancel/item-not-found"


@pytest.mark.parametrize("to", ["juliet@localhost", "localhost"])
async def test_only_the_owner_sets_a_vcard(serve, to):
    server = await serve(VCARD, admin=None)
    juliet, romeo = await server.client("juliet"), await server.client("romeo")
    await juliet.ask("set", JULIET)

    assert refusal(await romeo.ask("set", TYBALT, to=to)) == "cancel/not-allowed"
    assert (await juliet.ask("get", GET)).payload == parse_element(JULIET)


async def test_a_vcard_has_a_limit(serve):
    server = await serve(VCARD, admin=None)
    juliet = await server.client("juliet")
    await juliet.ask("set", TYBALT)

    big = f"<vCard xmlns='vcard-temp'><PHOTO><BINVAL>{'A' * 256 * 1024}</BINVAL></PHOTO></vCard>"
    assert refusal(await juliet.ask("set", big)) == "modify/policy-violation"
    assert (await juliet.ask("get", GET)).payload == parse_element(TYBALT)


@pytest.mark.parametrize("to", ["localhost", "vjud.localhost"])
async def test_the_server_and_its_directory_have_vcards_of_their_own(serve, to):
    server = await serve(VCARD, admin=None)
    romeo = await server.client("romeo")

    card = (await romeo.ask("get", GET, to=to)).find(ns.VCARD, "vCard")

    assert card.child_text(ns.VCARD, "FN") == NAME


async def test_vcards_outlive_the_server_and_die_with_the_account(serve, tmp_path):
    first = await serve(VCARD, admin=None, data_dir=tmp_path)
    for name in ("juliet", "tybalt"):
        await (await first.client(name)).ask("set", JULIET)
    await first.stop()

    second = await serve(VCARD, admin=None, data_dir=tmp_path)
    juliet = await second.client("juliet")
    assert (await juliet.ask("get", GET)).payload == parse_element(JULIET)
    await second.app.server.accounts.remove(juliet.jid.bare)

    juliet = await second.client("juliet", "again")
    assert refusal(await juliet.ask("get", GET)) == "cancel/item-not-found"
    assert found(await juliet.ask("set", search(), to="vjud.localhost")) == ["tybalt"]


# --- the directory --------------------------------------------------------------------------------------------


async def test_the_directory_says_what_can_be_searched_for(verona):
    answer = await verona.ask("get", "<query xmlns='jabber:iq:search'/>", to="vjud.localhost")

    query = answer.find(ns.SEARCH, "query")
    assert [child.name for child in query.elements()] == ["instructions", "first", "last", "nick", "email", "x"]
    form = query.find(ns.DATA_FORMS, "x")
    fields = {field.get("var"): field for field in form.elements(ns.DATA_FORMS, "field")}
    assert form.get("type") == "form"
    assert fields.pop("FORM_TYPE").child_text(ns.DATA_FORMS, "value") == ns.SEARCH
    assert set(fields) == {
        "user", "fn", "first", "last", "middle", "nick", "bday", "ctry", "locality", "email", "orgname", "orgunit",
    }  # fmt: skip
    assert all(field.get("type") == "text-single" and field.get("label") for field in fields.values())


async def test_a_search_shows_what_the_vcard_says(verona):
    (row,) = items(await verona.ask("set", search(email="juliet@example.com"), to="vjud.localhost"))

    assert row == {
        "jid": "juliet@localhost", "fn": "Juliet Capulet", "last": "Capulet", "first": "Juliet", "middle": "C.",
        "nick": "JulieC", "bday": "1595-07-31", "ctry": "Italy", "locality": "Verona", "email": "juliet@example.com",
        "orgname": "House Capulet", "orgunit": "Daughters",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("fields", "names"),
    [
        ({}, ["juliet", "tybalt", "özlem"]),
        ({"fn": "", "last": " "}, ["juliet", "tybalt", "özlem"]),
        ({"fn": "*"}, ["juliet", "tybalt", "özlem"]),
        ({"last": "CAPULET"}, ["juliet", "tybalt"]),
        ({"last": "capulet", "first": "juliet"}, ["juliet"]),
        ({"last": "cap*", "fn": "t*"}, ["tybalt"]),
        ({"last": "cap"}, []),
        ({"first": "cap*"}, []),
        ({"fn": "nobody"}, []),
        ({"user": "juliet"}, ["juliet"]),
        ({"user": "jul*", "locality": "verona"}, ["juliet"]),
        ({"fn": "özlem*"}, ["özlem"]),
        ({"fn": "%"}, []),
        ({"nick": "a?b"}, []),
        ({"nick": "a_b"}, ["özlem"]),
        ({"nick": "axb"}, []),
        ({"unknown": "field"}, ["juliet", "tybalt", "özlem"]),
    ],
)
async def test_all_fields_must_match_whole_or_by_their_beginning(verona, fields, names):
    assert found(await verona.ask("set", search(**fields), to="vjud.localhost")) == names


async def test_a_search_without_a_form_is_answered_without_one(verona):
    query = "<query xmlns='jabber:iq:search'><last>Capulet</last><first>Jul*</first></query>"
    answer = await verona.ask("set", query, to="vjud.localhost")

    (item,) = answer.find(ns.SEARCH, "query").elements()
    assert item.get("jid") == "juliet@localhost"
    told = {child.name: child.text for child in item.elements()}
    assert told == {"first": "Juliet", "last": "Capulet", "nick": "JulieC", "email": "juliet@example.com"}


@pytest.mark.parametrize(
    "query",
    [
        "<query xmlns='jabber:iq:search'/>",
        "<query xmlns='jabber:iq:search'><x xmlns='jabber:x:data' type='form'/></query>",
        "<query xmlns='jabber:iq:search'><x xmlns='jabber:x:data'/></query>",
        "<query xmlns='jabber:iq:search'><x xmlns='jabber:x:data' type='submit'>"
        "<field var='FORM_TYPE'><value>urn:other</value></field></x></query>",
    ],
)
async def test_a_malformed_search_is_refused(verona, query):
    assert refusal(await verona.ask("set", query, to="vjud.localhost")) == "modify/bad-request"


async def test_a_cancelled_search_finds_nothing(verona):
    query = "<query xmlns='jabber:iq:search'><x xmlns='jabber:x:data' type='cancel'/></query>"
    answer = await verona.ask("set", query, to="vjud.localhost")
    assert answer.payload == Element(ns.SEARCH, "query")


async def test_the_number_of_results_has_a_limit(serve):
    server = await serve(VCARD + "matches = 2", admin=None)
    for name in ("carol", "alice", "bob"):
        await (await server.client(name)).ask("set", TYBALT)
    romeo = await server.client("romeo")

    assert found(await romeo.ask("set", search(), to="vjud.localhost")) == ["alice", "bob"]
    assert found(await romeo.ask("set", search(last="cap*"), to="vjud.localhost")) == ["alice", "bob"]


@pytest.mark.parametrize(("matches", "number"), [("0", 0), ("30", 30), ('"infinity"', 31)])
async def test_the_limit_may_be_nothing_or_infinite(serve, matches, number):
    server = await serve(f"{VCARD}matches = {matches}", admin=None)
    romeo = await server.client("romeo")
    store = server.app.modules.find(server.app.host("localhost"), "mod_vcard")._store
    for count in range(31):
        await store.put(type(romeo.jid)(f"user{count}", "localhost"), parse_element(TYBALT))

    assert len(found(await romeo.ask("set", search(), to="vjud.localhost"))) == number


async def test_the_directory_is_a_service_of_the_server(verona, serve):
    info = (await verona.ask("get", f"<query xmlns='{ns.DISCO_INFO}'/>", to="vjud.localhost")).payload
    identity = info.find(ns.DISCO_INFO, "identity")
    assert (identity.get("category"), identity.get("type")) == ("directory", "user")
    features = {feature.get("var") for feature in info.elements(ns.DISCO_INFO, "feature")}
    assert features == {ns.DISCO_INFO, ns.DISCO_ITEMS, ns.SEARCH, ns.VCARD}

    listed = await verona.ask("get", f"<query xmlns='{ns.DISCO_ITEMS}'/>", to="vjud.localhost")
    assert listed.payload == Element(ns.DISCO_ITEMS, "query")
    node = f"<query xmlns='{ns.DISCO_INFO}' node='x'/>"
    assert refusal(await verona.ask("get", node, to="vjud.localhost")) == "cancel/item-not-found"


async def test_the_server_lists_the_directory_of_each_domain(serve):
    server = await serve(VCARD, admin=None, hosts=("localhost", "other.example"))
    for domain in ("localhost", "other.example"):
        (question,) = server.app.host(domain).hooks.server_items
        assert [item.get("jid") for item in question(domain)] == [f"vjud.{domain}"]


async def test_directories_of_two_domains_know_their_own_users(serve):
    server = await serve(VCARD, admin=None, hosts=("localhost", "other.example"))
    await (await server.client("juliet")).ask("set", JULIET)
    tybalt = await server.client("tybalt", domain="other.example")
    await tybalt.ask("set", TYBALT)

    assert found(await tybalt.ask("set", search(), to="vjud.localhost")) == ["juliet"]
    assert found(await tybalt.ask("set", search(), to="vjud.other.example")) == ["tybalt"]


@pytest.mark.parametrize("to", ["vjud.localhost/x", "someone@vjud.localhost", "vjud.localhost"])
async def test_everything_else_is_unavailable_at_the_directory(verona, to):
    assert refusal(await verona.ask("get", "<x xmlns='urn:test:x'/>", to=to)) == "cancel/service-unavailable"
    assert refusal(await verona.ask("set", TYBALT, to=to)) == "cancel/service-unavailable"
    verona.send(f"<message to='{to}' id='m'><body>hi</body></message>")
    assert refusal(await verona.expect("message", id="m")) == "cancel/service-unavailable"
    verona.send(f"<presence to='{to}'/>")
    await verona.expect_nothing()


async def test_without_search_there_is_no_directory(serve):
    server = await serve(VCARD + "search = false", admin=None)
    romeo = await server.client("romeo")

    answer = await romeo.ask("get", "<query xmlns='jabber:iq:search'/>", to="vjud.localhost")

    assert refusal(answer) == "cancel/remote-server-not-found"
    assert [list(question("localhost")) for question in server.app.host("localhost").hooks.server_items] == [[]]


async def test_the_directory_may_have_another_name(serve):
    server = await serve(VCARD + 'host = "people.@HOST@"', admin=None)
    romeo = await server.client("romeo")
    await romeo.ask("set", TYBALT)

    assert found(await romeo.ask("set", search(), to="people.localhost")) == ["romeo"]


async def test_two_hosts_cannot_have_one_directory(serve):
    with pytest.raises(Conflict, match=r"people\.example is served already"):
        await serve(VCARD + 'host = "people.example"', admin=None, hosts=("localhost", "other.example"))


async def test_slixmpp_publishes_and_finds_a_vcard(serve):
    server = await serve(VCARD, admin=None)
    plugins = ["xep_0054", "xep_0055"]
    async with slixmpp_client(server, "juliet", plugins=plugins) as juliet:
        card = juliet.plugin["xep_0054"].make_vcard()
        card["FN"] = "Juliet Capulet"
        card["NICKNAME"] = "JulieC"
        await juliet.plugin["xep_0054"].publish_vcard(card)

    async with slixmpp_client(server, "romeo", plugins=plugins) as romeo:
        got = await romeo.plugin["xep_0054"].get_vcard("juliet@localhost")
        assert got["vcard_temp"]["FN"] == "Juliet Capulet"

        form = romeo.plugin["xep_0004"].make_form("submit")
        form.add_field("nick", value="julie*")
        iq = romeo.make_iq_set(ito="vjud.localhost")
        iq["search"].append(form)
        answer = await iq.send()
    rows = list(answer["search"]["form"].get_items())
    assert [(row["jid"], row["nick"]) for row in rows] == [("juliet@localhost", "JulieC")]


# --- values ---------------------------------------------------------------------------------------------------


def test_the_first_text_of_a_field_counts_and_a_short_form_is_read():
    card = parse_element(
        "<vCard xmlns='vcard-temp'><FN> </FN><FN>Second</FN><EMAIL>a@b.c</EMAIL><ADR><CTRY/></ADR>"
        "<ADR><CTRY>It</CTRY></ADR><ORG>None</ORG></vCard>"
    )
    values = directory_values(card)
    assert {var: text for var, text in values.items() if text} == {
        "fn": "Second", "email": "a@b.c", "ctry": "It", "orgname": "None", "orgunit": "None",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("", None),
        (" * ", None),
        ("Ana", Wanted("ana")),
        (" An* ", Wanted("an", is_prefix=True)),
        ("A*a", Wanted("a*a")),
        ("x" * 300, Wanted("x" * 256)),
    ],
)
def test_what_a_search_field_asks_for(text, wanted):
    assert read_wanted(text) == wanted


@given(st.text(min_size=1), st.integers(1, 300))
@example("a" * 255 + " b", 256)
def test_a_text_is_found_by_itself_and_by_any_beginning_of_it(text, length):
    card = Element(ns.VCARD, "vCard", {}, [Element(ns.VCARD, "FN", {}, [text])])
    kept = folded_values(directory_values(card))["fn"]

    whole = read_wanted(text)
    beginning = read_wanted(text.strip()[:length] + "*")

    assert text.strip().endswith("*") or (whole.text if whole else "") == kept
    assert beginning is None or kept.startswith(beginning.text)


def test_options_are_checked():
    good = """
[modules.mod_vcard]
host = "vjud.@HOST@"
search = false
backend = "ldap"
matches = "infinity"
iqdisc = {type = "parallel"}
[modules.mod_vcard.riak]
bucket_type = "vcard"
search_index = "vcard"
[modules.mod_vcard.ldap]
pool_tag = "default"
base = "ou=Users"
deref = "never"
filter = "(x=1)"
uids = [{attr = "uid", format = "%u"}]
vcard_map = [{vcard_field = "FN", ldap_pattern = "%s", ldap_field = "displayName"}]
search_fields = [{search_field = "User", ldap_field = "%u"}]
search_reported = [{search_field = "Full Name", vcard_field = "FN"}]
search_operator = "or"
binary_search_fields = ["PHOTO"]
"""
    assert problems(good) == []
    assert problems('[modules.mod_vcard]\nhost = "vjud@HOST@"\nmatches = -1\nbackend = "x"\nldap = {uids = [{}]}') == [
        "modules.mod_vcard.backend",
        "modules.mod_vcard.host",
        "modules.mod_vcard.ldap.uids[0].attr",
        "modules.mod_vcard.matches",
    ]
