"""What answers on an HTTP port: the handlers of its section, each at its place."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from mim.admin import AdminApi
from mim.admin.health import PREFIX, Health
from mim.config import Config
from mim.config.sections import AdminApi as AdminSection
from mim.config.sections import HttpListener as HttpSection
from mim.config.sections.listen import BoshHandler as BoshSection
from mim.config.sections.listen import WebSocketHandler as WebSocketSection
from mim.net.bosh import Bosh, BoshSessions
from mim.net.host_meta import HostMeta, Place
from mim.net.http_routing import Mount
from mim.net.tls import end_point_binding
from mim.net.websocket import WebSocketOptions, WebSockets
from mim.server import Server
from mim.stream.transport import StreamServices, StreamSettings


def mounts_of(
    section: HttpSection, config: Config, server: Server, bosh: BoshSessions, not_ready: Callable[[], list[str]]
) -> list[Mount]:
    """Return the handlers of one ``[[listen.http]]``, and those that every port has.

    *bosh*: the sessions of the whole server. *not_ready* gives the reasons why it is not ready.
    """
    mounts = [Mount("_", PREFIX, Health(server.database, not_ready))]
    for _, handler in section.all_handlers():
        if isinstance(handler, AdminSection):
            mounts.append(Mount(handler.host, handler.path, AdminApi(handler, server.commands)))
        elif isinstance(handler, WebSocketSection):
            sockets = WebSockets(_websocket_options(handler, section, config), StreamServices.of(server))
            mounts.append(Mount(handler.host, handler.path, sockets, sockets.stop))
        elif isinstance(handler, BoshSection):
            app = Bosh(handler.host, _settings(f"bosh:{section.port}", config), bosh)
            mounts.append(Mount(handler.host, handler.path, app))
    places = [
        Place(handler.host, handler.path, isinstance(handler, WebSocketSection))
        for handler in (*section.handlers.mod_bosh, *section.handlers.mod_websockets)
    ]
    return mounts + HostMeta(places).mounts()


def _websocket_options(handler: WebSocketSection, section: HttpSection, config: Config) -> WebSocketOptions:
    size, ping = handler.max_stanza_size, handler.ping_rate
    return WebSocketOptions(
        handler.host,
        _settings(f"websocket:{section.port}", config, None if size == "infinity" else size),
        None if handler.timeout == "infinity" else handler.timeout / 1000,
        None if ping is None else ping / 1000,
        _binding(section),
    )


def _settings(listener: str, config: Config, max_stanza_bytes: int | None = None) -> StreamSettings:
    general = config.general
    return StreamSettings(
        listener=listener,
        max_stanza_bytes=max_stanza_bytes,
        default_domain=general.default_server_domain,
        hide_service_name=general.hide_service_name,
        language=general.language,
    )


def _binding(section: HttpSection) -> bytes:
    """Return the channel binding of a port's certificate; nothing without TLS."""
    if section.tls is None or section.tls.certfile is None:
        return b""
    return end_point_binding(Path(section.tls.certfile))
