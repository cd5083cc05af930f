"""Templates of an operator that do not work: told by file and line, and nothing of the data with it."""

from pathlib import Path

import pytest

from mailer.errors import TemplateFailure
from mailer.templating import LARGEST_BYTES, Templates, names_in


def failure(folder: Path, template: str, name: str = "T.txt", **context: object) -> str:
    (folder / name).write_text(template)
    with pytest.raises(TemplateFailure) as caught:
        Templates(folder).render("T", "txt", context)
    return str(caught.value)


@pytest.mark.parametrize(
    ("template", "reason"),
    [
        ("a\n{{ title }", "T.txt, line 2: unexpected '}'"),
        ("a\nb\n{% if x %}", "T.txt, line 3: Unexpected end of template."),
        ("{{ x|nofilter }}", "T.txt, line 1: No filter named 'nofilter'."),
        ("\n{% include 'nowhere.txt' %}", "T.txt, line 2: nowhere.txt is not there"),
        ("{% extends 'nowhere.html' %}", "T.txt, line 1: nowhere.html is not there"),
        ("{% from 'nowhere.html' import x %}", "T.txt, line 1: nowhere.html is not there"),
        ("{% include ['a.txt', 'b.txt'] %}", "T.txt, line 1: a.txt or b.txt is not there"),
    ],
)
def test_a_template_that_cannot_be_used_is_found_before_a_mail_needs_it(
    tmp_path: Path, template: str, reason: str
) -> None:
    (tmp_path / "T.txt").write_text(template)

    with pytest.raises(TemplateFailure) as caught:
        Templates(tmp_path).check("T.txt")

    assert reason.split(":", maxsplit=1)[0] in str(caught.value)
    assert reason in str(caught.value)


@pytest.mark.parametrize(
    "template",
    ["{% include 'nowhere.txt' ignore missing %}", "{% include data.name %}", "{% extends 'base.html' %}", "{% include ['a.txt', 'default.txt'] %}",
     "{% import 'parts.html' as parts %}", "{% include 'broken.txt' %}"],
)  # fmt: skip
def test_a_template_whose_parts_are_there_or_cannot_be_known_is_sound(tmp_path: Path, template: str) -> None:
    (tmp_path / "T.txt").write_text(template)
    (tmp_path / "broken.txt").write_bytes(b"\xfc")  # found by its own check

    Templates(tmp_path).check("T.txt")


def test_a_template_that_is_not_utf_8_is_named_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "T.txt").write_bytes("a\ngrün\n".encode("latin-1"))

    for run in (
        lambda: Templates(tmp_path).check("T.txt"),
        lambda: Templates(tmp_path).render("T", "txt", {}),
    ):
        with pytest.raises(TemplateFailure, match="T.txt, line 2: this is not UTF-8"):
            run()


def test_a_byte_order_mark_is_no_part_of_a_mail(tmp_path: Path) -> None:
    (tmp_path / "T.txt").write_bytes(b"\xef\xbb\xbfhello\n")

    assert Templates(tmp_path).render("T", "txt", {}) == "hello\n"


@pytest.mark.parametrize(
    ("template", "reason"),
    [
        ("\n{{ 1 // 0 }}", "T.txt, line 2: ZeroDivisionError"),
        ("{{ '%d' % secret }}", "T.txt, line 1: TypeError"),
        ("{{ secret.__class__.__mro__[1].__subclasses__() }}", "T.txt, line 1: access to attribute '__class__'"),
        ("{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}", "T.txt, line 1: RecursionError"),
        ("{% include data.name or 'nowhere.txt' %}", "T.txt, line 1: nowhere.txt is not there"),
    ],
)  # fmt: skip
def test_a_failure_of_a_run_names_the_line_and_quotes_no_data(
    tmp_path: Path, template: str, reason: str
) -> None:
    said = failure(tmp_path, template, secret="ann's secret")

    assert said.startswith(reason)
    assert "ann's secret" not in said


def test_a_failure_inside_of_a_part_names_the_part(tmp_path: Path) -> None:
    (tmp_path / "part.txt").write_text("\n\n{{ 1 // 0 }}")

    assert failure(tmp_path, "{% include 'part.txt' %}") == "part.txt, line 3: ZeroDivisionError"


def test_a_broken_default_is_the_one_that_is_named(tmp_path: Path) -> None:
    assert failure(tmp_path, "{{", name="default.txt").startswith("default.txt, line 1")


@pytest.mark.parametrize(
    "text",
    ["{% for i in range(99999) %}{{ 'x' * 1000 }}{% endfor %}", f"{{{{ '€' * {LARGEST_BYTES // 2} }}}}"],
    ids=["many characters", "of many bytes each"],
)
def test_a_text_that_no_mail_should_have_is_not_finished(tmp_path: Path, text: str) -> None:
    said = failure(tmp_path, text)

    assert said == f"T.txt: it makes more than {LARGEST_BYTES} bytes"


def test_only_templates_that_are_not_hidden_are_looked_at(tmp_path: Path) -> None:
    """Kubernetes mounts a folder's files as links into a hidden one; editors leave files of their own."""
    for name in ("A.html", "sub/B.txt", "..2026/A.html", ".A.txt", "A.html~", "logo.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("x")

    assert names_in(tmp_path) == ["A.html", "sub/B.txt"]
