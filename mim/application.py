"""The composition root: the only place that knows all parts. Builds them in order, stops them in reverse."""

from __future__ import annotations

import asyncio
import logging
import os
import ssl
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from mim.accounts import SCHEMA as ACCOUNTS_SCHEMA
from mim.accounts import Accounts
from mim.blueprint import Blueprint
from mim.clock import Clock
from mim.commands.listing import Listing
from mim.commands.registry import CommandRegistry
from mim.config import Config, Options
from mim.config.sections import AdminApi as AdminSection
from mim.config.sections import C2sListener as C2sSection
from mim.config.sections import HttpListener as HttpSection
from mim.host import Host, Hosts
from mim.net.c2s import C2sListener, C2sOptions
from mim.net.tls import end_point_binding, self_signed, server_context
from mim.plugins import ModuleManager
from mim.router import Router
from mim.server import Server
from mim.session.inbound import Inbound
from mim.session.manager import SessionManager
from mim.session.table import SessionTable
from mim.storage.ids import ArchiveIds
from mim.storage.sqlite import SqliteDatabase
from mim.stream.transport import StreamServices, StreamSettings

if TYPE_CHECKING:
    from mim.net.http import HttpListener

log = logging.getLogger("mim")

DATABASE_FILE = "mim.sqlite"
DEFAULT_NODE_NAME = "mongooseim@localhost"


class Application:
    """One server. *data_dir* None keeps everything in memory."""

    def __init__(self, blueprint: Blueprint, data_dir: Path | None, *, clock: Clock | None = None) -> None:
        self.blueprint = blueprint
        self.data_dir = data_dir
        self._clock = clock or Clock()
        self._started_at = self._clock.monotonic()
        self._temporary: tempfile.TemporaryDirectory[str] | None = None
        self._server: Server | None = None
        self._modules: ModuleManager | None = None
        self._reload_lock = asyncio.Lock()
        self.is_stopping = False
        self.c2s: list[C2sListener] = []
        self.http: list[HttpListener] = []

    @property
    def server(self) -> Server:
        """The parts, once built."""
        assert self._server is not None
        return self._server

    @property
    def modules(self) -> ModuleManager:
        """Starts and stops modules."""
        assert self._modules is not None
        return self._modules

    @property
    def config(self) -> Config:
        """The file as it is obeyed now."""
        return self.blueprint.config

    def host(self, domain: str) -> Host:
        """Return the host that serves a domain."""
        found = self.server.hosts.find(domain)
        assert found is not None
        return found

    # --- start and stop ---------------------------------------------------------------------------------------

    async def start(self, *, listen: bool = True) -> None:
        """Open the store, start the modules, then open the ports. When something fails nothing stays open.

        Raises:
            mim.errors.MimError: a store or module refuses; the text says which and why.
            OSError: a port cannot be bound, or a file of a listener cannot be read.
        """
        for notice in self.config.notices:
            log.log(logging.WARNING if notice.level == "warning" else logging.INFO, notice.text)
        try:
            await self._build()
            for host in self.server.hosts:
                await self.modules.start_all(host, host.config.modules)
            if listen:
                await self._listen()
        except BaseException:
            await self.stop()
            raise

    async def _build(self) -> None:
        config = self.config
        path = None if self.data_dir is None else self.data_dir / DATABASE_FILE
        database = SqliteDatabase(path)
        hosts = Hosts([Host(name, (name,), options) for name, options in config.hosts.items()])
        sessions = SessionTable()
        accounts = Accounts(database, hosts)
        router = Router(hosts, sessions, accounts, self._clock)
        manager = SessionManager(sessions, router, self._clock)
        accounts.session_manager = manager
        commands = CommandRegistry()
        self._server = Server(
            config=config,
            clock=self._clock,
            database=database,
            hosts=hosts,
            sessions=sessions,
            accounts=accounts,
            router=router,
            session_manager=manager,
            inbound=Inbound(router),
            commands=commands,
            archive_ids=ArchiveIds(self._clock),
            command_listing=Listing(commands),
            node_name=os.environ.get("MIM_NODE_NAME", DEFAULT_NODE_NAME),
            started_at=self._started_at,
        )
        self._modules = ModuleManager(self._server, self.blueprint.catalogue)
        await database.migrate(ACCOUNTS_SCHEMA)

    async def _listen(self) -> None:
        server = self.server
        services = StreamServices(
            server.hosts, server.accounts, server.session_manager, server.inbound, server.clock
        )
        for position, c2s in enumerate(self.config.listen.c2s):
            listener = C2sListener(self._c2s_options(c2s), services)
            await _bound(listener.start(), f"listen.c2s[{position}]", c2s.address, c2s.port)
            self.c2s.append(listener)
        for position, http in enumerate(self.config.listen.http):
            http_listener = self._http_listener(http)
            await _bound(http_listener.start(), f"listen.http[{position}]", http.address, http.port)
            self.http.append(http_listener)

    async def stop(self) -> None:
        """Close the ports, tell the clients, stop the modules, flush and close the store."""
        self.is_stopping = True
        for listener in self.c2s:
            listener.stop_accepting()
        await asyncio.gather(*(listener.stop() for listener in self.http))
        await asyncio.gather(*(listener.stop() for listener in self.c2s))
        self.c2s.clear()
        self.http.clear()
        if self._server is not None:
            await self._server.router.drain()
            if self._modules is not None:
                for host in self._server.hosts:
                    await self._modules.stop_all(host)
            await self._server.database.close()
        if self._temporary is not None:
            self._temporary.cleanup()
            self._temporary = None

    # --- listeners --------------------------------------------------------------------------------------------

    def _c2s_options(self, section: C2sSection) -> C2sOptions:
        context: ssl.SSLContext | None = None
        binding = b""
        if section.tls is not None:
            tls = section.tls
            certfile = Path(tls.certfile) if tls.certfile is not None else self._self_signed()
            context = server_context(
                certfile,
                keyfile=tls.keyfile,
                password=tls.password,
                ciphers=tls.ciphers,
                versions=tls.versions,
                dhfile=tls.dhfile,
                cacertfile=tls.cacertfile,
                verify_peer=tls.verify_mode != "none",
            )
            if section.tls.mode == "tls":
                context.set_alpn_protocols(["xmpp-client"])
            binding = end_point_binding(certfile)
        settings = StreamSettings(
            listener=f"c2s:{section.port}",
            access=section.access,
            max_stanza_bytes=None if section.max_stanza_size == "infinity" else section.max_stanza_size,
            tls_mode="" if section.tls is None else section.tls.mode,
            default_domain=self.config.general.default_server_domain,
            hide_service_name=self.config.general.hide_service_name,
        )
        return C2sOptions(section.address, section.port, section.backlog, settings, context, binding)

    def _self_signed(self) -> Path:
        folder = self.data_dir
        if folder is None:
            self._temporary = self._temporary or tempfile.TemporaryDirectory(prefix="mim-")
            folder = Path(self._temporary.name)
        path, made = self_signed(folder, self.config.general.hosts)
        if made:
            log.warning("no certfile is set: made a self-signed certificate", extra={"file": str(path)})
        return path

    def _http_listener(self, section: HttpSection) -> HttpListener:
        # Imported only where the file asks for HTTP: aiohttp is a third of the time to start.
        from mim.admin.health import PREFIX, Health
        from mim.net.http import HttpListener, Mount

        mounts = [Mount("_", PREFIX, Health(self.server.database, self._not_ready))]
        for _, handler in section.all_handlers():
            if isinstance(handler, AdminSection):
                from mim.admin import AdminApi

                mounts.append(Mount(handler.host, handler.path, AdminApi(handler, self.server.commands)))
        return HttpListener(section, mounts, server_name=self.config.general.http_server_name)

    def _not_ready(self) -> list[str]:
        return ["the server is stopping"] if self.is_stopping else []

    # --- reload -----------------------------------------------------------------------------------------------

    async def reload(self, blueprint: Blueprint) -> list[str]:
        """Obey another configuration: modules start, stop or restart; return what needs a restart of the server.

        Raises:
            MimError, Exception: a module does not start; those before it have changed already.
        """
        async with self._reload_lock:
            old, new = self.config, blueprint.config
            waiting = [
                name
                for name, before, after in (
                    ("general", old.general, new.general),
                    ("listen", old.listen, new.listen),
                )
                if before != after
            ]
            if list(old.hosts) != list(new.hosts):
                waiting.append("general.hosts")
            for host in self.server.hosts:
                options = new.hosts.get(host.name)
                if options is None:
                    continue
                host.config = options
                await self._change_modules(host, options.modules)
            self.blueprint = blueprint
            self.server.config = new
            return waiting

    async def _change_modules(self, host: Host, wanted: dict[str, Options]) -> None:
        running = self.modules.running(host)
        keep = self.modules.with_automatic_starts(wanted)
        for name in reversed(running):
            if name not in keep:
                await self.modules.stop_with_dependents(host, name)
        for name in self.modules.in_order(keep):
            module = self.modules.find(host, name)
            if module is None:
                await self.modules.start(host, name, keep[name])
            elif module.options != keep[name]:
                await self.modules.restart(host, name, keep[name])


async def _bound(starting: object, path: str, address: str, port: int) -> None:
    try:
        await starting  # type: ignore[misc]
    except OSError as error:
        reason = error.strerror or str(error)
        raise OSError(error.errno, f"{path}: cannot listen on {address}:{port}: {reason}") from error


@asynccontextmanager
async def offline(blueprint: Blueprint) -> AsyncIterator[Application]:
    """Yield an application with its modules started on an empty store in memory, without any listener."""
    application = Application(blueprint, None)
    await application.start(listen=False)
    try:
        yield application
    finally:
        await application.stop()
