"""Whether a new catalog still accepts what an old one accepted: of what is sent today, nothing may be refused tomorrow.

For an operator's CI, before a new catalog is rolled out. Whether a schema covers another is proven by
`jsonschema_rs`; the words are ours, and only help to find the place.
"""

from collections.abc import Iterator
from typing import Any

import jsonschema_rs
from jsonschema_rs import canonical

from gateway.catalog.catalog import Catalog
from gateway.catalog.payload import OPTIONS
from gateway.catalog.shapes import Schema

_CANONICAL = {
    name: value
    for name, value in OPTIONS.items()
    if name in ("validate_formats", "pattern_options", "offline")
}
"""The options that a comparison takes, as the schemas are compiled with."""


def breaks(old: Catalog, new: Catalog) -> Iterator[str]:
    """Each type of which something may be refused, with what is known of it; nothing where the opposite is proven.

    Types that are new break nothing. Pure, but for the time that a proof takes.
    """
    for name, before in old.types.items():
        after = new.types.get(name)
        if after is None:
            if new.strict:
                yield f"{name}: the type is gone, and a strict catalog refuses it"
            elif before.wordings:
                yield f"{name}: the type is gone, and an emit that leaves its title to the catalog is refused"
            continue
        if before.wordings and not after.wordings:
            yield f"{name}: its texts are gone, and an emit that leaves its title to the catalog is refused"
        if not after.in_app and (before.in_app or (before.email is not None and after.email is None)):
            yield f"{name}: it is not shown in the app any more, and an emit that nothing is mailed of is refused"
        # Any data will do from now on.
        if after.payload is None:
            continue
        if before.payload is None:
            yield f"{name}: it had no schema, and any data were accepted"
        else:
            yield from _narrowed(name, before.payload.schema, after.payload.schema)
    if new.strict and not old.strict:
        yield "strict: types that the catalog has not were accepted"


def _narrowed(name: str, old: Schema, new: Schema) -> Iterator[str]:
    """What a new schema may refuse that the old one accepted; nothing where it is proven to cover it."""
    # Most are, and a proof costs time.
    if old == new:
        return
    before, after = (jsonschema_rs.canonicalize(dict(one), **_CANONICAL) for one in (old, new))
    if after.covers(before) == canonical.Containment.YES:
        return
    # Only where the proof has failed: the reasons are a guess, and may name what does no harm.
    reasons = list(_reasons(old, new, "data"))
    if reasons:
        yield from (f"{name}: {reason}" for reason in reasons)
    elif after.covers(before) == canonical.Containment.NO:
        yield f"{name}: the new schema refuses data that the old one accepted"
    else:
        yield f"{name}: it cannot be proven that the new schema accepts all that the old one accepted"


def _reasons(old: Any, new: Any, where: str) -> Iterator[str]:
    """The plain ones, in words; the proof needs none of them. `where` is the path within the data, such as `"data.items[]"`."""
    if not isinstance(old, dict) or not isinstance(new, dict):
        return
    for name in new.get("required", []):
        if name not in old.get("required", []):
            yield f"{where}.{name} must now be there"
    if "enum" in new and "enum" in old:
        for gone in (value for value in old["enum"] if value not in new["enum"]):
            yield f"{where} may no longer be {gone!r}"
    if old.get("type") != new.get("type") and "type" in new:
        yield f"{where} must now be of type {new['type']}"
    for word in ("pattern", "format", "minimum", "maximum", "minLength", "maxLength", "minItems", "maxItems"):
        if word in new and old.get(word) != new[word]:
            yield f"{where} has another {word}: {old.get(word, 'none')} before, {new[word]} now"
    if new.get("additionalProperties") is False and old.get("additionalProperties") is not False:
        yield f"{where} may no longer have properties that are not in the schema"
    for name, inner in new.get("properties", {}).items():
        yield from _reasons(old.get("properties", {}).get(name, {}), inner, f"{where}.{name}")
    yield from _reasons(old.get("items", {}), new.get("items"), f"{where}[]")
