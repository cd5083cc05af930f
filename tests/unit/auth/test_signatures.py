"""Signatures that are checked by hand or not again: nothing is taken that the library would refuse, and nothing for longer."""

import hmac
import json

import jwt
import pytest

from auth.errors import ExpiredToken, InvalidToken
from auth.key import public_keys, secret_key
from auth.keys import Keys
from auth.published import KeySet
from auth.signatures import Signatures
from auth.tokens import Verifier
from tests.unit.auth.conftest import NOW_SECONDS, SECRET, base64url, jwk_of, jwks_of, pem_of, signed

KEY = secret_key(SECRET)
PAYLOAD = b'{"sub":"42"}'


def by_hand(payload: str, *, header: str | None = None, ending: str = "") -> str:
    """A token of these segments, rightly signed; `ending` follows the signature."""
    signing_input = f"{header or base64url(json.dumps({'alg': 'HS256'}).encode())}.{payload}"
    return (
        f"{signing_input}.{base64url(hmac.digest(SECRET.encode(), signing_input.encode(), 'sha256'))}{ending}"
    )


@pytest.fixture
def signatures(clock):
    return Signatures(clock)


def counted(signatures, monkeypatch):
    """Has the library's checks counted."""
    checks = []
    decode = signatures._jws.decode

    def counting(*args, **options):
        checks.append(args)
        return decode(*args, **options)

    monkeypatch.setattr(signatures._jws, "decode", counting)
    return checks


# With a shared secret


def test_a_token_that_is_just_as_it_should_be_needs_no_library(signatures, monkeypatch):
    checks = counted(signatures, monkeypatch)

    assert signatures.payload(by_hand(base64url(PAYLOAD)), KEY) == PAYLOAD
    assert not checks


@pytest.mark.parametrize(
    "token",
    [
        by_hand(base64url(PAYLOAD) + "!"),
        by_hand(base64url(PAYLOAD) + "." + base64url(b"more")),
        by_hand("A"),
        by_hand("AB"),
        by_hand("Zm8=Zm8="),
        by_hand(base64url(PAYLOAD), ending="!"),
    ],
    ids=["junk", "four parts", "half a byte", "bits too many", "padding within", "junk behind"],
)
def test_what_is_odd_is_refused_whoever_has_signed_it(signatures, token):
    with pytest.raises(InvalidToken):
        signatures.payload(token, KEY)


@pytest.mark.parametrize("header", ["e!30", base64url(b'{"alg":"HS256"}') + "!"])
async def test_a_header_that_is_not_base64url_is_refused(verifier, header):
    payload = base64url(json.dumps({"sub": "42", "exp": NOW_SECONDS + 60}).encode())

    with pytest.raises(InvalidToken):
        await verifier.verify(by_hand(payload, header=header))


def test_padding_is_forgiven_as_by_the_library(signatures):
    """Some issuers write it, against RFC 7515, section 2."""
    assert signatures.payload(by_hand("eyJzdWIiOiI0MiJ9", ending="="), KEY) == PAYLOAD


def test_what_another_secret_has_signed_is_not_ours(signatures):
    token = by_hand(base64url(PAYLOAD))

    assert signatures.payload(token, secret_key("another secret of thirty-two bytes or more")) is None
    assert signatures.payload(token[:-1] + ("A" if token[-1] != "A" else "E"), KEY) is None


# With a public key


@pytest.fixture
def key(rsa_key):
    [key] = public_keys(pem_of(rsa_key))
    return key


def test_a_token_is_checked_once_until_it_ends(signatures, key, rsa_key, clock, monkeypatch):
    token = signed(rsa_key, "RS256")
    checks = counted(signatures, monkeypatch)
    payload = signatures.payload(token, key)
    signatures.remember(token, key, payload, ends_at=NOW_SECONDS + 60)

    assert signatures.payload(token, key) == payload
    assert len(checks) == 1
    clock.advance(60)
    assert signatures.payload(token, key) == payload

    assert len(checks) == 2
    assert not signatures._verified


def test_another_token_with_the_same_signature_is_another(signatures, key, rsa_key):
    token = signed(rsa_key, "RS256")
    signatures.remember(token, key, signatures.payload(token, key), ends_at=NOW_SECONDS + 60)
    header, _, signature = token.split(".")
    forged = f"{header}.{base64url(b'{}')}.{signature}"

    assert signatures.payload(forged, key) is None


def test_what_one_key_has_verified_is_nothing_to_another(signatures, key, rsa_key, ec_key):
    token = signed(rsa_key, "RS256")
    signatures.remember(token, key, signatures.payload(token, key), ends_at=NOW_SECONDS + 60)
    [again] = public_keys(pem_of(rsa_key))

    assert signatures._recalled(token, again) is None
    assert not signatures._verified


def test_the_tokens_that_were_longest_not_seen_are_forgotten(clock, key, rsa_key, monkeypatch):
    signatures = Signatures(clock, remembered=2)
    first, second, third = (signed(rsa_key, "RS256", sub=str(number)) for number in range(3))
    for token in (first, second):
        signatures.remember(token, key, signatures.payload(token, key), ends_at=NOW_SECONDS + 60)
    assert signatures.payload(first, key)
    signatures.remember(third, key, signatures.payload(third, key), ends_at=NOW_SECONDS + 60)
    checks = counted(signatures, monkeypatch)

    assert signatures.payload(first, key)
    assert not checks
    assert signatures.payload(second, key)
    assert len(checks) == 1


def test_what_a_secret_has_signed_is_not_remembered(signatures):
    signatures.remember(signed(), KEY, PAYLOAD, ends_at=NOW_SECONDS + 60)

    assert not signatures._verified


# What is remembered is the signature alone


async def test_a_remembered_token_ends_in_time(verifier_of, rsa_key, clock):
    verifier = verifier_of(public_key=pem_of(rsa_key))
    token = signed(rsa_key, "RS256")
    assert (await verifier.verify(token)).user == "42"

    clock.advance(609)
    assert (await verifier.verify(token)).user == "42"
    clock.advance(1)

    with pytest.raises(ExpiredToken):
        await verifier.verify(token)


async def test_a_token_that_was_refused_is_not_remembered(verifier_of, rsa_key):
    verifier = verifier_of(public_key=pem_of(rsa_key), audience="shop")
    token = signed(rsa_key, "RS256", aud="other")

    for _ in range(2):
        with pytest.raises(InvalidToken):
            await verifier.verify(token)
    assert not verifier._signatures._verified


async def test_a_key_that_was_taken_back_verifies_nothing_any_more(rsa_key, ed_key, clock):
    """Also not what it has verified before."""
    documents = [jwks_of(jwk_of(rsa_key, "a")), jwks_of(jwk_of(ed_key, "b"))]

    async def fetch(url: str) -> bytes:
        return documents.pop(0)

    keys = Keys(
        published=KeySet("https://idp.example/jwks", fetch, monotonic=clock.monotonic, stale_seconds=1)
    )
    verifier = Verifier(keys, clock=clock)
    token = jwt.encode({"sub": "42", "exp": NOW_SECONDS + 9000}, rsa_key, "RS256", headers={"kid": "a"})
    assert (await verifier.verify(token)).user == "42"
    clock.advance(100)
    assert (await verifier.verify(token)).user == "42"  # while the keys are fetched anew
    await keys._published._fetching

    with pytest.raises(InvalidToken):
        await verifier.verify(token)
    await keys.close()
