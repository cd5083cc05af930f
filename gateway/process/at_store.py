"""Commands that do their work at the store of the settings in force, whether or not gateways run meanwhile.

No node is asked: the store is safe for several processes. What must be told to nodes at once goes by
`gateway.process.calling` instead.
"""

import asyncio
import sys
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    # Only the types: the command line is read without them.
    from storage.store import Store

WELL, FAILED, WRONG = 0, 1, 2
"""Exit codes."""


def in_store(work: "Callable[[Store], Awaitable[int]]") -> int:
    """Have the store opened, worked at and closed; answers the exit code that `work` does, or that of a store that is away.

    Raises `SettingsError`. A loop is made and ended for it, so it is called once in a command.
    """
    from gateway.notify.settings import StoreSettings
    from gateway.process import settings
    from storage.connect import connect
    from storage.errors import StorageError

    url = settings.load()[StoreSettings].url

    async def run() -> int:
        store = connect(url)
        try:
            await store.open()
            return await work(store)
        finally:
            await store.close()

    try:
        return asyncio.run(run())
    except StorageError as error:
        return failed(str(error), FAILED)


def failed(sentence: str, code: int) -> int:
    """Say why to the standard error, and answer the code."""
    print(f"bellhop: {sentence}", file=sys.stderr)
    return code
