"""The way to the depot of a store: each store has a folder of its own, so that two never write under one name.

The name follows from the store's secret, so every node comes to the same, and a store that was put back finds
its own again.
"""

import hashlib
from collections.abc import Awaitable, Callable

from gateway.notify.archive.depot import Depot
from gateway.notify.archive.folder import FolderDepot
from gateway.notify.archive.places import DepotPlace

OpenDepot = Callable[[], Awaitable[Depot]]
"""Answers the depot; may raise `StorageError`, and `DepotError`."""


def opener(place: DepotPlace, shared_secret: Callable[[], Awaitable[bytes]]) -> OpenDepot:
    """What opens the depot at the first time that it is asked for, and has it from then on.

    The secret may be made at the first time. One that fails is tried again by the next who asks.
    """
    opened: list[Depot] = []

    async def depot() -> Depot:
        if not opened:
            opened.append(depot_at(place, folder_of(await shared_secret())))
        return opened[0]

    return depot


def depot_at(place: DepotPlace, folder: str) -> Depot:
    """The depot in this folder of the place. Nothing is sent or made yet; what is wrong with the place shows as it is used."""
    if place.bucket is None:
        return FolderDepot(place.folder / folder)
    # Only where it is used: it brings a runtime of its own.
    from gateway.notify.archive.bucket import BucketDepot

    return BucketDepot(place.bucket, str(place.folder / folder))


def folder_of(secret: bytes) -> str:
    """The name of a store's folder, which tells nothing of its secret."""
    return f"store-{hashlib.sha256(b'bellhop archive' + secret).hexdigest()[:12]}"
