"""``[acl]`` and ``[access]`` at work: which value a rule gives for whom."""

from __future__ import annotations

import fnmatch
import functools
import re
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from mim.config.sections.rules import ALLOW_ALL, Clause, Pattern
from mim.xmpp.jid import JID

BUILT_IN: Mapping[str, str] = {"all": "allow", "none": "deny"}
"""Rules that exist without being written."""


@dataclass(slots=True)
class ServedDomains:
    """The domains served now, each with the name of its host; host types' domains come and go."""

    hosts: dict[str, str] = field(default_factory=dict)

    def __contains__(self, domain: object) -> bool:
        return domain in self.hosts


class AccessRules:
    """The classes and rules that hold for one host, or outside any."""

    def __init__(
        self,
        acl: Mapping[str, Sequence[Pattern]],
        access: Mapping[str, Sequence[Clause]],
        served: ServedDomains,
    ) -> None:
        self._classes = {name: [_matcher(pattern, served) for pattern in patterns] for name, patterns in acl.items()}
        self._rules = {name: [(clause.acl, clause.value) for clause in clauses] for name, clauses in access.items()}

    def value(self, rule: str, jid: JID, domain: str) -> str | int | None:
        """Return the value a rule gives for *jid* as a guest or user of *domain* (empty = of no domain).

        The first clause whose class matches decides; "deny" when none does, None when there is no such rule.
        """
        clauses = self._rules.get(rule)
        if clauses is None:
            return BUILT_IN.get(rule)
        for name, value in clauses:
            if self._is_member(name, jid, domain):
                return value
        return "deny"

    def _is_member(self, name: str, jid: JID, domain: str) -> bool:
        if name in BUILT_IN:
            return name == "all"
        return any(matches(jid, domain) for matches in self._classes.get(name, ()))


Matcher = Callable[[JID, str], bool]
_PARTS: dict[str, Callable[[JID], str]] = {
    "user": lambda jid: jid.local,
    "server": lambda jid: jid.domain,
    "resource": lambda jid: jid.resource.casefold(),  # values of the file are case-folded as well
}


def _matcher(pattern: Pattern, served: ServedDomains) -> Matcher:
    """Return the function that tells whether somebody fits a pattern: its domain and all of its conditions."""
    conditions: list[Callable[[JID], bool]] = []
    for part in ("user", "server", "resource"):
        conditions += _conditions(pattern, part)
    where = pattern.match

    def matches(jid: JID, domain: str) -> bool:
        if where == "none" or (where == "current_domain" and jid.domain != domain):
            return False
        if where == "any_hosted_domain" and jid.domain not in served:
            return False
        return all(condition(jid) for condition in conditions)

    return matches


def _conditions(pattern: Pattern, part: str) -> Iterable[Callable[[JID], bool]]:
    of = _PARTS[part]
    equal = getattr(pattern, part)
    if equal is not None:
        yield lambda jid: of(jid) == equal
    regexp = getattr(pattern, f"{part}_regexp")
    if regexp is not None:
        yield lambda jid: compiled(regexp).search(of(jid)) is not None
    glob = getattr(pattern, f"{part}_glob")
    if glob is not None:
        match = re.compile(fnmatch.translate(glob)).match
        yield lambda jid: match(of(jid)) is not None


@functools.cache
def compiled(regexp: str) -> re.Pattern[str]:
    """Return a regular expression of the file, compiled.

    Raises:
        ValueError: it is none that Python's re can read.
    """
    with warnings.catch_warnings(action="ignore"):
        try:
            return re.compile(regexp)
        except (re.error, RecursionError, OverflowError) as error:
            raise ValueError(str(error)) from None


def joined_acl(everywhere: Mapping[str, list[Pattern]], here: Mapping[str, list[Pattern]]) -> dict[str, list[Pattern]]:
    """Return the classes of both; a class of both has the patterns of the first, then those of the second."""
    joined = dict(everywhere)
    for name, patterns in here.items():
        before = everywhere.get(name, [])
        joined[name] = before if before == patterns else [*before, *patterns]
    return joined


def joined_access(everywhere: Mapping[str, list[Clause]], here: Mapping[str, list[Clause]]) -> dict[str, list[Clause]]:
    """Return the rules of both; a last clause of the first that allows everybody stays the last."""
    joined = dict(everywhere)
    for name, clauses in here.items():
        before = everywhere.get(name, [])
        if before == clauses:
            continue
        if before and before[-1] == ALLOW_ALL:
            joined[name] = [*before[:-1], *clauses, ALLOW_ALL]
        else:
            joined[name] = [*before, *clauses]
    return joined
