"""Converse.js in a real browser, over WebSocket and BOSH: login, roster, a chat both ways, a message from the API.

The client is fetched once with npm and kept in the user's cache.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
from aiohttp import web
from playwright.async_api import Browser, Page, async_playwright, expect

from mim.xmpp import ns
from mim.xmpp.element import Element
from tests.client import Client
from tests.harness import PASSWORD, Server
from tests.web.conftest import http, websockets

VERSION = "14.0.0"
CHROMIUM = ("chromium", "chromium-browser", "google-chrome")
PAGE = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>Chat</title>
<link rel="stylesheet" href="/dist/converse.min.css"></head>
<body class="converse-fullscreen"><div id="conversejs-bg"></div>
<script type="module">
  import converse from "/dist/converse.min.js";
  converse.initialize({
    view_mode: "fullscreen", assets_path: "/dist/", i18n: "en", show_background: false,
    authentication: "login", discover_connection_methods: false, CONNECTION,
    auto_away: 0, allow_registration: false, enable_smacks: true, show_controlbox_by_default: true,
    roster_groups: false, hide_offline_users: false, locked_domain: "localhost",
    trusted: "off", allow_user_trust_override: false,
  });
</script></body></html>
"""


@pytest.fixture(scope="session")
def converse() -> Path:
    """Return the folder of the unpacked npm package, fetched when it is not there yet."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "mim-tests"
    folder = cache / f"converse.js-{VERSION}"
    if folder.is_dir():
        return folder
    npm = shutil.which("npm")
    if npm is None:
        pytest.fail(f"the test with Converse.js needs npm to fetch converse.js@{VERSION}; install npm", pytrace=False)
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache) as name:
        command = [npm, "pack", f"converse.js@{VERSION}", "--silent"]
        done = subprocess.run(command, cwd=name, capture_output=True, text=True, timeout=120, check=False)
        if done.returncode != 0:
            pytest.fail(f"npm could not fetch converse.js@{VERSION}: {done.stderr.strip()}", pytrace=False)
        (archive,) = Path(name).glob("*.tgz")
        with tarfile.open(archive) as packed:
            packed.extractall(name, filter="data")
        (Path(name) / "package").rename(folder)
    return folder


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    found = next(filter(None, map(shutil.which, CHROMIUM)), None)
    assert found is not None, f"the test with Converse.js needs one of {CHROMIUM}; tools/get-chromium installs it"
    async with async_playwright() as driver:
        browser = await driver.chromium.launch(executable_path=found, args=["--no-sandbox"])
        yield browser
        await browser.close()


@pytest.fixture
async def served(converse: Path) -> AsyncIterator[Callable[[str], Awaitable[str]]]:
    """Serve Converse.js with the option that says how it connects; return the page's address."""
    runners: list[web.AppRunner] = []

    async def serve(connection: str) -> str:
        async def page(request: web.Request) -> web.Response:
            return web.Response(text=PAGE.replace("CONNECTION", connection), content_type="text/html")

        app = web.Application()
        app.router.add_get("/", page)
        app.router.add_static("/dist", converse / "dist")
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        runners.append(runner)
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        return f"http://127.0.0.1:{runner.addresses[0][1]}/"

    yield serve
    for runner in runners:
        await runner.cleanup()


MODULES = """
[modules.mod_blocking]
[modules.mod_bosh]
[modules.mod_carboncopy]
[modules.mod_commands]
[modules.mod_disco]
[modules.mod_mam_meta.pm]
[modules.mod_offline]
[modules.mod_privacy]
[modules.mod_private]
[modules.mod_roster]
[modules.mod_stream_management]
[modules.mod_vcard]
"""
HANDLERS = websockets() + """
[[listen.http.handlers.mod_bosh]]
host = "_"
path = "/http-bind"
"""


@pytest.fixture
async def server(serve: Callable[..., Awaitable[Server]]) -> Server:
    """Return a server with friends; Converse.js refuses SCRAM with fewer than 4096 iterations (RFC 7677 §4)."""
    server = await serve(MODULES, admin=http(HANDLERS), iterations=4096)
    await server.register("romeo", "juliet")
    await server.api.post("/contacts/romeo@localhost", {"jid": "juliet@localhost"})
    befriended = await server.api.put("/contacts/romeo@localhost/juliet@localhost/manage", {"action": "connect"})
    assert befriended.status == 204
    return server


async def log_in(page: Page, user: str, password: str) -> None:
    await page.locator("input[name=jid]").fill(user)
    await page.locator("input[name=password]").fill(password)
    await page.locator("converse-login-form [type=submit]").click()


@pytest.mark.timeout(90)
@pytest.mark.parametrize("option", ["websocket_url: 'ws://{}/ws-xmpp'", "bosh_service_url: 'http://{}/http-bind'"])
async def test_converse_logs_in_sees_its_contact_and_chats(
    server: Server, browser: Browser, served: Callable[[str], Awaitable[str]], option: str
):
    juliet = await server.online("juliet")
    page = await browser.new_page()
    failures: list[str] = []
    page.on("pageerror", lambda error: failures.append(str(error)))
    await page.goto(await served(option.format(f"127.0.0.1:{server.http_port}")))
    await log_in(page, "romeo@localhost", PASSWORD)

    contact = page.locator("converse-roster").get_by_text("juliet@localhost", exact=True)
    await expect(contact).to_be_visible(timeout=20_000)
    await expect(page.get_by_title("This contact is online").first).to_be_attached()
    await contact.click()
    await page.locator("textarea.chat-textarea").fill("Wherefore & <why>?")
    await page.locator("textarea.chat-textarea").press("Enter")
    got = await message_with_body(juliet)
    assert got.child_text(ns.CLIENT, "body") == "Wherefore & <why>?"
    assert got.get("from").startswith("romeo@localhost/")

    juliet.send("<message to='romeo@localhost' type='chat'><body>Deny thy father</body></message>")
    said = page.locator(".chat-msg__text")
    await expect(said.filter(has_text="Deny thy father")).to_be_visible()
    sent = {"caller": "juliet@localhost", "to": "romeo@localhost", "body": "and refuse thy name"}
    assert (await server.api.post("/messages", sent)).status == 204
    await expect(said.filter(has_text="and refuse thy name")).to_be_visible()
    assert await said.all_inner_texts() == ["Wherefore & <why>?", "Deny thy father", "and refuse thy name"]
    assert failures == []


async def message_with_body(client: Client) -> Element:
    """Return the next message that says something; chat states and presence go by."""
    while True:
        got = await client.next()
        if got.name == "message" and got.find(ns.CLIENT, "body") is not None:
            return got
