"""A message that came from anywhere, taken apart in time that grows with its length and no faster.

The standard library's parser goes as deep as a message nests, and looks for the end of each enclosing part at every line: a small
message can keep it busy for minutes. What is to be found in a report stands near its beginning, and one or two levels deep: so no
more of a message is looked at than `READ_BYTES`, and no deeper than `DEPTH`. Header fields are read by the standard library.
"""

import binascii
import quopri
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from email.errors import MessageError
from email.header import decode_header, make_header
from email.parser import BytesHeaderParser

READ_BYTES = 256 * 1024
"""Of a message: the reasons, and the head of what is sent back with them. A bounce of Postfix has 50 kB at most."""
HEAD_BYTES = 32 * 1024
"""Of the head of a part."""
PARTS = 32
"""Within one message."""
DEPTH = 3
"""Of parts within parts: a report, within the cover of whoever passed it on, and what it sends back."""
VALUE_CHARACTERS = 2000
"""Of a field's value."""

_LINE_END = re.compile(rb"\r?\n|\r")
_HEAD_END = re.compile(rb"\r?\n[ \t]*\r?\n|\r\r")
_TYPE = re.compile(r"\s*([!-.0-~]{1,64}/[!-.0-~]{1,64})")
_PARAMETER = re.compile(r';\s*([a-z-]{1,40})\s*=\s*(?:"([^"]{0,200})"|([^\s;"]{1,200}))', re.IGNORECASE)
_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f]+")
_parser = BytesHeaderParser()


@dataclass(frozen=True, slots=True)
class Fields:
    """The fields of a head, or of a block of a report: by their names in lower case, in their order.

    Names and values are bounded: a head of `HEAD_BYTES`, values of `VALUE_CHARACTERS` on one line, without control
    characters.
    """

    _values: dict[str, list[str]]

    @classmethod
    def of(cls, head: bytes) -> "Fields":
        """The fields of a head in bytes, whatever they are: the library's parser of heads raises nothing."""
        values: dict[str, list[str]] = {}
        head = _LINE_END.sub(b"\r\n", head[:HEAD_BYTES]).lstrip(b"\r\n")
        for name, value in _parser.parsebytes(head).raw_items():
            values.setdefault(name.lower(), []).append(_value(str(value)))
        return cls(values)

    def get(self, name: str) -> str:
        """The first of that name; empty where there is none."""
        found = self._values.get(name)
        return found[0] if found else ""

    def all(self, name: str) -> Sequence[str]:
        """All values of that name, in their order."""
        return self._values.get(name, ())

    def __bool__(self) -> bool:
        return bool(self._values)


@dataclass(frozen=True, slots=True)
class MessagePart:
    """A message, or a part of one."""

    fields: Fields
    type: str
    """Such as `message/delivery-status`, in lower case."""
    parameters: dict[str, str] = field(repr=False)
    body: bytes = field(repr=False)
    """As it was sent, coding and all."""

    def content(self) -> bytes:
        """The body with its coding undone, as far as that goes.

        A coding that is not known is left; base64 that is broken gives nothing.
        """
        match self.fields.get("content-transfer-encoding").strip().lower():
            case "base64":
                return _from_base64(self.body)
            case "quoted-printable":
                return quopri.decodestring(self.body)
            case _:
                return self.body


def message(raw: bytes) -> MessagePart:
    """The message, as far as it is read.

    It raises nothing for any bytes. What has no type is `text/plain` (RFC 2045, section 5.2).
    """
    return _part(raw[:READ_BYTES], "text/plain")


def walk(whole: MessagePart) -> Iterator[MessagePart]:
    """The part and all in it, in their order, within the bounds.

    No more than `PARTS` of them, and none deeper than `DEPTH`; a message within counts as a level.
    """
    left = [PARTS]
    yield from _walk(whole, DEPTH, left)


def blocks(content: bytes) -> Iterator[Fields]:
    """The blocks of fields that blank lines part (RFC 3464, section 2.1)."""
    text = _LINE_END.sub(b"\n", content)
    for block in re.split(rb"\n[ \t]*\n", text, maxsplit=PARTS)[:PARTS]:
        if fields := Fields.of(block):
            yield fields


def words(text: str) -> str:
    """A header's text as people read it.

    What cannot be decoded, whatever the library says of it, stays as it is.
    """
    try:
        return _value(str(make_header(decode_header(text))))
    except (MessageError, ValueError, LookupError):
        return text


def _walk(part: MessagePart, depth: int, left: list[int]) -> Iterator[MessagePart]:
    left[0] -= 1
    yield part
    if depth == 0:
        return
    for inner in _inner(part):
        if left[0] <= 0:
            return
        yield from _walk(inner, depth - 1, left)


def _inner(part: MessagePart) -> Iterator[MessagePart]:
    """The parts of a part, one after the other; none of what has no parts.

    By one pass over the body. A boundary is looked for as it is named, and parts end where the body does, if nothing
    closes them.
    """
    if part.type == "message/rfc822":
        yield _part(part.content(), "text/plain")
        return
    boundary = part.parameters.get("boundary", "")
    if not part.type.startswith("multipart/") or not boundary:
        return
    default = "message/rfc822" if part.type == "multipart/digest" else "text/plain"
    named = re.escape(boundary.encode(errors="replace"))
    delimiter = re.compile(rb"(?:^|\r\n|\n|\r)--" + named + rb"(--)?[ \t]*(?=[\r\n]|$)")
    begin: int | None = None
    for found in delimiter.finditer(part.body):
        if begin is not None:
            yield _part(_after_line_end(part.body[begin : found.start()]), default)
        begin = found.end()
        if found[1]:
            return
    if begin is not None:
        # Cut off before its end, by us or by whoever sent it.
        yield _part(_after_line_end(part.body[begin:]), default)


def _part(raw: bytes, default: str) -> MessagePart:
    # A part may begin with its blank line: then it has no head.
    if _LINE_END.match(raw):
        head, body = b"", _after_line_end(raw)
    else:
        end = _HEAD_END.search(raw)
        head, body = (raw, b"") if end is None else (raw[: end.start()], raw[end.end() :])
    fields = Fields.of(head)
    given = fields.get("content-type")
    kind = _TYPE.match(given)
    parameters = {name.lower(): quoted or plain for name, quoted, plain in _PARAMETER.findall(given)}
    return MessagePart(fields, kind[1].lower() if kind else default, parameters, body)


def _after_line_end(raw: bytes) -> bytes:
    found = _LINE_END.match(raw)
    return raw if found is None else raw[found.end() :]


def _value(text: str) -> str:
    """One line without control characters, and without halves of characters."""
    sound = text[: 2 * VALUE_CHARACTERS].encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    return " ".join(_CONTROLS.sub(" ", sound).split())[:VALUE_CHARACTERS]


def _from_base64(body: bytes) -> bytes:
    plain = body.translate(None, b"\r\n\t ")
    try:
        return binascii.a2b_base64(plain[: len(plain) // 4 * 4])
    except binascii.Error:
        return b""
