"""Bytes as they stand in links: base64 that needs no escape, and no padding."""

from base64 import urlsafe_b64decode, urlsafe_b64encode


def text_of(data: bytes) -> str:
    """The bytes as text, without padding (RFC 4648, section 5)."""
    return urlsafe_b64encode(data).decode().rstrip("=")


def characters_of(count: int) -> int:
    """How long the text of so many bytes is."""
    return -(-count * 4 // 3)


def bytes_of(text: str, count: int) -> bytes | None:
    """The bytes that a text stands for; None for one that is none of so many.

    A last character with bits to spare has several spellings, of which `text_of` writes one and this reads all.
    """
    if len(text) != characters_of(count) or not text.isascii():
        return None
    try:
        whole = urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except ValueError:
        return None
    return whole if len(whole) == count else None
