"""Text from outside, made fit for a header or a mail: no control characters, nothing that cannot be encoded."""

import re

# C0, DEL and C1, the line and paragraph separators, and the marks that reverse the direction of what follows them:
# everything that can end a header line, or show a reader another text than was sent.
_CONTROLS = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff]+")
_BREAK = re.compile("\r\n?|\u2028|\u2029|\x85")


def line(text: str, *, longest: int) -> str:
    """One line of at most `longest` characters, white space runs as single spaces.

    Marks that turn the direction of text go with the controls: a subject reads as it was written.
    """
    return " ".join(_CONTROLS.sub(" ", _encodable(text)).split())[:longest].rstrip()


def paragraphs(text: str) -> tuple[tuple[str, ...], ...]:
    """The lines of each paragraph; paragraphs are what blank lines part.

    Lines are stripped, and have no controls. No paragraph is empty.
    """
    found: list[tuple[str, ...]] = []
    lines: list[str] = []
    for raw in [*_BREAK.sub("\n", _encodable(text)).split("\n"), ""]:
        if cleaned := _CONTROLS.sub(" ", raw).strip():
            lines.append(cleaned)
        elif lines:
            found.append(tuple(lines))
            lines = []
    return tuple(found)


def _encodable(text: str) -> str:
    # JSON can carry a lone surrogate, which no encoding can.
    return text.encode(errors="replace").decode()
