"""In-band registration (XEP-0077): accounts made, changed and removed by clients themselves."""

from __future__ import annotations

import ipaddress
import math
import re
from collections import OrderedDict
from collections.abc import Awaitable
from typing import Literal

from mim.config import AccessRuleName, IpOrCidr, JidText, ModuleOptions, Options
from mim.errors import EmptyPassword, InvalidJid
from mim.plugin import (
    JID,
    NO_REPLY,
    Clock,
    Element,
    Module,
    Stanza,
    StanzaError,
    Xep,
    element,
    hookimpl,
    iq_handler,
    option,
    own_account,
    result_of,
)
from mim.xmpp import ns
from mim.xmpp.stanza import body, message

HOW_TO = "Choose a username and password to register with this server"
CHARACTERS = (
    (10, re.compile("[0-9]")),
    (26, re.compile("[a-z]")),
    (26, re.compile("[A-Z]")),
    (33, re.compile("[ -/:-@\\[-`{-~]")),
    (128, re.compile("[^ -~]")),
)
"""The kinds of characters in a password, and how many there are of each."""
MAX_SOURCES = 100_000
"""How many recent registrations are remembered; beyond it the oldest are forgotten."""


class WelcomeMessage(Options):
    """``[modules.mod_register.welcome_message]``."""

    subject: str = option("", help="Subject of the message to new users.")
    body: str = option("", help="Its text; no message is sent when both are empty.")


class IpAccess(Options):
    """An item of ``[[modules.mod_register.ip_access]]``."""

    address: IpOrCidr = option(help="Address or network.")
    policy: Literal["allow", "deny"] = option(help="Whether clients from there may register.")


class RegisterOptions(ModuleOptions):
    """``[modules.mod_register]``."""

    access: AccessRuleName = option("all", help="Access rule: which user names may be registered, and removed.")
    welcome_message: WelcomeMessage = option(WelcomeMessage(), help="Sent to who has registered.")
    registration_watchers: list[JidText] = option([], help="Told of each registration.")
    password_strength: int = option(0, minimum=0, unit="bits", help="Least entropy of a password; 0 = not checked.")
    ip_access: list[IpAccess] = option([], help="The first entry that matches decides; none: allowed.")


class RecentSources:
    """Who has registered within the last *seconds*; in memory, so a restart forgets it."""

    def __init__(self, clock: Clock, seconds: float) -> None:
        self._clock = clock
        self._seconds = seconds
        self._claimed: OrderedDict[str, float] = OrderedDict()

    def claim(self, source: str) -> bool:
        """Note a registration from *source*; False when there was one already."""
        now = self._clock.monotonic()
        while self._claimed:
            oldest, at = next(iter(self._claimed.items()))
            if now - at < self._seconds and len(self._claimed) < MAX_SOURCES:
                break
            del self._claimed[oldest]
        if source in self._claimed:
            return False
        self._claimed[source] = now
        return True

    def release(self, source: str) -> None:
        """Take back a claim whose registration failed."""
        self._claimed.pop(source, None)


class ModRegister(Module[RegisterOptions]):
    """Answers jabber:iq:register before and after login."""

    Options = RegisterOptions
    features = (ns.REGISTER,)
    xeps = (Xep(77, "2.4", "without data forms"),)

    async def start(self) -> None:
        """Read the options that are asked for with each registration."""
        timeout = self.api.host.config.general.registration_timeout
        self._sources = None if timeout == "infinity" else RecentSources(self.api.clock, timeout)
        self._networks = [
            (ipaddress.ip_network(entry.address), entry.policy == "allow") for entry in self.options.ip_access
        ]

    # --- before login -----------------------------------------------------------------------------------------

    @hookimpl
    def stream_features(self, authenticated: bool) -> list[Element]:
        """Advertise registration to clients that have not logged in (XEP-0077 §8)."""
        return [] if authenticated else [element(ns.REGISTER_FEATURE, "register")]

    @hookimpl
    def unauthenticated_iq(self, stanza: Stanza, peer_address: str) -> Awaitable[Element | None] | None:
        """Answer a registration IQ; the stream waits for the answer."""
        query = stanza.payload
        if query is None or query.ns != ns.REGISTER or query.name != "query":
            return None
        return self._answer_stranger(stanza, query, peer_address)

    async def _answer_stranger(self, iq: Stanza, query: Element, address: str) -> Element | None:
        if sum(1 for _ in iq.elements()) != 1:
            raise StanzaError("bad-request", "an IQ carries exactly one element")
        if iq.type == "get":
            return registration_form()
        if query.find(ns.REGISTER, "remove") is not None:
            raise StanzaError("not-allowed")
        await self._register(query, iq.to_jid.domain, address, source_of(address))
        return None

    # --- after login ------------------------------------------------------------------------------------------

    @iq_handler("get", ns.REGISTER, "query", to="server account")
    def tell(self, iq: Stanza) -> Element:
        """Return what a registration takes, or that the sender is registered (XEP-0077 §3.1)."""
        if iq.to_jid.local:
            own_account(iq)
        is_own_server = iq.from_jid.domain == iq.to_jid.domain
        return registration_form(iq.from_jid.local if is_own_server else "")

    @iq_handler("set", ns.REGISTER, "query", to="server account")
    async def change(self, iq: Stanza) -> Element | None:
        """Remove the sender's account, change its password, or register another one (XEP-0077 §3.1 to §3.3)."""
        session = self.api.sessions.find(iq.from_jid)
        if iq.to_jid.local:
            own_account(iq)
        if session is None:
            raise StanzaError("not-allowed")
        query = iq.payload
        assert query is not None
        if query.find(ns.REGISTER, "remove") is not None:
            return await self._remove(iq, query)
        domain = iq.to_jid.domain
        if read_username(query, domain, missing="bad-request") == session.account:
            await self._change_password(query, session.account)
        else:
            await self._register(query, domain, session.connection.peer_address, str(session.account))
        return None

    async def _remove(self, iq: Stanza, query: Element) -> Element:
        """Remove the sender's account; its result goes out first, on the stream that ends then."""
        account = iq.from_jid.bare
        if sum(1 for _ in query.elements()) != 1:
            raise StanzaError("bad-request", "nothing stands beside remove")
        if account.domain != iq.to_jid.domain or not self._is_allowed(account):
            raise StanzaError("not-allowed")
        await self.api.accounts.remove(account, acknowledge=lambda: self.api.router.route(result_of(iq)))
        self.api.log.info("account removed itself", extra={"jid": str(account)})
        return NO_REPLY

    async def _change_password(self, query: Element, account: JID) -> None:
        password = query.child_text(ns.REGISTER, "password") or ""
        if password:
            self._check_strength(password)
        try:
            await self.api.accounts.set_password(account, password)
        except EmptyPassword as error:
            raise StanzaError("bad-request", error.text) from None

    # --- registering ------------------------------------------------------------------------------------------

    async def _register(self, query: Element, domain: str, address: str, source: str) -> None:
        """Make an account; it is on disk when this returns.

        Raises:
            StanzaError, MimError: why not.
        """
        account = read_username(query, domain, missing="not-acceptable")
        if not self._is_allowed(account) or not self._may_register_from(address):
            raise StanzaError("forbidden")
        password = query.child_text(ns.REGISTER, "password")
        if not password:
            raise EmptyPassword
        self._check_strength(password)
        # Claimed before the work, so that many at once from one source do not all get through.
        if self._sources is not None and not self._sources.claim(source):
            raise StanzaError("resource-constraint", "wait before registering another account")
        try:
            await self.api.accounts.register(account, password)
        except BaseException:
            if self._sources is not None:
                self._sources.release(source)
            raise
        self.api.log.info("account registered", extra={"jid": str(account), "address": address})
        self._greet(account)
        self._tell_watchers(account, address)

    def _is_allowed(self, account: JID) -> bool:
        return self.api.host.config.access_value(self.options.access, account) == "allow"

    def _may_register_from(self, address: str) -> bool:
        ip = read_ip(address)
        for network, allowed in self._networks:
            if ip is not None and ip in network:
                return allowed
        return True

    def _check_strength(self, password: str) -> None:
        if entropy(password) < self.options.password_strength:
            raise StanzaError("not-acceptable", "The password is too weak")

    def _greet(self, account: JID) -> None:
        welcome = self.options.welcome_message
        if welcome.subject or welcome.body:
            subject = element(ns.CLIENT, "subject", welcome.subject) if welcome.subject else None
            text = body(welcome.body) if welcome.body else None
            self.api.router.route(message(subject, text, sender=JID("", account.domain), to=account))

    def _tell_watchers(self, account: JID, address: str) -> None:
        when = self.api.clock.now().strftime("%Y-%m-%d %H:%M:%S UTC")
        text = f"[{when}] The account {account} was registered from {address} on node {self.api.node_name}."
        for watcher in self.options.registration_watchers:
            notice = message(body(text), sender=JID("", account.domain), to=JID.parse(watcher), type="chat")
            self.api.router.route(notice)


def registration_form(username: str = "") -> Element:
    """Return the fields of a registration; *username*: who asks is registered under that name."""
    return element(
        ns.REGISTER,
        "query",
        element(ns.REGISTER, "registered") if username else None,
        element(ns.REGISTER, "instructions", HOW_TO),
        element(ns.REGISTER, "username", username or None),
        element(ns.REGISTER, "password"),
    )


def read_username(query: Element, domain: str, *, missing: str) -> JID:
    """Return the account a request names.

    Raises:
        StanzaError: the name is none (bad-request), or there is no element for it (the condition *missing*).
    """
    username = query.child_text(ns.REGISTER, "username")
    if username is None:
        raise StanzaError(missing, "a username is missing")
    try:
        account = JID.of(username, domain)
    except InvalidJid:
        raise StanzaError("bad-request", "not a username") from None
    if not account.local:
        raise StanzaError("bad-request", "not a username")
    return account


def read_ip(address: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """Return an address as a value, an IPv4 one in IPv6 clothes as IPv4; None when it is none."""
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return None
    mapped = ip.ipv4_mapped if isinstance(ip, ipaddress.IPv6Address) else None
    return mapped or ip


def source_of(address: str) -> str:
    """Return whom an address counts as: IPv6 users have a whole /64 each."""
    ip = read_ip(address)
    if isinstance(ip, ipaddress.IPv6Address):
        return str(ipaddress.ip_network((int(ip), 64), strict=False))
    return address if ip is None else str(ip)


def entropy(password: str) -> float:
    """Return the bits of a password, as if each character were drawn from the kinds of characters it uses."""
    pool = sum(size for size, kind in CHARACTERS if kind.search(password))
    return len(password) * math.log2(pool) if pool else 0.0


setup = ModRegister
