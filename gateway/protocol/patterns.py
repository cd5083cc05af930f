"""What texts of requests may hold, as regular expressions that Python, JSON Schema and JavaScript read alike.

The OpenAPI document and the web's pages have them as they stand here. So there is no syntax in them that only
one of the three knows: no possessive quantifiers, no named
groups, no anchors but their own.
"""

from auth.characters import NOT_IN_A_LINE

PRINTABLE = rf"[^{NOT_IN_A_LINE}]*"
"""A line: no control characters and no line separators."""
# White space, and what Unicode says is not drawn (Default_Ignorable_Code_Point), and the Braille blank. The astral ones
# stand for themselves: no spelling of them is every reader's of a pattern.
INVISIBLE = (
    r" \u00a0\u00ad\u034f\u061c\u115f\u1160\u1680\u17b4\u17b5\u180b-\u180f\u2000-\u200f\u202a-\u202f\u205f-\u206f"
    r"\u2800\u3000\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffc"
    "\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
)
VISIBLE = rf"[{INVISIBLE}]*[^{INVISIBLE}{NOT_IN_A_LINE}]{PRINTABLE}"
"""Printable, and not only blanks and the like."""
PRINTABLE_LINES = r"[^\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f]*"
"""The same, with tabs and line ends."""
TYPE = r"[A-Z][A-Z0-9_]{0,63}"
"""Such as `"ORDER_SHIPPED"`."""
CATEGORY = r"[a-z][a-z0-9_]{0,63}"
"""Such as `"orders"`."""
ACTION_ID = r"[a-z][a-z0-9_-]{0,31}"
"""Such as `"track"`."""
EVENT = r"[A-Za-z][A-Za-z0-9_:.-]{0,63}"
"""Such as `"cursor:moved"`."""
# "//host" and "/\host" lead to another site in a browser, so neither is a path.
LINK = (
    r"(/(?![/\\])|https?://[^\s/?#\\@\u0000-\u001f\u007f-\u009f]+(?=[/?#]|$))[^\s\u0000-\u001f\u007f-\u009f]*"
)
"""A path of the site that shows it, or an address with a host and without a user's name before it."""
IMAGE = r"https://[^\s/?#\\@\u0000-\u001f\u007f-\u009f]+(?=[/?#]|$)[^\s\u0000-\u001f\u007f-\u009f]*"
"""An address over TLS: mail readers and pages load no other."""
ADDRESS = r"""[^\s@<>()\[\],;:"\\\u0000-\u001f\u007f-\u009f]{1,64}@[^\s@<>()\[\],;:"\\\u0000-\u001f\u007f-\u009f]{1,189}"""
"""The shape of an address; whether mail can go there is for `mailer.address` to say."""
KEY = r"[ -~]{1,255}"
"""Of an idempotency key, a cancel key and a collapse key."""
