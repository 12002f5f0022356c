"""A file read, checked and combined: text in, :class:`Config` or all of its problems out."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from mim.config.access import AccessRules, ServedDomains, joined_access, joined_acl
from mim.config.availability import unavailable
from mim.config.document import Elsewhere, read_document, with_environment, with_values_from_elsewhere
from mim.config.errors import MISSING, ConfigErrors, Problem, shown
from mim.config.kinds import Report
from mim.config.lines import place_of, places_of
from mim.config.modules import Modules, info_of
from mim.config.sections import Auth, General, HostSection, Listen, OutgoingPools, S2s, Services, Top
from mim.config.strict import StrictChecks, module_sections
from mim.config.tables import Options, checked_table, with_options
from mim.config.tiers import Tiers, tiers_of
from mim.config.walk import written_options
from mim.xmpp.jid import JID

Stage = Literal["load", "strict", "serve"]
"""How far to check: what MongooseIM refuses too; what it misbehaves on; what this version cannot do yet."""


@dataclass(frozen=True, slots=True)
class Notice:
    """Something the administrator should know about a file that is good."""

    level: str
    """"warning" or "info"."""
    text: str

    def __str__(self) -> str:
        return f"{self.level}: {self.text}"


@dataclass(frozen=True, slots=True)
class HostConfig:
    """The options of one host, or of one host type."""

    name: str
    general: General
    auth: Auth
    modules: dict[str, Options]
    """The modules to run."""
    s2s: S2s
    rules: AccessRules
    shapers: Mapping[str, int]
    """The rates of ``[shaper]``, per second."""
    is_host_type: bool = False
    """Its domains come and go; a host has one, which is its name."""

    def access_value(self, rule: str, jid: JID, domain: str = "") -> str | int | None:
        """Return the value an access rule gives for *jid*; None when the rule is not defined.

        *domain* is the served domain that is asked: what ``current_domain`` means. Not given, it is the host's name,
        or for a host type the domain of *jid*.
        """
        return self.rules.value(rule, jid, domain or (jid.domain if self.is_host_type else self.name))

    def allows(self, rule: str, jid: JID, domain: str = "") -> bool:
        """Tell whether an access rule gives "allow" for *jid*."""
        return self.access_value(rule, jid, domain) == "allow"

    def rate(self, rule: str, jid: JID, domain: str = "") -> int | None:
        """Return the rate per second of the shaper that an access rule names for *jid*; None = no limit."""
        value = self.access_value(rule, jid, domain)
        return self.shapers.get(value) if isinstance(value, str) else None


@dataclass(frozen=True, slots=True)
class Config:
    """A whole file, checked. ``hosts`` holds the options per host, in the order of the file, then per host type."""

    general: General
    listen: Listen
    outgoing_pools: OutgoingPools
    services: Services
    hosts: dict[str, HostConfig]
    rules: AccessRules
    """The rules for what belongs to no host."""
    served: ServedDomains
    shapers: Mapping[str, int]
    top: Top
    """The file as it is written."""
    tiers: Tiers = field(default_factory=Tiers)
    notices: list[Notice] = field(default_factory=list)
    origins: Mapping[str, str] = field(default_factory=dict)
    """Where values came from that did not stand in the file, by path; they are never shown themselves."""


def load_file(path: Path, *, modules: Modules, environment: Mapping[str, str] | None = None) -> Config:
    """Read a file; see :func:`load`. Raises OSError when it cannot be read."""
    return load(path.read_bytes(), modules=modules, environment=environment)


def load(
    text: str | bytes,
    *,
    modules: Modules,
    environment: Mapping[str, str] | None = None,
    until: Stage = "serve",
    makes_certificates: bool = False,
) -> Config:
    """Return the checked configuration.

    *makes_certificates*: whoever asks makes a self-signed certificate for a c2s listener that names none; it is a
    warning then, and no problem (X7).

    *environment* (default: that of the process) gives ``MIM__…`` overrides and the values of ``${…}``.

    Raises:
        ConfigErrors: the text is no TOML, or has problems; all of one stage are told at once.
    """
    environment = os.environ if environment is None else environment
    document = read_document(text)
    problems = with_environment(document, environment)
    problems += with_values_from_elsewhere(document, environment)
    report = Report(modules)
    top = checked_table(Top, document, "", report)
    assert isinstance(top, Top)
    problems += report.problems
    problems += _for_dynamic_domains(document, modules)
    _raise(problems, text, document)
    written = list(written_options(top, document))
    warnings: list[str] = []
    if until != "load":
        strict = StrictChecks(top, document, written, modules, makes_certificates)
        strict.run()
        _raise(strict.problems, text, document)
        warnings = strict.warnings
    if until == "serve":
        _raise(list(unavailable(written, modules)), text, document)
    tiers = tiers_of(written, top)
    origins = {item.path: shown(item.raw) for item in written if _is_from_elsewhere(item.raw)}
    return _combined(top, modules, tiers, list(_notices(tiers, warnings)), origins)


def _is_from_elsewhere(raw: Any) -> bool:
    return isinstance(raw, Elsewhere) or (isinstance(raw, list) and any(isinstance(item, Elsewhere) for item in raw))


def _for_dynamic_domains(document: dict[str, Any], modules: Modules) -> Iterator[Problem]:
    """L2: what runs for host types works with domains that come and go."""
    general = document.get("general")
    host_types = general.get("host_types") if isinstance(general, dict) else None
    if not isinstance(host_types, list) or not host_types:
        return
    for path, sections in module_sections(document):
        if path != "modules":
            entry = document["host_config"][int(path.partition("[")[2].partition("]")[0])]
            if entry.get("host_type", entry.get("host")) not in host_types:
                continue
        for name, section in sections.items():
            info = info_of(modules, name) if name.startswith("mod_") else None
            if info is not None and not info.dynamic_domains:
                yield Problem(f"{path}.{name}", shown(section), "does not work for host types (general.host_types)")


def _raise(problems: list[Problem], text: str | bytes, document: dict[str, Any]) -> None:
    """Raise all problems with the places they are written at, if there are any."""
    if not problems:
        return
    source = text.decode() if isinstance(text, bytes) else text
    places = places_of(source)
    raise ConfigErrors(
        problem if problem.place else problem.at(_origin(document, problem) or place_of(places, problem.path))
        for problem in problems
    )


def _origin(document: dict[str, Any], problem: Problem) -> str:
    """Return the environment variable that gave a value; empty for what stands in the file."""
    return "environment" if problem.found.startswith("(environment variable ") and problem.found != MISSING else ""


def _notices(tiers: Tiers, warnings: list[str]) -> Iterator[Notice]:
    for text in warnings:
        yield Notice("warning", text)
    if tiers.warning():
        yield Notice("warning", tiers.warning())
    if tiers.notice():
        yield Notice("info", tiers.notice())


def _combined(
    top: Top, modules: Modules, tiers: Tiers, notices: list[Notice], origins: Mapping[str, str]
) -> Config:
    """Return what holds for each host (contract/config, section 10)."""
    served = ServedDomains({name: name for name in top.general.hosts})
    shapers = {name: shaper.max_rate for name, shaper in top.shaper.items()}
    hosts = {}
    for name in (*top.general.hosts, *top.general.host_types):
        own = [section for section in top.host_config if section.name == name]
        hosts[name] = _host(name, top, own, modules, served, shapers)
    return Config(
        general=top.general,
        listen=top.listen,
        outgoing_pools=top.outgoing_pools,
        services=top.services,
        hosts=hosts,
        rules=AccessRules(top.acl, top.access, served),
        served=served,
        shapers=shapers,
        top=top,
        tiers=tiers,
        notices=notices,
        origins=origins,
    )


def _host(
    name: str, top: Top, own: list[HostSection], modules: Modules, served: ServedDomains, shapers: Mapping[str, int]
) -> HostConfig:
    def last(section: str) -> Any:
        return next((value for entry in reversed(own) if (value := vars(entry).get(section)) is not None), None)

    general = top.general
    if last("general") is not None:
        general = with_options(general, **vars(last("general")))
    auth, s2s, sections = last("auth"), last("s2s"), last("modules")
    return HostConfig(
        name=name,
        general=general,
        auth=top.auth if auth is None else auth,
        modules=_runnable(top.modules if sections is None else sections, modules),
        s2s=top.s2s if s2s is None else s2s,
        rules=AccessRules(
            joined_acl(top.acl, last("acl") or {}), joined_access(top.access, last("access") or {}), served
        ),
        shapers=shapers,
        is_host_type=name not in top.general.hosts,
    )


def _runnable(sections: dict[str, Options], modules: Modules) -> dict[str, Options]:
    """Return the sections of modules that this version has; the others are of tiers B and C, and named at start."""
    runnable = {}
    for name, options in sections.items():
        info = info_of(modules, name)
        if info is not None and info.is_available:
            runnable[name] = options
    return runnable
