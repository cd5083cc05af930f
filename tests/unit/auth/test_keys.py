"""Which keys are taken, from where, and what happens when their source is away."""

import asyncio
import json
from datetime import UTC, datetime, timedelta

import jwt
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed448, rsa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from auth.errors import InvalidToken, KeyConfigurationError, KeysUnavailable
from auth.key import public_keys, secret_key
from auth.keys import Keys
from auth.published import JWKS_BYTES_MAX, KeySet, published_keys
from auth.tokens import Verifier
from tests.support.amounts import amount
from tests.unit.auth.conftest import (
    SECRET,
    Clock,
    base64url,
    hand_signed,
    jwk_of,
    jwks_of,
    pem_of,
    signed,
    sound_claims,
)

URL = "https://id.example/keys"
ODD = (
    st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.lists(st.text(max_size=3), max_size=2)
    | st.sampled_from(["AQAB", "RS256", "ES256", "EdDSA", "P-256", "Ed25519", "sig", "A" * 43])
)  # fmt: skip


class Provider:
    """An identity provider that publishes `document`, or fails with it when it is an exception."""

    def __init__(self, document: bytes | Exception) -> None:
        self.document = document
        self.calls: list[str] = []
        self.asked = asyncio.Event()
        self.may_answer = asyncio.Event()
        self.may_answer.set()

    async def __call__(self, url: str) -> bytes:
        self.calls.append(url)
        self.asked.set()
        await self.may_answer.wait()
        if isinstance(self.document, Exception):
            raise self.document
        return self.document


def key_set(provider: Provider, clock: Clock, **more) -> KeySet:
    return KeySet(URL, provider, monotonic=clock.monotonic, **more)


def verifier_with(published: KeySet, clock: Clock, **keys) -> Verifier:
    return Verifier(Keys.of(published=published, **keys), clock=clock)


class TestSecrets:
    @pytest.mark.parametrize("secret", ["", "x" * 31, "é" * 15])
    def test_a_secret_of_less_than_32_bytes_is_refused(self, secret: str):
        with pytest.raises(KeyConfigurationError, match="32"):
            secret_key(secret)

    def test_bytes_count_and_not_characters(self):
        assert secret_key("é" * 16).material == "é".encode() * 16

    def test_a_public_key_as_a_secret_is_refused(self, rsa_key):
        with pytest.raises(KeyConfigurationError, match="public key"):
            secret_key(pem_of(rsa_key))

    def test_a_json_web_key_as_a_secret_is_refused(self, rsa_key):
        with pytest.raises(KeyConfigurationError, match="public key"):
            secret_key(json.dumps(jwk_of(rsa_key)))

    def test_no_key_shows_itself(self):
        assert "secret" not in repr(secret_key(SECRET)).replace("secret_key", "")
        with pytest.raises(KeyConfigurationError) as refusal:
            secret_key("short-and-private")
        assert "short-and-private" not in str(refusal.value)

    def test_without_any_key_there_is_no_start(self):
        with pytest.raises(KeyConfigurationError):
            Keys.of()

    def test_a_secret_named_twice_is_one_key(self):
        assert len(Keys.of(secrets=[SECRET, SECRET]).held("HS256")) == 1


class TestPublicKeys:
    def test_the_algorithm_is_that_of_the_keys_type(self, rsa_key, ec_key, ed_key):
        found = public_keys("".join(map(pem_of, [rsa_key, ec_key, ed_key])))

        assert [key.algorithm for key in found] == ["RS256", "ES256", "EdDSA"]

    def test_line_ends_may_be_written_out_as_in_env_files(self, ed_key):
        assert public_keys(pem_of(ed_key).replace("\n", "\\n"))[0].algorithm == "EdDSA"

    def test_a_certificate_stands_for_its_key(self, ec_key):
        name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "id.example")])
        long_ago = datetime(2001, 1, 1, tzinfo=UTC)
        certificate = x509.CertificateBuilder(
            name, name, ec_key.public_key(), 1, long_ago, long_ago + timedelta(days=1)
        ).sign(ec_key, hashes.SHA256())

        (key,) = public_keys(certificate.public_bytes(serialization.Encoding.PEM).decode())

        assert key.algorithm == "ES256"
        assert key.material == ec_key.public_key()

    @pytest.mark.parametrize("form", ["PKCS8", "TraditionalOpenSSL"])
    def test_a_private_key_is_refused_with_advice(self, ec_key, form):
        pem = ec_key.private_bytes(
            serialization.Encoding.PEM,
            getattr(serialization.PrivateFormat, form),
            serialization.NoEncryption(),
        )

        with pytest.raises(KeyConfigurationError, match="private key"):
            public_keys(pem.decode())

    def test_a_weak_rsa_key_is_refused(self):
        weak = rsa.generate_private_key(public_exponent=65537, key_size=1024)

        with pytest.raises(KeyConfigurationError, match="2048"):
            public_keys(pem_of(weak))

    @pytest.mark.parametrize(
        "unsupported",
        [ec.generate_private_key(ec.SECP384R1()), ed448.Ed448PrivateKey.generate()],
        ids=["P-384", "Ed448"],
    )
    def test_a_key_of_another_type_is_refused(self, unsupported):
        with pytest.raises(KeyConfigurationError, match="not supported"):
            public_keys(pem_of(unsupported))

    @pytest.mark.parametrize("text", ["", "hello", "ssh-ed25519 AAAA", "-----BEGIN PUBLIC KEY-----"])
    def test_what_is_not_pem_is_refused(self, text: str):
        with pytest.raises(KeyConfigurationError, match="not PEM"):
            public_keys(text)

    @pytest.mark.parametrize("label", ["PUBLIC KEY", "CERTIFICATE"])
    def test_pem_that_holds_no_public_key_is_refused(self, label: str):
        with pytest.raises(KeyConfigurationError, match="cannot be read"):
            public_keys(f"-----BEGIN {label}-----\nAAAA\n-----END {label}-----")


class TestPublishedKeys:
    def test_usable_keys_are_taken_with_their_algorithm_and_id(self, rsa_key, ec_key, ed_key):
        found = published_keys(
            jwks_of(
                jwk_of(rsa_key, "a"), jwk_of(rsa_key, "b", alg="PS384"), jwk_of(ec_key, "c"), jwk_of(ed_key)
            )
        )

        assert [(key.algorithm, key.kid) for key in found] == [
            ("RS256", "a"), ("PS384", "b"), ("ES256", "c"), ("EdDSA", None),
        ]  # fmt: skip

    def test_unusable_keys_are_passed_over(self, ec_key, rsa_key):
        weak = rsa.generate_private_key(public_exponent=65537, key_size=1024)
        secret = {"kty": "oct", "k": base64url(SECRET.encode()), "kid": "secret"}
        private = {"ES256": ec_key, "RS256": rsa_key}
        unusable = [
            secret,
            {**secret, "alg": "RS256"},
            jwk_of(weak, "weak"),
            jwk_of(rsa_key, "encrypts", use="enc"),
            jwk_of(rsa_key, "signs", key_ops=["sign"]),
            jwk_of(rsa_key, "odd operations", key_ops="verify"),
            *(jwt.get_algorithm_by_name(name).to_jwk(key, as_dict=True) for name, key in private.items()),
            jwk_of(rsa_key, "other algorithm", alg="RSA-OAEP"),
            jwk_of(rsa_key, "disguised", alg="HS256"),
            jwk_of(rsa_key, "none", alg="none"),
            jwk_of(ec_key, "wrong curve", alg="ES384"),
            jwk_of(ec_key, "other type", alg="RS256"),
            jwk_of(ec_key, alg=["ES256"]),
            jwk_of(ec.generate_private_key(ec.SECP256K1()), "a curve of no algorithm here"),
            jwk_of(rsa_key, n=5),
            {**jwk_of(rsa_key), "kid": 7},
            {"kty": "RSA"},
            {"kty": ["RSA"]},
            {},
            "text",
            None,
            7,
        ]

        found = published_keys(jwks_of(*unusable, jwk_of(ec_key, "good")))

        assert [key.kid for key in found] == ["good"]

    @pytest.mark.parametrize(
        "document",
        [b"", b"{", b"[]", b"null", b"7", b"\xff", b"{}", b'{"keys": {}}', b'{"keys": []}', b'{"keys": [{"kty": "oct"}]}',
         b"[" * 100_000, b'{"keys": []}' + b" " * JWKS_BYTES_MAX],
    )  # fmt: skip
    def test_a_document_without_usable_keys_is_refused(self, document: bytes):
        with pytest.raises(ValueError, match="key set"):
            published_keys(document)

    @settings(
        max_examples=amount(60, long=300),
        deadline=None,
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    )
    @given(
        entry=st.dictionaries(
            st.sampled_from(["kty", "crv", "x", "y", "n", "e", "alg", "kid", "use", "key_ops"]), ODD
        ),
        form=st.sampled_from(["RSA", "EC", "OKP"]),
    )
    def test_one_broken_key_never_spoils_the_set(self, entry, form, ed_key):
        for broken in (entry, {**entry, "kty": form}):
            assert published_keys(jwks_of(broken, jwk_of(ed_key, "good")))[-1].kid == "good"

    def test_a_set_beyond_the_limit_is_cut(self, ed_key):
        assert len(published_keys(jwks_of(*(jwk_of(ed_key, str(n)) for n in range(100))))) == 64


class TestKeySet:
    @pytest.mark.parametrize(
        "url",
        ["http://id.example/keys", "file:///etc/passwd", "ftp://localhost/", "", "id.example", "https://", "http://[::1",
         "http://localhost.evil.example/", "http://10.0.0.1/keys"],
    )  # fmt: skip
    def test_keys_do_not_come_over_an_open_road(self, url: str, clock: Clock):
        with pytest.raises(KeyConfigurationError, match="https"):
            KeySet(url, Provider(b""))

    @pytest.mark.parametrize(
        "url", ["https://id.example/keys", "http://localhost:1/", "http://127.0.0.2/", "http://[::1]/"]
    )
    def test_https_will_do_and_so_will_loopback(self, url: str):
        KeySet(url, Provider(b""))

    async def test_keys_are_fetched_when_first_needed_and_kept(self, ec_key, clock):
        provider = Provider(jwks_of(jwk_of(ec_key, "k1")))
        verifier = verifier_with(key_set(provider, clock), clock)
        assert provider.calls == []

        for _ in range(3):
            assert (await verifier.verify(signed(ec_key, "ES256", {"kid": "k1"}))).user == "42"

        assert provider.calls == [URL]

    async def test_a_token_of_our_own_key_does_not_wait_for_the_provider(self, ec_key, clock):
        provider = Provider(OSError())
        verifier = verifier_with(key_set(provider, clock), clock, secrets=[SECRET], public_key=pem_of(ec_key))

        assert await verifier.verify(signed()) == await verifier.verify(
            signed(ec_key, "ES256", {"kid": "any"})
        )
        assert provider.calls == []

    async def test_a_published_key_works_beside_our_own_of_the_same_algorithm(self, rsa_key, clock):
        other = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        provider = Provider(jwks_of(jwk_of(rsa_key, "k1")))
        verifier = verifier_with(key_set(provider, clock), clock, public_key=pem_of(other))

        assert (await verifier.verify(signed(rsa_key, "RS256", {"kid": "k1"}))).user == "42"

    @pytest.mark.parametrize("algorithm", ["HS256", "none", "A128KW"])
    async def test_a_header_that_no_published_key_can_suit_asks_nobody(self, clock, ec_key, algorithm):
        provider = Provider(jwks_of(jwk_of(ec_key, "k1")))
        verifier = verifier_with(key_set(provider, clock), clock)

        with pytest.raises(InvalidToken):
            await verifier.verify(
                hand_signed(json.dumps(sound_claims()).encode(), {"alg": algorithm, "kid": "k1"})
            )

        assert provider.calls == []

    async def test_a_published_key_under_its_id_does_not_verify_another_algorithm(self, rsa_key, clock):
        provider = Provider(jwks_of(jwk_of(rsa_key, "k1")))

        with pytest.raises(InvalidToken):
            await verifier_with(key_set(provider, clock), clock).verify(
                signed(rsa_key, "RS512", {"kid": "k1"})
            )

    async def test_a_forged_token_under_a_known_id_is_refused(self, ec_key, clock):
        provider = Provider(jwks_of(jwk_of(ec_key, "k1")))
        forger = ec.generate_private_key(ec.SECP256R1())

        with pytest.raises(InvalidToken):
            await verifier_with(key_set(provider, clock), clock).verify(
                signed(forger, "ES256", {"kid": "k1"})
            )

    async def test_without_an_id_the_only_key_of_the_algorithm_is_meant(self, ec_key, rsa_key, clock):
        provider = Provider(jwks_of(jwk_of(ec_key, "k1"), jwk_of(rsa_key, "k2")))
        verifier = verifier_with(key_set(provider, clock), clock)

        assert (await verifier.verify(signed(ec_key, "ES256"))).user == "42"

    async def test_without_an_id_nothing_is_meant_among_several(self, ec_key, clock):
        provider = Provider(jwks_of(jwk_of(ec_key, "k1"), jwk_of(ec_key, "k2")))

        with pytest.raises(InvalidToken):
            await verifier_with(key_set(provider, clock), clock).verify(signed(ec_key, "ES256"))

    async def test_an_unknown_id_causes_one_fetch_a_minute_and_no_more(self, ec_key, ed_key, clock):
        provider = Provider(jwks_of(jwk_of(ec_key, "k1")))
        verifier = verifier_with(key_set(provider, clock), clock)
        await verifier.verify(signed(ec_key, "ES256", {"kid": "k1"}))

        provider.document = jwks_of(jwk_of(ec_key, "k1"), jwk_of(ed_key, "k2"))
        clock.advance(59)
        for kid in ("k2", "evil-1", "evil-2"):
            with pytest.raises(InvalidToken):
                await verifier.verify(signed(ed_key, "EdDSA", {"kid": kid}))
        assert len(provider.calls) == 1

        clock.advance(1)
        assert (await verifier.verify(signed(ed_key, "EdDSA", {"kid": "k2"}))).user == "42"
        assert len(provider.calls) == 2

    async def test_all_who_need_keys_at_once_share_one_fetch(self, ec_key, clock):
        provider = Provider(jwks_of(jwk_of(ec_key, "k1")))
        provider.may_answer.clear()
        verifier = verifier_with(key_set(provider, clock), clock)

        async with asyncio.timeout(20), asyncio.TaskGroup() as group:
            waiting = [
                group.create_task(verifier.verify(signed(ec_key, "ES256", {"kid": "k1"}))) for _ in range(20)
            ]
            await provider.asked.wait()
            provider.may_answer.set()

        assert {task.result().user for task in waiting} == {"42"}
        assert len(provider.calls) == 1

    async def test_one_caller_hanging_up_does_not_end_the_fetch_of_the_others(self, ec_key, clock):
        provider = Provider(jwks_of(jwk_of(ec_key, "k1")))
        provider.may_answer.clear()
        verifier = verifier_with(key_set(provider, clock), clock)
        token = signed(ec_key, "ES256", {"kid": "k1"})

        async with asyncio.timeout(20), asyncio.TaskGroup() as group:
            first, second = (group.create_task(verifier.verify(token)) for _ in range(2))
            await provider.asked.wait()
            first.cancel()
            provider.may_answer.set()

        assert first.cancelled()
        assert second.result().user == "42"
        assert len(provider.calls) == 1

    @pytest.mark.parametrize("failure", [OSError("refused"), b"<html>", RuntimeError("anything at all")])
    async def test_without_any_key_an_outage_says_come_back_later(self, ec_key, clock, failure):
        provider = Provider(failure)
        verifier = verifier_with(key_set(provider, clock), clock)
        token = signed(ec_key, "ES256", {"kid": "k1"})

        for _ in range(3):
            with pytest.raises(KeysUnavailable):
                await verifier.verify(token)
        assert len(provider.calls) == 1

        provider.document = jwks_of(jwk_of(ec_key, "k1"))
        clock.advance(5)
        assert (await verifier.verify(token)).user == "42"

    async def test_a_provider_that_hangs_is_given_up_on(self, ec_key, clock):
        provider = Provider(b"")
        provider.may_answer.clear()
        verifier = verifier_with(key_set(provider, clock, timeout_seconds=0.01), clock)

        with pytest.raises(KeysUnavailable):
            await verifier.verify(signed(ec_key, "ES256", {"kid": "k1"}))

    async def test_an_outage_takes_no_key_away(self, ec_key, ed_key, clock):
        provider = Provider(jwks_of(jwk_of(ec_key, "k1")))
        keys = key_set(provider, clock)
        verifier = verifier_with(keys, clock)
        await verifier.verify(signed(ec_key, "ES256", {"kid": "k1"}))

        provider.document = OSError()
        clock.advance(300)

        # Whether the unknown key is good cannot be told now; the known one is good as before.
        with pytest.raises(KeysUnavailable):
            await verifier.verify(signed(ed_key, "EdDSA", {"kid": "k2"}))
        assert (await verifier.verify(signed(ec_key, "ES256", {"kid": "k1"}))).user == "42"

    async def test_a_key_that_is_taken_back_is_gone_after_the_set_went_stale(self, ec_key, ed_key, clock):
        provider = Provider(jwks_of(jwk_of(ec_key, "k1")))
        verifier = verifier_with(key_set(provider, clock), clock)
        token = signed(ec_key, "ES256", {"kid": "k1"}, exp=int(clock.now.timestamp()) + 3600)
        await verifier.verify(token)

        provider.document = jwks_of(jwk_of(ed_key, "k2"))
        provider.asked.clear()
        clock.advance(600)
        assert await verifier.verify(token), "a stale set serves while it is fetched anew"
        await asyncio.wait_for(provider.asked.wait(), 40)
        await verifier.verify(signed(ed_key, "EdDSA", {"kid": "k2"}, exp=int(clock.now.timestamp()) + 3600))

        with pytest.raises(InvalidToken):
            await verifier.verify(token)
        assert len(provider.calls) == 2

    async def test_closing_ends_a_fetch_that_is_under_way(self, ec_key, clock):
        provider = Provider(b"")
        provider.may_answer.clear()
        keys = Keys.of(published=key_set(provider, clock))

        async with asyncio.timeout(20):
            waiting = asyncio.create_task(keys.published("ES256", "k1"))
            await provider.asked.wait()
            await keys.close()
            with pytest.raises(asyncio.CancelledError):
                await waiting

    async def test_closing_is_harmless_where_nothing_is_under_way(self, clock):
        await Keys.of(secrets=[SECRET]).close()
        await Keys.of(published=key_set(Provider(b""), clock)).close()

    async def test_a_service_behind_a_published_key_is_known(self, ec_key, clock):
        provider = Provider(jwks_of(jwk_of(ec_key, "k1")))
        verifier = verifier_with(key_set(provider, clock), clock)

        service = await verifier.verify_service(
            signed(ec_key, "ES256", {"kid": "k1"}, sub="orders", scope="emit")
        )

        assert service.name == "orders"


def test_pyjwt_still_refuses_a_public_key_where_a_secret_belongs(rsa_key):
    """What `secret_key` relies on."""
    with pytest.raises(jwt.InvalidKeyError):
        jwt.get_algorithm_by_name("HS256").prepare_key(pem_of(rsa_key).encode())
