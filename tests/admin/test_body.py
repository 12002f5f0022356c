"""Request bodies (contract/admin-api, section 4.4)."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mim.admin.body import MalformedBody, members

texts = st.text(st.characters(exclude_categories=["Cs"]))
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)


@given(st.lists(st.tuples(st.sampled_from(["a", "b", 'c"', "\\"]) | texts, values)), st.booleans())
def test_members_come_in_order_with_their_repetitions(pairs: list[tuple[str, Any]], is_ascii: bool):
    parts = (
        f"{json.dumps(name, ensure_ascii=is_ascii)}: {json.dumps(value, ensure_ascii=is_ascii)}"
        for name, value in pairs
    )

    found = members(f"{{{', '.join(parts)}}}".encode())

    assert found == tuple(pairs)
    assert [type(value) for _, value in found] == [type(value) for _, value in pairs]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b" ",
        b"kukurydza",
        b"{",
        b"[]",
        b'[["username","a"]]',
        b'"abc"',
        b"1",
        b"null",
        b"true",
        b"{} x",
        b"{}{}",
        b"{},",
        b'{"a":1,}',
        b"{'a':1}",
        b"{a:1}",
        b'{"a":1 "b":2}',
        b'{"a":NaN}',
        b'{"a":Infinity}',
        b'{"a":-Infinity}',
        b'{"a":01}',
        b'{"a":+1}',
        b'{"a":.5}',
        b'{"a":1e999}',
        b'{"a":"\x01"}',
        b'{"a":"\n"}',
        b'{"a":"\\x41"}',
        b'{"a":"\\ud800"}',
        b'{"a":"\\udc00b"}',
        b'{"a":"\\ud800\\u0041"}',
        b'{"\\ud800":1}',
        b'{"a":{"b":["\\udfff"]}}',
        b'{"a":"\xff"}',
        b'{"a":"\xc3"}',
        b'{"a":"\xed\xa0\x80"}',
        b"\xef\xbb\xbf{}",
        '{"a":1}'.encode("utf-16"),
        b"// a comment\n{}",
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b'{"a":' * 5000 + b"1" + b"}" * 5000,
        b'{"a":' + b"[" * 3000 + b"]" * 3000 + b',"a":1}',
    ],
    ids=lambda body: repr(body[:24]),
)
def test_what_is_no_json_object_is_refused(body: bytes):
    with pytest.raises(MalformedBody):
        members(body)


@pytest.mark.parametrize(
    ("body", "found"),
    [
        (b"{}", ()),
        (b' \t\r\n{ "a" : "b" } \n', (("a", "b"),)),
        (b'{"a":1,"a":2}', (("a", 1), ("a", 2))),
        (b'{"a":"1","\\u0061":"2"}', (("a", "1"), ("a", "2"))),
        (b'{"a":{"b":1,"b":2},"c":[{"d":"e"}]}', (("a", {"b": 2}), ("c", [{"d": "e"}]))),
        (b'{"a":"\\ud83d\\ude00","b":"\\"","c":"\\u0000"}', (("a", "\U0001f600"), ("b", '"'), ("c", "\0"))),
        (b'{"a":123456789012345678901234567890}', (("a", 123456789012345678901234567890),)),
        (b'{"":""}', (("", ""),)),
    ],
)
def test_json_objects(body: bytes, found: Any):
    assert members(body) == found


@pytest.mark.parametrize("depth", [10, 100, 400, 700, 900, 990, 1100])
def test_any_depth_is_taken_or_refused(depth: int):
    outcomes = []
    for repeated in ("", ',"a":1'):
        try:
            members(f'{{"a":{"[" * depth}{"]" * depth}{repeated}}}'.encode())
            outcomes.append("taken")
        except MalformedBody:
            outcomes.append("refused")

    assert depth > 400 or outcomes == ["taken", "taken"]


@given(st.binary() | st.text().map(lambda text: text.encode("utf-8", "surrogatepass")))
def test_any_bytes_are_an_object_or_refused(body: bytes):
    try:
        members(body)
    except MalformedBody:
        return
    assert isinstance(json.loads(body), dict)
