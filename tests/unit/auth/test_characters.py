"""The one rule of names: the same on every Python, whatever its Unicode knows."""

import sys
import unicodedata

import pytest

from auth.characters import BLANKS, is_line, is_name

REAL = {
    "Persian, with a joiner": "علی\u200cرضا",
    "Sinhala, with a joiner": "ශ්\u200dරී ලංකා",
    "an emoji family": "👩\u200d👩\u200d👧\u200d👦",
    "a wide space": "山田\u3000太郎",
    "a narrow space": "Jean\u202fPaul",
    "a no-break space": "van\u00a0Gogh",
    "a soft hyphen": "Donau\u00addampf",
    "a right-to-left mark": "\u200fשלום",
    "assigned in Unicode 16": "\U0001fae9",
    "assigned in Unicode 15": "\U0001fae8",
    "not assigned yet": "\U000323b0",
    "for private use": "\ue000",
    "a tag sequence": "🏴\U000e0067\U000e0062\U000e007f",
}


@pytest.mark.parametrize("name", REAL.values(), ids=REAL)
def test_the_names_of_people_are_names(name: str):
    assert is_line(name)
    assert is_name(name)


def test_what_is_refused_is_controls_separators_of_lines_and_halves_of_characters_alone():
    refused = {code for code in range(sys.maxunicode + 1) if not is_line(chr(code))}

    assert refused == {*range(0x20), *range(0x7F, 0xA0), 0x2028, 0x2029, *range(0xD800, 0xE000)}


def test_the_blanks_are_unicodes_white_space():
    """Which has not changed since Unicode 6.3; that this Python agrees shows that none was forgotten."""
    assert set(BLANKS) == {chr(code) for code in range(sys.maxunicode + 1) if chr(code).isspace()}
    assert all(unicodedata.category(blank) in ("Zs", "Zl", "Zp", "Cc") for blank in BLANKS)


@pytest.mark.parametrize(
    "name", ["", " ", "a ", " a", "a\u3000", "\u00a0a", "\u2003", "a\u2028b", "a\x85", "\ud800"]
)
def test_what_is_empty_or_has_blanks_at_its_ends_is_no_name(name: str):
    assert not is_name(name)
