"""What a file asks for, before anything runs: the checked configuration with the modules it names."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mim.config import Config, load
from mim.config.changes import differences
from mim.plugins import ModuleCatalogue


@dataclass(frozen=True, slots=True)
class Blueprint:
    """A configuration that is good, and where its modules come from."""

    config: Config
    catalogue: ModuleCatalogue

    @classmethod
    def read(
        cls,
        path: Path,
        *,
        plugin_path: str = "",
        before: Blueprint | None = None,
        makes_certificates: bool = False,
    ) -> Blueprint:
        """Read a TOML file. *plugin_path*: folders of single-file modules, separated as in ``PATH``.

        *before*: what was read earlier; modules that have not changed since are not imported again.
        *makes_certificates*: see :func:`mim.config.load`.

        Raises:
            OSError: the file cannot be read.
            mim.config.ConfigErrors: it has problems; all are told at once.
        """
        folders = [path.parent / "plugins", *(Path(part) for part in plugin_path.split(os.pathsep) if part)]
        return cls.parse(path.read_bytes(), folders, before=before, makes_certificates=makes_certificates)

    @classmethod
    def parse(
        cls,
        text: str | bytes,
        folders: Iterable[Path] = (),
        *,
        before: Blueprint | None = None,
        makes_certificates: bool = False,
    ) -> Blueprint:
        """Return the blueprint of a TOML text; see :meth:`read`."""
        catalogue = ModuleCatalogue(folders, before=None if before is None else before.catalogue)
        return cls(load(text, modules=catalogue, makes_certificates=makes_certificates), catalogue)

    def summary(self) -> list[str]:
        """Return what would listen where, which modules would run on which host, and the notices, for people."""
        lines = [str(notice) for notice in self.config.notices]
        for c2s in self.config.listen.c2s:
            tls = "no TLS" if c2s.tls is None else c2s.tls.mode
            lines.append(f"listen.c2s: {c2s.address}:{c2s.port} ({tls})")
        for http in self.config.listen.http:
            scheme = "http" if http.tls is None else "https"
            mounted = ", ".join(f"{name} at {handler.host}{handler.path}" for name, handler in http.all_handlers())
            lines.append(f"listen.http: {scheme} {http.address}:{http.port} ({mounted or 'no handlers'})")
        for name, host in self.config.hosts.items():
            kind = "host type" if host.is_host_type else "host"
            methods = ", ".join(host.auth.working) or "nobody can log in"
            modules = ", ".join(sorted(host.modules)) or "no modules"
            lines.append(f"{kind} {name}: logins by {methods}; {modules}")
        return lines

    def changes_to(self, new: Blueprint) -> list[str]:
        """Return what a server that runs on this does when it reloads *new*, for people; nothing when it is the same.

        One line per option, with when it holds, then one per module that starts, stops or starts again.
        """
        found = differences(self.config, new.config)
        live = [f"{difference.effect}: {difference}" for difference in found if difference.effect is not None]
        restart = [f"needs a restart: {difference}" for difference in found if difference.effect is None]
        return [*live, *_module_changes(self.config, new.config), *restart]

    async def command_listing(self) -> list[dict[str, Any]]:
        """Return what ``GET /api/commands`` would answer: modules are started on an empty store, nothing listens."""
        from mim.application import offline

        async with offline(self) as application:
            return application.server.command_listing()

    async def openapi(self) -> dict[str, Any]:
        """Return the OpenAPI document of the commands that the file switches on."""
        from mim.admin.openapi import document
        from mim.application import offline

        async with offline(self) as application:
            return document(application.server.commands.commands())


def _module_changes(old: Config, new: Config) -> Iterator[str]:
    for name, host in new.hosts.items():
        before = old.hosts[name].modules if name in old.hosts else {}
        for module in sorted({*before, *host.modules}):
            if module not in before:
                yield f"{module} starts on {name}"
            elif module not in host.modules:
                yield f"{module} stops on {name}"
            elif before[module] != host.modules[module]:
                yield f"{module} starts again on {name}"
