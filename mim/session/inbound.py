"""A client's stanzas on their way in: checked, stamped, filtered, routed (RFC 6120 §8.1, RFC 6121 §8)."""

from __future__ import annotations

import asyncio
from asyncio import Future
from typing import Any

from mim.errors import InvalidJid
from mim.router import SUBSCRIPTION_TYPES, Router
from mim.session.session import Session
from mim.xmpp import ns
from mim.xmpp.conditions import StanzaError, StreamError
from mim.xmpp.element import Element
from mim.xmpp.jid import JID
from mim.xmpp.stanza import IQ_TYPES, KINDS, Stanza, error_of


class Inbound:
    """Takes first-level elements of a bound stream; one for the whole server."""

    def __init__(self, router: Router) -> None:
        self._router = router

    def handle(self, session: Session, node: Element) -> Future[Any] | None:
        """Handle one stanza of a client.

        Returns a future when work goes on in the background; the stream must not hand in the client's next stanza
        before it is done, so that stanzas of one stream keep their order (RFC 6120 §10.1).

        Raises:
            StreamError: the element ends the stream.
        """
        if node.ns != ns.CLIENT or node.name not in KINDS:
            raise StreamError("unsupported-stanza-type")
        self._check_from(session, node)
        stanza = Stanza(node.name, node.attrs, node.children, sender=session.jid)
        try:
            address = node.attrs.get("to")
            if address:
                stanza.to = JID.parse(address)
                stanza.attrs["to"] = str(stanza.to)
            elif address is not None:
                del stanza.attrs["to"]
            return self._dispatch(session, stanza)
        except InvalidJid as error:
            self._refuse(session, stanza, StanzaError("jid-malformed", error.text))
        except StanzaError as error:
            self._refuse(session, stanza, error)
        return None

    @staticmethod
    def _check_from(session: Session, node: Element) -> None:
        """RFC 6120 §8.1.2.1: absent, the own bare JID or the own full JID."""
        claimed = node.attrs.get("from")
        if claimed is None:
            return
        try:
            jid = JID.parse(claimed)
        except InvalidJid:
            raise StreamError("invalid-from") from None
        if jid not in (session.jid, session.account):
            raise StreamError("invalid-from")

    def _dispatch(self, session: Session, stanza: Stanza) -> Future[Any] | None:
        if stanza.name == "presence":
            return self._presence(session, stanza)
        if stanza.name == "iq":
            if stanza.type not in IQ_TYPES:
                raise StanzaError("bad-request", "an IQ is of type get, set, result or error")
            if stanza.to is None:
                stanza.to = session.account
                stanza.attrs["to"] = str(session.account)
        else:
            if stanza.to is None:
                stanza.to = session.account
                stanza.attrs["to"] = str(session.account)
            if stanza.has_namespace(ns.DELAY):
                # A client's own stamp would let it forge the time of what is stored.
                stanza.children[:] = [c for c in stanza.children if isinstance(c, str) or c.ns != ns.DELAY]
            if "xml:lang" not in stanza.attrs and session.lang:
                stanza.attrs["xml:lang"] = session.lang
        self._router.send_as(stanza, session)
        return _unfinished(stanza) if stanza.name == "iq" else None

    def _presence(self, session: Session, stanza: Stanza) -> Future[Any] | None:
        if stanza.to is None:
            return self._router.spawn(self._own_presence(session, stanza))
        if stanza.type in SUBSCRIPTION_TYPES:
            bare = stanza.replace(sender=session.account, to=stanza.to.bare)
            filtered = self._filter(session, bare)
            if filtered is not None:
                for question in session.host.hooks.presence_subscription_sent:
                    if question(filtered):
                        break
                return _unfinished(stanza)
        else:
            filtered = self._filter(session, stanza)
            if filtered is not None:
                self._router.presences.directed(session, filtered)
        return None

    async def _own_presence(self, session: Session, stanza: Stanza) -> None:
        try:
            filtered = self._filter(session, stanza)
            if filtered is not None:
                await self._router.presences.client_presence(session, filtered)
        except StanzaError as error:
            self._refuse(session, stanza, error)

    @staticmethod
    def _filter(session: Session, stanza: Stanza) -> Stanza | None:
        for function in session.host.hooks.filter_sent:
            filtered = function(stanza, session)
            if filtered is None:
                return None
            stanza = filtered
        return stanza

    @staticmethod
    def _refuse(session: Session, stanza: Stanza, error: StanzaError) -> None:
        reply = error_of(stanza, error)
        if reply is not None:
            session.send(reply.replace(to=session.jid))


def _unfinished(stanza: Stanza) -> Future[Any] | None:
    """Return a future of the work still to be done for a stanza, None when all is done."""
    pending = [promise for promise in stanza.trail.promises if not promise.done()]
    if not pending:
        return None
    if len(pending) == 1:
        return pending[0]
    return asyncio.gather(*pending, return_exceptions=True)
