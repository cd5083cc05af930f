"""The keys that mail is signed with, and what the DNS says of them (RFC 6376; Ed25519 by RFC 8463)."""

import base64
import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

SMALLEST_RSA_BITS = 2048
_PEM = re.compile(r"-----BEGIN ([A-Z0-9 ]+)-----.+?-----END \1-----", re.DOTALL)

PrivateKey = RSAPrivateKey | Ed25519PrivateKey


@dataclass(frozen=True, slots=True, kw_only=True)
class SigningKey:
    """What one domain signs with, and where the DNS has its public half: `selector._domainkey.domain`.

    The private half is shown nowhere, nor in its representation.
    """

    domain: str
    selector: str
    private: PrivateKey = field(repr=False)

    @property
    def algorithm(self) -> str:
        """As the tag `a=` of a signature says it."""
        return "rsa-sha256" if isinstance(self.private, RSAPrivateKey) else "ed25519-sha256"

    def public(self) -> str:
        """The value of `p=` in the DNS (RFC 6376, section 3.6.1; RFC 8463, section 4)."""
        key, encoding, form = self.private.public_key(), serialization.Encoding, serialization.PublicFormat
        if self.algorithm == "rsa-sha256":
            return base64_of(key.public_bytes(encoding.DER, form.SubjectPublicKeyInfo))
        return base64_of(key.public_bytes(encoding.Raw, form.Raw))

    def sign(self, data: bytes) -> bytes:
        """The bytes of a signature over `data`. Ed25519 signs the hash, as RFC 8463 has it (section 3)."""
        if isinstance(self.private, RSAPrivateKey):
            return self.private.sign(data, PKCS1v15(), hashes.SHA256())
        return self.private.sign(hashlib.sha256(data).digest())


def blocks(pem: str) -> tuple[str, ...]:
    """The PEM blocks of a text, each with a key that can sign. Raises ValueError, which quotes nothing of them.

    Some tools can only hand in one line, with line ends written out.
    """
    found = tuple(block[0] for block in _PEM.finditer(pem.replace("\\n", "\n")))
    if not found:
        raise ValueError("there is no key in PEM")
    for block in found:
        private_key(block)
    return found


def private_key(block: str) -> PrivateKey:
    """The key of one PEM block, PKCS#1 or PKCS#8. Raises ValueError, which quotes nothing of it."""
    try:
        key = serialization.load_pem_private_key(block.encode(), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise ValueError("a key cannot be read: it must be a private one without a password") from error
    if isinstance(key, RSAPrivateKey) and key.key_size < SMALLEST_RSA_BITS:
        raise ValueError(f"a key of RSA has {SMALLEST_RSA_BITS} bits or more")
    if not isinstance(key, (RSAPrivateKey, Ed25519PrivateKey)):
        raise ValueError("a key is of RSA or Ed25519")  # noqa: TRY004 - what was given is a text, and wrong
    return key


def keys_of(keys: Sequence[str], selectors: Sequence[str], domains: Sequence[str]) -> tuple[SigningKey, ...]:
    """The keys of PEM blocks with their names, in step; one domain alone is that of all.

    Raises ValueError when they are not equally many, or a block holds no key.
    """
    if len(domains) == 1:
        domains = [*domains] * len(keys)
    return tuple(
        SigningKey(domain=domain, selector=selector, private=private_key(block))
        for block, selector, domain in zip(keys, selectors, domains, strict=True)
    )


def base64_of(data: bytes) -> str:
    return base64.b64encode(data).decode()
