"""What the tests of the archive ask and read."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

from mim.xmpp import ns
from mim.xmpp.element import Element, escape_text
from tests.client import Client

PM = "[modules.mod_mam_meta]\npm = {}\n"

_ids = itertools.count(1)


@dataclass(frozen=True)
class Result:
    """One result message, taken apart."""

    envelope: Element
    result: Element
    delay: Element
    message: Element

    @property
    def id(self) -> str:
        return self.result.get("id")

    @property
    def body(self) -> str | None:
        return self.message.child_text(ns.CLIENT, "body")


@dataclass(frozen=True)
class Page:
    """The answer to a query: result messages, then the IQ."""

    results: list[Result]
    answer: Element
    namespace: str

    @property
    def fin(self) -> Element:
        fin = self.answer.find(self.namespace, "fin")
        assert fin is not None, self.answer
        return fin

    @property
    def bodies(self) -> list[str | None]:
        return [result.body for result in self.results]

    @property
    def ids(self) -> list[str]:
        return [result.id for result in self.results]

    @property
    def is_complete(self) -> bool:
        return self.fin.get("complete") == "true"

    @property
    def set(self) -> Element:
        found = self.fin.find(ns.RSM, "set")
        assert found is not None, self.fin
        return found

    @property
    def count(self) -> int:
        return int(self.set.child_text(ns.RSM, "count") or "-1")

    @property
    def index(self) -> int | None:
        first = self.set.find(ns.RSM, "first")
        return None if first is None else int(first.get("index"))

    @property
    def ends(self) -> tuple[str | None, str | None]:
        """The ids that ``<first/>`` and ``<last/>`` tell."""
        return self.set.child_text(ns.RSM, "first"), self.set.child_text(ns.RSM, "last")


def field(var: str, value: str) -> str:
    return f"<field var='{var}'><value>{escape_text(value)}</value></field>"


def query(
    *, namespace: str = ns.MAM2, query_id: str | None = None, fields: str = "", rsm: str | None = None,
    form_type: str | None = None, **values: str,
) -> str:
    """Return a ``<query/>``; *values* are fields by name, ``with_`` and ``full_text_search`` among them."""
    names = {"with_": "with", "full_text_search": "full-text-search"}
    filled = "".join(field(names.get(name, name), value) for name, value in values.items()) + fields
    if filled:
        hidden = f"<field var='FORM_TYPE' type='hidden'><value>{form_type or namespace}</value></field>"
        filled = f"<x xmlns='{ns.DATA_FORMS}' type='submit'>{hidden}{filled}</x>"
    paging = "" if rsm is None else f"<set xmlns='{ns.RSM}'>{rsm}</set>"
    named = "" if query_id is None else f" queryid='{query_id}'"
    return f"<query xmlns='{namespace}'{named}>{filled}{paging}</query>"


async def page(client: Client, *, to: str = "", **asked: str | None) -> Page:
    """Ask an archive and return what comes; nothing but results may come before the answer."""
    namespace = str(asked.get("namespace", ns.MAM2))
    id = f"mam{next(_ids)}"
    address = f" to='{to}'" if to else ""
    client.send(f"<iq type='set' id='{id}'{address}>{query(**asked)}</iq>")  # type: ignore[arg-type]
    results: list[Result] = []
    while True:
        got = await client.next()
        if got.name == "iq":
            assert got.get("id") == id, got
            return Page(results, got, namespace)
        results.append(taken_apart(got, namespace))


def taken_apart(envelope: Element, namespace: str = ns.MAM2) -> Result:
    """Return a result message's parts; it must have just these."""
    result = envelope.find(namespace, "result")
    assert result is not None, envelope
    forwarded = result.find(ns.FORWARD, "forwarded")
    assert forwarded is not None, envelope
    delay, message = forwarded.elements()
    assert (delay.ns, delay.name, message.ns, message.name) == (ns.DELAY, "delay", ns.CLIENT, "message")
    return Result(envelope, result, delay, message)


def stanza_id(message: Element, by: str) -> str:
    """Return the id that an archive has given a delivered message; it must be the last child, and the only one."""
    ids = [child for child in message.elements(ns.STANZA_ID, "stanza-id") if child.get("by") == by]
    assert len(ids) == 1, message
    assert message.children[-1] is ids[0], message
    return ids[0].get("id")


def has_stanza_id(message: Element) -> bool:
    return message.find(ns.STANZA_ID, "stanza-id") is not None


def chat(body: str, to: str = "juliet@localhost", *, id: str = "m", kind: str = "chat", more: str = "") -> str:
    named = f" type='{kind}'" if kind else ""
    return f"<message to='{to}' id='{id}'{named}><body>{escape_text(body)}</body>{more}</message>"


async def quiet(*clients: Client) -> None:
    """Read what clients were sent so far, presence of their user's other clients above all."""
    for client in clients:
        await client.collect()


async def exchanged(sender: Client, recipient: Client, *bodies: str, **more: str) -> list[Element]:
    """Send messages to the recipient's bare JID and return them as he gets them."""
    assert recipient.jid is not None
    for body in bodies:
        sender.send(chat(body, str(recipient.jid.bare), **more))
    return [await recipient.expect("message") for _ in bodies]
