"""What the archive offers to the admin API: the last messages of an archive (admin-api, section 6.16)."""

from __future__ import annotations

import pytest

from mim.capabilities import ArchiveView
from mim.storage.ids import decode
from mim.xmpp import ns
from mim.xmpp.jid import JID
from mim.xmpp.parser import parse_element
from tests.plugins.mam.support import chat, exchanged, page

ROMEO = JID.parse("romeo@localhost")


@pytest.fixture
async def view(server):
    found = server.app.host("localhost").find(ArchiveView)
    assert found is not None
    return found


@pytest.fixture
async def talk(server, romeo, juliet):
    """m0 to m5 between Romeo and Juliet, he first, an hour apart, and a word with the nurse."""
    nurse = await server.online("nurse")
    for number in range(6):
        sender, recipient = (romeo, juliet) if number % 2 == 0 else (juliet, romeo)
        await exchanged(sender, recipient, f"m{number}", id=f"id{number}")
        server.clock.advance(3600)
    await exchanged(nurse, romeo, "good pilgrim", id="n")


async def bodies(view, with_: str = "", not_after_us: int | None = None, limit: int = 100) -> list[str]:
    asked = JID.parse(with_) if with_ else None
    return [
        one.body for one in await view.last_messages(ROMEO, with_=asked, not_after_us=not_after_us, limit=limit)
    ]


async def test_the_last_messages_oldest_first(view, talk):
    assert await bodies(view) == ["m0", "m1", "m2", "m3", "m4", "m5", "good pilgrim"]
    assert await bodies(view, limit=2) == ["m5", "good pilgrim"]
    assert await bodies(view, limit=0) == []


async def test_with_a_contact_or_one_of_his_resources(view, talk, romeo, juliet):
    assert await bodies(view, "juliet@localhost", limit=3) == ["m3", "m4", "m5"]
    assert await bodies(view, "juliet@localhost/r1") == ["m1", "m3", "m5"]
    romeo.send(chat("to the balcony", "juliet@localhost/r1"))
    await juliet.expect("message")
    assert (await bodies(view, "juliet@localhost/r1"))[-1] == "to the balcony"
    assert await bodies(view, "juliet@localhost/r9") == []
    assert await bodies(view, "stranger@localhost") == []


async def test_not_after_a_microsecond(view, talk, romeo):
    times = [one.archived_us for one in await view.last_messages(ROMEO, with_=None, not_after_us=None, limit=100)]
    assert await bodies(view, not_after_us=times[2]) == ["m0", "m1", "m2"]
    assert await bodies(view, not_after_us=times[2] - 1) == ["m0", "m1"]
    assert await bodies(view, "juliet@localhost", not_after_us=times[3], limit=1) == ["m3"]
    for long_ago in (0, -1, -(10**20)):
        assert await bodies(view, not_after_us=long_ago) == []
    for far_ahead in (10**17, 10**25):
        assert len(await bodies(view, not_after_us=far_ahead)) == 7


async def test_a_message_is_told_whole(view, romeo, juliet):
    inner = "<body>1 &lt; 2</body><x xmlns='u'/>"
    romeo.send(f"<message to='juliet@localhost' type='chat' id='a&amp;&apos;b'>{inner}</message>")
    await juliet.expect("message")

    (one,) = await view.last_messages(ROMEO.with_resource("r1"), with_=None, not_after_us=None, limit=1)
    archived = (await page(romeo)).results[0]
    assert (one.sender, one.message_id, one.body) == ("romeo@localhost/r1", "a&'b", "1 < 2")
    assert one.archive_id == decode(archived.id)
    assert one.archived_us == one.archive_id >> 8
    assert one.archived_at.timestamp() == pytest.approx(one.archived_us / 1e6)
    assert parse_element(one.stanza) == archived.message


async def test_a_message_without_id_or_body_has_them_empty(view, romeo, juliet):
    romeo.send(f"<message to='juliet@localhost'><store xmlns='{ns.HINTS}'/></message>")
    await juliet.expect("message")
    (one,) = await view.last_messages(ROMEO, with_=None, not_after_us=None, limit=1)
    assert (one.message_id, one.body) == ("", "")


async def test_the_first_of_several_bodies_is_told(view, romeo, juliet):
    wrapped = f"<forwarded xmlns='{ns.FORWARD}'><message xmlns='{ns.CLIENT}'><body>inner</body></message></forwarded>"
    romeo.send(
        f"<message to='juliet@localhost'>{wrapped}<body>outer</body><body xml:lang='de'>außen</body></message>"
    )
    await juliet.expect("message")
    assert await bodies(view) == ["outer"]
