"""What operators say of the archive."""

from dataclasses import dataclass
from importlib.util import find_spec

from environs import ValidationError

from gateway.ground.settings import Group, setting
from gateway.ground.values import masked_url
from gateway.notify.archive.places import DepotPlace, place


def _place(text: str) -> DepotPlace:
    """The place of a URL; what is wrong with it is told without the URL."""
    try:
        return place(text)
    except ValueError as error:
        raise ValidationError(str(error)) from None


@dataclass(frozen=True, slots=True, kw_only=True)
class ArchiveSettings(Group):
    """Where old notifications go."""

    place: DepotPlace | None = setting(  # noqa: RUF009 - it is dataclasses.field
        "ARCHIVE_URL", None, _place, "where notifications are put away before they are deleted for their age: `file:///folder`, which all "
        "nodes share, or `s3://bucket/folder?endpoint=…&region=…`, with the extra `s3`; none: they are deleted",
        show=masked_url,
    )  # fmt: skip

    def contradictions(self) -> list[str]:
        """A bucket without the library that speaks to it."""
        if self.place is not None and self.place.bucket is not None and find_spec("obstore") is None:
            return ["BELLHOP_ARCHIVE_URL: s3:// wants the extra `s3`, which is not installed"]
        return []
