"""Lowering: what a link in a mail shows of what its user is sent, and the patch that turns some of it off. Pure.

It turns nothing on. `leaving` keeps what comes of it.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from gateway.catalog.channels import CHANNELS, Channel
from gateway.notify.choosing.choices import PreferenceGrid
from gateway.notify.preferences.chosen import CellOrigin, PreferenceRow, Value

CellPlace = tuple[str | None, Channel]
"""A category by its key, a type by its name, which never coincide, or None for all that is not critical; and a
channel of it.
"""


@dataclass(frozen=True, slots=True)
class CategoryLine:
    """A category, or a type of one, as the page shows it."""

    key: str
    """The key of the category, or the name of the type."""
    name: str
    """In the person's language, as far as the catalog speaks it."""
    cells: Mapping[Channel, Value | None]
    """Whether anything of it is sent, and if only in digests, how often; None where nobody can choose."""
    kinds: tuple["CategoryLine", ...] = ()
    """The types of a category that has several: they may be turned off one by one."""


def line_of(key: str, chosen: PreferenceGrid) -> CategoryLine | None:
    """A category with what its cells come to; None for one that has no types."""
    rows = [row for row in chosen.grid if row.type.category == key]
    if not rows:
        return None
    cells: dict[Channel, Value | None] = {}
    for channel in CHANNELS:
        values = [_sent(row, channel) for row in rows if not row.cells[channel].is_locked]
        cells[channel] = _loudest(values) if values else None
    kinds = tuple(_kind(row, chosen) for row in rows) if len(rows) > 1 else ()
    return CategoryLine(key, chosen.names[key], cells, kinds)


def _kind(row: PreferenceRow, chosen: PreferenceGrid) -> CategoryLine:
    """A type with what its cells come to."""
    name = row.type.name
    cells = {channel: None if cell.is_locked else _sent(row, channel) for channel, cell in row.cells.items()}
    return CategoryLine(name, called(name, chosen), cells)


def called(type_: str, chosen: PreferenceGrid) -> str:
    """What people are shown for a type: `ORDER_UPDATE` is "Order update" where the catalog has no name for it."""
    return chosen.type_names.get(type_) or type_.replace("_", " ").capitalize()


def _sent(row: PreferenceRow, channel: Channel) -> Value:
    """What of it may be sent.

    Mail that a type does not send by itself comes when its sender asks for it, unless it was refused.
    """
    cell = row.cells[channel]
    if channel == "email" and row.type.email is not None and cell.origin is CellOrigin.DEFAULT:
        return True
    return cell.value


def _is_unsaid(row: PreferenceRow, channel: Channel) -> bool:
    """Whether there is no word yet on its mail, where the no is kept though nothing is sent by itself.

    Where a yes is waited for, a yes from before the no would count else; and of a type that the catalog has no mail of,
    mail comes when its sender asks for it.
    """
    return channel == "email" and row.cells[channel].origin in (CellOrigin.OPT_IN, CellOrigin.DEFAULT)


def _is_off(chosen: PreferenceGrid, category: str, channel: Channel) -> bool:
    """Whether the category itself was turned off, and not only each of its types."""
    said = chosen.preferences.document.get("categories", {}).get(category, {})
    return said.get(channel) is False


def _loudest(values: Sequence[Value]) -> Value:
    """What is sent at once goes before what is gathered, and that before nothing."""
    return next((value for value in (True, "daily", "weekly") if value in values), False)


def beneath(chosen: PreferenceGrid) -> PreferenceGrid:
    """The same as if no channel were off as a whole: what would be sent again, should it be turned on."""
    document = {name: value for name, value in chosen.preferences.document.items() if name != "channels"}
    preferences = replace(chosen.preferences, document=document)
    rows = (
        PreferenceRow(
            row.type, {channel: preferences.cell(row.type, row.type.name, channel) for channel in row.cells}
        )
        for row in chosen.grid
    )
    return replace(chosen, preferences=preferences, grid=tuple(rows))


def lowering(chosen: PreferenceGrid, places: Iterable[CellPlace]) -> dict[str, Any]:
    """The merge patch that turns these places off, and nothing on; empty when they are off already."""
    patch: dict[str, Any] = {}
    # By both keys at once: a form may name thousands of places.
    rows_of: dict[str, list[PreferenceRow]] = {}
    for row in chosen.grid:
        rows_of.setdefault(row.type.category, []).append(row)
        rows_of.setdefault(row.type.name, []).append(row)
    for key, channel in places:
        if key is None:
            if chosen.preferences.document.get("channels", {}).get(channel) is not False:
                patch.setdefault("channels", {})[channel] = False
            continue
        rows = [row for row in rows_of.get(key, ()) if not row.cells[channel].is_locked]
        on = [row for row in rows if _sent(row, channel) or _is_unsaid(row, channel)]
        # The category, even where only some of its types are on, or none: a type that it gets tomorrow is meant too.
        if any(row.type.category == key for row in rows) and (on or not _is_off(chosen, key, channel)):
            patch.setdefault("categories", {}).setdefault(key, {})[channel] = False
        for row in on:
            # What was chosen for the type alone goes before its category.
            if row.type.name == key or row.cells[channel].origin is CellOrigin.TYPE:
                patch.setdefault("types", {}).setdefault(row.type.name, {})[channel] = False
    return patch
