"""Stanzas as text: written once, whatever copies are made of them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mim.xmpp import ns
from mim.xmpp.element import Element, element, serialize
from mim.xmpp.jid import JID
from mim.xmpp.parser import parse_element
from mim.xmpp.stanza import Stanza, body, message

ROMEO, JULIET = JID.parse("romeo@localhost/orchard"), JID.parse("juliet@localhost")
TEXT = st.text(st.characters(exclude_categories=["Cc", "Cs"], exclude_characters="\ufffe\uffff"), min_size=1)


@given(TEXT, TEXT, st.lists(TEXT, max_size=3))
def test_a_child_added_to_a_stanza_that_was_written_reads_as_any_other(id, said, added):
    stanza = message(body(said), sender=ROMEO, to=JULIET, id=id or None)
    assert stanza.to_text() == serialize(stanza)
    for text in added:
        stanza = stanza.with_child(element("urn:x", "x", text))

    assert stanza.to_text() == serialize(Element(ns.CLIENT, "message", stanza.attrs, stanza.children))
    assert parse_element(stanza.to_text()) == stanza


@pytest.mark.parametrize("children", [[], ["text"], [body("")]])
def test_a_child_added_where_none_was(children):
    stanza = Stanza("message", {}, children, sender=ROMEO, to=JULIET)
    stanza.to_text()
    more = stanza.with_child(element("urn:x", "x"))
    assert more.to_text() == serialize(more)


def test_a_copy_is_written_anew():
    stanza = message(body("hi"), sender=ROMEO, to=JULIET)
    stanza.to_text()

    assert "to='romeo@localhost'" in stanza.replace(to=ROMEO.bare).to_text()
    assert stanza.to_text(to=ROMEO.bare) == stanza.replace(to=ROMEO.bare).to_text()
    assert "hi" not in stanza.with_children([body("ho")]).to_text()
