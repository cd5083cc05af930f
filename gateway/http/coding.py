"""Which coding a client wants an answer in (RFC 9110, section 12.5.3).

It only judges the header. What is served compressed is of `gateway.http.static`. Another coding than gzip is
never chosen.
"""

import re

CODINGS_MAX = 32
"""Entries that are looked at; browsers send four."""

_WEIGHT = re.compile(r"0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?")
"""A `q` as RFC 9110 has it (section 12.4.2)."""


def prefers_gzip(accepted: str) -> bool:
    """Whether gzip is acceptable, and not less wanted than the content as it is; `accepted` is Accept-Encoding, all lines.

    Where both are wanted alike it is gzip, for it is the smaller. `"x-gzip"` is its old name, `"*"` stands
    for all that is not named. An entry whose weight cannot be read weighs nothing.
    """
    weights: dict[str, float] = {}
    for entry in accepted.split(",", CODINGS_MAX)[:CODINGS_MAX]:
        coding, _, parameters = entry.partition(";")
        weights[coding.strip().lower()] = _weight(parameters)
    anything = weights.get("*", 0.0)
    zipped = weights.get("gzip", weights.get("x-gzip", anything))
    return zipped > 0 and zipped >= weights.get("identity", 0.0)


def _weight(parameters: str) -> float:
    """The value of `q`: 1 when it is left out, 0 when it is none.

    `parameters` is what stands behind the semicolon of an entry.
    """
    name, _, value = parameters.partition("=")
    if not name.strip():
        return 1.0
    value = value.strip()
    return float(value) if name.strip().lower() == "q" and _WEIGHT.fullmatch(value) else 0.0
