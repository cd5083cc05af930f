"""The text part of a mail of which there is only HTML: what a reader would see of it, in lines, with its links."""

import re
from collections.abc import Iterator

from selectolax.lexbor import LexborHTMLParser, LexborNode

_UNSEEN = frozenset({"head", "style", "script", "title", "template", "noscript", "-comment", "-doctype"})
_HIDDEN = '[hidden], [style*="display:none" i], [style*="display: none" i], [style*="mso-hide" i]'
_BLOCKS = frozenset({
    "address", "article", "blockquote", "div", "dl", "dt", "dd", "footer", "form", "header", "hr", "li", "main", "nav", "ol",
    "pre", "section", "table", "tr", "ul",
})  # fmt: skip
_PARAGRAPHS = frozenset({"p", "h1", "h2", "h3", "h4", "h5", "h6"})
_SPACES = re.compile(r"[\t\n\v\r\f ]+")
_INVISIBLE = re.compile("[\u00ad\u034f\u200b-\u200f\u2060\ufeff]+")
_BREAK, _LINE, _PARAGRAPH, _CELL = "\n", "\v", "\f", "\t"
"""A line end that is written, one between blocks, one with a blank line behind it, and the end of a cell."""
_ENDS = re.compile(r"[ \t]*[\n\v\f][ \t\n\v\f]*")


def of_html(html: str) -> str:
    """Lines of text, paragraphs parted by blank lines, a row of a table in a line, links in brackets behind their words.

    What a reader is not shown is left out: styles, hidden elements, zero-width filling. It raises nothing for any text.
    """
    tree = LexborHTMLParser(html)
    body = tree.body
    if body is None:
        return "\n"  # a frameset
    # By one look for all: to ask each element for its attributes takes longer than everything else.
    hidden = {node.mem_id for node in tree.css(_HIDDEN)}
    return _laid_out("".join(_pieces(body, hidden)))


def _pieces(node: LexborNode, hidden: set[int]) -> Iterator[str]:
    # A stack of our own: how deep a mail is nested is not for the interpreter to bear.
    waiting: list[LexborNode | str] = [node]
    while waiting:
        one = waiting.pop()
        if isinstance(one, str):
            yield one
            continue
        name = one.tag or ""
        if name == "-text":
            yield _SPACES.sub(" ", one.text_content or "")
        elif name == "br":
            yield _BREAK
        elif name == "img":
            yield one.attributes.get("alt") or ""
        elif name not in _UNSEEN and one.mem_id not in hidden:
            before, after = _around(one, name)
            yield before
            waiting.append(after)
            waiting.extend(reversed(list(one.iter(include_text=True))))


def _around(node: LexborNode, name: str) -> tuple[str, str]:
    """What comes before and after the content of an element."""
    if name in _PARAGRAPHS or (name == "tr" and _is_layout(node)):
        return _PARAGRAPH, _PARAGRAPH
    if name in _BLOCKS:
        return _LINE + ("- " if name == "li" else ""), _LINE
    if name in ("td", "th"):
        return "", _CELL
    if name != "a":
        return "", ""
    target = node.attributes.get("href")
    if not target or target.startswith("#") or target in (node.text() or ""):
        return "", ""
    return "", f" <{target}>"


def _is_layout(row: LexborNode) -> bool:
    """Whether a row is of a table that only lays things out, as builders of mails mark them."""
    above = row.parent
    while above is not None and above.tag != "table":
        above = above.parent
    return above is not None and above.attributes.get("role") == "presentation"


def _laid_out(text: str) -> str:
    """Lines of the pieces: runs of blanks as one, cells two blanks apart, one blank line between paragraphs."""
    lines = []
    for line in _ENDS.sub(_end, _INVISIBLE.sub("", text)).split("\n"):
        cells = [" ".join(cell.split()) for cell in line.split(_CELL)]
        lines.append("  ".join(filter(None, cells)))
    return "\n".join(lines).strip("\n") + "\n"


def _end(run: re.Match[str]) -> str:
    return "\n\n" if _PARAGRAPH in run[0] or run[0].count(_BREAK) > 1 else "\n"
