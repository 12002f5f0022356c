"""The handler ``mod_bosh``: HTTP requests to BOSH sessions (XEP-0124, XEP-0206)."""

from __future__ import annotations

import logging

from aiohttp import web

from mim.admin.origins import Origins
from mim.capabilities import BoshPolicy
from mim.errors import InvalidJid
from mim.net.bosh_body import MAX_BODY_BYTES, BadBody, Body, parse_body, terminate_text
from mim.net.bosh_session import BoshSession
from mim.net.http_connection import BodyBroken, BodyTooLarge, read_body
from mim.net.http_routing import Target
from mim.stream.transport import StreamServices, StreamSettings
from mim.xmpp.jid import prepare_domain

log = logging.getLogger("mim.net")

MAX_STRANGERS = 1024
"""Sessions that have not logged in yet."""
_CORS = {"Access-Control-Allow-Origin": "*"}
_PREFLIGHT = _CORS | {
    "Access-Control-Allow-Methods": "POST, OPTIONS",
    "Access-Control-Allow-Headers": "Content-Type",
    "Access-Control-Max-Age": "86400",
}


class BoshSessions:
    """All sessions of a server; a session may be used through any of its ports."""

    def __init__(self, services: StreamServices) -> None:
        self._services = services
        self._by_sid: dict[str, BoshSession] = {}

    def find(self, sid: str) -> BoshSession | None:
        """Return a session, or None."""
        return self._by_sid.get(sid)

    def create(self, first: Body, settings: StreamSettings, peer: tuple[str, bool]) -> BoshSession | str:
        """Return a new session for the first request of a client, or the condition it is refused with.

        Raises:
            BadBody: what it asks for is not to be understood.
        """
        try:
            host = self._services.hosts.find(prepare_domain(first.attrs.get("to", "")))
        except InvalidJid:
            return "improper-addressing"
        policy = None if host is None else host.find(BoshPolicy)
        if policy is None:
            return "host-unknown"
        if len(self._by_sid) >= MAX_STRANGERS:
            strangers = sum(not session.stream.is_bound for session in self._by_sid.values())
            if strangers >= MAX_STRANGERS:
                log.warning("too many BOSH sessions without login", extra={"limit": MAX_STRANGERS})
                return "policy-violation"
        session = BoshSession(first, settings, self._services, policy, peer, self._forget)
        self._by_sid[session.sid] = session
        return session

    def is_allowed(self, session: BoshSession) -> bool:
        """Tell whether the module that has allowed the session is still there."""
        host = session.stream.host
        return host is None or host.find(BoshPolicy) is not None

    def _forget(self, session: BoshSession) -> None:
        self._by_sid.pop(session.sid, None)

    def stop(self) -> None:
        """Tell every client that the server stops."""
        for session in list(self._by_sid.values()):
            session.shut_down()
        self._by_sid.clear()


class Bosh:
    """The handler of one section. *host* is its option of that name."""

    def __init__(self, host: str, settings: StreamSettings, sessions: BoshSessions) -> None:
        self._settings = settings
        self._sessions = sessions
        self._origins = Origins(host, ())

    async def __call__(self, request: web.BaseRequest, target: Target) -> web.StreamResponse:
        """Answer a request at the handler's own path."""
        if target.path.decoded:
            return web.Response(status=404)
        if self._origins.is_rebound(request.headers, target):
            return web.Response(status=403)
        if request.method == "OPTIONS":
            return web.Response(status=204, headers=_PREFLIGHT)
        if request.method != "POST":
            return web.Response(status=405, headers={"Allow": "POST, OPTIONS"})
        try:
            body = parse_body(await read_body(request, MAX_BODY_BYTES))
            return _response(await self._answer(body, request))
        except BodyTooLarge:
            return web.Response(status=413, headers=_CORS)
        except BodyBroken:
            return web.Response(status=400, headers=_CORS)
        except BadBody as error:
            log.debug("bad BOSH request", extra={"address": request.remote, "reason": str(error)})
            return _response(terminate_text("bad-request"), 400)

    async def _answer(self, body: Body, request: web.BaseRequest) -> str:
        if body.sid:
            found = self._sessions.find(body.sid)
            if found is None:
                return terminate_text("item-not-found")
            if not self._sessions.is_allowed(found):
                found.shut_down()
            return await found.receive(body)
        is_encrypted = request.transport is not None and request.transport.get_extra_info("ssl_object") is not None
        made = self._sessions.create(body, self._settings, (request.remote or "", is_encrypted))
        return terminate_text(made) if isinstance(made, str) else await made.receive(body)


def _response(text: str, status: int = 200) -> web.Response:
    return web.Response(status=status, text=text, content_type="text/xml", charset="utf-8", headers=_CORS)
