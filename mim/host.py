"""A host: one host type with the domains it serves, its options, its modules and what they have registered."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from typing import TYPE_CHECKING, Any, TypeVar

from mim.errors import Conflict, NotFound
from mim.hooks import HookTable
from mim.xmpp.element import Element
from mim.xmpp.stanza import Stanza

if TYPE_CHECKING:
    from mim.config import HostConfig
    from mim.config.access import ServedDomains
    from mim.session.connection import Stream

T = TypeVar("T")

IqAnswer = Element | Awaitable[Element | None] | None
IqHandler = Callable[[Stanza], IqAnswer]

# To whom an IQ is addressed: "server" = the domain itself, "account" = a bare JID, answered on the user's behalf.
IqKey = tuple[str, str, str, str]  # scope, type, namespace, name

# First-level elements of a stream that are no stanzas, by namespace and name; "*" = any.
NonzaKey = tuple[str, str]
NonzaHandler = Callable[["Stream", Element], Awaitable[None] | None]


class Host:
    """One host type at run time. Its modules see only its hooks, handlers and providers."""

    def __init__(self, name: str, domains: tuple[str, ...], config: HostConfig) -> None:
        self.name = name
        self.domains = domains
        self.config = config
        self.hooks = HookTable()
        self.iq_handlers: dict[IqKey, IqHandler] = {}
        self.nonza_handlers: dict[NonzaKey, NonzaHandler] = {}
        self._providers: dict[type, Any] = {}
        self._features: dict[str, tuple[str, ...]] = {}

    def provide(self, kind: type[T], implementation: T) -> None:
        """Offer *implementation* as the host's *kind* (a Protocol of :mod:`mim.capabilities`)."""
        self._providers[kind] = implementation

    def withdraw(self, kind: type) -> None:
        """Take an offer back."""
        self._providers.pop(kind, None)

    def find(self, kind: type[T]) -> T | None:
        """Return what a running module offers as *kind*, or None."""
        return self._providers.get(kind)

    def nonza_handler(self, node: Element) -> NonzaHandler | None:
        """Return who handles a first-level element that is no stanza, or None."""
        for key in ((node.ns, node.name), (node.ns, "*"), ("*", node.name)):
            handler = self.nonza_handlers.get(key)
            if handler is not None:
                return handler
        return None

    def set_features(self, owner: str, features: tuple[str, ...]) -> None:
        """Announce a module's disco features; an empty tuple takes them back."""
        if features:
            self._features[owner] = features
        else:
            self._features.pop(owner, None)

    def features(self) -> list[str]:
        """Return the disco#info features of the server, sorted (XEP-0030 §3)."""
        return sorted({"iq", "presence", "presence-invisible"}.union(*self._features.values()))


class Hosts:
    """The hosts by the domains they serve.

    *served* is what access rules know of the domains (``match = "any_hosted_domain"``); it is kept current here.
    """

    def __init__(self, hosts: list[Host], served: ServedDomains | None = None) -> None:
        self._hosts = hosts
        self._by_domain = {domain: host for host in hosts for domain in host.domains}
        self._served = served

    def add(self, host: Host) -> None:
        """Serve another host, with its domains."""
        self._hosts.append(host)
        self._by_domain.update(dict.fromkeys(host.domains, host))

    def remove(self, host: Host) -> None:
        """Serve a host no more."""
        self._hosts.remove(host)
        self._by_domain = {domain: other for domain, other in self._by_domain.items() if other is not host}

    def add_domain(self, domain: str, host: Host) -> None:
        """Serve a prepared domain as one of a host type's.

        Raises:
            Conflict: it is served already.
        """
        if domain in self._by_domain:
            raise Conflict(f"{domain} is served already")
        host.domains = (*host.domains, domain)
        self._by_domain[domain] = host
        if self._served is not None:
            self._served.hosts[domain] = host.name

    def remove_domain(self, domain: str) -> None:
        """Serve a domain no more.

        Raises:
            NotFound: it is not served.
        """
        host = self._by_domain.pop(domain, None)
        if host is None:
            raise NotFound(f"{domain} is not served here")
        host.domains = tuple(other for other in host.domains if other != domain)
        if self._served is not None:
            self._served.hosts.pop(domain, None)

    def follow(self, served: ServedDomains) -> None:
        """Keep another file's domains current, now and from here on."""
        for domain, host in self._by_domain.items():
            served.hosts.setdefault(domain, host.name)
        self._served = served

    def __iter__(self) -> Iterator[Host]:
        return iter(self._hosts)

    def find(self, domain: str) -> Host | None:
        """Return the host that serves a prepared domain, or None."""
        return self._by_domain.get(domain)

    def by_name(self, name: str) -> Host | None:
        """Return the host of that name."""
        return next((host for host in self._hosts if host.name == name), None)

    def domains(self) -> list[str]:
        """Return all served domains."""
        return list(self._by_domain)
