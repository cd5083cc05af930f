"""Keys that mail is signed with, and OpenDKIM, which verifies what arrives as mail servers do.

OpenDKIM looks up keys in a file instead of the DNS (its setting `TestDNSData` is not in Debian's; `opendkim-testmsg` is), so it
runs as the filter of a Postfix, with a resolver of the test's own.
"""

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa

from mailer.signing_keys import Key, PrivateKey


def pem(key: PrivateKey, form: str = "PKCS8") -> str:
    """The key as operators have it: `PKCS8`, or `TraditionalOpenSSL` for PKCS#1."""
    return key.private_bytes(
        serialization.Encoding.PEM, getattr(serialization.PrivateFormat, form), serialization.NoEncryption()
    ).decode()


def rsa_key(bits: int = 2048) -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, bits)


def ed25519_key() -> ed25519.Ed25519PrivateKey:
    return ed25519.Ed25519PrivateKey.generate()


def record(key: Key) -> str:
    """What the DNS says of it."""
    kind = "rsa" if key.algorithm == "rsa-sha256" else "ed25519"
    return f"v=DKIM1; k={kind}; p={key.public()}"
