"""The page that links in mails open, as HTML: forms alone, no script, and nothing from elsewhere.

It makes text of values and knows neither requests nor the store. Whatever comes from a catalog or a person is
escaped. It works without a login, without a script and under any path.
"""

from base64 import b64encode
from hashlib import sha256
from html import escape
from typing import Final

from gateway.catalog.channels import CHANNELS
from gateway.http.unsubscribe_words import RIGHT_TO_LEFT, PageWords
from gateway.notify.choosing.leaving import UnsubscribeVisit
from gateway.notify.choosing.lowering import CategoryLine

STYLE: Final = """
:root { color-scheme: light dark; --ink: #1c2733; --soft: #5b6875; --ground: #fff; --line: #d5dbe1; --act: #0b5fd0; --on-act: #fff; }
@media (prefers-color-scheme: dark) { :root { --ink: #e8edf2; --soft: #a5b1bd; --ground: #14191f; --line: #36414c; --act: #7db2ff; --on-act: #0c1117; } }
body { margin: 0; background: var(--ground); color: var(--ink); font: 1.0625rem/1.5 system-ui, sans-serif; }
main { max-width: 36rem; margin: 0 auto; padding: 2rem 1rem 4rem; }
h1 { font-size: 1.375rem; line-height: 1.3; } h2 { font-size: 1.125rem; margin-top: 2.5rem; }
p.soft { color: var(--soft); }
p.told { border-inline-start: .25rem solid var(--act); padding-inline-start: .75rem; font-weight: 600; }
button { font: inherit; font-weight: 600; min-height: 2.75rem; padding: 0 1.25rem; border: 0; border-radius: .5rem; background: var(--act); color: var(--on-act); cursor: pointer; }
button:focus-visible, input:focus-visible, a:focus-visible, summary:focus-visible { outline: .1875rem solid var(--act); outline-offset: .125rem; }
a { color: var(--act); }
table { width: 100%; border-collapse: collapse; margin: 1rem 0; table-layout: fixed; overflow-wrap: anywhere; hyphens: auto; }
th, td { text-align: start; padding: .625rem .5rem; border-bottom: 1px solid var(--line); vertical-align: middle; }
th { font-weight: 600; } .over > * { border-bottom: 0; padding-bottom: 0; } td.kinds { padding-block: 0; padding-inline-end: 0; } td.cell, th.cell { text-align: center; width: 6rem; padding-inline: .125rem; box-sizing: border-box; } th.cell, td.kinds th { font-size: .9375rem; } td.cell { color: var(--soft); font-size: .875rem; }
summary { min-height: 2.75rem; line-height: 2.75rem; color: var(--act); cursor: pointer; }
td.kinds table { margin: 0 0 .5rem; } td.kinds th { font-weight: 400; padding-inline-start: .25rem; } td.kinds tr:last-child > * { border-bottom: 0; }
label { display: block; min-height: 1.75rem; cursor: pointer; }
input[type=checkbox] { width: 1.375rem; height: 1.375rem; vertical-align: middle; accent-color: var(--act); }
"""
"""In the page, as it loads nothing; its hash is in the policy, so that no other style applies."""
POLICY: Final = (
    "default-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; "
    f"style-src 'sha256-{b64encode(sha256(STYLE.encode()).digest()).decode()}'"
)
"""The Content-Security-Policy of the page."""
ALL: Final = "*.email"
"""The place of the switch of all email."""
TRACKING: Final = "*.tracking"
"""The place of the switch by which it may be known which links are followed; shown to who has turned that on."""


def question(visit: UnsubscribeVisit, words: PageWords, *, language: str, page: str) -> str:
    """The page before a click: it asks. `page` is where all is chosen.

    Posting the form is the click; mail readers post the same without showing it (RFC 8058).
    """
    if visit.category is None:
        return document(words.gone, [], language=language, title=words.title)
    asked = words.ask.format(name=visit.name)
    return document(
        asked,
        [
            f'<form method="post"><button name="List-Unsubscribe" value="One-Click">{escape(words.click)}</button></form>',
            f'<p><a href="{escape(page)}">{escape(words.more)}</a></p>',
        ],
        language=language,
        title=words.title,
    )


def answer(visit: UnsubscribeVisit, words: PageWords, *, language: str, page: str) -> str:
    """The page after the click: it is done, and this is the rest.

    A category that the catalog has no more is told as gone: there is nothing to turn off.
    """
    told = words.gone if visit.category is None else words.done.format(name=visit.name)
    return document(
        words.heading, [_told(told), *_choices(visit, words, page)], language=language, title=words.title
    )  # fmt: skip


def preferences(visit: UnsubscribeVisit, words: PageWords, *, language: str, saved: bool = False) -> str:
    """All that the person is sent.

    `saved` says so on top of it.
    """
    told = [_told(words.saved)] if saved else []
    return document(words.heading, [*told, *_choices(visit, words, "")], language=language, title=words.title)


def unknown(words: PageWords, *, language: str) -> str:
    """The page for a link that nobody can read."""
    return document(words.unknown, [], language=language, title=words.title)


def document(heading: str, parts: list[str], *, language: str, title: str) -> str:
    """A page with these parts below its heading.

    Also for the links of clicks. `parts` are HTML, `heading` and `title` are texts.
    """
    body = "\n".join([f"<h1>{escape(heading)}</h1>", *parts])
    direction = ' dir="rtl"' if language in RIGHT_TO_LEFT else ""
    return (
        f'<!doctype html>\n<html lang="{language}"{direction}>\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n<meta name="robots" content="noindex">\n'
        f"<title>{escape(title)}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n<main>\n{body}\n</main>\n</body>\n</html>\n"
    )


def _told(text: str) -> str:
    """What has just been done, announced to screen readers."""
    return f'<p class="told" role="status">{escape(text)}</p>'


def _choices(visit: UnsubscribeVisit, words: PageWords, action: str) -> list[str]:
    """The form in which each category is switched, by channel."""
    where = f' action="{escape(action)}"' if action else ""
    head = "".join(
        f'<th scope="col" class="cell">{escape(words.channels[channel])}</th>' for channel in CHANNELS
    )
    table = [
        f'<table>\n<thead><tr><th scope="col">{escape(words.category)}</th>{head}</tr></thead>\n<tbody>',
        *[_row(line, words) for line in visit.lines],
        "</tbody>\n</table>",
    ]  # fmt: skip
    return [
        f'<p class="soft">{escape(words.explain)}</p>',
        f'<form method="post"{where}>',
        f"<p>{_switch(ALL, words.all_email, words, is_on=visit.wants_email, is_shown=True)}</p>",
        *(table if visit.lines else []),
        *_tracking(visit, words),
        f"<p><button>{escape(words.save)}</button></p>\n</form>",
    ]


def _tracking(visit: UnsubscribeVisit, words: PageWords) -> list[str]:
    """The switch of tracking, for who has turned it on."""
    if not visit.chosen.preferences.tracking:
        return []
    said = words.of_tracking(opens=visit.tells_opens)
    return [f"<p>{_switch(TRACKING, said, words, is_on=True, is_shown=True)}</p>"]


def _row(line: CategoryLine, words: PageWords) -> str:
    """A category or a type, with a cell for each channel; below a category its types, to be opened."""
    cells = "".join(f'<td class="cell">{_cell(line, channel, words)}</td>' for channel in CHANNELS)
    row = f'<th scope="row">{escape(line.name)}</th>{cells}</tr>'
    if not line.kinds:
        return f"<tr>{row}"
    kinds = "\n".join(_row(kind, words) for kind in line.kinds)
    return (
        f'<tr class="over">{row}\n<tr><td class="kinds" colspan="{1 + len(CHANNELS)}"><details>'
        f"<summary>{escape(words.kinds.format(name=line.name))}</summary>\n<table><tbody>\n{kinds}\n</tbody></table></details></td></tr>"
    )


def _cell(line: CategoryLine, channel: str, words: PageWords) -> str:
    """A switch; or that it always comes, or that it is off."""
    is_on = line.cells[channel]  # type: ignore[index]  # one of `CHANNELS`
    if is_on is None:
        return escape(words.always)
    often = f" {escape(words.often[is_on])}" if isinstance(is_on, str) else ""
    label = f"{line.name}: {words.channels[channel]}"
    return _switch(f"{line.key}.{channel}", label, words, is_on=bool(is_on), is_shown=False) + often


def _switch(place: str, label: str, words: PageWords, *, is_on: bool, is_shown: bool) -> str:
    """A box to turn a place off with; of one that is off already, that it is.

    `shown` lists the places that the form has, `keep` those that stay ticked: browsers send nothing for a box
    that is not.
    """
    text = escape(label)
    if not is_on:
        return f"{text}: {escape(words.off)}" if is_shown else escape(words.off)
    named = text if is_shown else ""
    aria = "" if is_shown else f' aria-label="{text}"'
    return (
        f'<input type="hidden" name="shown" value="{place}"><label>'
        f'<input type="checkbox" name="keep" value="{place}" checked{aria}> {named}</label>'
    )
