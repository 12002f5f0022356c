"""What a service and its rooms say of themselves (XEP-0045 §6), and nicknames registered with the service (§7.10)."""

from __future__ import annotations

import secrets

from mim.plugin import JID, Element, Stanza, StanzaError, element
from mim.xmpp import ns
from mim.xmpp.forms import Field, find_form, form, read_submission
from mim.xmpp.jid import prepare_resource
from mim.xmpp.paging import page_of, read_page_request
from mim_plugins.mod_muc.config import RoomConfig
from mim_plugins.mod_muc.context import Context
from mim_plugins.mod_muc.room import Room
from mim_plugins.mod_muc.speaking import find_speaker

ROOMS_PER_PAGE = 1000
SERVICE_FEATURES = (ns.DISCO_INFO, ns.DISCO_ITEMS, ns.MUC, ns.MUC_UNIQUE, ns.REGISTER, ns.RSM, ns.VCARD)
TAKEN = "That nickname is registered by another person"


class Discovery:
    """Answers the questions anybody may ask."""

    def __init__(self, context: Context) -> None:
        self._context = context

    # --- service ----------------------------------------------------------------------------------------------

    def service_info(self, service: str) -> Element:
        """Return the disco#info of a service."""
        features = {*SERVICE_FEATURES, *self._archive_features(service)}
        return element(
            ns.DISCO_INFO,
            "query",
            element(ns.DISCO_INFO, "identity", category="conference", type="text", name="Chatrooms"),
            [element(ns.DISCO_INFO, "feature", var=feature) for feature in sorted(features)],
        )

    def _archive_features(self, service: str) -> tuple[str, ...]:
        archive = self._context.archive
        return archive.features if archive is not None and archive.serves(service) else ()

    async def service_items(self, iq: Stanza, query: Element) -> Element:
        """Return the rooms that the asker may know of, a page of them."""
        request = read_page_request(query)
        service = iq.to_jid.domain
        rooms: dict[str, str] = {}
        for node, config in await self._context.store.list_rooms(service):
            if config.public or self._context.is_admin(iq.from_jid):
                rooms[str(JID(node, service))] = node
        for room in self._context.rooms.values():
            if room.jid.domain != service:
                continue
            if room.config.public or self._is_inside(room, iq.from_jid) or self._context.is_admin(iq.from_jid):
                rooms[str(room.jid)] = _name_in_list(room)
            else:
                rooms.pop(str(room.jid), None)
        ids = sorted(rooms)
        page, said = page_of(ids, request, limit=ROOMS_PER_PAGE)
        items = [element(ns.DISCO_ITEMS, "item", jid=ids[number], name=rooms[ids[number]]) for number in page]
        with_set = said.to_element() if request is not None or len(items) < len(ids) else None
        return element(ns.DISCO_ITEMS, "query", items, with_set)

    @staticmethod
    def _is_inside(room: Room, jid: JID) -> bool:
        return bool(room.of_account(jid.bare))

    @staticmethod
    def unique_name() -> Element:
        """Return a room name nobody has (XEP-0307)."""
        return element(ns.MUC_UNIQUE, "unique", secrets.token_hex(12))

    @staticmethod
    def service_card() -> Element:
        """Return the service's vCard."""
        return element(
            ns.VCARD,
            "vCard",
            element(ns.VCARD, "FN", "Chatrooms"),
            element(ns.VCARD, "DESC", "Multi-user chat (XEP-0045)"),
        )

    # --- room -------------------------------------------------------------------------------------------------

    def room_info(self, room: Room) -> Element:
        """Return the disco#info of a room."""
        config = room.config
        features = [
            ns.MUC,
            *(on if state else off for state, on, off in _feature_pairs(config)),
            *self._archive_features(room.jid.domain),
            "http://jabber.org/protocol/muc#self-ping-optimization",
        ]
        fields = [
            Field("muc#roominfo_description", values=(config.description,), label="Description"),
            Field("muc#roominfo_occupants", values=(str(len(room.occupants)),), label="Number of occupants"),
        ]
        if room.subject:
            fields.append(Field("muc#roominfo_subject", values=(room.subject,), label="Subject"))
        return element(
            ns.DISCO_INFO,
            "query",
            element(ns.DISCO_INFO, "identity", category="conference", type="text", name=config.title or room.jid.local),
            [element(ns.DISCO_INFO, "feature", var=feature) for feature in features],
            form(ns.MUC_ROOMINFO, fields, type="result"),
        )

    def room_items(self, room: Room, asker: JID) -> Element:
        """Return the occupants, where they are public or the asker belongs to the room.

        Raises:
            StanzaError: forbidden.
        """
        belongs = (
            self._is_inside(room, asker)
            or room.affiliation_of(asker) in ("owner", "admin")
            or self._context.is_admin(asker)
        )
        if not room.config.public_list and not belongs:
            raise StanzaError("forbidden", "the list of occupants is not public")
        return element(
            ns.DISCO_ITEMS,
            "query",
            [element(ns.DISCO_ITEMS, "item", jid=f"{room.jid}/{nick}", name=nick) for nick in sorted(room.occupants)],
        )

    def reserved_nick(self, room: Room, asker: JID) -> Element:
        """Return the nickname that the asker has registered (XEP-0045 §6.6)."""
        nick = self._context.nicks.get((room.jid.domain, asker.bare))
        found = find_speaker(room, asker)
        name = nick or (found.nick if found else None)
        identity = element(ns.DISCO_INFO, "identity", category="conference", type="text", name=name) if name else None
        return element(ns.DISCO_INFO, "query", identity, node="x-roomuser-item")

    # --- registration -----------------------------------------------------------------------------------------

    def registration_form(self, iq: Stanza) -> Element:
        """Return the form to register a nickname."""
        nick = self._context.nicks.get((iq.to_jid.domain, iq.from_jid.bare), "")
        field = Field("nick", "text-single", (nick,) if nick else (), "Nickname", required=True)
        instructions = "Enter the nickname that nobody else may use in the rooms of this service."
        return element(
            ns.REGISTER,
            "query",
            element(ns.REGISTER, "registered") if nick else None,
            element(ns.REGISTER, "instructions", instructions),
            form(ns.REGISTER, [field], title="Nickname", instructions=instructions),
        )

    async def register(self, iq: Stanza, query: Element) -> None:
        """Register or give up a nickname; it is on disk when this returns.

        Raises:
            StanzaError: it is taken, empty, or no nickname.
        """
        service, account = iq.to_jid.domain, iq.from_jid.bare
        if query.find(ns.REGISTER, "remove") is not None:
            self._context.nicks.pop((service, account), None)
            await self._context.store.put_nick(service, account, None)
            return
        node = find_form(query)
        text = read_submission(node).get("nick") if node is not None else query.child_text(ns.REGISTER, "nick") or ""
        try:
            nick = prepare_resource(text)
        except ValueError:
            nick = ""
        if not nick:
            raise StanzaError("not-acceptable", "a nickname is not empty")
        holder = self._context.nick_owner(service, nick)
        if holder is not None and holder != account:
            raise StanzaError("conflict", TAKEN)
        self._context.nicks[service, account] = nick
        await self._context.store.put_nick(service, account, nick)


def _name_in_list(room: Room) -> str:
    name = room.config.title or room.jid.local
    count = len(room.occupants)
    return f"{name} ({count})" if room.config.public else f"{name} (private, {count})"


def _feature_pairs(config: RoomConfig) -> list[tuple[bool, str, str]]:
    return [
        (config.public, "muc_public", "muc_hidden"),
        (config.persistent, "muc_persistent", "muc_temporary"),
        (config.members_only, "muc_membersonly", "muc_open"),
        (config.anonymous, "muc_semianonymous", "muc_nonanonymous"),
        (config.moderated, "muc_moderated", "muc_unmoderated"),
        (config.password_protected, "muc_passwordprotected", "muc_unsecured"),
    ]
