"""What the commands of all subjects share: reading addresses and finding hosts."""

from __future__ import annotations

from typing import TypeVar

from mim.errors import BadRequest, InvalidJid, NotFound
from mim.plugin import JID, Host, Module, Options
from mim.xmpp.jid import prepare_domain

T = TypeVar("T")


class Commands(Module[Options]):
    """Base of the commands of one subject."""

    def host_of(self, address: JID) -> Host:
        """Return the host that serves an address.

        Raises:
            NotFound: nobody here serves its domain.
        """
        host = self.api.hosts.find(address.domain)
        if host is None:
            raise NotFound("domain not found")
        return host

    def capability(self, address: JID, kind: type[T], missing: str) -> T:
        """Return what a module of the address's host offers as *kind*.

        Raises:
            NotFound: the domain is not served, or no such module runs there (then with the text *missing*).
        """
        found = self.host_of(address).find(kind)
        if found is None:
            raise NotFound(missing)
        return found


def parse_jids(*texts: str) -> list[JID]:
    """Return the JIDs that all the texts stand for.

    Raises:
        BadRequest: some are none; all of them are named.
    """
    jids: list[JID] = []
    refusals: list[str] = []
    for text in texts:
        try:
            jids.append(JID.parse(text))
        except InvalidJid as refused:
            refusals.append(refused.text)
    if refusals:
        raise BadRequest("; ".join(refusals))
    return jids


def account_of(host: str, user: str) -> JID:
    """Return the bare JID of an account named by its parts.

    Raises:
        InvalidJid: the parts make none, or the user part is empty.
    """
    account = JID.of(user, host)
    if not account.local:
        raise InvalidJid(f"{user}@{host}")
    return account


def prepared_domain(text: str) -> str | None:
    """Return a domain argument prepared, None when it is no domain name."""
    try:
        return prepare_domain(text)
    except InvalidJid:
        return None
