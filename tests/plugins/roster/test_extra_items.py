"""What other modules put among a user's contacts (hook ``roster_extra_items``), rooms for example."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mim.xmpp.jid import JID
from tests.plugins.roster.support import ROMEO, ROSTER, VERSIONS, items_of, query, roster, roster_set, view

CONTACT = "<item jid='a@localhost'/>"
MODULE = '''
"""Rooms among the contacts, as many as it is told."""

from mim.plugin import Module, element, hookimpl
from mim.xmpp import ns


class ModRooms(Module):
    """One running mod_rooms."""

    rooms = ()

    @hookimpl
    async def roster_extra_items(self, account):
        return [
            element(
                ns.ROSTER, "item", element(ns.ROSTER, "group", "Rooms"), element(ns.ROSTER, "version", "7"),
                jid=f"{name}@rooms.localhost", subscription="to",
            )
            for name in self.rooms
        ]


setup = ModRooms
'''


async def with_rooms(serve, tmp_path: Path, modules: str) -> tuple[Any, Any]:
    (tmp_path / "mod_rooms.py").write_text(MODULE)
    server = await serve(modules + "[modules.mod_rooms]\n", admin=None, folders=[tmp_path])
    return server, server.app.modules.find(server.app.host("localhost"), "mod_rooms")


async def test_they_come_first_sorted_and_count_as_contacts(serve, tmp_path):
    server, module = await with_rooms(serve, tmp_path, ROSTER)
    module.rooms = ("den", "attic")
    romeo = await server.online("romeo")
    await roster_set(romeo, "<item jid='a@localhost'/>")

    answer = await romeo.ask("get", query())

    assert [item.get("jid") for item in items_of(answer)] == [
        "attic@rooms.localhost", "den@rooms.localhost", "a@localhost",
    ]  # fmt: skip
    assert [child.text for child in items_of(answer)[0].elements()] == ["Rooms", "7"]
    contacts = await view(server).list_contacts(ROMEO)
    assert [(str(c.jid), c.subscription, c.ask) for c in contacts] == [
        ("a@localhost", "none", "none"),
        ("attic@rooms.localhost", "to", "none"),
        ("den@rooms.localhost", "to", "none"),
    ]
    assert view(server).may_see_presence(ROMEO, JID.parse("den@rooms.localhost")) is False


async def test_they_take_the_place_of_what_the_user_has_put_there(serve, tmp_path):
    server, module = await with_rooms(serve, tmp_path, ROSTER)
    module.rooms = ("den",)
    romeo = await server.client("romeo")
    await roster_set(romeo, "<item jid='den@rooms.localhost' name='My den'/>")

    assert await roster(romeo) == {"den@rooms.localhost": "to"}
    assert [contact.subscription for contact in await view(server).list_contacts(ROMEO)] == ["to"]
    module.rooms = ()
    assert await roster(romeo) == {"den@rooms.localhost": "none"}


async def test_version_changes_with_them_although_nobody_is_told(serve, tmp_path):
    server, module = await with_rooms(serve, tmp_path, VERSIONS)
    romeo = await server.client("romeo")
    none = (await romeo.ask("get", query(ver=""))).payload.get("ver")
    module.rooms = ("den",)

    with_den = (await romeo.ask("get", query(ver=none))).payload.get("ver")
    assert (await romeo.ask("get", query(ver=with_den))).payload is None
    romeo.send(f"<iq type='set' id='s'>{query(CONTACT)}</iq>")
    pushed = (await romeo.expect("iq", type="set")).payload.get("ver")
    await romeo.expect("iq", id="s")
    assert (await romeo.ask("get", query(ver=pushed))).payload is None
    module.rooms = ()

    assert (await romeo.ask("get", query(ver=pushed))).payload is not None
