"""The transport that needs no service: one `.eml` file per mail in a folder."""

import asyncio
import os
import re
from pathlib import Path

from mailer.descriptors import ran_out
from mailer.errors import DescriptorFailure, MailConfigurationError, SpoolFailure
from mailer.transport import HandingOver, Outgoing, unheeded

_UNSAFE = re.compile(r"[^A-Za-z0-9._-]")


class SpoolTransport:
    """Writes each mail as `<time>-<id>.eml`, whole or not at all, and durably.

    The name follows from the mail's own Date and id, so that a repeated send replaces its file instead of adding one.
    """

    def __init__(self, folder: Path) -> None:
        """Make the folder; raises `MailConfigurationError` where that is impossible."""
        self.folder = folder
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise MailConfigurationError(
                f"the spool folder {folder} cannot be made: {error.strerror}"
            ) from error

    async def send(self, message: Outgoing, *, handing_over: HandingOver = unheeded) -> str | None:
        """Write the file, and answer its name. A repeat writes the same file."""
        del handing_over  # a repeat replaces its own file
        name = _name_of(message)
        try:
            # A thread that has begun cannot be cancelled, and need not be: it leaves a whole file or none.
            await asyncio.to_thread(self._write, name, message.content())
        except OSError as error:
            kind = DescriptorFailure if ran_out(error) else SpoolFailure
            raise kind(f"the spool cannot be written: {error.strerror}") from error
        return name

    async def close(self) -> None:
        return

    def _write(self, name: str, content: bytes) -> None:
        # The dot hides an unfinished file from readers that look for *.eml.
        """Write beside, sync, rename, sync the folder: in this order a crash leaves the whole file or none."""
        unfinished = self.folder / f".{name}.{os.getpid()}"
        try:
            with unfinished.open("wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            unfinished.replace(self.folder / name)
        except OSError:
            unfinished.unlink(missing_ok=True)
            raise
        # The rename is durable only when the folder is: without this a crash could forget a mail that was "sent".
        folder = os.open(self.folder, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def _name_of(message: Outgoing) -> str:
    time = message.date.strftime("%Y%m%dT%H%M%SZ")
    return f"{time}-{_UNSAFE.sub('_', message.id)[:100]}.eml"
