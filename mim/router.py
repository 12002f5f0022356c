"""A stanza and its addressee: where it goes.

    local domain, full JID   -> that session          (or as for the bare JID: messages; or refusal: IQ)
    local domain, bare JID   -> the account           (sessions by priority, handlers of modules, offline)
    local domain             -> the server's handlers
    name of a service        -> the module that registered it (a room service, a directory ...)
    anything else            -> refusal: there is no way to other servers

Everything here is synchronous: no switch of task between read and write when both ends are here. What needs the
database (does this offline account exist? an IQ handler's query) goes on in a task, in order per account.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections import deque
from collections.abc import Callable, Coroutine, Iterable
from typing import Any, Protocol

from mim.clock import Clock
from mim.errors import MimError
from mim.host import Host, Hosts, IqAnswer
from mim.session.presence import Presences
from mim.session.session import Session
from mim.session.table import SessionTable
from mim.xmpp.conditions import StanzaError
from mim.xmpp.element import Element
from mim.xmpp.jid import JID
from mim.xmpp.stanza import IQ_TYPES, Stanza, error_of, result_of

log = logging.getLogger("mim.router")

SUBSCRIPTION_TYPES = frozenset({"subscribe", "subscribed", "unsubscribe", "unsubscribed"})
PRESENCE_TYPES = SUBSCRIPTION_TYPES | {"", "unavailable", "probe", "error", "invisible"}

# An IQ handler returns this when it has answered by itself.
NO_REPLY = Element("", "no-reply")

ServiceHandler = Callable[[Stanza], None]


class AccountDirectory(Protocol):
    """What the router asks about accounts."""

    def exists_now(self, account: JID) -> bool | None:
        """Tell from memory whether the account exists; None = the store must be asked."""
        ...

    async def exists(self, account: JID) -> bool:
        """Tell whether the account exists."""
        ...


class Router:
    """Routes stanzas between local entities; the one place where a target is chosen."""

    def __init__(self, hosts: Hosts, sessions: SessionTable, accounts: AccountDirectory, clock: Clock) -> None:
        self.hosts = hosts
        self.sessions = sessions
        self.accounts = accounts
        self.presences = Presences(sessions, self.route, self.fan_out, clock)
        self._services: dict[str, ServiceHandler] = {}
        self._owners: dict[str, Host] = {}
        self._waiting: dict[JID, deque[tuple[Stanza, asyncio.Future[None]]]] = {}
        self._tasks: set[asyncio.Task[Any]] = set()

    # --- services ---------------------------------------------------------------------------------------------

    def add_service(self, domain: str, handler: ServiceHandler, owner: Host | None = None) -> None:
        """Give all stanzas to *domain* and its nodes to *handler*. *owner*: the host whose module serves it.

        Raises:
            ValueError: the name is served already.
        """
        if domain in self._services or self.hosts.find(domain) is not None:
            raise ValueError(f"{domain} is served already")
        self._services[domain] = handler
        if owner is not None:
            self._owners[domain] = owner

    def remove_service(self, domain: str) -> None:
        """Stop giving stanzas to a service."""
        self._services.pop(domain, None)
        self._owners.pop(domain, None)

    def home_of(self, domain: str) -> tuple[str, ...]:
        """Return the served domains a name belongs to: itself, the one it stands below, or those of its owner."""
        if self.hosts.find(domain) is not None:
            return (domain,)
        if domain not in self._services:
            return ()
        above = domain
        while "." in above:
            above = above.partition(".")[2]
            if self.hosts.find(above) is not None:
                return (above,)
        owner = self._owners.get(domain)
        return () if owner is None else owner.domains

    def is_service(self, domain: str) -> bool:
        """Tell whether a module serves this name."""
        return domain in self._services

    # --- entry points -----------------------------------------------------------------------------------------

    def send_as(self, stanza: Stanza, session: Session | None = None) -> None:
        """Send a stanza in the name of its ``from``, a local user: its host's ``filter_sent`` hooks, then routing."""
        host = self.hosts.find(stanza.from_jid.domain)
        if host is not None:
            try:
                for function in host.hooks.filter_sent:
                    filtered = function(stanza, session)
                    if filtered is None:
                        return
                    stanza = filtered
            except StanzaError as error:
                self.refuse(stanza, error)
                return
        self.route(stanza)

    def route(self, stanza: Stanza) -> None:
        """Deliver a stanza to wherever its ``to`` says, or refuse it to its sender."""
        try:
            self._route(stanza)
        except StanzaError as error:
            self.refuse(stanza, error)
        except Exception:
            log.exception("stanza failed", extra={"kind": stanza.name, "type": stanza.type, "to": str(stanza.to)})
            self.refuse(stanza, StanzaError("internal-server-error"))

    def refuse(self, stanza: Stanza, error: StanzaError) -> None:
        """Send the error reply to a stanza, if one may be sent."""
        reply = error_of(stanza, error)
        if reply is None or reply.to is None:
            return
        if stanza.name == "presence" and stanza.type in ("unavailable", "probe"):
            return
        try:
            self._route(reply)
        except StanzaError:
            return

    def deliver_to_available(self, stanza: Stanza, account: JID) -> None:
        """Give a presence to every available session of a local account, under its full JID."""
        for session in self.sessions.available(account):
            if session.gate is None or session.gate(stanza):
                session.send(stanza.replace(to=session.jid))

    def fan_out(self, stanza: Stanza, recipients: Iterable[JID]) -> None:
        """Deliver one stanza to many full or bare JIDs, as :meth:`route` would each, serialised once.

        The stanza's own ``to`` does not matter. What a recipient's host changes on the way, or cannot deliver to a
        session here, goes the ordinary way.
        """
        for recipient in recipients:
            host = self.hosts.find(recipient.domain)
            targets = [] if host is None or host.hooks.filter_delivered else self._sessions_for(stanza, recipient)
            if host is None or not targets:
                self.route(stanza.replace(to=recipient))
            else:
                self._deliver_shared(stanza, recipient, host, targets)

    def send_all(self, stanzas: Iterable[Stanza], recipient: JID) -> None:
        """Deliver many stanzas to one full JID, in order, as :meth:`route` would each.

        For stanzas that go to others as well, at other times: each is serialised once in its life.
        """
        host = self.hosts.find(recipient.domain)
        session = self.sessions.find(recipient)
        if host is None or session is None or host.hooks.filter_delivered:
            for stanza in stanzas:
                self.route(stanza.replace(to=recipient))
            return
        targets = [session]
        for stanza in stanzas:
            self._deliver_shared(stanza, recipient, host, targets)

    def _deliver_shared(self, stanza: Stanza, recipient: JID, host: Host, targets: list[Session]) -> None:
        """Give a stanza to sessions that are known, in the text all its recipients share unless a filter changes it."""
        hooks = host.hooks
        arrived = stanza
        if hooks.filter_received or (hooks.message_delivered and stanza.name == "message"):
            copy = stanza.replace(to=recipient)
            try:
                filtered = self._received(copy, host, recipient.bare)
            except StanzaError as error:
                self.refuse(copy, error)
                return
            if filtered is None:
                return
            arrived = filtered
            if arrived is copy:
                arrived = stanza
        if stanza.name == "presence":  # a client gets it under its full JID
            for session in targets:
                session.send_text(arrived.shared.to_text(session.jid))
            return
        text = stanza.shared.to_text(recipient) if arrived is stanza else arrived.to_text()
        for session in targets:
            session.send_text(text)
        if arrived.name == "message":
            for told in hooks.message_delivered:
                told(arrived, recipient.bare, targets)

    def _sessions_for(self, stanza: Stanza, recipient: JID) -> list[Session]:
        """Return the sessions that a fan-out may write to without asking anybody; none: it goes the ordinary way."""
        if recipient.resource:
            session = self.sessions.find(recipient)
            return [] if session is None else [session]
        if stanza.name == "presence" and stanza.type in ("", "unavailable"):
            targets = self.sessions.available(recipient)
        elif stanza.name == "message" and recipient not in self._waiting:
            targets = self.sessions.receivers(recipient)
        else:
            return []
        return [] if any(target.gate is not None for target in targets) else targets

    @staticmethod
    def _received(stanza: Stanza, host: Host, account: JID) -> Stanza | None:
        """Return what the recipient's host makes of a stanza; None when it drops it."""
        for function in host.hooks.filter_received:
            filtered = function(stanza, account)
            if filtered is None:
                return None
            stanza = filtered
        return stanza

    # --- routing ----------------------------------------------------------------------------------------------

    def _route(self, stanza: Stanza) -> None:
        to = stanza.to_jid
        host = self.hosts.find(to.domain)
        if host is None:
            handler = self._services.get(to.domain)
            if handler is None:
                raise StanzaError("remote-server-not-found")
            handler(stanza)
        elif stanza.name == "message":
            self._message(stanza, host)
        elif stanza.name == "presence":
            self._presence(stanza, host)
        else:
            self._iq(stanza, host)

    # --- messages ---------------------------------------------------------------------------------------------

    def _message(self, stanza: Stanza, host: Host) -> None:
        to = stanza.to_jid
        if not to.local:
            raise StanzaError("service-unavailable")  # RFC 6121 §8.5.1 leaves messages to the server itself open
        account = to.bare
        if account in self._waiting:
            self._wait_for_turn(stanza, account)
            return
        if not self.sessions.has(account):
            known = self.accounts.exists_now(account)
            if known is None:
                self._waiting[account] = deque()
                self._wait_for_turn(stanza, account)
                self.spawn(self._look_up(account))
                return
            if not known:
                raise StanzaError("service-unavailable", "User not found")
        self._message_to_account(stanza, host, account)

    def _wait_for_turn(self, stanza: Stanza, account: JID) -> None:
        """Hold a stanza whose account is being looked up; the sender's acknowledgement waits with it."""
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        stanza.trail.promises.append(turn)
        self._waiting[account].append((stanza, turn))

    async def _look_up(self, account: JID) -> None:
        try:
            exists: bool | None = await self.accounts.exists(account)
        except MimError:
            exists = None
        for stanza, turn in self._waiting.pop(account):
            host = self.hosts.find(account.domain)
            try:
                if host is None or exists is None:
                    raise StanzaError("internal-server-error")
                if not exists:
                    raise StanzaError("service-unavailable", "User not found")
                self._message_to_account(stanza, host, account)
            except StanzaError as error:
                self.refuse(stanza, error)
            except Exception:
                log.exception("stanza failed", extra={"kind": stanza.name, "to": str(stanza.to)})
                self.refuse(stanza, StanzaError("internal-server-error"))
            finally:
                turn.set_result(None)

    def _message_to_account(self, stanza: Stanza, host: Host, account: JID) -> None:
        arrived = self._received(stanza, host, account)
        if arrived is None:
            return
        targets = self._deliver(arrived, host, account)
        if targets:
            for told in host.hooks.message_delivered:
                told(arrived, account, targets)

    def _deliver(self, stanza: Stanza, host: Host, account: JID) -> list[Session]:
        """Give a message to the account's sessions, or else to who keeps it; return the sessions."""
        to = stanza.to_jid
        session = self.sessions.find(to) if to.resource else None
        # RFC 6121 §8.5.3.2: a full JID that is not connected is treated as the bare one, `to` unchanged.
        targets = [session] if session is not None else self.sessions.receivers(account)
        if session is None and any(target.gate is not None for target in targets):
            targets = [target for target in targets if target.gate is None or target.gate(stanza)]
            if not targets:
                raise StanzaError("service-unavailable")
        for target in targets:
            target.send(stanza)
        kind = stanza.type
        if targets or kind == "error" or any(keep(stanza, account) for keep in host.hooks.message_waiting):
            return targets
        if kind != "groupchat":
            raise StanzaError("service-unavailable", "" if kind == "headline" else "Bounce offline message")
        return targets

    def deliver_again(self, stanza: Stanza) -> None:
        """Deliver a message that had reached its account but not its client: what filters do was done the first time,
        and so were copies.
        """
        account = stanza.to_jid.bare
        host = self.hosts.find(account.domain)
        if host is None:
            return
        try:
            self._deliver(stanza, host, account)
        except StanzaError as error:
            self.refuse(stanza, error)
        except Exception:
            log.exception("stanza failed", extra={"kind": stanza.name, "to": str(stanza.to)})

    # --- presence ---------------------------------------------------------------------------------------------

    def _presence(self, stanza: Stanza, host: Host) -> None:
        to = stanza.to_jid
        kind = stanza.type
        if kind not in PRESENCE_TYPES:
            raise StanzaError("bad-request", f"{kind!r} is no presence type")
        if not to.local:
            return  # presence to the server itself: nobody is watching
        account = to.bare
        arrived = self._received(stanza, host, account)
        if arrived is None:
            return
        stanza = arrived
        if kind in SUBSCRIPTION_TYPES:
            bare = stanza.replace(sender=stanza.from_jid.bare, to=account)
            for question in host.hooks.presence_subscription_received:
                if question(bare, account):
                    return
        elif kind == "probe":
            self.presences.answer_probe(to, stanza.from_jid, host)
        elif to.resource:
            session = self.sessions.find(to)
            if session is not None:
                session.send(stanza)
        else:
            self.deliver_to_available(stanza, account)

    # --- IQ ---------------------------------------------------------------------------------------------------

    def _iq(self, stanza: Stanza, host: Host) -> None:
        to = stanza.to_jid
        kind = stanza.type
        if kind not in IQ_TYPES:
            raise StanzaError("bad-request", f"{kind!r} is no IQ type")
        if to.local:
            arrived = self._received(stanza, host, to.bare)
            if arrived is None:
                return
            stanza = arrived
        if to.local and to.resource:
            session = self.sessions.find(to)
            if session is not None:
                session.send(stanza)
            elif kind in ("get", "set"):
                raise StanzaError("service-unavailable", "Route offline")
            return
        if kind not in ("get", "set"):
            return  # results and errors to a bare JID are dropped
        payload = stanza.payload
        if payload is None or sum(1 for _ in stanza.elements()) != 1:
            raise StanzaError("bad-request", "an IQ carries exactly one element")
        scope = "account" if to.local else "server"
        handler = host.iq_handlers.get((scope, kind, payload.ns, payload.name))
        if handler is None:
            handler = host.iq_handlers.get((scope, kind, payload.ns, "*"))
        if handler is not None:
            self.answer(stanza, handler)
        elif to.local:
            raise StanzaError("service-unavailable")
        else:
            raise StanzaError("feature-not-implemented", "Local server does not implement this feature")

    def answer(self, stanza: Stanza, handler: Callable[[Stanza], IqAnswer]) -> None:
        """Ask *handler* for the answer to an IQ and route it; services use this too.

        A handler may be a coroutine; then the answer follows, and ``stanza.trail.promises`` holds a future for it.
        """
        try:
            answer = handler(stanza)
        except (StanzaError, MimError) as error:
            self._refuse_iq(stanza, error)
            return
        if inspect.isawaitable(answer):
            stanza.trail.promises.append(self.spawn(self._answer_later(stanza, answer)))
        else:
            self._answered(stanza, answer)

    async def _answer_later(self, stanza: Stanza, answer: Any) -> None:
        try:
            payload = await answer
        except (StanzaError, MimError) as error:
            self._refuse_iq(stanza, error)
        except Exception:
            log.exception("IQ handler failed", extra={"kind": stanza.type, "to": str(stanza.to)})
            self.refuse(stanza, StanzaError("internal-server-error"))
        else:
            self._answered(stanza, payload)

    def _answered(self, stanza: Stanza, payload: Element | None) -> None:
        if payload is not NO_REPLY and stanza.sender is not None:
            self.route(result_of(stanza, payload))

    def _refuse_iq(self, stanza: Stanza, error: StanzaError | MimError) -> None:
        self.refuse(stanza, error if isinstance(error, StanzaError) else StanzaError.from_refusal(error))

    # --- tasks ------------------------------------------------------------------------------------------------

    def spawn(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        """Run *work* in a task that is kept until it ends."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def drain(self) -> None:
        """Return when every task started so far has ended."""
        while self._tasks:
            await asyncio.wait(list(self._tasks))
            await asyncio.sleep(0)


def own_account(iq: Stanza, text: str = "") -> JID:
    """Return the account an IQ addresses, which must be the sender's own; raise forbidden otherwise."""
    if iq.from_jid.bare != iq.to_jid.bare:
        raise StanzaError("forbidden", text)
    return iq.to_jid.bare
