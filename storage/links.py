"""The shelf of link keys: what users are called in links that they get by mail."""

from collections.abc import Mapping
from typing import Protocol


class Links(Protocol):
    """Which user a key stands for. A key is some bytes that its maker has chosen; it never stands for another."""

    async def remember(self, keys: Mapping[bytes, str]) -> None:
        """Keep whom each key stands for, durably; one that is known stays as it is.

        It must have answered before the mail with the link leaves. Idempotent.
        """
        ...

    async def user_of(self, key: bytes) -> str | None:
        """Whom the key stands for; None for one that is unknown, or whose user was erased.

        A key is no proof of anything but that somebody holds a mail to that user.
        """
        ...
