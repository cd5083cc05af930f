"""A certificate authority of a test's own, with a server that it vouches for.

Certificates are made at run time; nothing here is a secret.
"""

import datetime as dt
import ipaddress
import ssl
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

HOUR = dt.timedelta(hours=1)
_AUTHORITY = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Test authority")])


@dataclass(frozen=True, slots=True, kw_only=True)
class Authority:
    """A certificate authority and a server of its own for one name and 127.0.0.1; `server.pem` and `server.key` are in the folder."""

    cafile: Path
    server: ssl.SSLContext

    @classmethod
    def make(cls, folder: Path, name: str = "localhost") -> "Authority":
        folder.mkdir(parents=True, exist_ok=True)
        ca_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
        ca = _authority(ca_key)
        certificate = _certificate(name, key, ca_key)
        pem = serialization.Encoding.PEM
        cafile, chain, key_file = folder / "ca.pem", folder / "server.pem", folder / "server.key"
        cafile.write_bytes(ca.public_bytes(pem))
        chain.write_bytes(certificate.public_bytes(pem))
        key_file.write_bytes(
            key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        )
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(chain, key_file)
        return cls(cafile=cafile, server=context)


def _authority(key: ec.EllipticCurvePrivateKey) -> x509.Certificate:
    """It may sign certificates, and nothing else."""
    usage = x509.KeyUsage(
        digital_signature=True, key_cert_sign=True, crl_sign=True, content_commitment=False,
        key_encipherment=False, data_encipherment=False, key_agreement=False, encipher_only=False,
        decipher_only=False,
    )  # fmt: skip
    return (
        _draft(_AUTHORITY, key.public_key(), key)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage, critical=True)
        .sign(key, hashes.SHA256())
    )


def _certificate(
    name: str, key: ec.EllipticCurvePrivateKey, ca_key: ec.EllipticCurvePrivateKey
) -> x509.Certificate:
    """Of a server."""
    names = [x509.DNSName(name), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    return (
        _draft(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]), key.public_key(), ca_key)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .sign(ca_key, hashes.SHA256())
    )


def _draft(
    name: x509.Name, public_key: ec.EllipticCurvePublicKey, ca_key: ec.EllipticCurvePrivateKey
) -> x509.CertificateBuilder:
    now = dt.datetime.now(dt.UTC)
    ours, issuer = x509.SubjectKeyIdentifier, x509.AuthorityKeyIdentifier
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(_AUTHORITY)
        .public_key(public_key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - HOUR)
        .not_valid_after(now + HOUR)
        .add_extension(ours.from_public_key(public_key), critical=False)
        .add_extension(issuer.from_issuer_public_key(ca_key.public_key()), critical=False)
    )
