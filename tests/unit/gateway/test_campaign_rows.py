"""Lines of an import, in whatever pieces they come: what each says, and what is wrong with it."""

from datetime import UTC, datetime
from typing import Any

import pytest

from gateway.notify.campaigns.plans import Given, RecipientRequest
from gateway.notify.preferences.chosen import Consent
from gateway.protocol.campaign_rows import (
    DATA_BYTES_MAX,
    LINE_BYTES_MAX,
    CsvRows,
    JsonRows,
    RowSplitter,
    SkippedRow,
)
from gateway.protocol.parsing import Invalid


def cut(text: bytes, *, quoted: bool, size: int = 1) -> list[tuple[int, bytes]]:
    """The records of a text that comes in pieces of so many bytes."""
    records = RowSplitter(quoted=quoted)
    found = [
        record for start in range(0, len(text), size) for record in records.take(text[start : start + size])
    ]
    return [*found, *records.end()]


def read(text: str, *, csv: bool = False) -> list[Any]:
    rows = CsvRows() if csv else JsonRows()
    found = [rows.row(line, record) for line, record in cut(text.encode(), quoted=csv, size=7)]
    return [row for row in found if row is not None]


@pytest.mark.parametrize("size", [1, 2, 5, 100])
def test_records_are_whole_in_whatever_pieces_they_come(size: int):
    text = b'a\n\n"b\nb",c\r\nlast'

    assert cut(text, quoted=True, size=size) == [(1, b"a"), (2, b""), (3, b'"b\nb",c\r'), (5, b"last")]
    assert cut(text, quoted=False, size=size) == [
        (1, b"a"), (2, b""), (3, b'"b'), (4, b'b",c\r'), (5, b"last")
    ]  # fmt: skip


def test_a_quote_that_is_left_open_ends_with_the_file():
    assert cut(b'a\n"b\nc\n', quoted=True) == [(1, b"a"), (2, b'"b\nc')]


@pytest.mark.parametrize("quoted", [True, False])
def test_a_record_that_has_no_end_is_refused_before_it_fills_the_memory(quoted: bool):
    records = RowSplitter(quoted=quoted)
    records.take(b'"\n' if quoted else b"")

    with pytest.raises(Invalid, match="bytes"):
        for _ in range(LINE_BYTES_MAX // 1000 + 2):
            records.take(b"x" * 1000)


@pytest.mark.parametrize("line", [b"", b"ann,a@example.org"])
def test_a_quote_that_nobody_closes_is_told_of_where_it_stands_before_it_fills_the_memory(line: bytes):
    records = RowSplitter(quoted=True)

    with pytest.raises(Invalid, match=r"Line 3 .* bytes"):
        records.take(
            b'user,email\nbob,b@example.org\n"cara,c@example.org\n' + (line + b"\n") * LINE_BYTES_MAX
        )


def test_a_line_of_json_says_who_it_is_and_what_is_known():
    [ann, bob] = read(
        '{"user": "ann", "address": "ann@example.org", "locale": "de-AT", "timezone": "Europe/Vienna",'
        ' "data": {"points": 3}}\n\n  \n{"address": "Bob@EXAMPLE.org"}'
    )

    assert ann == RecipientRequest(
        line=1,
        user="ann",
        address="ann@example.org",
        given=Given(locale="de-AT", timezone="Europe/Vienna", data={"points": 3}),
    )
    assert (bob.line, bob.user, bob.address) == (4, "bob@example.org", "Bob@EXAMPLE.org")


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("{", "This is not JSON."),
        ("[1]", "Must be an object."),
        ("{}", "user or an address"),
        ('{"user": ""}', "user must be"),
        ('{"user": 7}', "user must be"),
        ('{"user": null, "address": "nobody"}', "address must be"),
        ('{"user": "a", "locale": "nonsense!"}', "locale must be"),
        ('{"user": "a", "timezone": "Mars/Base"}', "timezone must be"),
        ('{"user": "a", "data": [1]}', "data must be an object"),
        ('{"user": "a", "data": {"n": 1e400}}', "This is not JSON."),
        ('{"user": "a", "data": {"\\u0000": 1}}', "data: Keys must be"),
        ('{"user": "a", "consents": true}', "no other fields"),
        ('{"user": "a", "consent": true}', "at and source"),
        ('{"user": "a", "consent": {"at": "2026-03-01T09:12:00Z"}}', "at and source"),
        ('{"user": "a", "consent": {"at": "2026-03-01", "source": "x"}}', "consent.at must be"),
        ('{"user": "a", "consent": {"at": 7, "source": "x"}}', "consent.at must be"),
        ('{"user": "a", "consent": {"at": "2026-03-01T09:12:00Z", "source": " "}}', "consent.source must be"),
        (
            '{"user": "a", "consent": {"at": "2026-03-01T09:12:00Z", "source": "' + "x" * 201 + '"}}',
            "consent.source",
        ),
        ('{"user": "a", "data": {"t": "' + "x" * DATA_BYTES_MAX + '"}}', "bytes at most"),
        ('{"address": "' + "x" * 60 + "@" + "y" * 60 + "." + "z" * 60 + '.example"}', "needs a user"),
    ],
)
def test_a_line_that_is_wrong_is_told_of_without_what_it_says(line: str, problem: str):
    [mistake] = read(line)

    assert isinstance(mistake, SkippedRow)
    assert (mistake.line, problem in mistake.problem) == (1, True)
    assert "nobody" not in mistake.problem


def test_csv_names_its_columns_first_and_the_others_by_their_place():
    found = read(
        '\ufeffuser,E-Mail,locale,data.first,data.note\r\nann,ann@example.org,de,Ann,"two\nlines, quoted ""so"""\r\n'
        "bob,,,,\r\n,,,,\r\ncara,c@example.org,,,,more\r\n",
        csv=True,
    )

    assert [getattr(row, "user", None) for row in found] == ["ann", "bob", None]
    assert found[0].given.data == {"first": "Ann", "note": 'two\nlines, quoted "so"'}
    assert found[1] == RecipientRequest(line=4, user="bob", address=None, given=Given())
    assert found[2] == SkippedRow(6, "There are 5 columns.")


def test_a_consent_has_its_time_and_where_it_was_given():
    given = Consent(datetime(2026, 3, 1, 9, 12, tzinfo=UTC), "a letter, signed")

    [by_json] = read(
        '{"user": "a", "consent": {"at": "2026-03-01T10:12:00+01:00", "source": "a letter, signed"}}'
    )
    [by_csv, without] = read(
        'user,consent.at,consent.source\na,2026-03-01T09:12:00Z," a letter, signed"\nb,,\n', csv=True
    )
    [half] = read("user,consent.at\na,2026-03-01T09:12:00Z\n", csv=True)

    assert (by_json.consent, by_csv.consent, without.consent) == (given, given, None)
    assert isinstance(half, SkippedRow)


@pytest.mark.parametrize("head", ["name,surname", "locale", "user,user", "user,data.", "user,data"])
def test_csv_of_other_columns_is_refused_as_a_whole(head: str):
    with pytest.raises(Invalid, match="column"):
        read(f"{head}\nx,y\n", csv=True)


def test_csv_that_is_not_utf_8_is_a_mistake_of_its_line():
    rows = CsvRows()
    rows.row(1, b"user")

    assert rows.row(2, b"\xff") == SkippedRow(2, "This is no CSV in UTF-8.")


def test_a_quote_in_the_middle_of_a_cell_costs_no_other_line():
    """As inches have it: only where a cell begins does one open it."""
    text = (
        "user,address,data.note\n"
        '1,a@example.org,a 27" screen\n'
        "2,b@example.org,x\n"
        '3,c@example.org,13" too\n'
        '4,d@example.org,"said ""y"" and\nmore"\n'
        "5,e@example.org,z\n"
    )

    found = read(text, csv=True)

    assert [each.user for each in found] == ["1", "2", "3", "4", "5"]
    assert found[3].given.data == {"note": 'said "y" and\nmore'}
