"""By which ways a notification of a type reaches people.

By itself, so that whoever only needs the names imports nothing else.
"""

from typing import Literal

Channel = Literal["in_app", "email"]
"""A third one would have gates, words and columns of its own."""
CHANNELS: tuple[Channel, ...] = ("in_app", "email")
"""In the order in which they are shown."""
