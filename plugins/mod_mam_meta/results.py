"""Result messages (XEP-0313 §4.2): stored text put into place, never parsed again on the way to a client of ours."""

from __future__ import annotations

from collections.abc import Iterable

from mim.clock import from_us
from mim.plugin import JID, ModuleApi, Stanza, format_stamp, new_id
from mim.storage.ids import encode, microseconds_of
from mim.xmpp import ns
from mim.xmpp.element import escape_attribute
from mim.xmpp.parser import parse_element
from mim_plugins.mod_mam_meta.stored import escaped_attribute, message_text


class ResultWriter:
    """Writes the results of one query as messages to whoever asked."""

    def __init__(self, api: ModuleApi, asked: Stanza, archive: JID, namespace: str, query_id: str | None) -> None:
        self._api = api
        self._to = asked.from_jid
        base = new_id()
        query = "" if query_id is None else f" queryid='{escape_attribute(query_id)}'"
        self._start = f"<message id='{base}"
        self._middle = (
            f"' from='{escape_attribute(str(archive))}' to='{escape_attribute(str(self._to))}'>"
            f"<result xmlns='{namespace}'{query} id='"
        )

    def send(self, results: Iterable[tuple[int, str, str]]) -> None:
        """Send archived messages, each given as its archive id and its stored form."""
        texts = [self._text(number, *result) for number, result in enumerate(results)]
        session = self._api.sessions.find(self._to)
        if session is not None and not session.host.hooks.filter_delivered:
            for text in texts:
                session.send_text(text)
        elif session is not None:
            for text in texts:
                session.send(Stanza.from_element(parse_element(text)))
        elif self._api.hosts.find(self._to.domain) is None:  # elsewhere; here, whoever asked has left meanwhile
            for text in texts:
                self._api.router.route(Stanza.from_element(parse_element(text)))

    def _text(self, number: int, id: int, attributes: str, children: str) -> str:
        stamp = format_stamp(from_us(microseconds_of(id)))
        sender = escaped_attribute(attributes, "from")
        return (
            f"{self._start}-{number}{self._middle}{encode(id)}'><forwarded xmlns='{ns.FORWARD}'>"
            f"<delay xmlns='{ns.DELAY}' stamp='{stamp}' from='{sender}'/>"
            f"{message_text(attributes, children)}</forwarded></result></message>"
        )
