"""TLS contexts from options; the self-signed certificate of a first start."""

from __future__ import annotations

import hashlib
import os
import re
import ssl
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

_VERSIONS = {
    "tlsv1": ssl.TLSVersion.TLSv1,
    "tlsv1.1": ssl.TLSVersion.TLSv1_1,
    "tlsv1.2": ssl.TLSVersion.TLSv1_2,
    "tlsv1.3": ssl.TLSVersion.TLSv1_3,
}
_VERSIONS_OFF = {
    "no_sslv2": None,
    "no_sslv3": None,
    "no_tlsv1": ssl.TLSVersion.TLSv1,
    "no_tlsv1_1": ssl.TLSVersion.TLSv1_1,
    "no_tlsv1_2": ssl.TLSVersion.TLSv1_2,
    "no_tlsv1_3": ssl.TLSVersion.TLSv1_3,
}
_PROTOCOL = re.compile(r"[!+-]?(SSLv[23]|TLSv1(\.[0-3])?)")
SELF_SIGNED_FILE = "self-signed.pem"
_VALID_FOR = timedelta(days=3650)


def server_context(
    certfile: str | Path,
    *,
    keyfile: str | None = None,
    password: str | None = None,
    ciphers: str | None = None,
    versions: Sequence[str] | None = None,
    dhfile: str | None = None,
    cacertfile: str | None = None,
    verify_peer: bool = False,
    crl_files: Sequence[str] = (),
    protocol_options: Sequence[str] = (),
) -> ssl.SSLContext:
    """Return a context for a listener: TLS 1.2 at least, whatever older *versions* ask for (RFC 8996).

    *verify_peer*: a client that shows a certificate shows a good one; it need not show any. *ciphers* and
    *protocol_options* are OpenSSL's; names of protocols among the ciphers choose nothing.

    Raises:
        OSError: a file cannot be read, or is no PEM of its kind, or a name is not one of OpenSSL's.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if versions:
        chosen = sorted(_VERSIONS[name] for name in versions)
        context.minimum_version = max(chosen[0], ssl.TLSVersion.TLSv1_2)
        context.maximum_version = max(chosen[-1], ssl.TLSVersion.TLSv1_2)
    context.options |= ssl.OP_NO_RENEGOTIATION | ssl.OP_NO_COMPRESSION
    for name in protocol_options:
        _set_option(context, name)
    context.load_cert_chain(certfile, keyfile, password)
    named = [name for name in re.split("[:, ]", ciphers or "") if name and not _PROTOCOL.fullmatch(name)]
    if named:
        context.set_ciphers(":".join(named))
    if dhfile:
        context.load_dh_params(dhfile)
    if cacertfile and verify_peer:
        context.load_verify_locations(cacertfile)
    for file in crl_files:
        context.load_verify_locations(file)
        context.verify_flags |= ssl.VERIFY_CRL_CHECK_LEAF
    if verify_peer:
        context.verify_mode = ssl.CERT_OPTIONAL
    return context


def _set_option(context: ssl.SSLContext, name: str) -> None:
    """Set an option by the name it has in ejabberd's files: OpenSSL's in small letters, without ``SSL_OP_``."""
    if name in _VERSIONS_OFF:
        wanted = _VERSIONS_OFF[name]
        if wanted == context.minimum_version:
            context.minimum_version = ssl.TLSVersion.TLSv1_3
        elif wanted == ssl.TLSVersion.TLSv1_3:
            context.maximum_version = ssl.TLSVersion.TLSv1_2
        return
    value = getattr(ssl, f"OP_{name.upper()}", None)
    if value is None:
        raise OSError(f"protocol_options: this OpenSSL has no option {name}")
    context.options |= value


@dataclass(frozen=True, slots=True)
class Certificates:
    """The certificates of a listener: its own, and those of domains that have one of theirs."""

    default: ssl.SSLContext
    binding: bytes
    """``tls-server-end-point`` of the default one (RFC 5929 §4)."""
    by_domain: Mapping[str, tuple[ssl.SSLContext, bytes]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.by_domain:
            self.default.sni_callback = self._choose

    def context_of(self, domain: str) -> ssl.SSLContext:
        """Return the context with the certificate of a domain."""
        found = self.by_domain.get(domain)
        return self.default if found is None else found[0]

    def binding_of(self, context: ssl.SSLContext | None) -> bytes:
        """Return the channel binding of the certificate that a connection has got."""
        return next((binding for other, binding in self.by_domain.values() if other is context), self.binding)

    def _choose(self, connection: ssl.SSLObject, name: str | None, context: ssl.SSLContext) -> None:
        found = self.by_domain.get((name or "").lower())
        if found is not None:
            connection.context = found[0]


def self_signed(folder: Path, hosts: Sequence[str]) -> tuple[Path, bool]:
    """Return a PEM with a key and a certificate for *hosts*, and whether it was made just now.

    Made once, readable by the owner only; good enough for a first client that is told to trust it.
    """
    path = folder / SELF_SIGNED_FILE
    if path.exists():
        return path, False
    # Imported only on a first start: it takes a tenth of a second.
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import NameOID

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, _ascii(hosts[0])[:64])])
    start = datetime.now(UTC) - timedelta(hours=1)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(start + _VALID_FOR)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(_ascii(host)) for host in hosts]), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ) + certificate.public_bytes(serialization.Encoding.PEM)
    folder.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    part.unlink(missing_ok=True)
    with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(pem)
        file.flush()
        os.fsync(file.fileno())
    part.rename(path)
    return path, True


def _ascii(host: str) -> str:
    import idna

    return host if host.isascii() else idna.encode(host).decode()


def end_point_binding(certfile: str | Path) -> bytes:
    """Return the ``tls-server-end-point`` channel binding of a certificate (RFC 5929 §4).

    The hash is the one the certificate is signed with, SHA-256 in place of MD5 and SHA-1.
    """
    from cryptography import x509

    pem = Path(certfile).read_bytes()
    start = pem.index(b"-----BEGIN CERTIFICATE-----")
    certificate = x509.load_pem_x509_certificate(pem[start:])
    algorithm = certificate.signature_hash_algorithm
    name = "sha256" if algorithm is None or algorithm.name in ("md5", "sha1") else algorithm.name
    der = ssl.PEM_cert_to_DER_cert(pem[start : pem.index(b"-----END CERTIFICATE-----") + 26].decode())
    return hashlib.new(name, der).digest()
