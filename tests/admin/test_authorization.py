"""Credentials (contract/admin-api, section 5.1)."""

from __future__ import annotations

import base64
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mim.admin.headers import BasicAuth, Malformed, accepts_json
from tests.admin.conftest import CREDENTIALS, Start
from tests.raw_http import exchange


def basic(text: str) -> str:
    return "Basic " + base64.b64encode(text.encode()).decode()


RIGHT = basic("ala:makota")
AUTH = BasicAuth("ala", "makota")


@pytest.mark.parametrize("header", [RIGHT, RIGHT.replace("Basic", "bAsIc"), RIGHT.replace(" ", "   "), f" {RIGHT} "])
def test_the_right_credentials_are_admitted(header: str):
    assert AUTH.admits(header)


@pytest.mark.parametrize(
    "header",
    [
        basic("ala:nope"),
        basic("ala:"),
        basic("ala:makota "),
        basic("Ala:makota"),
        basic(":makota"),
        basic(":"),
        basic("ala:makota:more"),
        basic("żółć:ż"),
        "Bearer abc.def-ghi_~+/==",
        "bearer abc",
        'Digest username="ala", realm="mongooseim", nonce="a", uri="/", response="b"',
    ],
)
def test_wrong_credentials_are_not(header: str):
    assert not AUTH.admits(header)


@pytest.mark.parametrize(
    "header",
    [
        "",
        " ",
        "Basic",
        "Basic ",
        "Bearer",
        "Digest",
        "Bearer a b",
        "Bearer ä",
        "Digest abc",
        "rubbish",
        "Foo bar",
        "Basic YWxh",
        "Basic YWxhOm1ha290YQ",
        "Basic !!!!",
        "Basic YWxhOm1ha290YQ== x",
        "Basic ż",
        "BasicYWxhOm1ha290YQ==",
        ",",
    ],
)
def test_anything_else_is_malformed(header: str):
    with pytest.raises(Malformed):
        AUTH.admits(header)


def test_a_password_may_hold_colons_and_any_letters():
    auth = BasicAuth("ala", "ma:kota:ż")

    assert auth.admits(basic("ala:ma:kota:ż"))
    assert not auth.admits(basic("ala:ma"))


@given(
    st.text()
    | st.text().map(lambda text: f"Basic {text}")
    | st.binary().map(lambda raw: "Basic " + base64.b64encode(raw).decode())
)
def test_nothing_but_the_right_credentials_is_admitted(header: str):
    try:
        assert not AUTH.admits(header) or header.split()[1] == RIGHT.split()[1]
    except Malformed:
        return


@pytest.mark.parametrize(
    ("header", "status"),
    [(RIGHT, 200), (basic("ala:nope"), 401), (None, 401), ("Bearer abc", 401), ("rubbish", 400), ("", 400)],
)
async def test_credentials_are_asked_for(start: Start, header: str | None, status: int):
    server = await start(admin=CREDENTIALS)

    answer = await server.api.get("/things/h", headers={} if header is None else {"Authorization": header})

    assert answer.status == status
    if status != 200:
        assert answer.body == b""
    assert answer.headers.get("WWW-Authenticate") == ('Basic realm="mongooseim"' if status == 401 else None)


async def test_two_authorizations_are_one_too_many(start: Start):
    server = await start(admin=CREDENTIALS)

    answer = await exchange(
        server.http_port,
        f"GET /api/things/h HTTP/1.1\r\nHost: a\r\nAuthorization: {RIGHT}\r\nAuthorization: {RIGHT}\r\n\r\n".encode(),
    )

    assert (answer.status, answer.body) == (400, b"")


@pytest.mark.parametrize("header", ["rubbish", "", basic("a:b"), "Basic"])
async def test_without_credentials_in_the_file_the_header_is_not_looked_at(start: Start, header: str):
    server = await start()

    assert (await server.api.get("/things/h", headers={"Authorization": header})).status == 200


@pytest.mark.parametrize(
    "header",
    ["Digest a=" + "b" * 10 + " " * 4000 + "x", "Digest " + "a=b , " * 700 + "!", 'Digest a="' + "\\a" * 2000],
)
def test_no_header_takes_long_to_refuse(header: str):
    started = time.process_time()
    with pytest.raises(Malformed):
        AUTH.admits(header)
    with pytest.raises(Malformed):
        accepts_json(header.replace("Digest a", "a/b;c"))

    assert time.process_time() - started < 0.05
