"""Ping (XEP-0199): answers pings, and pings clients that have been silent for long.

A client is alive when anything comes from it, the answer to a ping or not even that: an error, another stanza, a
blank. So nothing has to look at its stanzas; one timer per session looks at the time of the last input.
"""

from __future__ import annotations

from typing import Literal

from mim.config import ModuleOptions
from mim.plugin import (
    JID,
    Module,
    Session,
    Stanza,
    StanzaError,
    StreamError,
    Timer,
    Xep,
    element,
    hookimpl,
    iq_handler,
    option,
)
from mim.xmpp import ns
from mim.xmpp.stanza import iq


class PingOptions(ModuleOptions):
    """``[modules.mod_ping]``."""

    send_pings: bool = option(False, help="Ping clients that are silent.")
    ping_interval: int = option(60, minimum=1, unit="seconds", help="Silence before a ping.")
    ping_req_timeout: int = option(32, minimum=1, unit="seconds", help="How long to wait for a sign of life after it.")
    timeout_action: Literal["none", "kill"] = option("none", help="What to do when none comes: nothing, or close.")


class ModPing(Module[PingOptions]):
    """Answers pings to the server and to one's own account; sends them if told to."""

    Options = PingOptions
    features = (ns.PING,)
    xeps = (Xep(199, "2.0.1"),)

    async def start(self) -> None:
        """Watch the sessions there are already, when the module starts late."""
        self._timers: dict[Session, Timer] = {}
        for domain in self.api.host.domains:
            for session in self.api.sessions.of_domain(domain):
                self.session_opened(session)

    # --- answering --------------------------------------------------------------------------------------------

    @iq_handler("get", ns.PING, "ping", to="server account")
    def answer(self, iq: Stanza) -> None:
        """Answer a ping (XEP-0199 §4.2, §4.3); another's account is as silent as one that does not exist."""
        self._check_addressee(iq)

    @iq_handler("get", ns.PING, "*", to="server account")
    @iq_handler("set", ns.PING, "*", to="server account")
    def refuse(self, iq: Stanza) -> None:
        """There is nothing else in the namespace."""
        self._check_addressee(iq)
        raise StanzaError("feature-not-implemented")

    @staticmethod
    def _check_addressee(iq: Stanza) -> None:
        to = iq.to_jid
        if to.local and to != iq.from_jid.bare:
            raise StanzaError("service-unavailable")

    # --- asking -----------------------------------------------------------------------------------------------

    @hookimpl
    def session_opened(self, session: Session) -> None:
        """Begin to watch a session."""
        if self.options.send_pings:
            self._watch(session, self.options.ping_interval)

    @hookimpl
    def session_closed(self, session: Session) -> None:
        """Stop watching it."""
        timer = self._timers.pop(session, None)
        if timer is not None:
            timer.cancel()

    def _watch(self, session: Session, seconds: float) -> None:
        self._timers[session] = self.api.call_later(seconds, lambda: self._look(session))

    def _look(self, session: Session) -> None:
        """Ping a session if it has been silent for the whole interval."""
        silent = self.api.clock.monotonic() - session.connection.last_input_at
        left = self.options.ping_interval - silent
        if left > 0:
            self._watch(session, left)
            return
        domain = JID("", session.account.domain)
        session.send(iq(element(ns.PING, "ping"), sender=domain, to=session.jid, type="get"))
        asked_at = self.api.clock.monotonic()
        timeout = self.options.ping_req_timeout
        self._timers[session] = self.api.call_later(timeout, lambda: self._judge(session, asked_at))

    def _judge(self, session: Session, asked_at: float) -> None:
        """Act on a session that has given no sign of life since it was pinged."""
        if session.connection.last_input_at >= asked_at:
            self._look(session)
            return
        self.api.log.info("no answer to ping", extra={"jid": str(session.jid)})
        self._watch(session, self.options.ping_interval)
        if self.options.timeout_action == "kill":
            # As if it had broken by itself: a session that can be resumed waits for its client.
            stream = session.stream
            self.api.session_manager.connection_lost(session)
            stream.end(StreamError("connection-timeout"))


setup = ModPing
