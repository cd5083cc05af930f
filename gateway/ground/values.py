"""How the text of a setting becomes a value, and how a value is shown.

The readers that settings of several parts share; what only one part means, its own settings read. A reader raises
`ValidationError` with what the text must be, and never quotes a secret.
"""

import re
from collections.abc import Callable
from typing import Any
from urllib.parse import SplitResult, urlsplit

from environs import ValidationError

from auth.characters import BLANKS

ParseText = Callable[[str], Any]

_UNSEEN = BLANKS + "".join(
    chr(code)
    for code in (0xAD, 0x180E, *range(0x200B, 0x2010), *range(0x202A, 0x202F), *range(0x2060, 0x2070), 0xFEFF)
)
"""What nobody sees at the ends of a value, and so nobody means: white space, zero-width characters, marks of direction."""
_KNOWN = {
    " ": "a blank", "\t": "a tab", "\n": "a line end", "\r": "a carriage return", "\xa0": "a no-break space",
    "\u200b": "a zero-width space", "\ufeff": "a byte order mark",
}  # fmt: skip


# --- how values are read


def duration(text: str) -> float:
    """Seconds from `90`, `90s`, `1.5m`, `2h`, `7d` or `500ms`."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)?", text.strip())
    if match is None:
        raise ValidationError(
            "must be a number of seconds, or one with a unit such as 500ms, 90s, 10m, 2h or 7d."
        )
    return float(match[1]) * {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400, None: 1}[match[2]]


def positive_duration(text: str) -> float:
    seconds = duration(text)
    if not seconds:
        raise ValidationError("must be more than 0.")
    return seconds


def whole(minimum: int = 0, maximum: int = 2**31 - 1) -> ParseText:
    def parse(text: str) -> int:
        if not re.fullmatch(r"\d{1,10}", text) or not minimum <= int(text) <= maximum:
            raise ValidationError(f"must be a whole number from {minimum} to {maximum}.")
        return int(text)

    return parse


def number(text: str) -> float:
    if not re.fullmatch(r"\d{1,10}(\.\d+)?", text):
        raise ValidationError("must be a number, 0 or more.")
    return float(text)


def boolean(text: str) -> bool:
    folded = text.lower()
    if folded not in ("true", "false", "1", "0", "yes", "no", "on", "off"):
        raise ValidationError("must be true or false.")
    return folded in ("true", "1", "yes", "on")


def choice(*choices: str) -> ParseText:
    def parse(text: str) -> str:
        if text.lower() not in choices:
            raise ValidationError(f"must be one of {', '.join(choices)}.")
        return text.lower()

    return parse


def matching(pattern: str, meaning: str) -> ParseText:
    def parse(text: str) -> str:
        if not re.fullmatch(pattern, text):
            raise ValidationError(f"must be {meaning}.")
        return text

    return parse


def items(text: str) -> list[str]:
    """The items of a list with commas between; blanks beside a comma mean nothing, and nothing else may stand there."""
    items = cut(text)
    for item in items:
        if problem := unseen_ends(item):
            raise ValidationError(f"has an item that {problem}.")
    return items


def cut(text: str) -> list[str]:
    return [item for part in text.split(",") if (item := part.strip(" \t"))]


def unseen_ends(text: str) -> str | None:
    """What stands at the ends of a value and cannot be meant; None when nothing does."""
    if text[:1] in _UNSEEN:
        return f"begins with {called(text[0])}"
    if text[-1:] in _UNSEEN:
        return f"ends with {called(text[-1])}"
    return None


def unmeant(text: str) -> str | None:
    """Why a value of one line cannot be meant as it is: it would start, and nothing would match it."""
    if problem := unseen_ends(text):
        return f"{problem}: take it out."
    if len(text) > 1 and text[0] == text[-1] and text[0] in "\"'":
        return "is in quotes, which are taken as a part of it: leave them out."
    return None


def called(character: str) -> str:
    code = f"U+{ord(character):04X}"
    return f"{_KNOWN[character]} ({code})" if character in _KNOWN else f"the invisible character {code}"


def split(text: str) -> SplitResult:
    try:
        parts = urlsplit(text)
        _ = parts.port
    except ValueError:
        raise ValidationError("is not a URL.") from None
    return parts


def url(*schemes: str, needs_host: tuple[str, ...] = ()) -> ParseText:
    def parse(text: str) -> str:
        # MongoDB's URLs may list several hosts, whose ports urlsplit cannot read: their driver judges them.
        scheme, separator, rest = text.partition("://")
        if not separator or scheme not in schemes:
            raise ValidationError(f"must begin with {' or '.join(f'{scheme}://' for scheme in schemes)}.")
        if scheme in needs_host and (rest[:1] in ("", "/", "?") or not split(text).hostname):
            raise ValidationError("names no host.")
        return text

    return parse


# --- how values are shown

MASK = "***"
_SECRET_PARAMETER = re.compile(
    r"([?&;,][^=&;,]*(?:password|passwd|secret|token|key)[^=&;,]*[=:])[^&;]*", re.IGNORECASE
)
_USER_INFO = re.compile(r"(?<=://)(?:([^:@/?]*):)?.*@", re.DOTALL)


def masked_url(url: str) -> str:
    """The URL without its password, wherever it stands; rather too much is masked than too little."""
    if "://" not in url:
        return MASK
    url = _USER_INFO.sub(lambda found: (f"{found[1]}:" if found[1] is not None else "") + MASK + "@", url)
    return _SECRET_PARAMETER.sub(rf"\1{MASK}", url)


def masked(text: str) -> str:
    return ",".join(MASK for _ in cut(text))
