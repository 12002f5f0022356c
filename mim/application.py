"""The composition root: the only place that knows all parts. Builds them in order, stops them in reverse."""

from __future__ import annotations

import asyncio
import logging
import os
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
from mim.config import Config, HostConfig, Options
from mim.config.changes import needs_restart
from mim.host import Host, Hosts
from mim.listeners import Listeners
from mim.plugins import ModuleManager
from mim.pools import Pools
from mim.router import Router
from mim.server import Server
from mim.session.inbound import Inbound
from mim.session.manager import SessionManager
from mim.session.table import SessionTable
from mim.storage.ids import ArchiveIds
from mim.storage.sqlite import SqliteDatabase
from mim.xmpp.conditions import StreamError

if TYPE_CHECKING:
    from mim.net.c2s_listener import C2sListener
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
        self._server: Server | None = None
        self._modules: ModuleManager | None = None
        self._reload_lock = asyncio.Lock()
        self._listeners: Listeners | None = None
        self.is_stopping = False

    @property
    def c2s(self) -> list[C2sListener]:
        """The ports for XMPP clients, in the order of the file."""
        return [] if self._listeners is None else self._listeners.c2s

    @property
    def http(self) -> list[HttpListener]:
        """The HTTP ports, in the order of the file."""
        return [] if self._listeners is None else self._listeners.http

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
    def listeners(self) -> Listeners:
        """The open ports."""
        assert self._listeners is not None
        return self._listeners

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
                await self.listeners.open(self.config)
        except BaseException:
            await self.stop()
            raise

    async def _build(self) -> None:
        config = self.config
        path = None if self.data_dir is None else self.data_dir / DATABASE_FILE
        database = SqliteDatabase(path)
        hosts = Hosts([_host(options) for options in config.hosts.values()], config.served)
        sessions = SessionTable()
        pools = Pools(config.outgoing_pools)
        accounts = Accounts(database, hosts, pools.http)
        router = Router(hosts, sessions, accounts, self._clock)
        manager = SessionManager(sessions, router, self._clock)
        accounts.session_manager = manager
        manager.last_session_ended = accounts.last_session_ended
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
            pools=pools,
        )
        self._modules = ModuleManager(self._server, self.blueprint.catalogue)
        self._listeners = Listeners(self._server, self.data_dir, self._not_ready)
        await database.migrate(ACCOUNTS_SCHEMA)
        for host in hosts:
            pools.open(host.name)
            accounts.open(host)

    async def stop(self) -> None:
        """Close the ports, tell the clients, stop the modules, flush and close the store."""
        self.is_stopping = True
        if self._listeners is not None:
            await self._listeners.stop()
        if self._server is not None:
            await self._server.router.drain()
            if self._modules is not None:
                for host in self._server.hosts:
                    await self._modules.stop_all(host)
            await self._server.accounts.close()
            await self._server.pools.close()
            await self._server.database.close()

    def _not_ready(self) -> list[str]:
        return ["the server is stopping"] if self.is_stopping else []

    # --- reload -----------------------------------------------------------------------------------------------

    async def reload(self, blueprint: Blueprint) -> list[str]:
        """Obey another configuration and return the paths of what needs a restart of the server.

        Ports are opened and closed, hosts come and go, modules start, stop or start again, logins follow the new
        methods and rules. Who is connected stays, except to a host that is gone.

        Raises:
            MimError, OSError, Exception: something of it does not work; then everything is as it was.
        """
        async with self._reload_lock:
            old, new = self.blueprint, blueprint
            self.server.pools.check(new.config.outgoing_pools)
            for options in new.config.hosts.values():
                self.server.accounts.check(options)
            ports = await self.listeners.prepare(old.config, new.config)
            try:
                await self._obey(new)
            except BaseException:
                await ports.undo()
                await self._obey(old)
                raise
            await self.listeners.apply(ports, new.config)
            return needs_restart(old.config, new.config)

    async def _obey(self, blueprint: Blueprint) -> None:
        """Bring hosts, pools, methods and modules to what a file says."""
        config, server = blueprint.config, self.server
        self.modules.use(blueprint.catalogue)
        await server.pools.change(config.outgoing_pools)
        server.hosts.follow(config.served)
        for host in list(server.hosts):
            if host.name not in config.hosts:
                await self._remove_host(host)
        for name, options in config.hosts.items():
            known = server.hosts.by_name(name)
            host = known or _host(options)
            before, host.config = host.config, options
            server.pools.open(name)
            if known is None:
                server.accounts.open(host)
                server.hosts.add(host)
            elif before.auth != options.auth:
                await server.accounts.reopen(host)
            await self._change_modules(host, options.modules)
        self.blueprint = blueprint
        server.config = config

    async def _remove_host(self, host: Host) -> None:
        for session in list(self.server.sessions):
            if session.host is host:
                self.server.session_manager.close(session, StreamError("host-gone"))
        await self.modules.stop_all(host)
        self.server.hosts.remove(host)
        await self.server.accounts.forget(host)

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
            elif module.options != keep[name] or self.modules.has_changed(module):
                await self.modules.restart(host, name, keep[name])


def _host(options: HostConfig) -> Host:
    return Host(options.name, () if options.is_host_type else (options.name,), options)


@asynccontextmanager
async def offline(blueprint: Blueprint) -> AsyncIterator[Application]:
    """Yield an application with its modules started on an empty store in memory, without any listener."""
    application = Application(blueprint, None)
    await application.start(listen=False)
    try:
        yield application
    finally:
        await application.stop()
