"""TLS contexts from options; the self-signed certificate of a first start."""

from __future__ import annotations

import hashlib
import os
import ssl
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

_VERSIONS = {
    "tlsv1": ssl.TLSVersion.TLSv1,
    "tlsv1.1": ssl.TLSVersion.TLSv1_1,
    "tlsv1.2": ssl.TLSVersion.TLSv1_2,
    "tlsv1.3": ssl.TLSVersion.TLSv1_3,
}
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
) -> ssl.SSLContext:
    """Return a context for a listener: TLS 1.2 at least, whatever older *versions* ask for (RFC 8996).

    Raises:
        OSError: a file cannot be read, or is no PEM of its kind.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if versions:
        chosen = sorted(_VERSIONS[name] for name in versions)
        context.minimum_version = max(chosen[0], ssl.TLSVersion.TLSv1_2)
        context.maximum_version = max(chosen[-1], ssl.TLSVersion.TLSv1_2)
    context.options |= ssl.OP_NO_RENEGOTIATION | ssl.OP_NO_COMPRESSION
    context.load_cert_chain(certfile, keyfile, password)
    if ciphers and ":" in ciphers.replace("TLSv1.2:TLSv1.3", ""):
        context.set_ciphers(ciphers)
    if dhfile:
        context.load_dh_params(dhfile)
    if cacertfile:
        context.load_verify_locations(cacertfile)
        if verify_peer:
            context.verify_mode = ssl.CERT_OPTIONAL
    return context


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
