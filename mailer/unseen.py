"""What stands in the HTML of a mail for nobody to see, at its end: a picture that tells of being fetched, and a link for programs."""

import re
from html import escape

_END = re.compile(r"</body\s*>", re.IGNORECASE)


def pictured(html: str, url: str) -> str:
    """The HTML with the picture from there, and nothing else changed."""
    return _ended(
        html, f'<img src="{escape(url)}" width="1" height="1" alt="" style="border:0;width:1px;height:1px">'
    )


def trapped(html: str, url: str) -> str:
    """The HTML with a link there that nobody can see, hear or reach: what follows it follows all that it finds."""
    return _ended(html, f'<a style="display:none" aria-hidden="true" tabindex="-1" href="{escape(url)}"></a>')


def _ended(html: str, with_: str) -> str:
    ends = [found.start() for found in _END.finditer(html)]
    at = ends[-1] if ends else len(html)
    return f"{html[:at]}{with_}{html[at:]}"
