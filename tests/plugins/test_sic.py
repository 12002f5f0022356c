"""Server IP check (XEP-0279)."""

from __future__ import annotations

from tests.plugins.answers import refusal

MODULES = "[modules.mod_sic]\n"
IP = "<ip xmlns='urn:xmpp:sic:0'/>"


async def test_client_learns_its_own_address(serve):
    server = await serve(MODULES)
    client = await server.client("a")

    for to in ("", "localhost", "a@localhost"):
        answer = await client.ask("get", IP, to=to)
        assert answer.get("type") == "result"
        assert answer.child_text("urn:xmpp:sic:0", "ip") == "127.0.0.1"
    assert "urn:xmpp:sic:0" in server.app.host("localhost").features()


async def test_nobody_learns_anothers_address(serve):
    server = await serve(MODULES)
    client = await server.client("a")
    await server.client("b")

    assert refusal(await client.ask("get", IP, to="b@localhost")) == "auth/forbidden"
