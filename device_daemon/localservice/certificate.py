"""A self-signed TLS certificate for 127.0.0.1 and localhost, for clients that only connect to wss://.

It is made anew at each start and valid for a day. A client has to trust it: most read its file from the environment
variable SSL_CERT_FILE. `cryptography` is installed with azure-identity.
"""

from __future__ import annotations

import ipaddress
import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from msgspec import Struct

_VALID = timedelta(days=1)


class Certificate(Struct, frozen=True):
    """A certificate in use: the server's TLS context, and the file that clients have to trust."""

    context: ssl.SSLContext
    path: Path


def self_signed(folder: Path, *, address: str = "127.0.0.1", now: datetime | None = None) -> Certificate:
    """Make a certificate and its key in a folder that only this user can read.

    Args:
        folder: takes `certificate.pem` and `key.pem`.
        address: the IP address that it is for, besides localhost.
        now: when its day begins; by default now. An earlier time makes an expired one.
    """
    begins = now or datetime.now(UTC) - timedelta(minutes=5)
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "voicelive-speaker local service")])
    names = x509.SubjectAlternativeName([x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address(address))])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begins)
        .not_valid_after(begins + _VALID)
        .add_extension(names, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    certificate_path, key_path = folder / "certificate.pem", folder / "key.pem"
    certificate_path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    key_path.touch(mode=0o600)
    key_path.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate_path, key_path)
    return Certificate(context, certificate_path)
