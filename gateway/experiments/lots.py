"""Who gets what of an experiment: each person has a lot, which a shop can compute too.

The lot is the first 8 bytes, big-endian, of SHA-256 over `experiment:salt`, a zero byte, and the user's id in UTF-8, modulo
10,000. Lots below the holdout get nothing. Of those from there on, as many as are on trial get the variants, in their order and
by their weights; who is behind them waits for what is found. No type is called `experiment`, so that no lot has to do with a
bucket of a rollout, even under the same salt.
"""

from dataclasses import dataclass
from enum import Enum
from hashlib import sha256
from itertools import accumulate

LOTS = 10_000
"""So fine is a split: a hundredth of a percent."""


class Aside(Enum):
    """What a person may be in the place of one who gets a variant."""

    HELD_OUT = "held out"  # gets nothing
    WAITS = "waits"  # gets what wins


def lot(salt: str, user: str) -> int:
    """From 0 to 9,999.

    Any text is taken, also one with half a surrogate pair, as JSON may bring it: whoever asks must get an
    answer, and always the same.
    """
    hashed = sha256(f"experiment:{salt}\0{user}".encode(errors="surrogatepass"))
    return int.from_bytes(hashed.digest()[:8]) % LOTS


@dataclass(frozen=True, slots=True, kw_only=True)
class Split:
    """How people are shared out."""

    salt: str
    weights: tuple[int, ...]
    """Of the variants, in their order; a variant's part of those on trial is its weight of the sum."""
    holdout: float = 0.0
    """Percent of all."""
    share: float = 100.0
    """Percent of the others, who are on trial."""

    @property
    def on_trial(self) -> int:
        """How many of the `LOTS` get a variant."""
        return round((LOTS - self._held_out) * self.share / 100)

    @property
    def _held_out(self) -> int:
        """How many of the `LOTS`, the first, get nothing."""
        return round(self.holdout * LOTS / 100)

    def place(self, user: str) -> int | Aside:
        """The number of the variant that the user gets, from 0.

        Or why the user gets none. It follows from the salt and the user alone, so a `share` that is raised
        lets more in but may move who gets what.
        """
        drawn = lot(self.salt, user) - self._held_out
        if drawn < 0:
            return Aside.HELD_OUT
        if drawn >= self.on_trial:
            return Aside.WAITS
        bounds = accumulate(self.weights)
        whole = sum(self.weights)
        # In whole numbers: no lot is lost or counted twice by rounding.
        return next(n for n, bound in enumerate(bounds) if drawn * whole < bound * self.on_trial)
