"""One key that a token may be verified with: a shared secret, or a public key.

Every key carries the one algorithm it verifies with. What a token's header says only chooses among the keys (RFC 8725,
section 3.1): it can neither bring a key nor change what a key is for.
"""

import re
from dataclasses import dataclass, field
from typing import Any

import jwt
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from cryptography.x509 import load_pem_x509_certificate

from auth.errors import KeyConfigurationError

SECRET_ALGORITHM = "HS256"  # noqa: S105  # the name of an algorithm
SECRET_BYTES_MIN = 32
"""RFC 7518, section 3.2: an HS256 key is at least as long as its hash."""
RSA_BITS_MIN = 2048
_PEM = re.compile(r"-----BEGIN (?P<label>[A-Z0-9 ]+)-----.+?-----END (?P=label)-----", re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """Something that verifies the signatures of exactly one algorithm.

    It is compared by identity where it is remembered: two of the same material are two keys.
    """

    algorithm: str
    material: Any = field(repr=False)
    """What PyJWT verifies with: a secret's bytes, or a public key of `cryptography`."""
    kid: str | None = None


def secret_key(secret: str) -> Key:
    """A shared secret for HS256; its UTF-8 bytes are the key.

    Raises KeyConfigurationError for a secret that is too short or looks like a public key.
    """
    material = secret.encode()
    if len(material) < SECRET_BYTES_MIN:
        raise KeyConfigurationError(
            f"a JWT secret has {len(material)} bytes; HS256 needs {SECRET_BYTES_MIN} or more"
        )
    try:
        # PyJWT knows how public keys look: one in this place would let everybody sign.
        prepared(SECRET_ALGORITHM, material)
    except jwt.InvalidKeyError as error:
        raise KeyConfigurationError(
            "a JWT secret looks like a public key; a PEM belongs into the setting for public keys"
        ) from error
    return Key(algorithm=SECRET_ALGORITHM, material=material)


def public_keys(pem: str) -> tuple[Key, ...]:
    r"""Every public key in a PEM text, in its order: RS256 for RSA, ES256 for P-256, EdDSA for Ed25519.

    A certificate stands for its key. Several keys in one text are for rotation. Line ends written as `\n` (as in env
    files) are understood.

    Raises KeyConfigurationError for anything else in it, a private key above all. Other RSA and EC algorithms are a key
    set's to name.
    """
    blocks = list(_PEM.finditer(pem.replace("\\n", "\n")))
    if not blocks:
        raise KeyConfigurationError("the JWT public key is not PEM (-----BEGIN PUBLIC KEY-----)")
    return tuple(_public_key(block["label"], block[0]) for block in blocks)


def _public_key(label: str, pem: str) -> Key:
    if "PRIVATE KEY" in label:
        raise KeyConfigurationError(
            "the JWT public key is a private key; who verifies needs only the public half, so keep this one away"
        )
    try:
        if label == "CERTIFICATE":
            # Pinned by being configured: its key counts, its dates and its issuer do not.
            material: object = load_pem_x509_certificate(pem.encode()).public_key()
        else:
            material = load_pem_public_key(pem.encode())
    except (ValueError, UnsupportedAlgorithm) as error:
        raise KeyConfigurationError(f"the JWT public key cannot be read (its PEM says {label})") from error
    if isinstance(material, RSAPublicKey):
        if material.key_size < RSA_BITS_MIN:
            raise KeyConfigurationError(
                f"the JWT public key is RSA with {material.key_size} bits; {RSA_BITS_MIN} or more are needed"
            )
        return Key(algorithm="RS256", material=material)
    if isinstance(material, EllipticCurvePublicKey) and isinstance(material.curve, SECP256R1):
        return Key(algorithm="ES256", material=material)
    if isinstance(material, Ed25519PublicKey):
        return Key(algorithm="EdDSA", material=material)
    raise KeyConfigurationError(
        "the JWT public key is of a type that is not supported: use RSA, P-256 or Ed25519"
    )


def prepared(algorithm: str, material: Any) -> Any:
    """The material as PyJWT verifies with it. Raises its error for one that does not suit the algorithm."""
    return jwt.get_algorithm_by_name(algorithm).prepare_key(material)
