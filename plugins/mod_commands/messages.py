"""Commands that send (contract/admin-api, section 6.14, 6.15)."""

from __future__ import annotations

from mim.errors import BadRequest
from mim.plugin import Stanza, command, new_id
from mim.xmpp.document import MalformedXml, parse_document
from mim.xmpp.ns import CLIENT
from mim.xmpp.stanza import IQ_TYPES, KINDS, message
from mim.xmpp.stanza import body as body_of
from mim_plugins.mod_commands import schemas
from mim_plugins.mod_commands.base import Commands, parse_jids

TAG = "One-to-one messages"


class MessageCommands(Commands):
    """``/messages`` (to send) and ``/stanzas``."""

    @command(
        "messages",
        action="create",
        desc="Send chat message from to",
        tag=TAG,
        xml_text=("body",),
        errors={
            400: "A JID is not valid, or XML cannot carry the text.",
            404: "The caller's domain is not served here.",
        },
        schemas={"caller": schemas.JID, "to": schemas.JID, "body": schemas.BODY},
    )
    async def send_message(self, caller: str, to: str, body: str) -> None:
        """Send a chat message in the caller's name; what of it is stored is on disk when this returns."""
        sender, recipient = parse_jids(caller, to)
        await self._send(message(body_of(body), sender=sender, to=recipient, type="chat", id=new_id()))

    @command(
        "stanzas",
        action="create",
        desc="Send an arbitrary stanza",
        tag=TAG,
        errors={
            400: "The stanza is malformed, or its from or to is missing or no valid JID.",
            404: "The sender's domain is not served here.",
        },
        schemas={
            "stanza": {
                "type": "string",
                "description": "A message, presence or iq element with from and to.",
                "example": "<message from='alice@localhost' to='bob@localhost'><body>Hello</body></message>",
            }
        },
    )
    async def send_stanza(self, stanza: str) -> None:
        """Send a stanza in the name of its ``from``; what of it is stored is on disk when this returns."""
        await self._send(_parse_stanza(stanza))

    async def _send(self, stanza: Stanza) -> None:
        self.host_of(stanza.from_jid)
        self.api.router.send_as(stanza)
        await stanza.trail.kept()


def _parse_stanza(text: str) -> Stanza:
    """Return the stanza a text holds; everything but its addresses is as given."""
    try:
        root = parse_document(text)
    except MalformedXml as malformed:
        raise _malformed(str(malformed)) from None
    if "from" not in root.attrs or "to" not in root.attrs:
        raise BadRequest("both from and to are required")
    sender, to = parse_jids(root.get("from"), root.get("to"))
    if root.ns != CLIENT or root.name not in KINDS:
        raise _malformed("unexpected element")
    if root.name == "iq" and root.get("type") not in IQ_TYPES:
        raise _malformed("an iq is of type get, set, result or error")
    return Stanza(root.name, root.attrs, root.children, sender=sender, to=to)


def _malformed(reason: str) -> BadRequest:
    return BadRequest(f'Malformed stanza: "{reason}"')
