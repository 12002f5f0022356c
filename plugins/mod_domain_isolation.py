"""Domain isolation: the users and services of one local domain cannot reach those of another.

Other servers are not concerned: what may be reached there is not for this module to say.
"""

from __future__ import annotations

from mim.config import Options
from mim.plugin import JID, Module, Session, Stanza, StanzaError, hookimpl

REFUSAL = "Filtered by the domain isolation"


class DomainIsolationOptions(Options):
    """``[modules.mod_domain_isolation]``: no options."""


class ModDomainIsolation(Module[DomainIsolationOptions]):
    """Refuses what would cross from one served domain to another, in both directions."""

    Options = DomainIsolationOptions

    @hookimpl(tryfirst=True)
    def filter_sent(self, stanza: Stanza, session: Session | None) -> Stanza:
        """Refuse what goes to another domain."""
        if stanza.to is not None:
            self._check(stanza.from_jid, stanza.to)
        return stanza

    @hookimpl(tryfirst=True)
    def filter_received(self, stanza: Stanza, account: JID) -> Stanza:
        """Refuse what comes from another domain; the sender's host may have no such module."""
        if stanza.type != "error":  # our own refusals look as if they came from there
            self._check(stanza.from_jid, account)
        return stanza

    @hookimpl(tryfirst=True)
    def filter_broadcast(self, stanza: Stanza, session: Session) -> Stanza | None:
        """Keep presence at home."""
        return None if self._are_apart(stanza.from_jid.domain, stanza.to_jid.domain) else stanza

    def _check(self, sender: JID, to: JID) -> None:
        if sender.domain != to.domain and self._are_apart(sender.domain, to.domain):
            raise StanzaError("service-unavailable", REFUSAL)

    def _are_apart(self, one: str, other: str) -> bool:
        """Tell whether two names belong to different served domains; a service belongs to the domain it is below."""
        if one == other:
            return False
        homes, others = self.api.router.home_of(one), self.api.router.home_of(other)
        return bool(homes) and bool(others) and not set(homes) & set(others)


setup = ModDomainIsolation
