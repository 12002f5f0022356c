from __future__ import annotations

from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mim.net.urls import BadUrl, decode, host_name, parse_path, parse_query

segments = st.text(st.characters(exclude_categories=["Cs"]), min_size=1).filter(lambda text: text not in (".", ".."))


@pytest.mark.parametrize(
    ("path", "decoded"),
    [
        ("/", ()),
        ("/api/users", ("api", "users")),
        ("/api/users/", ("api", "users")),
        ("/api//users", ("api", "", "users")),
        ("/api/users//", ("api", "users", "")),
        ("/a/./b/../c", ("a", "c")),
        ("/../a", ("a",)),
        ("/a/..", ()),
        ("/a/b/.", ("a", "b")),
        ("/%61/%2e%2e/b", ("b",)),
        ("/a%2Fb/c+d", ("a/b", "c+d")),
        ("/za%C5%BC", ("zaż",)),
        ("/a%00b", ("a\0b",)),
    ],
)
def test_paths_are_split_then_decoded_then_freed_of_dots(path: str, decoded: tuple[str, ...]):
    assert parse_path(path).decoded == decoded


def test_raw_segments_stay_beside_the_decoded_ones():
    assert parse_path("/x/../a%2Cb,c/d").raw == ("a%2Cb,c", "d")


@pytest.mark.parametrize("path", ["/a%zz", "/a%", "/a%4", "/%ff", "/%C5", "/a%u0041", "relative", "", "*"])
def test_bad_paths_are_refused(path: str):
    with pytest.raises(BadUrl):
        parse_path(path)


@given(st.lists(segments))
def test_an_encoded_path_decodes_to_its_segments(parts: list[str]):
    assert parse_path("/" + "/".join(quote(part, safe="") for part in parts)).decoded == tuple(parts)


@given(st.text())
def test_any_text_is_a_path_or_refused(text: str):
    for parse in (parse_path, parse_query, host_name, decode):
        try:
            parse(text)
        except BadUrl:
            continue


@pytest.mark.parametrize(
    ("query", "pairs"),
    [
        ("", ()),
        ("a=1&b=2&a=3", (("a", "1"), ("b", "2"), ("a", "3"))),
        ("limit", (("limit", ""),)),
        ("limit=", (("limit", ""),)),
        ("&a=b&&", (("a", "b"),)),
        ("a=b=c", (("a", "b=c"),)),
        ("a=1+2&b=1%2B2", (("a", "1 2"), ("b", "1+2"))),
        ("%61=%C5%BC", (("a", "ż"),)),
    ],
)
def test_queries(query: str, pairs: tuple[tuple[str, str], ...]):
    assert parse_query(query) == pairs


@pytest.mark.parametrize("query", ["a=%zz", "%=1", "=1", "a=%ff"])
def test_bad_queries_are_refused(query: str):
    with pytest.raises(BadUrl):
        parse_query(query)


@pytest.mark.parametrize(
    ("authority", "name"),
    [
        ("localhost:8088", "localhost"),
        ("LOCALHOST", "localhost"),
        ("[::1]:8088", "::1"),
        ("127.0.0.1:", "127.0.0.1"),
        ("", ""),
    ],
)
def test_host_names(authority: str, name: str):
    assert host_name(authority) == name


@pytest.mark.parametrize("authority", ["a b", "a/b", "a@b", "a:b", "[::1", "<script>", "a:1:2", "ż"])
def test_what_is_no_host_is_refused(authority: str):
    with pytest.raises(BadUrl):
        host_name(authority)
