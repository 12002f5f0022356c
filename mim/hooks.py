"""The ways of calling a hook. pluggy loads, checks and orders; calls go through plain tuples of functions.

A pluggy call costs ten times a loop over bound methods, so the tuples of a :class:`HookTable` are rebuilt whenever
a module starts or stops, and the stanza path uses only them.
"""

from __future__ import annotations

import inspect
import logging
from collections.abc import Awaitable, Callable, Iterable
from typing import TYPE_CHECKING, Any, TypeVar

import pluggy

from mim.hookspecs import PROJECT, HookSpecs
from mim.xmpp.element import Element
from mim.xmpp.jid import JID
from mim.xmpp.stanza import Stanza

if TYPE_CHECKING:
    from mim.capabilities import RoomView
    from mim.session.session import Session
    from mim.storage.api import Write

log = logging.getLogger("mim.hooks")
T = TypeVar("T")


class HookTable:
    """The hook implementations of one host's running modules, in the order to call them."""

    account_registered: tuple[Callable[[JID], Awaitable[None] | None], ...]
    account_leaving: tuple[Callable[[JID], Awaitable[None] | None], ...]
    account_data_removal: tuple[Callable[[JID], Iterable[Write]], ...]
    account_removed: tuple[Callable[[JID], None], ...]
    session_opening: tuple[Callable[[Session], Awaitable[None] | None], ...]
    session_opened: tuple[Callable[[Session], None], ...]
    session_ready: tuple[Callable[[Session], Awaitable[None] | None], ...]
    presence_changed: tuple[Callable[[Session, Stanza | None, Stanza], None], ...]
    session_closed: tuple[Callable[[Session], None], ...]
    connection_lost: tuple[Callable[[Session], bool | None], ...]
    session_resumed: tuple[Callable[[Session], None], ...]
    filter_sent: tuple[Callable[[Stanza, Session | None], Stanza | None], ...]
    filter_received: tuple[Callable[[Stanza, JID], Stanza | None], ...]
    filter_delivered: tuple[Callable[[Stanza, Session], Stanza | None], ...]
    filter_broadcast: tuple[Callable[[Stanza, Session], Stanza | None], ...]
    message_delivered: tuple[Callable[[Stanza, JID, list[Session]], None], ...]
    message_waiting: tuple[Callable[[Stanza, JID], bool | None], ...]
    presence_subscription_sent: tuple[Callable[[Stanza], bool | None], ...]
    presence_subscription_received: tuple[Callable[[Stanza, JID], bool | None], ...]
    presence_subscribers: tuple[Callable[[JID], Iterable[JID]], ...]
    presence_subscriptions: tuple[Callable[[JID], Iterable[JID]], ...]
    room_created: tuple[Callable[[RoomView, JID], None], ...]
    room_destroyed: tuple[Callable[[RoomView, str], None], ...]
    room_configured: tuple[Callable[[RoomView], None], ...]
    occupant_joined: tuple[Callable[[RoomView, str, JID], None], ...]
    occupant_left: tuple[Callable[[RoomView, str, JID, int, str], None], ...]
    occupant_renamed: tuple[Callable[[RoomView, str, str, JID], None], ...]
    room_message: tuple[Callable[[RoomView, str, JID, Stanza], None], ...]
    room_subject_changed: tuple[Callable[[RoomView, str, JID], None], ...]
    roster_extra_items: tuple[Callable[[JID], Awaitable[Iterable[Element]] | Iterable[Element]], ...]
    stream_features: tuple[Callable[[bool], Iterable[Element]], ...]
    unauthenticated_iq: tuple[Callable[[Stanza, str], Awaitable[Element | None] | None], ...]
    server_items: tuple[Callable[[str], Iterable[Element]], ...]
    server_node: tuple[Callable[[Stanza, str], Element | None], ...]

    def __init__(self) -> None:
        self._manager = pluggy.PluginManager(PROJECT)
        self._manager.add_hookspecs(HookSpecs)
        self.rebuild()

    def register(self, plugin: object, name: str) -> None:
        """Add a module's implementations.

        Raises:
            pluggy.PluginValidationError: it implements a hook that does not exist, or with a wrong parameter.
        """
        self._manager.register(plugin, name)
        try:
            self._manager.check_pending()
        except pluggy.PluginValidationError:
            self._manager.unregister(plugin)
            raise
        self.rebuild()

    def unregister(self, plugin: object) -> None:
        """Take a module's implementations out."""
        self._manager.unregister(plugin)
        self.rebuild()

    def is_registered(self, plugin: object) -> bool:
        """Tell whether a module's implementations are in."""
        return self._manager.is_registered(plugin)

    def rebuild(self) -> None:
        """Make the tuples anew from what is registered."""
        for name, caller in self._manager.hook.__dict__.items():
            if not name.startswith("_"):
                setattr(self, name, tuple(_direct(impl, caller) for impl in _ordered(caller)))


def _ordered(caller: pluggy.HookCaller) -> list[pluggy.HookImpl]:
    """Return implementations first-registered first, those marked tryfirst or trylast at the ends."""
    impls = caller.get_hookimpls()
    return sorted(impls, key=lambda impl: (impl.trylast, not impl.tryfirst))


def _direct(impl: pluggy.HookImpl, caller: pluggy.HookCaller) -> Callable[..., Any]:
    """Return the implementation taking the specification's parameters by position."""
    assert caller.spec is not None
    wanted = tuple(impl.argnames)
    offered = tuple(caller.spec.argnames)
    function: Callable[..., Any] = impl.function
    if wanted == offered:
        return function
    positions = [offered.index(name) for name in wanted]

    def call(*args: Any) -> Any:
        return function(*[args[position] for position in positions])

    call.__self__ = getattr(function, "__self__", None)  # type: ignore[attr-defined]
    return call


def owner_of(function: Callable[..., Any]) -> str:
    """Return the name of the module a hook implementation belongs to, for the log."""
    return str(getattr(getattr(function, "__self__", None), "name", "") or getattr(function, "__module__", "?"))


def notify(functions: tuple[Callable[..., Any], ...], *args: Any) -> None:
    """Tell every module; a failure is logged with the module's name and stops nobody else."""
    for function in functions:
        try:
            function(*args)
        except Exception:
            log.exception("hook failed", extra={"plugin": owner_of(function)})


async def notify_async(functions: tuple[Callable[..., Any], ...], *args: Any) -> None:
    """Tell every module one after the other, awaiting those that are coroutines; failures as in notify()."""
    for function in functions:
        try:
            answer = function(*args)
            if inspect.isawaitable(answer):
                await answer
        except Exception:
            log.exception("hook failed", extra={"plugin": owner_of(function)})


def joined(functions: tuple[Callable[..., Iterable[T]], ...], *args: Any) -> list[T]:
    """Return all modules' answers as one list; a failing module adds nothing."""
    answers: list[T] = []
    for function in functions:
        try:
            answers.extend(function(*args))
        except Exception:
            log.exception("hook failed", extra={"plugin": owner_of(function)})
    return answers


async def joined_async(
    functions: tuple[Callable[..., Awaitable[Iterable[T]] | Iterable[T]], ...], *args: Any
) -> list[T]:
    """Return all modules' answers as one list, awaiting those that are coroutines; a failing module adds nothing."""
    answers: list[T] = []
    for function in functions:
        try:
            answer = function(*args)
            answers.extend(await answer if isinstance(answer, Awaitable) else answer)
        except Exception:
            log.exception("hook failed", extra={"plugin": owner_of(function)})
    return answers
