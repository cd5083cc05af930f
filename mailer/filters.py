"""The filters of templates: what they make of a value of JSON, for a reader of a language. All are total, and bounded."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from mailer import languages


class Reader(NamedTuple):
    """For whom a text is made."""

    locale: str
    timezone: str = "UTC"


@dataclass(frozen=True, slots=True)
class Filter:
    """A filter of templates, and what it may be given. `apply` raises for no value of JSON."""

    apply: Callable[..., object]
    """Called with the value, the reader, and the arguments."""
    arguments: int = 0
    """How many it takes by place, at most; all of them may be left out."""
    named: frozenset[str] = frozenset()


class Missing:
    """What the data has not: no text, and false."""

    def __bool__(self) -> bool:
        return False


MISSING = Missing()
MOST_JOINED = 100
LONGEST_JOINED = 200
PLURALS = frozenset({"zero", "one", "two", "few", "many", "other"})
WIDE = frozenset({"date", "time", "datetime"})
"""The filters whose argument is one of `languages.WIDTHS`."""
TIMED = frozenset({"time", "datetime"})
"""Those that tell the time by the reader's own clock."""


def _plural(value: object, reader: Reader, **forms: object) -> str:
    amount = len(value) if isinstance(value, (list, tuple)) else value
    form = forms.get(languages.plural(amount, reader.locale), forms.get("other", ""))
    said = languages.text(form)
    return said.replace("#", languages.number(amount, reader.locale)) if "#" in said else said


def _default(value: object, reader: Reader, other: object = "") -> object:
    del reader
    return other if value is None or value is MISSING or value == "" else value


def _truncate(value: object, reader: Reader, length: object = 80) -> str:
    del reader
    text = languages.text(value)
    most = length if isinstance(length, int) and length > 0 else 80
    return text if len(text) <= most else f"{text[: most - 1].rstrip()}…"


def _join(value: object, reader: Reader, between: object = ", ") -> str:
    del reader
    if not isinstance(value, (list, tuple)):
        return languages.text(value)
    parts = (languages.text(each)[:LONGEST_JOINED] for each in value[:MOST_JOINED])
    return languages.text(between)[:20].join(parts)


def _length(value: object, reader: Reader) -> int:
    del reader
    return len(value) if isinstance(value, (list, tuple, str, Mapping)) else 0


def _nth(index: int) -> Callable[[object, Reader], object]:
    return lambda value, _: value[index] if isinstance(value, (list, tuple)) and value else MISSING


def _of_text(change: Callable[[str], str]) -> Callable[[object, Reader], str]:
    return lambda value, _: change(languages.text(value))


SPOKEN: Mapping[str, Filter] = {
    "number": Filter(lambda value, reader: languages.number(value, reader.locale)),
    "percent": Filter(lambda value, reader: languages.percent(value, reader.locale)),
    "money": Filter(
        lambda value, reader, currency=None: languages.money(value, currency, reader.locale), arguments=1
    ),
    "date": Filter(
        lambda value, reader, width="medium": languages.day(value, reader.locale, width), arguments=1
    ),
    "time": Filter(
        lambda value, reader, width="short": languages.hour(value, reader.locale, width, reader.timezone),
        arguments=1,
    ),
    "datetime": Filter(
        lambda value, reader, width="medium": languages.moment(value, reader.locale, width, reader.timezone),
        arguments=1,
    ),
    "plural": Filter(_plural, named=PLURALS),
}
"""Those that speak the reader's language; mails have them beside Jinja's own."""

FILTERS: Mapping[str, Filter] = {
    **SPOKEN,
    "default": Filter(_default, arguments=1),
    "truncate": Filter(_truncate, arguments=1),
    "join": Filter(_join, arguments=1),
    "length": Filter(_length),
    "first": Filter(_nth(0)),
    "last": Filter(_nth(-1)),
    "upper": Filter(_of_text(str.upper)),
    "lower": Filter(_of_text(str.lower)),
    "capitalize": Filter(_of_text(str.capitalize)),
    "trim": Filter(_of_text(str.strip)),
}


def compared(left: object, sign: str, right: object) -> bool:
    """Whether a comparison holds: numbers compare with numbers, texts with texts, and nothing else does.

    `sign` is one of Jinja's: eq, ne, lt, lteq, gt, gteq, in, notin. What cannot be compared is not less and not more.
    """
    if sign in ("in", "notin"):
        return _is_in(left, right) == (sign == "in")
    if sign in ("eq", "ne"):
        return (left == right) == (sign == "eq")
    if isinstance(left, str) and isinstance(right, str):
        return _ordered(left, sign, right)
    if isinstance(left, (int, float)) and isinstance(right, (int, float)):
        return _ordered(left, sign, right)
    return False


def _ordered(left: Any, sign: str, right: Any) -> bool:
    under, over = left < right, left > right
    return bool(
        {"lt": under, "lteq": under or left == right, "gt": over, "gteq": over or left == right}[sign]
    )


def _is_in(left: object, right: object) -> bool:
    if isinstance(right, (list, tuple)):
        return left in right
    return isinstance(left, str) and isinstance(right, (str, Mapping)) and left in right
