"""Logs of chat rooms as files, one a day and room, for rooms whose owners have switched logging on."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from mim.capabilities import RoomLog, RoomView
from mim.plugin import JID, Module, Stanza, hookimpl
from mim.xmpp import ns
from mim_plugins.mod_muc_log.files import Appender, Line, directory_name, file_of
from mim_plugins.mod_muc_log.formats import Format, Html, PlainText
from mim_plugins.mod_muc_log.options import MucLogOptions

_REMOVALS = {
    301: "has been banned",
    307: "has been kicked",
    321: "has been removed because of an affiliation change",
    322: "has been removed because the room is for members now",
    332: "has been removed because the service stops",
}


class ModMucLog(Module[MucLogOptions]):
    """The logs of one host's rooms; also the ``RoomLog`` capability."""

    Options = MucLogOptions
    needs = ("mod_muc",)

    async def start(self) -> None:
        """Offer the log to rooms."""
        options = self.options
        self._format: Format = Html(options) if options.file_format == "html" else PlainText()
        self._folder = Path(options.outdir)
        self._files = Appender(
            self.api.spawn, lambda error: self.api.log.error("room log not written", extra={"error": str(error)})
        )
        self.api.provide(RoomLog, self)

    async def stop(self) -> None:
        """Write what is not written yet."""
        await self._files.flush()

    def may_switch(self, user: JID) -> bool:
        """Tell whether a room's owner may switch its log on."""
        return self.api.host.config.access_value(self.options.access_log, user.bare) == "allow"

    # --- what happens in rooms --------------------------------------------------------------------------------

    @hookimpl
    def room_created(self, room: RoomView, creator: JID) -> None:
        """Log the beginning."""
        self._event(room, "Chatroom is created")

    @hookimpl
    def room_destroyed(self, room: RoomView, reason: str) -> None:
        """Log the end."""
        self._event(room, "Chatroom is destroyed" + _because(reason))

    @hookimpl
    def room_configured(self, room: RoomView) -> None:
        """Log a new configuration."""
        self._event(room, "Chatroom configuration modified")

    @hookimpl
    def occupant_joined(self, room: RoomView, nick: str, user: JID) -> None:
        """Log who comes."""
        self._event(room, f"{nick} joins the room")

    @hookimpl
    def occupant_left(self, room: RoomView, nick: str, user: JID, code: int, reason: str) -> None:
        """Log who goes, and why."""
        self._event(room, f"{nick} {_REMOVALS.get(code, 'leaves the room')}" + _because(reason))

    @hookimpl
    def occupant_renamed(self, room: RoomView, nick: str, new_nick: str, user: JID) -> None:
        """Log a new nickname."""
        self._event(room, f"{nick} is now known as {new_nick}")

    @hookimpl
    def room_subject_changed(self, room: RoomView, nick: str, user: JID) -> None:
        """Log a new subject."""
        self._event(room, f"{nick} has set the subject to: {room.subject}")

    @hookimpl
    def room_message(self, room: RoomView, nick: str, user: JID, stanza: Stanza) -> None:
        """Log what is said."""
        if not room.is_logged:
            return
        text = stanza.child_text(ns.CLIENT, "body")
        if text:
            self._write(room, self._format.said(self._now(), nick, text))

    def _event(self, room: RoomView, text: str) -> None:
        if room.is_logged:
            self._write(room, self._format.event(self._now(), text))

    def _now(self) -> datetime:
        now = self.api.clock.now()
        return now.astimezone() if self.options.timezone == "local" else now.astimezone(UTC)

    def _write(self, room: RoomView, text: str) -> None:
        day = self._now()
        name = str(room.jid) if self.options.dirname == "room_jid" else room.jid.local
        folder = self._folder / directory_name(name)
        path = file_of(folder, day, self._format.suffix, by_folders=self.options.dirtype == "subdirs")
        self._files.append(Line(path, self._format.head(room, day), text))


def _because(reason: str) -> str:
    return f": {reason}" if reason else ""


setup = ModMucLog
