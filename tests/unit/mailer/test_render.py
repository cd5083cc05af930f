"""From a notification to a mail."""

from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.protocol.emit_rules import LINK_MAX
from mailer.errors import RenderFailure
from mailer.letterhead import parse_unsubscribe
from mailer.render import Renderer
from tests.support.amounts import amount
from tests.unit.mailer.letters import ID, RENDERER, notification, order, renderer

HEADERS = [
    "From", "To", "Subject", "Date", "Message-ID", "Auto-Submitted", "MIME-Version", "Content-Type"
]  # fmt: skip
# Everything that JSON can carry, lone surrogates included.
texts = st.text(st.characters(codec=None, exclude_categories=()), max_size=200)
junk = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=12,
)
ORDER_FIELDS = [
    "order", "order_number", "id", "items", "lines", "total", "subtotal", "shipping", "tax", "currency", "address",
    "shipping_address",
]  # fmt: skip
ITEM_FIELDS = ["name", "quantity", "price", "amount"]
order_data = st.dictionaries(
    st.sampled_from(ORDER_FIELDS) | texts,
    junk | st.lists(st.dictionaries(st.sampled_from(ITEM_FIELDS), junk, max_size=4), max_size=4),
    max_size=8,
)


def received(by: Renderer = RENDERER, **fields: Any) -> EmailMessage:
    """The mail as its reader's program sees it."""
    content = by.render(notification(**fields), order()).content()
    parsed = message_from_bytes(content, policy=policy.default)
    assert isinstance(parsed, EmailMessage)
    return parsed


def part(mail: EmailMessage, kind: str) -> str:
    found = mail.get_body((kind,))
    assert found is not None
    return str(found.get_content()).replace("\r\n", "\n")


def test_a_mail_has_a_text_and_an_html_part_and_the_headers_of_an_automatic_mail() -> None:
    mail = received(link="/orders/1234")

    assert mail.keys() == HEADERS
    assert mail["From"] == "Bellhop <bellhop@shop.example>"
    assert mail["To"] == "ann@example.org"
    assert mail["Subject"] == "Your order has shipped"
    assert mail["Date"] == "Mon, 23 Nov 2026 09:30:00 +0000"
    assert mail["Message-ID"] == f"<{ID}@shop.example>"
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail.get_content_type() == "multipart/alternative"
    assert part(mail, "plain") == (
        "Your order has shipped\n\nOrder 1234 left our warehouse\n\nhttps://shop.example/orders/1234\n\n-- \nBellhop\n"
    )
    assert 'href="https://shop.example/orders/1234"' in part(mail, "html")


def test_the_same_notification_is_the_same_mail_byte_for_byte() -> None:
    first, second = (RENDERER.render(notification(), order()).content() for _ in range(2))

    assert first == second


def test_every_line_is_short_enough_for_any_relay() -> None:
    content = RENDERER.render(notification(title="t" * 200, body="ü" * 4000), order()).content()

    assert max(map(len, content.split(b"\r\n"))) <= 998
    assert content.isascii()


def test_a_subject_of_its_own_stands_in_place_of_the_title() -> None:
    mail = RENDERER.render(notification(), order(subject="On its way"))

    assert mail.subject == "On its way"
    assert b"\r\nSubject: On its way\r\n" in mail.content()


@settings(deadline=None, max_examples=amount(15, long=60))
@given(texts, texts, texts)
def test_no_text_can_add_a_header(title: str, subject: str, body: str) -> None:
    rendered = RENDERER.render(notification(title=title, body=body), order(subject=subject))

    mail = message_from_bytes(rendered.content(), policy=policy.default)
    assert mail.keys() == HEADERS
    assert not {"\r", "\n"} & set(mail["Subject"])


@settings(deadline=None, max_examples=amount(15, long=60))
@given(st.sampled_from(["\r\n", "\n", "\r", "\x0b", "\x85", "\u2028", "\r\n ", "\r\n\r\n"]), texts)
def test_a_line_break_in_a_title_is_a_space(line_break: str, rest: str) -> None:
    mail = message_from_bytes(
        RENDERER.render(
            notification(title=f"Hello{line_break}Bcc: eve@example.org{rest}"), order()
        ).content(),
        policy=policy.default,
    )

    assert mail.keys() == HEADERS
    assert mail["Subject"].startswith("Hello Bcc: eve")


@settings(deadline=None, max_examples=amount(15, long=60))
@given(texts | st.from_regex(r"[a-z]+[\r\n<>, ]+[a-z]+@[a-z]+\.[a-z]+", fullmatch=True))
def test_a_recipient_is_one_bare_address_or_nothing(to: str) -> None:
    try:
        rendered = RENDERER.render(notification(), order(to))
    except RenderFailure:
        return

    mail = message_from_bytes(rendered.content(), policy=policy.default)
    assert mail.keys() == HEADERS
    assert rendered.recipient.count("@") == 1
    assert not {"\r", "\n", " ", "<", ">", ","} & set(rendered.recipient)


@pytest.mark.parametrize(
    "to",
    ["", "ann", "@example.org", "ann@", "a b@example.org", "Ann <ann@example.org>", "a@b@c", "ann@example.org\r\nBcc: eve@x.y",
     "a,b@example.org", "ann@exa\udc80mple.org", "\udc80@example.org", "ann@a..b", "ann@" + "x" * 70 + ".org"],
)  # fmt: skip
def test_what_is_no_address_buries_the_mail_without_being_told(to: str) -> None:
    with pytest.raises(RenderFailure) as caught:
        RENDERER.render(notification(), order(to))

    assert str(caught.value) == "the recipient is no mail address"


@settings(deadline=None, max_examples=amount(15, long=60))
@given(order_data)
def test_no_data_can_fail_a_template(data: dict[str, Any]) -> None:
    for type_ in ("ORDER_CONFIRMATION", "ANYTHING"):
        RENDERER.render(notification(type=type_, data=data), order()).content()


def test_an_order_confirmation_shows_number_items_total_and_address() -> None:
    mail = received(
        type="ORDER_CONFIRMATION",
        title="Thank you",
        data={
            "order": 1234,
            "currency": "EUR",
            "items": [{"name": "Mug", "quantity": 2, "price": "9.50"}, {"name": "Card", "price": 5}],
            "shipping": 4.9,
            "total": 28.9,
            "address": ["Ann Example", "12 Harbour Lane"],
        },
    )

    for kind in ("plain", "html"):
        shown = part(mail, kind)
        for expected in (
            "Order 1234",
            "Mug",
            "€19.00",
            "€5.00",
            "€4.90",
            "€28.90",
            "Ann Example",
            "12 Harbour Lane",
        ):
            assert expected in shown


def test_html_from_outside_is_shown_and_not_obeyed() -> None:
    mail = received(
        type="ORDER_CONFIRMATION",
        title="<script>alert(1)</script>",
        body="<img src=x onerror=alert(1)>",
        data={"order": "<b>", "items": [{"name": '"><script>'}], "address": "<i>"},
    )

    html = part(mail, "html")
    assert "<script" not in html
    assert "<img" not in html
    assert "&lt;script&gt;" in html
    assert "<script>alert(1)</script>" in part(mail, "plain")


@pytest.mark.parametrize(
    "link",
    ["javascript:alert(1)", "JaVaScRiPt:alert(1)", " javascript:alert(1)", "java\nscript:alert(1)", "data:text/html,x",
     "vbscript:x", "//evil.example/x", "http://", "http://[", "/\\[", "ftp://x/y", "orders/1"],
)  # fmt: skip
def test_a_link_that_is_not_of_the_web_never_becomes_an_href(link: str) -> None:
    html = part(received(renderer("a@shop.example"), link=link), "html")

    assert "href" not in html


@pytest.mark.parametrize("link", ["//evil.example/x", "/\\evil.example/x"])
def test_a_path_cannot_lead_to_another_host(link: str) -> None:
    mail = received(link=link)

    assert "evil.example" not in part(mail, "html")
    assert "evil.example" not in part(mail, "plain")


def test_a_path_without_a_base_url_is_shown_plain() -> None:
    mail = received(renderer("a@shop.example"), link="/orders/1234")

    assert "href" not in part(mail, "html")
    assert "/orders/1234" in part(mail, "html")
    assert "/orders/1234" in part(mail, "plain")


def test_an_absolute_link_stays_as_it_is_but_for_what_no_url_may_hold() -> None:
    html = part(received(link='https://x.example/a%20b?q="ü"#z'), "html")

    assert 'href="https://x.example/a%20b?q=%22%C3%BC%22#z"' in html


def test_a_link_of_any_length_that_an_emit_may_have_is_whole() -> None:
    link = f"https://x.example/?signed={'a' * (LINK_MAX - 26)}"

    assert len(link) == LINK_MAX
    assert f'href="{link}"' in part(received(link=link), "html")


@pytest.mark.parametrize(
    ("link", "shown"),
    [
        ("https://faß.example/ü?q=ß", "https://xn--fa-hia.example/%C3%BC?q=%C3%9F"),
        ("https://FAß.example:8443/", "https://xn--fa-hia.example:8443/"),
        ("https://☃.example/", "https://%E2%98%83.example/"),
        ("https://[::1]/ü", "https://[::1]/%C3%BC"),
    ],
)
def test_the_host_of_a_link_is_the_one_that_was_meant(link: str, shown: str) -> None:
    assert f'href="{shown}"' in part(received(link=link), "html")


def test_one_click_unsubscription_is_offered_only_when_a_url_is_given() -> None:
    mine = renderer(
        "a@shop.example", unsubscribe=parse_unsubscribe("https://shop.example/out?r={room}&t={type}&n={id}")
    )

    mail = received(mine, room="user:ann\r\n@x")

    assert (
        mail["List-Unsubscribe"] == f"<https://shop.example/out?r=user%3Aann%0D%0A%40x&t=ORDER_UPDATE&n={ID}>"
    )
    assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert "Unsubscribe" in part(mail, "html")
    assert "Unsubscribe: https://shop.example/out" in part(mail, "plain")
    assert "Unsubscribe" not in part(received(), "plain")


# Templates of the operator


def test_a_template_of_the_operator_takes_precedence(tmp_path: Path) -> None:
    (tmp_path / "ORDER_UPDATE.txt").write_text("Mine: {{ data.a.b.c }}{{ nothing }}{{ title }}\n")

    mail = received(renderer("a@shop.example", templates=tmp_path))

    assert part(mail, "plain") == "Mine: Your order has shipped\n"
    assert "<h1" in part(mail, "html")


def test_a_template_of_the_operator_may_extend_the_layout(tmp_path: Path) -> None:
    (tmp_path / "NEWS.html").write_text(
        '{% extends "base.html" %}{% block content %}<p>{{ body }}</p>{% endblock %}'
    )

    html = part(
        received(renderer("Shop <a@shop.example>", templates=tmp_path), type="NEWS", body="<new>"), "html"
    )

    assert "<p>&lt;new&gt;</p>" in html
    assert "Shop" in html


def test_a_type_cannot_name_a_file_outside(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "secret.txt").write_text("secret")

    mail = received(renderer("a@shop.example", templates=tmp_path / "mine"), type="../secret")

    assert "secret" not in part(mail, "plain")


def test_what_no_mail_may_contain_is_taken_out_of_a_template_that_prints_raw_data(tmp_path: Path) -> None:
    (tmp_path / "ORDER_UPDATE.txt").write_text("{{ data.raw }}")
    mine = renderer("a@shop.example", templates=tmp_path)

    mail = received(mine, data={"raw": "a\x00b\udc80c\rd\r\ne\ufffe\uffff\ufffd"})

    assert part(mail, "plain") == "ab?c\nd\ne\ufffd\n"


def test_a_sender_without_a_name_is_known_by_its_domain() -> None:
    assert "shop.example" in part(received(renderer("a@shop.example")), "plain")
