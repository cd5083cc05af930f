"""What is put on a mail as it leaves, whatever made it: the envelope that bounces come back to, a mark, and the signatures."""

import asyncio
from dataclasses import dataclass, replace
from typing import Protocol

from mailer.envelope import ReturnPath
from mailer.headers import raw
from mailer.transport import Outgoing


class Signs(Protocol):
    """What signs a message. `sign` is for a thread, and answers the same for the same bytes."""

    def sign(self, message: bytes) -> bytes: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Seal:
    """What is put on the mail of one lane as it leaves; each of the three may be missing."""

    return_path: ReturnPath | None = None
    signer: Signs | None = None
    mark: str | None = None
    """The name of a field that holds the mail's id, for a relay that gives it back."""

    async def put_on(self, message: Outgoing) -> Outgoing:
        """The message as it goes over the wire; the same at every attempt.

        The mark first and the signature last, so that it covers all.
        """
        if self.return_path is not None:
            message = replace(message, sender=self.return_path.address(message.id) or message.sender)
        if self.mark is not None:
            message = replace(message, raw=raw(self.mark, message.id).encode() + message.raw)
        if self.signer is not None:
            # Beside the loop: a signature of RSA takes a millisecond of a core.
            message = replace(message, raw=await asyncio.to_thread(self.signer.sign, message.raw))
        return message


NOTHING = Seal()
"""Mail leaves as it was made."""
