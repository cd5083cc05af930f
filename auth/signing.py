"""Tokens of users, signed: for the command line, the demo and tests."""

import math
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from uuid import uuid4

import jwt

from auth.claims import (
    ROLES_MAX,
    TOPICS_MAX,
    email_of,
    is_role,
    locale_of,
)
from auth.key import SECRET_ALGORITHM, secret_key
from auth.principal import is_topic, is_user_id
from auth.tokens import TOKEN_CHARACTERS_MAX, utc_now


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
        clock: Callable[[], datetime] = utc_now,
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
        """A token of the user that ends after `ttl`. Raises ValueError for what a Verifier would not take.

        `ttl` counts from now, to a whole second upwards. Each token has an id of its own, so that no two are equal.
        """
        roles, topics = list(roles), list(topics)
        if not is_user_id(user):
            raise ValueError(
                "the user id must have 1-128 characters of one line and no white space at its ends"
            )
        if len(roles) > ROLES_MAX or not all(map(is_role, roles)):
            raise ValueError(f"roles are {ROLES_MAX} names of one line at most")
        if len(topics) > TOPICS_MAX or not all(map(is_topic, topics)):
            raise ValueError(f"topics are {TOPICS_MAX} names at most, of letters, digits, '_', '.' and '-'")
        if email is not None and email_of(email) is None:
            raise ValueError("the address is not one that can stand in a mail header")
        if locale is not None and locale_of(locale) is None:
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
