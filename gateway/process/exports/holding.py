"""The hold that an export has of a file or folder, so that no other writes there meanwhile. It ends with the process."""

import fcntl

from gateway.process.exports.rows import SinkError


def hold(descriptor: int) -> None:
    """Hold what is open under this descriptor, until it is closed. Raises `SinkError` while another does.

    A lock of the system's, which a crash lets go of; it does not hold across machines.
    """
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise SinkError("another export is writing there") from None
