"""A mail put together from its header fields and its two bodies, to the byte."""

import binascii
from collections.abc import Sequence

_CONTROLS = bytes([*range(0x09), *range(0x0B, 0x20), 0x7F])
_NO_CHARACTERS = ("\ufffe".encode(), "\uffff".encode())
"""What Unicode has no character for and XML does not allow."""


def body(rendered: str) -> str:
    """A rendered text as a mail may contain it: a template can print raw `data`, so this comes after the rendering.

    Lone surrogates become question marks, line ends a single feed, and controls but tab and line end go, with what is no
    character of XML's: no MJML is sound with it.
    """
    # As bytes, which is ten times as fast: no character of several bytes has one of these in it.
    sound = rendered.encode(errors="replace")
    if b"\r" in sound:
        sound = sound.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    for each in _NO_CHARACTERS:
        sound = sound.replace(each, b"")
    return sound.translate(None, _CONTROLS).decode()


def compose(fields: Sequence[str], *, text: str, html: str, boundary: str) -> bytes:
    """The whole message (RFC 2046, multipart/alternative); the same arguments always make the same bytes.

    `fields` end with a line end each. The boundary must begin with `=_`, which no quoted-printable body can contain, and
    goes on with what needs no escaping in quotes.
    """
    head = [
        *fields,
        "MIME-Version: 1.0\r\n",
        f'Content-Type: multipart/alternative; boundary="{boundary}"\r\n',
        "\r\n",
    ]
    parts = b"".join(
        _part(content, subtype, boundary) for content, subtype in ((text, "plain"), (html, "html"))
    )
    return "".join(head).encode() + parts + f"--{boundary}--\r\n".encode()


def _part(content: str, subtype: str, boundary: str) -> bytes:
    """One body as a part of its own, in quoted-printable (RFC 2045, section 6.7)."""
    head = (
        f"--{boundary}\r\n"
        f'Content-Type: text/{subtype}; charset="utf-8"\r\n'
        "Content-Transfer-Encoding: quoted-printable\r\n\r\n"
    )
    ended = content if content.endswith("\n") else f"{content}\n"
    # Quoted-printable survives every relay, 8BITMIME or not, and keeps lines short.
    encoded = binascii.b2a_qp(ended.encode(), istext=True)
    # The line end before a boundary belongs to the boundary: without one more, the text would lose its own.
    return head.encode() + encoded.replace(b"\n", b"\r\n") + b"\r\n"
