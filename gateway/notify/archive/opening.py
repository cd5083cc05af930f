"""The way to the depot of a store: each store has a folder of its own, so that two never write under one name."""

import hashlib
from collections.abc import Awaitable, Callable

from gateway.notify.archive.depot import Depot, depot_at
from gateway.notify.archive.places import Place

OpenDepot = Callable[[], Awaitable[Depot]]
"""Answers the depot; may raise `StorageError`, and `DepotError`."""


def opener(place: Place, shared_secret: Callable[[], Awaitable[bytes]]) -> OpenDepot:
    """What opens the depot at the first time that it is asked for, and has it from then on."""
    opened: list[Depot] = []

    async def depot() -> Depot:
        if not opened:
            opened.append(depot_at(place, folder_of(await shared_secret())))
        return opened[0]

    return depot


def folder_of(secret: bytes) -> str:
    """The name of a store's folder, which tells nothing of its secret."""
    return f"store-{hashlib.sha256(b'bellhop archive' + secret).hexdigest()[:12]}"
