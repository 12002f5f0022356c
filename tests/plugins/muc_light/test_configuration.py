"""contract/muc-light, sections 5 and 6: setting and reading; the schema."""

from __future__ import annotations

import pytest

from mim.blueprint import Blueprint
from mim.config import ConfigErrors
from tests.harness import config
from tests.plugins.muc_light.rooms import (
    AFF,
    CONF,
    INFO,
    MODULE,
    ROOM,
    configure,
    create,
    error,
    fields,
    gets,
    next_version,
    online,
    options,
    result,
    send_iq,
    told,
    users,
    version_of,
)


def notice(prev: str, version: str, content: str) -> str:
    return (
        f"<x xmlns='{CONF}'><prev-version>{prev}</prev-version><version>{version}</version>{content}</x>"
    )


def schema(*tables: str, **values: object) -> str:
    listed = "".join(f"\n[[modules.mod_muc_light.config_schema]]\n{table}" for table in tables)
    return options(**values) + listed


async def test_all_are_told_of_the_fields_of_the_request_before_the_result(serve):
    server = await serve(MODULE)
    ann, ben = await online(server, "ann", "ben")
    v1 = await create(ann, ben, fields="<roomname>Den</roomname><subject>tea</subject>")

    id = configure(ann, "<roomname>New Den</roomname>")

    got = await ben.next()
    v2 = got.payload.child_text(CONF, "version")
    assert v2 != v1
    content = notice(v1, v2, "<roomname>New Den</roomname>")
    await gets(ann, told("ann", id, content))
    await result(ann, id)
    assert await version_of(ben) == v2
    # A set is a delta: what is not mentioned stays.
    assert await fields(ben) == {"roomname": "New Den", "subject": "tea"}


async def test_every_change_has_a_version_of_its_own(serve):
    server = await serve(MODULE)
    (ann,) = await online(server, "ann")
    versions = [await create(ann)]

    for _ in range(3):
        id = configure(ann, "<roomname>Same</roomname>")
        versions.append(await next_version(ann))
        await result(ann, id)

    assert len(set(versions)) == 4


@pytest.mark.parametrize(
    "asked",
    [
        "<mood>good</mood>",
        "<roomname>X</roomname><mood>good</mood>",
        "<version>1</version>",
        "<prev-version>1</prev-version>",
        "<prev-version>1</prev-version><roomname>X</roomname>",
    ],
)
async def test_a_field_that_does_not_exist_changes_nothing(serve, asked):
    server = await serve(MODULE)
    ann, ben = await online(server, "ann", "ben")
    version = await create(ann, ben)

    configure(ann, asked)

    await error(ann, "bad-request", "modify")
    await ben.expect_nothing()
    assert await version_of(ann) == version
    assert await fields(ann) == {"roomname": "Untitled", "subject": ""}


async def test_an_empty_element_empties_a_field_and_of_two_one_is_used(serve):
    server = await serve(MODULE)
    (ann,) = await online(server, "ann")
    await create(ann, fields="<roomname>Den</roomname>")

    configure(ann, "<roomname/><subject>a</subject><subject>b</subject>")
    await ann.expect("message")
    await ann.expect("iq", type="result")

    assert await fields(ann) == {"roomname": "", "subject": "b"}


async def test_a_request_without_fields_changes_nothing(serve):
    server = await serve(MODULE)
    ann, ben = await online(server, "ann", "ben")
    version = await create(ann, ben)

    id = configure(ann, "")

    await result(ann, id)
    await ben.expect_nothing()
    assert await version_of(ann) == version


async def test_a_member_may_set_the_subject_alone(serve):
    server = await serve(MODULE)
    ann, ben = await online(server, "ann", "ben")
    await create(ann, ben)

    id = configure(ben, "<subject>tea</subject>")
    await next_version(ann)
    await next_version(ben)
    await result(ben, id)

    for asked in ("<roomname>X</roomname>", "<subject>x</subject><roomname>X</roomname>"):
        configure(ben, asked)
        await error(ben, "not-allowed", "cancel")
    await ann.expect_nothing()
    assert await fields(ben) == {"roomname": "Untitled", "subject": "tea"}


async def test_all_can_configure_lets_members_set_everything(serve):
    server = await serve(options(all_can_configure=True))
    ann, ben = await online(server, "ann", "ben")
    await create(ann, ben)

    configure(ben, "<roomname>X</roomname>")
    await ben.expect("message")
    await ben.expect("iq", type="result")
    assert await fields(ben) == {"roomname": "X", "subject": ""}


@pytest.mark.parametrize("type", ["get", "set"])
async def test_outsiders_are_not_told_whether_the_room_exists(serve, type):
    server = await serve(MODULE)
    ann, dan = await online(server, "ann", "dan")
    await create(ann)

    for room in (ROOM, "nowhere@muclight.localhost"):
        for namespace in (CONF, AFF, INFO) if type == "get" else (CONF,):
            send_iq(dan, type, f"<query xmlns='{namespace}'><subject>x</subject></query>", room)
            await error(dan, "item-not-found", "cancel", "")


# --- reading --------------------------------------------------------------------------------------------------


async def test_reading_shows_version_fields_and_occupants(serve):
    server = await serve(MODULE)
    ann, ben = await online(server, "ann", "ben")
    version = await create(ann, ben, fields="<roomname>Den</roomname>")
    v, config_fields = f"<version>{version}</version>", "<roomname>Den</roomname><subject/>"
    people = users({"ann": "owner", "ben": "member"})

    for namespace, content in (
        (CONF, v + config_fields),
        (AFF, v + people),
        (INFO, f"{v}<configuration>{config_fields}</configuration><occupants>{people}</occupants>"),
    ):
        for asked in ("", "<version/>", "<version>another</version>"):
            id = send_iq(ben, "get", f"<query xmlns='{namespace}'>{asked}</query>")
            await gets(
                ben,
                f"<iq type='result' id='{id}' from='{ROOM}' to='{ben.jid}'>"
                f"<query xmlns='{namespace}'>{content}</query></iq>",
            )
        id = send_iq(ben, "get", f"<query xmlns='{namespace}'><version>{version}</version></query>")
        await result(ben, id)


# --- the schema -----------------------------------------------------------------------------------------------

TYPED = (
    'field = "topic"\nstring_value = "none yet"\ninternal_key = "t"',
    'field = "size"\ninteger_value = 5',
    'field = "rate"\nfloat_value = 2.5',
)


async def test_a_configured_schema_replaces_the_default_and_is_sorted(serve):
    server = await serve(schema(*TYPED, 'field = "size"\ninteger_value = 9'))
    (ann,) = await online(server, "ann")
    await create(ann)

    assert list((await fields(ann)).items()) == [("rate", "2.5"), ("size", "5"), ("topic", "none yet")]

    configure(ann, "<roomname>Den</roomname>")
    await error(ann, "bad-request", "modify", "roomname:not_found")


@pytest.mark.parametrize(
    ("asked", "outcome"),
    [
        ("<size>-7</size><rate>1.5e3</rate><topic/>", {"rate": "1500.0", "size": "-7", "topic": ""}),
        ("<size>007</size>", {"rate": "2.5", "size": "7", "topic": "none yet"}),
        ("<rate>3</rate>", {"rate": "3.0", "size": "5", "topic": "none yet"}),
        ("<size/>", "size:type_error"),
        ("<size>1.0</size>", "size:type_error"),
        ("<size>many</size>", "size:type_error"),
        (f"<size>{'9' * 5000}</size>", "size:type_error"),
        ("<size>٣</size>", "size:type_error"),
        ("<rate/>", "rate:type_error"),
        ("<rate>inf</rate>", "rate:type_error"),
        ("<rate>1e999</rate>", "rate:type_error"),
        ("<topic>x</topic><size>x</size>", "size:type_error"),
    ],
)
async def test_values_are_of_their_fields_types(serve, asked, outcome):
    server = await serve(schema(*TYPED))
    (ann,) = await online(server, "ann")
    await create(ann)

    configure(ann, asked)

    if isinstance(outcome, str):
        await error(ann, "bad-request", "modify", outcome)
        outcome = {"rate": "2.5", "size": "5", "topic": "none yet"}
    else:
        await ann.expect("message")
        await ann.expect("iq", type="result")
    assert await fields(ann) == outcome


async def test_an_empty_schema_leaves_no_fields(serve):
    server = await serve(f"{MODULE}\nconfig_schema = []")
    (ann,) = await online(server, "ann")
    await create(ann)

    assert await fields(ann) == {}


async def test_rooms_follow_a_schema_that_has_changed(serve, tmp_path):
    server = await serve(schema(*TYPED), data_dir=tmp_path)
    (ann,) = await online(server, "ann")
    await create(ann, fields="<topic>tea</topic><size>8</size>")
    await server.stop()

    again = await serve(
        schema(
            'field = "subject"\nstring_value = ""\ninternal_key = "t"',
            'field = "size"\nfloat_value = 1.5',
            'field = "fresh"\ninteger_value = 1',
        ),
        data_dir=tmp_path,
    )
    (ann,) = await online(again, "ann")

    assert await fields(ann) == {"fresh": "1", "size": "8.0", "subject": "tea"}


@pytest.mark.parametrize(
    "table",
    [
        'field = "a"',
        'field = "a"\nstring_value = ""\ninteger_value = 1',
        'field = "a"\ninteger_value = 1\nfloat_value = 1.0',
    ],
)
def test_rule_l16_a_field_has_exactly_one_value(table):
    with pytest.raises(ConfigErrors) as caught:
        Blueprint.parse(config(schema(table), admin=None))

    (problem,) = caught.value.problems
    assert problem.path == "modules.mod_muc_light.config_schema[0]"
    assert "exactly one of string_value, integer_value and float_value" in str(problem)


@pytest.mark.parametrize(
    ("table", "path"),
    [
        ('field = ""\nstring_value = ""', "config_schema[0].field"),
        ('string_value = ""', "config_schema[0].field"),
        ('field = "a"\nfloat_value = 1', "config_schema[0].float_value"),
        ('field = "a"\ninteger_value = 1.0', "config_schema[0].integer_value"),
        ('field = "a"\nstring_value = 1', "config_schema[0].string_value"),
        ('field = "a"\nstring_value = ""\ninternal_key = ""', "config_schema[0].internal_key"),
        ('field = "a"\nvalue = 1', "config_schema[0].value"),
    ],
)
def test_a_field_that_is_not_well_declared_is_a_problem_of_the_file(table, path):
    with pytest.raises(ConfigErrors) as caught:
        Blueprint.parse(config(schema(table), admin=None))

    assert f"modules.mod_muc_light.{path}" in [problem.path for problem in caught.value.problems]


@pytest.mark.parametrize(
    ("line", "path"),
    [
        ('host = "muclight.@HOSTS@"', "host"),
        ('backend = "riak"', "backend"),
        ("rooms_per_user = 0", "rooms_per_user"),
        ("max_occupants = 0", "max_occupants"),
        ('rooms_per_page = "all"', "rooms_per_page"),
        ("legacy_mode = 1", "legacy_mode"),
        ('cache_affs.strategy = "mru"', "cache_affs.strategy"),
        ("cache_affs.time_to_live = 0", "cache_affs.time_to_live"),
        ("cache_affs.number_of_segments = 0", "cache_affs.number_of_segments"),
        ('cache_affs.module = "redis"', "cache_affs.module"),
        ("rooms_in_roster = true", "rooms_in_roster"),
        ('iqdisc.type = "no_queue"', "iqdisc"),
    ],
)
def test_values_out_of_bounds_are_problems_of_the_file(line, path):
    with pytest.raises(ConfigErrors) as caught:
        Blueprint.parse(config(f"{MODULE}\n{line}", admin=None))

    assert [problem.path for problem in caught.value.problems] == [f"modules.mod_muc_light.{path}"]


def test_every_option_of_the_contract_is_taken():
    blueprint = Blueprint.parse(
        config(
            """
[modules.mod_muc_light]
  host = "rooms.example.com"
  backend = "mnesia"
  equal_occupants = true
  legacy_mode = true
  rooms_per_user = "infinity"
  blocking = false
  all_can_configure = true
  all_can_invite = true
  max_occupants = "infinity"
  rooms_per_page = "infinity"
  rooms_in_rosters = true
  cache_affs.module = "internal"
  cache_affs.strategy = "lru"
  cache_affs.time_to_live = "infinity"
  cache_affs.number_of_segments = 5
  [[modules.mod_muc_light.config_schema]]
    field = "roomname"
    string_value = "Untitled"
    internal_key = "name"
""",
            admin=None,
        )
    )

    (host,) = blueprint.config.hosts.values()
    section = host.modules["mod_muc_light"]
    assert (section.host, section.rooms_per_page) == ("rooms.example.com", "infinity")
