"""What is wrong with a catalog: all of it at once, each with the file and the line."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, order=True)
class Mistake:
    """One thing that is wrong, and where."""

    file: str
    """Below the folder, with slashes."""
    line: int
    """From 1."""
    problem: str
    """A sentence that quotes names, and no data."""

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.problem}"


class FlagsError(Exception):
    """A setting of the flag service that cannot work: in words, with what to do."""


class CatalogError(Exception):
    """A catalog that cannot be used. Its mistakes are in the order of files and lines.

    Raised once for a whole folder, when all was read.
    """

    def __init__(self, mistakes: Sequence[Mistake], folder: Path) -> None:
        self.mistakes = tuple(sorted(set(mistakes)))
        self.folder = folder
        super().__init__("\n".join(map(str, self.mistakes)))

    @property
    def summary(self) -> str:
        """How many mistakes there are, and where."""
        count = len(self.mistakes)
        return f"{count} mistake{'' if count == 1 else 's'} in {self.folder}"


class Mistakes:
    """Collects them while a folder is read.

    One for a load. Reading goes on behind a mistake, with something harmless in its place.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._found: list[Mistake] = []

    def __iter__(self) -> Iterator[Mistake]:
        return iter(self._found)

    def add(self, file: str, line: int, problem: str) -> None:
        """Note one; the same one twice is told once."""
        self._found.append(Mistake(file, line, problem))

    def raise_if_any(self) -> None:
        """Raises `CatalogError`."""
        if self._found:
            raise CatalogError(self._found, self._folder)
