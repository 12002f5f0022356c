"""One element out of a text somebody wrote by hand (admin-api, section 6.15)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mim.xmpp import ns
from mim.xmpp.document import MalformedXml, parse_document
from mim.xmpp.element import Element, serialize


@pytest.mark.parametrize(
    "text",
    [
        "<a>b</a>",
        "  \n<a>b</a>\n",
        "<?xml version='1.0'?><a>b</a>",
        " <?xml version=\"1.0\" encoding='utf-8' standalone='yes' ?>\n<a>b</a>",
        "<!-- before --><a><!-- inside -->b</a><!-- after -->",
        "<a><![CDATA[b]]></a>",
        "<a xmlns='jabber:client'>b</a>",
    ],
)
def test_the_root_is_returned(text):
    assert parse_document(text) == Element(ns.CLIENT, "a", {}, ["b"])


def test_cdata_is_text_that_is_escaped_when_written():
    assert serialize(parse_document("<a><![CDATA[<b>&]]></a>")) == "<a>&lt;b&gt;&amp;</a>"


@pytest.mark.parametrize("text", ["<a><b/></a", "<a/", "<a>b</a   ", "<?xml version='1.0'?><a></a"])
def test_a_missing_final_bracket_is_named(text):
    with pytest.raises(MalformedXml, match=r"^expected >$"):
        parse_document(text)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "no root element"),
        ("<!-- only -->", "no root element"),
        ("<a/><b/>", "more than one root element"),
        ("<a><b></a>", "mismatched tag"),
        ("<a>", "unexpected end of data"),
        ("<a>b", "unexpected end of data"),
        ("<", "unexpected end of data"),
        ("<a/>b", "unexpected end of data"),
        ("b<a/>", "text outside of the root element"),
        ("<a>&b;</a>", "undefined entity"),
        ("<a>& b</a>", "not well-formed (invalid token)"),
        ("<b:a/>", "unbound prefix"),
        ("<stream:error/>", "unbound prefix"),
        ("<a b='1' b='2'/>", "duplicate attribute"),
        ("<a b=1/>", "not well-formed (invalid token)"),
        ("<!DOCTYPE a><a/>", "not well-formed (invalid token)"),
        ("<?b c?><a/>", "document types and processing instructions are not allowed"),
        ("<a>\x01</a>", "not well-formed (invalid token)"),
        ("<a/></x>", "unexpected closing tag"),
        ("</x>", "unexpected closing tag"),
        ("<a>" * 200 + "</a>" * 200, "elements nested too deeply"),
    ],
)
def test_what_is_wrong_is_said(text, reason):
    with pytest.raises(MalformedXml) as refused:
        parse_document(text)
    assert str(refused.value) == reason


@given(st.text(alphabet="<>/!?-[]&;='\" ax:\x00\ud800", max_size=40))
def test_any_text_is_one_element_or_malformed(text):
    try:
        root = parse_document(text)
    except MalformedXml:
        return
    assert parse_document(serialize(root)) == root
