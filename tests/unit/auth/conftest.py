"""Keys and a clock that stands still."""

import base64
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from auth.keys import Keys
from auth.tokens import Verifier

SECRET = "a-secret-of-more-than-thirty-two-bytes"
NOW = datetime(2026, 11, 22, 8, 0, tzinfo=UTC)
NOW_SECONDS = int(NOW.timestamp())


class Clock:
    """A clock that a test holds; also a monotonic one, in seconds."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now

    def monotonic(self) -> float:
        return self.now.timestamp()

    def advance(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


def sound_claims(**changed: Any) -> dict[str, Any]:
    return {"sub": "42", "exp": NOW_SECONDS + 600, **changed}


def signed(key: Any = SECRET, algorithm: str = "HS256", headers: Any = None, **claims: Any) -> str:
    """A token with sound claims, changed by `claims`."""
    return jwt.encode(sound_claims(**claims), key, algorithm=algorithm, headers=headers)


def base64url(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()


def hand_signed(payload: bytes, header: Any = None, secret: str = SECRET) -> str:
    """A token whose signature is right, over whatever bytes: what a library would refuse to make."""
    encoded = header if isinstance(header, bytes) else json.dumps({"alg": "HS256", **(header or {})}).encode()
    signing_input = f"{base64url(encoded)}.{base64url(payload)}"
    signature = jwt.get_algorithm_by_name("HS256").sign(signing_input.encode(), secret.encode())
    return f"{signing_input}.{base64url(signature)}"


def pem_of(key: Any) -> str:
    """The public half as PEM."""
    return (
        key.public_key()
        .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
        .decode()
    )


def jwk_of(key: Any, kid: str | None = None, **more: Any) -> dict[str, Any]:
    """The public half as a JSON Web Key."""
    algorithm = {
        rsa.RSAPrivateKey: "RS256",
        ec.EllipticCurvePrivateKey: "ES256",
        ed25519.Ed25519PrivateKey: "EdDSA",
    }
    name = next(name for kind, name in algorithm.items() if isinstance(key, kind))
    jwk: dict[str, Any] = jwt.get_algorithm_by_name(name).to_jwk(key.public_key(), as_dict=True)
    jwk.pop("key_ops", None)
    return {**jwk, **({"kid": kid} if kid else {}), **more}


def jwks_of(*keys: Any) -> bytes:
    return json.dumps({"keys": list(keys)}).encode()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def verifier(clock: Clock) -> Verifier:
    """One with a single shared secret and ten seconds of leeway."""
    return Verifier(Keys.of(secrets=[SECRET]), leeway_seconds=10, clock=clock)


@pytest.fixture(scope="session")
def rsa_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@pytest.fixture(scope="session")
def ec_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


@pytest.fixture(scope="session")
def ed_key() -> ed25519.Ed25519PrivateKey:
    return ed25519.Ed25519PrivateKey.generate()


VerifierOf = Callable[..., Verifier]


@pytest.fixture
def verifier_of(clock: Clock) -> VerifierOf:
    """Makes a verifier from settings of keys and expectations."""

    def make(*, audience: str | None = None, issuer: str | None = None, **keys: Any) -> Verifier:
        sources = keys or {"secrets": [SECRET]}
        return Verifier(Keys.of(**sources), audience=audience, issuer=issuer, leeway_seconds=10, clock=clock)

    return make
