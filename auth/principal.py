"""Whom a credential proves: a user with roles and topics, or a service with its scopes."""

import re
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from auth.characters import is_name

ADMIN = "admin"
"""The role, and the scope, that may do everything."""


class Role(StrEnum):
    """What somebody may do beside what is their own. Each may do what those behind it may."""

    ADMIN = ADMIN
    SUPPORT = "support"  # looks, and helps a person to their mail
    VIEWER = "viewer"  # looks

    def covers(self, needed: "Role") -> bool:
        """Whether whoever has this role may do what needs that one."""
        return _RANKS[self] <= _RANKS[needed]

    @classmethod
    def among(cls, names: Collection[str]) -> "Role | None":
        """The highest of the roles that are named."""
        return next((role for role in cls if role in names), None)


_RANKS = {role: rank for rank, role in enumerate(Role)}

USER_ID_MAX = 128
_TOPIC = re.compile(r"[A-Za-z0-9_.-]{1,64}")


def is_user_id(text: str) -> bool:
    """True for a name of 1-128 characters: what a token's `sub` may be."""
    return len(text) <= USER_ID_MAX and is_name(text)


def is_topic(text: str) -> bool:
    """True for the name of a topic: 1-64 of letters, digits, `_`, `.` and `-`."""
    return _TOPIC.fullmatch(text) is not None


NO_ROLES = frozenset[str]()


@dataclass(frozen=True, slots=True, kw_only=True)
class Principal:
    """A user, as a verified token describes them.

    `topics` are each there once, in the token's order. `expires_at` is the end of the connection too.
    """

    user: str
    expires_at: datetime
    roles: frozenset[str] = NO_ROLES
    topics: tuple[str, ...] = ()
    name: str | None = None
    email: str | None = None
    locale: str | None = None
    """The language that the user reads, as a tag such as `de` or `pt-BR`."""
    issued_at: datetime | None = None
    """When the token was made; None for one that does not say."""

    @property
    def role(self) -> Role | None:
        """None for whoever may do only what is their own."""
        return Role.among(self.roles)


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """A backend, proved by an API key or a service token.

    What it may do is its scopes' to say; its name says whose idempotency keys are whose.
    """

    name: str
    scopes: frozenset[str]

    def may(self, scope: str) -> bool:
        """True when the service holds `scope`; `admin` holds every scope."""
        return scope in self.scopes or ADMIN in self.scopes

    @property
    def role(self) -> Role | None:
        """Those of its scopes that are roles too, the highest of them."""
        return Role.among(self.scopes)
