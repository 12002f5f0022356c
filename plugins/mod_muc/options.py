"""``[modules.mod_muc]`` (contract/config, section 11)."""

from __future__ import annotations

from typing import Literal

from mim.config import (
    AccessRuleName,
    Domain,
    HostTemplate,
    HttpPoolName,
    Infinity,
    NonEmpty,
    Options,
    ShaperName,
    option,
)


class FirstAffiliation(Options):
    """``[[modules.mod_muc.default_room.affiliations]]``: who has which affiliation in a new room."""

    user: NonEmpty = option(help="Localpart of the user.")
    server: Domain = option(help="Domain of the user.")
    resource: str = option(help="Resource; affiliations are of bare JIDs, so it may be empty.")
    affiliation: NonEmpty = option(help="owner, admin, member or outcast.")


class DefaultRoom(Options):
    """``[modules.mod_muc.default_room]``: the first settings of new rooms."""

    title: str = option("", help="Title.")
    description: str = option("", help="Description.")
    allow_change_subj: bool = option(True, help="All occupants may change the subject.")
    allow_query_users: bool = option(True, help="IQs between occupants.")
    allow_private_messages: bool = option(True, help="Private messages.")
    allow_visitor_status: bool = option(True, help="Visitors may have status texts in presences.")
    allow_visitor_nickchange: bool = option(True, help="Visitors may change their nicknames.")
    public: bool = option(True, help="Listed in service discovery.")
    public_list: bool = option(True, help="The list of occupants is public.")
    persistent: bool = option(False, help="Kept in the store.")
    moderated: bool = option(True, help="Only occupants with voice may speak.")
    members_by_default: bool = option(True, help="Newcomers get voice.")
    members_only: bool = option(False, help="Only members may enter.")
    allow_user_invites: bool = option(False, help="Members may invite.")
    allow_multiple_sessions: bool = option(False, help="Several sessions under one nickname.")
    password_protected: bool = option(False, help="Needs a password.")
    password: str = option("", secret=True, help="The password.")
    anonymous: bool = option(True, help="Real JIDs are shown to moderators only.")
    max_users: int = option(200, minimum=1, help="Occupants.")
    logging: bool = option(False, help="Logged by mod_muc_log.")
    subject: str = option("", help="First subject.")
    subject_author: str = option("", help="Nickname of its author.")
    maygetmemberlist: list[NonEmpty] = option([], help="Roles or affiliations that may fetch the member list.")
    affiliations: list[FirstAffiliation] = option([], help="First affiliations.")


class MucOptions(Options):
    """``[modules.mod_muc]``."""

    backend: Literal["mnesia", "rdbms"] = option(
        "mnesia",
        mapped={"mnesia": "C -> the embedded default store"},
        help="Where persistent rooms and registered nicknames are kept.",
    )
    host: HostTemplate = option("conference.@HOST@", help="Name of the service.")
    access: AccessRuleName = option("all", help="Access rule: who may use the service.")
    access_create: AccessRuleName = option("all", help="Access rule: who may create rooms.")
    access_admin: AccessRuleName = option("none", help="Access rule: who is administrator of all rooms.")
    access_persistent: AccessRuleName = option("all", help="Access rule: which owners may make rooms persistent.")
    history_size: int = option(20, minimum=0, help="Messages of history kept in memory.")
    room_shaper: ShaperName = option("none", help="Shaper: traffic of a room.")
    user_message_shaper: ShaperName = option("none", help="Shaper: messages of a user in a room.")
    user_presence_shaper: ShaperName = option("none", help="Shaper: presences of a user in a room.")
    max_room_id: int | Infinity = option("infinity", minimum=0, help="Length of the room id.")
    max_room_name: int | Infinity = option("infinity", minimum=0, help="Length of the title.")
    max_room_desc: int | Infinity = option("infinity", minimum=0, help="Length of the description.")
    min_message_interval: int = option(0, minimum=0, unit="seconds", help="Between messages of one user in a room.")
    min_presence_interval: int = option(0, minimum=0, unit="seconds", help="Between presences of one user in a room.")
    max_users: int = option(200, minimum=1, help="Occupants of a room, upper bound.")
    max_users_admin_threshold: int = option(5, minimum=1, help="Further places for admins and owners.")
    max_user_conferences: int = option(10, minimum=0, help="Rooms one user may be in.")
    http_auth_pool: HttpPoolName = option("none", help="HTTP pool whose service checks room passwords.")
    load_permanent_rooms_at_startup: bool = option(False, help="Load all persistent rooms at start.")
    hibernate_timeout: int | Infinity = option(90000, minimum=0, tier="C", unit="ms", help="No effect.")
    hibernated_room_check_interval: int | Infinity = option(
        "infinity", minimum=0, tier="B", unit="ms", help="Between checks for idle rooms to unload."
    )
    hibernated_room_timeout: int | Infinity = option(
        "infinity", minimum=0, tier="B", unit="ms", help="Idleness before a persistent room is unloaded."
    )
    default_room: DefaultRoom = option(DefaultRoom(), help="First settings of new rooms.")
