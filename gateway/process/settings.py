"""The settings of a process of Bellhop: those of all its parts. A new part's group is one line of `GROUPS`.

Imports no part itself, only what it declares: most commands are over before a node could have been imported.

How a setting is read and shown is of `gateway.ground.settings`; which ones there are is said in each room.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from gateway.access.settings import KeySettings
from gateway.catalog.flag_settings import FlagSettings
from gateway.catalog.settings import CatalogSettings
from gateway.cluster.settings import ClusterSettings
from gateway.ground import settings
from gateway.ground.environment import Setting
from gateway.ground.links import LinkSettings
from gateway.ground.logs import LogSettings
from gateway.ground.settings import Group, Settings, ShownSetting, setting
from gateway.ground.values import duration
from gateway.http.settings import SiteSettings
from gateway.mail.provider_settings import ProviderSettings
from gateway.mail.settings import BounceSettings, BulkSettings, MailSettings, SigningSettings
from gateway.notify.archive.settings import ArchiveSettings
from gateway.notify.lanes.settings import BrakeSettings
from gateway.notify.settings import PeopleSettings, StoreSettings
from gateway.notify.stats.settings import StatsSettings
from gateway.sockets.settings import SocketSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessSettings(Group):
    """How a process ends.

    A supervisor's own patience must be longer: `lifetime.STOP_SECONDS` come on top.
    """

    drain_seconds: float = setting("DRAIN_SECONDS", "25s", duration, "how long a stop may take; 0: at once")


GROUPS: tuple[type[Group], ...] = (
    SiteSettings,
    SocketSettings,
    KeySettings,
    StoreSettings,
    ArchiveSettings,
    StatsSettings,
    PeopleSettings,
    ClusterSettings,
    CatalogSettings,
    FlagSettings,
    MailSettings,
    BulkSettings,
    BrakeSettings,
    SigningSettings,
    BounceSettings,
    ProviderSettings,
    LinkSettings,
    ProcessSettings,
    LogSettings,
)
"""In the order in which they are shown."""

SETTINGS: tuple[Setting, ...] = settings.declared(GROUPS)
"""All of them, each by itself."""


def load(environ: Mapping[str, str] | None = None, *, serving: bool = False) -> Settings:
    """The settings in force; as `gateway.ground.settings.load`, of all parts.

    `environ` is the process's own unless it is given. Raises `SettingsError` with every mistake at once.
    """
    return settings.load(GROUPS, environ, serving=serving)


def survey(environ: Mapping[str, str] | None = None) -> list[ShownSetting]:
    """Every setting with the value in force, secrets masked, and where it came from; also of settings that are wrong."""
    return settings.survey(GROUPS, environ)


def markdown() -> str:
    """The reference of all settings, as a table for the documentation."""
    return settings.markdown(GROUPS)
