"""Which JSON of a caller's own can be stored and sent on.

What it is to say is not judged: any JSON is right that both stores and every client can take.
"""

import math
from collections.abc import Collection
from typing import Any

from storage.encoding import is_writable

DATA_DEPTH_MAX = 32
"""Levels of objects and lists in a caller's data. MongoDB takes 100 for a whole document."""
INTEGER_MAX = 2**63 - 1
"""The largest that both stores can keep."""


def unsound(value: Any, depth: int) -> str | None:
    """What keeps a JSON value from being stored and sent on; None when nothing does.

    `depth` is how many levels may follow. It recurses `depth` times at most, so no nesting can exhaust the
    stack.
    """
    if isinstance(value, str):
        return None if is_writable(value) else "Must be sound Unicode: there is a lone surrogate."
    if isinstance(value, bool) or value is None:
        return None
    if isinstance(value, int):
        return (
            None if -INTEGER_MAX <= value <= INTEGER_MAX else "Integers must fit 64 bit: send it as a string."
        )
    if isinstance(value, float):
        # An integer too long for 64 bit arrives as the nearest float: what was meant is lost already.
        return None if math.isfinite(value) else "Numbers must be finite."
    if depth == 0:
        return f"Must not be nested more than {DATA_DEPTH_MAX} deep."
    inner: Collection[Any] = value
    if isinstance(value, dict):
        for key in value:
            if not is_writable(key) or "\0" in key:
                return "Keys must be sound Unicode without NUL."
        inner = value.values()
    for item in inner:
        problem = unsound(item, depth - 1)
        if problem:
            return problem
    return None
