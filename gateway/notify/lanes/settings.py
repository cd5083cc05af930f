"""What operators say of the brakes. A stop of bulk mail by hand is no setting: it stands in the store (`book`)."""

from dataclasses import dataclass

from environs import ValidationError

from gateway.ground.settings import Group, setting
from gateway.ground.values import duration, number, whole

WINDOW_SECONDS = (600.0, 3 * 86_400.0)
"""The shortest and the longest window in which a lane's mail is judged together."""


def _share(text: str) -> float:
    """A part of 1, from `5%` or `0.3%`."""
    percent = number(text.removesuffix("%").rstrip())
    if percent > 100:
        raise ValidationError("must be a percentage such as 0.3%, 100% at most; 0: no bound.")
    return percent / 100


def _window(text: str) -> float:
    """Seconds, from `24h` or `10m`, within `WINDOW_SECONDS`."""
    seconds = duration(text)
    if not WINDOW_SECONDS[0] <= seconds <= WINDOW_SECONDS[1]:
        raise ValidationError("must be from 10m to 3d.")
    return seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class BrakeSettings(Group):
    """From where on bulk mail is paused by itself: what was sent within the window is judged together."""

    bounces: float = setting(
        "BULK_BRAKE_BOUNCES", "5%", _share, "bulk mail is paused when more than this part of it comes back, or is refused "
        "for its address; 0: never",
    )  # fmt: skip
    complaints: float = setting(
        "BULK_BRAKE_COMPLAINTS",
        "0.3%",
        _share,
        "bulk mail is paused when more than this part of it is called spam; 0: never",
    )
    mails: int = setting(
        "BULK_BRAKE_MAILS", "200", whole(1), "of fewer mails than this no rate is told, and nothing is paused"
    )
    failures: int = setting(
        "BULK_BRAKE_FAILURES", "5", whole(), "bulk mail is paused, and each campaign that runs, when the relay has failed so often "
        "in a row, for five minutes at least; 0: never",
    )  # fmt: skip
    window_seconds: float = setting(
        "BULK_BRAKE_WINDOW", "24h", _window, "the mail of this time is judged together; from 10m to 3d"
    )
