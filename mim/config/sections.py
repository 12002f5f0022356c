"""The sections that belong to no single module: general, listen, auth."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal

from pydantic import model_validator

from mim.config.options import (
    AccessRuleName,
    ExistingFile,
    Infinity,
    IpAddress,
    NodePrep,
    NonEmpty,
    Options,
    Port,
    option,
)

LogLevel = Literal[
    "none", "emergency", "alert", "critical", "error", "warning", "notice", "info", "debug", "all"
]


class General(Options):
    """``[general]``."""

    hosts: list[NodePrep] = option([], help="XMPP domains served; each has its own modules and accounts.")
    default_server_domain: NodePrep = option(help="Domain used where none is known yet.")
    loglevel: LogLevel = option("warning", help="Verbosity of the log.")
    language: NonEmpty = option("en", help="Default language of texts sent by the server.")
    registration_timeout: int | Infinity = option(
        600, minimum=None, unit="seconds", help="Between two registrations from one source."
    )
    http_server_name: str | None = option(None, help="Value of the Server header of every HTTP listener.")
    hide_service_name: bool = option(False, help="Close without a word when the first bytes are no XMPP.")
    replaced_wait_timeout: int = option(
        2000, minimum=1, unit="ms", help="How long a new session waits for the one it replaces."
    )


# --- listen ---------------------------------------------------------------------------------------------------


class Listener(Options):
    """What every listener has."""

    port: Port = option(help="TCP port; 0 = any free one.")
    ip_address: IpAddress | None = option(None, help="Address to bind; not set: all IPv4 addresses, or all IPv6 ones.")
    proto: Literal["tcp"] = option("tcp", help="Only TCP exists.")
    ip_version: Literal[4, 6] | None = option(None, help="Address family; follows from ip_address.")

    @property
    def address(self) -> str:
        """Return the address to bind."""
        if self.ip_address is not None:
            return self.ip_address
        return "::" if self.ip_version == 6 else "0.0.0.0"  # noqa: S104 - what the file asks for

    @model_validator(mode="after")
    def _family_agrees(self) -> Listener:
        if self.ip_address is not None and self.ip_version is not None:
            family = 6 if ":" in self.ip_address else 4
            if family != self.ip_version:
                raise ValueError(f"path:ip_version:must agree with ip_address, which is of version {family}")
        return self


TlsVersion = Literal["tlsv1", "tlsv1.1", "tlsv1.2", "tlsv1.3"]


class C2sTls(Options):
    """``[listen.c2s.tls]``: present, even empty, means TLS."""

    module: Literal["fast_tls", "just_tls"] = option("fast_tls", help="Decides which keys are legal.")
    mode: Literal["tls", "starttls", "starttls_required"] = option("starttls", help="Direct TLS, or STARTTLS.")
    verify_mode: Literal["peer", "selfsigned_peer", "none"] = option("peer", help="Check of client certificates.")
    certfile: ExistingFile | None = option(None, help="PEM: certificate chain and key; not set: self-signed.")
    cacertfile: ExistingFile | None = option(None, help="CAs that client certificates are checked against.")
    dhfile: ExistingFile | None = option(None, help="Diffie-Hellman parameters.")
    ciphers: str | None = option(None, help="OpenSSL cipher string.")
    protocol_options: list[NonEmpty] | None = option(None, help="fast_tls only: OpenSSL options by name.")
    keyfile: ExistingFile | None = option(None, help="just_tls only: PEM private key.")
    password: str | None = option(None, secret=True, help="just_tls only: password of the key.")
    versions: list[TlsVersion] | None = option(None, help="just_tls only: TLS versions.")
    disconnect_on_failure: bool | None = option(None, help="just_tls only: refuse bad client certificates.")
    crl_files: list[ExistingFile] | None = option(None, help="just_tls only: revocation lists.")

    @model_validator(mode="after")
    def _keys_fit_module(self) -> C2sTls:
        if self.module == "fast_tls":
            for name in ("keyfile", "password", "versions", "disconnect_on_failure", "crl_files"):
                if getattr(self, name) is not None:
                    raise ValueError(f'path:{name}:only legal with module = "just_tls"')
            if self.verify_mode == "selfsigned_peer":
                raise ValueError('path:verify_mode:"selfsigned_peer" is only legal with module = "just_tls"')
        elif self.protocol_options is not None:
            raise ValueError('path:protocol_options:only legal with module = "fast_tls"')
        return self


class C2sListener(Listener):
    """``[[listen.c2s]]``."""

    access: AccessRuleName = option("all", help="Access rule: who may open a session.")
    backlog: int = option(100, minimum=0, help="TCP listen backlog.")
    max_stanza_size: int | Infinity = option("infinity", unit="bytes", help="One stanza; more ends the stream.")
    hibernate_after: int = option(0, minimum=0, tier="C", unit="ms", help="No effect.")
    num_acceptors: int = option(100, minimum=1, tier="C", help="No effect.")
    max_fsm_queue: int | None = option(None, minimum=1, help="Cap on the backlog of one connection.")
    tls: C2sTls | None = option(None, help="Present, even empty: TLS.")


class HttpTls(Options):
    """``[listen.http.tls]``: present means HTTPS."""

    verify_mode: Literal["peer", "selfsigned_peer", "none"] = option("peer", help="Check of client certificates.")
    certfile: ExistingFile = option(help="PEM: certificate chain.")
    cacertfile: ExistingFile | None = option(None, help="CAs that client certificates are checked against.")
    ciphers: str | None = option(None, help="OpenSSL cipher string.")
    keyfile: ExistingFile | None = option(None, help="PEM private key.")
    password: str | None = option(None, secret=True, help="Password of the key.")
    versions: list[TlsVersion] | None = option(None, help="TLS versions accepted.")
    dhfile: ExistingFile | None = option(None, help="Diffie-Hellman parameters.")


class HttpTransport(Options):
    """``[listen.http.transport]``."""

    num_acceptors: int = option(100, minimum=1, tier="C", help="No effect.")
    max_connections: int | Infinity = option(1024, help="Open connections accepted at once.")


class HttpProtocol(Options):
    """``[listen.http.protocol]``."""

    compress: bool = option(False, help="Compress response bodies when the client accepts it.")


class HttpHandler(Options):
    """What every HTTP handler has."""

    host: NonEmpty = option(help='Host header to match, without the port; "_" = any.')
    path: str = option(help="Path prefix.")


class AdminApi(HttpHandler):
    """``[[listen.http.handlers.mongoose_api_admin]]``."""

    username: str | None = option(None, help="HTTP Basic user; both or neither of username and password.")
    password: str | None = option(None, secret=True, help="HTTP Basic password; neither: open to all who reach it.")
    allowed_origins: list[NonEmpty] = option([], help="Origins whose pages may call the API from a browser.")

    @model_validator(mode="after")
    def _both_or_neither(self) -> AdminApi:
        if (self.username is None) != (self.password is None):
            absent = "username" if self.username is None else "password"
            raise ValueError(f"path:{absent}:username and password go together")
        return self


class HttpHandlers(Options):
    """``[listen.http.handlers]``."""

    mongoose_api_admin: list[AdminApi] = option([], help="Admin REST API below this path.")


class HttpListener(Listener):
    """``[[listen.http]]``."""

    transport: HttpTransport = option(HttpTransport(), help="Socket options.")
    protocol: HttpProtocol = option(HttpProtocol(), help="HTTP options.")
    tls: HttpTls | None = option(None, help="Present: HTTPS.")
    handlers: HttpHandlers = option(HttpHandlers(), help="What answers where.")

    def all_handlers(self) -> Iterator[tuple[str, HttpHandler]]:
        """Yield the handlers with the names of their types."""
        for name in HttpHandlers.model_fields:
            for handler in getattr(self.handlers, name):
                yield name, handler


class Listen(Options):
    """``[listen]``."""

    http: list[HttpListener] = option([], help="HTTP listeners.")
    c2s: list[C2sListener] = option([], help="Listeners for XMPP clients.")


# --- auth -----------------------------------------------------------------------------------------------------

SaslMechanism = Literal[
    "scram_sha512_plus",
    "scram_sha512",
    "scram_sha384_plus",
    "scram_sha384",
    "scram_sha256_plus",
    "scram_sha256",
    "scram_sha224_plus",
    "scram_sha224",
    "scram_sha1_plus",
    "scram_sha1",
    "plain",
]
HashName = Literal["sha", "sha224", "sha256", "sha384", "sha512"]


class Password(Options):
    """``[auth.password]``."""

    format: Literal["scram", "plain"] = option("scram", help="Keep SCRAM keys or plain text.")
    hash: list[HashName] | None = option(None, help="Hashes stored and SCRAM mechanisms offered; not set: all five.")
    scram_iterations: int = option(10000, minimum=1, help="PBKDF2 rounds for newly stored passwords.")

    @model_validator(mode="after")
    def _some_hash(self) -> Password:
        if self.hash is not None and not self.hash:
            raise ValueError("path:hash:must name at least one hash")
        return self


class Internal(Options):
    """``[auth.internal]``: accounts in the embedded store; no options."""


class Auth(Options):
    """``[auth]``."""

    methods: list[Literal["internal"]] | None = option(None, help="Order in which methods are asked.")
    sasl_mechanisms: list[SaslMechanism] | None = option(None, help="Mechanisms offered, in this order.")
    password: Password = option(Password(), help="How passwords are stored.")
    internal: Internal | None = option(None, help="Accounts in the embedded store.")

    @model_validator(mode="after")
    def _methods_have_tables(self) -> Auth:
        for name in self.methods or ():
            if getattr(self, name) is None:
                raise ValueError(f"path:{name}:the method {name} needs its table")
        return self

    @property
    def enabled(self) -> list[str]:
        """Return the methods in the order to ask them."""
        if self.methods is not None:
            return list(self.methods)
        return ["internal"] if self.internal is not None else []


class Top(Options):
    """The file."""

    general: General = option(help="Basic settings.")
    listen: Listen = option(Listen(), help="Listeners.")
    auth: Auth = option(Auth(), help="Accounts.")
    modules: dict[str, Any] = option({}, help="Modules.")
