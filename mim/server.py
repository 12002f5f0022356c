"""The parts of a running server, by name. Built by :mod:`mim.application`, reached by modules through their API."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mim.clock import Clock
from mim.commands.registry import CommandRegistry
from mim.host import Hosts
from mim.router import Router
from mim.session.inbound import Inbound
from mim.session.manager import SessionManager
from mim.session.table import SessionTable
from mim.storage.api import Database
from mim.storage.ids import ArchiveIds

if TYPE_CHECKING:
    from mim.accounts import Accounts
    from mim.config import Config
    from mim.pools import Pools


@dataclass(slots=True)
class Server:
    """Everything that exists once per process."""

    config: Config
    clock: Clock
    database: Database
    hosts: Hosts
    sessions: SessionTable
    accounts: Accounts
    router: Router
    session_manager: SessionManager
    inbound: Inbound
    commands: CommandRegistry
    archive_ids: ArchiveIds
    command_listing: Callable[[], list[dict[str, Any]]]
    node_name: str
    started_at: float
    pools: Pools
    reload: Callable[[], Awaitable[list[str]]] | None = None
    """Reads the file again and obeys it; None where the server has no file."""
