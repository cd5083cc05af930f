"""Which of a catalog's files make the mail of a type in a language. Knows names only."""

from collections.abc import Container, Iterator

from mailer.locales import ranges

MARKUP = ("mjml", "html")


def has_design(names: Container[str], type_: str, locale: str) -> bool:
    """Whether the catalog has a template for it; where it has none, the mail is made as without a catalog.

    `default` is one for all types, if the catalog has it.
    """
    return any(name in names for name in chosen(names, type_, locale).values())


def chosen(names: Container[str], type_: str, locale: str) -> dict[str, str]:
    """The file of the HTML, and of the text unless it is to be made from the HTML.

    By what they are: `html` always, `txt` unless it is to be made. Without any of the catalog's the built-in default is
    named.
    """
    stems = list(_stems(type_, locale))
    for at, stem in enumerate(stems):
        if html := next((f"{stem}.{kind}" for kind in MARKUP if f"{stem}.{kind}" in names), None):
            text = next((f"{each}.txt" for each in stems[: at + 1] if f"{each}.txt" in names), None)
            return {"html": html} if text is None else {"html": html, "txt": text}
    text = next((f"{stem}.txt" for stem in stems if f"{stem}.txt" in names), "default.txt")
    return {"html": "default.html", "txt": text}


def _stems(type_: str, locale: str) -> Iterator[str]:
    """The names to look for, without what they end with: the type in the language and its shorter forms, the type, and
    so of `default`.
    """
    for base in (type_, "default"):
        yield from (f"{base}.{tag}" for tag in ranges(locale))
        yield base
