"""The strict rules X1 to X12 (contract/config, section 2): what MongooseIM lets pass and then fails on."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mim.config.access import compiled
from mim.config.errors import MISSING, Problem, names_listed, nearest, quoted, shown
from mim.config.modules import Modules, info_of
from mim.config.old_names import INNER_MODULES
from mim.config.options import IqDisc
from mim.config.sections import Auth, Clause, Top
from mim.config.tables import Options, is_written, kinds_of
from mim.config.walk import Written, built_in, refers_to


@dataclass(slots=True)
class StrictChecks:
    """One file under the strict rules; it has passed all others."""

    top: Top
    document: dict[str, Any]
    written: list[Written]
    modules: Modules
    makes_certificates: bool = False
    problems: list[Problem] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    def run(self) -> None:
        """Find every problem and every warning."""
        for item in self.written:
            self._names(item)
            self._expressions(item)
            self._stores(item)
        self._command_line_rules()
        self._shapers_given_by_rules()
        self._pools_not_written()
        self._host_names()
        self._certificates()
        self._inner_modules()
        self._iqdisc()
        self._warn()

    # --- what is named ----------------------------------------------------------------------------------------

    def _rules(self) -> set[str]:
        names = set(self.top.access)
        return names.union(*(section.access for section in self.top.host_config))

    def _names(self, item: Written) -> None:
        """X1, X2, X3, X6, X8: what a name stands for exists."""
        kind = item.kind
        if refers_to(getattr(kind, "item", kind)) == "tls version":
            versions = built_in(getattr(kind, "item", kind))
            for place, version in enumerate(item.value):
                if version not in versions:
                    self._undefined(f"{item.path}[{place}]", version, item.raw[place], versions, "a version of TLS")
            return
        known: Iterable[str]
        refers = refers_to(kind)
        if refers in ("access", "shaper rule"):
            known, what = self._rules(), "a rule of [access]"
        elif refers == "shaper":
            known, what = self.top.shaper, "a shaper of [shaper]"
        elif refers == "http pool":
            known, what = self.top.outgoing_pools.http, "a pool of [outgoing_pools.http]"
        elif refers == "host":
            known, what = self._hosts(), "one of general.hosts and general.host_types"
        else:
            return
        names = [*sorted(known), *built_in(kind)]
        if refers != "http pool":
            names.append(item.declared.default)  # a rule of that name is asked anyway
        elif item.declared.default == "none":
            names.append("none")
        if item.value not in names:
            known = dict.fromkeys(name for name in names if isinstance(name, str))
            self._undefined(item.path, item.value, item.raw, known, what)

    def _undefined(self, path: str, value: Any, raw: Any, names: Iterable[str], what: str) -> None:
        known = list(names)
        listed = names_listed(known) if known else "none is defined"
        near = nearest(value, known) if isinstance(value, str) else ""
        self.problems.append(Problem(path, shown(raw), f"must be {what}: {listed}", near))

    def _hosts(self) -> list[str]:
        return [*self.top.general.hosts, *self.top.general.host_types]

    def _command_line_rules(self) -> None:
        """X1 for the keys of general.mongooseimctl_access_commands."""
        names = [*sorted(self._rules()), "all", "none"]
        for rule in self.top.general.mongooseimctl_access_commands:
            if rule not in names:
                path = f"general.mongooseimctl_access_commands.{quoted(rule)}"
                known = f"must be named like a rule of [access]: {names_listed(names)}"
                self.problems.append(Problem(path, "a table", known, nearest(rule, names)))

    def _shapers_given_by_rules(self) -> None:
        """X2 for rules whose values are shapers."""
        asked = {item.value for item in self.written if refers_to(item.kind) == "shaper rule"}
        self._check_shaper_values(self.top.access, asked, "access")
        for place, section in enumerate(self.top.host_config):
            self._check_shaper_values(section.access, asked, f"host_config[{place}].access")

    def _check_shaper_values(self, rules: dict[str, list[Clause]], asked: set[str], path: str) -> None:
        names = [*sorted(self.top.shaper), "none"]
        written = {item.path: item.raw for item in self.written}
        for rule, clauses in rules.items():
            if rule in asked or rule.endswith("_shaper"):
                for place, clause in enumerate(clauses):
                    if clause.value not in names:
                        where = f"{path}.{quoted(rule)}[{place}].value"
                        self._undefined(where, clause.value, written[where], names, "a shaper of [shaper]")

    # --- what is needed ---------------------------------------------------------------------------------------

    def _expressions(self, item: Written) -> None:
        """X5."""
        if item.path.endswith("_regexp"):
            try:
                compiled(item.value)
            except ValueError as error:
                text = f"must be a regular expression that Python's re can read: {error}"
                self.problems.append(Problem(item.path, shown(item.raw), text))

    def _stores(self, item: Written) -> None:
        """X4: a store that is written has its pool."""
        pools = self.top.outgoing_pools
        needed = ""
        is_sql = item.declared.name == "backend" and str(item.value).startswith("rdbms")
        if (is_sql or item.path.endswith("auth.rdbms")) and "default" not in pools.rdbms:
            needed = "rdbms.default"
        elif item.path.endswith("auth.http") and "auth" not in pools.http:
            needed = "http.auth"
        elif item.path == "general.sm_backend" and item.value == "redis" and "default" not in pools.redis:
            needed = "redis.default"
        elif item.path.endswith("mod_event_pusher.rabbit") and "event_pusher" not in pools.rabbit:  # X3
            needed = "rabbit.event_pusher"
        if needed:
            self.problems.append(Problem(item.path, shown(item.raw), f"needs [outgoing_pools.{needed}]"))

    def _pools_not_written(self) -> None:
        """X3 where the name of the pool is left at its default."""
        for item in self.written:
            for table, path in _tables_of(item):
                for name, kind in kinds_of(type(table)).items():
                    value = getattr(table, name, None)
                    if (
                        refers_to(kind) == "http pool"
                        and not is_written(table, name)
                        and value not in (None, "none", *self.top.outgoing_pools.http)
                    ):
                        text = f"the default is {value}: needs [outgoing_pools.http.{value}]"
                        self.problems.append(Problem(f"{path}.{name}", MISSING, text))

    def _host_names(self) -> None:
        """X6: an entry of host_config is for somebody."""
        for place, section in enumerate(self.top.host_config):
            if not section.name:
                known = names_listed(self._hosts())
                text = f"must be one of general.hosts and general.host_types: {known}"
                self.problems.append(Problem(f"host_config[{place}].host", MISSING, text))

    def _certificates(self) -> None:
        """X7."""
        for place, c2s in enumerate(self.top.listen.c2s):
            tls, others = c2s.tls, self.top.general.domain_certfile
            if tls is not None and tls.certfile is None and not tls.self_signed and not others:
                path = f"listen.c2s[{place}].tls.certfile"
                if self.makes_certificates:
                    self.warnings.append(f"{path}: not written; a self-signed certificate in the data directory serves")
                    continue
                text = "must be written with tls (or general.domain_certfile, or tls.self_signed = true)"
                self.problems.append(Problem(path, MISSING, text))
        for place, http in enumerate(self.top.listen.http):
            if http.tls is not None and http.tls.certfile is None:
                text = "must be written with tls"
                self.problems.append(Problem(f"listen.http[{place}].tls.certfile", MISSING, text))

    def _iqdisc(self) -> None:
        """X9."""
        for item in self.written:
            if isinstance(item.value, IqDisc) and item.value.type == "queues" and item.value.workers is None:
                text = 'must be written with type = "queues"'
                self.problems.append(Problem(f"{item.path}.workers", MISSING, text))

    def _inner_modules(self) -> None:
        """X10."""
        for path, sections in module_sections(self.document):
            for name, section in sections.items():
                if name in INNER_MODULES:
                    text = f"must not be written: {INNER_MODULES[name]} configures it"
                    self.problems.append(Problem(f"{path}.{name}", shown(section), text, INNER_MODULES[name]))

    # --- warnings ---------------------------------------------------------------------------------------------

    def _warn(self) -> None:
        """X11, X12."""
        self.warnings += self._about_pools()
        self.warnings += self._about_methods()
        self.warnings += self._about_modules()
        self.warnings += self._about_hosts()
        self.warnings += self._about_versions()

    def _about_pools(self) -> Iterator[str]:
        pool = self.top.outgoing_pools.http.get("auth")
        if pool is not None and pool.connection.host.startswith("https:") and pool.connection.tls is None:
            yield "outgoing_pools.http.auth: https without a tls table: the certificate is not checked"

    def _auths(self) -> dict[str, tuple[str, Any]]:
        """Return for each host the path and the options of its authentication."""
        auths: dict[str, tuple[str, Any]] = dict.fromkeys(self._hosts(), ("auth", self.top.auth))
        for place, section in enumerate(self.top.host_config):
            if section.auth is not None and section.name in auths:
                auths[section.name] = (f"host_config[{place}].auth", section.auth)
        return auths

    def _about_methods(self) -> Iterator[str]:
        auths = self._auths()
        for host, (path, auth) in auths.items():
            if not auth.working:
                yield f"{path}: no method is on that works: nobody can log in to {host}; write [auth.internal]"
        for path, auth in dict(auths.values()).items():
            yield from _about_token_key(auth, path)
        enabled = {method for _, auth in auths.values() for method in auth.enabled}
        for place, c2s in enumerate(self.top.listen.c2s):
            for method in c2s.allowed_auth_methods or ():
                if method not in enabled:
                    yield f"listen.c2s[{place}].allowed_auth_methods: {method} is off on every host"

    def _about_modules(self) -> Iterator[str]:
        everywhere = [("modules", self.top.modules)]
        everywhere += [
            (f"host_config[{place}].modules", section.modules)
            for place, section in enumerate(self.top.host_config)
            if section.modules is not None
        ]
        if not any("mod_bosh" in sections for _, sections in everywhere):
            for place, http in enumerate(self.top.listen.http):
                if http.handlers.mod_bosh:
                    yield f"listen.http[{place}].handlers.mod_bosh: modules.mod_bosh is not written"
        for path, sections in everywhere:
            for name, options in sections.items():
                info = info_of(self.modules, name)
                for need in info.needs if info is not None else ():
                    if need not in sections:
                        yield f"{path}.{name}: works with {need}, which is not written"
                if name == "mod_pubsub" and "pep" in options.plugins and "mod_caps" not in sections:
                    yield f"{path}.mod_pubsub: the plugin pep works with mod_caps, which is not written"
                if name == "mod_push_service_mongoosepush" and not _pushes(sections):
                    yield f"{path}.{name}: works with mod_pubsub (plugin push) or mod_event_pusher.push, not written"

    def _about_versions(self) -> Iterator[str]:
        for item in self.written:
            if refers_to(getattr(item.kind, "item", item.kind)) == "tls version":
                old = [version for version in item.value if version in ("tlsv1", "tlsv1.1")]
                if old:
                    yield f"{item.path}: {', '.join(old)} is not offered: TLS below 1.2 is broken (RFC 8996)"

    def _about_hosts(self) -> Iterator[str]:
        seen: set[str] = set()
        for place, section in enumerate(self.top.host_config):
            if section.name in seen:
                yield f"host_config[{place}]: {section.name} has an entry already; of each section the later one counts"
            seen.add(section.name)
        for place, certificate in enumerate(self.top.general.domain_certfile):
            if certificate.domain not in self._hosts():
                yield f"general.domain_certfile[{place}]: {certificate.domain} is no host and no host type"


def _about_token_key(auth: Auth, path: str) -> Iterator[str]:
    secret = None if auth.jwt is None else auth.jwt.secret
    if secret is not None and secret.file is not None and not Path(secret.file).is_file():
        yield f"{path}.jwt.secret.file: there is no file {secret.file} here"
    if secret is not None and secret.env is not None and secret.env not in os.environ:
        yield f"{path}.jwt.secret.env: the environment variable {secret.env} is not set here"


def _pushes(sections: dict[str, Any]) -> bool:
    pubsub, pusher = sections.get("mod_pubsub"), sections.get("mod_event_pusher")
    return (pubsub is not None and "push" in pubsub.plugins) or (pusher is not None and pusher.push is not None)


def _tables_of(item: Written) -> Iterator[tuple[Options, str]]:
    if isinstance(item.value, Options):
        yield item.value, item.path
    elif isinstance(item.value, list):
        for place, value in enumerate(item.value):
            if isinstance(value, Options):
                yield value, f"{item.path}[{place}]"


def module_sections(document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the tables of modules as they are written, with their paths; what is no table is left out."""
    everywhere = document.get("modules")
    if isinstance(everywhere, dict):
        yield "modules", everywhere
    entries = document.get("host_config")
    for place, entry in enumerate(entries if isinstance(entries, list) else ()):
        sections = entry.get("modules") if isinstance(entry, dict) else None
        if isinstance(sections, dict):
            yield f"host_config[{place}].modules", sections
