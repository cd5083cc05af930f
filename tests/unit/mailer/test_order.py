"""What is made of a backend's order data."""

from typing import Any

import pytest

from mailer.order import Item, Order


def test_an_order_is_read_from_the_names_shops_use() -> None:
    order = Order.from_data(
        {
            "order_number": "A-17",
            "currency": "eur",
            "lines": [
                {"title": "Mug", "qty": 2, "unit_price": "9.50"},
                "A gift card",
                {"sku": "X", "amount": -3},
            ],
            "subtotal": 19,
            "vat": 3.61,
            "total": 1019,
            "shipping_address": {
                "name": "Ann",
                "line1": "12 Harbour Lane",
                "zip": 2100,
                "city": "Copenhagen",
            },
        }
    )

    assert order.number == "A-17"
    assert order.items == (
        Item(name="Mug", quantity="2", price="€9.50", amount="€19.00"),
        Item(name="A gift card"),
        Item(name="X", amount="-€3.00"),
    )
    assert order.sums == (("Subtotal", "€19.00"), ("Tax", "€3.61"))
    assert order.total == "€1,019.00"
    assert order.address == ("Ann", "12 Harbour Lane", "2100 Copenhagen")


def test_a_nested_order_is_read_and_what_stands_beside_it_fills_its_gaps() -> None:
    order = Order.from_data({"order": {"id": 7, "total": 10}, "currency": "CHF"})

    assert (order.number, order.total) == ("7", "10.00 CHF")


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        (5, "5.00"),
        ("19,90 €", "19,90 €"),
        (True, ""),
        (float("nan"), ""),
        ("NaN", "NaN"),
        (float("inf"), ""),
        (1e300, ""),
        ("1e-30", "1e-30"),
        (10**50, ""),
        ([1], ""),
        ({"a": 1}, ""),
        (None, ""),
        ("a\r\nb", "a b"),
    ],
)
def test_a_total_that_is_no_sensible_number_is_shown_as_text_or_left_out(given: Any, shown: str) -> None:
    assert Order.from_data({"total": given}).total == shown


def test_yen_have_no_cents() -> None:
    assert Order.from_data({"total": 1200, "currency": "JPY"}).total == "¥1,200"


@pytest.mark.parametrize(
    ("given", "lines"),
    [
        ("12 Harbour Lane\n\n2100 Copenhagen", ("12 Harbour Lane", "2100 Copenhagen")),
        (["12 Harbour Lane", None, 2100], ("12 Harbour Lane", "2100")),
        (42, ()),
    ],
)
def test_an_address_may_be_text_or_lines(given: Any, lines: tuple[str, ...]) -> None:
    assert Order.from_data({"address": given}).address == lines


def test_a_very_long_order_is_cut_and_says_so() -> None:
    order = Order.from_data({"items": ["thing"] * 250})

    assert (len(order.items), order.more) == (200, 50)


def test_items_of_no_sensible_type_are_left_out() -> None:
    order = Order.from_data({"items": [None, [], True, {}, {"name": {}, "quantity": [], "price": {}}]})

    assert order.items == (Item(name="Item"), Item(name="Item"))
