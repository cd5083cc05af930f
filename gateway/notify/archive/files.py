"""The files of the archive: a piece of notifications, packed, and the manifest that tells what it must be."""

import asyncio
import gzip
import hashlib
import json
import re
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass

from gateway.ground.encoding import time
from gateway.notify.archive.depot import Depot, DepotDamaged
from gateway.notify.archive.lines import Line, line_of
from storage.archive import Piece

FORMAT = 1
MANIFEST = ".manifest.json"
CONTENT = ".jsonl.gz"
UNPACKED_MAX = 1 << 30
"""Of a file, in bytes: what unpacks to more was not packed by us."""
_NAME = re.compile(r"notifications-(\d{4}-\d{2})-\d{4,}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """What a file must be."""

    name: str
    """Of the piece: its files are this with an ending."""
    rows: int
    size: int
    """Of the file as it lies there, in bytes; and its hash."""
    sha256: str
    first_id: str
    last_id: str
    first_at: str
    last_at: str
    format: int = FORMAT

    def text(self) -> bytes:
        return json.dumps(asdict(self), indent=1).encode() + b"\n"


def name_of(piece: Piece) -> str:
    """The same for the same piece, whoever writes it, and however often."""
    return f"notifications-{piece.month}-{piece.number:04}"


def is_name(text: str) -> bool:
    return _NAME.fullmatch(text) is not None


def order(name: str) -> tuple[str, int]:
    """In which they were written: by month and number."""
    return name[:21], int(name[22:])


def packed(lines: Sequence[bytes]) -> bytes:
    """The same lines are packed the same."""
    return gzip.compress(b"".join(lines), mtime=0)


def opened(name: str, content: bytes) -> tuple[Manifest, list[Line]]:
    """What is in a file, and the manifest of that. Raises `DepotDamaged` where it cannot be read, and when nothing is."""
    lines = list(unpacked(content))
    if not lines:
        raise DepotDamaged("there is nothing in it")
    times = [line.at for line in lines]
    manifest = Manifest(
        name=name,
        rows=len(lines),
        size=len(content),
        sha256=hashlib.sha256(content).hexdigest(),
        first_id=lines[0].id,
        last_id=lines[-1].id,
        first_at=time(min(times)),
        last_at=time(max(times)),
    )
    return manifest, lines


def unpacked(content: bytes) -> Iterator[Line]:
    """Raises `DepotDamaged` where it cannot be read."""
    unpacker = zlib.decompressobj(zlib.MAX_WBITS | 16)
    try:
        text = unpacker.decompress(content, UNPACKED_MAX)
    except zlib.error as error:
        raise DepotDamaged("it cannot be unpacked") from error
    if not unpacker.eof or unpacker.unused_data:
        raise DepotDamaged("it is cut off, or something stands behind its end")
    return map(line_of, text.splitlines())


async def manifest_at(depot: Depot, name: str) -> Manifest:
    """Raises `DepotDamaged` when there is none that can be read."""
    text = await depot.get(name + MANIFEST)
    if text is None:
        raise DepotDamaged("its manifest is missing")
    try:
        manifest = Manifest(**json.loads(text))
    except (ValueError, TypeError) as error:
        raise DepotDamaged("its manifest cannot be read") from error
    if manifest.name != name or manifest.format != FORMAT:
        raise DepotDamaged("its manifest is another's, or of a newer release")
    return manifest


async def verified(depot: Depot, name: str) -> tuple[Manifest, list[Line]]:
    """What is in a file that is what its manifest says. Raises `DepotDamaged` when it is not."""
    manifest = await manifest_at(depot, name)
    content = await depot.get(name + CONTENT)
    if content is None:
        raise DepotDamaged("it is missing")
    # Away from the loop: it is a matter of many lines.
    return manifest, await asyncio.to_thread(_compared, manifest, content)


def _compared(manifest: Manifest, content: bytes) -> list[Line]:
    if hashlib.sha256(content).hexdigest() != manifest.sha256:
        raise DepotDamaged("it was changed: its hash is not that of its manifest")
    found, lines = opened(manifest.name, content)
    if found != manifest:
        raise DepotDamaged("its manifest was changed")
    return lines


async def names_at(depot: Depot) -> list[str]:
    """The pieces that are there, in their order, be they whole or not."""
    found = {each.removesuffix(MANIFEST).removesuffix(CONTENT) async for each in depot.names()}
    return sorted(filter(is_name, found), key=order)
