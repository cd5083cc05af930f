"""Patches of preferences: what a change makes of what was chosen, whether it may be chosen, and how it is undone. Pure.

A patch is a merge patch (RFC 7396) of the document of `UserPreferences`. `choosing` keeps what comes of it.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from gateway.notify.preferences.chosen import CellOrigin, PreferenceJson, UserPreferences

if TYPE_CHECKING:
    from gateway.catalog.catalog import Catalog
    from gateway.catalog.kinds import NotificationType


class LockedPreference(Exception):
    """A choice was asked for where there is none: of a type, or of a category with nothing else in it, that is critical.

    Nothing of the patch is kept then, also of what could be chosen.
    """

    def __init__(self, places: list[str]) -> None:
        super().__init__(f"cannot be chosen: {', '.join(places)}")
        self.places = places
        """Where it was asked for, such as `types.PASSWORD_RESET`."""


class DigestRefused(Exception):
    """Mail was asked for in a digest that always comes by itself.

    Nothing of the patch is kept then.
    """

    def __init__(self, places: list[str]) -> None:
        super().__init__(f"never in a digest: {', '.join(places)}")
        self.places = places
        """Where it was asked for, such as `types.NEWSLETTER.email`."""


class UnknownPreference(Exception):
    """A choice was asked for of a type or a category that the catalog does not have.

    To take such a choice back is allowed: what was chosen before the catalog lost the type must not stay for
    ever.
    """

    def __init__(self, places: list[str]) -> None:
        super().__init__(f"the catalog has no {', '.join(places)}")
        self.places = places
        """Where it was asked for, such as `types.ORDER_SHIPPED` or `categories.deals`."""


def agreeing(chosen: UserPreferences, type_: "NotificationType") -> PreferenceJson | None:
    """The merge patch of a yes to mail of the type; None where none is waited for: it is mailed anyway, or something was said."""
    cell = chosen.cell(type_, type_.name, "email")
    if cell.value or cell.origin not in (CellOrigin.OPT_IN, CellOrigin.DEFAULT):
        return None
    if cell.origin is CellOrigin.OPT_IN:
        return {"categories": {type_.category: {"email": True}}}
    return {"types": {type_.name: {"email": True}}}


def speaks_of_mail(patch: PreferenceJson, type_: "NotificationType") -> bool:
    """Whether the patch says anything of mail of the type, also that a choice is taken back."""
    places = (
        ("channels", "email"),
        ("categories", type_.category, "email"),
        ("types", type_.name, "email"),
    )
    return any(_says(patch, place) for place in places)


def _says(patch: PreferenceJson | None, place: Sequence[str]) -> bool:
    """Whether anything is said in this place, or all that is above it is taken back."""
    if patch is None or not place:
        return True
    first, *rest = place
    return first in patch and _says(patch[first], rest)


def merged(document: PreferenceJson, patch: PreferenceJson) -> dict[str, Any]:
    """The document after a merge patch (RFC 7396); what says nothing any more is left out."""
    result = dict(document)
    for name, value in patch.items():
        if value is None:
            result.pop(name, None)
        elif isinstance(value, Mapping):
            before = result.get(name)
            inner = merged(before if isinstance(before, Mapping) else {}, value)
            if inner:
                result[name] = inner
            else:
                result.pop(name, None)
        else:
            result[name] = value
    return result


def replacing(document: PreferenceJson, wanted: PreferenceJson) -> dict[str, Any]:
    """The merge patch that makes `wanted` of the document: what is not wanted any more is null in it."""
    patch: dict[str, Any] = {name: None for name in document if name not in wanted}
    for name, value in wanted.items():
        before = document.get(name)
        patch[name] = (
            replacing(before if isinstance(before, Mapping) else {}, value)
            if isinstance(value, Mapping)
            else value
        )
    return patch


def undoing(document: PreferenceJson, patch: PreferenceJson) -> dict[str, Any]:
    """The merge patch that brings back what the document had where `patch` changes it.

    What was not there is None in it, which takes it out again.
    """
    return {
        name: undoing(document.get(name) or {}, value) if isinstance(value, Mapping) else document.get(name)
        for name, value in patch.items()
    }


def way_back(undo: dict[str, Any], catalog: "Catalog | None") -> dict[str, Any]:
    """The way back as it may be chosen now: of mail that came in digests, and does no more, a plain yes."""
    for place in refused_digests(undo, catalog):
        name, key, channel = place.split(".")
        undo[name][key][channel] = True
    return undo


def check(patch: PreferenceJson, catalog: "Catalog | None") -> None:
    """Raise `LockedPreference`, `UnknownPreference` or `DigestRefused` for what cannot be chosen.

    To choose nothing, as null does, one always can.

    It looks at places, and whether a digest is asked for; that the values are right was seen as the request was parsed.
    """
    unknown: list[str] = []
    locked: list[str] = []
    types = {} if catalog is None else catalog.types
    categories = {} if catalog is None else catalog.categories
    choosable = {type_.category for type_ in types.values() if not type_.critical}
    for name in _chosen(patch, "types"):
        if name not in types:
            unknown.append(f"types.{name}")
        elif types[name].critical:
            locked.append(f"types.{name}")
    for key in _chosen(patch, "categories"):
        if key not in categories:
            unknown.append(f"categories.{key}")
        # A category without any type is open: there is nothing in it that could be critical.
        elif key not in choosable and any(type_.category == key for type_ in types.values()):
            locked.append(f"categories.{key}")
    if unknown:
        raise UnknownPreference(unknown)
    if locked:
        raise LockedPreference(locked)
    alone = refused_digests(patch, catalog)
    if alone:
        raise DigestRefused(alone)


def refused_digests(patch: PreferenceJson, catalog: "Catalog | None") -> list[str]:
    """Where mail is wanted in a digest that comes in none: `types.NEWSLETTER.email`, or a category of nothing else."""
    types = {} if catalog is None else catalog.types
    free = [type_ for type_ in types.values() if not type_.critical]
    alone = {type_.name for type_ in free if not type_.in_digests}
    gathered = {type_.category for type_ in free if type_.in_digests}
    categories = {type_.category for type_ in free} - gathered
    return [
        *(f"types.{name}.email" for name in _in_digests(patch, "types") if name in alone),
        *(f"categories.{key}.email" for key in _in_digests(patch, "categories") if key in categories),
    ]


def _chosen(patch: PreferenceJson, name: str) -> list[str]:
    """The keys under which something is chosen, and not only taken back."""
    return [
        key
        for key, channels in (patch.get(name) or {}).items()
        if channels is not None and any(value is not None for value in channels.values())
    ]


def _in_digests(patch: PreferenceJson, name: str) -> list[str]:
    """The keys under which mail is wanted in a digest."""
    return [
        key
        for key, channels in (patch.get(name) or {}).items()
        if isinstance((channels or {}).get("email"), str)
    ]
