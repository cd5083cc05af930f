"""Reading the texts of one type in one language: phrases, links, and what a reader may press.

What a phrase is and how it is said is of `mailer.phrases`; here it is judged against the type's schema.
`types` and `variants` read by it.
"""

from collections.abc import Mapping, Sequence

from gateway.catalog import shapes
from gateway.catalog.kinds import BUTTON_STYLES, Button, Wording
from gateway.catalog.payload import Payload
from gateway.catalog.tables import Table
from mailer.phrases import Phrase, PhraseError, phrase
from mailer.uses import Use

BUTTONS_MAX = 3
"""Of one type."""
BUTTON_ID = r"[a-z][a-z0-9_-]{0,31}"
"""Such as `"track"`."""
LINK_STARTS = ("/", "https://", "http://")
"""What a link may begin with."""


def undeclared(use: Use, payload: Payload | None) -> str | None:
    """Why a path of `data` that a template uses cannot be relied on, if it cannot.

    Words made of what may be missing would have holes: so the schema must name what they use.
    """
    if payload is None:
        return f"uses {use}, and the type has no schema that declares it"
    if shapes.declares(payload.schema, use.path):
        return None
    known = shapes.names_at(payload.schema, use.path[:-1])
    there = f"; there is {', '.join(known)}" if known else ""
    return f"uses {use}, which the schema does not declare{there}"


def stray(source: str, starts: Sequence[str] = LINK_STARTS) -> str | None:
    """Why a link may lead where nobody has said, if it may.

    A value from an emit must not decide to which site a link leads.
    """
    start = next((start for start in starts if source.startswith(start)), None)
    after = source[len(start or "") :]
    # The host, and that it is a path of ours at all, must not come from anybody's data.
    if (
        start is not None
        and after[:1] not in ("/", "\\")
        and (start == "/" or after)
        and not (start == "/" and after[:1] == "{")
        and not (start != "/" and "{" in after.partition("/")[0])
    ):
        return None
    place = "/ and a word, or with http(s)://" if "/" in starts else "https://"
    return f"must begin with {place} and a host, before any value"


def read_link(
    table: Table, key: str, locale: str, payload: Payload | None, *, starts: Sequence[str] = LINK_STARTS
) -> Phrase | None:
    """A text that leads somewhere, and begins with one of `starts`. None where it is left out, or is no phrase."""
    source = table.value.get(key)
    if isinstance(source, str) and (problem := stray(source, starts)):
        table.wrong(problem, key)
    return read_phrase(table, key, locale, payload, is_link=True)


def read_phrase(
    table: Table, key: str, locale: str, payload: Payload | None, *, is_link: bool = False
) -> Phrase | None:
    """A text, as far as it is sound: what it uses of the data must be declared. None where it is left out or wrong."""
    source = table.text(key, None)
    if source is None:
        return None
    if not source.strip():
        table.wrong("is empty", key)
        return None
    try:
        # Compiled here, once; a catalog in use only says them.
        made = phrase(source, locale=locale, is_link=is_link)
    except PhraseError as error:
        table.wrong_in_text(str(error), error.line, key)
        return None
    for use in made.uses:
        if problem := undeclared(use, payload):
            table.wrong_in_text(problem, use.line, key)
    return made


def read_buttons(texts: Table, locale: str, payload: Payload | None) -> tuple[Button, ...]:
    """The buttons that are sound, in their order.

    With too many there are none: which ones were meant is not to be guessed.
    """
    found: dict[str, Button] = {}
    given = texts.value.get("actions")
    if isinstance(given, list) and len(given) > BUTTONS_MAX:
        texts.wrong(f"has more than {BUTTONS_MAX} actions", "actions")
        return ()
    for row in texts.rows("actions"):
        row.only(("id", "label", "link", "style"))
        for key in ("id", "label"):
            if key not in row.value:
                row.wrong(f"{key} is missing")
        id_ = row.text(
            "id", "", pattern=BUTTON_ID, meaning="a name such as track: small letters, digits, _ and -"
        )
        label = read_phrase(row, "label", locale, payload)
        if id_ in found:
            row.wrong(f"there is an action {id_} before it", "id")
        elif id_ and label is not None:
            found[id_] = Button(
                id=id_,
                label=label,
                link=read_link(row, "link", locale, payload),
                style=row.one_of("style", "default", BUTTON_STYLES),
            )
    return tuple(found.values())


def agree_on_buttons(table: Table, wordings: Mapping[str, Wording]) -> None:
    """Note where two languages of a type do not have the same buttons: what was pressed must mean the same in each."""
    ids = {locale: {button.id for button in wording.buttons} for locale, wording in wordings.items()}
    for locale, own in ids.items():
        first = next(iter(ids))
        if own != ids[first]:
            table.wrong(f"has other actions than {first}: each language has the same", "texts", locale)
