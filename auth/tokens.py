"""JSON Web Tokens (RFC 7519): who a user or a service is, as a signed token says it.

Signatures are checked in `auth.signatures`, and each claim is read by `auth.claims`. Here they are judged, against a clock of ours.
"""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from auth.claims import (
    ROLES_MAX,
    TOPICS_MAX,
    email_of,
    is_role,
    json_object,
    locale_of,
    moment_of,
    name_of,
    subject_of,
    texts_of,
    time_of,
)
from auth.errors import ExpiredToken, InvalidServiceKey, InvalidToken, MissingToken
from auth.key import Key
from auth.keys import Keys
from auth.principal import NO_ROLES, Principal, Role, Service, is_topic
from auth.signatures import Signatures

TOKEN_CHARACTERS_MAX = 8 * 1024
SCOPES_OF_SERVICES = frozenset({"emit", "campaigns", *Role})
"""A token is a service's when its `scope` holds one of these; other scopes in it are kept but open nothing."""
UNVERIFIED = (False, "false")
"""What `email_verified` is of an address that nobody has shown to be the user's: some providers write a text there."""
HEADERS_REMEMBERED = 64


def utc_now() -> datetime:
    """The time by this machine's clock; what tests put another in the place of."""
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
        clock: Callable[[], datetime] = utc_now,
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

        Raises MissingToken, InvalidToken, ExpiredToken or KeysUnavailable. Our own keys are tried before anybody else's
        server is asked.
        """
        claims = await self._claims(token)
        roles = texts_of(claims, "roles", ROLES_MAX, is_role)
        return Principal(
            user=subject_of(claims),
            expires_at=moment_of(claims, "exp"),
            issued_at=moment_of(claims, "iat") if "iat" in claims else None,
            # Nearly all have none: each empty set of its own has 216 bytes.
            roles=frozenset(roles) if roles else NO_ROLES,
            topics=tuple(dict.fromkeys(texts_of(claims, "topics", TOPICS_MAX, is_topic))),
            name=name_of(claims.get("name")),
            email=None if claims.get("email_verified") in UNVERIFIED else email_of(claims.get("email")),
            locale=locale_of(claims.get("locale")),
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
        return Service(name=subject_of(claims), scopes=scopes)

    async def _claims(self, token: object) -> Mapping[str, Any]:
        """The claims of a token that is signed by a key of ours and good now. Raises AuthError."""
        if not isinstance(token, str) or not token:
            raise MissingToken("no token was given")
        # Measured before anything is parsed: what parsing costs is bounded by this.
        if len(token) > TOKEN_CHARACTERS_MAX:
            raise InvalidToken(f"the token has more than {TOKEN_CHARACTERS_MAX} characters")
        if not token.isascii():
            raise InvalidToken("the token is not base64url")
        algorithm, kid = _header(token.partition(".")[0])
        key, payload = await self._verified(token, algorithm, kid)
        claims = json_object(payload)
        self._judge(claims)
        self._signatures.remember(token, key, payload, ends_at=time_of(claims, "exp") + self._leeway_seconds)
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
        """Raise AuthError unless the claims are good now, from the issuer and for the audience that are set."""
        now = self._clock().timestamp()
        if now >= time_of(claims, "exp") + self._leeway_seconds:
            raise ExpiredToken("the token has expired")
        for claim in ("nbf", "iat"):
            if claim in claims and now < time_of(claims, claim) - self._leeway_seconds:
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
    header = json_object(text)
    algorithm, kid = header.get("alg"), header.get("kid")
    if not isinstance(algorithm, str) or not isinstance(kid, str | None):
        raise InvalidToken("the token's header is wrong")
    # RFC 7797, section 3: a payload that is not base64url is an extension too, announced or not.
    if "crit" in header or header.get("b64", True) is False:
        # RFC 7515, section 4.1.11: who does not understand an extension refuses the token. We understand none.
        raise InvalidToken("the token demands an extension")
    return algorithm, kid
