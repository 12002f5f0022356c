"""The ``tls`` tables: of listeners, and of connections to others."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

from mim.config.kinds import Condition
from mim.config.options import ExistingFile, NonEmpty
from mim.config.tables import Options, Refusal, option

TLS_VERSIONS = ("tlsv1", "tlsv1.1", "tlsv1.2", "tlsv1.3")
TlsVersion = Annotated[
    str, Condition(lambda text: text, "must be a version of TLS", "TLS version", "tls version", TLS_VERSIONS)
]
DEFAULT_CIPHERS = "TLSv1.2:TLSv1.3"
DEFAULT_PROTOCOL_OPTIONS = ["no_sslv2", "no_sslv3", "no_tlsv1", "no_tlsv1_1"]
_JUST_TLS = ("keyfile", "password", "versions", "disconnect_on_failure", "crl_files")


class C2sTls(Options):
    """``[listen.c2s.tls]``: present, even empty, means TLS."""

    module: Literal["fast_tls", "just_tls"] = option("fast_tls", help="Decides which keys are legal.")
    mode: Literal["tls", "starttls", "starttls_required"] = option("starttls", help="Direct TLS, or STARTTLS.")
    verify_mode: Literal["peer", "selfsigned_peer", "none"] = option(
        "peer", help="Check of client certificates; a client without one is let in."
    )
    certfile: ExistingFile | None = option(None, help="PEM: certificate chain and key.")
    self_signed: bool = option(
        False, help="Without a certfile, make a self-signed certificate in the data directory at the first start."
    )
    cacertfile: ExistingFile | None = option(None, help="CAs that client certificates are checked against.")
    dhfile: ExistingFile | None = option(None, help="Diffie-Hellman parameters.")
    ciphers: str | None = option(
        None, computed='fast_tls: "TLSv1.2:TLSv1.3"; just_tls: not set', help="OpenSSL cipher string."
    )
    protocol_options: list[NonEmpty] | None = option(
        None,
        computed='fast_tls: ["no_sslv2","no_sslv3","no_tlsv1","no_tlsv1_1"]; just_tls: not legal',
        help="fast_tls only: OpenSSL options by name.",
    )
    keyfile: ExistingFile | None = option(None, help="just_tls only: PEM private key.")
    password: str | None = option(None, secret=True, help="just_tls only: password of the key.")
    versions: list[TlsVersion] | None = option(None, help="just_tls only: TLS versions.")
    disconnect_on_failure: bool | None = option(
        None,
        computed="just_tls: true; fast_tls: not legal",
        help="just_tls only: false = keep a connection whose client certificate is bad, and refuse SASL EXTERNAL.",
    )
    crl_files: list[ExistingFile] | None = option(
        None, computed="just_tls: []; fast_tls: not legal", help="just_tls only: certificate revocation lists."
    )

    def refusals(self) -> Iterator[Refusal]:
        """L6: each module has keys of its own."""
        if self.module == "just_tls":
            if self.protocol_options is not None:
                yield Refusal("protocol_options", 'only legal with module = "fast_tls"')
            return
        for name in _JUST_TLS:
            if getattr(self, name) is not None:
                yield Refusal(name, 'only legal with module = "just_tls"')
        if self.verify_mode == "selfsigned_peer":
            yield Refusal("verify_mode", '"selfsigned_peer" is only legal with module = "just_tls"')


class HttpTls(Options):
    """``[listen.http.tls]``: present means HTTPS."""

    verify_mode: Literal["peer", "selfsigned_peer", "none"] = option("peer", help="Check of client certificates.")
    certfile: ExistingFile | None = option(None, help="PEM: certificate chain (key may be separate: keyfile).")
    cacertfile: ExistingFile | None = option(None, help="PEM: CAs that client certificates are checked against.")
    ciphers: str | None = option(None, help="OpenSSL cipher string.")
    keyfile: ExistingFile | None = option(None, help="PEM private key.")
    password: str | None = option(None, secret=True, help='Password of the private key; "" = none.')
    versions: list[TlsVersion] | None = option(None, help="TLS versions accepted; not set = all supported.")
    dhfile: ExistingFile | None = option(None, help="Diffie-Hellman parameters.")


class PeerTls(Options):
    """TLS between servers: ``[listen.s2s.tls]`` and the like."""

    verify_mode: Literal["peer", "none"] = option("peer", help="Check of the peer's certificate.")
    certfile: ExistingFile | None = option(None, help="PEM: certificate chain and unencrypted private key.")
    cacertfile: ExistingFile | None = option(None, help="PEM: CAs to verify the peer with.")
    dhfile: ExistingFile | None = option(None, help="Diffie-Hellman parameters.")
    ciphers: str = option(DEFAULT_CIPHERS, help="OpenSSL cipher string.")
    protocol_options: list[NonEmpty] = option(DEFAULT_PROTOCOL_OPTIONS, help="OpenSSL options by name.")


class S2sTls(PeerTls, tier="B"):
    """``[listen.s2s.tls]``."""


class ServerName(Options):
    """``[….tls.server_name_indication]``."""

    enabled: bool = option(True, help="Send SNI and check the host name.")
    host: NonEmpty | None = option(None, help="Name to send and check in place of the host connected to.")
    protocol: Literal["default", "https"] = option(
        "default", help='Matching rule; "https" allows wildcard certificates.'
    )


class PoolTls(Options):
    """``[outgoing_pools.….connection.tls]``: present, even empty, means TLS."""

    verify_mode: Literal["peer", "selfsigned_peer", "none"] = option("peer", help="Check of the peer's certificate.")
    certfile: ExistingFile | None = option(None, help="PEM: certificate chain (key may be separate: keyfile).")
    cacertfile: ExistingFile | None = option(None, help="PEM: CAs to verify the peer with.")
    ciphers: str | None = option(None, help="OpenSSL cipher string.")
    keyfile: ExistingFile | None = option(None, help="PEM private key.")
    password: str | None = option(None, secret=True, help='Password of the private key; "" = none.')
    versions: list[TlsVersion] | None = option(None, help="TLS versions accepted; not set = all supported.")
    server_name_indication: ServerName = option(
        ServerName(), help='SNI and check of the host name; effective unless verify_mode = "none".'
    )
