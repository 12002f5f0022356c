"""Names of older releases, and what they are called now (contract/config, section 13; modules that only MongooseIM
itself starts, rule X10)."""

from __future__ import annotations

import re

_RENAMED = [
    (r".*\.tls\.verify_peer", 'is now verify_mode: false is "none", true is "peer"'),
    (r"(.*\.)?auth\.scram_iterations", "is now auth.password.scram_iterations"),
    (r"(.*\.)?s2s\.domain_certfile", "is now general.domain_certfile"),
    (r"outgoing_pools\.cassandra\..*\.servers\[\d+\]\.ip_address", "is now host"),
    (r"outgoing_pools\.rabbit\..*\.amqp_(host|port|username|password)", r"is now \1"),
    (r"outgoing_pools\.ldap\..*\.rootdn", "is now root_dn"),
    (r"outgoing_pools\.ldap\..*\.encrypt", "is now the table tls"),
    (r"(.*\.)?mod_event_pusher\.backend(\..*)?", "is now one level up: mod_event_pusher.http, .push, .rabbit, .sns"),
    (r"(.*\.)?mod_mam_meta(\.pm|\.muc)?\.flush_interval", "is now async_writer.flush_interval"),
    (r"(.*\.)?mod_mam_meta(\.pm|\.muc)?\.max_batch_size", "is now async_writer.batch_size"),
    (r"(.*\.)?mod_mam_meta(\.pm|\.muc)?\.async_writer", "must be a table; true and false are now async_writer.enabled"),
    (r"(.*\.)?mod_mam_meta(\.pm|\.muc)?\.rdbms_message_format", "is now db_jid_format and db_message_format"),
    (r"(.*\.)?mod_mam_meta(\.pm|\.muc)?\.simple", "is now db_jid_format and db_message_format"),
    (r"(.*\.)?mod_shared_roster_ldap\.ldap_(.+)", r"is now \2"),
    (r"(.*\.)?mod_vcard\.ldap_(.+)", r"is now ldap.\2"),
    (r"(.*\.)?modules\.mod_revproxy", "is gone"),
    (r"(.*\.)?modules\.mod_aws_sns", "is gone; its place is mod_event_pusher.sns"),
]
_PATTERNS = [(re.compile(pattern), text) for pattern, text in _RENAMED]

INNER_MODULES = {
    **dict.fromkeys(
        (
            "mod_mam", "mod_mam_muc", "mod_mam_rdbms_arch", "mod_mam_muc_rdbms_arch", "mod_mam_rdbms_arch_async",
            "mod_mam_muc_rdbms_arch_async", "mod_mam_rdbms_user", "mod_mam_rdbms_prefs", "mod_mam_mnesia_prefs",
            "mod_mam_cache_user", "mod_mam_cassandra_arch", "mod_mam_muc_cassandra_arch", "mod_mam_cassandra_prefs",
            "mod_mam_riak_timed_arch_yz", "mod_mam_elasticsearch_arch", "mod_mam_muc_elasticsearch_arch",
        ),
        "mod_mam_meta",
    ),
    "mod_muc_light_cache": "mod_muc_light",
    **dict.fromkeys(
        ("mod_event_pusher_http", "mod_event_pusher_push", "mod_event_pusher_rabbit", "mod_event_pusher_sns",
         "mod_event_pusher_hook_translator"),
        "mod_event_pusher",
    ),
    **dict.fromkeys(
        ("mod_global_distrib_bounce", "mod_global_distrib_disco", "mod_global_distrib_hosts_refresher",
         "mod_global_distrib_mapping", "mod_global_distrib_receiver", "mod_global_distrib_sender"),
        "mod_global_distrib",
    ),
}  # fmt: skip
"""Parts of the reference's modules, which nobody writes, and the modules whose options configure them."""


def new_name(path: str) -> str:
    """Return what to write in place of an old name, empty when *path* is none."""
    for pattern, text in _PATTERNS:
        found = pattern.fullmatch(path)
        if found is not None:
            return found.expand(text)
    return ""
