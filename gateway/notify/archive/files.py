"""The files of the archive: a piece of notifications, packed, and the manifest that tells what it must be.

A piece `notifications-2026-05-0001` is two files, with `.jsonl.gz` and `.manifest.json` behind its name. The
manifest is written second, so a piece with one is whole as far as its writer knows. Nothing here depends on
where the files lie.
"""

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
"""Another one is not read: `manifest_at` raises `DepotDamaged` for it."""
MANIFEST = ".manifest.json"
"""The ending of what tells what the other file must be."""
CONTENT = ".jsonl.gz"
"""The ending of the notifications."""
UNPACKED_MAX = 1 << 30
"""Bytes to which a file may unpack: what unpacks to more was not packed by us. It guards against a file that
is made to fill the memory.
"""
_NAME = re.compile(r"notifications-(\d{4}-\d{2})-\d{4,}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """What a file must be.

    It is made of the packed file, and compared with what is made of it again: a manifest that was changed
    shows as well as a file that was.
    """

    name: str
    """Of the piece: its files are this with an ending."""
    rows: int
    """Notifications in it."""
    size: int
    """Of the file as it lies there, in bytes; and its hash."""
    sha256: str
    first_id: str
    """Of the first line; `last_id` of the last."""
    last_id: str
    first_at: str
    """Of the oldest; `last_at` of the newest. Lines need not be in the order of their times."""
    last_at: str
    format: int = FORMAT

    def text(self) -> bytes:
        """The file's content: JSON, with a field a line, so that people can read it."""
        return json.dumps(asdict(self), indent=1).encode() + b"\n"


def name_of(piece: Piece) -> str:
    """The same for the same piece, whoever writes it, and however often."""
    return f"notifications-{piece.month}-{piece.number:04}"


def is_name(text: str) -> bool:
    """Whether it is the name of a piece: `notifications-2026-05-0001`, or with more digits."""
    return _NAME.fullmatch(text) is not None


def order(name: str) -> tuple[str, int]:
    """In which they were written: by month and number."""
    # By number and not by text: `10000` comes behind `9999`.
    return name[:21], int(name[22:])


def packed(lines: Sequence[bytes]) -> bytes:
    """The same lines are packed the same.

    Without a time in its head (`mtime=0`): a piece that is written again after a crash is the same file, to
    the byte.
    """
    return gzip.compress(b"".join(lines), mtime=0)


def opened(name: str, content: bytes) -> tuple[Manifest, list[Line]]:
    """What is in a file, and the manifest of that. Raises `DepotDamaged` where it cannot be read, and when nothing is.

    It reads every line, so it belongs beside the loop.
    """
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
    """The lines of a file. Raises `DepotDamaged` where it cannot be read, also while they are taken."""
    # With a bound, which `gzip.decompress` has none of.
    unpacker = zlib.decompressobj(zlib.MAX_WBITS | 16)
    try:
        text = unpacker.decompress(content, UNPACKED_MAX)
    except zlib.error as error:
        raise DepotDamaged("it cannot be unpacked") from error
    # Not at the end also means that there was more than the bound.
    if not unpacker.eof or unpacker.unused_data:
        raise DepotDamaged("it is cut off, or something stands behind its end")
    return map(line_of, text.splitlines())


async def manifest_at(depot: Depot, name: str) -> Manifest:
    """The manifest of a piece. Raises `DepotDamaged` when there is none that can be read, and `DepotUnavailable`."""
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
    """What is in a file that is what its manifest says. Raises `DepotDamaged` when it is not.

    Raises `DepotUnavailable` too.
    """
    manifest = await manifest_at(depot, name)
    content = await depot.get(name + CONTENT)
    if content is None:
        raise DepotDamaged("it is missing")
    # Away from the loop: it is a matter of many lines.
    return manifest, await asyncio.to_thread(_compared, manifest, content)


def _compared(manifest: Manifest, content: bytes) -> list[Line]:
    # First: nothing is unpacked that is not what was written.
    """The lines of a file that is what its manifest says, to the byte."""
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
