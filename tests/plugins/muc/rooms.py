"""Rooms for tests: shorthand for what clients send and see."""

from __future__ import annotations

from mim.xmpp import ns
from mim.xmpp.element import Element
from tests.client import Client

SERVICE = "conference.localhost"
ROOM = f"den@{SERVICE}"
MODULES = "[modules.mod_muc]\n[modules.mod_disco]\n[modules.mod_ping]\n"
OWNER = "http://jabber.org/protocol/muc#owner"
ADMIN = "http://jabber.org/protocol/muc#admin"
CONFIG = "http://jabber.org/protocol/muc#roomconfig"


def with_options(options: str) -> str:
    return MODULES.replace("[modules.mod_muc]", f"[modules.mod_muc]\n{options}")


def join(client: Client, nick: str, room: str = ROOM, *, password: str = "", history: str = "") -> None:
    inner = (f"<password>{password}</password>" if password else "") + history
    client.send(f"<presence to='{room}/{nick}'><x xmlns='{ns.MUC}'>{inner}</x></presence>")


async def joined(client: Client, nick: str, room: str = ROOM, **how: str) -> list[Element]:
    """Join and return everything up to the subject."""
    join(client, nick, room, **how)
    got = []
    while True:
        stanza = await client.next()
        got.append(stanza)
        if stanza.name == "message" and stanza.find(ns.CLIENT, "subject") is not None:
            return got


async def configured(client: Client, room: str = ROOM, **fields: str | list[str]) -> Element:
    """Submit the configuration form; names as in muc#roomconfig_*, underscores in front for those without it."""
    made = "".join(
        f"<field var='{name[1:] if name.startswith('_') else 'muc#roomconfig_' + name}'>"
        + "".join(f"<value>{value}</value>" for value in ([values] if isinstance(values, str) else values))
        + "</field>"
        for name, values in fields.items()
    )
    form_type = f"<field var='FORM_TYPE' type='hidden'><value>{CONFIG}</value></field>"
    query = f"<query xmlns='{OWNER}'><x xmlns='jabber:x:data' type='submit'>{form_type}{made}</x></query>"
    return await answered(client, "set", query, room)


async def instant(client: Client, room: str = ROOM) -> None:
    assert (await form(client, "submit", room)).get("type") == "result"


async def form(client: Client, kind: str, room: str = ROOM) -> Element:
    """Send an owner's form without fields: submitted (an instant room) or cancelled."""
    query = f"<query xmlns='{OWNER}'><x xmlns='jabber:x:data' type='{kind}'/></query>"
    return await answered(client, "set", query, room)


async def answered(client: Client, kind: str, payload: str, to: str) -> Element:
    """Ask and return the answer; what else came before it is put aside in ``client.before``."""
    client.send(f"<iq type='{kind}' id='ask' to='{to}'>{payload}</iq>")
    client.before = []
    while True:
        stanza = await client.next()
        if stanza.name == "iq" and stanza.get("id") == "ask":
            return stanza
        client.before.append(stanza)


async def admin(client: Client, *items: str, room: str = ROOM) -> Element:
    return await answered(client, "set", f"<query xmlns='{ADMIN}'>{''.join(items)}</query>", room)


def say(client: Client, text: str, room: str = ROOM, *, id: str = "m") -> None:
    client.send(f"<message to='{room}' type='groupchat' id='{id}'><body>{text}</body></message>")


def item_of(presence: Element) -> dict[str, str]:
    x = presence.find(ns.MUC_USER, "x")
    assert x is not None, presence
    item = x.find(ns.MUC_USER, "item")
    assert item is not None, presence
    return dict(item.attrs)


def codes(stanza: Element) -> list[str]:
    x = stanza.find(ns.MUC_USER, "x")
    return [] if x is None else [status.get("code") for status in x.elements(ns.MUC_USER, "status")]


def error_text(stanza: Element) -> str | None:
    error = stanza.find(ns.CLIENT, "error")
    assert error is not None, stanza
    return error.child_text(ns.STANZA_ERRORS, "text")


def shown(stanza: Element) -> str:
    """``P nick affiliation/role 110,201``, ``-P nick none/none 307``, ``M nick text``, ``S text``, ``E condition``."""
    nick = stanza.get("from").partition("/")[2]
    error = stanza.find(ns.CLIENT, "error")
    if error is not None:
        return f"E {error.get('type')}/{next(error.elements(ns.STANZA_ERRORS)).name}"
    if stanza.name == "presence":
        item = item_of(stanza)
        sign = "-P" if stanza.get("type") == "unavailable" else "P"
        jid = f" jid={item['jid']}" if "jid" in item else ""
        text = f"{sign} {nick} {item.get('affiliation')}/{item.get('role')}{jid} {','.join(codes(stanza))}"
        return text.rstrip()
    subject = stanza.find(ns.CLIENT, "subject")
    if subject is not None:
        return f"S {subject.text}".rstrip()
    return f"M {nick} {stanza.child_text(ns.CLIENT, 'body')}".rstrip()


async def seen(client: Client) -> list[str]:
    return [shown(stanza) for stanza in await client.collect()]
