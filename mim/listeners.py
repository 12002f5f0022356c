"""The open ports: made from ``[listen]``, opened, replaced by a reload, closed."""

from __future__ import annotations

import asyncio
import logging
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from mim.config import Config
from mim.config.sections import C2sListener as C2sSection
from mim.config.sections import HttpListener as HttpSection
from mim.config.sections.listen import Listener as ListenerSection
from mim.config.sections.tls import DEFAULT_PROTOCOL_OPTIONS, C2sTls
from mim.net.c2s import C2sOptions
from mim.net.c2s_listener import C2sListener
from mim.net.tls import Certificates, end_point_binding, self_signed, server_context
from mim.server import Server
from mim.stream.transport import StreamServices, StreamSettings

if TYPE_CHECKING:
    import ssl

    from mim.net.bosh import BoshSessions
    from mim.net.http import HttpListener, Mount

log = logging.getLogger("mim")


@dataclass
class Change:
    """What a reload makes of the ports: those to go on with, with the options they get, and those opened already."""

    c2s: list[tuple[C2sListener, C2sOptions | None, bool]] = field(default_factory=list)
    """The third tells whether the socket must be another."""
    http: list[tuple[HttpListener, HttpSection | None]] = field(default_factory=list)
    opened: list[C2sListener] = field(default_factory=list)
    opened_http: list[HttpListener] = field(default_factory=list)

    async def undo(self) -> None:
        """Close what was opened."""
        await asyncio.gather(*(listener.stop() for listener in self.opened))
        await asyncio.gather(*(listener.stop() for listener in self.opened_http))


class Listeners:
    """All ports of one server.

    *not_ready* gives the reasons why the server is not ready, for ``/health/ready``.
    """

    def __init__(self, server: Server, data_dir: Path | None, not_ready: Callable[[], list[str]]) -> None:
        self._server = server
        self._data_dir = data_dir
        self._not_ready = not_ready
        self._temporary: tempfile.TemporaryDirectory[str] | None = None
        self._retired: list[C2sListener] = []
        self._bosh: BoshSessions | None = None
        self.c2s: list[C2sListener] = []
        self.http: list[HttpListener] = []

    async def open(self, config: Config) -> None:
        """Open every port of the file.

        Raises:
            OSError: a port cannot be bound, or a file of its options cannot be read; the text says which.
        """
        for place, c2s in enumerate(config.listen.c2s):
            self.c2s.append(await self._open_c2s(c2s, place, config))
        for place, http in enumerate(config.listen.http):
            self.http.append(await self._open_http(http, place, config))

    async def _open_c2s(self, section: C2sSection, place: int, config: Config) -> C2sListener:
        listener = C2sListener(self._c2s_options(section, place, config), StreamServices.of(self._server))
        await _bound(listener.start(), f"listen.c2s[{place}]", section.address, section.port)
        return listener

    async def _open_http(self, section: HttpSection, place: int, config: Config) -> HttpListener:
        # Imported only where the file asks for HTTP: aiohttp is a third of the time to start.
        from mim.net.http import HttpListener

        listener = HttpListener(section, self._mounts(section, config), server_name=config.general.http_server_name)
        await _bound(listener.start(), f"listen.http[{place}]", section.address, section.port)
        return listener

    def _mounts(self, section: HttpSection, config: Config) -> list[Mount]:
        # Imported only where the file asks for HTTP, as above.
        from mim.mounts import mounts_of
        from mim.net.bosh import BoshSessions

        self._bosh = self._bosh or BoshSessions(StreamServices.of(self._server))
        return mounts_of(section, config, self._server, self._bosh, self._not_ready)

    # --- reload -----------------------------------------------------------------------------------------------

    async def prepare(self, old: Config, new: Config) -> Change:
        """Open the ports that only the new file has, and read what it says of the others.

        A port stays when its kind, address and number do, and so does whoever is connected, also when the port goes.

        Raises:
            OSError: a port cannot be bound, or a file of its options cannot be read; then nothing has changed.
        """
        change = Change()
        c2s_before = dict(zip(_keys(old.listen.c2s), zip(self.c2s, old.listen.c2s, strict=True), strict=True))
        http_before = dict(zip(_keys(old.listen.http), self.http, strict=True))
        try:
            for place, (key, section) in enumerate(zip(_keys(new.listen.c2s), new.listen.c2s, strict=True)):
                if key in c2s_before:
                    listener, before = c2s_before[key]
                    options = self._c2s_options(section, place, new)
                    change.c2s.append((listener, options, not _same_socket(before, section)))
                else:
                    change.opened.append(await self._open_c2s(section, place, new))
                    change.c2s.append((change.opened[-1], None, False))
            for place, (key, web) in enumerate(zip(_keys(new.listen.http), new.listen.http, strict=True)):
                if key in http_before:
                    change.http.append((http_before[key], web))
                else:
                    change.opened_http.append(await self._open_http(web, place, new))
                    change.http.append((change.opened_http[-1], None))
        except BaseException:
            await change.undo()
            raise
        return change

    async def apply(self, change: Change, config: Config) -> None:
        """Put the new options in force, and close the ports that the new file does not have."""
        for listener, options, is_other_socket in change.c2s:
            if options is None:
                continue
            old, listener.options = listener.options, options
            if is_other_socket:
                await self._bind_again(listener, old)
        for web, section in change.http:
            if section is not None and section.tls == web.section.tls:
                web.change(section, self._mounts(section, config), server_name=config.general.http_server_name)
            elif section is not None:
                await self._open_again(web, section, config)
        kept, kept_http = [listener for listener, _, _ in change.c2s], [web for web, _ in change.http]
        for listener in self.c2s:
            if listener not in kept:
                listener.stop_accepting()
                self._retired.append(listener)
        for web in self.http:
            if web not in kept_http:
                self._server.router.spawn(web.stop())
        self.c2s, self.http = kept, kept_http

    @staticmethod
    async def _bind_again(listener: C2sListener, old: C2sOptions) -> None:
        """Open a port anew, which cannot be open twice; with its old options when the new ones do not work."""
        listener.stop_accepting()
        try:
            await listener.start()
        except OSError as error:
            log.error("port not changed", extra={"listener": old.settings.listener, "reason": str(error)})
            listener.options = old
            await listener.start()

    async def _open_again(self, web: HttpListener, section: HttpSection, config: Config) -> None:
        old = web.section
        await web.stop()
        web.change(section, self._mounts(section, config), server_name=config.general.http_server_name)
        try:
            await web.start()
        except OSError as error:
            log.error("port not changed", extra={"listener": f"http:{section.port}", "reason": str(error)})
            web.change(old, self._mounts(old, config), server_name=config.general.http_server_name)
            await web.start()

    async def stop(self) -> None:
        """Close the ports and tell the clients."""
        c2s = [*self.c2s, *self._retired]
        for listener in c2s:
            listener.stop_accepting()
        if self._bosh is not None:
            self._bosh.stop()
        await asyncio.gather(*(listener.stop() for listener in self.http))
        await asyncio.gather(*(listener.stop() for listener in c2s))
        self.c2s.clear()
        self.http.clear()
        self._retired.clear()
        if self._temporary is not None:
            self._temporary.cleanup()
            self._temporary = None

    # --- c2s --------------------------------------------------------------------------------------------------

    def _c2s_options(self, section: C2sSection, place: int, config: Config) -> C2sOptions:
        general = config.general
        size, methods = section.max_stanza_size, section.allowed_auth_methods
        settings = StreamSettings(
            listener=f"c2s:{section.port}",
            access=section.access,
            max_stanza_bytes=None if size == "infinity" else size,
            tls_mode="" if section.tls is None else section.tls.mode,
            default_domain=general.default_server_domain,
            hide_service_name=general.hide_service_name,
            shaper=section.shaper,
            allowed_methods=None if methods is None else frozenset(methods),
            max_inflated_bytes=section.zlib,
            language=general.language,
        )
        return C2sOptions(
            section.address,
            section.port,
            section.backlog,
            settings,
            None if section.tls is None else self._certificates(section.tls, f"listen.c2s[{place}].tls", config),
            section.proxy_protocol,
            section.max_fsm_queue or general.max_fsm_queue,
        )

    def _certificates(self, tls: C2sTls, path: str, config: Config) -> Certificates:
        certificates = config.general.domain_certfile
        own = Path(tls.certfile) if tls.certfile is not None else None
        if own is None:
            is_made = tls.self_signed or not certificates
            own = self._self_signed(config) if is_made else Path(certificates[0].certfile)
        try:
            default = _context(tls, own, keyfile=tls.keyfile)
            by_domain = {
                entry.domain.lower(): (
                    _context(tls, Path(entry.certfile), keyfile=None),
                    end_point_binding(entry.certfile),
                )
                for entry in certificates
            }
            return Certificates(default, end_point_binding(own), by_domain)
        except (OSError, ValueError) as error:
            raise OSError(getattr(error, "errno", None), f"{path}: {error}") from error

    def _self_signed(self, config: Config) -> Path:
        folder = self._data_dir
        if folder is None:
            self._temporary = self._temporary or tempfile.TemporaryDirectory(prefix="mim-")
            folder = Path(self._temporary.name)
        path, made = self_signed(folder, config.general.hosts or [config.general.default_server_domain])
        if made:
            log.warning("made a self-signed certificate", extra={"file": str(path)})
        return path


def _context(tls: C2sTls, certfile: Path, *, keyfile: str | None) -> ssl.SSLContext:
    """Return a context for a certificate.

    A client's certificate is asked for only where a bad one ends the handshake: no login uses it (SASL EXTERNAL comes
    with the method pki), so that otherwise it would make no difference.
    """
    checks = tls.module == "just_tls" and tls.verify_mode == "peer" and tls.disconnect_on_failure is not False
    options = tls.protocol_options
    if options is None:
        options = DEFAULT_PROTOCOL_OPTIONS if tls.module == "fast_tls" else []
    context = server_context(
        certfile,
        keyfile=keyfile,
        password=tls.password or None,
        ciphers=tls.ciphers,
        versions=tls.versions,
        dhfile=tls.dhfile,
        cacertfile=tls.cacertfile,
        verify_peer=checks,
        crl_files=(tls.crl_files or []) if checks else [],
        protocol_options=options,
    )
    if tls.mode == "tls":
        context.set_alpn_protocols(["xmpp-client"])
    return context


def _keys(sections: Sequence[ListenerSection]) -> list[tuple[str, int, int]]:
    """Return by what a listener is known: address and port; those on any free port also by their number."""
    keys: list[tuple[str, int, int]] = []
    for section in sections:
        same = sum(key[:2] == (section.address, section.port) for key in keys)
        keys.append((section.address, section.port, same))
    return keys


def _same_socket(before: C2sSection, after: C2sSection) -> bool:
    def direct(section: C2sSection) -> bool:
        return section.tls is not None and section.tls.mode == "tls"

    return (
        before.proxy_protocol == after.proxy_protocol
        and before.backlog == after.backlog
        and direct(before) == direct(after)
        and (not direct(after) or before.tls == after.tls)
    )


async def _bound(starting: object, path: str, address: str, port: int) -> None:
    try:
        await starting  # type: ignore[misc]
    except OSError as error:
        reason = error.strerror or str(error)
        raise OSError(error.errno, f"{path}: cannot listen on {address}:{port}: {reason}") from error
