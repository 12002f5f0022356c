"""A running server obeys another file: what changes at once, who stays connected; a bad file changes nothing."""

from __future__ import annotations

import asyncio
import signal
import socket
from pathlib import Path

import pytest

from mim.blueprint import Blueprint
from mim.config import ConfigErrors
from mim.errors import BadRequest
from tests.auth.support import b64, mechanisms, opened, plain, server_text
from tests.client import Client, StreamClosed, untrusting_context
from tests.harness import Server, config


async def reload(server: Server, text: str, folders: list[Path] | None = None) -> list[str]:
    return await server.app.reload(Blueprint.parse(text, folders or (), before=server.app.blueprint))


def disco_free(**more) -> str:
    return config(admin=None, **more)


async def test_modules_start_stop_and_start_again_and_nobody_is_disconnected(serve):
    server: Server = await serve("[modules.mod_ping]\n[modules.mod_version]\n[modules.mod_time]", admin=None)
    romeo = await server.online("romeo")
    host = server.app.host("localhost")
    before = {name: server.app.modules.find(host, name) for name in ("mod_version", "mod_time")}

    await reload(
        server, disco_free(modules="[modules.mod_time]\n[modules.mod_version]\nos_info = true\n[modules.mod_sic]")
    )

    assert sorted(server.app.modules.running(host)) == ["mod_sic", "mod_time", "mod_version"]
    assert server.app.modules.find(host, "mod_time") is before["mod_time"]
    assert server.app.modules.find(host, "mod_version") is not before["mod_version"]
    answer = await romeo.ask("get", "<ping xmlns='urn:xmpp:ping'/>", to="localhost")
    assert answer.get("type") == "error"
    answer = await romeo.ask("get", "<address xmlns='urn:xmpp:sic:1'/>")
    assert answer.get("type") == "result"


RULES = """
[acl]
  blocked = [{user = "%s"}]
[access]
  c2s = [{acl = "blocked", value = "deny"}, {acl = "all", value = "allow"}]
"""


async def test_rules_hold_from_now_on_and_sessions_stay(serve):
    server: Server = await serve(admin=None, c2s='access = "c2s"', more=RULES % "nobody")
    romeo = await server.client("romeo", "one")
    await reload(server, disco_free(c2s='access = "c2s"', more=RULES % "romeo"))
    await romeo.expect_nothing()
    with pytest.raises(AssertionError, match="not-allowed"):
        await server.client("romeo", "two")


async def test_logins_follow_the_new_methods(serve):
    server: Server = await serve(text=server_text("[auth.internal]"))
    romeo = await server.client("romeo")
    await reload(server, server_text("[auth.dummy]\nbase_time = 0\nvariance = 1"))
    await romeo.expect_nothing()
    async with await opened(server.port) as client:
        assert mechanisms(client.features) == ["PLAIN"]
        assert await plain(client, "anybody", "x") == "success"


async def test_a_port_stays_with_other_options_for_new_connections(serve):
    server: Server = await serve(admin=None, c2s="max_stanza_size = 10_000")
    port = server.port
    old = await server.client("romeo", "old")
    await reload(server, disco_free(c2s="max_stanza_size = 2_000", general='language = "pl"'))
    assert server.port == port
    new = await server.client("romeo", "new")
    assert new.header.attrs["xml:lang"] == "pl"
    text = f"<message to='romeo@localhost/old' id='m'><body>{'x' * 5000}</body></message>"
    old.send(text)
    await old.expect("message", id="m")
    new.send(text)
    with pytest.raises(StreamClosed, match="policy-violation"):
        await new.next()


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def listeners(*ports: int, more: str = "") -> str:
    entries = "".join(f'[[listen.c2s]]\nport = {port}\nip_address = "127.0.0.1"\n{more}\n' for port in ports)
    return f'[general]\nhosts = ["localhost"]\ndefault_server_domain = "localhost"\n[auth.internal]\n{entries}'


async def test_ports_open_and_close_and_who_is_connected_stays(serve):
    one, two, three = free_port(), free_port(), free_port()
    server: Server = await serve(text=listeners(one, two))
    romeo = await server.client("romeo")
    await reload(server, listeners(two, three))
    assert [listener.port for listener in server.app.c2s] == [two, three]
    async with await opened(three) as client:
        assert client.features is not None
    with pytest.raises(OSError, match=r"refused|Connect call failed"):
        await asyncio.open_connection("127.0.0.1", one)
    await romeo.expect_nothing()
    await server.app.stop()
    with pytest.raises(StreamClosed, match="system-shutdown"):
        await romeo.next()


async def test_a_port_that_must_be_bound_anew_is(serve):
    one = free_port()
    server: Server = await serve(text=listeners(one))
    romeo = await server.client("romeo")
    await reload(server, listeners(one, more="tls.mode = 'tls'\ntls.self_signed = true"))
    await romeo.expect_nothing()
    async with Client(one) as client:
        await client.close()
        await client.connect(tls=untrusting_context())
        await client.open_stream()


async def test_a_port_that_is_taken_leaves_everything_as_it_was(serve):
    one, two = free_port(), free_port()
    server: Server = await serve(text=listeners(one))
    romeo = await server.client("romeo")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        text = listeners(two, taken.getsockname()[1]) + "[modules.mod_ping]"
        with pytest.raises(OSError, match=r"listen\.c2s\[1\]: cannot listen on 127\.0\.0\.1"):
            await reload(server, text)
    assert [listener.port for listener in server.app.c2s] == [one]
    assert server.app.modules.running(server.app.host("localhost")) == []
    with pytest.raises(OSError, match=r"refused|Connect call failed"):
        await asyncio.open_connection("127.0.0.1", two)
    await romeo.expect_nothing()


BROKEN = '''
"""A module that does not start."""
from mim.plugin import Module

class ModBroken(Module):
    """Says so."""
    async def start(self):
        raise RuntimeError("no way")

setup = ModBroken
'''


async def test_a_module_that_does_not_start_leaves_everything_as_it_was(serve, tmp_path):
    (tmp_path / "mod_zbroken.py").write_text(BROKEN)
    server: Server = await serve("[modules.mod_ping]", admin=None, folders=[tmp_path])
    romeo = await server.online("romeo")
    modules = "[modules.mod_time]\n[modules.mod_zbroken]"
    with pytest.raises(RuntimeError, match="no way"):
        await reload(server, disco_free(modules=modules, auth='methods = ["internal"]'), [tmp_path])
    assert server.app.modules.running(server.app.host("localhost")) == ["mod_ping"]
    assert server.app.config.top.auth.methods is None
    await romeo.expect_nothing()


async def test_an_option_that_cannot_work_leaves_everything_as_it_was(serve):
    server: Server = await serve(text=server_text("[auth.internal]"))
    jwt = '[auth.jwt]\nalgorithm = "HS256"\nusername_key = "user"\nsecret.file = "/no/such/file"'
    with pytest.raises(BadRequest, match=r"auth\.jwt\.secret\.file"):
        await reload(server, server_text(jwt))
    romeo = await server.client("romeo")
    await romeo.expect_nothing()


def test_a_bad_file_is_not_even_tried() -> None:
    with pytest.raises(ConfigErrors):
        Blueprint.parse("[general]")


async def test_hosts_come_and_go(serve):
    server: Server = await serve(text=server_text("[auth.internal]", hosts=("a.example", "b.example")))
    romeo = await server.client("romeo", domain="a.example")
    juliet = await server.client("juliet", domain="b.example")
    text = server_text("[auth.internal]\n[modules.mod_ping]", hosts=("a.example", "c.example"))
    assert await reload(server, text) == []
    await romeo.expect_nothing()
    with pytest.raises(StreamClosed, match="host-gone"):
        await juliet.next()
    async with Client(server.port, "b.example") as client:
        with pytest.raises(StreamClosed, match="host-unknown"):
            await client.open_stream()
    tybalt = await server.client("tybalt", domain="c.example")
    answer = await tybalt.ask("get", "<ping xmlns='urn:xmpp:ping'/>", to="c.example")
    assert answer.get("type") == "result"


def admin(password: str, more: str = "") -> str:
    return f'host = "_"\npath = "/api"\nusername = "admin"\npassword = "{password}"\n{more}'


async def test_the_admin_api_has_its_new_password_at_once(serve):
    def login(password: str) -> dict[str, str]:
        return {"Authorization": f"Basic {b64(f'admin:{password}')}"}

    server: Server = await serve("[modules.mod_commands]", admin=admin("one"))
    port = server.http_port
    assert (await server.api.get("/commands", headers=login("one"))).status == 200
    await reload(server, config("[modules.mod_commands]", admin=admin("two"), general='http_server_name = "other"'))
    assert server.http_port == port
    assert (await server.api.get("/commands", headers=login("one"))).status == 401
    answer = await server.api.get("/commands", headers=login("two"))
    assert (answer.status, answer.headers["Server"]) == (200, "other")


MINE = """
from mim.plugin import Module

class ModMine(Module):
    number = {}

setup = ModMine
"""


async def test_a_module_file_that_has_changed_is_imported_again(serve, tmp_path):
    file = tmp_path / "mod_mine.py"
    file.write_text(MINE.format(1))
    text = disco_free(modules="[modules.mod_mine]")
    server: Server = await serve(text=text, folders=[tmp_path])
    host = server.app.host("localhost")
    first = server.app.modules.find(host, "mod_mine")
    await reload(server, text, [tmp_path])
    assert server.app.modules.find(host, "mod_mine") is first
    file.write_text(MINE.format(22))
    await reload(server, text, [tmp_path])
    assert server.app.modules.find(host, "mod_mine").number == 22


# --- in a process ---------------------------------------------------------------------------------------------


async def test_sighup_reloads_and_a_bad_file_says_why(spawn_server):
    process = await spawn_server("[modules.mod_ping]", general='loglevel = "notice"')
    async with Client(process.ports["c2s"][0]) as client:
        await client.open_stream()
        stderr = process.process.stderr

        async def line_with(word: str) -> str:
            async with asyncio.timeout(20):
                while word not in (line := (await stderr.readline()).decode()):
                    pass
            return line

        process.file.write_text(process.file.read_text().replace("mod_ping", "mod_pingg"))
        process.process.send_signal(signal.SIGHUP)
        line = await line_with("reload refused")
        assert "modules.mod_pingg = a table: no such module" in line
        assert 'place="line ' in line
        process.file.write_text(process.file.read_text().replace("mod_pingg", "mod_time"))
        process.process.send_signal(signal.SIGHUP)
        assert "needs_restart=-" in await line_with("reloaded")
        client.send("<iq type='get' id='1'><query xmlns='jabber:iq:auth'/></iq>")
        await client.expect("iq", type="error", id="1")


async def test_a_command_reloads(spawn_server):
    process = await spawn_server("[modules.mod_commands]\n[modules.mod_config_commands]")
    process.file.write_text(process.file.read_text() + "\n[modules.mod_nosuch]\n")
    answer = await process.api.put("/config", {})
    assert answer.status == 400
    assert "modules.mod_nosuch" in answer.text
    process.file.write_text(process.file.read_text().replace("mod_nosuch", "mod_time"))
    assert (await process.api.put("/config", {})).status == 204
    names = [entry["name"] for entry in (await process.api.get("/commands")).json]
    assert "reload_config" in names


async def test_the_command_of_a_server_without_file_says_so(serve):
    server: Server = await serve("[modules.mod_config_commands]")
    assert (await server.api.put("/config", {})).status == 404
