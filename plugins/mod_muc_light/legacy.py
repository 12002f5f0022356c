"""XEP-0045's stanzas in place of the modern ones, for clients that know no others (muc-light, section 14)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from mim.errors import InvalidJid
from mim.plugin import JID, Element, Stanza, element
from mim.xmpp import forms, ns
from mim_plugins.mod_muc_light.blocking import Blocked, bare_user
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
)
from mim_plugins.mod_muc_light.model import ROLES, SUBJECT_FIELD, Affiliation, Affiliations, Room
from mim_plugins.mod_muc_light.refusals import Malformed

NS_PRIVACY = "jabber:iq:privacy"
LIST_NAME = ns.MUC_LIGHT

# XEP-0045 §15.6.2 (registry of status codes)
_CONFIGURED, _SELF, _CREATED, _REMOVED = "104", "110", "201", "321"
_BLOCKING_ACTIONS = {"deny": True, "allow": False}


class LegacyCodec:
    """The language of XEP-0045, as far as these rooms can speak it."""

    identity = "MUC Light (legacy)"
    feature = ns.MUC
    lists_versions = False

    # --- requests ---------------------------------------------------------------------------------------------

    def read_room_request(self, iq: Stanza) -> RoomRequest | None:
        """Return what an IQ asks of a room."""
        query = iq.payload
        if query is None or query.name != "query":
            return None
        if query.ns == ns.MUC_ADMIN:
            return Read("affiliations") if iq.type == "get" else ChangeAffiliations(_changes(query))
        if query.ns != ns.MUC_OWNER:
            return None
        if iq.type == "get":
            return Read("configuration")
        return Destroy() if query.find(ns.MUC_OWNER, "destroy") is not None else Configure(_submitted(query))

    def read_service_request(self, iq: Stanza) -> None:
        """The service itself is asked nothing: blocking goes by privacy lists, rooms are made by presence."""

    def read_presence(self, presence: Stanza) -> Create | None:
        """Return a creation for available presence with ``<x/>`` under the sender's own bare JID as nickname."""
        own = presence.to_jid.resource == str(presence.from_jid.bare)
        return Create() if own and presence.type == "" and presence.find(ns.MUC, "x") is not None else None

    def read_subject(self, message: Stanza) -> str | None:
        """Return the subject of a message that holds nothing else (XEP-0045 §8.1)."""
        children = list(message.elements())
        if len(children) == 1 and children[0].name == "subject" and children[0].ns == ns.CLIENT:
            return children[0].text
        return None

    # --- answers ----------------------------------------------------------------------------------------------

    def answer(self, room: Room, part: Part) -> Element:
        """Return the configuration form (XEP-0045 §10.2), or the list of members (§9.5)."""
        if part == "configuration":
            fields = [forms.Field(name, "text-single", (value,), name) for name, value in room.config.items()]
            form = forms.form(ns.MUC_ROOMCONFIG, fields, title=f"Configuration of {room.jid}")
            return element(ns.MUC_OWNER, "query", form)
        items = [_item(ns.MUC_ADMIN, user, affiliation, nick=str(user)) for user, affiliation in room.occupants.items()]
        return element(ns.MUC_ADMIN, "query", items)

    def blocking_list(self, service: str, items: Sequence[Blocked]) -> Element:
        """Return a privacy list (XEP-0016 §2.3); a user stands as ``service/user@domain``."""
        listed = [
            element(
                NS_PRIVACY,
                "item",
                type="jid",
                value=item.jid if item.kind == "room" else f"{service}/{item.jid}",
                action="deny",
                order=str(order),
            )
            for order, item in enumerate(items, 1)
        ]
        return element(NS_PRIVACY, "query", element(NS_PRIVACY, "list", listed, name=LIST_NAME))

    # --- notices ----------------------------------------------------------------------------------------------

    def created(self, room: Room, creator: JID, id: str) -> list[tuple[JID, Stanza]]:
        """Welcome the creator in his new room (XEP-0045 §10.1.1)."""
        user = creator.bare
        item = _item(ns.MUC_USER, None, room.occupants[user])
        return [(creator, _presence(room, user, id, item, _status(_SELF), _status(_CREATED)))]

    def creation_record(self, room: Room, id: str) -> None:
        """Only messages are archived in this language."""

    def affiliations_for_stayer(self, old: Room, new: Room, listed: Affiliations, id: str) -> list[Stanza]:
        """One presence per change, from whom it concerns."""
        return [
            _removed(new, user, id)
            if affiliation is Affiliation.NONE
            else _presence(new, user, id, _item(ns.MUC_USER, user, affiliation))
            for user, affiliation in listed.items()
        ]

    def affiliation_for_newcomer(
        self, room: Room, user: JID, affiliation: Affiliation, inviter: JID, id: str
    ) -> Stanza:
        """Invite him (XEP-0045 §7.8.2)."""
        invite = element(ns.MUC_USER, "x", element(ns.MUC_USER, "invite", from_=str(inviter)))
        return Stanza("message", {"id": id}, [invite], sender=room.jid)

    def affiliation_for_leaver(self, room: Room, user: JID, id: str) -> Stanza:
        """Tell him that he is not a member any more (XEP-0045 §9.4)."""
        return _removed(room, user, id)

    def affiliations_record(self, room: Room, listed: Affiliations, id: str) -> None:
        """Only messages are archived in this language."""

    def configured(self, old: Room, new: Room, values: Mapping[str, str], id: str) -> Stanza:
        """Tell that something changed (XEP-0045 §10.2.1), or what the subject is now (§7.2.15)."""
        if set(values) == {SUBJECT_FIELD}:
            content = element(ns.CLIENT, "subject", values[SUBJECT_FIELD] or None)
        else:
            content = element(ns.MUC_USER, "x", _status(_CONFIGURED))
        return Stanza("message", {"type": "groupchat", "id": id}, [content], sender=new.jid)

    def configuration_record(self, old: Room, new: Room, values: Mapping[str, str], id: str) -> None:
        """Only messages are archived in this language."""

    def destroyed(self, room: Room, user: JID, id: str) -> Stanza:
        """XEP-0045 §10.9."""
        item = _item(ns.MUC_USER, None, Affiliation.NONE)
        return _presence(room, user, id, item, element(ns.MUC_USER, "destroy"), type="unavailable")


# --- privacy lists as blocking lists --------------------------------------------------------------------------


def read_privacy_request(iq: Stanza) -> ReadBlocked | dict[str, ChangeBlocked] | None:
    """Return what an IQ asks of the list that stands for the blocking lists: to see it, or its changes by service.

    None when it is about another list.

    Raises:
        Malformed: the list's items are no rooms and no users.
    """
    query = iq.payload
    if query is None or query.ns != NS_PRIVACY or query.name != "query":
        return None
    lists = list(query.elements())
    if len(lists) != 1 or lists[0].name != "list" or lists[0].get("name") != LIST_NAME:
        return None
    if iq.type == "get":
        return ReadBlocked()
    changes: dict[str, dict[Blocked, bool]] = {}
    for child in lists[0].elements():
        service, item = _privacy_item(child)
        denied = _BLOCKING_ACTIONS.get(child.get("action"))
        if denied is None:
            raise Malformed("an action is deny or allow")
        changes.setdefault(service, {})[item] = denied
    return {service: ChangeBlocked(items) for service, items in changes.items()}


def _privacy_item(child: Element) -> tuple[str, Blocked]:
    if child.name != "item" or child.ns != NS_PRIVACY or child.get("type") != "jid":
        raise Malformed("expected items of type jid")
    try:
        jid = JID.parse(child.get("value"))
    except InvalidJid as error:
        raise Malformed(error.text) from None
    if jid.local and not jid.resource:
        return jid.domain, Blocked("room", str(jid))
    if not jid.local and jid.resource:
        return jid.domain, Blocked("user", str(bare_user(jid.resource)))
    raise Malformed(f"{jid} is neither a room nor a user of a service")


# --- reading --------------------------------------------------------------------------------------------------


def _changes(query: Element) -> dict[JID, Affiliation]:
    changes: dict[JID, Affiliation] = {}
    for item in query.elements():
        if item.name != "item" or item.ns != ns.MUC_ADMIN:
            raise Malformed("expected items")
        user = bare_user(item.get("jid"))
        if user in changes:
            raise Malformed(f"{user} is named twice")
        try:
            changes[user] = Affiliation(item.get("affiliation"))
        except ValueError:
            raise Malformed("an affiliation is owner, member or none") from None
    return changes


def _submitted(query: Element) -> dict[str, str]:
    form = forms.find_form(query)
    if form is None:
        raise Malformed("expected a form")
    if form.get("type") == "cancel":
        return {}
    submission = forms.read_submission(form)
    return {name: submission.get(name) for name in submission.values}


# --- writing --------------------------------------------------------------------------------------------------


def _item(namespace: str, user: JID | None, affiliation: Affiliation, nick: str | None = None) -> Element:
    return element(
        namespace,
        "item",
        affiliation=affiliation.value,
        jid=None if user is None else str(user),
        nick=nick,
        role=ROLES[affiliation],
    )


def _status(code: str) -> Element:
    return element(ns.MUC_USER, "status", code=code)


def _presence(room: Room, user: JID, id: str, *content: Element, type: str | None = None) -> Stanza:
    attrs = {"id": id} if type is None else {"id": id, "type": type}
    return Stanza("presence", attrs, [element(ns.MUC_USER, "x", *content)], sender=room.voice_of(user))


def _removed(room: Room, user: JID, id: str) -> Stanza:
    item = _item(ns.MUC_USER, None, Affiliation.NONE)
    return _presence(room, user, id, item, _status(_REMOVED), type="unavailable")
