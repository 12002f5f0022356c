"""The recorded calls, in their order, against a started server: no answer may differ."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest

from mim.plugins import ModuleCatalogue
from tests.admin.transcripts import FILE, Row, contract_folder, rows
from tests.client import Client
from tests.harness import Server

Given = Callable[["Scene"], Awaitable[None]]

MODULES = {
    "mod_commands": "",
    "mod_muc_commands": "",
    "mod_muc_light_commands": "",
    "mod_roster": "",
    "mod_offline": "",
    "mod_disco": "",
    "mod_mam_meta": "[modules.mod_mam_meta.pm]",
    "mod_muc": 'host = "muc.@HOST@"',
    "mod_muc_light": 'host = "muclight.@HOST@"\nrooms_in_rosters = true',
}
NEEDED_BY = {
    "mod_muc_commands": (
        "mucs ", "extra muc:", "extra control characters: MUC", "commands: ", "unknown paths: percent-encoded",
        "auth (username ala / password makota configured): Host localhost, right credentials",
        "contacts: extra arg name", "contacts subscription: known wrong key", "muc-lights invite: extra",
    ),
    "mod_roster": ("contacts", "extra contacts"),
    "mod_mam_meta": ("messages archive", "extra archive"),
}  # fmt: skip
"""Rows that nobody can answer before a module is written; all modules there are run, and all other rows are asked."""

AUTH_LISTENER = """
[[listen.http]]
  port = 0
  ip_address = "127.0.0.1"
  [[listen.http.handlers.mongoose_api_admin]]
    host = "localhost"
    path = "/api"
    username = "ala"
    password = "makota"
"""


class Scene:
    """A server and what the calls that are left out between the recorded ones have made of it."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.clients: list[Client] = []
        self.mid = ""

    def port(self, listener: str) -> int:
        return self.server.app.http[0 if listener == "open" else 1].port

    async def call(self, method: str, path: str, body: object = None) -> None:
        answer = await self.server.api.request(method, path, body)
        assert answer.status in (200, 201, 204), (method, path, body, answer)

    async def online(self, *addresses: str) -> None:
        for address in addresses:
            user, _, resource = address.partition("/")
            self.clients.append(await self.server.online(user, resource))

    async def everybody_leaves(self) -> None:
        for client in self.clients:
            await client.close()
        self.clients.clear()


# --- what is given before a row -----------------------------------------------------------------------------------


async def mary(scene: Scene) -> None:
    await scene.server.register("mary")


async def nobody_online_yet(scene: Scene) -> None:
    await scene.server.register("alice", "bob", "kate", "eve")


async def three_sessions(scene: Scene) -> None:
    await scene.online("alice/res1", "alice/Res Two", "bob/res1")


async def nobody_online(scene: Scene) -> None:
    await scene.everybody_leaves()


async def an_archive(scene: Scene) -> None:
    await scene.server.register("arch1", "arch2")

    async def send(sender: str, to: str, body: str) -> None:
        message = {"caller": f"{sender}@localhost", "to": f"{to}@localhost", "body": body}
        await scene.call("POST", "/messages", message)
        scene.server.clock.advance(1)

    for number, sender in enumerate(("arch2", "arch1", "arch2")):
        await send(sender, "arch1" if sender == "arch2" else "arch2", f"m{number}")
    scene.server.clock.advance(5)
    scene.mid = str(scene.server.clock.now_us() // 1_000_000)
    scene.server.clock.advance(5)
    for number, sender in enumerate(("arch1", "arch2", "arch1"), start=3):
        await send(sender, "arch1" if sender == "arch2" else "arch2", f"m{number}")
    await send("kate", "arch1", "from kate")


async def first_contact(scene: Scene) -> None:
    await scene.server.register("ca", "cb", "cc", "cd")
    await scene.call("POST", "/contacts/ca@localhost", {"jid": "cb@localhost"})


async def contacts_of_cb(scene: Scene) -> None:
    await scene.call("POST", "/contacts/cb@localhost", {"jid": "ca@localhost"})


async def contacts_of_cc(scene: Scene) -> None:
    for jid in ("ca@localhost", "cb@localhost", "cc@localhost", "x@nosuch.example"):
        await scene.call("POST", "/contacts/cc@localhost", {"jid": jid})


async def ca_asks_cb(scene: Scene) -> None:
    await scene.call("PUT", "/contacts/ca@localhost/cb@localhost", {"action": "subscribe"})


async def cd_asks_cb(scene: Scene) -> None:
    await scene.call("PUT", "/contacts/cd@localhost/cb@localhost", {"action": "subscribe"})


async def nosuchuser_asks_cb(scene: Scene) -> None:
    await scene.call("PUT", "/contacts/nosuchuser@localhost/cb@localhost", {"action": "subscribe"})


async def contacts_of_cd(scene: Scene) -> None:
    for jid in ("ca@localhost", "cc@localhost"):
        await scene.call("POST", "/contacts/cd@localhost", {"jid": jid})


async def room_users(scene: Scene) -> None:
    await scene.server.register("ma", "mb", "mc")


async def rooms_with_clients(scene: Scene) -> None:
    await scene.online("ma/res1", "mb/res1")
    owner, guest = scene.clients
    for client, place in ((owner, "kroom@muc.localhost/boss"), (guest, "room1@muc.localhost/mb")):
        client.send(f"<presence to='{place}'><x xmlns='http://jabber.org/protocol/muc'/></presence>")
        while (await client.next()).find("jabber:client", "subject") is None:
            continue
    form = "<query xmlns='http://jabber.org/protocol/muc#owner'><x xmlns='jabber:x:data' type='submit'/></query>"
    await owner.collect()  # he is in room1, too, by his bare JID
    await owner.ask("set", form, to="kroom@muc.localhost")
    guest.send("<presence to='kroom@muc.localhost/bobnick'><x xmlns='http://jabber.org/protocol/muc'/></presence>")
    while (await guest.next()).find("jabber:client", "subject") is None:
        continue


async def light_users(scene: Scene) -> None:
    await scene.everybody_leaves()
    await scene.server.register("la", "lb", "lc", "ld")
    for name in ("lroom", "lroom-b"):
        await scene.call("POST", "/muc-lights/localhost", {"name": name, "owner": "la@localhost", "subject": "s"})


async def x_contacts(scene: Scene) -> None:
    await scene.server.register("xa", "xb", "xc")
    await scene.call("PUT", "/contacts/xa@localhost/xb@localhost", {"action": "subscribe"})
    for jid in ("xa@localhost", "xb@localhost"):
        await scene.call("POST", "/contacts/xc@localhost", {"jid": jid})


async def z_users(scene: Scene) -> None:
    await scene.server.register("za", "zb", "zc")


async def zb_in_zroom(scene: Scene) -> None:
    invitation = {"sender": "za@localhost", "recipient": "zb@localhost"}
    await scene.call("POST", "/muc-lights/muclight.localhost/zroom/participants", invitation)


async def zb_online(scene: Scene) -> None:
    await scene.online("zb/one")


BEFORE: dict[str, Given] = {
    "users unregister: happy": mary,
    "sessions: list, none": nobody_online_yet,
    "sessions: query limit": three_sessions,
    "messages send: happy (offline recipient)": nobody_online,
    "messages archive: happy, all": an_archive,
    "contacts: add again (idempotent)": first_contact,
    "contacts: list other": contacts_of_cb,
    "contacts: list upper case": contacts_of_cc,
    "contacts subscription: list caller": ca_asks_cb,
    "contacts subscription: list cd": cd_asks_cb,
    "contacts delete: happy": nosuchuser_asks_cb,
    "contacts delete multiple: list before": contacts_of_cd,
    "mucs create: happy": room_users,
    "mucs kick: room with moderator online: happy": rooms_with_clients,
    "muc-lights create unique: empty subject": light_users,
    "extra contacts: alias accept": x_contacts,
    "extra muc-lights: create": z_users,
    "extra muc-lights: message, full JID": zb_in_zroom,
    "extra sessions: kick, upper-case domain": zb_online,
}
"""Done once, before the first row of that name."""


def recorded() -> list[Row]:
    folder = contract_folder()
    if folder is None:
        pytest.skip(f"{FILE} is not there; MIM_CONTRACT names its folder")
    return rows(folder)


def answerable(calls: list[Row], names: list[str]) -> list[Row]:
    """Return the rows that need none of the modules that are not there yet."""
    waiting = tuple(prefix for module, prefixes in NEEDED_BY.items() if module not in names for prefix in prefixes)
    return [row for row in calls if not row.name.startswith(waiting)] if waiting else calls


@pytest.mark.timeout(120)
async def test_no_answer_differs_from_the_recorded_ones(serve: Callable[..., Awaitable[Server]]):
    names = [name for name in ModuleCatalogue().names if name in MODULES]
    calls = answerable(recorded(), names)
    modules = "\n".join(f"[modules.{name}]\n{MODULES[name]}" for name in names)
    scene = Scene(await serve(modules, more=AUTH_LISTENER))
    report: list[str] = []
    asked: set[str] = set()

    for row in calls:
        if row.name in BEFORE and row.name not in asked:
            await BEFORE[row.name](scene)
        asked.add(row.name)
        differences = await row.differences(scene.port(row.listener), scene.mid)
        if differences:
            report.append(f"{row.name}: {row.method} {row.path[:120]}\n    " + "\n    ".join(differences))

    assert not report, f"{len(report)} of {len(calls)} answers differ:\n" + "\n".join(report)


def test_what_is_given_belongs_to_recorded_rows():
    names = {row.name for row in recorded()}

    assert set(BEFORE) <= names
    assert all(any(name.startswith(prefix) for name in names) for prefixes in NEEDED_BY.values() for prefix in prefixes)
