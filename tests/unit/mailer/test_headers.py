"""Header fields that say what they were given, and nothing else, to every reader."""

import re
from datetime import UTC, datetime, timedelta, timezone
from email import message_from_bytes
from email.header import decode_header, make_header
from email.utils import getaddresses

import pytest
from fast_mail_parser import parse_email
from hypothesis import example, given, settings
from hypothesis import strategies as st

from mailer import headers, plain
from mailer.errors import RenderFailure
from tests.support.amounts import amount
from tests.unit.mailer.letters import ID, LETTERHEAD, notification, order, renderer

EXAMPLES = amount(60, long=300)
EXPECTED = [
    "From", "To", "Subject", "Date", "Message-ID", "Auto-Submitted", "List-Unsubscribe", "List-Unsubscribe-Post",
    "MIME-Version", "Content-Type",
]  # fmt: skip
LINE_ENDS = [
    "\r\n",
    "\n",
    "\r",
    "\x0b",
    "\x0c",
    "\x1c",
    "\x85",
    "\u2028",
    "\u2029",
    "\x00",
    "\ufeff",
    "\u202e",
]
# What has made headers out of text before: encoded-words with line ends in them, folds, quotes, other charsets.
FRAGMENTS = [
    "=?UTF-8?Q?=0A?=", "=?utf-8?q?a=0D=0ABcc=3A_x=40y.example?=", "=?utf-8?b?DQpCY2M6IHhAeS5leGFtcGxl?=", "=?x?q?abc?=",
    "=?utf-8?q??=", "=?utf-16?b?AA0ACg==?=", "=?utf-7?q?+AA0ACg-?=", "=?", "?=", "=?=", "=?utf-8?q?=FF?=", "=0D=0A",
    "\r\n ", "\r\n\t", "\r\n\r\n", "\r\nBcc: eve@example.org", ": ", '"', "\\", "<", ">", ",", ";", "(", ")", "@", "  ", "\t",
    "Subject: ", "{{ 7 * 7 }}", "%0d%0a", "&#10;", "\\r\\n", "ü", "😀", "שלום", "\udc80", "e\u0301", "x" * 90, "日本語" * 20,
]  # fmt: skip
anything = st.text(st.characters(codec=None, exclude_categories=()), max_size=120)
hostile = st.lists(st.sampled_from(FRAGMENTS + LINE_ENDS) | anything, max_size=8).map("".join)

WRITER = renderer(
    "Shop <shop@shop.example>",
    unsubscribe=("https://shop.example/u?r={room}&t={type}", "mailto:u@shop.example?subject={id}"),
)


def fields_of(raw: bytes) -> list[tuple[str, str]]:
    """The header fields, read as RFC 5322 says and by nothing of Python's: CRLF ends a line, a blank continues it."""
    head, separator, _ = raw.partition(b"\r\n\r\n")
    assert separator
    assert not re.search(rb"\r(?!\n)|(?<!\r)\n|\x00", head)
    assert all(len(line) <= 998 for line in head.split(b"\r\n"))
    unfolded = re.sub(rb"\r\n(?=[ \t])", b"", head).decode()
    return [
        (name, value.lstrip(" "))
        for name, _, value in (line.partition(":") for line in unfolded.split("\r\n"))
    ]


def read(value: str) -> str:
    return str(make_header(decode_header(value)))


@settings(deadline=None, max_examples=EXAMPLES)
@given(
    title=hostile,
    subject=hostile,
    body=hostile,
    link=hostile,
    room=hostile,
    data=st.dictionaries(hostile, hostile, max_size=2),
)
@example(title="Hi =?UTF-8?Q?=0A?=Bcc: eve@example.org", subject="", body="", link="", room="user:1", data={})
@example(title="Price =?utf-8?q?=46ree?= today", subject="", body="", link="", room="user:1", data={})
def test_no_text_of_a_caller_adds_or_changes_a_header(
    title: str, subject: str, body: str, link: str, room: str, data: dict[str, str]
) -> None:
    """Every field is there once, in its place, and an independent parser reads the subject as it was written."""
    mail = WRITER.render(
        notification(title=title, body=body, link=link, room=room, data=data), order(subject=subject)
    )

    raw = mail.content()
    found = fields_of(raw)
    meant = plain.line(subject, longest=250) or plain.line(title, longest=250) or "Shop"
    names = [name for name, _ in found]
    # A URI that would not fit a line is left out, and with it the offer of one click.
    assert names in (EXPECTED, [name for name in EXPECTED if name != "List-Unsubscribe-Post"])
    assert read(dict(found)["Subject"]) == meant
    independent = parse_email(raw)
    assert list(independent.headers) == names
    assert independent.subject == meant
    assert message_from_bytes(raw).keys() == names
    assert dict(found)["From"] == "Shop <shop@shop.example>"
    assert dict(found)["To"] == "ann@example.org"


@settings(deadline=None, max_examples=EXAMPLES)
@given(local=hostile, domain=hostile | st.sampled_from(["example.org", "bücher.example"]))
def test_no_recipient_adds_or_changes_a_header(local: str, domain: str) -> None:
    """It is one bare address, in the envelope and in the header, or the mail is not made."""
    try:
        mail = WRITER.render(notification(), order(f"{local}@{domain}"))
    except RenderFailure:
        return

    found = fields_of(mail.content())
    assert [name for name, _ in found] == EXPECTED
    assert dict(found)["To"] == mail.recipient
    assert getaddresses([mail.recipient]) == [("", mail.recipient)]
    assert mail.recipient.rpartition("@")[2].isascii()


@settings(deadline=None, max_examples=EXAMPLES)
@given(name=hostile)
def test_a_name_is_read_as_it_was_written_before_its_address(name: str) -> None:
    shown = plain.line(name, longest=100)

    field = headers.mailbox("From", "shop@shop.example", display=shown)

    [(_, value)] = fields_of(f"{field}\r\n".encode())
    [(found, address)] = getaddresses([value])
    assert address == "shop@shop.example"
    assert read(found) == shown
    author = parse_email(f"{field}\r\n".encode()).from_
    assert author is None or author.address == "shop@shop.example"


@settings(deadline=None, max_examples=EXAMPLES)
@given(name=st.sampled_from(["Subject", "List-ID"]) | hostile, value=hostile)
def test_a_raw_field_is_written_as_it_is_or_not_at_all(name: str, value: str) -> None:
    for write in (headers.raw, lambda name, value: headers.uris(name, [value, value])):
        try:
            field = write(name, value)
        except ValueError:
            continue
        [(found, _)] = fields_of(f"{field}\r\n".encode())
        assert found == name


def test_a_long_subject_is_folded_between_encoded_words_only_and_those_are_short() -> None:
    for text in (
        "a " * 99 + "a",
        "Zażółć gęślą jaźń " * 11 + "z",
        "😀" * 200,
        "x" * 200,
        "a=?" * 60,
        "a  b" * 50,
        "a " * 2000,
    ):
        field = headers.unstructured("Subject", text)

        lines = field.removesuffix("\r\n").split("\r\n")
        assert (
            len(lines) == 1
            if text.isascii() and len(text) <= 200 and "=?" not in text and "  " not in text
            else len(lines) > 1
        )
        assert all(len(line) <= 76 for line in lines) or len(lines) == 1
        assert all(len(word) <= 75 for word in field.split() if word.startswith("=?"))
        assert read(fields_of(f"{field}\r\n".encode())[0][1]) == text


def test_uris_are_folded_at_the_comma_between_them_and_nowhere_else() -> None:
    """Mail programs look for a URI on one line, as it is: encoded or folded it is no button."""
    web, mail = f"https://shop.example/u/{'t' * 200}", f"mailto:u@shop.example?subject={'s' * 200}"

    field = headers.uris("List-Unsubscribe", [web, mail])

    assert field == f"List-Unsubscribe: <{web}>,\r\n <{mail}>\r\n"


@pytest.mark.parametrize(
    ("name", "value"),
    [("Feedback-ID", "a\r\nBcc: eve@example.org"), ("Feedback-ID", "ü"), ("Feedback-ID", "x" * 999), ("Bcc: eve", "x"),
     ("", "x"), ("Feedback-ID", "a\x00b")],
)  # fmt: skip
def test_what_would_be_read_as_something_else_is_not_written(name: str, value: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        headers.raw(name, value)
    with pytest.raises(ValueError, match=r"."):
        headers.uris(name, [value])


def test_a_date_is_told_in_utc() -> None:
    moment = datetime(2026, 11, 23, 10, 30, 5, 999, tzinfo=timezone(timedelta(hours=1)))

    assert headers.date("Date", moment) == "Date: Mon, 23 Nov 2026 09:30:05 +0000\r\n"
    assert moment.astimezone(UTC).hour == 9


def test_the_date_is_when_the_mail_was_first_due_at_every_attempt() -> None:
    """A mail that was ordered for next week is not a week old, which some relays refuse."""
    due_at = datetime(2026, 12, 1, 8, tzinfo=UTC)

    first, later = (renderer().render(notification(), order(due_at=due_at)) for _ in range(2))

    assert b"\r\nDate: Tue, 01 Dec 2026 08:00:00 +0000\r\n" in first.content()
    assert first == later


def test_answers_go_to_the_address_that_was_set() -> None:
    plainly = renderer().render(notification(), order()).content()
    answered = renderer(reply_to=LETTERHEAD.sender).render(notification(), order()).content()

    assert b"Reply-To" not in plainly
    assert b"\r\nReply-To: Bellhop <bellhop@shop.example>\r\n" in answered


def test_an_unsubscribe_url_that_fits_no_line_is_left_to_the_text() -> None:
    mail = WRITER.render(notification(room="user:" + "🦊" * 128), order())

    found = dict(fields_of(mail.content()))
    assert found["List-Unsubscribe"] == f"<mailto:u@shop.example?subject={ID}>"
    assert "List-Unsubscribe-Post" not in found
    assert "https://shop.example/u?r=" in mail.text


def test_without_a_url_that_takes_a_post_one_click_is_not_offered() -> None:
    mail = renderer(unsubscribe=("mailto:u@shop.example",)).render(notification(), order())

    found = dict(fields_of(mail.content()))
    assert found["List-Unsubscribe"] == "<mailto:u@shop.example>"
    assert "List-Unsubscribe-Post" not in found
