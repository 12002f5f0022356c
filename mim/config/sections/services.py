"""``[services]``: parts of the server that belong to no host."""

from __future__ import annotations

from typing import Annotated, Literal

from mim.config.kinds import Condition
from mim.config.options import NonEmpty
from mim.config.tables import Options, option

CommandGroup = Literal[
    "node", "accounts", "sessions", "vcard", "roster", "last", "private", "stanza", "stats", "gdpr", "upload", "domain"
]
PoolScope = Annotated[
    NonEmpty,
    Condition(lambda text: text, 'must be "global" or a host type', '"global" or host type'),
]


class AdminExtra(Options):
    """``[services.service_admin_extra]``."""

    submods: list[CommandGroup] = option(
        ["node", "accounts", "sessions", "vcard", "roster", "last", "private", "stanza", "stats", "gdpr", "upload",
         "domain"],
        distinct=True,
        help="Command groups.",
    )  # fmt: skip


class DomainDb(Options):
    """``[services.service_domain_db]``."""

    event_cleaning_interval: int = option(
        1800, minimum=1, unit="seconds", help="Between cleanings of old domain events."
    )
    event_max_age: int = option(7200, minimum=1, unit="seconds", help="A domain event is kept.")
    db_pool: PoolScope = option("global", help='"global" or the host type whose rdbms pool is used.')


class SystemMetrics(Options, tier="C"):
    """``[services.service_mongoose_system_metrics]``: this server reports to nobody."""

    report: bool | None = option(None, help="No effect.")
    initial_report: int = option(300000, minimum=0, unit="ms", help="No effect.")
    periodic_report: int = option(10800000, minimum=0, unit="ms", help="No effect.")
    tracking_id: NonEmpty | None = option(None, help="No effect.")


class Services(Options):
    """``[services]``."""

    service_admin_extra: AdminExtra | None = option(None, help="Extra commands of the admin command line.")
    service_domain_db: DomainDb | None = option(
        None, help="Keeps dynamic domains in SQL; needed by mongoose_domain_handler."
    )
    service_mongoose_system_metrics: SystemMetrics | None = option(
        None, tier="C", help="Usage reports to the makers of MongooseIM; this server reports to nobody."
    )
