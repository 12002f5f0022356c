"""Software version (XEP-0092): which server this is, and on what it runs if the administrator lets it say so."""

from __future__ import annotations

import platform

from mim.config import ModuleOptions
from mim.plugin import (
    Element,
    Module,
    Stanza,
    StanzaError,
    Xep,
    element,
    iq_handler,
    option,
)
from mim.version import NAME, VERSION
from mim.xmpp import ns


class VersionOptions(ModuleOptions):
    """``[modules.mod_version]``."""

    os_info: bool = option(False, help="Tell the operating system's name and release, too.")


class ModVersion(Module[VersionOptions]):
    """Answers jabber:iq:version queries to the server."""

    Options = VersionOptions
    features = (ns.VERSION,)
    xeps = (Xep(92, "1.1"),)

    @iq_handler("get", ns.VERSION, "query")
    def tell(self, iq: Stanza) -> Element:
        """Return name and version of the server (XEP-0092 §3)."""
        system = f"{platform.system()} {platform.release()}" if self.options.os_info else None
        return element(
            ns.VERSION,
            "query",
            element(ns.VERSION, "name", NAME),
            element(ns.VERSION, "version", VERSION),
            element(ns.VERSION, "os", system) if system is not None else None,
        )

    @iq_handler("set", ns.VERSION, "*")
    def refuse(self, iq: Stanza) -> None:
        """Nobody sets a version."""
        raise StanzaError("not-allowed")


setup = ModVersion
