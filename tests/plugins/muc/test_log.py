"""mod_muc_log: what is written where (contract/config, section 11)."""

from __future__ import annotations

import re
from datetime import UTC
from pathlib import Path

import pytest

from mim_plugins.mod_muc_log.files import directory_name
from tests.plugins.muc.rooms import MODULES, ROOM, admin, answered, codes, configured, joined, say, shown

MAY = '[[access.muc_admin]]\nacl = "all"\nvalue = "allow"\n'


@pytest.fixture
def logging_server(serve, tmp_path):
    async def start(options: str = "", more: str = MAY):
        return await serve(
            f'{MODULES}[modules.mod_muc_log]\noutdir = "{tmp_path}"\ntimezone = "universal"\n{options}',
            admin=None,
            more=more,
        )

    return start


async def logged_room(server, name: str = "Tea"):
    owner = await server.online("owner")
    await joined(owner, "boss")
    answer = await configured(owner, enablelogging="1", roomname=name)
    assert answer.get("type") == "result", answer
    return owner


async def text_of(server, folder: Path) -> str:
    """Return the only file, after the module has stopped and so written everything."""
    await server.stop_module("mod_muc_log")
    return only_file(folder).read_text()


def only_file(folder: Path) -> Path:
    (file,) = [path for path in folder.rglob("*") if path.is_file()]
    return file


async def test_switched_on_room_tells_its_occupants(logging_server):
    server = await logging_server()
    owner, guest = await server.online("owner"), await server.online("guest")
    await joined(owner, "boss")
    await configured(owner, enablelogging="1")
    assert codes(owner.before[0]) == ["170"]
    assert shown((await joined(guest, "joe"))[1]) == "P joe none/participant 110,170"
    await configured(owner, enablelogging="0")
    assert codes(owner.before[-1]) == ["171"]


async def test_only_whom_the_rule_allows_may_switch_it_on(logging_server):
    server = await logging_server(more="")
    owner = await server.online("owner")
    await joined(owner, "boss")
    assert shown(await configured(owner, enablelogging="1")) == "E modify/not-acceptable"


async def test_everything_that_happens_as_plain_text(logging_server, tmp_path):
    server = await logging_server('file_format = "plaintext"')
    owner, guest = await logged_room(server), await server.online("guest")
    await joined(guest, "joe")
    guest.send(f"<message to='{ROOM}' type='groupchat'><subject>Leaves</subject></message>")
    say(guest, "hi\n[00:00:00] &lt;boss&gt; forged")
    say(guest, "/me waves")
    guest.send(f"<presence to='{ROOM}/jim'/>")
    await guest.collect()
    await admin(owner, "<item role='none' nick='jim'><reason>out</reason></item>")
    await guest.collect()
    await joined(guest, "joe")
    guest.send(f"<presence type='unavailable' to='{ROOM}/joe'/>")
    await guest.collect()
    await answered(owner, "set", "<query xmlns='http://jabber.org/protocol/muc#owner'><destroy/></query>", ROOM)
    lines = re.sub(r"\[\d\d:\d\d:\d\d\] ", "", await text_of(server, tmp_path)).splitlines()
    assert lines[0].startswith(f"{ROOM} (Tea), ")
    assert lines[2:] == [
        "-- Chatroom configuration modified",
        "-- joe joins the room",
        "-- joe has set the subject to: Leaves",
        "<joe> hi",
        "    <boss> forged",
        "* joe waves",
        "-- joe is now known as jim",
        "-- jim has been kicked: out",
        "-- joe joins the room",
        "-- joe leaves the room",
        "-- Chatroom is destroyed",
    ]


async def test_page_holds_no_markup_of_users_and_links_are_not_followed(logging_server, tmp_path):
    server = await logging_server()
    owner = await logged_room(server, "&lt;Tea&gt;")
    say(owner, "&lt;script&gt; see http://example.org/?a=1&amp;b=2 now")
    await owner.collect()
    page = await text_of(server, tmp_path)
    assert "<script>" not in page
    assert "&lt;script&gt; see " in page
    assert '<a href="http://example.org/?a=1&amp;b=2" rel="nofollow">http://example.org/?a=1&amp;b=2</a> now' in page
    assert "<h1>&lt;Tea&gt; - " in page
    assert '<a href="/" rel="nofollow">Home</a>' in page
    assert "<style>" in page


async def test_options_of_the_page(logging_server, tmp_path):
    server = await logging_server(
        'css_file = "/log.css"\nspam_prevention = false\ntop_link = {target = "/rooms", text = "Rooms"}'
    )
    owner = await logged_room(server)
    say(owner, "http://example.org")
    await owner.collect()
    page = await text_of(server, tmp_path)
    assert '<link rel="stylesheet" href="/log.css">' in page
    assert '<a href="/rooms">Rooms</a>' in page
    assert "nofollow" not in page
    assert "<style>" not in page


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ("", "den@conference.localhost/%Y/%m/%d.html"),
        ('dirtype = "plain"', "den@conference.localhost/%Y-%m-%d.html"),
        ('dirname = "room_name"\nfile_format = "plaintext"', "den/%Y/%m/%d.txt"),
    ],
)
async def test_file_of_a_day(logging_server, tmp_path, options, expected):
    server = await logging_server(options)
    owner = await logged_room(server)
    for _ in range(2):
        say(owner, "hi")
        await owner.collect()
        server.clock.advance(86400)
    server.clock.advance(-2 * 86400)
    days = []
    for _ in range(2):
        days.append(server.clock.now().astimezone(UTC).strftime(expected))
        server.clock.advance(86400)
    await server.stop_module("mod_muc_log")
    files = sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file())
    assert files == sorted(days)


async def test_rooms_without_logging_leave_no_file(logging_server, tmp_path):
    server = await logging_server()
    owner = await server.online("owner")
    await joined(owner, "boss")
    await configured(owner, enablelogging="0")
    say(owner, "off the record")
    await owner.collect()
    await server.stop_module("mod_muc_log")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["..", ".hidden", "a/../b", "x" * 1000, "ünïcode", "nul\0"])
def test_directory_of_a_room_is_one_safe_name(name, tmp_path):
    made = directory_name(name)
    assert made == Path(made).name
    assert not made.startswith(".")
    (tmp_path / made).mkdir()


def test_long_names_keep_apart():
    assert directory_name("x" * 999 + "a") != directory_name("x" * 999 + "b")
