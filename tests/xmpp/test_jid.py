import pytest
from hypothesis import given
from hypothesis import strategies as st

from mim.errors import InvalidJid
from mim.xmpp.jid import JID


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("localhost", ("", "localhost", "")),
        ("Alice@LOCALHOST/Res One", ("alice", "localhost", "Res One")),
        ("localhost/", ("", "localhost", "")),
        ("bob@localhost/", ("bob", "localhost", "")),
        ("a@b/c@d/e", ("a", "b", "c@d/e")),
        ("a@example.org.", ("a", "example.org", "")),
        ("a@[::1]/r", ("a", "[::1]", "r")),
        ("żółć@localhost", ("żółć", "localhost", "")),
        ("STRASSE@localhost", ("strasse", "localhost", "")),
        ("user@bücher.example", ("user", "bücher.example", "")),
        ("user@xn--bcher-kva.example", ("user", "bücher.example", "")),
        ("a@b_c", ("a", "b_c", "")),
    ],
)
def test_text_is_prepared(text, parts):
    jid = JID.parse(text)

    assert (jid.local, jid.domain, jid.resource) == parts


@pytest.mark.parametrize(
    "text",
    ["", "@", "@noway", "a@", "a@b@c", "a b@c", "a@b c", "a@..", "a@b..c", "/x", "a@/x", "a\x00@b", "a@b/\x07",
     "a\"@b", "a&b@c", "a'@b", "a:b@c", "<a>@b", "♚@b", "x@b/ z", "x" * 1024 + "@b", "a@b/" + "x" * 1024,
     "ż" * 512 + "@b"],
)  # fmt: skip
def test_text_that_is_no_jid_is_refused_and_named(text):
    with pytest.raises(InvalidJid) as refusal:
        JID.parse(text)

    assert refusal.value.text == f"Invalid jid: {text}"


def test_longest_parts_are_accepted():
    jid = JID.parse("l" * 1023 + "@d/" + "r" * 1023)

    assert len(str(jid)) == 1023 + 1 + 1 + 1 + 1023


def test_unprepared_parts_cannot_smuggle_a_separator():
    for parts in [("a@b", "c", ""), ("a/b", "c", ""), ("a", "b/c", ""), ("a", "b@c", "")]:
        with pytest.raises(InvalidJid):
            JID.of(*parts)


def test_of_names_the_whole():
    with pytest.raises(InvalidJid, match="Invalid jid: m@ke@localhost"):
        JID.of("m@ke", "localhost")


@given(st.text(max_size=40))
def test_preparing_twice_changes_nothing(text):
    try:
        jid = JID.parse(text)
    except InvalidJid:
        return

    assert JID.parse(str(jid)) == jid
    assert hash(JID.parse(str(jid))) == hash(jid)
    assert jid.bare.is_bare
