"""The public face: everything a module may use, documented and kept stable.

A module is a class derived from :class:`Module` in a file ``mod_<name>.py`` (or a package of that name)::

    from mim.plugin import Module, Options, element, iq_handler, option

    class ModHello(Module):
        \"\"\"Greets whoever asks.\"\"\"

        class Options(Options):
            greeting: str = option("Hello", help="What to say.")

        features = ("urn:example:hello",)

        @iq_handler("get", "urn:example:hello", "hello")
        def hello(self, iq):
            return element("urn:example:hello", "hello", self.options.greeting)

    setup = ModHello

Importing the file has no effect. ``setup(api, options)`` builds the module; then its declarations (hooks, IQ
handlers, commands, features) are registered and ``start()`` is awaited. Stopping undoes all of it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar

from mim.capabilities import ArchivedMessage, ArchiveView, Contact, LightRooms, RoomArchive, RoomReader, RosterView
from mim.clock import Clock, Timer, format_stamp, from_us, parse_stamp
from mim.commands.model import command
from mim.config import Options, option
from mim.errors import NotFound
from mim.hooks import joined, joined_async, notify
from mim.hookspecs import hookimpl
from mim.host import Host, IqHandler, NonzaHandler
from mim.router import NO_REPLY, SUBSCRIPTION_TYPES, ServiceHandler, own_account
from mim.session.connection import ConnectionLayer, Stream, Undelivered
from mim.session.session import Session
from mim.shaper import TokenBucket
from mim.storage.api import Database, Schema
from mim.xmpp.conditions import StanzaError, StreamError
from mim.xmpp.element import Element, element
from mim.xmpp.jid import JID
from mim.xmpp.stanza import FanOut, Stanza, error_of, new_id, result_of

if TYPE_CHECKING:
    from mim.accounts import Accounts
    from mim.host import Hosts
    from mim.pools.http import HttpPool
    from mim.router import Router
    from mim.server import Server
    from mim.session.manager import SessionManager
    from mim.session.table import SessionTable

__all__ = [
    "JID",
    "NO_REPLY",
    "SUBSCRIPTION_TYPES",
    "ArchiveView",
    "ArchivedMessage",
    "Clock",
    "ConnectionLayer",
    "Contact",
    "Element",
    "FanOut",
    "Host",
    "LightRooms",
    "Module",
    "ModuleApi",
    "Options",
    "RoomArchive",
    "RoomReader",
    "RosterView",
    "Schema",
    "Session",
    "Stanza",
    "StanzaError",
    "Stream",
    "StreamError",
    "Timer",
    "TokenBucket",
    "Undelivered",
    "Xep",
    "command",
    "element",
    "error_of",
    "format_stamp",
    "from_us",
    "hookimpl",
    "iq_handler",
    "joined",
    "joined_async",
    "new_id",
    "nonza_handler",
    "notify",
    "option",
    "own_account",
    "parse_stamp",
    "result_of",
]

F = TypeVar("F", bound=Callable[..., Any])
T = TypeVar("T")
O_co = TypeVar("O_co", bound=Options, covariant=True)
_IQ_MARK = "__mim_iq__"
_NONZA_MARK = "__mim_nonza__"


@dataclass(frozen=True, slots=True)
class Xep:
    """A specification a module implements: its number, the version it was written to, what is left out."""

    number: int
    version: str
    note: str = ""


class Module(Generic[O_co]):
    """One ``[modules.mod_x]`` section at work on one host.

    Class attributes declare, methods do. ``self.api`` is the way to the server, ``self.options`` the section.
    """

    name: ClassVar[str] = ""
    """The section's name; set by the loader."""
    Options: ClassVar[type[Options]] = Options
    """The options of the section."""
    needs: ClassVar[tuple[str, ...]] = ()
    """Modules that must run before this one; if one is missing from the file, this one starts with a warning."""
    starts: ClassVar[tuple[str, ...]] = ()
    """Modules started with this one although nobody wrote them (contract/modules, "Automatic starts")."""
    shares_options_with: ClassVar[tuple[str, ...]] = ()
    """Those of the modules it starts that take its options where their own section has not written theirs."""
    after: ClassVar[tuple[str, ...]] = ()
    """Modules that start before this one if they run at all; decides the order of filters, too."""
    dynamic_domains: ClassVar[bool] = True
    """It works for host types, whose domains come and go; False: a file with host types may not switch it on."""
    schema: ClassVar[Schema | None] = None
    """The tables this module owns."""
    features: tuple[str, ...] = ()
    """Disco features of the server while this module runs; ``__init__`` or ``start`` may set others by the options."""
    xeps: ClassVar[tuple[Xep, ...]] = ()
    """The specifications it implements."""

    def __init__(self, api: ModuleApi, options: O_co) -> None:
        self.api = api
        self.options = options

    @classmethod
    def also_starts(cls, options: Any) -> tuple[str, ...]:
        """Return the modules to start with this one under these options of it: :attr:`starts`, and what else it wants.

        One that this version does not have is left out.
        """
        return cls.starts

    async def start(self) -> None:
        """Open what the module needs; its declarations are registered when this returns."""

    async def stop(self) -> None:
        """Close what start() opened. Tasks, services, providers and declarations go by themselves."""


def iq_handler(type: str, namespace: str, name: str, *, to: str = "server") -> Callable[[F], F]:
    """Mark a method as the handler of IQs of that type whose payload has that namespace and name.

    *to*: "server" (the domain), "account" (a bare JID, answered on the user's behalf), or both with a blank between.
    *name* "*" matches what no other handler does. The method takes the stanza and returns the result's payload
    (None = empty result), or an awaitable of it, or raises StanzaError.
    """

    def mark(function: F) -> F:
        marks = getattr(function, _IQ_MARK, ())
        setattr(function, _IQ_MARK, (*marks, *((scope, type, namespace, name) for scope in to.split())))
        return function

    return mark


def nonza_handler(namespace: str, name: str) -> Callable[[F], F]:
    """Mark a method as the handler of first-level elements of that namespace and name that are no stanzas.

    "*" stands for any; an exact match comes first, then any name of the namespace, then the name in any namespace.
    The method takes the :class:`Stream` and the element, before and after authentication and binding alike. It
    answers with ``stream.send_nonza``, and may return an awaitable: the client's next element waits for it. It may
    raise StreamError.
    """

    def mark(function: F) -> F:
        marks = getattr(function, _NONZA_MARK, ())
        setattr(function, _NONZA_MARK, (*marks, (namespace, name)))
        return function

    return mark


def iq_handlers_of(module: object) -> Iterator[tuple[tuple[str, str, str, str], IqHandler]]:
    """Yield the IQ handlers an object's methods declare."""
    yield from _marked(module, _IQ_MARK)


def nonza_handlers_of(module: object) -> Iterator[tuple[tuple[str, str], NonzaHandler]]:
    """Yield the handlers of elements that are no stanzas an object's methods declare."""
    yield from _marked(module, _NONZA_MARK)


def _marked(module: object, mark: str) -> Iterator[tuple[Any, Any]]:
    seen: set[str] = set()
    for kind in type(module).__mro__:
        for attribute, value in vars(kind).items():
            marks = getattr(value, mark, None)
            if marks and attribute not in seen:
                seen.add(attribute)
                for key in marks:
                    yield key, getattr(module, attribute)


class _ModuleTimer:
    """A call of a module's own that is due later; gone when it was made, cancelled, or the module stopped."""

    __slots__ = ("_callback", "_owner", "_timer")

    def __init__(self, owner: ModuleApi, seconds: float, callback: Callable[[], object]) -> None:
        self._owner = owner
        self._callback = callback
        self._timer = owner.clock.call_later(seconds, self._fire)

    def cancel(self) -> None:
        """Do not call."""
        self._timer.cancel()
        self._owner._timers.discard(self)

    def _fire(self) -> None:
        self._owner._timers.discard(self)
        try:
            self._callback()
        except Exception:
            self._owner.log.exception("timer failed", extra={"plugin": self._owner.name})


class ModuleApi:
    """What one module on one host may ask of the server and of the others."""

    def __init__(self, name: str, host: Host, server: Server) -> None:
        self._server = server
        self._host = host
        self.name = name
        self.log = logging.getLogger(f"mim.modules.{name}")
        self._tasks: set[asyncio.Task[Any]] = set()
        self._timers: set[_ModuleTimer] = set()
        self._services: list[str] = []
        self._provided: list[type] = []

    # --- the server -------------------------------------------------------------------------------------------

    @property
    def host(self) -> Host:
        """The host this module runs on: its domains, options of the file, features."""
        return self._host

    @property
    def hosts(self) -> Hosts:
        """All hosts, by the domains they serve."""
        return self._server.hosts

    @property
    def clock(self) -> Clock:
        """The server's time."""
        return self._server.clock

    @property
    def database(self) -> Database:
        """The database the module's tables are in."""
        return self._server.database

    @property
    def accounts(self) -> Accounts:
        """The accounts of all hosts."""
        return self._server.accounts

    @property
    def sessions(self) -> SessionTable:
        """Who is online."""
        return self._server.sessions

    @property
    def session_manager(self) -> SessionManager:
        """Ends sessions."""
        return self._server.session_manager

    @property
    def router(self) -> Router:
        """Delivers stanzas."""
        return self._server.router

    async def reload_configuration(self) -> list[str]:
        """Have the server read its file again and obey it; return the paths of what needs a restart.

        Raises:
            BadRequest: the file has problems; the text tells all of them, one a line, and nothing has changed.
            NotFound: the server was not started from a file.
        """
        if self._server.reload is None:
            raise NotFound("this server was not started from a file")
        return await self._server.reload()

    def http_pool(self, tag: str) -> HttpPool | None:
        """Return the pool of ``outgoing_pools.http`` with that tag, None when the file has none for this host."""
        return self._server.pools.http(tag, self._host.name)

    @property
    def node_name(self) -> str:
        """The node's name as 5.1 prints it, e.g. ``mongooseim@localhost``."""
        return self._server.node_name

    @property
    def started_at(self) -> float:
        """When the server started, on ``clock.monotonic()``."""
        return self._server.started_at

    @property
    def command_listing(self) -> Callable[[], list[dict[str, Any]]]:
        """Returns the listing of all commands that exist now (contract/admin-api, section 2)."""
        return self._server.command_listing

    def new_archive_id(self) -> int:
        """Return an id that is unique and ascends with time: microseconds * 256 + node."""
        return self._server.archive_ids.next()

    def note_archive_id(self, archive_id: int) -> None:
        """Make sure that new ids are above one that a store has kept over a restart."""
        self._server.archive_ids.stay_above(archive_id)

    # --- other modules ----------------------------------------------------------------------------------------

    def find(self, kind: type[T]) -> T | None:
        """Return what a running module of this host offers as *kind* (see :mod:`mim.capabilities`), or None."""
        return self._host.find(kind)

    def provide(self, kind: type[T], implementation: T) -> None:
        """Offer *implementation* to the other modules of this host until this module stops."""
        self._host.provide(kind, implementation)
        self._provided.append(kind)

    # --- things that end with the module ----------------------------------------------------------------------

    def spawn(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        """Run *work* in a task that is cancelled when the module stops; its failure is logged."""
        task = asyncio.get_running_loop().create_task(self._guarded(work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _guarded(self, work: Coroutine[Any, Any, Any]) -> Any:
        try:
            return await work
        except Exception:
            self.log.exception("task failed", extra={"plugin": self.name})
            return None

    def call_later(self, seconds: float, callback: Callable[[], object]) -> Timer:
        """Call *callback* once, *seconds* from now on the server's clock, unless this module has stopped by then."""
        timer = _ModuleTimer(self, seconds, callback)
        self._timers.add(timer)
        return timer

    def add_service(self, domain: str, handler: ServiceHandler) -> None:
        """Give all stanzas for *domain* (``muc.localhost``) to *handler* until this module stops.

        Raises:
            ValueError: somebody serves the name already.
        """
        self._server.router.add_service(domain, handler, self._host)
        self._services.append(domain)

    async def close(self) -> None:
        """Undo everything; called by the loader."""
        for domain in self._services:
            self._server.router.remove_service(domain)
        for kind in self._provided:
            self._host.withdraw(kind)
        self._services.clear()
        self._provided.clear()
        for timer in list(self._timers):
            timer.cancel()
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.gather(*tasks, return_exceptions=True)
