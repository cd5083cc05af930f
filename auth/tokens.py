"""JSON Web Tokens (RFC 7519): who a user or a service is, as a signed token says it, and signing for the command line.

Signatures are checked in `auth.signatures`. The claims are judged here, because they are held to more than the RFC
asks (types, sizes, ranges), against a clock of ours.
"""

import json
import math
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any
from uuid import uuid4

import jwt

from auth.characters import BLANKS, is_line
from auth.errors import ExpiredToken, InvalidServiceKey, InvalidToken, MissingToken
from auth.keys import SECRET_ALGORITHM, Key, Keys, secret_key
from auth.principal import Principal, Role, Service, is_topic, is_user_id
from auth.signatures import Signatures

TOKEN_CHARACTERS_MAX = 8 * 1024
ROLES_MAX = TOPICS_MAX = 100
ROLE_CHARACTERS_MAX = 64
NAME_CHARACTERS_MAX = 128
SCOPES_OF_SERVICES = frozenset({"emit", "campaigns", *Role})
"""A token is a service's when its `scope` holds one of these; other scopes in it are kept but open nothing."""

_LAST_SECOND = 253_402_300_799
"""9999-12-31T23:59:59Z, the last that fits a datetime. Milliseconds since 1970 lie far beyond it."""
HEADERS_REMEMBERED = 64
_EMAIL_CHARACTERS_MAX = 254
# Domains of some scripts hold them, and are others without (RFC 5892, appendix A).
_JOINERS = re.compile("[\u200c\u200d]")
_LOCALE_CHARACTERS_MAX = 47
_LOCALE = re.compile(r"[A-Za-z]{2,3}([-_][A-Za-z0-9]{2,8}){0,4}")
_EMAIL = re.compile(r'[^\s@<>()\[\]\\,;:"]{1,64}@[^\s@<>()\[\]\\,;:"]+')


def _refuse_constant(name: str) -> float:
    raise ValueError(f"{name} is not JSON")


_json = json.JSONDecoder(parse_constant=_refuse_constant)


def _now() -> datetime:
    return datetime.now(UTC)


class Verifier:
    """Tells who a token speaks for. Whatever it is given, it answers or raises an AuthError, nothing else.

    `audience` and `issuer` must match when configured. A token that names an audience is refused when none is
    configured, as RFC 7519, section 4.1.3 demands: it was made for somebody else.

    `leeway_seconds` forgives clocks that differ, for `exp`, `nbf` and `iat`. `expires_at` of a Principal is the
    token's own `exp`, without leeway.
    """

    def __init__(
        self,
        keys: Keys,
        *,
        audience: str | None = None,
        issuer: str | None = None,
        leeway_seconds: float = 10.0,
        clock: Callable[[], datetime] = _now,
    ) -> None:
        self._keys = keys
        self._audience = audience
        self._issuer = issuer
        self._leeway_seconds = leeway_seconds
        self._clock = clock
        self._signatures = Signatures(clock)

    async def verify(self, token: object) -> Principal:
        """The user whose token it is.

        `roles` and `topics` decide what the user may hear, so a token in which they are wrong is refused.
        `email`, `name` and `locale` only adorn: what is unsound in them is left out (an address also when the identity
        provider says `email_verified: false`), an overlong name is cut, and the user is let in.
        """
        claims = await self._claims(token)
        return Principal(
            user=_subject(claims),
            expires_at=_moment(claims, "exp"),
            issued_at=_moment(claims, "iat") if "iat" in claims else None,
            roles=frozenset(_texts(claims, "roles", ROLES_MAX, _is_role)),
            topics=tuple(dict.fromkeys(_texts(claims, "topics", TOPICS_MAX, is_topic))),
            name=_name(claims.get("name")),
            email=None if claims.get("email_verified") is False else _email(claims.get("email")),
            locale=_locale(claims.get("locale")),
        )

    async def verify_service(self, token: object) -> Service:
        """The service whose token it is: one whose `scope` (RFC 8693, section 4.2) holds `emit`, `campaigns` or a role.

        Raises InvalidServiceKey for a sound token that is not a service's.
        """
        claims = await self._claims(token)
        scope = claims.get("scope")
        scopes = frozenset(scope.split()) if isinstance(scope, str) else frozenset[str]()
        if not scopes & SCOPES_OF_SERVICES:
            raise InvalidServiceKey(
                "the token's scope holds none of emit, campaigns, admin, support and viewer"
            )
        return Service(name=_subject(claims), scopes=scopes)

    async def _claims(self, token: object) -> Mapping[str, Any]:
        if not isinstance(token, str) or not token:
            raise MissingToken("no token was given")
        # Measured before anything is parsed: what parsing costs is bounded by this.
        if len(token) > TOKEN_CHARACTERS_MAX:
            raise InvalidToken(f"the token has more than {TOKEN_CHARACTERS_MAX} characters")
        if not token.isascii():
            raise InvalidToken("the token is not base64url")
        algorithm, kid = _header(token.partition(".")[0])
        key, payload = await self._verified(token, algorithm, kid)
        claims = _object(payload)
        self._judge(claims)
        self._signatures.remember(token, key, payload, ends_at=_time(claims, "exp") + self._leeway_seconds)
        return claims

    async def _verified(self, token: str, algorithm: str, kid: str | None) -> tuple[Key, bytes]:
        """What the token says, and the key of ours that has verified it."""
        for key in self._keys.held(algorithm):
            payload = self._signatures.payload(token, key)
            if payload is not None:
                return key, payload
        # Only now: a token of our own keys must not wait for somebody else's server.
        for key in await self._keys.published(algorithm, kid):
            payload = self._signatures.payload(token, key)
            if payload is not None:
                return key, payload
        raise InvalidToken("no key of ours has signed the token")

    def _judge(self, claims: Mapping[str, Any]) -> None:
        now = self._clock().timestamp()
        if now >= _time(claims, "exp") + self._leeway_seconds:
            raise ExpiredToken("the token has expired")
        for claim in ("nbf", "iat"):
            if claim in claims and now < _time(claims, claim) - self._leeway_seconds:
                raise InvalidToken(f"the token is not valid yet ({claim})")
        if self._issuer is not None and claims.get("iss") != self._issuer:
            raise InvalidToken("the token is of another issuer")
        audience = claims.get("aud")
        if audience is not None or self._audience is not None:
            meant = audience if isinstance(audience, list) else [audience]
            if self._audience is None or self._audience not in meant:
                raise InvalidToken("the token is for another audience")
        if not isinstance(claims.get("jti", ""), str):
            raise InvalidToken("jti is not a string")


@lru_cache(HEADERS_REMEMBERED)
def _header(encoded: str) -> tuple[str, str | None]:
    """`alg` and `kid`, unverified: good for choosing among our keys and for nothing else.

    Remembered, because an issuer's tokens all have the same.
    """
    try:
        text = urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4))
    except ValueError as error:
        raise InvalidToken("the token is malformed") from error
    if urlsafe_b64encode(text).rstrip(b"=") != encoded.rstrip("=").encode():
        raise InvalidToken("the token is malformed")
    header = _object(text)
    algorithm, kid = header.get("alg"), header.get("kid")
    if not isinstance(algorithm, str) or not isinstance(kid, str | None):
        raise InvalidToken("the token's header is wrong")
    # RFC 7797, section 3: a payload that is not base64url is an extension too, announced or not.
    if "crit" in header or header.get("b64", True) is False:
        # RFC 7515, section 4.1.11: who does not understand an extension refuses the token. We understand none.
        raise InvalidToken("the token demands an extension")
    return algorithm, kid


def _object(text: bytes) -> dict[str, Any]:
    try:
        value = _json.decode(text.decode())
    except (ValueError, RecursionError) as error:
        raise InvalidToken("the token does not hold JSON") from error
    if not isinstance(value, dict):
        raise InvalidToken("the token does not hold a JSON object")
    return value


def _subject(claims: Mapping[str, Any]) -> str:
    subject = claims.get("sub")
    if not isinstance(subject, str):
        # Many an issuer puts its number of the user there.
        raise InvalidToken("sub is not a string (RFC 7519, section 4.1.2)")
    if not is_user_id(subject):
        raise InvalidToken("sub is not a user id: 1 to 128 characters of one line, no blanks at the ends")
    return subject


def _time(claims: Mapping[str, Any], claim: str) -> float:
    """A NumericDate (RFC 7519, section 2) between 1970 and 9999."""
    value = claims.get(claim)
    # A bool is an int to Python; neither True nor NaN nor a number of milliseconds is a time.
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= _LAST_SECOND:
        raise InvalidToken(f"{claim} is not a time in seconds")
    return float(value)


def _moment(claims: Mapping[str, Any], claim: str) -> datetime:
    return datetime.fromtimestamp(_time(claims, claim), UTC)


def _texts(claims: Mapping[str, Any], claim: str, limit: int, is_sound: Callable[[str], bool]) -> list[str]:
    texts = claims.get(claim)
    if texts is None:
        return []
    if not isinstance(texts, list):
        raise InvalidToken(f"{claim} is not a list")
    if len(texts) > limit:
        raise InvalidToken(f"{claim} has more than {limit} entries")
    if not all(isinstance(text, str) and is_sound(text) for text in texts):
        raise InvalidToken(f"{claim} holds something that is not a name")
    return texts


def _is_role(text: str) -> bool:
    return 0 < len(text) <= ROLE_CHARACTERS_MAX and is_line(text)


def _name(claim: object) -> str | None:
    if not isinstance(claim, str) or not is_line(claim):
        return None
    return claim.strip(BLANKS)[:NAME_CHARACTERS_MAX].rstrip(BLANKS) or None


def _locale(claim: object) -> str | None:
    """A language as OpenID Connect writes it, `de-AT`, and as some do, `de_AT`."""
    if not isinstance(claim, str) or len(claim) > _LOCALE_CHARACTERS_MAX or not _LOCALE.fullmatch(claim):
        return None
    return claim.replace("_", "-")


def _email(claim: object) -> str | None:
    """An address that can stand in a mail header: one `@`, nothing that ends or splits the header."""
    if not isinstance(claim, str) or len(claim) > _EMAIL_CHARACTERS_MAX or not is_line(claim):
        return None
    return claim if _EMAIL.fullmatch(claim) else None


class Signer:
    """Signs tokens of users with a shared secret: for `bellhop token`, the demo and tests.

    What it signs, a Verifier with the same secret, audience and issuer accepts.
    """

    def __init__(
        self,
        secret: str,
        *,
        audience: str | None = None,
        issuer: str | None = None,
        clock: Callable[[], datetime] = _now,
    ) -> None:
        self._key = secret_key(secret)
        self._audience = audience
        self._issuer = issuer
        self._clock = clock

    def sign(
        self,
        user: str,
        *,
        ttl: timedelta,
        roles: Iterable[str] = (),
        topics: Iterable[str] = (),
        email: str | None = None,
        name: str | None = None,
        locale: str | None = None,
    ) -> str:
        """A token of the user that ends after `ttl`. Raises ValueError for what a Verifier would not take."""
        roles, topics = list(roles), list(topics)
        if not is_user_id(user):
            raise ValueError(
                "the user id must have 1-128 characters of one line and no white space at its ends"
            )
        if len(roles) > ROLES_MAX or not all(map(_is_role, roles)):
            raise ValueError(f"roles are {ROLES_MAX} names of one line at most")
        if len(topics) > TOPICS_MAX or not all(map(is_topic, topics)):
            raise ValueError(f"topics are {TOPICS_MAX} names at most, of letters, digits, '_', '.' and '-'")
        if email is not None and _email(email) is None:
            raise ValueError("the address is not one that can stand in a mail header")
        if locale is not None and _locale(locale) is None:
            raise ValueError("the locale is not a language such as de or pt-BR")
        issued = math.floor(self._clock().timestamp())
        claims = {
            "sub": user,
            "iat": issued,
            "exp": issued + math.ceil(ttl.total_seconds()),
            "jti": str(uuid4()),
            "iss": self._issuer,
            "aud": self._audience,
            "roles": roles or None,
            "topics": topics or None,
            "email": email,
            "name": name,
            "locale": locale,
        }
        present = {claim: value for claim, value in claims.items() if value is not None}
        token = jwt.encode(present, self._key.material, algorithm=SECRET_ALGORITHM)
        if len(token) > TOKEN_CHARACTERS_MAX:
            raise ValueError(f"the token would have more than {TOKEN_CHARACTERS_MAX} characters")
        return token
