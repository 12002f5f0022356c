"""A request's way to its command and back, in the order of contract/admin-api, section 4.2."""

from __future__ import annotations

import logging
from typing import Any

from aiohttp import web

from mim.admin import answers, pages
from mim.admin.answers import Refusal
from mim.admin.body import Members, read_members
from mim.admin.checks import WITH_BODY, check_authorization, check_content, check_method
from mim.admin.headers import BasicAuth
from mim.admin.origins import Origins
from mim.admin.pages import Pages
from mim.admin.routes import Entry, Match, RouteTable
from mim.commands.arguments import Given, fill, select
from mim.commands.registry import CommandRegistry
from mim.config.sections import AdminApi as AdminSection
from mim.errors import MimError, wire_of
from mim.net.http import Target, empty
from mim.net.urls import decode

log = logging.getLogger("mim.admin")

BODY_PLACEHOLDER = "_"
"""A segment in place of a list that comes in the body (section 6.13)."""


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
        if self._auth is None and self._origins.is_rebound(request.headers, target):
            return empty(404)
        method = request.method
        if self._pages.has(target.path.decoded):
            check_method(method, pages.METHODS, pages.ALLOW)
            if method == "OPTIONS":
                return web.Response(headers=self._origins.preflight(origin))
            if self._auth is not None:
                check_authorization(request, self._auth)
            return await self._pages.get(target)
        table = self._table()
        match = table.find(target.path.decoded, method)
        if match is None:
            return empty(404)
        check_method(method, match.route.allowed, match.route.allow)
        if method == "OPTIONS":
            return web.Response(headers=self._origins.preflight(origin))
        if self._auth is not None:
            check_authorization(request, self._auth)
        check_content(method, request.headers)
        if method != "GET" and not self._origins.may_write(origin, target):
            return answers.text(403, answers.FOREIGN_ORIGIN)
        body = await read_members(request, table.argument_names) if method in WITH_BODY else ()
        return await self._run(request, target, table, match, body)

    async def _run(
        self, request: web.BaseRequest, target: Target, table: RouteTable, match: Match, body: Members
    ) -> web.Response:
        method = request.method
        path = tuple(zip(match.route.names(method), match.bindings, strict=True))
        given = Given(path, body, target.query)
        candidates = match.route.commands.get(method, ())
        command = select(candidates, given, counts_path_only=method not in WITH_BODY)
        if command is None:
            return answers.text(404, answers.NO_COMMAND)
        entry = table.entries[command.name]
        if entry.lists_in_path:
            given = await _with_lists(request, target, table, entry, given)
        if self._routes is not table and command not in self._registry.commands():
            return empty(404)  # its module has stopped while the body came
        try:
            arguments = fill(command, given)
            value = await command.function(*arguments)
        except MimError as error:
            return answers.text(wire_of(error).status, error.text)
        return answers.of_result(entry, value, arguments, target)


async def _with_lists(request: web.BaseRequest, target: Target, table: RouteTable, entry: Entry, given: Given) -> Given:
    """Return what is given with each list of the path taken apart, or taken from the body of a DELETE."""
    body: dict[str, Any] | None = None
    path: list[tuple[str, Any]] = []
    for position, (name, value) in enumerate(given.path, start=1):
        if name not in entry.lists_in_path:
            path.append((name, value))
        elif value == BODY_PLACEHOLDER and entry.command.action == "delete":
            if body is None:
                body = dict(reversed(await read_members(request, table.argument_names)))  # the first of equals counts
            if name not in body:
                raise answers.malformed_body()
            path.append((name, body[name]))
        else:
            path.append((name, [decode(part) for part in target.path.raw[position].split(",")]))
    return given._replace(path=path)
