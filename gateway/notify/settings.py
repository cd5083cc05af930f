"""What operators say of the store, and of how long it keeps a notification."""

from dataclasses import dataclass

from gateway.ground.settings import Group, setting
from gateway.ground.values import masked_url, url, whole


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
