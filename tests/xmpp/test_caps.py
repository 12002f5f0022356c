"""The hash of a disco#info answer: the examples of XEP-0115 §5.2 and §5.3, and what is easily got wrong."""

from __future__ import annotations

from mim.xmpp.caps import caps_hash
from mim.xmpp.parser import parse_element

IDENTITY = "<identity category='client' type='pc' name='{name}'{lang}/>"
FEATURES = "".join(
    f"<feature var='{name}'/>"
    for name in (
        "http://jabber.org/protocol/disco#items",
        "http://jabber.org/protocol/disco#info",
        "http://jabber.org/protocol/muc",
        "http://jabber.org/protocol/caps",
    )
)


def hashed(inner: str, *algorithm: str) -> str:
    query = parse_element(f"<query xmlns='http://jabber.org/protocol/disco#info'>{inner}</query>")
    return caps_hash(query, *algorithm)


def form(fields: dict[str, list[str]], form_type: str = "hidden") -> str:
    types = {"FORM_TYPE": f" type='{form_type}'"}
    inner = "".join(
        f"<field var='{var}'{types.get(var, '')}>"
        + "".join(f"<value>{value}</value>" for value in values)
        + "</field>"
        for var, values in fields.items()
    )
    return f"<x xmlns='jabber:x:data' type='result'>{inner}</x>"


SOFTWARE = {
    "software": ["Psi"],
    "ip_version": ["ipv6", "ipv4"],
    "os_version": ["10.5.1"],
    "os": ["Mac"],
    "software_version": ["0.11"],
    "FORM_TYPE": ["urn:xmpp:dataforms:softwareinfo"],
}
BOTH_IDENTITIES = IDENTITY.format(name="Psi 0.11", lang=" xml:lang='en'") + IDENTITY.format(
    name="Ψ 0.11", lang=" xml:lang='el'"
)


def test_simple_example():
    inner = IDENTITY.format(name="Exodus 0.9.1", lang="") + FEATURES

    assert hashed(inner) == "QgayPKawpkPSDYmwT/WM94uAlu0="


def test_complex_example():
    assert hashed(BOTH_IDENTITIES + FEATURES + form(SOFTWARE)) == "q07IKJEyjvHSyhy//CH0CxmKi8w="


def test_order_does_not_matter():
    assert hashed(form(SOFTWARE) + FEATURES + BOTH_IDENTITIES) == "q07IKJEyjvHSyhy//CH0CxmKi8w="


def test_form_whose_type_is_not_hidden_does_not_count():
    without = hashed(BOTH_IDENTITIES + FEATURES)

    assert hashed(BOTH_IDENTITIES + FEATURES + form(SOFTWARE, "text-single")) == without
    assert hashed(BOTH_IDENTITIES + FEATURES + form({"a": ["b"]})) == without
    assert hashed(BOTH_IDENTITIES + FEATURES + form(SOFTWARE)) != without


def test_other_algorithms():
    assert len(hashed(FEATURES, "sha256")) == 44
