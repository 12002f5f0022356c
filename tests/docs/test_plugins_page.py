"""The module of docs/plugins.md works as the page says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[2] / "docs" / "plugins.md"


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE.read_text(), re.DOTALL)


@pytest.fixture
async def server(serve, tmp_path):
    folder = tmp_path / "plugins"
    folder.mkdir()
    (folder / "mod_hello.py").write_text(blocks("python")[0])
    return await serve(blocks("toml")[0], folders=[folder])


async def test_client_is_greeted_and_the_api_counts(server):
    alice = await server.client("alice")
    answer = await alice.ask("get", "<hello xmlns='urn:example:hello'/>", to="localhost")
    assert answer.payload.text == "Good morning, alice"

    listing = (await server.api.get("/greetings/alice@localhost")).json
    assert listing == 1
    assert (await server.api.get("/greetings/nobody@localhost")).json == 0
    assert (await server.api.get("/greetings/@")).text == "Invalid jid: @"


async def test_command_is_in_the_document_while_the_module_runs(server):
    document = (await server.api.get("/openapi.json")).json
    assert "/greetings/{account}" in document["paths"]
    await server.stop_module("mod_hello")
    document = (await server.api.get("/openapi.json")).json
    assert "/greetings/{account}" not in document["paths"]
    assert (await server.api.get("/greetings/alice@localhost")).status == 404


async def test_counts_go_with_the_account(server):
    alice = await server.client("alice")
    await alice.ask("get", "<hello xmlns='urn:example:hello'/>", to="localhost")
    await server.app.server.accounts.remove(alice.jid.bare)
    assert (await server.api.get("/greetings/alice@localhost")).json == 0
