"""What is asked and answered about mail that comes back: a report handed in, and those that belong to no mail.

What a report means and what follows is of `mailer` and `gateway.notify`. A report is handed in as the mail
that it is; hearsay is what a provider has told an operator's own program.
"""

from typing import Any

from marshmallow import Schema, ValidationError, fields, post_load, validates_schema

from gateway.ground.encoding import Json, time
from gateway.notify.returns.fates import Fate, HearsayRequest, ProviderEvent, Return, StraysRequest
from gateway.protocol import required
from gateway.protocol.fields import Text, cursor_field, limit_field
from gateway.protocol.patterns import PRINTABLE
from mailer.relay_ids import LONGEST as RELAY_ID_MAX
from storage.strays import StrayPage

REPORT_TYPE = "message/rfc822"
"""The media type of a mail."""
REPORT_BYTES_MAX = 16 * 2**20
"""Some send back a mail whole; no more of it is read than `mailer.parts` needs."""


class StraysSchema(Schema):
    """A page of reports that changed nothing.

    The newest first, for as long as they are kept.
    """

    before = cursor_field()
    limit = limit_field(50, 200)

    @post_load
    def _parse(self, data: dict[str, Any], **_: Any) -> StraysRequest:
        return StraysRequest(**data)


class HearsaySchema(Schema):
    """What a provider has told of a mail: by its id, by its Message-ID, or by the id that the relay gave it.

    One of the three ways to name the mail, and not two: they could name different ones.
    """

    mail = Text(r"[!-~]*", "an id", longest=64)
    message_id = Text(r"[!-~]*", "a Message-ID", longest=400)
    relay_id = Text(
        r"[!-~]*", "an id", longest=RELAY_ID_MAX,
        metadata={"description": "The id in what the relay said as it took the mail, such as `4ABC` of `queued as 4ABC`."},
    )  # fmt: skip
    event = fields.Enum(ProviderEvent, by_value=True, required=True)
    """What became of the mail."""
    status = Text(
        r"[245]\.[0-9]{1,3}\.[0-9]{1,3}", "an enhanced code such as 5.1.1", longest=9, load_default="",
        metadata={"description": "Of a bounce: it alone says what becomes of the address."},
    )  # fmt: skip
    diagnostic = Text(PRINTABLE, "printable", longest=1000, load_default="")

    @validates_schema
    def _agree(self, data: dict[str, Any], **_: Any) -> None:
        if len({"mail", "message_id", "relay_id"} & data.keys()) != 1:
            raise ValidationError("Must have one of mail, message_id and relay_id.")

    @post_load
    def _parse(self, data: dict[str, Any], **_: Any) -> HearsayRequest:
        return HearsayRequest(**data)


class ReturnAnswer(Schema):
    """What came of a report."""

    fate = fields.Enum(Fate, by_value=True, required=True)
    mail = required.text(allow_none=True, metadata={"description": "The id of the mail that it is about."})
    suppressed = required.flag(metadata={"description": "Its address is not written to any more for this."})


class StrayAnswer(Schema):
    """A report that changed nothing."""

    id = required.text()
    received_at = required.time()
    kind = required.text(metadata={"description": "What it seems to be."})
    subject = required.text()
    mail = required.text(allow_none=True)
    """The mail that it names, where it names one."""
    text = required.text(metadata={"description": "As it came, cut off where it is long."})


class StraysAnswer(Schema):
    reports = fields.List(fields.Nested(StrayAnswer), required=True)
    next = required.text(allow_none=True)


def dealt(value: Return) -> Json:
    """What came of a report."""
    return {"fate": value.fate, "mail": value.mail, "suppressed": value.suppressed}


def strays(page: StrayPage) -> Json:
    """A page of strays; what cannot be decoded is shown with replacement characters."""
    reports = [
        {
            "id": stray.id,
            "received_at": time(stray.received_at),
            "kind": stray.kind,
            "subject": stray.subject,
            "mail": stray.mail,
            "text": stray.raw.decode(errors="replace"),
        }
        for stray in page.items
    ]
    return {"reports": reports, "next": page.next}
