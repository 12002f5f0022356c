"""``mim check``: the verdict on a file, and on the way from one file to another."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from mim.cli import main

GOOD = """\
[general]
  hosts = ["localhost"]
  host_types = ["premium"]
  default_server_domain = "localhost"
  sm_backend = "mnesia"

[[listen.c2s]]
  port = 5222
  tls.self_signed = true
[[listen.http]]
  port = 8088
  ip_address = "127.0.0.1"
  transport.num_acceptors = 10
  [[listen.http.handlers.mongoose_api_admin]]
    host = "localhost"
    path = "/api"
[[listen.s2s]]
  port = 5269

[auth.internal]
[modules.mod_ping]
[modules.mod_amp]
[[host_config]]
  host_type = "premium"
  modules = {}
"""


def run(*arguments: object, env: dict[str, str] | None = None) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments], env=env)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "mongooseim.toml"
    path.write_text(GOOD)
    return path


def test_a_good_file_is_summed_up(file):
    result = run("check", file)
    assert result.exit_code == 0
    assert result.stdout.splitlines() == [
        "warning: accepted, not honoured yet: listen.s2s, modules.mod_amp",
        "info: no effect: listen.http[0].transport.num_acceptors; "
        "general.sm_backend = mnesia -> an in-memory table of the server",
        "listen.c2s: 0.0.0.0:5222 (starttls)",
        "listen.http: http 127.0.0.1:8088 (mongoose_api_admin at localhost/api)",
        "host localhost: logins by internal; mod_ping",
        "host type premium: logins by internal; no modules",
        f"{file}: good",
    ]


def test_errors_have_line_and_column_and_the_status_says_it(file):
    file.write_text(GOOD.replace("5222", '"5222"').replace("mod_ping", "mod_pingg") + "\n[sharper]\n")
    result = run("check", file)
    assert result.exit_code == 1
    assert result.stdout == ""
    lines = result.stderr.splitlines()
    assert lines[0].startswith(
        f'{file}: line 8, column 3: listen.c2s[0].port = "5222" (string): must be a port, an integer from 0 to 65535'
    )
    assert lines[1].startswith(f"{file}: line 21, column 1: modules.mod_pingg = a table: no such module; there are ")
    assert lines[1].endswith('did you mean "mod_ping"?')
    assert lines[2].startswith(f"{file}: line 27, column 1: sharper = a table: unknown; known here: general, listen, ")
    assert lines[2].endswith('did you mean "shaper"?')
    assert lines[3] == f"{file}: 3 error(s), nothing started"


def test_syntax_errors_have_line_and_column(file):
    file.write_text('[general]\n  hosts = ["localhost]\n')
    result = run("check", file)
    assert result.exit_code == 1
    assert "line 2, column " in result.stderr


def test_the_environment_counts(file):
    assert "0.0.0.0:5333" in run("check", file, env={"MIM__LISTEN__C2S__0__PORT": "5333"}).stdout
    result = run("check", file, env={"MIM__LISTEN__C2S__0__PORT": "x"})
    assert result.exit_code == 1
    assert (
        f"{file}: environment: listen.c2s[0].port = (environment variable MIM__LISTEN__C2S__0__PORT)" in result.stderr
    )


def test_what_this_version_does_not_have_is_an_error(file):
    file.write_text(GOOD.replace("mod_ping", "mod_push_service_mongoosepush"))
    result = run("check", file)
    assert result.exit_code == 1
    assert "modules.mod_push_service_mongoosepush = a table: " in result.stderr


def test_a_file_that_is_not_there(tmp_path):
    result = run("check", tmp_path / "no.toml")
    assert result.exit_code == 1
    assert "No such file" in result.stderr


def test_the_way_from_one_file_to_another(file, tmp_path):
    new = tmp_path / "new.toml"
    text = GOOD.replace("port = 5222", "port = 5223\n  backlog = 7").replace("[modules.mod_ping]", "[modules.mod_time]")
    text = text.replace('sm_backend = "mnesia"', 'loglevel = "debug"').replace(
        'path = "/api"', 'path = "/api"\n    username = "a"\n    password = "geheim"'
    )
    new.write_text(text + '[shaper.x]\nmax_rate = 5\n[auth.password]\nhash = ["sha256"]\n')
    result = run("check", "--diff", file, new)
    assert result.exit_code == 0
    assert "geheim" not in result.stdout
    assert result.stdout.splitlines() == [
        'at once: general.loglevel: "warning" -> "debug"',
        'from the next request on: listen.http[0].handlers.mongoose_api_admin[0].username: not set -> "a"',
        "from the next request on: listen.http[0].handlers.mongoose_api_admin[0].password: not set -> ***",
        "the port is closed, another opened: listen.c2s[0].port: 5222 -> 5223",
        "for new connections: listen.c2s[0].backlog: 100 -> 7",
        'for logins from now on: auth.password.hash: not set -> ["sha256"]',
        "modules start, stop or start again: modules.mod_ping: a table -> not set",
        "modules start, stop or start again: modules.mod_time: not set -> a table",
        "for new connections: shaper.x: not set -> a table",
        "mod_ping stops on localhost",
        "mod_time starts on localhost",
    ]
    assert run("check", "--diff", file, file).stdout == "no difference\n"


def test_values_from_elsewhere_are_not_shown_on_the_way(file, tmp_path):
    new = tmp_path / "new.toml"
    new.write_text(GOOD.replace('sm_backend = "mnesia"', 'http_server_name = "x ${NAME}"'))
    result = run("check", "--diff", file, new, env={"NAME": "geheim"})
    assert result.stdout == 'for new connections: general.http_server_name: not set -> "x ${NAME}"\n'


def test_the_way_to_a_bad_file_is_refused(file, tmp_path):
    bad = tmp_path / "bad.toml"
    bad.write_text("[general]")
    result = run("check", "--diff", file, bad)
    assert result.exit_code == 1
    assert f"{bad}: " in result.stderr
