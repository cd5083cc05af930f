"""What operators say of the catalog.

The folder is only named here; `part` reads it.
"""

from dataclasses import dataclass
from pathlib import Path

from environs import ValidationError

from gateway.ground.settings import Group, setting
from gateway.ground.values import boolean


def _folder(text: str) -> Path:
    """A folder that is there. Raises `ValidationError`."""
    if not Path(text).is_dir():
        raise ValidationError("is not a folder; `bellhop catalog init` makes one.")
    return Path(text)


@dataclass(frozen=True, slots=True, kw_only=True)
class CatalogSettings(Group):
    """Which types of notifications there are."""

    folder: Path | None = setting(  # noqa: RUF009 - it is dataclasses.field
        "CATALOG", None, _folder,
        "a folder with `catalog.toml` and mail templates: what each type is about, its shape, its words and its channels; "
        "read anew on SIGHUP; unset: no catalog",
    )  # fmt: skip
    strict: bool | None = setting(
        "CATALOG_STRICT", None, boolean,
        "refuse types that the catalog does not have; unset: what its `strict` says",
    )  # fmt: skip

    def contradictions(self) -> list[str]:
        """Strictness without a catalog would refuse everything."""
        if self.strict and self.folder is None:
            return [
                "BELLHOP_CATALOG_STRICT refuses what the catalog does not have: set BELLHOP_CATALOG as well."
            ]
        return []
