"""What operators say of the store, of how long it keeps a notification, of people about whom nobody has said it, and of brakes.

`gateway.process.settings` lists the groups; each `setting` names the variable, its default, its reader, and
the words in the README. They are read once, at the start.
"""

from dataclasses import dataclass

from environs import ValidationError

from gateway.ground.settings import Group, setting
from gateway.ground.values import duration, masked_url, number, url, whole
from gateway.ground.zones import zone

WINDOW_SECONDS = (600.0, 3 * 86_400.0)
"""The shortest and the longest window in which a lane's mail is judged together."""


def _zone(name: str) -> str:
    """The name, if there is a zone of it."""
    if zone(name) is None:
        raise ValidationError("must be a time zone such as Europe/Berlin.")
    return name


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
class StoreSettings(Group):
    """Where notifications are kept, and for how long."""

    url: str = setting(
        "STORE_URL", "sqlite:///var/bellhop.db", url("sqlite", "mongodb", "mongodb+srv"),
        "`sqlite:///file` (relative to the working directory), `mongodb://…` or `mongodb+srv://…` (database from the "
        "path, `bellhop` if none)",
        show=masked_url,
    )  # fmt: skip
    history_days: int = setting("HISTORY_DAYS", "90", whole(), "days a notification is kept; 0: for ever")
    audit_days: int = setting(
        "AUDIT_DAYS", "365", whole(), "days it is kept who did what, as ids alone; 0: for ever"
    )
    click_days: int = setting(
        "CLICK_DAYS", "365", whole(), "days a link in mail that leads by way of the public site goes on leading there; 0: for ever"
    )  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class PeopleSettings(Group):
    """What holds for people who, and of whom backends, have said nothing else."""

    timezone: str = setting(
        "TIMEZONE", "UTC", _zone, "the time zone of people whose own nobody has told, for quiet hours, digests and times in texts, as `Europe/Berlin`"
    )  # fmt: skip


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
