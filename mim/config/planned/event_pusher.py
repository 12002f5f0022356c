"""Events to other systems: mod_event_pusher."""

from __future__ import annotations

from typing import Literal

from mim.config.options import HostTemplate, HttpPoolName, ModuleOptions, NonEmpty
from mim.config.tables import Options, option


class HttpHandler(Options):
    """``[[modules.mod_event_pusher.http.handlers]]``."""

    pool_name: HttpPoolName = option("http_pool", help="outgoing_pools.http tag.")
    path: str = option("", help='Path after the pool\'s prefix; one leading "/" is dropped.')
    callback_module: Literal["mod_event_pusher_http_defaults"] = option(
        "mod_event_pusher_http_defaults",
        help="Which messages and what form; only the default one exists here.",
    )


class HttpEvents(Options):
    """``[modules.mod_event_pusher.http]``."""

    handlers: list[HttpHandler] = option([], distinct=True, help="All handlers get each event.")


class PushPool(Options):
    """``[modules.mod_event_pusher.push.wpool]``."""

    workers: int = option(10, minimum=1, help="Pushes handled at once.")
    strategy: Literal["best_worker", "random_worker", "next_worker", "available_worker", "next_available_worker"] = (
        option("available_worker", tier="C", help="No effect.")
    )
    call_timeout: int = option(5000, tier="C", minimum=1, unit="ms", help="No effect.")


class PushEvents(ModuleOptions):
    """``[modules.mod_event_pusher.push]``."""

    backend: Literal["mnesia", "rdbms"] = option(
        "mnesia",
        mapped={"mnesia": "C -> the embedded default store"},
        help="Where registrations are kept; mnesia -> the embedded default store.",
    )
    wpool: PushPool = option(PushPool(), help="Worker pool of the pusher.")
    plugin_module: Literal["mod_event_pusher_push_plugin_defaults", "mod_event_pusher_push_plugin_enhanced"] = option(
        "mod_event_pusher_push_plugin_defaults",
        help="defaults: push for messages to offline users; enhanced: also when a connection is lost and may resume.",
    )
    virtual_pubsub_hosts: list[HostTemplate] = option(
        [], help="Pubsub names for which the push hook runs directly instead of XEP-0357."
    )


class PresenceExchange(Options):
    """``[modules.mod_event_pusher.rabbit.presence_exchange]``."""

    name: NonEmpty = option("presence", help="Exchange name.")
    type: NonEmpty = option("topic", help="Exchange type.")


class ChatExchange(Options):
    """``[modules.mod_event_pusher.rabbit.chat_msg_exchange]``."""

    name: NonEmpty = option("chat_msg", help="Exchange name.")
    type: NonEmpty = option("topic", help="Exchange type.")
    sent_topic: NonEmpty = option("chat_msg_sent", help="Routing-key suffix of sent messages.")
    recv_topic: NonEmpty = option("chat_msg_recv", help="Routing-key suffix of received messages.")


class GroupchatExchange(Options):
    """``[modules.mod_event_pusher.rabbit.groupchat_msg_exchange]``."""

    name: NonEmpty = option("groupchat_msg", help="Exchange name.")
    type: NonEmpty = option("topic", help="Exchange type.")
    sent_topic: NonEmpty = option("groupchat_msg_sent", help="Routing-key suffix of sent messages.")
    recv_topic: NonEmpty = option("groupchat_msg_recv", help="Routing-key suffix of received messages.")


class RabbitEvents(Options):
    """``[modules.mod_event_pusher.rabbit]``."""

    presence_exchange: PresenceExchange = option(PresenceExchange(), help="Exchange for presence events.")
    chat_msg_exchange: ChatExchange = option(ChatExchange(), help="Exchange for chat_msg events.")
    groupchat_msg_exchange: GroupchatExchange = option(GroupchatExchange(), help="Exchange for groupchat_msg events.")


class SnsEvents(Options, tier="B"):
    """``[modules.mod_event_pusher.sns]``."""

    presence_updates_topic: str | None = option(None, help="Topic; not set = no such events.")
    pm_messages_topic: str | None = option(None, help="Topic; not set = no such events.")
    muc_messages_topic: str | None = option(None, help="Topic; not set = no such events.")
    plugin_module: Literal["mod_event_pusher_sns_defaults"] = option(
        "mod_event_pusher_sns_defaults", help="Only the default exists here."
    )
    sns_host: str = option(help="Amazon setting.")
    region: str = option(help="Amazon setting.")
    access_key_id: str = option(secret=True, help="Amazon setting.")
    secret_access_key: str = option(secret=True, help="Amazon setting.")
    account_id: str = option(help="Amazon setting.")
    pool_size: int = option(100, minimum=1, help="Workers.")
    publish_retry_count: int = option(2, minimum=0, help="Retries.")
    publish_retry_time_ms: int = option(50, minimum=0, unit="ms", help="Before a retry.")


class EventPusherOptions(Options):
    """``[modules.mod_event_pusher]``."""

    http: HttpEvents | None = option(None, help="Events as HTTP POST.")
    push: PushEvents | None = option(None, help="Push Notifications (XEP-0357).")
    rabbit: RabbitEvents | None = option(None, help="Events to RabbitMQ through outgoing_pools.rabbit.event_pusher.")
    sns: SnsEvents | None = option(None, tier="B", help="Events to Amazon SNS.")
