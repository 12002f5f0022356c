"""Intervals and shapers: how much one occupant, and a whole room, may send (contract/config, mod_muc)."""

from __future__ import annotations

import pytest

from tests.plugins.muc.rooms import ROOM, error_text, instant, joined, say, seen, shown, with_options

SHAPER = "[shaper.slow]\nmax_rate = 1000\n"
LONG = "x" * 950


async def den(server):
    owner, guest = await server.online("owner"), await server.online("guest")
    await joined(owner, "boss")
    await instant(owner)
    await joined(guest, "joe")
    await owner.collect()
    return owner, guest


def away(client, nick: str, status: str = "") -> None:
    client.send(f"<presence to='{ROOM}/{nick}'><status>{status}</status></presence>")


async def test_messages_of_one_user_come_at_intervals(serve):
    server = await serve(with_options("min_message_interval = 5"), admin=None)
    owner, guest = await den(server)
    say(guest, "one")
    say(guest, "two")
    got = await guest.collect()
    assert [shown(stanza) for stanza in got] == ["M joe one", "E wait/resource-constraint"]
    assert error_text(got[1]) == "Traffic rate limit is exceeded"
    say(owner, "somebody else may")
    assert await seen(owner) == ["M joe one", "M boss somebody else may"]
    server.clock.advance(5)
    say(guest, "three")
    assert (await seen(guest))[-1] == "M joe three"


async def test_presences_of_one_user_come_at_intervals(serve):
    server = await serve(with_options("min_presence_interval = 5"), admin=None)
    _, guest = await den(server)
    away(guest, "joe")
    away(guest, "jim")
    assert await seen(guest) == ["P joe none/participant 110", "E wait/resource-constraint"]
    server.clock.advance(5)
    away(guest, "jim")
    assert await seen(guest) == ["-P joe none/participant 110,303", "P jim none/participant 110"]


async def test_leaving_is_never_too_fast(serve):
    server = await serve(
        with_options('min_presence_interval = 5\nuser_presence_shaper = "slow"'), more=SHAPER, admin=None
    )
    _, guest = await den(server)
    away(guest, "joe", LONG)
    guest.send(f"<presence type='unavailable' to='{ROOM}/joe'/>")
    assert (await seen(guest))[-1] == "-P joe none/none 110"


@pytest.mark.parametrize("option", ["user_message_shaper", "room_shaper"])
async def test_shaped_messages_wait_in_order(serve, option):
    server = await serve(with_options(f'{option} = "slow"'), more=SHAPER, admin=None)
    owner, guest = await den(server)
    say(guest, LONG)  # more than the bucket holds, with its tags
    say(guest, "two")
    say(guest, "three")
    assert await seen(guest) == [f"M joe {LONG}"]
    say(owner, "another")
    others = [f"M joe {LONG}"] if option == "room_shaper" else [f"M joe {LONG}", "M boss another"]
    assert await seen(owner) == others
    await server.clock.elapse(3)
    got = await seen(guest)
    assert [line for line in got if line.startswith("M joe")] == ["M joe two", "M joe three"]
    assert sum(line == "M boss another" for line in got) == 1


async def test_shaped_presences_wait(serve):
    server = await serve(with_options('user_presence_shaper = "slow"'), more=SHAPER, admin=None)
    owner, guest = await den(server)
    away(guest, "joe", LONG)
    away(guest, "joe", "two")
    say(guest, "not a presence")
    assert await seen(owner) == ["P joe none/participant jid=guest@localhost/r1"]
    await server.clock.elapse(3)
    assert await seen(owner) == ["P joe none/participant jid=guest@localhost/r1", "M joe not a presence"]


async def test_what_waits_is_bounded(serve, monkeypatch):
    monkeypatch.setattr("mim_plugins.mod_muc.pacing.MAX_WAITING", 2)
    server = await serve(with_options('user_message_shaper = "slow"'), more=SHAPER, admin=None)
    _, guest = await den(server)
    say(guest, LONG)
    for number in range(3):
        say(guest, f"m{number}")
    assert await seen(guest) == [f"M joe {LONG}", "E wait/resource-constraint"]


async def test_what_waits_of_one_who_left_is_refused(serve):
    server = await serve(with_options('user_message_shaper = "slow"'), more=SHAPER, admin=None)
    owner, guest = await den(server)
    say(guest, LONG)
    say(guest, "late")
    guest.send(f"<presence type='unavailable' to='{ROOM}/joe'/>")
    await guest.collect()
    await server.clock.elapse(3)
    assert await seen(guest) == ["E modify/not-acceptable"]
    assert "M joe late" not in await seen(owner)
