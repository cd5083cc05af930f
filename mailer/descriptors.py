"""Whether a failure comes of file descriptors that have run out: ours to mend, and no fault of whoever was asked."""

import errno
import os

_NONE_LEFT = frozenset({errno.EMFILE, errno.ENFILE})


def ran_out(error: BaseException) -> bool:
    """Whether `error` says so, or what caused it, or a try right now.

    A name that cannot be looked up for want of a descriptor is reported as one that cannot be looked up.

    It opens one to see, and closes it. So it says yes while there is none, even if the error came of something else.
    """
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, OSError) and seen.errno in _NONE_LEFT:
            return True
        seen = seen.__cause__
    try:
        os.close(os.open(os.devnull, os.O_RDONLY))
    except OSError as now:
        return now.errno in _NONE_LEFT
    return False
