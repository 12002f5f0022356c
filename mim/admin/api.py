"""A request's way to its command and back, in the order of contract/admin-api, section 4.2."""

from __future__ import annotations

import logging
from typing import Any

from aiohttp import web
from multidict import CIMultiDictProxy

from mim.admin import answers, pages
from mim.admin.body import MalformedBody, members
from mim.admin.headers import BasicAuth, Malformed, accepts_json, is_json
from mim.admin.origins import Origins
from mim.admin.pages import Pages
from mim.admin.routes import Match, RouteTable
from mim.commands.arguments import Given, fill, select
from mim.commands.model import Command
from mim.commands.registry import CommandRegistry
from mim.config.sections import AdminApi as AdminSection
from mim.errors import MimError, wire_of
from mim.net.http import Target, empty
from mim.net.http_connection import BodyBroken, BodyTooLarge, read_body
from mim.net.urls import decode

log = logging.getLogger("mim.admin")

MAX_BODY_BYTES = 8_000_000
KNOWN_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
CHALLENGE = {"WWW-Authenticate": 'Basic realm="mongooseim"'}
BODY_PLACEHOLDER = "_"
"""A segment in place of a list that comes in the body (section 6.13)."""


class Refusal(Exception):
    """A request ends here, with a response."""

    def __init__(self, response: web.Response) -> None:
        super().__init__(response.status)
        self.response = response


class AdminApi:
    """One ``[[listen.http.handlers.mongoose_api_admin]]``: called with each request at its mount."""

    def __init__(self, handler: AdminSection, commands: CommandRegistry) -> None:
        self._registry = commands
        self._origins = Origins(handler.host, handler.allowed_origins)
        self._auth: BasicAuth | None = None
        if handler.username is not None and handler.password is not None:
            self._auth = BasicAuth(handler.username, handler.password)
        self._pages = Pages(commands)
        self._routes: RouteTable | None = None
        commands.on_change(self._forget)

    def _forget(self) -> None:
        """The set of commands has changed; the next request has the table made anew, once for many changes."""
        self._routes = None

    def _table(self) -> RouteTable:
        table = self._routes
        if table is None:
            table = self._routes = RouteTable(self._registry.commands())
        return table

    async def __call__(self, request: web.BaseRequest, target: Target) -> web.StreamResponse:
        """Answer a request."""
        origin = request.headers.get("Origin")
        try:
            response = await self._answer(request, target, origin)
        except Refusal as refusal:
            response = refusal.response
        except Exception:
            log.exception("request failed", extra={"method": request.method, "path": "/".join(target.path.decoded[:1])})
            response = answers.text(500, answers.FAULT)
        if origin is not None:
            self._origins.mark(response, origin)
        return response

    async def _answer(self, request: web.BaseRequest, target: Target, origin: str | None) -> web.Response:
        if target.on_loopback and self._origins.is_rebound(request.headers, target):
            return empty(404)
        method = request.method
        if self._pages.has(target.path.decoded):
            return await self._page(request, target, origin)
        table = self._table()
        match = table.find(target.path.decoded, method)
        if match is None:
            return empty(404)
        self._check_method(method, match.route.allowed, match.route.allow)
        if method == "OPTIONS":
            return web.Response(headers=self._origins.preflight(origin))
        self._check_authorization(request)
        self._check_content(request.headers, method)
        if method != "GET" and not self._origins.may_write(origin, target):
            return answers.text(403, answers.FOREIGN_ORIGIN)
        body: tuple[tuple[str, Any], ...] = ()
        if method in ("POST", "PUT"):
            body = self._known(members_of(await self._body(request)), table)
            current = self._table()
            if current is not table:  # a module stopped while the body came
                table = current
                match = table.find(target.path.decoded, method) or _refuse(empty(404))
        return await self._run(request, target, table, match, body)

    async def _page(self, request: web.BaseRequest, target: Target, origin: str | None) -> web.Response:
        self._check_method(request.method, pages.METHODS, pages.ALLOW)
        if request.method == "OPTIONS":
            return web.Response(headers=self._origins.preflight(origin))
        self._check_authorization(request)
        return await self._pages.get(target)

    def _check_method(self, method: str, allowed: frozenset[str], allow: str) -> None:
        if method not in allowed:
            if method not in KNOWN_METHODS:
                raise Refusal(empty(501))
            raise Refusal(web.Response(status=405, headers={"Allow": allow}))

    def _check_authorization(self, request: web.BaseRequest) -> None:
        if self._auth is None:
            return
        given = request.headers.getall("Authorization", [])
        try:
            if len(given) == 1 and self._auth.admits(given[0]):
                return
        except Malformed:
            raise Refusal(empty(400)) from None
        log.info("authorization failed", extra={"address": request.remote})
        raise Refusal(empty(400) if len(given) > 1 else web.Response(status=401, headers=CHALLENGE))

    def _check_content(self, headers: CIMultiDictProxy[str], method: str) -> None:
        accept = headers.get("Accept", "*/*")
        if accept != "*/*":
            try:
                accepted = accepts_json(",".join(headers.getall("Accept")))
            except Malformed:
                raise Refusal(empty(400)) from None
            if not accepted:
                raise Refusal(empty(406))
        if method in ("POST", "PUT") and not (
            is_json(headers.get("Content-Type", "")) and headers.get("Content-Encoding", "identity") == "identity"
        ):
            raise Refusal(empty(415))

    async def _body(self, request: web.BaseRequest) -> bytes:
        try:
            return await read_body(request, MAX_BODY_BYTES)
        except BodyTooLarge:
            raise Refusal(_closing(answers.text(413, answers.BODY_TOO_LARGE))) from None
        except BodyBroken:
            raise Refusal(_closing(answers.text(400, answers.MALFORMED_BODY))) from None

    def _known(self, body: tuple[tuple[str, Any], ...], table: RouteTable) -> tuple[tuple[str, Any], ...]:
        if not all(name in table.argument_names for name, _ in body):
            raise Refusal(answers.text(400, answers.MALFORMED_BODY))
        return body

    async def _run(
        self,
        request: web.BaseRequest,
        target: Target,
        table: RouteTable,
        match: Match,
        body: tuple[tuple[str, Any], ...],
    ) -> web.Response:
        method = request.method
        path = tuple(zip(match.route.names(method), match.bindings, strict=True))
        given = Given(path, body, target.query)
        candidates = match.route.commands.get(method, ())
        command = select(candidates, given, counts_path_only=method in ("GET", "DELETE"))
        if command is None:
            return answers.text(404, answers.NO_COMMAND)
        entry = table.entries[command.name]
        if entry.lists_in_path:
            given = await self._with_lists(request, target, table, command, given)
        try:
            arguments = fill(command, given)
            value = await command.function(*arguments)
        except MimError as error:
            wire = wire_of(error)
            return answers.text(wire.status, error.text)
        return answers.of_result(entry, value, arguments, target)

    async def _with_lists(
        self, request: web.BaseRequest, target: Target, table: RouteTable, command: Command, given: Given
    ) -> Given:
        """Return what is given with each list of the path taken apart, or taken from the body of a DELETE."""
        lists = table.entries[command.name].lists_in_path
        from_body: dict[str, Any] = {}
        path: list[tuple[str, Any]] = []
        for position, (name, value) in enumerate(given.path, start=1):
            if name not in lists:
                path.append((name, value))
            elif value == BODY_PLACEHOLDER and command.action == "delete":
                if not from_body:
                    from_body = dict(reversed(self._known(members_of(await self._body(request)), table)))
                if name not in from_body:
                    raise Refusal(answers.text(400, answers.MALFORMED_BODY))
                path.append((name, from_body[name]))
            else:
                path.append((name, [decode(part) for part in target.path.raw[position].split(",")]))
        if from_body and self._table().entries.get(command.name) is None:
            raise Refusal(empty(404))
        return given._replace(path=path)


def members_of(body: bytes) -> tuple[tuple[str, Any], ...]:
    """Return the members of a body, or refuse the request."""
    try:
        return members(body)
    except MalformedBody:
        raise Refusal(answers.text(400, answers.MALFORMED_BODY)) from None


def _closing(response: web.Response) -> web.Response:
    response.force_close()
    return response


def _refuse(response: web.Response) -> Match:
    raise Refusal(response)
