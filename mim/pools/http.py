"""``[outgoing_pools.http.TAG]``: requests to one HTTP service over a few kept connections."""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import Mapping
from urllib.parse import urlencode

import aiohttp
from yarl import URL

from mim.config.sections.pools import HttpPool as Section
from mim.config.sections.tls import PoolTls
from mim.errors import BadRequest, Unavailable

log = logging.getLogger("mim.pools")

MAX_BODY_BYTES = 1024 * 1024
"""What is read of an answer; a longer one is none."""


class HttpPool:
    """At most ``workers`` connections to the service, opened when needed; a broken one is replaced.

    Raises:
        BadRequest: the options cannot work; the text says which.
    """

    def __init__(self, tag: str, section: Section) -> None:
        self._tag = tag
        self._section = section
        self._base = _base_url(tag, section)
        self._tls = _tls_context(tag, section)
        self._session: aiohttp.ClientSession | None = None
        self._is_closed = False

    async def request(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        form: Mapping[str, str] | None = None,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> tuple[int, bytes]:
        """Return status and body of the answer to one request.

        *path* comes after the pool's prefix. *form* is sent as ``application/x-www-form-urlencoded``, *body* as it
        is. Redirects are not followed.

        Raises:
            Unavailable: no connection, no answer in ``request_timeout``, no free connection in ``call_timeout``.
        """
        if self._is_closed:
            raise Unavailable(f"there is no pool outgoing_pools.http.{self._tag} any more")
        url = self._url(path, query)
        data, more = body, dict(headers or {})
        if form is not None:
            data = urlencode(form).encode()
            more["Content-Type"] = "application/x-www-form-urlencoded"
        try:
            # The one for the answer, the other for a free connection as well.
            async with asyncio.timeout((self._section.call_timeout + self._section.connection.request_timeout) / 1000):
                return await self._ask(method, url, data, more)
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            reason = str(error) or type(error).__name__
            log.warning("HTTP service failed", extra={"pool": self._tag, "path": path, "reason": reason})
            raise Unavailable(f"the HTTP service of outgoing_pools.http.{self._tag} does not answer") from error

    async def _ask(self, method: str, url: URL, data: bytes | None, headers: Mapping[str, str]) -> tuple[int, bytes]:
        session = self._session = self._session or self._open()
        tls = self._section.connection.tls
        name = tls.server_name_indication.host if tls is not None else None
        async with session.request(
            method, url, data=data, headers=headers, allow_redirects=False, ssl=self._tls, server_hostname=name
        ) as answer:
            body = await answer.content.read(MAX_BODY_BYTES + 1)
            while len(body) <= MAX_BODY_BYTES and not answer.content.at_eof():
                body += await answer.content.read(MAX_BODY_BYTES + 1 - len(body))
            if len(body) > MAX_BODY_BYTES:
                answer.close()
                raise aiohttp.ClientPayloadError("the answer is too long")
            return answer.status, body

    def _open(self) -> aiohttp.ClientSession:
        seconds = self._section.connection.request_timeout / 1000 or None
        return aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=self._section.workers),
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=seconds, sock_read=seconds),
            cookie_jar=aiohttp.DummyCookieJar(),
            raise_for_status=False,
        )

    def _url(self, path: str, query: Mapping[str, str] | None) -> URL:
        text = f"{self._base}{path.removeprefix('/')}"
        return URL(f"{text}?{urlencode(query)}" if query else text, encoded=True)

    async def change(self, section: Section) -> None:
        """Obey other options from the next request on."""
        if section == self._section:
            return
        base, tls = _base_url(self._tag, section), _tls_context(self._tag, section)
        old, self._session = self._session, None
        self._section, self._base, self._tls = section, base, tls
        if old is not None:
            await old.close()

    async def close(self) -> None:
        """Close the connections; requests are refused from now on."""
        self._is_closed = True
        session, self._session = self._session, None
        if session is not None:
            await session.close()


def _base_url(tag: str, section: Section) -> str:
    """Return what every URL of the pool begins with, a slash at its end."""
    host = section.connection.host
    if "://" not in host:
        host = f"http://{host}"
    try:
        url = URL(host)
    except ValueError:
        url = URL()
    if url.scheme not in ("http", "https") or not url.host:
        raise BadRequest(f'outgoing_pools.http.{tag}.connection.host = "{host}": must be "http[s]://name[:port]"')
    if section.connection.tls is not None:
        url = url.with_scheme("https")
    return f"{url.origin()}/{section.connection.path_prefix.strip('/')}".rstrip("/") + "/"


def _tls_context(tag: str, section: Section) -> ssl.SSLContext | bool:
    """Return how to check the service; without a tls table an https service is not checked (rule X11)."""
    tls = section.connection.tls
    if tls is None:
        return False
    try:
        return client_context(tls)
    except OSError as error:
        raise BadRequest(f"outgoing_pools.http.{tag}.connection.tls: {error}") from error


def client_context(tls: PoolTls) -> ssl.SSLContext:
    """Return a context for connections to others: TLS 1.2 at least (RFC 8996).

    Raises:
        OSError: a file cannot be read, or is no PEM of its kind.
    """
    context = ssl.create_default_context(cafile=tls.cacertfile)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if tls.versions and "tlsv1.3" not in tls.versions:
        context.maximum_version = ssl.TLSVersion.TLSv1_2
    if tls.versions and set(tls.versions) == {"tlsv1.3"}:
        context.minimum_version = ssl.TLSVersion.TLSv1_3
    if not tls.server_name_indication.enabled or tls.verify_mode == "none":
        context.check_hostname = False
    if tls.verify_mode == "none":
        context.verify_mode = ssl.CERT_NONE
    if tls.certfile is not None:
        context.load_cert_chain(tls.certfile, tls.keyfile, tls.password or None)
    if tls.ciphers:
        context.set_ciphers(tls.ciphers)
    return context
