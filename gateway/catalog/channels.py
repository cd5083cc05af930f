"""By which ways a notification of a type reaches people."""

from typing import Literal

Channel = Literal["in_app", "email"]
CHANNELS: tuple[Channel, ...] = ("in_app", "email")
