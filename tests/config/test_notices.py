"""What a good file is told: what has no effect, what may be a mistake (contract/config, sections 1 and 2)."""

from __future__ import annotations

import pytest

from tests.config.support import MINIMAL, read

AUTH = MINIMAL + "[auth.internal]\n"
HTTP = '[[listen.http]]\nport = 1\n[[listen.http.handlers.%s]]\nhost = "_"\npath = "/"\n'


def notices(text: str, level: str) -> list[str]:
    return [notice.text for notice in read(text).notices if notice.level == level]


@pytest.mark.parametrize(
    ("text", "warning"),
    [
        ("", "auth: no method is on that works: nobody can log in to localhost; write [auth.internal]"),
        ("[auth.pki]", "auth: no method is on that works: nobody can log in to localhost; write [auth.internal]"),
        (
            "[auth.internal]\n[[host_config]]\nhost = 'localhost'\n[host_config.auth]",
            "host_config[0].auth: no method is on that works: nobody can log in to localhost; write [auth.internal]",
        ),
        (
            "[auth.internal]\n[[listen.c2s]]\nport = 1\nallowed_auth_methods = ['internal', 'jwt']",
            "listen.c2s[0].allowed_auth_methods: jwt is off on every host",
        ),
        (
            "[auth.http]\n[outgoing_pools.http.auth]\nconnection.host = 'https://x'",
            "outgoing_pools.http.auth: https without a tls table: the certificate is not checked",
        ),
        (
            "[auth.internal]\n" + HTTP % "mod_bosh",
            "listen.http[0].handlers.mod_bosh: modules.mod_bosh is not written",
        ),
        (
            "[auth.internal]\n[modules.mod_inbox_commands]",
            "modules.mod_inbox_commands: works with mod_inbox, which is not written",
        ),
        (
            "[auth.internal]\n[modules.mod_pubsub]\nplugins = ['pep']",
            "modules.mod_pubsub: the plugin pep works with mod_caps, which is not written",
        ),
        (
            "[auth.internal]\n[modules.mod_push_service_mongoosepush]",
            "modules.mod_push_service_mongoosepush: works with mod_pubsub (plugin push) or mod_event_pusher.push, "
            "not written",
        ),
        (
            "[auth.internal]\n[[general.domain_certfile]]\ndomain = 'other'\ncertfile = '" + __file__ + "'",
            "general.domain_certfile[0]: other is no host and no host type",
        ),
        (
            "[auth.internal]\n[[host_config]]\nhost = 'localhost'\n[[host_config]]\nhost_type = 'localhost'",
            "host_config[1]: localhost has an entry already; of each section the later one counts",
        ),
        (
            "[auth.internal]\n[[listen.c2s]]\nport = 1\ntls = {module = 'just_tls', versions = ['tlsv1', 'tlsv1.2'], "
            "self_signed = true}",
            "listen.c2s[0].tls.versions: tlsv1 is not offered: TLS below 1.2 is broken (RFC 8996)",
        ),
        (
            "[auth.jwt]\nalgorithm = 'HS256'\nusername_key = 'u'\nsecret.file = '/no/such'",
            "auth.jwt.secret.file: there is no file /no/such here",
        ),
        (
            "[auth.jwt]\nalgorithm = 'HS256'\nusername_key = 'u'\nsecret.env = 'NO_SUCH'",
            "auth.jwt.secret.env: the environment variable NO_SUCH is not set here",
        ),
    ],
)
def test_what_may_be_a_mistake_is_a_warning(text: str, warning: str) -> None:
    (found,) = (text for text in notices(MINIMAL + text, "warning") if not text.startswith("accepted, not honoured"))
    assert found == warning


def test_a_plain_file_is_told_nothing() -> None:
    assert read(AUTH).notices == []


def test_one_warning_names_the_topmost_tables_of_tier_b() -> None:
    text = AUTH.replace("[auth", 'route_subdomains = "s2s"\nall_metrics_are_global = false\n[auth', 1)
    text += "[s2s]\noutgoing.port = 1\ndns.timeout = 5\n[[listen.s2s]]\nport = 2\n[[listen.s2s]]\nport = 3\n"
    text += "[modules.mod_pubsub]\nnodetree = 'dag'\nplugins = ['flat', 'dag']\n[modules.mod_amp]\n[auth.pki]"
    (warning,) = notices(text, "warning")
    assert warning.startswith("accepted, not honoured yet: ")
    assert sorted(warning.removeprefix("accepted, not honoured yet: ").split(", ")) == [
        "auth.pki",
        "general.route_subdomains",
        "listen.s2s",
        "modules.mod_amp",
        "modules.mod_pubsub.nodetree = dag",
        "modules.mod_pubsub.plugins = dag",
        "s2s",
    ]


def test_one_notice_names_what_has_no_effect() -> None:
    text = AUTH.replace("[auth", 'sm_backend = "mnesia"\nrdbms_server_type = "pgsql"\n[auth', 1)
    text += "[[listen.c2s]]\nport = 1\nhibernate_after = 5\nnum_acceptors = 100\n[modules.mod_private]\n"
    text += "[modules.mod_last]\nbackend = 'riak'\nriak.bucket_type = 'x'\niqdisc.type = 'one_queue'\n"
    text += "[outgoing_pools.ldap.default]\n[services.service_domain_db]\n"
    (notice,) = notices(text, "info")
    parts = notice.split("; ")
    assert parts[0].startswith("no effect: ")
    assert sorted(parts[0].removeprefix("no effect: ").split(", ")) == [
        "general.rdbms_server_type",
        "listen.c2s[0].hibernate_after",
        "modules.mod_last.iqdisc",
        "modules.mod_last.riak",
        "outgoing_pools.ldap",
    ]
    assert "general.sm_backend = mnesia -> an in-memory table of the server" in notice
    assert "modules.mod_last.backend = riak -> the embedded default store; the old data are not read" in notice
    assert "modules.mod_private.backend: no database is configured -> the embedded default store" in notice
    assert "services.service_domain_db: no database is configured -> the embedded default store" in notice


def test_aliases_are_named() -> None:
    text = MINIMAL + "[auth.jwt]\nalgorithm = 'HS386'\nusername_key = 'u'\nsecret.value = 'x'\n"
    assert notices(text, "info") == ["auth.jwt.algorithm = HS386 is an alias of HS384"]


def test_a_module_without_its_need_starts_with_a_warning_only() -> None:
    config = read(AUTH + "[modules.mod_muc_light_commands]")
    assert "mod_muc_light_commands" in config.hosts["localhost"].modules
    assert any("works with mod_muc_light" in notice.text for notice in config.notices)
