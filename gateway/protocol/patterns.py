"""What texts of requests may hold, as regular expressions that Python, JSON Schema and JavaScript read alike."""

from auth.characters import NOT_IN_A_LINE

PRINTABLE = rf"[^{NOT_IN_A_LINE}]*"
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
TYPE = r"[A-Z][A-Z0-9_]{0,63}"
CATEGORY = r"[a-z][a-z0-9_]{0,63}"
ACTION_ID = r"[a-z][a-z0-9_-]{0,31}"
EVENT = r"[A-Za-z][A-Za-z0-9_:.-]{0,63}"
# "//host" and "/\host" lead to another site in a browser, so neither is a path.
LINK = (
    r"(/(?![/\\])|https?://[^\s/?#\\@\u0000-\u001f\u007f-\u009f]+(?=[/?#]|$))[^\s\u0000-\u001f\u007f-\u009f]*"
)
IMAGE = r"https://[^\s/?#\\@\u0000-\u001f\u007f-\u009f]+(?=[/?#]|$)[^\s\u0000-\u001f\u007f-\u009f]*"
ADDRESS = r"""[^\s@<>()\[\],;:"\\\u0000-\u001f\u007f-\u009f]{1,64}@[^\s@<>()\[\],;:"\\\u0000-\u001f\u007f-\u009f]{1,189}"""
"""The shape of an address; whether mail can go there is for `mailer.address` to say."""
KEY = r"[ -~]{1,255}"
