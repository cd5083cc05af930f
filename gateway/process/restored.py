"""What is to be done after a backup was put back: the store is told, and its sequences begin a new epoch.

The command is in `restoring`; here is the work, which imports the store. `gateway.cluster.lineage` would find
it by itself in most cases: this is for when it cannot, as without a witness.
"""

import contextlib

from gateway.cluster.connect import connect
from gateway.cluster.settings import ClusterSettings
from gateway.cluster.witness import HighWaterMark, WitnessAway
from gateway.ground.clock import system_clock
from gateway.ground.settings import Settings
from gateway.notify.settings import StoreSettings
from storage.connect import connect as connect_store
from storage.connect import file_of


async def begin_new_epoch(settings: Settings) -> str:
    """Tell the store that it was put back to an older state; answers the epoch that began. Nodes that run see it soon.

    Raises `StorageError`. Each call begins another epoch, at the cost of clients that fetch their history
    once more.
    """
    url = settings[StoreSettings].url
    store, witness = connect_store(url), connect(settings[ClusterSettings]).witness(file_of(url))
    try:
        await store.open()
        epoch = await store.epochs.turn()
        # What the witness had seen was of the former line.
        with contextlib.suppress(WitnessAway):
            await witness.write(HighWaterMark(epoch=epoch, room="", seq=0, at=system_clock()))
    finally:
        await witness.close()
        await store.close()
    return epoch
