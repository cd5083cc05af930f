"""`bellhop catalog …`, as somebody at a terminal sees it."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import gateway.catalog
from gateway.process import cli

ROOT = Path(__file__).parents[3]
SHOP = Path(gateway.catalog.__file__).parent / "shop"
TSC = ROOT / "web/node_modules/typescript/bin/tsc"


def run(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    code = cli.main(["catalog", *map(str, arguments)])
    printed = capsys.readouterr()
    return code, printed.out, printed.err


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    return Path(shutil.copytree(SHOP, tmp_path / "shop"))


def test_init_writes_a_catalog_that_is_sound(capsys, tmp_path):
    folder = tmp_path / "deep" / "catalog"

    code, out, err = run(capsys, "init", folder)

    assert (code, err) == (0, "")
    assert sorted(out.split()) == sorted(str(folder / path.name) for path in SHOP.iterdir())
    code, out, err = run(capsys, "check", folder)
    assert (code, err) == (0, "")
    assert out.endswith(": 7 types in en, de, 24 proofs made\n")


def test_init_twice_changes_nothing_and_never_what_somebody_has_written(capsys, shop):
    assert run(capsys, "init", shop) == (0, "", "")

    (shop / "catalog.toml").write_text("mine")
    (shop / "default.mjml").unlink()
    code, out, err = run(capsys, "init", shop)

    assert code == 1
    assert out == f"{shop / 'default.mjml'}\n"
    assert err == f"bellhop: {shop / 'catalog.toml'} is there already, and another one\n"
    assert (shop / "catalog.toml").read_text() == "mine"


def test_init_where_there_is_no_folder_to_be_had(capsys, tmp_path):
    (tmp_path / "file").touch()

    code, _, err = run(capsys, "init", tmp_path / "file" / "x")

    assert (code, err) == (1, f"bellhop: {tmp_path / 'file' / 'x'}: Not a directory\n")


def test_check_tells_all_mistakes_with_file_and_line(capsys, shop):
    (shop / "default.mjml").write_text("{{ data.order }}\n{{ nobody }}")
    (shop / "NOBODY.txt").write_text("x")

    code, out, err = run(capsys, "check", shop)

    assert (code, out) == (2, "")
    lines = err.splitlines()
    assert lines[0] == "NOBODY.txt:1: there is no type NOBODY"
    assert (
        "default.mjml:1: for SALE_OFFER it uses data.order, which the schema does not declare; there is discount, name, slug, until"
        in lines
    )
    assert any(line.startswith("default.mjml:2: there is no nobody") for line in lines)
    assert lines[-1] == f"bellhop: {len(lines) - 1} mistakes in {shop}"


def test_check_finds_a_mail_that_cannot_be_made(capsys, shop):
    (shop / "NEWSLETTER.mjml").write_text("<mjml>\n{{ 1 // 0 }}</mjml>")

    code, _, err = run(capsys, "check", shop)

    assert code == 2
    assert "NEWSLETTER, example 1, en: NEWSLETTER.mjml, line 2: ZeroDivisionError" in err
    assert run(capsys, "render", shop, shop / "out")[0] == 2
    assert not (shop / "out").exists()


def test_check_finds_a_digest_that_cannot_be_made(capsys, shop):
    digest = shop / "DIGEST.mjml"
    digest.write_text(digest.read_text().replace("</mj-text>", "", 1))

    code, _, err = run(capsys, "check", shop)

    assert code == 2
    assert "DIGEST, example 1, de: DIGEST.mjml: after rendering this is no sound MJML" in err


def test_a_digest_is_rendered_with_all_that_it_may_say(capsys, shop, tmp_path):
    assert run(capsys, "render", shop, tmp_path / "golden")[0] == 0

    text = (tmp_path / "golden" / "DIGEST" / "1.de.txt").read_text("utf-8")
    for said in (
        "Order 1234 has shipped",
        "It should arrive tomorrow.",
        "How do you like it?",
        "And one more.",
    ):
        assert said in text
    (shop / "DIGEST.mjml").unlink()
    assert "DIGEST/1.de.txt differs" in run(capsys, "render", shop, tmp_path / "golden", "--compare")[2]


def test_check_warns_of_types_that_nothing_is_tried_of(capsys, shop):
    catalog = shop / "catalog.toml"
    catalog.write_text(catalog.read_text() + '\n[types.BARE]\ncategory = "orders"\n')

    assert run(capsys, "check", shop)[::2] == (
        0,
        "warning: BARE has no examples, so nothing of it was tried\n",
    )


def test_check_refuses_bulk_mail_that_gmail_cuts_off_and_warns_of_less(capsys, shop):
    (shop / "NEWSLETTER.html").write_text("{{ title }}" + "x" * 110_000)
    (shop / "NEWSLETTER.mjml").unlink()
    (shop / "NEWSLETTER.de.mjml").unlink()
    code, _, err = run(capsys, "check", shop)
    assert (code, err.count("a bulk mail has at most 102400")) == (2, 2)

    (shop / "NEWSLETTER.html").write_text("{{ title }}" + "x" * 90_000)
    code, _, err = run(capsys, "check", shop)
    assert (code, err.count("warning: NEWSLETTER: 900")) == (0, 1)


def test_check_against_an_older_one(capsys, shop, tmp_path):
    newer = Path(shutil.copytree(shop, tmp_path / "newer"))
    assert run(capsys, "check", newer, "--against", shop)[0] == 0

    schema = newer / "order-update.schema.json"
    schema.write_text(
        schema.read_text()
        .replace('"maxLength": 40 },\n    "arrives"', '"maxLength": 10 },\n    "arrives"')
        .replace(', "cancelled"', "")
    )
    code, _, err = run(capsys, "check", newer, "--against", shop)

    assert code == 1
    assert err.splitlines() == [
        "ORDER_UPDATE: data.status may no longer be 'cancelled'",
        "ORDER_UPDATE: data.carrier has another maxLength: 40 before, 10 now",
    ]


def test_the_mails_of_the_example_fetch_nothing_from_elsewhere(capsys, shop, tmp_path):
    """MRML has a font that it knows by name fetched from Google, who would learn of every mail that is opened."""
    assert run(capsys, "render", shop, tmp_path / "golden")[0] == 0

    mails = [file.read_text("utf-8") for file in (tmp_path / "golden").glob("*/*.html")]

    assert len(mails) == 22
    assert [html for html in mails if re.search(r"@import|<link|\bsrc=", html)] == []


def test_render_makes_the_same_files_each_time_and_compare_tells_the_difference(capsys, shop, tmp_path):
    golden = tmp_path / "golden"
    code, out, _ = run(capsys, "render", shop, golden)
    assert (code, out) == (0, f"68 files in {golden}\n")
    before = {path: path.read_bytes() for path in golden.rglob("*.*")}
    assert run(capsys, "render", shop, golden)[0] == 0
    assert {path: path.read_bytes() for path in golden.rglob("*.*")} == before
    assert run(capsys, "render", shop, golden, "--compare") == (0, "", "")

    (golden / "mine.txt").write_text("mine")
    (golden / "ORDER_UPDATE" / "9.en.txt").write_text("of an example that was removed")
    (golden / "ORDER_UPDATE" / "1.de.json").write_text("{}")
    code, out, err = run(capsys, "render", shop, golden, "--compare")
    assert (code, out) == (1, "")
    assert err.splitlines() == [f"{golden}/ORDER_UPDATE/{name} differs" for name in ("1.de.json", "9.en.txt")]
    run(capsys, "render", shop, golden)
    assert {path: path.read_bytes() for path in golden.rglob("*.*")} == {
        **before,
        golden / "mine.txt": b"mine",
    }


VARIANTS = """
[[types.REVIEW.variants]]
name = "plain"

[[types.REVIEW.variants]]
name = "by-name"
texts.en = { title = "How is {{ data.product }}?" }

[types.REVIEW.experiment]
metric = "read"
baseline = 0.2
effect = 0.1
"""


def test_each_way_to_say_it_is_rendered(capsys, shop, tmp_path):
    catalog = shop / "catalog.toml"
    catalog.write_text(catalog.read_text() + VARIANTS)
    assert run(capsys, "render", shop, tmp_path / "golden")[0] == 0

    files = {path.name for path in (tmp_path / "golden" / "REVIEW").iterdir()}
    assert {"1.en.json", "1.en.by-name.json", "1.de.by-name.json"} <= files
    assert not any("plain" in name for name in files)
    titles = {
        name: json.loads((tmp_path / "golden" / "REVIEW" / name).read_text())["title"]
        for name in ("1.en.json", "1.en.by-name.json")
    }
    assert titles["1.en.by-name.json"].startswith("How is ")
    assert titles["1.en.json"] != titles["1.en.by-name.json"]
    assert run(capsys, "render", shop, tmp_path / "golden", "--compare") == (0, "", "")
    catalog.write_text(catalog.read_text().replace(VARIANTS, ""))
    assert (
        "REVIEW/1.en.by-name.json differs" in run(capsys, "render", shop, tmp_path / "golden", "--compare")[2]
    )


def test_a_mail_that_cannot_be_made_in_the_words_of_a_variant_is_found(capsys, shop):
    (shop / "catalog.toml").write_text((shop / "catalog.toml").read_text() + VARIANTS)
    (shop / "REVIEW.html").write_text("{{ 1 // (title|length - ('How is ' ~ data.product ~ '?')|length) }}")

    code, _, err = run(capsys, "check", shop)

    assert code == 2
    assert "REVIEW, example 1, en, by-name: REVIEW.html, line 1: ZeroDivisionError" in err
    assert "REVIEW, example 1, en: " not in err


GOOD_PY = """
from made import Emit
a: Emit = {"to": "user:ann", "type": "ORDER_UPDATE", "data": {"order": "1", "status": "shipped"}}
b: Emit = {"to": ["user:ann"], "type": "REVIEW", "data": {"order": "1", "product": "x"}, "locale": "de", "title": "t", "email": False}
c: Emit = {"to": "user:ann", "type": "REVIEW", "data": {"order": "1", "product": "x"}, "email": {"after": 60, "unless": "read"}, "cancel_key": "k", "send_at": {"local": "09:00", "date": "2026-12-01"}}
"""
BAD_PY = [
    'a: Emit = {"to": "user:ann", "type": "ORDER_UPDATE", "data": {"order": "1", "status": "lost"}}',
    'a: Emit = {"to": "user:ann", "type": "ORDER_UPDATE", "data": {"order": "1"}}',
    'a: Emit = {"to": "user:ann", "type": "REVIEW", "data": {"order": 1, "product": "x"}}',
    'a: Emit = {"to": "user:ann", "type": "REVIEW"}',
    'a: Emit = {"to": "user:ann", "type": "NOBODY", "data": {}}',
    'a: Emit = {"to": "user:ann", "type": "REVIEW", "data": {"order": "1", "product": "x"}, "email": {"unless": "opened"}}',
]


def test_types_of_python_hold_a_backend_to_the_catalog(capsys, shop, tmp_path):
    code, out, _ = run(capsys, "types", shop, "--lang", "py")
    assert code == 0
    (tmp_path / "made.py").write_text(out)
    (tmp_path / "good.py").write_text(GOOD_PY)
    for number, line in enumerate(BAD_PY):
        (tmp_path / f"bad{number}.py").write_text(f"from made import Emit\n{line}\n")

    checked = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--config-file=", *sorted(path.name for path in tmp_path.glob("*.py"))],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip

    wrong = {line.partition(":")[0] for line in checked.stdout.splitlines() if ": error:" in line}
    assert wrong == {f"bad{number}.py" for number in range(len(BAD_PY))}, checked.stdout


def test_types_of_typescript_hold_a_backend_to_the_catalog(capsys, shop, tmp_path):
    code, out, _ = run(capsys, "types", shop, "--lang", "ts")
    assert code == 0
    (tmp_path / "made.ts").write_text(out)
    for name, lines in {
        "good": GOOD_PY.replace("False", "false").split("\n")[2:5],
        **{f"bad{n}": [line] for n, line in enumerate(BAD_PY)},
    }.items():
        body = "\n".join(f"export const {line}" for line in lines)
        (tmp_path / f"{name}.ts").write_text(f'import type {{ Emit }} from "./made";\n{body}\n')

    checked = subprocess.run(
        ["node", str(TSC), "--strict", "--noEmit", *sorted(path.name for path in tmp_path.glob("*.ts"))],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip

    wrong = {line.partition("(")[0] for line in checked.stdout.splitlines() if ": error " in line}
    assert wrong == {f"bad{number}.ts" for number in range(len(BAD_PY))}, checked.stdout


def test_import_takes_over_what_a_builder_built(capsys, shop, tmp_path):
    built = tmp_path / "out"
    built.mkdir()
    (built / "order-confirmation.de.html").write_text(
        "<p>{{<!-- --> data.order <!-- -->}} {% if data.total == &quot;1&quot; and 1 &lt; 2 %}&amp;{% endif %}</p>"
    )
    (built / "newsletter.txt").write_text("{{ data.headline }}")
    code, out, err = run(capsys, "import", shop, built)
    assert (code, out) == (2, "")
    assert "ORDER_CONFIRMATION.de.html:1: ORDER_CONFIRMATION.de.mjml goes before it" in err
    (shop / "ORDER_CONFIRMATION.de.mjml").unlink()

    code, out, err = run(capsys, "import", shop, built)

    assert (code, err) == (0, "")
    assert out.split() == [str(shop / "NEWSLETTER.txt"), str(shop / "ORDER_CONFIRMATION.de.html")]
    taken = (shop / "ORDER_CONFIRMATION.de.html").read_text()
    assert taken == '<p>{{ data.order }} {% if data.total == "1" and 1 < 2 %}&amp;{% endif %}</p>'
    assert run(capsys, "import", shop, built) == (0, "", "")
    assert run(capsys, "check", shop)[0] == 0


def test_import_with_a_mistake_writes_nothing(capsys, shop, tmp_path):
    built = tmp_path / "out"
    (built / "sub").mkdir(parents=True)
    (built / "welcome.html").write_text("x")
    (built / "order-update.html").write_text("{{ data.ordr }}")
    (built / "sub" / "OrderUpdate.html").write_text("again")
    (built / "review.html").write_text("\n{% for x in data.y %} {% endfor %}<table></table>")
    (built / "sale-offer.html").write_bytes(b"\xff")
    before = {path: path.read_bytes() for path in shop.iterdir()}

    code, out, err = run(capsys, "import", shop, built)

    assert (code, out) == (2, "")
    assert "welcome.html:1: there is no type WELCOME in the catalog" in err
    assert "sub/OrderUpdate.html:1: another file is ORDER_UPDATE.html too" in err
    assert "review.html:2: this loop is empty: an inliner has moved it out of its table" in err
    assert "sale-offer.html:1: this is not UTF-8" in err
    assert {path: path.read_bytes() for path in shop.iterdir()} == before
    assert "there is no .html and no .txt file in it" in run(capsys, "import", shop, tmp_path / "nowhere")[2]


def test_a_default_of_a_locale_is_imported_too(capsys, shop, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "default.de-AT.html").write_text("{{ title }}")

    assert run(capsys, "import", shop, tmp_path / "out")[1] == f"{shop / 'default.de-AT.html'}\n"


def test_the_command_works_from_a_shell(tmp_path):
    def bellhop(*arguments: object) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "gateway", "catalog", *map(str, arguments)]
        return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)

    assert bellhop("init", tmp_path / "c").returncode == 0
    assert bellhop("check", tmp_path / "c").stdout.startswith("catalog ")
    missing = bellhop("check", tmp_path / "none")
    assert (missing.returncode, missing.stdout) == (2, "")
    assert "`bellhop catalog init` makes one" in missing.stderr
    assert bellhop("types", tmp_path / "c", "--lang", "cobol").returncode == 2
    assert bellhop().returncode == 2
