"""A client's stream from its first byte to its end (RFC 6120 §4 to §7).

Before a session is bound the input is taken piece by piece, so that a stream restart can be followed by anything in
the same packet. After it, whole stanzas go to :class:`mim.session.inbound.Inbound`. Work that must wait (a password
check, a binding, an IQ handler's query) stops the stream, not the server: what comes meanwhile stays in line.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections import deque
from collections.abc import Awaitable, Iterable
from typing import Any

from mim.errors import InvalidJid, MimError
from mim.hooks import joined
from mim.host import Host
from mim.session.session import Session
from mim.stream.framing import Framing
from mim.stream.mechanisms import SaslFailure, Step
from mim.stream.sasl import Negotiation, failure_element, mechanisms_of, step_element
from mim.stream.transport import StreamServices, StreamSettings, StreamTransport
from mim.xmpp import ns
from mim.xmpp.conditions import StanzaError, StreamError
from mim.xmpp.element import Element, element, serialize
from mim.xmpp.jid import JID, prepare_domain, prepare_resource
from mim.xmpp.parser import Event, Limits, StreamEnd, StreamHeader, StreamParser
from mim.xmpp.stanza import KINDS, Stanza, error_of

log = logging.getLogger("mim.stream")

UNAUTHENTICATED_LIMITS = Limits(stanza_bytes=64 * 1024, depth=16, attributes=32, names=256)
HARD_STANZA_BYTES = 16 * 1024 * 1024
MAX_FAILED_LOGINS = 10
QUEUE_LIMIT = 64
"""First-level elements that may wait before reading stops."""


class C2sStream:
    """The stream of one client; also the ``Connection`` of its session."""

    def __init__(
        self,
        transport: StreamTransport,
        settings: StreamSettings,
        services: StreamServices,
        framing: Framing | None = None,
    ) -> None:
        self._transport = transport
        self._framing = framing or Framing()
        self._settings = settings
        self._services = services
        self._clock = services.clock
        self._parser = StreamParser(UNAUTHENTICATED_LIMITS)
        self._raw = b""
        self._queue: deque[Event] = deque()
        self._busy: asyncio.Future[Any] | None = None
        self._has_header = False
        self._is_ended = False
        self._host: Host | None = None
        self._domain = ""
        self._lang = ""
        self._account: JID | None = None
        self._negotiation: Negotiation | None = None
        self._failures = 0
        self._is_compressed = False
        self.session: Session | None = None
        self.last_input_at = services.clock.monotonic()

    # --- Connection -------------------------------------------------------------------------------------------

    @property
    def peer_address(self) -> str:
        """The client's IP address."""
        return self._transport.peer_address

    @property
    def listener(self) -> str:
        """The listener's name in logs."""
        return self._settings.listener

    @property
    def is_encrypted(self) -> bool:
        """Tell whether TLS is on."""
        return self._transport.is_encrypted

    def send_text(self, text: str) -> None:
        """Queue XML text for the client."""
        if not self._is_ended:
            self._transport.write_text(text)

    async def drain(self) -> bool:
        """Return when everything queued has left; False when the stream ended before."""
        return not self._is_ended and await self._transport.drain()

    @property
    def host(self) -> Host | None:
        """The host the client named; None before its stream header."""
        return self._host

    @property
    def account(self) -> JID | None:
        """The account the client has authenticated as; None before that."""
        return self._account

    @property
    def has_ended(self) -> bool:
        """Tell whether nothing can be sent any more."""
        return self._is_ended

    def send_nonza(self, node: Element) -> None:
        """Send an element that is no stanza."""
        self.send_text(serialize(node))

    def close(self) -> None:
        """End the stream, and the session with it, as if the client had asked for it."""
        session = self._own_session
        if session is not None:
            self._services.session_manager.client_left(session)
        self.end(None)

    def adopt(self, session: Session) -> None:
        """Serve a session that exists already, in place of binding one."""
        self.session = session
        self._limit_rate(session.jid)

    @property
    def _own_session(self) -> Session | None:
        """Return the session, unless it went on with another stream."""
        session = self.session
        return session if session is not None and session.stream is self else None

    def end(self, error: StreamError | None) -> None:
        """End the stream: error (if any), closing tag, close (RFC 6120 §4.4, §4.9)."""
        if self._is_ended:
            return
        if error is not None:
            if not self._has_header:
                self._send_header()
            self._transport.write_text(self._framing.stream_level(error.to_element(self._lang)))
        if self._has_header:
            self._transport.write_text(self._framing.footer)
        self._is_ended = True
        self._queue.clear()
        self._raw = b""
        self._transport.close()

    # --- the transport's side ---------------------------------------------------------------------------------

    @property
    def is_bound(self) -> bool:
        """Tell whether the client has a session."""
        return self.session is not None

    def feed(self, data: bytes) -> None:
        """Take bytes from the client."""
        if self._is_ended:
            return
        self.last_input_at = self._clock.monotonic()
        if self.session is not None:
            self._queue.extend(self._parser.feed(data))
        else:
            self._raw += data
            if len(self._raw) > UNAUTHENTICATED_LIMITS.stanza_bytes:
                self.end(StreamError("policy-violation", "child element too big"))
                return
        self._advance()

    @property
    def limits(self) -> Limits:
        """What one first-level element may be now: less before login than after it."""
        return self._parser.limits

    def take(self, events: Iterable[Event]) -> None:
        """Take what a transport that carries whole elements has read, within :attr:`limits`."""
        if self._is_ended:
            return
        self.last_input_at = self._clock.monotonic()
        self._queue.extend(events)
        self._advance()

    def connection_lost(self) -> None:
        """The connection is gone, whoever closed it."""
        self._is_ended = True
        self._queue.clear()
        self._raw = b""
        session = self._own_session
        if session is not None:
            self._services.session_manager.connection_lost(session)

    def shut_down(self) -> None:
        """The server stops (RFC 6120 §4.9.3.20)."""
        self.fail(StreamError("system-shutdown"))

    def fail(self, error: StreamError) -> None:
        """End the stream with an error, and the session with it."""
        session = self._own_session
        if session is not None:
            self._services.session_manager.close(session, error)
        else:
            self.end(error)

    # --- input ------------------------------------------------------------------------------------------------

    def _advance(self) -> None:
        """Handle what has arrived until something must wait."""
        while self._busy is None and not self._is_ended:
            if self._queue:
                self._handle(self._queue.popleft())
            elif self._raw and self.session is None:
                cut = self._raw.find(b">") + 1 or len(self._raw)
                piece, self._raw = self._raw[:cut], self._raw[cut:]
                self._queue.extend(self._parser.feed(piece))
            elif self._raw:
                piece, self._raw = self._raw, b""
                self._queue.extend(self._parser.feed(piece))
            else:
                break
        if not self._is_ended:
            self._transport.pause(self._busy is not None and len(self._queue) > QUEUE_LIMIT)

    def _handle(self, event: Event) -> None:
        try:
            if isinstance(event, Element):
                if not self._has_header:
                    raise StreamError("not-authorized", "open a stream first")
                self._wait(self._element(event))
            elif isinstance(event, StreamHeader):
                self._header(event)
            elif isinstance(event, StreamEnd):
                self.close()
            else:
                self._broken(event)
        except StreamError as error:
            self.fail(error)
        except Exception:
            log.exception("stream failed", extra={"address": self.peer_address, "listener": self.listener})
            self.fail(StreamError("internal-server-error"))

    def _wait(self, work: Awaitable[Any] | None) -> None:
        """Stop handling input until *work* is done."""
        if work is None:
            return
        future = asyncio.ensure_future(work)
        if future.done():
            self._finished(future)
        else:
            self._busy = future
            future.add_done_callback(self._resume)

    def _resume(self, future: asyncio.Future[Any]) -> None:
        self._busy = None
        self._finished(future)
        self._advance()

    def _finished(self, future: asyncio.Future[Any]) -> None:
        if future.cancelled() or self.session is not None:
            if not future.cancelled() and future.exception() is not None:
                log.debug("stanza's work failed", extra={"reason": str(future.exception())})
            return
        error = future.exception()
        if isinstance(error, StreamError):
            self.fail(error)
        elif error is not None:
            log.error("negotiation failed", exc_info=error, extra={"address": self.peer_address})
            self.fail(StreamError("internal-server-error"))

    def _broken(self, error: StreamError) -> None:
        if self._settings.hide_service_name and not self._has_header:
            self._is_ended = True
            self._transport.close()
        else:
            self.fail(error)

    # --- the stream itself ------------------------------------------------------------------------------------

    def _header(self, header: StreamHeader) -> None:
        if self._has_header:  # which only transports of whole elements can bring
            raise StreamError("unsupported-stanza-type")
        self._lang = header.attrs.get("xml:lang", "")
        try:
            domain = prepare_domain(header.attrs.get("to", ""))
        except InvalidJid:
            domain = ""
        host = self._services.hosts.find(domain)
        if self._account is not None and domain != self._domain:
            raise StreamError("improper-addressing")
        if host is not None:
            self._host, self._domain = host, domain
            self._limit_rate(self._account or JID("", domain))
        self._send_header()
        if header.ns != ns.STREAMS or header.name != "stream" or header.content_ns != ns.CLIENT:
            raise StreamError("invalid-namespace")
        if host is None:
            raise StreamError("host-unknown")
        if not _is_version_1(header.attrs.get("version", "")):
            raise StreamError("unsupported-version")
        self._send_features(host)

    def _send_header(self) -> None:
        self._has_header = True
        sender = self._domain or self._settings.default_domain
        self._transport.write_text(self._framing.header(secrets.token_hex(8), sender, self._settings.language))

    def _restart(self) -> None:
        """Expect a new header (RFC 6120 §4.3.3)."""
        limits = UNAUTHENTICATED_LIMITS
        if self._account is not None:
            size = self._settings.max_stanza_bytes
            limits = Limits(stanza_bytes=HARD_STANZA_BYTES if size is None else size)
        self._parser = StreamParser(limits)
        self._has_header = False

    def _send_features(self, host: Host) -> None:
        features = element(ns.STREAMS, "features")
        add = features.children.append
        hooked = joined(host.hooks.stream_features, self._account is not None)
        if self._account is not None:
            self._offer_compression(features)
            add(element(ns.BIND, "bind"))
            add(element(ns.SESSION, "session", element(ns.SESSION, "optional")))
            features.children.extend(hooked)
        elif self._tls_is_due:
            add(element(ns.TLS, "starttls", element(ns.TLS, "required")))
        else:
            if self._settings.tls_mode == "starttls" and not self.is_encrypted:
                add(element(ns.TLS, "starttls"))
            self._offer_compression(features)
            bindings = self._transport.channel_bindings()
            names = mechanisms_of(host, self._services.accounts, bindings, self._settings.allowed_methods)
            if names:
                add(element(ns.SASL, "mechanisms", [element(ns.SASL, "mechanism", name) for name in names]))
            features.children.extend(hooked)
        self._transport.write_text(self._framing.stream_level(features))

    @property
    def _tls_is_due(self) -> bool:
        return self._settings.tls_mode == "starttls_required" and not self.is_encrypted

    # --- elements ---------------------------------------------------------------------------------------------

    def _element(self, node: Element) -> Awaitable[Any] | None:
        is_stanza = node.ns == ns.CLIENT and node.name in KINDS
        session = self.session
        if session is not None and is_stanza:
            session.received += 1
            if node.name == "iq" and node.has_namespace(ns.SESSION):
                self._answer_session_iq(session, node)
                return None
            return self._services.inbound.handle(session, node)
        if session is None and node.ns == ns.TLS:
            return self._starttls(node)
        if session is None and node.ns == ns.COMPRESS:
            self._compress(node)
            return None
        if session is None and node.ns == ns.SASL:
            return self._sasl(node)
        if not is_stanza:
            return self._nonza(node)
        if self._account is None:
            return self._unauthenticated(node)
        bind = node.find(ns.BIND, "bind")
        if node.name == "iq" and node.get("type") == "set" and bind is not None:
            return self._bind(node, bind)
        if node.name == "iq" and node.get("type") in ("get", "set"):
            self._refuse(node, StanzaError("service-unavailable", "bind a resource first", type="cancel"))
            return None
        raise StreamError("not-authorized", "bind a resource first")

    def _nonza(self, node: Element) -> Awaitable[Any] | None:
        """Hand an element that is no stanza to the module that takes it."""
        handler = None if self._host is None else self._host.nonza_handler(node)
        if handler is not None:
            return handler(self, node)
        if node.ns == ns.CSI:
            return None  # advice, which a client may give although nobody asked for it
        if node.ns != ns.STREAM_MANAGEMENT:
            raise StreamError("unsupported-stanza-type")
        if node.name not in ("r", "a"):  # those two belong to nothing that was enabled, and are ignored
            refusal = element(ns.STANZA_ERRORS, "feature-not-implemented")
            self.send_nonza(element(ns.STREAM_MANAGEMENT, "failed", refusal))
            self.close()
        return None

    # --- TLS --------------------------------------------------------------------------------------------------

    def _starttls(self, node: Element) -> Awaitable[Any] | None:
        wanted = self._settings.tls_mode in ("starttls", "starttls_required") and not self.is_encrypted
        if node.name != "starttls" or not wanted or self._account is not None:
            self._transport.write_text(f"<failure xmlns='{ns.TLS}'/>")
            self.end(None)
            return None
        self._transport.write_text(f"<proceed xmlns='{ns.TLS}'/>")
        self._raw = b""  # whatever was sent in clear before the handshake is nobody's (CVE-2011-0411)
        self._queue.clear()
        return self._upgrade()

    async def _upgrade(self) -> None:
        try:
            await self._transport.start_tls(self._domain)
        except (TimeoutError, OSError) as error:
            log.info("TLS handshake failed", extra={"address": self.peer_address, "reason": str(error)})
            self._is_ended = True
            self._transport.close()
            return
        self._host = None
        self._domain = ""
        self._restart()

    # --- compression (XEP-0138) -------------------------------------------------------------------------------

    def _offer_compression(self, features: Element) -> None:
        if self._settings.max_inflated_bytes is not None and not self._is_compressed:
            method = element(ns.COMPRESS_FEATURE, "method", "zlib")
            features.children.append(element(ns.COMPRESS_FEATURE, "compression", method))

    def _compress(self, node: Element) -> None:
        limit = self._settings.max_inflated_bytes
        if node.name != "compress" or limit is None or self._account is None or self._is_compressed:
            self.send_text(f"<failure xmlns='{ns.COMPRESS}'><setup-failed/></failure>")
        elif node.child_text(ns.COMPRESS, "method") != "zlib":
            self.send_text(f"<failure xmlns='{ns.COMPRESS}'><unsupported-method/></failure>")
        else:
            self.send_text(f"<compressed xmlns='{ns.COMPRESS}'/>")
            self._raw = b""
            self._queue.clear()
            self._is_compressed = True
            self._transport.start_compression(limit)
            self._restart()

    # --- SASL -------------------------------------------------------------------------------------------------

    def _sasl(self, node: Element) -> Awaitable[Any] | None:
        host = self._host
        if host is None:
            raise StreamError("not-authorized")
        if self._tls_is_due:
            raise StreamError("policy-violation", "Use of STARTTLS required")
        if self._account is not None:
            raise StreamError("policy-violation", "authenticated already")
        if node.name == "abort":
            self._negotiation = None
            self._sasl_failed(SaslFailure("aborted"), counts=False)
            return None
        try:
            if node.name == "auth":
                self._negotiation = Negotiation(
                    node.get("mechanism"),
                    host,
                    self._domain,
                    self._services.accounts,
                    self._transport.channel_bindings(),
                    self._settings.allowed_methods,
                )
            elif node.name != "response" or self._negotiation is None:
                raise SaslFailure("malformed-request")
        except SaslFailure as failure:
            self._sasl_failed(failure)
            return None
        return self._sasl_step(self._negotiation, node.text)

    async def _sasl_step(self, negotiation: Negotiation, text: str) -> None:
        try:
            step: Step = await negotiation.step(text)
        except SaslFailure as failure:
            self._sasl_failed(failure)
            return
        except MimError:
            self._sasl_failed(SaslFailure("temporary-auth-failure"), counts=False)
            return
        if step.account is not None:
            self._account = step.account
            self._negotiation = None
        self.send_text(serialize(step_element(step)))
        if step.account is not None:
            self._restart()

    def _sasl_failed(self, failure: SaslFailure, *, counts: bool = True) -> None:
        self._negotiation = None
        self._failures += counts
        log.info("login refused", extra={"address": self.peer_address, "condition": failure.condition})
        self.send_text(serialize(failure_element(failure)))
        if self._failures >= MAX_FAILED_LOGINS:
            raise StreamError("policy-violation", "too many failed logins")

    # --- before login, and bind -------------------------------------------------------------------------------

    def _unauthenticated(self, node: Element) -> Awaitable[Any] | None:
        """IQs before login: registration, if a module does it; everything else is refused or dropped."""
        host = self._host
        if node.name != "iq" or host is None or node.get("type") not in ("get", "set"):
            return None
        if not self._tls_is_due:
            asked = Stanza("iq", dict(node.attrs), node.children, to=JID("", self._domain))
            asked.attrs.pop("from", None)
            for question in host.hooks.unauthenticated_iq:
                answer = question(asked, self.peer_address)
                if answer is not None:
                    return self._answer_unauthenticated(asked, answer)
        self._refuse(node, StanzaError("service-unavailable", "Forbidden unauthenticated stanza"))
        return None

    async def _answer_unauthenticated(self, asked: Stanza, answer: Awaitable[Element | None]) -> None:
        try:
            payload = await answer
        except StanzaError as error:
            self._refuse(asked, error)
        except MimError as error:
            self._refuse(asked, StanzaError.from_refusal(error))
        except Exception:
            log.exception("IQ before login failed")
            self._refuse(asked, StanzaError("internal-server-error"))
        else:
            result = element(ns.CLIENT, "iq", payload, type="result", id=asked.id, from_=self._domain)
            self.send_text(serialize(result))

    async def _bind(self, node: Element, bind: Element) -> None:
        host, account = self._host, self._account
        assert host is not None
        assert account is not None
        try:
            resource = prepare_resource(bind.child_text(ns.BIND, "resource") or "")
        except InvalidJid:
            self._refuse(node, StanzaError("bad-request", "not a resource"))
            return
        if not host.config.allows(self._settings.access, account.with_resource(resource), self._domain):
            self._refuse(node, StanzaError("not-allowed"))
            return
        manager = self._services.session_manager
        try:
            session = await manager.open(host, account, resource, self, self._lang)
        except MimError:
            self._refuse(node, StanzaError("internal-server-error"))
            return
        if self._is_ended:  # the client went away while its session was being loaded
            manager.client_left(session)
            return
        self.session = session
        self._limit_rate(session.jid)
        bound = element(ns.BIND, "bind", element(ns.BIND, "jid", str(session.jid)))
        self.send_text(serialize(element(ns.CLIENT, "iq", bound, type="result", id=node.get("id") or None)))

    def _limit_rate(self, jid: JID) -> None:
        if self._host is not None and self._settings.shaper != "none":
            self._transport.limit_rate(self._host.config.rate(self._settings.shaper, jid, self._domain))

    @staticmethod
    def _answer_session_iq(session: Session, node: Element) -> None:
        """RFC 3921's session establishment: done at bind, so there is nothing to do (RFC 6121 §1.4)."""
        session.send_text(serialize(element(ns.CLIENT, "iq", type="result", id=node.get("id") or None)))

    def _refuse(self, node: Element, error: StanzaError) -> None:
        attrs = {key: value for key, value in node.attrs.items() if key not in ("from", "to")}
        reply = error_of(Stanza(node.name, attrs, node.children), error)
        if reply is not None:
            if self._domain:
                reply.attrs["from"] = self._domain
            self.send_text(reply.to_text())


def _is_version_1(text: str) -> bool:
    major, dot, minor = text.partition(".")
    return bool(dot) and major.isdigit() and minor.isdigit() and int(major[:4]) >= 1


