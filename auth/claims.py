"""The claims of a token, one by one. They are held to more than RFC 7519 asks: types, sizes, ranges."""

import json
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from auth.characters import BLANKS, is_line
from auth.errors import InvalidToken
from auth.principal import is_user_id

ROLES_MAX = TOPICS_MAX = 100
ROLE_CHARACTERS_MAX = 64
NAME_CHARACTERS_MAX = 128
_LAST_SECOND = 253_402_300_799
"""9999-12-31T23:59:59Z, the last that fits a datetime. Milliseconds since 1970 lie far beyond it."""
_EMAIL_CHARACTERS_MAX = 254
_LOCALE_CHARACTERS_MAX = 47
_LOCALE = re.compile(r"[A-Za-z]{2,3}([-_][A-Za-z0-9]{2,8}){0,4}")
_EMAIL = re.compile(r'[^\s@<>()\[\]\\,;:"]{1,64}@[^\s@<>()\[\]\\,;:"]+')


def _refuse_constant(name: str) -> float:
    raise ValueError(f"{name} is not JSON")


_json = json.JSONDecoder(parse_constant=_refuse_constant)


def json_object(text: bytes) -> dict[str, Any]:
    """The JSON object of a segment. Raises InvalidToken for what is no object, NaN and the infinities included (RFC
    8259, section 6).
    """
    try:
        value = _json.decode(text.decode())
    except (ValueError, RecursionError) as error:
        raise InvalidToken("the token does not hold JSON") from error
    if not isinstance(value, dict):
        raise InvalidToken("the token does not hold a JSON object")
    return value


def subject_of(claims: Mapping[str, Any]) -> str:
    """The user id, or the service's name, of a token. Raises InvalidToken where there is none that can be."""
    value = claims.get("sub")
    if not isinstance(value, str):
        # Many an issuer puts its number of the user there.
        raise InvalidToken("sub is not a string (RFC 7519, section 4.1.2)")
    if not is_user_id(value):
        raise InvalidToken("sub is not a user id: 1 to 128 characters of one line, no blanks at the ends")
    return value


def time_of(claims: Mapping[str, Any], claim: str) -> float:
    """A NumericDate (RFC 7519, section 2) between 1970 and 9999.

    Raises InvalidToken where it is missing or anything else. A fraction of a second stays.
    """
    value = claims.get(claim)
    # A bool is an int to Python; neither True nor NaN nor a number of milliseconds is a time.
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= _LAST_SECOND:
        raise InvalidToken(f"{claim} is not a time in seconds")
    return float(value)


def moment_of(claims: Mapping[str, Any], claim: str) -> datetime:
    """The same as a time in UTC, to the microsecond."""
    return datetime.fromtimestamp(time_of(claims, claim), UTC)


def texts_of(claims: Mapping[str, Any], claim: str, limit: int, is_sound: Callable[[str], bool]) -> list[str]:
    """The list of texts that a claim is; empty where it is missing or null.

    Raises InvalidToken for what is no list, has more than `limit` entries, or holds something that is not sound: who
    may hear what is not to be guessed from half a list.
    """
    found = claims.get(claim)
    if found is None:
        return []
    if not isinstance(found, list):
        raise InvalidToken(f"{claim} is not a list")
    if len(found) > limit:
        raise InvalidToken(f"{claim} has more than {limit} entries")
    if not all(isinstance(text, str) and is_sound(text) for text in found):
        raise InvalidToken(f"{claim} holds something that is not a name")
    return found


def is_role(text: str) -> bool:
    """Whether it can be the name of a role: one line of 1 to 64 characters."""
    return 0 < len(text) <= ROLE_CHARACTERS_MAX and is_line(text)


def name_of(claim: object) -> str | None:
    """A display name, cut at `NAME_CHARACTERS_MAX`; None for what is none. It only adorns, so it never refuses a token."""
    if not isinstance(claim, str) or not is_line(claim):
        return None
    return claim.strip(BLANKS)[:NAME_CHARACTERS_MAX].rstrip(BLANKS) or None


def locale_of(claim: object) -> str | None:
    """A language as OpenID Connect writes it, `de-AT`, and as some do, `de_AT`."""
    if not isinstance(claim, str) or len(claim) > _LOCALE_CHARACTERS_MAX or not _LOCALE.fullmatch(claim):
        return None
    return claim.replace("_", "-")


def email_of(claim: object) -> str | None:
    """An address that can stand in a mail header: one `@`, nothing that ends or splits the header."""
    if not isinstance(claim, str) or len(claim) > _EMAIL_CHARACTERS_MAX or not is_line(claim):
        return None
    return claim if _EMAIL.fullmatch(claim) else None
