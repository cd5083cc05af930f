"""The text part that is made from HTML."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailer.plaintext import of_html


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("", "\n"),
        ("<html><frameset></frameset></html>", "\n"),
        ("<p>One</p><p>Two<br>Three</p>", "One\n\nTwo\nThree\n"),
        ("<h1>Head</h1><div>a<div>b</div></div>", "Head\n\na\nb\n"),
        ("<table role=presentation><tr><td>a</td></tr><tr><td>b</td></tr></table>", "a\n\nb\n"),
        ("a<br><br><br>b", "a\n\nb\n"),
        ("a   b\n c", "a b c\n"),
        ("<table><tr><th>Item</th><th>Price</th></tr><tr><td>Lamp</td><td>89 €</td></tr></table>", "Item  Price\nLamp  89 €\n"),
        ("<ul><li>a</li><li>b</li></ul>", "- a\n- b\n"),
        ('<a href="https://x.example/a">Go</a> on', "Go <https://x.example/a> on\n"),
        ('<a href="https://x.example">https://x.example</a>', "https://x.example\n"),
        ('<a href="#top">Up</a><a>No</a><a href="">E</a>', "UpNoE\n"),
        ('<img src="x" alt="A lamp"><img src="y">', "A lamp\n"),
        ("<head><title>no</title><style>no</style></head><body><!-- no -->yes<script>no</script></body>", "yes\n"),
        ('<div style="display:none">no</div><div hidden>no</div><p style="mso-hide: all">no</p>yes', "yes\n"),
        ("a\u200b\u00ad\u034fb &amp; &lt;c&gt;", "ab & <c>\n"),
        ("<!--[if mso]><table><tr><td><![endif]-->yes<!--[if mso]></td></tr></table><![endif]-->", "yes\n"),
    ],
)  # fmt: skip
def test_a_reader_of_text_sees_what_a_reader_of_html_sees(html, text):
    assert of_html(html) == text


def test_the_deepest_nesting_is_no_trouble():
    assert of_html("<div>" * 5000 + "x").strip() == "x"


@given(st.text(alphabet="<>/apdivtrstyle =\"'&;! -", max_size=200))
def test_any_html_has_a_text(html):
    assert of_html(html).endswith("\n")
