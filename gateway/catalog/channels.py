"""By which ways a notification of a type reaches people.

By itself, so that whoever only needs the names imports nothing else.
"""

from typing import Literal

Channel = Literal["in_app", "email"]
"""A third one would have gates, words and columns of its own."""
IN_APP: Channel = "in_app"
"""The socket, and the inbox."""
EMAIL: Channel = "email"
"""The one channel beside it."""
CHANNELS: tuple[Channel, ...] = (IN_APP, EMAIL)
"""In the order in which they are shown."""
