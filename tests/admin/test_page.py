"""Swagger UI in a real browser: it shows the commands, "Try it out" reaches them, nothing is loaded from elsewhere."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import urlsplit

import playwright.async_api
import pytest
from playwright.async_api import Browser, ConsoleMessage, Page, async_playwright, expect

from tests.admin.conftest import CREDENTIALS, OPEN, Start, sample
from tests.harness import Server

CHROMIUM = ("chromium", "chromium-browser", "google-chrome")


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    found = next(filter(None, map(shutil.which, CHROMIUM)), None)
    assert found is not None, f"the tests of the page need one of {CHROMIUM}; tools/get-chromium installs it"
    async with async_playwright() as driver:
        browser = await driver.chromium.launch(executable_path=found, args=["--no-sandbox"])
        yield browser
        await browser.close()


class Visit:
    """A page with all it has requested and complained about."""

    def __init__(self, page: Page, server: Server) -> None:
        self.page = page
        self.base = f"http://127.0.0.1:{server.http_port}"
        self.requested: list[str] = []
        self.complaints: list[str] = []
        page.on("request", lambda request: self.requested.append(request.url))
        page.on("console", self._note)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))

    def _note(self, message: ConsoleMessage) -> None:
        # The browser itself notes answers that are errors; those are what some tests are after.
        if message.type == "error" and not message.text.startswith("Failed to load resource"):
            self.complaints.append(message.text)

    async def open(self, path: str) -> None:
        await self.page.goto(self.base + path)
        await expect(self.page.locator(".opblock").first).to_be_visible()

    async def call(self, name: str, values: dict[str, str], body: str | None = None) -> tuple[str, str]:
        """Try a command out and return the status and body that the page shows."""
        block = self.page.locator(f"[id$='-{name}']")
        await block.locator(".opblock-summary").click()
        await block.get_by_role("button", name="Try it out").click()
        for parameter, value in values.items():
            await block.locator(f"tr[data-param-name='{parameter}'] input").fill(value)
        if body is not None:
            await block.locator("textarea.body-param__text").fill(body)
        await block.get_by_role("button", name="Execute").click()
        answer = block.locator(".live-responses-table tbody tr.response").first
        await expect(answer).to_be_visible()
        status = await answer.locator(".response-col_status").inner_text()
        shown = answer.locator(
            ".response-col_description pre.microlight, .response-col_description .highlight-code pre"
        )
        return status.strip(), "\n".join(await shown.all_inner_texts())

    def check(self) -> None:
        own = urlsplit(self.base).netloc
        assert [url for url in self.requested if urlsplit(url).scheme != "data" and urlsplit(url).netloc != own] == []
        assert self.complaints == []


async def visit(browser: Browser, server: Server, **context: Any) -> Visit:
    return Visit(await (await browser.new_context(**context)).new_page(), server)


@pytest.mark.parametrize("path", ["/api/docs", "/api/docs/"])
async def test_the_page_shows_each_command_and_loads_nothing_from_elsewhere(start: Start, browser: Browser, path: str):
    server = await start()
    seen = await visit(browser, server)

    await seen.open(path)

    document = (await server.api.get("/openapi.json")).json
    operations = sum(len(methods) for methods in document["paths"].values())
    await expect(seen.page.locator(".opblock")).to_have_count(operations)
    seen.check()


async def test_a_command_can_be_tried_out(start: Start, browser: Browser):
    server = await start()
    seen = await visit(browser, server)
    await seen.open("/api/docs")

    status, shown = await seen.call("list_things", {"XMPPHost": "żółć / x"})
    assert status == "200"
    assert "żółć / x" in shown
    status, shown = await seen.call("create_thing", {"XMPPHost": "h"}, '{"name": "n", "secret": "s"}')
    assert status == "201"
    assert "Thing n made" in shown
    assert (await seen.call("remove_thing", {"host": "h", "name": "n"}))[0] == "204"

    assert sample(server).calls == [("h", "n", "s"), ("h", "n")]
    seen.check()


async def test_a_browser_that_knows_the_password_can_try_commands_out(start: Start, browser: Browser):
    server = await start(admin=CREDENTIALS)
    seen = await visit(browser, server, http_credentials={"username": "ala", "password": "makota"})
    await seen.open("/api/docs")

    assert (await seen.call("create_thing", {"XMPPHost": "h"}, '{"name": "n", "secret": "s"}'))[0] == "201"

    assert sample(server).calls == [("h", "n", "s")]
    seen.check()


async def test_the_password_can_be_given_on_the_page(start: Start, browser: Browser):
    # A page whose document needs no password shows what happens when only the API asks for one.
    server = await start(admin=CREDENTIALS)
    seen = await visit(browser, server)
    right = "Basic YWxhOm1ha290YQ=="

    async def admit(route: Any) -> None:
        await route.continue_(headers={**route.request.headers, "authorization": right})

    await seen.page.route("**/docs*", admit)
    await seen.page.route("**/docs/*", admit)
    await seen.page.route("**/openapi.json", admit)
    await seen.open("/api/docs")
    await seen.page.get_by_role("button", name="Authorize").first.click()
    dialog = seen.page.locator(".modal-ux")
    await dialog.locator("#auth-basic-username").fill("ala")
    await dialog.locator("#auth-basic-password").fill("makota")
    await dialog.get_by_role("button", name="Apply credentials").click()
    await dialog.get_by_role("button", name="Close").click()

    status, _ = await seen.call("list_things", {"XMPPHost": "h"})

    assert status == "200"
    seen.check()


async def test_without_the_password_the_browser_is_asked_for_it(start: Start, browser: Browser):
    server = await start(admin=CREDENTIALS)
    seen = await visit(browser, server, http_credentials={"username": "ala", "password": "wrong"})

    challenges: list[tuple[int, str]] = []
    seen.page.on("response", lambda answer: challenges.append((answer.status, answer.headers["www-authenticate"])))

    with pytest.raises(playwright.async_api.Error, match="RESPONSE_CODE_FAILURE"):
        await seen.page.goto(f"{seen.base}/api/docs")

    assert challenges == [(401, 'Basic realm="mongooseim"')]


async def test_a_page_from_elsewhere_can_neither_read_nor_write(start: Start, browser: Browser):
    server = await start()
    other = await start(admin=OPEN)  # another port is another origin
    seen = await visit(browser, other)
    await seen.page.goto(f"{seen.base}/api/commands")
    target = f"http://127.0.0.1:{server.http_port}/api/things/h/n"
    script = """async ([url, method]) => {
        const options = { method, headers: method == "PUT" ? { "Content-Type": "application/json" } : {} };
        if (method == "PUT") options.body = '{"secret": "s"}';
        try { return (await fetch(url, options)).status } catch (error) { return error.name }
    }"""

    outcomes = [await seen.page.evaluate(script, [target, method]) for method in ("GET", "DELETE", "PUT", "POST")]

    assert outcomes == ["TypeError"] * 4
    assert sample(server).calls == []
