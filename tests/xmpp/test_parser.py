import pytest
from hypothesis import given
from hypothesis import strategies as st

from mim.xmpp import ns
from mim.xmpp.conditions import StreamError
from mim.xmpp.element import Element, element, serialize
from mim.xmpp.parser import (
    Limits,
    StreamEnd,
    StreamHeader,
    StreamParser,
    first_forbidden_character,
    parse_element,
    parse_fragment,
)

HEADER = f"<?xml version='1.0'?><stream:stream xmlns='jabber:client' xmlns:stream='{ns.STREAMS}' to='x'>".encode()


def opened(limits: Limits | None = None) -> StreamParser:
    parser = StreamParser(limits)
    assert isinstance(parser.feed(HEADER)[0], StreamHeader)
    return parser


def test_header_stanzas_and_end_come_in_order():
    events = StreamParser().feed(
        HEADER + b"<message xml:lang='de'><body>a &lt; b</body></message> \n<presence/></stream:stream>"
    )

    header, message, presence, end = events
    assert isinstance(header, StreamHeader)
    assert header.attrs == {"to": "x"}
    assert header.content_ns == "jabber:client"
    assert message == element(ns.CLIENT, "message", element(ns.CLIENT, "body", "a < b"), xml_lang="de")
    assert presence == Element(ns.CLIENT, "presence")
    assert isinstance(end, StreamEnd)


@given(st.lists(st.integers(1, 60), min_size=1, max_size=80))
def test_pieces_of_any_size_give_the_same_stanzas(sizes):
    data = b"<message to='a@b'><body>x &gt; y &#x17c;</body></message><iq id='>'><q xmlns='urn:q'/></iq>" * 3
    whole = opened().feed(data)
    parser = opened()

    got, position, turn = [], 0, 0
    while position < len(data):
        size = sizes[turn % len(sizes)]
        got += parser.feed(data[position : position + size])
        position, turn = position + size, turn + 1

    assert got == whole


@pytest.mark.parametrize(
    ("data", "condition"),
    [
        (b"<message></presence>", "xml-not-well-formed"),
        (b"<message a='1' a='2'/>", "xml-not-well-formed"),
        (b"<x:y/>", "xml-not-well-formed"),
        (b"<message>\xff</message>", "xml-not-well-formed"),
        (b"<message>\x00</message>", "xml-not-well-formed"),
        (b"<message>&#0;</message>", "xml-not-well-formed"),
        (b"<message>&undefined;</message>", "xml-not-well-formed"),
        (b"<!-- c -->", "restricted-xml"),
        (b"<message><!-- c --></message>", "restricted-xml"),
        (b"<?pi x?>", "restricted-xml"),
        (b"text<message/>", "bad-format"),
    ],
)
def test_what_xmpp_does_not_allow_ends_the_stream(data, condition):
    parser = opened()

    errors = [event for event in parser.feed(data) if isinstance(event, StreamError)]

    assert [error.condition for error in errors] == [condition]
    assert parser.feed(b"<message/>") == []


def test_document_type_is_refused_before_anything_is_expanded():
    bomb = b"<!DOCTYPE b [<!ENTITY a 'aaaaaaaaaa'><!ENTITY b '&a;&a;&a;'>]>"

    events = StreamParser().feed(bomb + HEADER)

    assert [event.condition for event in events if isinstance(event, StreamError)] == ["restricted-xml"]


@pytest.mark.parametrize("first", [b"GET / HTTP/1.1\r\n", b"\x16\x03\x01", b"\xff\xfe<\x00", b"hello"])
def test_first_bytes_that_are_no_xml_are_refused_at_once(first):
    events = StreamParser().feed(first)

    assert [event.condition for event in events if isinstance(event, StreamError)] == ["xml-not-well-formed"]


def test_other_encodings_are_refused():
    events = StreamParser().feed(b"<?xml version='1.0' encoding='iso-8859-1'?><a>")

    assert [event.condition for event in events if isinstance(event, StreamError)] == ["unsupported-encoding"]


@pytest.mark.parametrize(
    ("limits", "data"),
    [
        (Limits(stanza_bytes=100), b"<message><body>" + b"x" * 200 + b"</body></message>"),
        (Limits(stanza_bytes=100), b"<message><body>" + b"x" * 200),
        (Limits(stanza_bytes=100), b"<message a='" + b"x" * 200),
        (Limits(depth=10), b"<a>" * 20),
        (Limits(attributes=5), b"<a " + b" ".join(b"a%d='1'" % n for n in range(9)) + b"/>"),
        (Limits(names=20), b"".join(b"<n%d/>" % n for n in range(50))),
    ],
)
def test_limits_end_the_stream(limits, data):
    errors = [event for event in opened(limits).feed(data) if isinstance(event, StreamError)]

    assert [error.condition for error in errors] == ["policy-violation"]


def test_many_small_stanzas_in_one_piece_are_within_the_limit():
    events = opened(Limits(stanza_bytes=100)).feed(b"<message><body>hello</body></message>" * 100)

    assert len(events) == 100
    assert not any(isinstance(event, StreamError) for event in events)


def test_a_stanza_over_the_limit_is_found_among_others_in_one_piece():
    big = b"<message><body>" + b"x" * 200 + b"</body></message>"

    events = opened(Limits(stanza_bytes=100)).feed(b"<presence/>" + big + b"<presence/>")

    assert isinstance(events[0], Element)
    assert [event.condition for event in events if isinstance(event, StreamError)] == ["policy-violation"]


xml_text = st.text(st.characters(codec="utf-8", exclude_categories=("Cs", "Cc")), max_size=20)
names = st.from_regex(r"[a-z][a-z0-9]{0,6}", fullmatch=True)
elements = st.recursive(
    st.builds(
        lambda namespace, name, attrs, text: Element(namespace, name, attrs, [text] if text else []),
        st.sampled_from(["jabber:client", "urn:a", "urn:b'\"&<"]),
        names,
        st.dictionaries(names, xml_text, max_size=3),
        xml_text.filter(lambda text: not set(text) & {"\ufffe", "\uffff"}),
    ),
    lambda inner: st.builds(
        lambda namespace, name, children: Element(namespace, name, {}, list(children)),
        st.sampled_from(["jabber:client", "urn:c"]),
        names,
        st.lists(inner, max_size=3),
    ),
    max_leaves=8,
)


@given(elements)
def test_what_is_written_reads_back_the_same(tree):
    if any(set(value) & {"\ufffe", "\uffff"} for value in serialize(tree)):
        return

    (event,) = opened().feed(serialize(tree).encode())

    assert event == tree


@given(st.binary(max_size=300))
def test_no_bytes_break_the_parser(data):
    for parser in (StreamParser(), opened()):
        events = parser.feed(data)

        assert sum(isinstance(event, StreamError) for event in events) <= 1


def test_stream_elements_inside_a_stanza_keep_their_own_namespace():
    (message,) = opened().feed(b"<message><stream:error/></message>")

    assert serialize(message) == f"<message><error xmlns='{ns.STREAMS}'/></message>"


def test_fragment_must_be_whole():
    assert parse_fragment(b"<a/>") == [Element("", "a")]
    for broken in (b"<a>", b"<a/", b"", b"a"):
        (error,) = parse_fragment(broken)
        assert isinstance(error, StreamError)


def test_characters_xml_cannot_carry():
    assert first_forbidden_character("a\tb\r\n\u017c\U0001f600") is None
    for bad in ("\x00", "\x01", "\x0b", "\x1f", "\ufffe", "\uffff", "\ud800"):
        assert first_forbidden_character(f"a{bad}b") == bad


@pytest.mark.parametrize(
    "node",
    [
        element(ns.CLIENT, "message", element(ns.CLIENT, "body", "a < b & 'c'\r\n"), xml_lang="de"),
        element("vcard-temp", "vCard", element("vcard-temp", "FN", "Ana"), element("", "bare")),
        Element("urn:x", "x", {"{urn:y}attribute": "1"}),
    ],
)
def test_a_serialized_element_is_parsed_back(node):
    assert parse_element(serialize(node)) == node


@pytest.mark.parametrize("text", ["", "text", "<a/><b/>", "<a>", "<a/>b"])
def test_what_is_not_one_element_is_refused(text):
    with pytest.raises(ValueError, match="not one XML element"):
        parse_element(text)
