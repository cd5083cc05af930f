"""The mailbox of one of the demo's people: what the spool holds for their address, as the page beside the shop shows it.

A demo hands its mail to nobody, so the files of the spool are what anybody has got.

It only reads. The spool is written by `mailer`, and swept by it.
"""

import asyncio
import re
from collections import OrderedDict
from collections.abc import Mapping
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

from gateway.ground import encoding

SHOWN = 20
"""Mails that the page lists."""
LOOKED_AT = 200
"""The newest files; older ones are not looked for."""
FILE_BYTES_MAX = 1024 * 1024
"""Of a mail that is read; a larger one is not shown."""
_NAME = re.compile(r"(20\d{6}T\d{6}Z)-([A-Za-z0-9._-]{1,100})\.eml")
"""As the spool names its files: by the time at which the mail was made, and the mail's id."""


class SpoolMailbox:
    """Reads one folder. What a file says of itself is kept: a spool's file is whole from the beginning.

    One for the demo's shop. Its files are read in a thread; the heads of the newest `LOOKED_AT` are kept.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._heads: OrderedDict[str, Mapping[str, str]] = OrderedDict()

    async def of(self, address: str) -> list[Mapping[str, str]]:
        """The newest mails to the address, the newest first."""
        return await asyncio.to_thread(self._of, address)

    async def mail(self, address: str, name: str) -> dict[str, Any] | None:
        """One mail to the address with its words; None where there is none of that name."""
        return await asyncio.to_thread(self._mail, address, name)

    def _of(self, address: str) -> list[Mapping[str, str]]:
        """In a thread: the heads of the newest mails to the address."""
        # The names begin with the time.
        names = sorted((file.name for file in self._folder.glob("*.eml")), reverse=True)[:LOOKED_AT]
        heads = (self._head(name) for name in names if _NAME.fullmatch(name))
        return [head for head in heads if head is not None and head["to"] == address][:SHOWN]

    def _head(self, name: str) -> Mapping[str, str] | None:
        """What is shown of a mail in a list, read at most once."""
        known = self._heads.get(name)
        if known is None and (message := self._read(name)) is not None:
            known = self._heads[name] = _head_of(name, message)
            while len(self._heads) > LOOKED_AT:
                self._heads.popitem(last=False)
        return known

    def _mail(self, address: str, name: str) -> dict[str, Any] | None:
        """In a thread: one mail. The name comes from a caller, and must be one of the spool's."""
        # The pattern has no slash, so the name leads nowhere else.
        message = self._read(name) if _NAME.fullmatch(name) else None
        if message is None:
            return None
        head = _head_of(name, message)
        if head["to"] != address:
            return None
        return {**head, "html": _part(message, "html"), "text": _part(message, "plain")}

    def _read(self, name: str) -> EmailMessage | None:
        """The mail in a file; None where it is gone or too large."""
        file = self._folder / name
        try:
            if file.stat().st_size > FILE_BYTES_MAX:
                return None
            return message_from_bytes(file.read_bytes(), policy=policy.default)
        except OSError:
            # Swept away since the folder was read.
            return None


def _head_of(name: str, message: EmailMessage) -> Mapping[str, str]:
    """What is shown of a mail in a list. Raises `ValueError` for a name whose digits are no time."""
    found = _NAME.fullmatch(name)
    assert found is not None
    addressed = message["To"].addresses if message["To"] else ()
    return {
        "name": name,
        "id": found[2],
        "from": str(message["From"] or ""),
        "to": addressed[0].addr_spec if addressed else "",
        "subject": str(message["Subject"] or ""),
        "at": encoding.time(datetime.strptime(found[1], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)),
    }


def _part(message: EmailMessage, kind: str) -> str:
    """The words of a mail in one form; empty where it has none."""
    part = message.get_body((kind,))
    return "" if part is None else str(part.get_content())
