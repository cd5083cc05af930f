"""Reports as mail servers really write them, and what nobody should have to read."""

import base64
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailer import parts, reports
from mailer.bounces import severity
from mailer.reports import Report, ReportKind
from tests.support.amounts import amount
from tests.support.corpus import FOLDER, RECIPIENT, SAMPLES, Sample

PATH = "b-abcdefghijklmnopqrstuvwxyz-abcdefghijklmnop@bounces.shop.example"
MESSAGE_ID = "019a0c5e-7d00-7000-8000-000000000001@shop.example"


def read(sample: Sample) -> Report:
    return reports.read(sample.raw(path=PATH, message_id=MESSAGE_ID))


def test_the_corpus_is_the_files_that_are_there() -> None:
    assert {sample.name for sample in SAMPLES} == {path.stem for path in FOLDER.glob("*.eml")}
    assert len(SAMPLES) >= 60


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.name)
def test_each_says_what_it_says(sample: Sample) -> None:
    report = read(sample)

    assert report.kind == sample.kind
    if report.kind is ReportKind.DELIVERY:
        said = [(outcome.action, outcome.status) for outcome in report.outcomes]
        assert (sample.says, sample.status) in said
        failed = [outcome for outcome in report.outcomes if outcome.action == "failed"]
        if sample.says == "failed":
            assert severity(failed[0].status).name.lower() == sample.severity
    else:
        assert report.feedback == sample.says
        assert report.outcomes == ()


@pytest.mark.parametrize(
    "sample",
    [sample for sample in SAMPLES if b"@@PATH@@" in (FOLDER / f"{sample.name}.eml").read_bytes()],
    ids=lambda sample: sample.name,
)
def test_where_it_came_back_to_is_found(sample: Sample) -> None:
    assert PATH in read(sample).paths


@pytest.mark.parametrize("line_end", [b"\n", b"\r\n", b"\r"])
@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.name)
def test_line_ends_change_nothing(sample: Sample, line_end: bytes) -> None:
    raw = sample.raw(path=PATH, message_id=MESSAGE_ID).replace(b"\r\n", b"\n").replace(b"\n", line_end)

    report, expected = reports.read(raw), read(sample)

    assert (report.kind, report.feedback, report.message_ids) == (
        expected.kind,
        expected.feedback,
        expected.message_ids,
    )
    assert [o.status for o in report.outcomes] == [o.status for o in expected.outcomes]


def by_name(name: str) -> Sample:
    return next(sample for sample in SAMPLES if sample.name == name)


def test_what_is_sent_back_tells_its_message_id_by_either_way() -> None:
    for name in (
        "postfix-user-unknown",
        "postfix-user-unknown-headers-only",
        "gmail-not-found",
        "arf-comcast",
    ):
        assert read(by_name(name)).message_ids == (MESSAGE_ID,)
    assert read(by_name("ses-not-found")).message_ids == ("0102019abc-55aa@eu-west-1.amazonses.com",)
    # The report's own is another's.
    assert read(by_name("vacation-sieve")).message_ids == ()


def test_recipients_are_told_as_they_were_written_and_as_they_were_reached() -> None:
    [outcome] = read(by_name("sendmail-user-unknown")).outcomes
    both = read(by_name("forwarded-and-nobody-got-it")).outcomes

    assert outcome.recipients == (RECIPIENT,)
    assert [each.recipients for each in both] == [("ann@old.example.net",), ("ann@new.example.net",)]


def test_a_diagnostic_is_one_line_without_addresses() -> None:
    [outcome] = read(by_name("gmail-not-found")).outcomes
    [exchange] = read(by_name("exchange-not-found")).outcomes

    assert outcome.diagnostic.startswith(
        "550-5.1.1 The email account that you tried to reach does not exist. Please"
    )
    assert "\n" not in outcome.diagnostic
    assert RECIPIENT not in exchange.diagnostic
    assert "<address>" in exchange.diagnostic


def test_the_subject_is_told_in_words() -> None:
    assert read(by_name("global-utf8")).subject == "Unzustellbar: Ihre Bestellung"
    assert reports.read(b"Subject: =?no-such?q?x?=\r\n\r\n").subject == "=?no-such?q?x?="


@pytest.mark.parametrize("subject", ["=?utf-8?b?a?=", "=?utf-8?b?!!!!a?=", "=?x-none?q?a?="])
def test_a_subject_that_nobody_can_decode_is_told_as_it_stands(subject: str) -> None:
    """Anybody can send one: it must hold up no report behind it."""
    assert reports.read(f"Subject: {subject}\r\n\r\nhello".encode()).subject == subject


def test_what_it_came_to_is_taken_first() -> None:
    report = reports.read(by_name("postfix-user-unknown").raw(), came_to=[PATH])

    assert report.paths[0] == PATH


# What nobody should have to read


def nested(depth: int, inner: bytes = b"end") -> bytes:
    raw = inner
    for level in range(depth):
        raw = b'Content-Type: multipart/mixed; boundary="b%d"\r\n\r\n--b%d\r\n%s\r\n--b%d--\r\n' % (
            level, level, raw, level,
        )  # fmt: skip
    return raw


def forwarded(depth: int) -> bytes:
    return b"Content-Type: message/rfc822\r\n\r\n" * depth + b"Subject: end\r\n\r\nend"


STATUS = b"Content-Type: message/delivery-status\r\n\r\nA: b\r\n\r\nAction: failed\r\nStatus: 5.1.1\r\n"
HOSTILE: dict[str, Callable[[], bytes]] = {
    "nothing": lambda: b"",
    "one line end": lambda: b"\n",
    "noughts": lambda: b"\0" * 100_000,
    "deep parts": lambda: nested(3000),
    "deep messages": lambda: forwarded(10_000),
    "many parts": lambda: b"Content-Type: multipart/mixed; boundary=b\n\n" + b"--b\n\nx\n" * 100_000,
    "many fields": lambda: b"".join(b"X-%d: y\n" % n for n in range(100_000)) + b"\nbody",
    "one long field": lambda: b"Subject: " + b"x" * 10_000_000,
    "many folds": lambda: b"Subject: a" + b"\r\n b" * 1_000_000,
    "many words to decode": lambda: b"Subject: " + b"=?utf-8?q?a?= " * 100_000,
    "many blocks": lambda: b"Content-Type: message/delivery-status\n\n" + b"Action: failed\n\n" * 100_000,
    "long address": lambda: b"To: " + b"a@" * 1_000_000,
    "long boundary": lambda: b"Content-Type: multipart/mixed; boundary=" + b"b" * 100_000 + b"\n\n" + b"--b" * 50_000,
    "many parameters": lambda: b"Content-Type: multipart/mixed" + b"; a=b" * 500_000 + b"\n\nx",
    "an open quote": lambda: b'Content-Type: multipart/mixed; boundary="' + b'\\"' * 500_000,
    "base64 of a gigabyte": lambda: (
        b"Content-Type: message/rfc822\nContent-Transfer-Encoding: base64\n\n"
        + base64.encodebytes(bytes(12_000_000))
    ),
    "broken base64": lambda: b"Content-Type: message/rfc822\nContent-Transfer-Encoding: base64\n\n" + b"A=" * 500_000,
    "base64 that cannot be": lambda: b"Content-Type: message/rfc822\nContent-Transfer-Encoding: base64\n\nA===",
    "quoted-printable": lambda: (
        b"Content-Type: message/rfc822\nContent-Transfer-Encoding: quoted-printable\n\n" + b"=3D=\n" * 500_000
    ),
    "wrong letters": lambda: b"Subject: \xff\xfe\x80 \xed\xa0\x80\nTo: \xff@\xfe\n\n\xff",
    "a coding that is none": lambda: b"Content-Type: message/rfc822\nContent-Transfer-Encoding: \xff\n\nx",
    "bare returns": lambda: b"\r" * 1_000_000,
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_no_message_is_too_much(name: str) -> None:
    """How long each takes, and that it grows with the length alone, is measured in `tests/unit/test_linear.py`."""
    report = reports.read(HOSTILE[name]())

    assert len(report.outcomes) <= reports.RECIPIENTS
    assert len(report.subject) <= 200
    assert all(len(path) <= parts.VALUE_CHARACTERS for path in report.paths)


def test_no_more_of_a_message_is_looked_at_than_has_to_be() -> None:
    """The parts that are made of a message of 40 MB hold no more than what is read of one."""
    raw = b"Content-Type: multipart/mixed; boundary=b\n\n--b\n\n" + b"x" * 40_000_000

    held = sum(len(part.body) for part in parts.walk(parts.message(raw)))

    assert held <= (parts.DEPTH + 1) * parts.READ_BYTES


def test_a_report_deeper_than_covers_go_is_not_looked_for() -> None:
    assert reports.read(nested(2, STATUS)).kind is ReportKind.DELIVERY
    assert reports.read(nested(200, STATUS)).kind is ReportKind.OTHER


def test_no_more_parts_are_looked_at_than_a_report_has() -> None:
    many = b"Content-Type: multipart/mixed; boundary=b\n\n" + b"--b\n\nx\n" * parts.PARTS + b"--b\n" + STATUS

    assert reports.read(many).kind is ReportKind.OTHER


@given(st.binary(max_size=2000))
@settings(max_examples=amount(60, long=300))
def test_any_bytes_are_read(raw: bytes) -> None:
    assert reports.read(raw).kind in ReportKind


@given(st.data())
@settings(max_examples=amount(60, long=300), deadline=None)
def test_any_damage_to_a_report_is_borne(data: st.DataObject) -> None:
    raw = bytearray(data.draw(st.sampled_from(SAMPLES)).raw())
    for _ in range(data.draw(st.integers(1, 5))):
        begin = data.draw(st.integers(0, len(raw)))
        end = data.draw(st.integers(begin, min(len(raw), begin + 200)))
        raw[begin:end] = data.draw(st.binary(max_size=50))

    report = reports.read(bytes(raw))

    assert report.kind in ReportKind
    for text in (report.subject, report.feedback, *report.paths, *report.message_ids):
        text.encode()  # no halves of characters
