"""Service discovery of rooms and their service (muc-light, section 11)."""

from __future__ import annotations

from collections.abc import Sequence

from mim.plugin import Element, StanzaError, element
from mim.xmpp import ns, paging
from mim_plugins.mod_muc_light.codec import Codec
from mim_plugins.mod_muc_light.model import RoomEntry


def info(codec: Codec, query: Element, archive_features: Sequence[str]) -> Element:
    """Return what disco#info says of the service, and of each room."""
    features = sorted({codec.feature, *archive_features}, key=str.encode)
    return element(
        ns.DISCO_INFO,
        "query",
        element(ns.DISCO_INFO, "identity", category="conference", type="text", name=codec.identity),
        [element(ns.DISCO_INFO, "feature", var=feature) for feature in features],
        node=_known_node(codec, query),
    )


def items(codec: Codec, query: Element, rooms: Sequence[RoomEntry], limit: int | None) -> Element:
    """Return a page of the rooms that the asker occupies; *rooms* are all of them, sorted by JID.

    Raises:
        StanzaError: item-not-found; the page asked for is none.
    """
    positions, page = _page([str(room.jid) for room in rooms], query, limit)
    listed = [
        element(
            ns.DISCO_ITEMS,
            "item",
            jid=str(room.jid),
            name=room.name,
            version=room.version if codec.lists_versions else None,
        )
        for room in rooms[positions.start : positions.stop]
    ]
    return element(
        ns.DISCO_ITEMS,
        "query",
        listed,
        page.to_element() if page is not None else None,
        node=_known_node(codec, query),
    )


def service_item(codec: Codec, service: str) -> Element:
    """Return the service as disco#items of the server lists it."""
    return element(ns.DISCO_ITEMS, "item", jid=service, node=codec.feature)


def roster_item(room: RoomEntry) -> Element:
    """Return a room as its occupants' rosters show it."""
    return element(
        ns.ROSTER,
        "item",
        element(ns.ROSTER, "group", ns.MUC_LIGHT),
        element(ns.ROSTER, "version", room.version),
        jid=str(room.jid),
        name=room.name,
        subscription="to",
    )


def _known_node(codec: Codec, query: Element) -> str | None:
    """Return the node asked for: none, or the one under which the server lists the service."""
    node = query.get("node") or None
    if node not in (None, codec.feature):
        raise StanzaError("item-not-found")
    return node


def _page(ids: Sequence[str], query: Element, limit: int | None) -> tuple[range, paging.Page | None]:
    try:
        request = paging.read_page_request(query)
    except StanzaError:
        raise StanzaError("item-not-found") from None
    if request is not None:
        named = [id for id in (request.after, request.before) if id]
        if any(id not in ids for id in named) or (request.index is not None and request.index >= max(len(ids), 1)):
            raise StanzaError("item-not-found")
    positions, page = paging.page_of(ids, request, limit=len(ids) if limit is None else limit)
    is_limited = request is not None or limit is not None
    return positions, page if is_limited and ids else None
