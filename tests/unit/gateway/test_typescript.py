"""The types of the web's pages are what the table of operations says."""

import pytest
from marshmallow import Schema, fields

from gateway.protocol import typescript
from storage.mail import MailState


@pytest.mark.parametrize("path", typescript.files(), ids=lambda path: path.parts[-3])
def test_the_kept_types_are_those_of_the_table(path):
    """What to do when this fails: `make shapes`."""
    assert path.read_text(encoding="utf-8") == typescript.files()[path]


class InnerAnswer(Schema):
    """Within another."""

    at = fields.DateTime(required=True)


class OuterAnswer(Schema):
    from_ = fields.String(required=True, data_key="from")
    inner = fields.Nested(InnerAnswer, required=True, allow_none=True)
    counts = fields.Dict(
        keys=fields.Enum(MailState, by_value=True),
        values=fields.Integer(),
        metadata={"description": "Of each."},
    )
    curve = fields.List(fields.Float(allow_none=True), required=True)
    said = fields.Dict(required=True)


def test_an_interface_has_what_its_schema_has():
    written = typescript.module([OuterAnswer])

    assert written.removeprefix(typescript.HEAD) == (
        "\nexport const MAIL_STATE_VALUES = [\n"
        '  "pending",\n'
        '  "leased",\n'
        '  "gathered",\n'
        '  "merged",\n'
        '  "sent",\n'
        '  "delivered",\n'
        '  "bounced",\n'
        '  "complained",\n'
        '  "skipped",\n'
        '  "dead",\n'
        "] as const;\n"
        "export type MailState = (typeof MAIL_STATE_VALUES)[number];\n"
        "\n"
        "/** Within another. */\n"
        "export interface InnerAnswer {\n"
        "  readonly at: string;\n"
        "}\n"
        "\n"
        "export interface OuterAnswer {\n"
        "  readonly from: string;\n"
        "  readonly inner: InnerAnswer | null;\n"
        "  /** Of each. */\n"
        "  readonly counts?: Readonly<Record<MailState, number>>;\n"
        "  readonly curve: readonly (number | null)[];\n"
        "  readonly said: Readonly<Record<string, unknown>>;\n"
        "}\n"
    )


def test_what_has_no_type_is_refused_rather_than_left_out():
    class Odd(Schema):
        told = fields.Function()

    with pytest.raises(TypeError, match="Function"):
        typescript.module([Odd])
