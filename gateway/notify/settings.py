"""What operators say of the store, of how long it keeps a notification, and of people about whom nobody has said it.

`gateway.process.settings` lists the groups; each `setting` names the variable, its default, its reader, and
the words in the README. They are read once, at the start.
"""

from dataclasses import dataclass

from environs import ValidationError

from gateway.ground.settings import Group, setting
from gateway.ground.values import masked_url, url, whole
from gateway.ground.zones import zone


def _zone(name: str) -> str:
    """The name, if there is a zone of it."""
    if zone(name) is None:
        raise ValidationError("must be a time zone such as Europe/Berlin.")
    return name


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
