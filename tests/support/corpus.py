"""The corpus of what comes back: reports as mail servers and providers write them, each with what it says.

In the files stand `@@PATH@@` for the address that the mail came back to, `@@MID@@` for its Message-ID and `@@TO@@` for its recipient.
"""

import csv
from dataclasses import dataclass
from functools import cache
from pathlib import Path

FOLDER = Path(__file__).parents[1] / "unit" / "mailer" / "corpus"
RECIPIENT = "ann@example.org"
NOBODYS_PATH = "bounces@shop.example"
NOBODYS_ID = "1764147600.12345@shop.example"


@dataclass(frozen=True, slots=True)
class Sample:
    name: str
    kind: str
    says: str
    """The action of a delivery, or the type of a complaint."""
    status: str
    severity: str
    """Of a failure: `hard`, `soft` or `neither`."""

    def raw(self, *, path: str = NOBODYS_PATH, message_id: str = NOBODYS_ID, to: str = RECIPIENT) -> bytes:
        """The message, as it came back to this address."""
        text = _text(self.name)
        for name, value in ((b"@@PATH@@", path), (b"@@MID@@", message_id), (b"@@TO@@", to)):
            text = text.replace(name, value.encode())
        return text


@cache
def _text(name: str) -> bytes:
    return (FOLDER / f"{name}.eml").read_bytes()


def samples() -> list[Sample]:
    with (FOLDER / "verdicts.csv").open(encoding="utf-8", newline="") as file:
        return [Sample(*row.values()) for row in csv.DictReader(file)]


SAMPLES = samples()
