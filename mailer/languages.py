"""Languages: how each writes money, dates and plurals.

The formatting functions are total. Whatever JSON they are given they answer a text, and what they cannot format they leave
as it is: a notification that a schema let in must not fail for its words.
"""

import re
from datetime import UTC, datetime, tzinfo
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from typing import Literal, cast
from zoneinfo import ZoneInfo

from babel import Locale, UnknownLocaleError, dates, numbers

from mailer import locales

LONGEST_TEXT = 4000
Width = Literal["short", "medium", "long", "full"]
WIDTHS = ("short", "medium", "long", "full")
_LARGEST = 10**15
_CURRENCY = re.compile(r"[A-Za-z]{3}")


def is_language(tag: str) -> bool:
    """Whether a BCP 47 tag, such as `de` or `pt-BR`, names a language that CLDR knows.

    Of tags that are longer than CLDR's own, only what is known as a whole counts.
    """
    return _known(tag) is not None


def plural_forms(tag: str) -> tuple[str, ...]:
    """The categories (CLDR) that the language tells apart for numbers; `other` is always one of them."""
    return (*sorted(_locale(tag).plural_form.tags), "other")


def plural(value: object, tag: str) -> str:
    """The category of a number; `other` for what is no number."""
    amount = number_of(value)
    # As it is written by `number`: 1.0 is one, as 1 is, to which it is equal where answers are remembered.
    return "other" if amount is None else _plural(abs(amount).normalize(), tag)


def number(value: object, tag: str) -> str:
    """A number as the language writes it, with its groups and its decimal sign; what is no number as it is."""
    amount = number_of(value)
    return text(value) if amount is None else _number(amount, tag)


def percent(value: object, tag: str) -> str:
    """Of a fraction: 0.2 is 20 %."""
    amount = number_of(value)
    return text(value) if amount is None else numbers.format_percent(amount, locale=_locale(tag))


def money(value: object, currency: object, tag: str) -> str:
    """An amount with its currency (ISO 4217); without a currency it is a plain number.

    Rounded as the currency has it: two digits for most, none for a yen. What is no amount is left as it is.
    """
    amount = number_of(value)
    if amount is None:
        return text(value)
    if not isinstance(currency, str) or not _CURRENCY.fullmatch(currency):
        return _number(amount, tag)
    return _money(amount, currency.upper(), tag)


def day(value: object, tag: str, width: str = "medium") -> str:
    """The day of an RFC 3339 date or time.

    Of a time it is the day in the time's own zone. `width` is one of `WIDTHS`; any other is `medium`.
    """
    when = _moment(value)
    return text(value) if when is None else dates.format_date(when, _width(width), locale=_locale(tag))


def hour(value: object, tag: str, width: str = "short", zone: object = None) -> str:
    """The time of day of an RFC 3339 time, in the zone.

    A time without a zone is taken as it stands. What is no time is left as it is.
    """
    when = _moment(value)
    if when is None:
        return text(value)
    return dates.format_time(_local(when, zone).time(), _width(width), locale=_locale(tag))


def moment(value: object, tag: str, width: str = "medium", zone: object = None) -> str:
    """Day and time of day of an RFC 3339 time, in the zone."""
    when = _moment(value)
    if when is None:
        return text(value)
    # Without its zone, which the widest forms would spell out: the reader's own needs no name.
    return dates.format_datetime(
        _local(when, zone).replace(tzinfo=None), _width(width), locale=_locale(tag)
    ).replace(" UTC", "")


def text(value: object) -> str:
    """What a template prints for a value of JSON: nothing for null, lists and objects.

    A text is cut at `LONGEST_TEXT`. A number is told as JSON has it, with no language.
    """
    if isinstance(value, str):
        return value[:LONGEST_TEXT]
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value) if value.bit_length() <= 64 else ""
    return repr(value) if isinstance(value, float) else ""


def number_of(value: object) -> Decimal | None:
    """A finite number of a size that people write out, also of a text that holds one.

    Of up to 15 digits before the point and 20 behind it. A bool is none.
    """
    if type(value) is int:
        return Decimal(value) if -_LARGEST <= value <= _LARGEST else None
    if not isinstance(value, (float, str, Decimal)):
        return None
    written = str(value)
    if len(written) > 40:
        return None
    try:
        amount = Decimal(written)
    except InvalidOperation:
        return None
    if not amount.is_finite() or not -_LARGEST <= amount <= _LARGEST:
        return None
    # Without an exponent there are no more digits than it is long.
    return amount if "e" not in written.lower() or int(amount.as_tuple().exponent) >= -20 else None


def _moment(value: object) -> datetime | None:
    if isinstance(value, datetime):
        return value
    if not isinstance(value, str) or len(value) > 40:
        return None
    try:
        return datetime.fromisoformat(value)  # of a day: its beginning
    except ValueError:
        return None


def _local(when: datetime, zone: object) -> datetime:
    """In the zone, or in UTC where there is no such zone."""
    if when.tzinfo is None:
        return when
    try:
        return when.astimezone(_zone(zone) if isinstance(zone, str) else UTC)
    except OverflowError:  # at an end of the calendar
        return when


# Babel takes 20 to 50 µs for one of these, and counts and prices come again.


@lru_cache(maxsize=2000)
def _plural(amount: Decimal, tag: str) -> str:
    return _locale(tag).plural_form(amount)


@lru_cache(maxsize=2000)
def _number(amount: Decimal, tag: str) -> str:
    return numbers.format_decimal(amount, locale=_locale(tag))


@lru_cache(maxsize=2000)
def _money(amount: Decimal, currency: str, tag: str) -> str:
    return numbers.format_currency(amount, currency, locale=_locale(tag))


@lru_cache(maxsize=600)
def _zone(name: str) -> tzinfo:
    try:
        return ZoneInfo(name)
    except (LookupError, ValueError, OSError):
        return UTC


def _width(name: object) -> Width:
    return cast("Width", name if name in WIDTHS else "medium")


@lru_cache(maxsize=1000)
def _known(tag: str) -> Locale | None:
    if not locales.is_tag(tag):
        return None
    try:
        return Locale.parse(tag, sep="-")
    except (UnknownLocaleError, ValueError):
        return None


def _locale(tag: str) -> Locale:
    """English where the tag means nothing: a load refuses such a tag, and a caller's is looked up first."""
    return _known(tag) or _ENGLISH


_ENGLISH = Locale("en")
