"""Commands that do their work at the store of the settings in force, whether or not gateways run meanwhile.

No node is asked: the store is safe for several processes. What must be told to nodes at once goes by
`gateway.process.calling` instead.
"""

import asyncio
import sys
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from gateway.process.calling import Failure

if TYPE_CHECKING:
    # Only the types: the command line is read without them.
    from storage.store import Store

WELL, FAILED, WRONG = 0, 1, 2
"""Exit codes."""


def in_store(work: "Callable[[Store], Awaitable[int]]", *, may_make: bool = False) -> int:
    """Have the store opened, worked at and closed; answers the exit code that `work` does, or that of a store that is away.

    `may_make`: a file that is not there is made. Raises `SettingsError`, and `Failure` for a file that is not there
    otherwise. A loop is made and ended for it, so it is called once in a command.
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
        if not may_make:
            require_store(url)
        return asyncio.run(run())
    except StorageError as error:
        return failed(str(error), FAILED)


def require_store(url: str) -> None:
    """Raise `Failure` where the store is a file that is not there, and `StoreConfigurationError` for a URL that names none.

    Its path may be relative, as it is unless it was set: from another folder a command would make an empty store, and
    speak of that.
    """
    from storage.connect import file_of

    file = file_of(url)
    if file is not None and not file.exists():
        raise Failure(
            f"there is no store at {file.absolute()}: run this in the gateway's folder, with its BELLHOP_STORE_URL"
        )


def failed(sentence: str, code: int) -> int:
    """Say why to the standard error, and answer the code."""
    print(f"bellhop: {sentence}", file=sys.stderr)
    return code
