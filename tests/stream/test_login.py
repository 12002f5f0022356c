"""A client's way in: header, features, SASL, bind (xmpp-behaviour, section 1)."""

from __future__ import annotations

from tests.harness import PASSWORD


async def test_client_logs_in_and_talks_to_another(serve):
    server = await serve(admin=None)
    romeo, juliet = await server.online("romeo"), await server.online("juliet")

    romeo.send("<message to='juliet@localhost' type='chat' id='m1'><body>hi</body></message>")

    message = await juliet.expect("message", from_="romeo@localhost/r1", to="juliet@localhost", id="m1")
    assert message.find("jabber:client", "body").text == "hi"


async def test_wrong_password_may_be_tried_again(serve):
    server = await serve(admin=None)
    await server.register("romeo")
    from tests.client import Client

    async with Client(server.port) as client:
        await client.open_stream()
        try:
            await client.authenticate("romeo", "wrong")
        except PermissionError as refused:
            assert "not-authorized" in str(refused)  # noqa: PT017 - the next login is the point
        await client.authenticate("romeo", PASSWORD)
        await client.restart_stream()
        assert str(await client.bind("there")) == "romeo@localhost/there"


async def test_starttls_then_login(serve):
    server = await serve(admin=None, c2s_tls='mode = "starttls_required"')
    romeo = await server.client("romeo")
    assert str(romeo.jid) == "romeo@localhost/r1"


async def test_server_process_stops_on_sigterm(spawn_server):
    process = await spawn_server(admin=None)
    status, errors = await process.terminate()
    assert status == 0
    assert "Traceback" not in errors
