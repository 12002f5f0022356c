"""Blocking lists: whom and which rooms a user does not want to be added by (muc-light, section 10)."""

from __future__ import annotations

from typing import Literal, NamedTuple

from mim.errors import InvalidJid
from mim.plugin import JID
from mim_plugins.mod_muc_light.refusals import Malformed

Kind = Literal["room", "user"]


class Blocked(NamedTuple):
    """An item: a room, or a user; the JID as text, bare."""

    kind: Kind
    jid: str


def bare_user(text: str) -> JID:
    """Return the bare JID of a user or room that a client names.

    Raises:
        Malformed: no JID, or one without a node.
    """
    try:
        jid = JID.parse(text).bare
    except InvalidJid as error:
        raise Malformed(error.text) from None
    if not jid.local:
        raise Malformed(f"{text} has no node")
    return jid
