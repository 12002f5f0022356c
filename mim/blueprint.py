"""What a file asks for, before anything runs: the checked configuration with the modules it names."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mim.config import Config, load
from mim.plugins import ModuleCatalogue


@dataclass(frozen=True, slots=True)
class Blueprint:
    """A configuration that is good, and where its modules come from."""

    config: Config
    catalogue: ModuleCatalogue

    @classmethod
    def read(cls, path: Path, *, plugin_path: str = "") -> Blueprint:
        """Read a TOML file. *plugin_path*: folders of single-file modules, separated as in ``PATH``.

        Raises:
            OSError: the file cannot be read.
            mim.config.ConfigErrors: it has problems; all are told at once.
        """
        folders = [path.parent / "plugins", *(Path(part) for part in plugin_path.split(os.pathsep) if part)]
        return cls.parse(path.read_bytes(), folders)

    @classmethod
    def parse(cls, text: str | bytes, folders: Iterable[Path] = ()) -> Blueprint:
        """Return the blueprint of a TOML text; see :meth:`read`."""
        catalogue = ModuleCatalogue(folders)
        return cls(load(text, modules=catalogue), catalogue)

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
            lines.append(f"host {name}: {', '.join(sorted(host.modules)) or 'no modules'}")
        return lines

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
