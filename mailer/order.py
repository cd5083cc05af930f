"""What a backend's `data` says of an order, for mails that confirm one.

The shapes are the backend's own business: every field is optional, known under the names shops commonly use, and what is
not of a sensible type is left out. Nothing here raises for any JSON.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

from mailer import plain

_SYMBOLS = {"EUR": "€", "USD": "$", "GBP": "£", "JPY": "¥"}
_WITHOUT_CENTS = frozenset({"JPY", "KRW", "VND", "CLP", "ISK"})
_MOST_ITEMS = 200
_LONGEST_TEXT = 300
_LARGEST = Decimal(10) ** 15
_ADDRESS_PARTS = (
    ("name", "recipient"),
    ("company",),
    ("street", "line1", "address1"),
    ("street2", "line2", "address2"),
    ("postal_code", "postcode", "zip"),
    ("city", "town"),
    ("state", "region"),
    ("country", "country_code"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One line of an order, as text ready to show."""

    name: str
    quantity: str = ""
    price: str = ""
    """Of one piece."""
    amount: str = ""
    """Of the line: given, or quantity times price where both are numbers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """Everything as text ready to show; empty where nothing sensible was given."""

    number: str = ""
    items: tuple[Item, ...] = ()
    more: int = 0
    """How many further items are not listed."""
    sums: tuple[tuple[str, str], ...] = ()
    """What lies between the items and the total: label and amount."""
    total: str = ""
    address: tuple[str, ...] = ()

    @classmethod
    def from_data(cls, data: Mapping[str, object]) -> "Order":
        """What `data` says, at any of the names that shops use; of a list the first `_MOST_ITEMS`.

        What is there under two names counts under the first. An amount that is missing is worked out where both factors
        are numbers.
        """
        order = data.get("order")
        if isinstance(order, Mapping):
            # A nested order speaks for itself; what stands beside it fills its gaps.
            data = {**data, "order": None, **order}
        currency = _text(data.get("currency"))[:3].upper()
        listed = _first_list(data, "items", "lines", "line_items")
        sums = (
            ("Subtotal", _money(_first(data, "subtotal"), currency)),
            ("Discount", _money(_first(data, "discount"), currency)),
            ("Shipping", _money(_first(data, "shipping", "delivery"), currency)),
            ("Tax", _money(_first(data, "tax", "vat"), currency)),
        )
        return cls(
            number=_text(_first(data, "order", "order_number", "order_id", "number", "id")),
            items=tuple(_items(listed[:_MOST_ITEMS], currency)),
            more=max(0, len(listed) - _MOST_ITEMS),
            sums=tuple((label, amount) for label, amount in sums if amount),
            total=_money(_first(data, "total", "amount", "grand_total"), currency),
            address=tuple(_address(_first(data, "shipping_address", "delivery_address", "address"))),
        )


def _items(listed: list[object], currency: str) -> Iterator[Item]:
    for entry in listed:
        if not isinstance(entry, Mapping):
            if name := _text(entry):
                yield Item(name=name)
            continue
        quantity = _first(entry, "quantity", "qty", "count")
        price = _first(entry, "price", "unit_price")
        amount = _first(entry, "amount", "total", "line_total")
        pieces, each = _number(quantity), _number(price)
        if amount is None and pieces is not None and each is not None:
            amount = str(pieces * each)
        yield Item(
            name=_text(_first(entry, "name", "title", "description", "sku")) or "Item",
            quantity=_text(quantity),
            price=_money(price, currency),
            amount=_money(amount, currency),
        )


def _address(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield from filter(None, map(_text, value.splitlines()[:10]))
    elif isinstance(value, list):
        yield from filter(None, map(_text, value[:10]))
    elif isinstance(value, Mapping):
        lines = [_text(_first(value, *names)) for names in _ADDRESS_PARTS]
        # Postal code and town share a line.
        lines[4:6] = [" ".join(filter(None, lines[4:6]))]
        yield from filter(None, lines)


def _first(data: Mapping[str, object], *names: str) -> object:
    """The first of `names` that holds something showable."""
    return next((data[name] for name in names if data.get(name) not in (None, "")), None)


def _first_list(data: Mapping[str, object], *names: str) -> list[object]:
    return next((value for name in names if isinstance(value := data.get(name), list)), [])


def _text(value: object) -> str:
    if isinstance(value, str):
        return plain.line(value, longest=_LONGEST_TEXT)
    number = _number(value)
    return "" if number is None else f"{number:f}"


def _number(value: object) -> Decimal | None:
    """A finite number of a size that people order in."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str)) or len(repr(value)) > 40:
        return None
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        return None
    if not number.is_finite() or abs(number) > _LARGEST or number.as_tuple().exponent < -20:  # type: ignore[operator]  # finite: an int
        return None
    return number


def _money(value: object, currency: str) -> str:
    """A number with its currency; a text that is no number was formatted by the backend and stays as it is."""
    number = _number(value)
    if number is None:
        return _text(value)
    figure = f"{abs(number):,.{0 if currency in _WITHOUT_CENTS else 2}f}"
    sign = "-" if number < 0 else ""
    if currency in _SYMBOLS:
        return f"{sign}{_SYMBOLS[currency]}{figure}"
    return f"{sign}{figure} {currency}".rstrip()
