"""Identifiers of connections and sessions, which nobody can guess."""

import secrets
from binascii import b2a_base64

RANDOM_BYTES = 12
AT_ONCE = 256
_URLSAFE = bytes.maketrans(b"+/", b"-_")


class Identifiers:
    """Makes them as the library does, of 96 random bits and a serial number; but asks the kernel once for hundreds."""

    def __init__(self) -> None:
        self._random = b""
        self._used = 0
        self._serial = 0

    def __call__(self) -> str:
        begin = self._used
        if begin + RANDOM_BYTES > len(self._random):
            self._random = secrets.token_bytes(RANDOM_BYTES * AT_ONCE)
            begin = 0
        self._used = begin + RANDOM_BYTES
        self._serial = (self._serial + 1) & 0xFFFFFF
        serial = self._serial.to_bytes(3, "big")
        text = b2a_base64(self._random[begin : begin + RANDOM_BYTES] + serial, newline=False)
        return text.translate(_URLSAFE).decode()
