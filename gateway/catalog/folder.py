"""The files of a catalog: read once, all of them, so that nothing changes under a load.

It knows which files are a catalog's, and how large they may be. What is in them is of others.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from gateway.catalog.problems import Mistakes

FILE = "catalog.toml"
"""The one that must be there."""
TEMPLATES = (".mjml", ".html", ".txt")
"""Endings of mail templates."""
LARGEST_BYTES = 2**20
"""Of one file."""
LARGEST_TOTAL_BYTES = 16 * 2**20
"""Of all files: a catalog is kept in memory."""
_KINDS = (*TEMPLATES, ".json")
"""Endings of the files that are read."""


@dataclass(frozen=True, slots=True)
class Folder:
    """Read once; no later change of a file is seen."""

    texts: Mapping[str, str]
    """By the path below the folder, with slashes."""

    def templates(self) -> dict[str, str]:
        """The mail templates, by the path below the folder."""
        return {name: text for name, text in self.texts.items() if name.endswith(TEMPLATES)}

    def version(self) -> str:
        """Of the content of all files, whatever their order, times and folder.

        Twelve hexadecimal digits. Lengths are hashed too, so that no two folders run into each other.
        """
        hashed = sha256()
        for name in sorted(self.texts):
            for part in (name, self.texts[name]):
                encoded = part.encode()
                hashed.update(len(encoded).to_bytes(8))
                hashed.update(encoded)
        return hashed.hexdigest()[:12]


def read(folder: Path, mistakes: Mistakes) -> Folder:
    """`catalog.toml`, the schemas and the templates of a folder. What cannot be read is a mistake, and left out.

    Never raises for a file; a folder that is gone is a folder without files. Blocks, so it runs in a thread.
    """
    texts: dict[str, str] = {}
    total = 0
    files = (path for path in folder.rglob("*") if _is_ours(path.relative_to(folder)) and path.is_file())
    # In the order of their names, so that mistakes and versions do not depend on the disk.
    for path in sorted(files):
        name = path.relative_to(folder).as_posix()
        try:
            with path.open("rb") as file:
                # No more than tells that it is too large: it may be of any size.
                content = file.read(LARGEST_BYTES + 1)
        except OSError as error:
            mistakes.add(name, 1, f"it cannot be read: {error.strerror}")
            continue
        total += len(content)
        if len(content) > LARGEST_BYTES or total > LARGEST_TOTAL_BYTES:
            mistakes.add(
                name, 1, "it is too large" if len(content) > LARGEST_BYTES else "the folder is too large"
            )
            continue
        try:
            texts[name] = content.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            mistakes.add(name, content.count(b"\n", 0, error.start) + 1, "this is not UTF-8")
    return Folder(texts)


def _is_ours(path: Path) -> bool:
    """Whether a file is part of a catalog."""
    # A ConfigMap's files are links beside hidden folders.
    return not any(part.startswith(".") for part in path.parts) and (
        path.suffix in _KINDS or str(path) == FILE
    )
