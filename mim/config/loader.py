"""A file read, checked and combined: text in, :class:`Config` or all of its problems out."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import tomli
from pydantic import BaseModel, ValidationError

from mim.config.errors import ConfigErrors, Problem, names_listed, nearest, shown
from mim.config.explain import problems_of
from mim.config.options import Options
from mim.config.sections import Auth, General, Listen, Top
from mim.errors import MimError
from mim.xmpp.jid import JID


class Modules(Protocol):
    """What the loader asks about modules."""

    @property
    def names(self) -> list[str]:
        """Return the names of all modules there are."""
        ...

    def options_of(self, name: str) -> type[Options] | None:
        """Return the options model of a module, None when there is no such module."""
        ...


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
    """The options of one host."""

    name: str
    general: General
    auth: Auth
    modules: dict[str, Options]

    def access_value(self, rule: str, jid: JID) -> str | int | None:
        """Return the value an access rule gives for *jid*; None when the rule is not defined."""
        return {"all": "allow", "none": "deny"}.get(rule)


@dataclass(frozen=True, slots=True)
class Config:
    """A whole file, checked. ``hosts`` holds the options per host, in the order of general.hosts."""

    general: General
    listen: Listen
    hosts: dict[str, HostConfig]
    notices: list[Notice] = field(default_factory=list)


# Modules of the contract that this version does not have; a file that names one is refused, not half obeyed.
PLANNED = frozenset(
    {
        "mod_adhoc", "mod_amp", "mod_auth_token", "mod_blocking", "mod_bosh", "mod_cache_users", "mod_caps",
        "mod_carboncopy", "mod_csi", "mod_domain_isolation", "mod_event_pusher", "mod_extdisco",
        "mod_global_distrib", "mod_http_upload", "mod_inbox", "mod_inbox_commands", "mod_jingle_sip",
        "mod_keystore", "mod_muc", "mod_muc_commands", "mod_muc_light", "mod_muc_light_commands", "mod_muc_log",
        "mod_offline_chatmarkers", "mod_offline_stub", "mod_privacy", "mod_pubsub",
        "mod_push_service_mongoosepush", "mod_shared_roster_ldap", "mod_sic", "mod_smart_markers",
        "mod_stream_management",
    }
)


def load_file(path: Path, *, modules: Modules) -> Config:
    """Read a file; see :func:`load`. Raises OSError when it cannot be read."""
    return load(path.read_bytes(), modules=modules)


def load(text: str | bytes, *, modules: Modules) -> Config:
    """Return the checked configuration.

    Raises:
        ConfigErrors: the text is no TOML, or has problems; all are told at once.
    """
    document = _read(text)
    problems: list[Problem] = []
    top: Top | None = None
    try:
        top = Top.model_validate(document)
    except ValidationError as error:
        problems += problems_of(error, Top, "")
    sections = document.get("modules")
    options = _modules(sections, modules, problems) if isinstance(sections, dict) else {}
    if top is not None:
        problems += _rules(top)
    if problems or top is None:
        raise ConfigErrors(problems)
    hosts = {name: HostConfig(name, top.general, top.auth, options) for name in top.general.hosts}
    return Config(top.general, top.listen, hosts, list(_notices(document, top, options)))


def _read(text: str | bytes) -> dict[str, Any]:
    try:
        return tomli.loads(text.decode() if isinstance(text, bytes) else text)
    except tomli.TOMLDecodeError as error:
        raise ConfigErrors([Problem("(syntax)", f"line {error.lineno}, column {error.colno}", error.msg)]) from None
    except UnicodeDecodeError as error:
        line = text[: error.start].count(b"\n") + 1  # type: ignore[arg-type]
        raise ConfigErrors([Problem("(syntax)", f"line {line}", "must be UTF-8")]) from None
    except RecursionError:
        raise ConfigErrors([Problem("(syntax)", "the whole", "nested too deeply")]) from None


def _modules(sections: dict[str, Any], modules: Modules, problems: list[Problem]) -> dict[str, Options]:
    options: dict[str, Options] = {}
    for name, section in sections.items():
        path = f"modules.{name}"
        try:
            model = modules.options_of(name)
        except MimError as error:
            problems.append(Problem(path, shown(section), error.text))
            continue
        if model is None:
            problems.append(_unknown_module(name, section, modules))
        elif not isinstance(section, dict):
            problems.append(Problem(path, shown(section), "must be a table"))
        else:
            try:
                options[name] = model.model_validate(section)
            except ValidationError as error:
                problems += problems_of(error, model, path)
    return options


def _unknown_module(name: str, section: Any, modules: Modules) -> Problem:
    path = f"modules.{name}"
    if name in PLANNED:
        return Problem(path, shown(section), "is not available in this version")
    known = {*modules.names, *PLANNED}
    allowed = f"no such module; there are {names_listed(modules.names)}"
    return Problem(path, shown(section), allowed, nearest(name, known))


def _rules(top: Top) -> Iterable[Problem]:
    """Check what holds between tables."""
    if not top.general.hosts:
        yield Problem("general.hosts", "[]", "must name at least one domain")
    seen_hosts: set[str] = set()
    for position, host in enumerate(top.general.hosts):
        if host in seen_hosts:
            yield Problem(f"general.hosts[{position}]", shown(host), "named twice")
        seen_hosts.add(host)
    bound: set[tuple[str, int]] = set()
    for kind in ("c2s", "http"):
        for position, listener in enumerate(getattr(top.listen, kind)):
            address = (listener.address, listener.port)
            if listener.port and address in bound:
                text = f"another listener has this port on {listener.address}"
                yield Problem(f"listen.{kind}[{position}].port", str(listener.port), text)
            bound.add(address)


def _notices(document: dict[str, Any], top: Top, options: dict[str, Options]) -> Iterable[Notice]:
    ineffective = list(_written_without_effect(document, top, ""))
    for name, section in options.items():
        ineffective += _written_without_effect(document["modules"][name], section, f"modules.{name}")
    if ineffective:
        yield Notice("info", f"no effect: {', '.join(sorted(ineffective))}")
    if not top.auth.enabled:
        yield Notice("warning", "auth: no method is switched on, nobody can log in; write [auth.internal]")


def _written_without_effect(document: dict[str, Any], model: BaseModel, path: str) -> Iterable[str]:
    for name, value in document.items():
        info = type(model).model_fields.get(name)
        if info is None:
            continue
        inner = f"{path}.{name}" if path else name
        extra = info.json_schema_extra
        if isinstance(extra, dict) and extra.get("tier") == "C":
            if value != info.default:
                yield inner
            continue
        actual = getattr(model, name)
        if isinstance(actual, BaseModel) and isinstance(value, dict):
            yield from _written_without_effect(value, actual, inner)
        elif isinstance(actual, list) and isinstance(value, list):
            for position, (written, item) in enumerate(zip(value, actual, strict=False)):
                if isinstance(item, BaseModel) and isinstance(written, dict):
                    yield from _written_without_effect(written, item, f"{inner}[{position}]")
