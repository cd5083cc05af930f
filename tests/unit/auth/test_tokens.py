"""What a token must be for its bearer to be let in, and what becomes of its claims."""

import json
import zlib
from datetime import UTC, datetime, timedelta

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from auth.errors import AuthError, ExpiredToken, InvalidServiceKey, InvalidToken, MissingToken
from auth.keys import Keys
from auth.principal import Principal, Role, Service
from auth.signing import Signer
from auth.tokens import Verifier
from tests.support.amounts import amount
from tests.unit.auth.conftest import (
    NOW,
    NOW_SECONDS,
    SECRET,
    Clock,
    VerifierOf,
    base64url,
    hand_signed,
    jwk_of,
    pem_of,
    signed,
    sound_claims,
)


class TestWhatIsLetIn:
    async def test_every_claim_of_a_sound_token_reaches_the_principal(self, verifier: Verifier):
        token = signed(
            sub="Ann Müller",
            roles=["admin", "editor"],
            topics=["deals", "news", "deals"],
            email="ann@example.org",
            name=" Ann ",
            iat=NOW_SECONDS,
            nbf=NOW_SECONDS,
            jti="1",
        )

        principal = await verifier.verify(token)

        assert principal == Principal(
            user="Ann Müller",
            expires_at=datetime.fromtimestamp(NOW_SECONDS + 600, UTC),
            issued_at=datetime.fromtimestamp(NOW_SECONDS, UTC),
            roles=frozenset({"admin", "editor"}),
            topics=("deals", "news"),
            email="ann@example.org",
            name="Ann",
        )
        assert principal.role is Role.ADMIN

    async def test_a_token_with_only_the_required_claims_is_enough(self, verifier: Verifier):
        principal = await verifier.verify(signed())

        assert principal == Principal(user="42", expires_at=NOW + timedelta(seconds=600))

    async def test_null_claims_are_absent_claims(self, verifier: Verifier):
        principal = await verifier.verify(signed(roles=None, topics=None, email=None, name=None, aud=None))

        assert principal == Principal(user="42", expires_at=NOW + timedelta(seconds=600))

    @pytest.mark.parametrize("secret", [SECRET, "the-secret-before-it-is-still-good-too"])
    async def test_while_secrets_rotate_each_of_them_is_good(self, verifier_of: VerifierOf, secret: str):
        verifier = verifier_of(secrets=[SECRET, "the-secret-before-it-is-still-good-too", SECRET])

        assert (await verifier.verify(signed(secret))).user == "42"

    async def test_each_public_key_verifies_with_its_own_algorithm(
        self, verifier_of, rsa_key, ec_key, ed_key
    ):
        verifier = verifier_of(public_key="\n".join(map(pem_of, [rsa_key, ec_key, ed_key])))

        for key, algorithm in ((rsa_key, "RS256"), (ec_key, "ES256"), (ed_key, "EdDSA")):
            assert (await verifier.verify(signed(key, algorithm))).user == "42"

    async def test_secrets_and_public_keys_work_side_by_side(self, verifier_of, ec_key):
        verifier = verifier_of(secrets=[SECRET], public_key=pem_of(ec_key))

        assert await verifier.verify(signed()) == await verifier.verify(signed(ec_key, "ES256"))


class TestMissing:
    @pytest.mark.parametrize(
        "nothing", [None, "", 0, 42, True, b"token", [], {}, ["token"], {"token": "x"}, 1.5]
    )
    async def test_whatever_is_not_a_text_is_no_token(self, verifier: Verifier, nothing: object):
        with pytest.raises(MissingToken):
            await verifier.verify(nothing)


class TestForgery:
    @pytest.mark.parametrize("none", ["none", "None", "NONE", "nOnE", "", "none ", "null"])
    @pytest.mark.parametrize("signature", ["", "eA"])
    async def test_alg_none_is_refused_in_every_spelling(self, verifier: Verifier, none: str, signature: str):
        header = base64url(json.dumps({"alg": none, "typ": "JWT"}).encode())
        payload = base64url(json.dumps(sound_claims()).encode())

        with pytest.raises(InvalidToken):
            await verifier.verify(f"{header}.{payload}.{signature}")

    @pytest.mark.parametrize("algorithm", [None, 1, True, ["HS256"], {"HS256": 1}])
    async def test_an_algorithm_that_is_no_text_is_refused(self, verifier: Verifier, algorithm: object):
        token = hand_signed(json.dumps(sound_claims()).encode(), {"alg": algorithm})

        with pytest.raises(InvalidToken):
            await verifier.verify(token)

    async def test_a_header_without_an_algorithm_is_refused(self, verifier: Verifier):
        with pytest.raises(InvalidToken):
            await verifier.verify(hand_signed(json.dumps(sound_claims()).encode(), b"{}"))

    @pytest.mark.parametrize("both", [False, True], ids=["public key alone", "beside a secret"])
    async def test_a_public_key_used_as_a_secret_opens_nothing(self, verifier_of, rsa_key, both):
        pem = pem_of(rsa_key)
        verifier = verifier_of(public_key=pem, **({"secrets": [SECRET]} if both else {}))

        for secret in (pem, pem.strip(), pem.encode().decode().replace("\n", "\\n")):
            with pytest.raises(InvalidToken):
                await verifier.verify(hand_signed(json.dumps(sound_claims()).encode(), secret=secret))

    @pytest.mark.parametrize("algorithm", ["HS384", "HS512"])
    async def test_a_secret_verifies_hs256_and_nothing_else(self, verifier: Verifier, algorithm: str):
        with pytest.raises(InvalidToken):
            await verifier.verify(signed("s" * 64, algorithm))
        with pytest.raises(InvalidToken), pytest.warns(jwt.InsecureKeyLengthWarning):
            await verifier.verify(signed(SECRET, algorithm))

    @pytest.mark.parametrize("algorithm", ["RS384", "RS512", "PS256"])
    async def test_an_rsa_key_verifies_rs256_and_nothing_else(self, verifier_of, rsa_key, algorithm):
        with pytest.raises(InvalidToken):
            await verifier_of(public_key=pem_of(rsa_key)).verify(signed(rsa_key, algorithm))

    async def test_a_header_that_names_another_algorithm_than_was_signed_with_is_refused(
        self, verifier_of, ec_key
    ):
        verifier = verifier_of(secrets=[SECRET], public_key=pem_of(ec_key))

        with pytest.raises(InvalidToken):
            await verifier.verify(hand_signed(json.dumps(sound_claims()).encode(), {"alg": "ES256"}))

    async def test_a_token_signed_with_another_secret_is_refused(self, verifier: Verifier):
        with pytest.raises(InvalidToken):
            await verifier.verify(signed("another-secret-of-more-than-32-bytes"))

    async def test_a_token_of_another_rsa_key_is_refused(self, verifier_of, rsa_key):
        stranger = rsa.generate_private_key(public_exponent=65537, key_size=2048)

        with pytest.raises(InvalidToken):
            await verifier_of(public_key=pem_of(rsa_key)).verify(signed(stranger, "RS256"))

    async def test_an_altered_payload_is_refused(self, verifier: Verifier):
        header, _, signature = signed().split(".")
        payload = base64url(json.dumps(sound_claims(sub="1")).encode())

        with pytest.raises(InvalidToken):
            await verifier.verify(f"{header}.{payload}.{signature}")

    @pytest.mark.parametrize(
        "kid",
        ["../../dev/null", "' OR 1=1 --", "|/bin/true", "http://evil.example/key", "\x00", "k" * 2000, ""],
    )
    async def test_a_kid_is_never_looked_up_anywhere_and_changes_nothing_for_our_own_keys(
        self, verifier, kid
    ):
        assert (await verifier.verify(signed(headers={"kid": kid}))).user == "42"
        with pytest.raises(InvalidToken):
            await verifier.verify(
                hand_signed(json.dumps(sound_claims()).encode(), {"kid": kid}, secret="x" * 32)
            )

    @pytest.mark.parametrize("kid", [1, ["a"], {"a": 1}, False])
    async def test_a_kid_that_is_no_text_is_refused(self, verifier: Verifier, kid: object):
        with pytest.raises(InvalidToken):
            await verifier.verify(hand_signed(json.dumps(sound_claims()).encode(), {"kid": kid}))

    async def test_keys_brought_by_the_token_itself_are_ignored(self, verifier_of, rsa_key):
        stranger = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        own_key = {
            "jwk": jwk_of(stranger),
            "jku": "https://evil.example/keys",
            "x5u": "https://evil.example/certificate",
            "x5c": ["MIIB"],
        }
        verifier = verifier_of(public_key=pem_of(rsa_key))

        with pytest.raises(InvalidToken):
            await verifier.verify(signed(stranger, "RS256", headers=own_key))
        assert (await verifier.verify(signed(rsa_key, "RS256", headers=own_key))).user == "42"

    @pytest.mark.parametrize(
        "header",
        [
            {"crit": ["exp"], "exp": 1},
            {"crit": []},
            {"crit": None},
            {"crit": ["b64"], "b64": True},
            {"b64": False},
        ],
    )
    async def test_extensions_that_must_be_understood_are_refused(self, verifier: Verifier, header):
        with pytest.raises(InvalidToken):
            await verifier.verify(hand_signed(json.dumps(sound_claims()).encode(), header))


class TestShape:
    async def test_an_oversized_token_is_refused_before_it_is_parsed(self, verifier: Verifier, monkeypatch):
        def parse(token):
            raise AssertionError("it was parsed")

        monkeypatch.setattr("auth.tokens._header", parse)

        with pytest.raises(InvalidToken, match="8192"):
            await verifier.verify(signed(padding="x" * 8192))

    async def test_a_token_of_just_the_greatest_size_is_read(self, verifier: Verifier):
        fill = next(n for n in range(5800, 6200) if len(signed(padding="x" * n)) >= 8190)
        token = signed(padding="x" * fill)

        assert len(token) <= 8192
        assert (await verifier.verify(token)).user == "42"

    @pytest.mark.parametrize(
        "text",
        [
            ".",
            "..",
            "...",
            "....",
            "a",
            "a.b",
            "a.b.c",
            " ",
            "\x00",
            "é.é.é",
            "\ud800.\udfff.",
            "e30.e30.e30",
            "=.=.=",
        ],
    )
    async def test_texts_that_are_no_tokens_are_refused(self, verifier: Verifier, text: str):
        with pytest.raises(InvalidToken):
            await verifier.verify(text)

    @pytest.mark.parametrize(
        "payload",
        [
            b"", b"null", b"[]", b"42", b'"42"', b"{", b"\xff\xfe", "{}".encode("utf-16"), b"[" * 5000,
            zlib.compress(json.dumps(sound_claims()).encode()),
            signed().encode(),
        ],
        ids=["empty", "null", "list", "number", "text", "torn", "binary", "utf-16", "deep", "compressed", "nested"],
    )  # fmt: skip
    async def test_a_payload_that_is_no_json_object_is_refused(self, verifier: Verifier, payload: bytes):
        for header in ({}, {"zip": "DEF"}, {"cty": "JWT"}):
            with pytest.raises(InvalidToken):
                await verifier.verify(hand_signed(payload, header))

    @pytest.mark.parametrize("header", [b"", b"[]", b"null", b"{", b"\xff", b"[" * 2000])
    async def test_a_header_that_is_no_json_object_is_refused(self, verifier: Verifier, header: bytes):
        with pytest.raises(InvalidToken):
            await verifier.verify(hand_signed(json.dumps(sound_claims()).encode(), header))

    async def test_an_encrypted_token_with_its_five_parts_is_refused(self, verifier: Verifier):
        for header in (b'{"alg":"dir","enc":"A128GCM"}', b'{"alg":"HS256"}'):
            with pytest.raises(InvalidToken):
                await verifier.verify(f"{base64url(header)}..aaaa.bbbb.cccc")

    async def test_no_reason_repeats_what_the_token_held(self, verifier: Verifier):
        for token in (
            signed("x" * 32, sub="secret-name"),
            signed(sub="secret-name", exp=1),
            signed(roles="secret-name"),
        ):
            with pytest.raises(AuthError) as refusal:
                await verifier.verify(token)
            assert "secret-name" not in str(refusal.value)


class TestTimes:
    async def test_the_leeway_is_the_last_moment_of_an_expired_token(self, verifier: Verifier, clock: Clock):
        token = signed(exp=NOW_SECONDS)

        clock.advance(9.999)
        assert (await verifier.verify(token)).expires_at == NOW

        clock.advance(0.001)
        with pytest.raises(ExpiredToken):
            await verifier.verify(token)

    @pytest.mark.parametrize("claim", ["nbf", "iat"])
    async def test_a_token_from_the_future_is_good_within_the_leeway_only(self, verifier, clock, claim):
        assert await verifier.verify(signed(**{claim: NOW_SECONDS + 10}))
        with pytest.raises(InvalidToken, match=claim):
            await verifier.verify(signed(**{claim: NOW_SECONDS + 11}))

        clock.advance(1)
        assert await verifier.verify(signed(**{claim: NOW_SECONDS + 11}))

    async def test_a_token_without_an_end_is_refused(self, verifier: Verifier):
        with pytest.raises(InvalidToken, match="exp"):
            await verifier.verify(jwt.encode({"sub": "42"}, SECRET, algorithm="HS256"))

    @pytest.mark.parametrize("claim", ["exp", "nbf", "iat"])
    @pytest.mark.parametrize(
        "value",
        ["NaN", "Infinity", "-Infinity", "1e999", "-1e999", "1e400", "true", "false", "null", '"1800000000"', "[]",
         "{}", "-1", "-0.001", "253402300800", "1800000000000", "9" * 400, "9" * 5000],
    )  # fmt: skip
    async def test_times_that_cannot_be_are_refused(self, verifier: Verifier, claim: str, value: str):
        claims = {**sound_claims(), claim: "@"}

        with pytest.raises(InvalidToken):
            await verifier.verify(hand_signed(json.dumps(claims).replace('"@"', value).encode()))

    async def test_the_last_second_of_the_calendar_is_a_time(self, verifier: Verifier):
        principal = await verifier.verify(signed(exp=253_402_300_799))

        assert principal.expires_at == datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)

    async def test_fractions_of_seconds_count(self, verifier: Verifier):
        assert (await verifier.verify(signed(exp=NOW_SECONDS + 0.5))).expires_at == NOW + timedelta(
            seconds=0.5
        )


class TestExpectations:
    @pytest.mark.parametrize("audience", ["bellhop", ["shop", "bellhop"]])
    async def test_the_audience_may_stand_alone_or_among_others(self, verifier_of: VerifierOf, audience):
        assert (await verifier_of(audience="bellhop").verify(signed(aud=audience))).user == "42"

    @pytest.mark.parametrize(
        "claims", [{}, *({"aud": a} for a in ("shop", ["shop"], [], "", {"bellhop": 1}, 1, None))]
    )
    async def test_a_token_for_another_audience_is_refused(self, verifier_of: VerifierOf, claims):
        with pytest.raises(InvalidToken, match="audience"):
            await verifier_of(audience="bellhop").verify(signed(**claims))

    async def test_a_token_with_an_audience_is_refused_where_none_is_configured(self, verifier: Verifier):
        with pytest.raises(InvalidToken, match="audience"):
            await verifier.verify(signed(aud="shop"))

    async def test_the_issuer_must_be_the_configured_one(self, verifier_of: VerifierOf):
        verifier = verifier_of(issuer="https://id.example")

        assert await verifier.verify(signed(iss="https://id.example"))
        for claims in ({}, {"iss": "https://evil.example"}, {"iss": ""}):
            with pytest.raises(InvalidToken, match="issuer"):
                await verifier.verify(signed(**claims))
        for issuer in (b'["https://id.example"]', b"null", b"1"):
            payload = json.dumps(sound_claims(iss="@")).encode().replace(b'"@"', issuer)
            with pytest.raises(InvalidToken, match="issuer"):
                await verifier.verify(hand_signed(payload))

    async def test_an_issuer_is_not_asked_for_where_none_is_configured(self, verifier: Verifier):
        assert await verifier.verify(signed(iss="https://anyone.example"))


class TestClaims:
    @pytest.mark.parametrize(
        "subject",
        [
            "",
            " 42",
            "42 ",
            "x" * 129,
            "a\nb",
            "a\u2028b",
            "42\u3000",
            "a\x00",
            "\ud800",
            42,
            None,
            True,
            ["42"],
            {"a": 1},
        ],
    )
    async def test_a_subject_that_is_no_user_id_is_refused(self, verifier: Verifier, subject: object):
        with pytest.raises(InvalidToken, match="sub"):
            await verifier.verify(hand_signed(json.dumps(sound_claims(sub=subject)).encode()))

    @pytest.mark.parametrize(
        "subject", ["a\u200bb", "علی\u200cرضا", "ශ්\u200dරී", "👩\u200d👧", "山田\u3000太郎", "\U0001fae9"]
    )
    async def test_a_subject_and_a_name_may_be_written_in_any_language(
        self, verifier: Verifier, subject: str
    ):
        principal = await verifier.verify(signed(sub=subject, name=f"\u3000{subject} ", roles=[subject]))

        assert (principal.user, principal.name, principal.roles) == (subject, subject, {subject})

    async def test_a_subject_that_is_a_number_is_told_to_be_one(self, verifier: Verifier):
        with pytest.raises(InvalidToken, match="sub is not a string"):
            await verifier.verify(hand_signed(json.dumps(sound_claims(sub=42)).encode()))

    async def test_a_missing_subject_is_refused(self, verifier: Verifier):
        with pytest.raises(InvalidToken, match="sub"):
            await verifier.verify(jwt.encode({"exp": NOW_SECONDS + 600}, SECRET, algorithm="HS256"))

    @pytest.mark.parametrize(
        "roles",
        ["admin", {"admin": True}, 1, True, [1], [None], [["admin"]], [""], ["a\n"], ["r" * 65], ["r"] * 101],
    )
    async def test_roles_that_are_wrong_refuse_the_token(self, verifier: Verifier, roles: object):
        with pytest.raises(InvalidToken, match="roles"):
            await verifier.verify(signed(roles=roles))

    @pytest.mark.parametrize(
        "topics", ["deals", {}, ["a b"], [""], ["a/b"], ["t" * 65], [1], [None], ["é"], ["a\n"]]
    )
    async def test_topics_that_are_wrong_refuse_the_token(self, verifier: Verifier, topics: object):
        with pytest.raises(InvalidToken, match="topics"):
            await verifier.verify(signed(topics=topics))

    async def test_a_hundred_topics_are_taken_and_one_more_refuses_the_token(self, verifier: Verifier):
        assert len((await verifier.verify(signed(topics=[f"t{n}" for n in range(100)]))).topics) == 100
        with pytest.raises(InvalidToken, match="100"):
            await verifier.verify(signed(topics=[f"t{n}" for n in range(101)]))

    @pytest.mark.parametrize("admin", ["Admin", "ADMIN", " admin", "admin ", "administrator"])
    async def test_only_the_exact_word_makes_an_admin(self, verifier: Verifier, admin: str):
        assert (await verifier.verify(signed(roles=[admin]))).role is None

    @pytest.mark.parametrize(
        "email",
        ["", "ann", "@example.org", "ann@", "ann@@example.org", "a b@example.org", "ann@exam ple.org", 42, ["a@b.c"],
         "ann@example.org\nBcc: all@example.org", "ann@example.org,bob@example.org", "Ann <ann@example.org>",
         "ann@" + "x" * 260, "a" * 65 + "@example.org", "\ud800@example.org"],
    )  # fmt: skip
    async def test_an_unsound_address_is_left_out_and_the_user_let_in(
        self, verifier: Verifier, email: object
    ):
        principal = await verifier.verify(hand_signed(json.dumps(sound_claims(email=email)).encode()))

        assert principal.user == "42"
        assert principal.email is None

    @pytest.mark.parametrize("email", ["ann@faß.de", "ann@نامه\u200cای.com", "jörg@example.org"])
    async def test_an_address_of_any_script_is_kept_as_it_is(self, verifier: Verifier, email: str):
        assert (await verifier.verify(signed(email=email))).email == email

    @pytest.mark.parametrize(
        ("claim", "read"),
        [("de", "de"), ("de-AT", "de-AT"), ("pt_BR", "pt-BR"), ("zh-Hant-TW", "zh-Hant-TW"), ("", None), (7, None), ("d", None),
         ("de\n", None), ("deutsch!", None), ("x" * 48, None), ("de-" * 20, None), (["de"], None)],
    )  # fmt: skip
    async def test_a_language_is_read_as_providers_write_it(
        self, verifier: Verifier, claim: object, read: str | None
    ):
        principal = await verifier.verify(hand_signed(json.dumps(sound_claims(locale=claim)).encode()))

        assert principal.locale == read

    @pytest.mark.parametrize(("no", "yes"), [(False, True), ("false", "true")])
    async def test_an_address_the_provider_has_not_verified_is_left_out(
        self, verifier: Verifier, no: object, yes: object
    ):
        """As OpenID Connect has it, or in quotes, as Apple does."""
        unverified = await verifier.verify(signed(email="ann@example.org", email_verified=no))
        verified = await verifier.verify(signed(email="ann@example.org", email_verified=yes))

        assert (unverified.email, verified.email) == (None, "ann@example.org")

    @pytest.mark.parametrize(
        ("name", "kept"),
        [
            ("Ann", "Ann"),
            ("  ", None),
            ("", None),
            (42, None),
            ("a\nb", None),
            ("x" * 200, "x" * 128),
            ("é" * 3, "é" * 3),
        ],
    )
    async def test_a_name_is_kept_within_bounds_or_left_out(self, verifier: Verifier, name, kept):
        assert (await verifier.verify(signed(name=name))).name == kept

    @pytest.mark.parametrize("jti", [1, None, ["a"]])
    async def test_a_jti_that_is_no_text_is_refused(self, verifier: Verifier, jti: object):
        with pytest.raises(InvalidToken, match="jti"):
            await verifier.verify(hand_signed(json.dumps(sound_claims(jti=jti)).encode()))


class TestServiceTokens:
    @pytest.mark.parametrize("scope", ["emit", "openid emit", "admin", " emit  profile "])
    async def test_a_token_with_the_scope_is_a_service(self, verifier: Verifier, scope: str):
        service = await verifier.verify_service(signed(sub="orders", scope=scope))

        assert service == Service(name="orders", scopes=frozenset(scope.split()))
        assert service.may("emit")

    @pytest.mark.parametrize(
        "scope", ["", "openid", "emitter", "EMIT", "emit,admin", ["emit"], {"emit": 1}, None, 1]
    )
    async def test_a_token_without_the_scope_is_none(self, verifier: Verifier, scope: object):
        with pytest.raises(InvalidServiceKey):
            await verifier.verify_service(signed(sub="orders", scope=scope))

    async def test_a_users_token_is_no_services_however_mighty_the_user(self, verifier: Verifier):
        with pytest.raises(InvalidServiceKey):
            await verifier.verify_service(signed(roles=["admin", "emit"]))

    async def test_a_services_token_is_held_to_all_that_a_users_is(self, verifier: Verifier):
        with pytest.raises(ExpiredToken):
            await verifier.verify_service(signed(scope="emit", exp=NOW_SECONDS - 11))
        with pytest.raises(InvalidToken):
            await verifier.verify_service(signed(scope="emit", sub=""))
        with pytest.raises(MissingToken):
            await verifier.verify_service(None)


class TestSigner:
    async def test_what_it_signs_a_verifier_accepts(self, clock: Clock):
        signer = Signer(SECRET, audience="bellhop", issuer="https://id.example", clock=clock)
        verifier = Verifier(
            Keys.of(secrets=[SECRET]), audience="bellhop", issuer="https://id.example", clock=clock
        )

        token = signer.sign(
            "42",
            ttl=timedelta(hours=1),
            roles=["admin"],
            topics=["deals"],
            email="ann@example.org",
            name="Ann",
            locale="de-AT",
        )

        assert await verifier.verify(token) == Principal(
            user="42",
            expires_at=NOW + timedelta(hours=1),
            issued_at=NOW,
            roles=frozenset({"admin"}),
            topics=("deals",),
            email="ann@example.org",
            name="Ann",
            locale="de-AT",
        )

    async def test_the_least_it_signs_is_a_user_and_an_end(self, verifier: Verifier, clock: Clock):
        token = Signer(SECRET, clock=clock).sign("42", ttl=timedelta(minutes=1))

        assert await verifier.verify(token) == Principal(
            user="42", expires_at=NOW + timedelta(minutes=1), issued_at=NOW
        )

    async def test_without_a_clock_both_go_by_the_present(self):
        principal = await Verifier(Keys.of(secrets=[SECRET])).verify(
            Signer(SECRET).sign("42", ttl=timedelta(hours=1))
        )

        assert principal.expires_at > datetime.now(UTC) + timedelta(minutes=59)

    @pytest.mark.parametrize(
        "wrong",
        [{"user": ""}, {"roles": [""]}, {"roles": ["r"] * 101}, {"topics": ["a b"]}, {"topics": ["t"] * 101},
         {"email": "ann"}, {"locale": "german!"}, {"name": "x" * 8192}],
    )  # fmt: skip
    def test_what_a_verifier_would_not_take_is_not_signed(self, wrong):
        with pytest.raises(ValueError, match=r"user|role|topic|address|locale|token"):
            Signer(SECRET).sign(**{"user": "42", "ttl": timedelta(hours=1), **wrong})


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=8,
)
claim_names = st.sampled_from(
    [
        "sub",
        "exp",
        "iat",
        "nbf",
        "iss",
        "aud",
        "jti",
        "roles",
        "topics",
        "email",
        "email_verified",
        "name",
        "scope",
    ]
)
same_verifier = settings(
    max_examples=amount(40, long=200),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


class TestWhateverComes:
    """There is an answer or an AuthError to everything, and nothing else ever."""

    @same_verifier
    @given(token=st.text() | json_values | st.binary())
    async def test_any_value_as_a_token(self, verifier: Verifier, token: object):
        with pytest.raises(AuthError):
            await verifier.verify(token)

    @same_verifier
    @given(
        parts=st.lists(st.binary(max_size=60).map(base64url) | st.text(max_size=10), min_size=1, max_size=5)
    )
    async def test_any_parts_of_a_token(self, verifier: Verifier, parts: list[str]):
        with pytest.raises(AuthError):
            await verifier.verify(".".join(parts))

    @same_verifier
    @given(payload=st.binary(max_size=200))
    async def test_any_bytes_rightly_signed(self, verifier: Verifier, payload: bytes):
        with pytest.raises(AuthError):
            await verifier.verify(hand_signed(payload))

    @same_verifier
    @given(claims=st.dictionaries(claim_names, json_values))
    async def test_any_claims_rightly_signed(self, verifier: Verifier, claims: dict[str, object]):
        token = hand_signed(json.dumps({**sound_claims(), **claims}).encode())

        for verify in (verifier.verify, verifier.verify_service):
            try:
                answer = await verify(token)
            except AuthError:
                continue
            assert isinstance(answer, Principal | Service)

    @same_verifier
    @given(
        header=st.dictionaries(
            st.sampled_from(["alg", "kid", "typ", "crit", "b64", "zip", "jwk"]), json_values
        )
    )
    async def test_any_header_rightly_signed(self, verifier: Verifier, header: dict[str, object]):
        try:
            principal = await verifier.verify(hand_signed(json.dumps(sound_claims()).encode(), header))
        except AuthError:
            return
        assert principal.user == "42"
