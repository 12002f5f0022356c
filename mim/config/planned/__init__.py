"""Modules of the vocabulary that this version does not have: their options are known, so that files are checked.

What is declared here moves into the module's plugin when it is built; a plugin's own declaration always wins. A file
that switches on a module of tier A is checked and then refused, rather than half obeyed; those of tiers B and C are
accepted with a notice, as their tier says.
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass

from mim.config.modules import ModuleInfo


@dataclass(frozen=True, slots=True)
class _Planned:
    place: str
    needs: tuple[str, ...] = ()
    dynamic_domains: bool = True


_PLANNED = {
    "mod_amp": _Planned("small:AmpOptions"),
    "mod_auth_token": _Planned("tokens:AuthTokenOptions", ("mod_keystore",)),
    "mod_cache_users": _Planned("small:CacheUsersOptions"),
    "mod_caps": _Planned("pubsub:CapsOptions"),
    "mod_event_pusher": _Planned("event_pusher:EventPusherOptions", dynamic_domains=False),
    "mod_global_distrib": _Planned("elsewhere:GlobalDistribOptions", dynamic_domains=False),
    "mod_http_upload": _Planned("upload:HttpUploadOptions"),
    "mod_inbox": _Planned("inbox:InboxOptions"),
    "mod_inbox_commands": _Planned("inbox:InboxCommandsOptions", ("mod_inbox",)),
    "mod_jingle_sip": _Planned("elsewhere:JingleSipOptions", dynamic_domains=False),
    "mod_keystore": _Planned("tokens:KeystoreOptions"),
    "mod_offline_chatmarkers": _Planned("inbox:OfflineChatmarkersOptions", ("mod_smart_markers", "mod_offline")),
    "mod_pubsub": _Planned("pubsub:PubsubOptions", dynamic_domains=False),
    "mod_push_service_mongoosepush": _Planned("pubsub:PushServiceMongoosepushOptions", dynamic_domains=False),
    "mod_shared_roster_ldap": _Planned("elsewhere:SharedRosterLdapOptions", dynamic_domains=False),
    "mod_smart_markers": _Planned("inbox:SmartMarkersOptions"),
}
PLANNED = frozenset(_PLANNED)


def planned(name: str) -> ModuleInfo | None:
    """Return what is known about a module that this version does not have, None when nothing is."""
    found = _PLANNED.get(name)
    if found is None:
        return None
    file, _, class_name = found.place.partition(":")
    options = getattr(importlib.import_module(f"{__name__}.{file}"), class_name)
    return ModuleInfo(options, found.needs, found.dynamic_domains, is_available=False)
