"""The header fields of a mail, written so that they are read as they were meant: literally, each a field of its own.

The library's own header classes parse what is assigned to them: an encoded-word (RFC 2047) in a caller's text is decoded
then, on some releases into line feeds and so into further headers. Here text is only ever encoded. Whatever a field is
made of, no line of it leaves with a control character inside.
"""

import binascii
import re
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from email.utils import format_datetime
from functools import lru_cache

LONGEST_LINE = 998
"""RFC 5322, section 2.1.1."""
_FOLD_AT = 76
_LONGEST_WORD = 75
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9-]*")
_PLAIN = re.compile(r"[ -~]*")
_ATOMS = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~ -]+")
_UNFIT = re.compile(r"[\x00-\x1f\x7f-\x9f]")
# What may stand for itself in an encoded-word wherever that may stand (RFC 2047, section 5 (3)).
_ITSELF = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789!*+-/")


def unstructured(name: str, text: str) -> str:
    """A field of free text, such as the subject.

    Text that is not plain ASCII becomes encoded-words (RFC 2047) of at most 75 characters, folded at 76. Raises
    ValueError where not even that can be written.
    """
    # What needs no encoding is not folded either: some readers keep the line end of a fold.
    return _folded(name, [text] if _is_literal(text) else list(_encoded(text, used=len(name) + 2)))


def mailbox(name: str, address: str, *, display: str = "") -> str:
    """A field of one mailbox; the address must be sound, the name displayed with it may be anything."""
    words = [*_phrase(display, used=len(name) + 2), f"<{address}>"] if display else [address]
    return _folded(name, words)


def date(name: str, moment: datetime) -> str:
    """A field of a time, in UTC and to the second (RFC 5322, section 3.3)."""
    return _dated(name, moment.astimezone(UTC).replace(microsecond=0))


@lru_cache(maxsize=100)
def _dated(name: str, second: datetime) -> str:
    """Kept: of much mail that is due at once, the date is the same."""
    return _field(name, [format_datetime(second)])


def raw(name: str, value: str) -> str:
    """A field whose value is ASCII and has its form already; it is never folded: List-ID, Message-ID, Feedback-ID.

    Raises ValueError for what is not ASCII, or would not stay one field.
    """
    if not value.isascii():
        raise ValueError(f"{name} is not ASCII")
    return _field(name, [value])


def uris(name: str, given: Iterable[str]) -> str:
    """A field of URIs in angle brackets (RFC 2369), one a line: mail programs do not look for a URI in two pieces.

    Raises ValueError for one that is not ASCII or does not fit a line; `given` has one at least.
    """
    bracketed = [f"<{uri}>" for uri in given]
    if not all(uri.isascii() for uri in bracketed):
        raise ValueError(f"{name} holds a URI that is not ASCII")
    return _field(name, [f"{uri}," for uri in bracketed[:-1]] + bracketed[-1:])


def _field(name: str, lines: list[str]) -> str:
    """The one way out: the field with its line ends. Raises ValueError for what would be read as something else."""
    lines = [f"{name}: {lines[0]}", *(f" {line}" for line in lines[1:])]
    if not _NAME.fullmatch(name):
        raise ValueError("this is no name of a header")
    for line in lines:
        if _UNFIT.search(line) or len(line.encode()) > LONGEST_LINE or not line.strip():
            raise ValueError(f"{name} cannot be written in a header")
    return "".join(f"{line}\r\n" for line in lines)


def _folded(name: str, words: list[str]) -> str:
    """The field of these words, with a line end before a word that would go beyond `_FOLD_AT`."""
    lines = [words[0]]
    used = len(name) + 2
    for word in words[1:]:
        if used + len(lines[-1]) + 1 + len(word) <= _FOLD_AT:
            lines[-1] += f" {word}"
        else:
            lines.append(word)
            used = 1
    return _field(name, lines)


def _is_literal(text: str) -> bool:
    """Whether every reader takes the text for itself: ASCII, single blanks, nothing like an encoded-word."""
    return (
        _PLAIN.fullmatch(text) is not None
        and "=?" not in text
        and text.split(" ") == text.split()
        and len(text) < LONGEST_LINE - _FOLD_AT
    )


def _phrase(name: str, *, used: int) -> list[str]:
    """The words of a name before an address (RFC 5322, section 3.2.5)."""
    if not _is_literal(name):
        return list(_encoded(name, used=used))
    if _ATOMS.fullmatch(name):
        return name.split(" ")
    # One word, since a fold inside quotes is where readers differ.
    escaped = re.sub(r'(["\\])', r"\\\1", name)
    return [f'"{escaped}"']


def _encoded(text: str, *, used: int) -> Iterator[str]:
    """The text as encoded-words, none of them longer than RFC 2047 allows, none ending inside a character.

    `used` says how much of the first line is taken.
    """
    data = text.encode(errors="replace")
    quoted = sum(map(_quoted_length, data)) <= len(data) * 4 / 3
    room = _room(min(_LONGEST_WORD, _FOLD_AT - used))
    chunk = b""
    for character in text:
        longer = chunk + character.encode(errors="replace")
        if chunk and (sum(map(_quoted_length, longer)) if quoted else (len(longer) + 2) // 3 * 4) > room:
            yield _word(chunk, quoted=quoted)
            longer, room = longer[len(chunk) :], _room(_LONGEST_WORD)
        chunk = longer
    yield _word(chunk, quoted=quoted)


def _room(length: int) -> int:
    return length - len("=?utf-8?q??=")


def _word(data: bytes, *, quoted: bool) -> str:
    """One encoded-word of UTF-8, by the coding that is shorter."""
    if not quoted:
        return f"=?utf-8?b?{binascii.b2a_base64(data, newline=False).decode()}?="
    return "=?utf-8?q?" + "".join(chr(byte) if byte in _ITSELF else _hex(byte) for byte in data) + "?="


def _quoted_length(byte: int) -> int:
    return 1 if byte in _ITSELF or byte == 0x20 else 3


def _hex(byte: int) -> str:
    return "_" if byte == 0x20 else f"={byte:02X}"
