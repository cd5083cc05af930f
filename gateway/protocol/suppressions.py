"""What is asked and answered about suppressions: the list, an address put on it, and one taken off.

What a suppression does is of `gateway.notify` and `storage`; a scope is all mail (`"*"`), a lane
(`"lane:bulk"`) or a category (`"category:orders"`).
"""

from datetime import datetime
from typing import Any

from marshmallow import Schema, ValidationError, fields, post_load, validate

from gateway.ground.encoding import Json, time, time_or_none
from gateway.notify.suppressions.listing import LiftRequest, SuppressionsRequest, SuppressRequest
from gateway.protocol import required
from gateway.protocol.asking.basics import OneFieldSchema
from gateway.protocol.fields import EmailAddress, Items, Text, Timestamp, cursor_field, limit_field
from gateway.protocol.holding import Holding
from gateway.protocol.parsing import Invalid
from gateway.protocol.patterns import PRINTABLE
from storage.suppressions import EVERYTHING, Evidence, Reason, Suppression, SuppressionPage

SCOPE = r"\*|lane:(transactional|bulk)|category:[a-z][a-z0-9_]{0,63}"
"""Whether the category is in the catalog is not asked: it may have been."""
DIAGNOSTIC_MAX = 1000
"""Characters of what a mail server has said."""
CODE_MAX = 40
"""Characters."""
SUPPRESSED_AT_ONCE = 200
"""Which a connection takes as one event."""


def _scope_field(**options: Any) -> Text:
    """A scope of a suppression."""
    return Text(SCOPE, "*, lane:bulk, lane:transactional, or category: and its name", longest=80, **options)


def created_at(text: str) -> datetime:
    """The time that a list gives for an entry. Raises `Invalid`.

    Of an import on the command line, where no schema reads the row.
    """
    try:
        moment: datetime = Timestamp().deserialize(text)
    except ValidationError as error:
        raise Invalid({"created_at": [str(each) for each in error.messages]}) from None
    return moment


class SuppressionsSchema(Schema):
    """A page of suppressions.

    Newest first; with an address and a scope, both must hold.
    """

    address = EmailAddress(load_default=None)
    """Compared as mail servers do."""
    scope = _scope_field(load_default=None)
    before = cursor_field()
    limit = limit_field(50, 200)

    @post_load
    def _parse(self, data: dict[str, Any], **_: Any) -> SuppressionsRequest:
        return SuppressionsRequest(**data)


class EvidenceSchema(Schema):
    """How it is known that an address must not be written to; all of it may be missing."""

    mail = Text(r"[!-~]*", "an id", longest=64, load_default=None, allow_none=True)
    code = Text(PRINTABLE, "printable", longest=CODE_MAX, load_default=None, allow_none=True)
    diagnostic = Text(PRINTABLE, "printable", longest=DIAGNOSTIC_MAX, load_default=None, allow_none=True)

    @post_load
    def _parse(self, data: dict[str, Any], **_: Any) -> Evidence:
        return Evidence(**data)


class SuppressSchema(Schema):
    """An address that is not to be written to.

    Loads a `SuppressRequest`. Without an end it lasts until it is lifted.
    """

    address = EmailAddress(required=True)
    scope = _scope_field(load_default=EVERYTHING)
    reason = fields.Enum(Reason, by_value=True, load_default=Reason.MANUAL)
    evidence = fields.Nested(EvidenceSchema)
    expires_at = Timestamp(load_default=None, allow_none=True)

    @post_load
    def _parse(self, data: dict[str, Any], **_: Any) -> SuppressRequest:
        return SuppressRequest(**data)


class SuppressManySchema(OneFieldSchema):
    """Addresses that are not to be written to, each as one would be; when one is wrong, none is taken."""

    suppressions = Items(
        fields.Nested(SuppressSchema), required=True, validate=validate.Length(min=1, max=SUPPRESSED_AT_ONCE)
    )


class LiftSchema(Schema):
    """An address that may be written to again.

    Loads a `LiftRequest`.
    """

    address = EmailAddress(required=True)
    scope = _scope_field(load_default=None, metadata={"description": "Left out: in every scope."})

    @post_load
    def _parse(self, data: dict[str, Any], **_: Any) -> LiftRequest:
        return LiftRequest(**data)


class EvidenceAnswer(Schema):
    """How it is known."""

    mail = required.text(allow_none=True, metadata={"description": "The id of the mail that came back."})
    code = required.text(allow_none=True)
    diagnostic = required.text(allow_none=True)


class SuppressionAnswer(Schema):
    """An address that must not be written to."""

    address = required.text(metadata={"description": "In the form that addresses are compared by."})
    scope = required.text()
    reason = fields.Enum(Reason, by_value=True, required=True)
    source = required.text(metadata={"description": "Who or what put it there."})
    evidence = fields.Nested(EvidenceAnswer, required=True)
    created_at = required.time()
    expires_at = required.time(allow_none=True)
    """Null: it lasts until it is lifted."""


class SuppressionsAnswer(Schema):
    suppressions = fields.List(fields.Nested(SuppressionAnswer), required=True)
    next = required.text(allow_none=True)


class SuppressedAnswer(Schema):
    suppressed = required.number(
        metadata={"description": "That are new, or last longer than what was there; the others were there."}
    )


class LiftedAnswer(Schema):
    lifted = required.number(metadata={"description": "How many there were, in as many scopes."})


def suppression(value: Suppression) -> Json:
    """One entry of the list."""
    evidence = value.evidence
    return {
        "address": value.address,
        "scope": value.scope,
        "reason": value.reason,
        "source": value.source,
        "evidence": {"mail": evidence.mail, "code": evidence.code, "diagnostic": evidence.diagnostic},
        "created_at": time(value.created_at),
        "expires_at": time_or_none(value.expires_at),
    }


def page(value: SuppressionPage) -> Json:
    """A page, newest first."""
    return {"suppressions": [suppression(each) for each in value.items], "next": value.next}


def suppressed(count: int) -> Json:
    """How many were put on the list by it."""
    return {"suppressed": count}


def lifted(count: int) -> Json:
    """How many were taken off."""
    return {"lifted": count}


HELD = Holding(
    fields={
        "suppressions": fields.List(
            fields.Nested(SuppressionAnswer),
            required=True,
            metadata={"description": "Of the user's addresses that no other known user has."},
        )
    },
    read=lambda store, whose, _: store.suppressions.matching(whose.addresses, now=whose.at),
    shape=lambda found: {"suppressions": [suppression(each) for some in found.values() for each in some]},
)
"""In any scope."""
