"""Which pages may call (contract/admin-api, section 5.2), and by which name."""

from __future__ import annotations

import pytest

from mim.admin.origins import Origins, is_loopback_name
from mim.net.http import Target
from mim.net.urls import parse_path
from tests.admin.conftest import CREDENTIALS, OPEN, Start, sample
from tests.admin.test_authorization import RIGHT

LISTED = OPEN + '\nallowed_origins = ["https://admin.example", "http://localhost:3000/"]'
EVERYBODY = {
    "Access-Control-Allow-Methods": "GET, OPTIONS, PUT, POST, DELETE",
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Allow-Headers": "Content-Type",
}
NAMES = ("Access-Control-Allow-Methods", "Access-Control-Allow-Origin", "Access-Control-Allow-Headers", "Vary")


@pytest.mark.parametrize("headers", [{}, {"Origin": "http://x.example", "Access-Control-Request-Method": "POST"}])
async def test_options_is_answered_before_credentials_are_asked_for(start: Start, headers: dict[str, str]):
    server = await start(admin=CREDENTIALS)

    answer = await server.api.request("OPTIONS", "/things/h", headers=headers)

    assert (answer.status, answer.body) == (200, b"")
    assert {name: answer.headers[name] for name in NAMES if name in answer.headers} == EVERYBODY


@pytest.mark.parametrize("origin", [None, "http://x.example"])
async def test_other_answers_tell_browsers_nothing(start: Start, origin: str | None):
    server = await start()

    answer = await server.api.get("/things/h", headers={} if origin is None else {"Origin": origin})

    assert answer.status == 200
    assert not [name for name in NAMES if name in answer.headers]


@pytest.mark.parametrize(
    "origin",
    [
        "http://x.example",
        "null",
        "http://127.0.0.1",
        "http://localhost:{port}",
        "http://127.0.0.1:{port}.x.example",
        "",
    ],
)
@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
async def test_foreign_pages_change_nothing(start: Start, origin: str, method: str):
    server = await start()
    headers = {"Origin": origin.format(port=server.http_port)}

    answer = await server.api.request(method, "/things/h/n", {"secret": "s"}, headers=headers)

    assert (answer.status, answer.text) == (403, "origin not allowed")
    assert "Access-Control-Allow-Origin" not in answer.headers
    assert sample(server).calls == []


@pytest.mark.parametrize("origin", ["http://127.0.0.1:{port}", "https://127.0.0.1:{port}"])
async def test_the_apis_own_pages_may_write(start: Start, origin: str):
    server = await start()
    headers = {"Origin": origin.format(port=server.http_port)}

    assert (await server.api.put("/things/h/n", {"secret": "s"}, headers=headers)).status == 204


@pytest.mark.parametrize("origin", ["https://admin.example", "http://localhost:3000"])
async def test_listed_pages_may_read_and_write(start: Start, origin: str):
    server = await start(admin=LISTED)

    for method, path, status in [
        ("GET", "/things/h", 200),
        ("DELETE", "/things/h/n", 204),
        ("GET", "/nothing", 404),
        ("PATCH", "/things/h", 405),
        ("POST", "/things/h", 400),
        ("GET", "/openapi.json", 200),
        ("GET", "/answers/crash", 500),
    ]:
        body = b"{" if method == "POST" else None
        answer = await server.api.request(method, path, body, headers={"Origin": origin})
        assert answer.status == status
        assert answer.headers["Access-Control-Allow-Origin"] == origin
        assert answer.headers["Vary"] == "Origin"
    preflight = await server.api.request("OPTIONS", "/things/h", headers={"Origin": origin})
    assert {name: preflight.headers[name] for name in NAMES} == {
        **EVERYBODY,
        "Access-Control-Allow-Origin": origin,
        "Access-Control-Allow-Headers": "Content-Type, Authorization",
        "Vary": "Origin",
    }


async def test_pages_that_are_not_listed_stay_out(start: Start):
    server = await start(admin=LISTED)
    headers = {"Origin": "https://admin.example.evil"}

    assert (await server.api.delete("/things/h/n", headers=headers)).status == 403
    assert "Access-Control-Allow-Origin" not in (await server.api.get("/things/h", headers=headers)).headers
    preflight = await server.api.request("OPTIONS", "/things/h", headers=headers)
    assert {name: preflight.headers[name] for name in NAMES if name in preflight.headers} == EVERYBODY


async def test_credentials_are_asked_for_before_the_origin_is_judged(start: Start):
    server = await start(admin=CREDENTIALS)

    assert (await server.api.delete("/things/h/n", headers={"Origin": "http://x.example"})).status == 401


# --- names that were made to point here ---------------------------------------------------------------------------


@pytest.mark.parametrize("sign", ["Accept-Language", "Origin", "Referer", "Sec-Fetch-Site"])
async def test_a_page_whose_name_was_made_to_point_here_reads_nothing(start: Start, sign: str):
    server = await start()

    answer = await server.api.get("/things/h", headers={"Host": "evil.example", sign: "http://evil.example"})

    assert (answer.status, answer.body) == (404, b"")


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:5", "127.0.0.1", "127.1.2.3:80", "[::1]:80", "api.localhost"])
async def test_a_page_on_this_machine_is_answered(start: Start, host: str):
    server = await start()

    assert (await server.api.get("/things/h", headers={"Host": host, "Accept-Language": "en"})).status == 200


async def test_a_program_may_use_any_name(start: Start):
    server = await start()

    assert (await server.api.get("/things/h", headers={"Host": "example.org"})).status == 200


async def test_a_handler_that_asks_for_a_password_answers_pages_by_any_name(start: Start):
    server = await start(admin=CREDENTIALS)
    headers = {"Host": "admin.example", "Accept-Language": "en"}

    assert (await server.api.get("/things/h", headers=headers)).status == 401
    assert (await server.api.get("/things/h", headers={**headers, "Authorization": RIGHT})).status == 200


async def test_a_handler_with_a_name_answers_to_that_name_only(start: Start):
    server = await start(admin='host = "admin.example"\npath = "/api"')

    for host, status in [("admin.example", 200), ("Admin.Example:80", 200), ("localhost", 404), ("127.0.0.1", 404)]:
        headers = {"Host": host, "Accept-Language": "en"}
        assert (await server.api.get("/things/h", headers=headers)).status == status


def target(authority: str, *, on_loopback: bool = True) -> Target:
    host = authority.rpartition(":")[0] or authority
    return Target("http", authority, host, "/api", parse_path("/"), False, (), on_loopback)


def test_a_listed_page_behind_a_proxy_is_no_rebinding():
    page = {"Accept-Language": "en"}
    origins = Origins("_", ["http://admin.example"])

    assert not origins.is_rebound(page, target("admin.example"))
    assert origins.is_rebound(page, target("other.example"))
    assert not origins.is_rebound(page, target("other.example", on_loopback=False))
    assert not Origins("other.example", []).is_rebound(page, target("other.example"))


@pytest.mark.parametrize(
    ("host", "is_loopback"),
    [
        ("localhost", True),
        ("localhost.", True),
        ("a.localhost", True),
        ("127.0.0.2", True),
        ("::1", True),
        ("", True),
        ("localhost.evil.example", False),
        ("10.0.0.1", False),
        ("127.0.0.1.evil.example", False),
        ("notlocalhost", False),
    ],
)
def test_names_of_this_machine(host: str, is_loopback: bool):
    assert is_loopback_name(host) is is_loopback
