"""A room's configuration: its values, the form they are changed with (XEP-0045 §10.1.3), how they are stored."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields, replace

from mim.plugin import Element, StanzaError
from mim.xmpp import ns
from mim.xmpp.forms import Field, Submission, boolean, form
from mim_plugins.mod_muc.options import DefaultRoom, MucOptions

_BOOLEANS = {
    "muc#roomconfig_persistentroom": ("persistent", "Keep the room when everybody has left"),
    "muc#roomconfig_publicroom": ("public", "List the room for everybody"),
    "public_list": ("public_list", "Show the occupants to everybody"),
    "muc#roomconfig_passwordprotectedroom": ("password_protected", "Ask for a password"),
    "muc#roomconfig_membersonly": ("members_only", "Let only members in"),
    "muc#roomconfig_moderatedroom": ("moderated", "Let only occupants with voice speak"),
    "members_by_default": ("members_by_default", "Give newcomers voice"),
    "muc#roomconfig_changesubject": ("allow_change_subj", "Let occupants change the subject"),
    "allow_private_messages": ("allow_private_messages", "Allow private messages"),
    "allow_query_users": ("allow_query_users", "Allow queries to occupants"),
    "muc#roomconfig_allowinvites": ("allow_user_invites", "Let occupants invite others"),
    "muc#roomconfig_allowmultisessions": ("allow_multiple_sessions", "Allow several clients under one nickname"),
    "muc#roomconfig_allowvisitorstatus": ("allow_visitor_status", "Show the status texts of visitors"),
    "muc#roomconfig_allowvisitornickchange": ("allow_visitor_nickchange", "Let visitors change their nicknames"),
    "muc#roomconfig_enablelogging": ("logging", "Log what is said"),
}
ROLES = ("moderator", "participant", "visitor")
CHOICES = (5, 10, 20, 30, 50, 100, 200, 500, 1000, 2000, 5000)


@dataclass(frozen=True, slots=True)
class RoomConfig:
    """The settings of one room; names are those of ``default_room``."""

    title: str = ""
    description: str = ""
    allow_change_subj: bool = True
    allow_query_users: bool = True
    allow_private_messages: bool = True
    allow_visitor_status: bool = True
    allow_visitor_nickchange: bool = True
    public: bool = True
    public_list: bool = True
    persistent: bool = False
    moderated: bool = True
    members_by_default: bool = True
    members_only: bool = False
    allow_user_invites: bool = False
    allow_multiple_sessions: bool = False
    password_protected: bool = False
    password: str = ""
    anonymous: bool = True
    max_users: int = 200
    logging: bool = False
    maygetmemberlist: tuple[str, ...] = ()

    @classmethod
    def from_options(cls, options: DefaultRoom) -> RoomConfig:
        """Return the settings of a new room."""
        values = {field.name: getattr(options, field.name) for field in fields(cls) if field.name != "maygetmemberlist"}
        return cls(**values, maygetmemberlist=tuple(options.maygetmemberlist))

    @classmethod
    def from_json(cls, text: str) -> RoomConfig:
        """Return stored settings; those an older server did not know have their defaults."""
        stored = json.loads(text)
        known = {field.name for field in fields(cls)}
        values = {name: value for name, value in stored.items() if name in known}
        values["maygetmemberlist"] = tuple(values.get("maygetmemberlist", ()))
        return cls(**values)

    def to_json(self) -> str:
        """Return the settings as they are stored."""
        return json.dumps(asdict(self))


@dataclass(frozen=True, slots=True)
class Permitted:
    """What an owner may set besides the ordinary."""

    persistence: bool
    logging: bool


def config_form(room: str, config: RoomConfig, permitted: Permitted, limits: MucOptions) -> Element:
    """Return the form an owner fills in."""
    made: list[Field] = [
        Field("muc#roomconfig_roomname", values=(config.title,), label="Title"),
        Field("muc#roomconfig_roomdesc", values=(config.description,), label="Description"),
    ]
    for var, (name, label) in _BOOLEANS.items():
        if name in ("persistent", "logging") and not getattr(permitted, _permission(name)):
            continue
        if name == "logging":
            continue
        made.append(boolean(var, getattr(config, name), label))
        if name == "password_protected":
            made.append(Field("muc#roomconfig_roomsecret", "text-private", (config.password,), "Password"))
            made.append(
                Field(
                    "muc#roomconfig_getmemberlist",
                    "list-multi",
                    config.maygetmemberlist,
                    "Who may fetch the member list",
                    [(role, role) for role in ROLES],
                )
            )
            sizes = sorted({config.max_users, *(size for size in CHOICES if size <= limits.max_users)})
            choices = [(str(size), str(size)) for size in sizes]
            made.append(Field("muc#roomconfig_maxusers", "list-single", (str(config.max_users),), "Occupants", choices))
            whois = "moderators" if config.anonymous else "anyone"
            made.append(
                Field(
                    "muc#roomconfig_whois",
                    "list-single",
                    (whois,),
                    "Who is shown real JIDs",
                    [("Moderators", "moderators"), ("Everybody", "anyone")],
                )
            )
    if permitted.logging:
        var = "muc#roomconfig_enablelogging"
        made.append(boolean(var, config.logging, _BOOLEANS[var][1]))
    return form(ns.MUC_ROOMCONFIG, made, title=f"Configuration of {room}")


def _permission(name: str) -> str:
    return "persistence" if name == "persistent" else "logging"


def changed_config(config: RoomConfig, said: Submission, permitted: Permitted, limits: MucOptions) -> RoomConfig:
    """Return the settings a submission asks for.

    Raises:
        StanzaError: bad-request for unknown fields and values, not-acceptable for what is not permitted.
    """
    values: dict[str, object] = {}
    for var in said.values:
        if var in _BOOLEANS:
            values[_BOOLEANS[var][0]] = said.boolean(var)
        elif var == "muc#roomconfig_roomname":
            values["title"] = _within(said.get(var), limits.max_room_name, "title")
        elif var == "muc#roomconfig_roomdesc":
            values["description"] = _within(said.get(var), limits.max_room_desc, "description")
        elif var == "muc#roomconfig_roomsecret":
            values["password"] = said.get(var)
        elif var == "muc#roomconfig_getmemberlist":
            values["maygetmemberlist"] = tuple(_roles(said.list(var)))
        elif var == "muc#roomconfig_maxusers":
            values["max_users"] = _max_users(said.get(var), limits.max_users)
        elif var == "muc#roomconfig_whois":
            values["anonymous"] = _is_anonymous(said.get(var))
        elif var == "muc#roomconfig_lang":
            continue
        else:
            raise StanzaError("bad-request", f"{var} is no field of the configuration")
    made = replace(config, **values)  # type: ignore[arg-type]
    if made.password_protected and not made.password:
        raise StanzaError("not-acceptable", "a room with a password needs one that is not empty")
    if made.persistent and not config.persistent and not permitted.persistence:
        raise StanzaError("not-acceptable", "this room may not be made persistent")
    if made.logging and not config.logging and not permitted.logging:
        raise StanzaError("not-acceptable", "this room may not be logged")
    return made


def _within(text: str, limit: int | str, what: str) -> str:
    if isinstance(limit, int) and len(text) > limit:
        raise StanzaError("not-acceptable", f"the {what} is longer than {limit} characters")
    return text


def _roles(texts: Iterable[str]) -> Iterable[str]:
    for text in texts:
        if text not in ROLES:
            raise StanzaError("bad-request", f"{text!r} is no role")
        yield text


def _max_users(text: str, limit: int) -> int:
    if text in ("", "none"):
        return limit
    if not (text.isascii() and text.isdigit()) or not 1 <= int(text[:9]) <= limit:
        raise StanzaError("bad-request", f"the number of occupants is 1 to {limit}")
    return int(text)


def _is_anonymous(text: str) -> bool:
    if text not in ("moderators", "anyone"):
        raise StanzaError("bad-request", f"{text!r} is neither moderators nor anyone")
    return text == "moderators"
