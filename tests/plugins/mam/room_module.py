"""A room service as small as one can be, to speak to the rooms' archive as any room service does.

Everybody is in every room under the name of his account; whom the file names sees real JIDs, or owns the rooms.
"""

from __future__ import annotations

from pathlib import Path

MODULE = '''
"""Rooms without rules."""

from mim.capabilities import RoomArchive, RoomReader
from mim.plugin import JID, Module, Options, option


class RoomsOptions(Options):
    host: str = option("conference.localhost", help="The service.")
    watchers: list[str] = option([], help="Who sees real JIDs.")
    owners: list[str] = option([], help="Who owns the rooms.")


class ModTestrooms(Module[RoomsOptions]):
    """Sends what is said to whoever is online."""

    Options = RoomsOptions
    after = ("mod_mam_meta",)

    async def start(self):
        self.archive = self.api.find(RoomArchive)
        self.api.add_service(self.options.host, self.handle)

    def handle(self, stanza):
        if stanza.name == "iq":
            self.api.router.answer(stanza, self.answer)
        elif stanza.name == "message":
            self.say(stanza)

    def answer(self, iq):
        name = iq.from_jid.local
        reader = RoomReader(iq.from_jid, name in self.options.watchers, name in self.options.owners)
        if not self.archive.answers(iq.payload):
            return None
        return self.archive.answer(iq, iq.to_jid.bare, reader)

    def say(self, stanza):
        room = stanza.to_jid.bare
        nick = "" if stanza.id == "from-room" else stanza.from_jid.local
        said = stanza.replace(sender=room.with_resource(nick) if nick else room)
        if self.archive is not None and self.archive.serves(room.domain):
            said = self.archive.record(said, room, stanza.from_jid, affiliation="member", role="participant")
        self.api.router.fan_out(said, [session.jid for session in self.api.sessions])

    async def forget(self, room):
        await self.api.database.submit(*self.archive.removal(JID.parse(room)))


setup = ModTestrooms
'''


def folder(path: Path) -> list[Path]:
    """Put the module into a folder and return it as ``serve`` takes it."""
    (path / "mod_testrooms.py").write_text(MODULE)
    return [path]
