"""`bellhop store restored`: the store was put back from a backup."""

import argparse
import asyncio

from gateway.notify.settings import StoreSettings
from gateway.process import settings
from gateway.process.at_store import require_store
from gateway.process.calling import Failure
from gateway.process.subcommand import Subcommand


def _describe(parser: argparse.ArgumentParser) -> None:
    """Give the parser what can be told."""
    parser.add_argument(
        "done", choices=["restored"],
        help="restored: it was put back from a backup; its sequences begin a new epoch, and clients fetch their history anew",
    )  # fmt: skip
    parser.set_defaults(run=_store)


def _store(given: argparse.Namespace) -> int:
    """Begin a new epoch and print it. Raises `Failure` for a store that is away or is not there.

    Such as `epoch 0190…`, for an operator's notes.
    """
    del given  # there is one thing so far that can be done to it
    in_force = settings.load()
    from gateway.process.restored import begin_new_epoch
    from storage.errors import StorageError

    try:
        require_store(in_force[StoreSettings].url)
        epoch = asyncio.run(begin_new_epoch(in_force))
    except StorageError as error:
        raise Failure(f"{error}") from error
    print(f"epoch {epoch}")
    return 0


STORE = Subcommand(name="store", help="tell what was done to the store", describe=_describe)
