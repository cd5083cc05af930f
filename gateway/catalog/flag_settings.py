"""What operators say of their own flag service.

The function is only named here; `flags` calls it.
"""

from dataclasses import dataclass
from importlib.util import find_spec

from environs import ValidationError

from gateway.ground.settings import Group, setting
from gateway.ground.values import duration, matching

SHORTEST, LONGEST = 1, 600
"""Seconds between two rounds."""


def _every(text: str) -> float:
    """Seconds. Raises `ValidationError`."""
    seconds = duration(text)
    if not SHORTEST <= seconds <= LONGEST:
        raise ValidationError("must be from 1s to 10m.")
    return seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class FlagSettings(Group):
    """Which flag service has a say over what is switched, and how often it is asked."""

    maker: str | None = setting(
        "FLAGS", None,
        matching(r"[^\W\d]\w*(\.[^\W\d]\w*)*:[^\W\d]\w*", "the name of a function, as in `shop.flags:provider`"),
        "`module:function` of yours that returns an OpenFeature provider: its flags `bellhop.TYPE` and `bellhop.TYPE.channel` switch the types "
        "of the catalog, with the extra `flags`; unset: no flag service",
    )  # fmt: skip
    every: float = setting("FLAGS_EVERY", "10s", _every, "how often the flags are asked for, from 1s to 10m")

    def contradictions(self) -> list[str]:
        """A flag service without the library that asks it."""
        if self.maker is not None and find_spec("openfeature") is None:
            return [
                "BELLHOP_FLAGS wants the extra `flags`, which is not installed: pip install 'bellhop-gateway[flags]'"
            ]
        return []
