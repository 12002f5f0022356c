"""Where a problem is written: line and column, or the environment variable."""

from __future__ import annotations

import pytest

from mim.config.lines import place_of, places_of
from tests.config.support import CATALOGUE, MINIMAL, problems

TEXT = (
    '''\
# a comment with [brackets] and = signs
[general]
hosts = ["localhost", # one
  "b.example", ]
  default_server_domain = "localhost"   # x

[[listen.c2s]]
port = 5222
tls.mode = "starttls"
[[listen.c2s]]
port = 5223
  [listen.c2s.tls]
  certfile = 'a=b.pem'
[[listen.http]]
  [[listen.http.handlers.mongoose_api_admin]]
  path = """/a
  [x]
"""
[access]
"a rule" = [{acl = "all", value = "deny"}, {acl = "x", value = 10}]
[modules.mod_x]
  quoted."with.dot" = '''.replace("'''", "")
    + "'''text\nmore'''\n  after = {a = 1, b = {c = 2}}\n"
)


@pytest.mark.parametrize(
    ("path", "line", "column"),
    [
        ("general", 2, 1),
        ("general.hosts", 3, 1),
        ("general.hosts[1]", 4, 3),
        ("general.default_server_domain", 5, 3),
        ("listen.c2s[0].port", 8, 1),
        ("listen.c2s[0].tls.mode", 9, 1),
        ("listen.c2s[1]", 10, 1),
        ("listen.c2s[1].tls.certfile", 13, 3),
        ("listen.http[0].handlers.mongoose_api_admin[0].path", 16, 3),
        ('access."a rule"[1].value', 20, 56),
        ('modules.mod_x.quoted."with.dot"', 22, 3),
        ("modules.mod_x.after.b.c", 24, 24),
    ],
)
def test_a_path_is_found_in_the_text(path: str, line: int, column: int) -> None:
    assert places_of(TEXT)[path] == f"line {line}, column {column}"


def test_a_missing_key_is_placed_at_its_table() -> None:
    places = places_of(TEXT)
    assert place_of(places, "listen.c2s[1].tls.keyfile") == "line 12, column 3"
    assert place_of(places, "listen.s2s[0].port") == "line 7, column 1" or place_of(places, "listen.s2s[0].port") == ""
    assert place_of(places, "s2s") == ""


def test_problems_carry_their_place() -> None:
    (problem,) = problems(MINIMAL + "  loglevel = 4\n")
    assert (problem.path, problem.place) == ("general.loglevel", "line 5, column 3")


def test_syntax_errors_have_line_and_column() -> None:
    (problem,) = problems('[general]\n  hosts = ["a"\n  x = 1')
    assert problem.path == "(syntax)"
    assert problem.place.startswith("line 3, column ")


def test_bytes_that_are_no_utf8_are_refused_with_their_line() -> None:
    from mim.config import ConfigErrors, load

    with pytest.raises(ConfigErrors) as refused:
        load(b"[general]\nx = '\xff'\n", modules=CATALOGUE)
    assert [str(problem) for problem in refused.value.problems] == ["(syntax) = line 2: must be UTF-8"]
