"""The picture that a mail holds where it may be known that it was opened: one dot that is not seen, at the end of its HTML."""

import re
from html import escape

_END = re.compile(r"</body\s*>", re.IGNORECASE)


def pictured(html: str, url: str) -> str:
    """The HTML with the picture from there, and nothing else changed."""
    ends = [found.start() for found in _END.finditer(html)]
    at = ends[-1] if ends else len(html)
    picture = f'<img src="{escape(url)}" width="1" height="1" alt="" style="border:0;width:1px;height:1px">'
    return f"{html[:at]}{picture}{html[at:]}"
