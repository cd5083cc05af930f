"""What `bellhop campaign import` sends: whole records, in parts, with what stands where."""

import io

import pytest

from gateway.process import campaign_import
from gateway.process.campaign_import import _parts

CSV = b'user,data.note\nann,"two\nlines"\n\nbob,x\ncara,y\n'


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Parts of two records, from pieces of five bytes."""
    monkeypatch.setattr(campaign_import, "PART_LINES", 2)
    monkeypatch.setattr(campaign_import, "READ_BYTES", 5)


def test_each_part_of_a_csv_has_the_header_and_knows_where_its_records_stand():
    first, second = _parts(io.BytesIO(CSV), None, from_line=1)

    assert (first.media_type, first.header + first.body) == (
        "text/csv",
        b'user,data.note\nann,"two\nlines"\nbob,x\n',
    )
    assert (first.lines, [first.place(line) for line in (2, 4, 99)]) == ((2, 5), [2, 5, 99])
    assert (second.header + second.body, second.lines) == (b"user,data.note\ncara,y\n", (6,))
    assert second.place(2) == 6


def test_an_import_goes_on_from_a_line_and_keeps_the_header():
    [part] = _parts(io.BytesIO(CSV), "csv", from_line=5)

    assert (part.header + part.body, part.lines) == (b"user,data.note\nbob,x\ncara,y\n", (5, 6))


def test_ndjson_is_known_by_its_first_character_and_needs_no_end():
    first, second = _parts(io.BytesIO(b'\n {"user":"a"}\n{"user":"b"}\n{"user":"c"}'), None, from_line=1)

    assert (first.media_type, first.header, first.lines) == ("application/x-ndjson", b"", (2, 3))
    assert first.place(1) == 2
    assert (second.body, second.lines) == (b'{"user":"c"}\n', (4,))


def test_nothing_is_sent_of_nothing():
    assert list(_parts(io.BytesIO(b""), None, from_line=1)) == []
    assert list(_parts(io.BytesIO(b"user\n"), "csv", from_line=1)) == []
