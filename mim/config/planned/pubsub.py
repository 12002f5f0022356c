"""Publish-subscribe and what hangs on it: mod_pubsub, mod_caps, mod_push_service_mongoosepush."""

from __future__ import annotations

from typing import Literal

from mim.config.options import AccessRuleName, HostTemplate, HttpPoolName, ModuleOptions, NonEmpty
from mim.config.tables import Options, option


class PepMapping(Options, tier="B"):
    """``[[modules.mod_pubsub.pep_mapping]]``."""

    namespace: NonEmpty = option(help="Namespace.")
    node: NonEmpty = option(help="Plugin.")


class NodeConfig(Options):
    """``[modules.mod_pubsub.default_node_config]``."""

    access_model: NonEmpty | None = option(
        None,
        computed="by plugin",
        help="XEP-0060 node option.",
    )
    deliver_notifications: bool | None = option(None, computed="by plugin", help="XEP-0060 node option.")
    deliver_payloads: bool | None = option(None, computed="by plugin", help="XEP-0060 node option.")
    max_items: int | None = option(None, minimum=0, computed="by plugin", help="XEP-0060 node option.")
    max_payload_size: int | None = option(None, minimum=0, computed="by plugin", help="XEP-0060 node option.")
    node_type: NonEmpty | None = option(
        None,
        computed="by plugin",
        help="XEP-0060 node option.",
    )
    notification_type: NonEmpty | None = option(
        None,
        computed="by plugin",
        help="XEP-0060 node option.",
    )
    notify_config: bool | None = option(None, computed="by plugin", help="XEP-0060 node option.")
    notify_delete: bool | None = option(None, computed="by plugin", help="XEP-0060 node option.")
    notify_retract: bool | None = option(None, computed="by plugin", help="XEP-0060 node option.")
    persist_items: bool | None = option(None, computed="by plugin", help="XEP-0060 node option.")
    presence_based_delivery: bool | None = option(None, computed="by plugin", help="XEP-0060 node option.")
    publish_model: NonEmpty | None = option(
        None,
        computed="by plugin",
        help="XEP-0060 node option.",
    )
    purge_offline: bool | None = option(None, computed="by plugin", help="XEP-0060 node option.")
    roster_groups_allowed: list[NonEmpty] | None = option(None, computed="by plugin", help="XEP-0060 node option.")
    send_last_published_item: NonEmpty | None = option(
        None,
        computed="by plugin",
        help="XEP-0060 node option.",
    )
    subscribe: bool | None = option(None, computed="by plugin", help="XEP-0060 node option.")


class PubsubOptions(ModuleOptions):
    """``[modules.mod_pubsub]``."""

    host: HostTemplate = option("pubsub.@HOST@", help="Name of the service.")
    backend: Literal["mnesia", "rdbms"] = option(
        "mnesia", mapped={"mnesia": "C -> the embedded default store"}, help="mnesia -> the embedded default store."
    )
    access_createnode: AccessRuleName = option("all", help="Access rule: who may create nodes.")
    max_items_node: int = option(10, minimum=0, help="Cap on items per node.")
    max_subscriptions_node: int | None = option(None, minimum=0, help="Cap on subscriptions per node.")
    nodetree: Literal["tree", "dag"] = option("tree", mapped={"dag": "B"}, help="Order of nodes; dag is tier B.")
    ignore_pep_from_offline: bool = option(True, help="No last items from offline contacts at login.")
    last_item_cache: Literal["mnesia", "rdbms", "false"] = option(
        "false",
        mapped={"mnesia": "C -> an in-memory table of the server"},
        help='Cache of last items; the string "false", not the boolean; mnesia -> memory.',
    )
    plugins: list[Literal["flat", "hometree", "dag", "pep", "push"]] = option(
        ["flat"], mapped={"dag": "B"}, help="Node kinds; the first is the default; dag is tier B."
    )
    pep_mapping: list[PepMapping] = option([], tier="B", distinct="namespace", help="Node plugin per PEP namespace.")
    default_node_config: NodeConfig = option(NodeConfig(), help="Overrides the defaults of every plugin.")
    item_publisher: bool = option(False, help="Record the publisher of items.")
    sync_broadcast: bool = option(False, help="true: notifications are sent before the answer, in order.")


class CapsOptions(Options):
    """``[modules.mod_caps]``."""

    cache_size: int = option(1000, minimum=1, help="Entries kept.")
    cache_life_time: int = option(86400, minimum=1, unit="seconds", help="An entry is kept.")


class PushServiceMongoosepushOptions(Options):
    """``[modules.mod_push_service_mongoosepush]``."""

    pool_name: HttpPoolName | None = option(None, help="outgoing_pools.http tag; needed in practice.")
    api_version: Literal["v2", "v3"] = option("v3", help="API version.")
    max_http_connections: int = option(100, minimum=0, help="Requests at once.")
