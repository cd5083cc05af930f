"""The mail templates of a catalog: which files make the mail of a type in a language, and what is made of them.

Jinja → MRML → css-inline → a check of the size, in this order: an inliner that came first would move statements out of tables.
Everything here may be made to take long or much by a template: `mailer.printer` bounds it.
"""

import re
from collections.abc import Mapping
from typing import Any

import css_inline
import mjml
import nh3
from jinja2 import BaseLoader, ChoiceLoader, Environment, FunctionLoader, PackageLoader, pass_context
from jinja2.runtime import ChainableUndefined, Context
from markupsafe import Markup

from mailer import letter, plaintext, templating
from mailer.choice import chosen, has_design
from mailer.composed import Composed, Composition, warnings_of
from mailer.errors import TemplateFailure
from mailer.filters import SPOKEN, Filter, Reader
from mailer.keyed import KeyedEnvironment
from mailer.languages import text

LONGEST_HTML = 32 * 1024
"""Of one value that is printed as HTML."""


class Designs:
    """Renders by templates that are given as texts, by name; compiled when first used, and kept.

    For a type and a language the first that is there is taken of `TYPE.<language>`, its shorter forms, `TYPE`, and the same
    of `default`; `.mjml` goes before `.html`. A text is not taken from further down that list than the HTML: then it is
    made from the HTML. Where the catalog has no template at all, Bellhop's own is used.
    """

    def __init__(self, sources: Mapping[str, str]) -> None:
        self._sources = dict(sources)
        self._environment = environment(ChoiceLoader([FunctionLoader(self._load), PackageLoader("mailer")]))
        self._inliner = css_inline.CSSInliner(
            load_remote_stylesheets=False, keep_at_rules=True, keep_link_tags=False
        )

    def has(self, type_: str, locale: str) -> bool:
        """Whether there is a template for the type, or one for all."""
        return has_design(self._sources, type_, locale)

    def compose(self, composition: Composition) -> Composed:
        """Raises `TemplateFailure`, which names the file and the line."""
        names = chosen(self._sources, composition.type, composition.context["locale"])
        html = self._html(names["html"], composition.context)
        if "txt" in names:
            text = self._rendered(names["txt"], composition.context)
        else:
            text = plaintext.of_html(html)
        size = len(html.encode(errors="replace"))
        return Composed(
            text=text,
            html=letter.body(html),
            bytes=size,
            warnings=warnings_of(size),
            templates=tuple(names.values()),
        )

    def _load(self, name: str) -> tuple[str, str, None] | None:
        # With a file's name, so that what fails in it can be told by name and line.
        """A template of the catalog by its name, as Jinja wants it; None for one that is looked for among the built-in
        ones.
        """
        return (self._sources[name], name, None) if name in self._sources else None

    def _html(self, name: str, context: Mapping[str, Any]) -> str:
        """The HTML of a template: rendered, made of MJML if it is, and with its styles inlined. Raises `TemplateFailure`."""
        rendered = self._rendered(name, context)
        try:
            if name.endswith(".mjml"):
                # Includes are Jinja's: MRML has no loader, and opens no file.
                rendered = mjml.mjml2html(rendered)
            return self._inliner.inline(rendered) if "<style" in rendered else rendered
        except ValueError as error:  # MRML's, or the inliner's
            reason = f"{name}: after rendering this is no sound MJML: {_first_line(error)}"
            raise TemplateFailure(reason) from error

    def _rendered(self, name: str, context: Mapping[str, Any]) -> str:
        """What a template prints, cleaned and of bounded size. Raises `TemplateFailure`, whatever the template raises."""
        try:
            # Cleaned already here: no MJML is sound with a control character in it, and data may have some.
            return letter.body(templating.bounded(self._environment.get_template(name).generate(context)))
        except Exception as error:
            # A template may raise whatever an expression in it raises.
            raise TemplateFailure(templating.account(error, name)) from error


def environment(loader: BaseLoader) -> Environment:
    """A sandbox for mails, with the filters that speak the reader's language.

    HTML is escaped in all but `.txt`. What is not there prints as nothing, at any depth. Nothing of Python's can be
    reached.
    """
    made = KeyedEnvironment(
        loader=loader,
        autoescape=lambda name: name is not None and not name.endswith(".txt"),
        undefined=ChainableUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        auto_reload=False,
    )
    # Nothing in a mail is counted out: what it goes over is its data.
    for name in ("range", "lipsum", "cycler", "joiner"):
        del made.globals[name]
    made.filters |= {name: _spoken(known) for name, known in SPOKEN.items()}
    made.filters["sanitize"] = sanitized
    return made


def sanitized(value: object) -> Markup:
    """HTML of the data as a mail may show it: no scripts, no styles, no forms, no links but to the web and to mail.

    What is too long is cut before it is parsed.

    At most `LONGEST_HTML` characters are looked at. It raises nothing for any value of JSON.
    """
    clean = nh3.clean(text(value)[:LONGEST_HTML], url_schemes={"http", "https", "mailto"}, link_rel=None)
    return Markup(clean)  # noqa: S704 - it is what makes it safe


def _spoken(known: Filter) -> Any:
    """A filter that is told whom the mail is for."""

    @pass_context
    def apply(context: Context, value: object, *arguments: object, **named: object) -> object:
        reader = Reader(context["locale"], context.get("timezone") or "UTC")
        return known.apply(value, reader, *arguments, **named)

    return apply


def _first_line(error: Exception) -> str:
    return re.split(r"[\r\n]", str(error), maxsplit=1)[0][:150]
