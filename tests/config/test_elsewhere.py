"""Values from the environment and from files (containers, secrets)."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.config.support import MINIMAL, problems, read, texts

LISTENERS = """
[[listen.http]]
  port = 8088
  [[listen.http.handlers.mongoose_api_admin]]
    host = "_"
    path = "/api"
[auth.internal]
"""


def test_an_environment_variable_replaces_an_option() -> None:
    config = read(MINIMAL + LISTENERS, MIM__LISTEN__HTTP__0__PORT="8080", MIM__GENERAL__LOGLEVEL="debug")
    assert config.listen.http[0].port == 8080
    assert config.general.loglevel == "debug"


def test_it_adds_options_tables_and_items_of_arrays() -> None:
    config = read(
        MINIMAL + LISTENERS,
        MIM__LISTEN__C2S__0__PORT="5222",
        MIM__GENERAL__HOSTS='["a.example", "b.example"]',
        MIM__GENERAL__HOSTS__2="c.example",
        MIM__SHAPER__NORMAL__MAX_RATE="1000",
        MIM__AUTH__PASSWORD__SCRAM_ITERATIONS="20",
        MIM__GENERAL__HIDE_SERVICE_NAME="true",
        MIM__MODULES__MOD_CAPS="{}",
        MIM__GENERAL__REGISTRATION_TIMEOUT="infinity",
    )
    assert config.listen.c2s[0].port == 5222
    assert config.general.hosts == ["a.example", "b.example", "c.example"]
    assert config.shapers == {"normal": 1000}
    assert config.top.auth.password.scram_iterations == 20
    assert config.general.hide_service_name
    assert "mod_caps" in config.top.modules
    assert config.general.registration_timeout == "infinity"


def test_the_type_of_the_option_decides_how_it_is_read() -> None:
    config = read(
        MINIMAL + LISTENERS,
        MIM__LISTEN__HTTP__0__HANDLERS__MONGOOSE_API_ADMIN__0__USERNAME="admin",
        MIM__LISTEN__HTTP__0__HANDLERS__MONGOOSE_API_ADMIN__0__PASSWORD="12345",
    )
    assert config.listen.http[0].handlers.mongoose_api_admin[0].password == "12345"


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        (
            "MIM__LISTEN__HTTP__0__PORT", "http",
            "listen.http[0].port = (environment variable MIM__LISTEN__HTTP__0__PORT): "
            "must be a port, an integer from 0 to 65535",
        ),
        (
            "MIM__LISTEN__HTTP__7__PORT", "1",
            "MIM__LISTEN__HTTP__7__PORT = (environment variable): "
            "must count the items of an array: there are 1 here, so 0 to 1",
        ),
        (
            "MIM__LISTEN__HTTP__X__PORT", "1",
            "MIM__LISTEN__HTTP__X__PORT = (environment variable): "
            "must count the items of an array: there are 1 here, so 0 to 1",
        ),
        (
            "MIM__LISTEN__HTTP__0__PORT__X", "1",
            "MIM__LISTEN__HTTP__0__PORT__X = (environment variable): "
            "must name a place in a table or an array; there is a value already",
        ),
        (
            "MIM__", "1",
            "MIM__ = (environment variable): must name an option: parts are separated by two underscores",
        ),
    ],
)  # fmt: skip
def test_what_fits_nowhere_is_refused_by_name(name: str, value: str, text: str) -> None:
    assert texts(MINIMAL + LISTENERS, **{name: value}) == [text]
    assert problems(MINIMAL + LISTENERS, **{name: value})[0].place == "environment"


def test_a_variable_stands_in_a_string() -> None:
    config = read(
        MINIMAL + '  language = "${LANGUAGE}"\n  http_server_name = "a ${NAME} $${b}"\n  max_fsm_queue = "${QUEUE}"',
        LANGUAGE="pl",
        NAME="x",
        QUEUE="5",
    )
    assert (config.general.language, config.general.http_server_name) == ("pl", "a x ${b}")
    assert config.general.max_fsm_queue == 5


def test_a_variable_that_is_not_set_is_refused() -> None:
    assert texts(MINIMAL + '  language = "${NO}"') == [
        'general.language = "${NO}": the environment variable NO is not set'
    ]
    (text,) = texts(MINIMAL + '  language = "${"')
    assert text.startswith('general.language = "${": ${ begins the name')


def test_a_value_lies_in_a_file(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("geheim\n")
    text = MINIMAL + f'[auth.jwt]\nsecret.value = "@file:{secret}"\nalgorithm = "HS256"\nusername_key = "user"'
    auth = read(text).top.auth
    assert auth.jwt is not None
    assert auth.jwt.secret.value == "geheim"


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    assert texts(MINIMAL + f'  language = "@file:{tmp_path}/no"') == [
        f'general.language = "@file:{tmp_path}/no": must name a file that can be read: No such file or directory'
    ]


def test_values_from_elsewhere_are_never_printed(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("geheim")
    text = MINIMAL + f'  loglevel = "${{LEVEL}}"\n  sm_backend = "@file:{secret}"\n'
    found = "\n".join(texts(text, LEVEL="geheim", MIM__GENERAL__LANGUAGE="", MIM__GENERAL__NO="geheim"))
    assert "geheim" not in found
    assert "4711" not in "\n".join(texts(MINIMAL + "[listen]", MIM__LISTEN__C2S__0__PORT="471100"))
    rule = MINIMAL + '[[listen.c2s]]\nport = 5222\naccess = "${RULE}"'
    assert texts(rule, RULE="geheim") == ['listen.c2s[0].access = "${RULE}": must be a rule of [access]: all, none']
    assert 'general.loglevel = "${LEVEL}": must be' in found
    assert f'general.sm_backend = "@file:{secret}": must be' in found
    assert "general.language = (environment variable MIM__GENERAL__LANGUAGE): must be a non-empty string" in found
