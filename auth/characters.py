"""Which characters a name may have: the one rule for user ids, names, roles, titles, and every other single line.

It does not ask what this Python's Unicode knows: a joiner between Persian letters or emoji, a wide space, and a character
that was assigned yesterday are the writer's business, and the same on every node.
"""

import re

NOT_IN_A_LINE = r"\u0000-\u001f\u007f-\u009f\u2028\u2029"
"""Control characters (C0, DEL, C1) and the separators of lines and paragraphs, as in a class of a regular expression."""
BLANKS = (
    "\t\n\v\f\r\x1c\x1d\x1e\x1f \x85\xa0\u1680"
    + "".join(map(chr, range(0x2000, 0x200B)))
    + "\u2028\u2029\u202f\u205f\u3000"
)
"""White space (Unicode's property White_Space), which no name has at its ends."""

_odd = re.compile(rf"[{NOT_IN_A_LINE}\ud800-\udfff]").search


def is_line(text: str) -> bool:
    """Whether it is sound Unicode of one line: no control character, no separator of lines, no lone surrogate.

    Tab is a control character too. An empty text is a line.
    """
    return _odd(text) is None


def is_name(text: str) -> bool:
    """Whether it is a line, not empty, without white space at its ends."""
    return bool(text) and text == text.strip(BLANKS) and is_line(text)
