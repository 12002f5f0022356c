"""``urn:xmpp:muclight:0`` as such (muc-light, sections 4-8, 10)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from mim.plugin import JID, Element, Stanza, element
from mim.xmpp import ns
from mim_plugins.mod_muc_light.blocking import Blocked, Kind, bare_user
from mim_plugins.mod_muc_light.codec import (
    ChangeAffiliations,
    ChangeBlocked,
    Configure,
    Create,
    Destroy,
    Part,
    Read,
    ReadBlocked,
    RoomRequest,
    ServiceRequest,
)
from mim_plugins.mod_muc_light.model import Affiliation, Affiliations, Room
from mim_plugins.mod_muc_light.refusals import Malformed

NS = ns.MUC_LIGHT
NS_CONFIGURATION = f"{NS}#configuration"
NS_AFFILIATIONS = f"{NS}#affiliations"
NS_INFO = f"{NS}#info"
NS_BLOCKING = f"{NS}#blocking"
NS_CREATE = f"{NS}#create"
NS_DESTROY = f"{NS}#destroy"

_PARTS: Mapping[str, Part] = {
    NS_CONFIGURATION: "configuration",
    NS_AFFILIATIONS: "affiliations",
    NS_INFO: "info",
}
_PART_NAMESPACES = {part: namespace for namespace, part in _PARTS.items()}
_VERSIONS = ("version", "prev-version")
_BLOCKING_ACTIONS = {"deny": True, "allow": False}
_BLOCKING_KINDS: Mapping[str, Kind] = {"room": "room", "user": "user"}


class ModernCodec:
    """The language of the specification."""

    identity = "MUC Light (modern)"
    feature = NS
    lists_versions = True

    # --- requests ---------------------------------------------------------------------------------------------

    def read_room_request(self, iq: Stanza) -> RoomRequest | None:
        """Return what an IQ asks of a room."""
        query = iq.payload
        if query is None or query.name != "query":
            return None
        if iq.type == "get":
            part = _PARTS.get(query.ns)
            return None if part is None else Read(part, (query.child_text(query.ns, "version") or "").strip())
        if query.ns == NS_CREATE:
            return _creation(query)
        if query.ns == NS_CONFIGURATION:
            return Configure(_fields(query))
        if query.ns == NS_AFFILIATIONS:
            return ChangeAffiliations(_users(query))
        return Destroy() if query.ns == NS_DESTROY else None

    def read_service_request(self, iq: Stanza) -> ServiceRequest | None:
        """Return what an IQ asks of the service."""
        query = iq.payload
        if query is None or query.name != "query":
            return None
        if query.ns == NS_CREATE and iq.type == "set":
            return _creation(query)
        if query.ns != NS_BLOCKING:
            return None
        return ReadBlocked() if iq.type == "get" else ChangeBlocked(_blocking_changes(query))

    def read_presence(self, presence: Stanza) -> None:
        """Presence means nothing here."""

    def read_subject(self, message: Stanza) -> None:
        """A subject is an ordinary message here."""

    # --- answers ----------------------------------------------------------------------------------------------

    def answer(self, room: Room, part: Part) -> Element:
        """Return the version, and the part asked for."""
        namespace = _PART_NAMESPACES[part]
        version = element(namespace, "version", room.version)
        fields = _field_elements(namespace, room.config)
        users = _user_elements(namespace, room.occupants)
        if part == "info":
            configuration = element(namespace, "configuration", fields)
            return element(namespace, "query", version, configuration, element(namespace, "occupants", users))
        return element(namespace, "query", version, fields if part == "configuration" else users)

    def blocking_list(self, service: str, items: Sequence[Blocked]) -> Element:
        """Return all items; each is denied."""
        denied = [element(NS_BLOCKING, item.kind, item.jid, action="deny") for item in items]
        return element(NS_BLOCKING, "query", denied)

    # --- notices ----------------------------------------------------------------------------------------------

    def created(self, room: Room, creator: JID, id: str) -> list[tuple[JID, Stanza]]:
        """Tell each occupant his own affiliation."""
        return [
            (user, _affiliations(room, {user: room.occupants[user]}, id, version=room.version))
            for user in room.recipients
        ]

    def creation_record(self, room: Room, id: str) -> Stanza:
        """Name all first occupants."""
        return _affiliations(room, room.occupants, id, version=room.version)

    def affiliations_for_stayer(self, old: Room, new: Room, listed: Affiliations, id: str) -> list[Stanza]:
        """Name all changes."""
        return [_affiliations(new, listed, id, prev_version=old.version, version=new.version)]

    def affiliation_for_newcomer(
        self, room: Room, user: JID, affiliation: Affiliation, inviter: JID, id: str
    ) -> Stanza:
        """Tell a newcomer about himself."""
        return _affiliations(room, {user: affiliation}, id, version=room.version)

    def affiliation_for_leaver(self, room: Room, user: JID, id: str) -> Stanza:
        """Tell a leaver about himself; the version is none of his business any more."""
        return _affiliations(room, {user: Affiliation.NONE}, id)

    def affiliations_record(self, room: Room, listed: Affiliations, id: str) -> Stanza:
        """Name all changes."""
        return _affiliations(room, listed, id, version=room.version)

    def configured(self, old: Room, new: Room, values: Mapping[str, str], id: str) -> Stanza:
        """Name the fields of the request."""
        content = element(
            NS_CONFIGURATION,
            "x",
            element(NS_CONFIGURATION, "prev-version", old.version),
            element(NS_CONFIGURATION, "version", new.version),
            _field_elements(NS_CONFIGURATION, values),
        )
        return _notice(new, id, content)

    def configuration_record(self, old: Room, new: Room, values: Mapping[str, str], id: str) -> Stanza:
        """Keep what was told."""
        return self.configured(old, new, values, id)

    def destroyed(self, room: Room, user: JID, id: str) -> Stanza:
        """Tell an occupant that the room is gone, and he with it."""
        own = element(NS_AFFILIATIONS, "x", _user_elements(NS_AFFILIATIONS, {user: Affiliation.NONE}))
        return _notice(room, id, element(NS_DESTROY, "x"), own)


# --- reading --------------------------------------------------------------------------------------------------


def _creation(query: Element) -> Create:
    configuration = query.find(NS_CREATE, "configuration")
    occupants = query.find(NS_CREATE, "occupants")
    return Create(
        {} if configuration is None else _fields(configuration), {} if occupants is None else _users(occupants)
    )


def _fields(parent: Element) -> dict[str, str]:
    fields = {child.name: child.text for child in parent.elements()}
    for name in _VERSIONS:
        if name in fields:
            raise Malformed(f"{name} is no field")
    return fields


def _users(parent: Element) -> dict[JID, Affiliation]:
    users: dict[JID, Affiliation] = {}
    for child in parent.elements():
        if child.name != "user" or child.ns != parent.ns or set(child.attrs) != {"affiliation"}:
            raise Malformed("expected user elements with an affiliation and nothing else")
        user = bare_user(child.text.strip())
        if user in users:
            raise Malformed(f"{user} is named twice")
        try:
            users[user] = Affiliation(child.get("affiliation"))
        except ValueError:
            raise Malformed("an affiliation is owner, member or none") from None
    return users


def _blocking_changes(query: Element) -> dict[Blocked, bool]:
    changes: dict[Blocked, bool] = {}
    for child in query.elements():
        kind = _BLOCKING_KINDS.get(child.name)
        denied = _BLOCKING_ACTIONS.get(child.get("action"))
        if kind is None or denied is None or child.ns != NS_BLOCKING or set(child.attrs) != {"action"}:
            raise Malformed("expected room and user elements with the action deny or allow and nothing else")
        changes[Blocked(kind, str(bare_user(child.text.strip())))] = denied
    return changes


# --- writing --------------------------------------------------------------------------------------------------


def _notice(room: Room, id: str, *content: Element) -> Stanza:
    return Stanza(
        "message", {"type": "groupchat", "id": id}, [*content, element(ns.CLIENT, "body")], sender=room.jid
    )


def _affiliations(room: Room, users: Affiliations, id: str, *, prev_version: str = "", version: str = "") -> Stanza:
    content = element(
        NS_AFFILIATIONS,
        "x",
        element(NS_AFFILIATIONS, "prev-version", prev_version) if prev_version else None,
        element(NS_AFFILIATIONS, "version", version) if version else None,
        _user_elements(NS_AFFILIATIONS, users),
    )
    return _notice(room, id, content)


def _field_elements(namespace: str, values: Mapping[str, str]) -> Iterable[Element]:
    return [element(namespace, name, text or None) for name, text in values.items()]


def _user_elements(namespace: str, users: Affiliations) -> Iterable[Element]:
    return [
        element(namespace, "user", str(user), affiliation=affiliation.value) for user, affiliation in users.items()
    ]
