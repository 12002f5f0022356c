"""Entity time (XEP-0202): the server's clock and time zone."""

from __future__ import annotations

from mim.config import ModuleOptions
from mim.plugin import Element, Module, Stanza, StanzaError, Xep, element, iq_handler
from mim.xmpp import ns


class TimeOptions(ModuleOptions):
    """``[modules.mod_time]``."""


class ModTime(Module[TimeOptions]):
    """Answers time queries to the server."""

    Options = TimeOptions
    features = (ns.TIME,)
    xeps = (Xep(202, "2.0"),)

    @iq_handler("get", ns.TIME, "time")
    def tell(self, iq: Stanza) -> Element:
        """Return the time in UTC and the offset of the server's time zone (XEP-0202 §2)."""
        now = self.api.clock.now()
        offset = now.astimezone().strftime("%z")
        return element(
            ns.TIME,
            "time",
            element(ns.TIME, "tzo", f"{offset[:3]}:{offset[3:5]}"),
            element(ns.TIME, "utc", now.strftime("%Y-%m-%dT%H:%M:%SZ")),
        )

    @iq_handler("set", ns.TIME, "*")
    def refuse(self, iq: Stanza) -> None:
        """Nobody sets the server's clock."""
        raise StanzaError("not-allowed")


setup = ModTime
