"""A client of Redis: one question at a time, over a connection that is made when there is something to ask.

Budgets and witness have one each. The bus and presence, which ask all the time, have pipelines of their own.
"""

import asyncio

from gateway.cluster.redis.address import RedisAddress
from gateway.cluster.redis.resp import Reply, Wire, pack


class RedisClient:
    """For whoever asks now and then. It is not for several at once: the caller waits for one answer before the next question.

    It dials at the first question, and again after any failure. Nothing is sent twice by itself: whether a
    question that failed was carried out, its owner has to consider.
    """

    def __init__(self, address: RedisAddress, *, patience_seconds: float) -> None:
        """`patience_seconds` bounds each question, the dialling included."""
        self._address = address
        self._patience = patience_seconds
        self._wire: Wire | None = None
        """None before the first question and after a failure."""

    async def ask(self, *command: bytes) -> Reply:
        """The reply. Raises OSError, which TimeoutError and the `ServerError` of a refusal are too."""
        try:
            async with asyncio.timeout(self._patience):
                if self._wire is None or self._wire.closed.done():
                    self._wire = Wire()
                    await self._address.open(self._wire, timeout_seconds=self._patience)
                self._wire.write(pack(*command))
                return await self._wire.reply()
        except BaseException:
            # An answer that comes late must not be taken for that to the next question.
            self.hang_up()
            raise

    def hang_up(self) -> None:
        """Let the connection go; the next question makes another."""
        wire, self._wire = self._wire, None
        if wire is not None:
            wire.abort()
