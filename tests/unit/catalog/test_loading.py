"""Loading a catalog: every mistake of the folder at once, with its file and line; and what a sound one is."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from gateway.catalog import folder as folders
from gateway.catalog.kinds import EmailRule
from gateway.catalog.loading import load
from gateway.catalog.problems import CatalogError, Mistakes
from storage.mail import Unless
from tests.unit.catalog.bad import BAD, HEAD, OBJECT, TYPE

SHOP = Path(folders.__file__).parent / "shop"


def write(folder: Path, files: dict) -> Path:
    for name, content in files.items():
        if content is not None:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(content.encode() if isinstance(content, str) else content)
    return folder


@pytest.mark.parametrize("name", BAD)
def test_a_bad_catalog_is_told_of(tmp_path, name):
    files, expected = BAD[name]

    with pytest.raises(CatalogError) as caught:
        load(write(tmp_path, files))

    told = [str(mistake) for mistake in caught.value.mistakes]
    assert len(told) == len(expected), told
    for line, start in zip(told, sorted(expected, key=_place), strict=True):
        assert line.startswith(start)


def test_a_schema_as_deep_as_some_parsers_go_is_told_of(tmp_path):
    """Which of the two sees it first is the Python's to say."""
    files = {
        "catalog.toml": HEAD + TYPE + 'schema = "t.json"\n',
        "t.json": '{"not":' * 9000 + "{}" + "}" * 9000,
    }

    with pytest.raises(CatalogError) as caught:
        load(write(tmp_path, files))

    [told] = map(str, caught.value.mistakes)
    assert told in (
        "t.json:1: this is no JSON: it is nested too deeply",
        "t.json:1: it holds what JSON has not, such as a date, or is nested too deeply",
    )


def _place(mistake: str) -> tuple[str, int, str]:
    file, line, problem = mistake.split(":", 2)
    return file, int(line), problem


def test_the_shops_catalog_is_sound_and_has_its_seven_types_in_two_languages():
    catalog = load(SHOP)

    assert set(catalog.types) == {
        "ORDER_UPDATE", "ORDER_CONFIRMATION", "SALE_OFFER", "COMPLAINT_RESPONSE", "REVIEW", "NEWSLETTER", "NEW_COMPLAINT",
    }  # fmt: skip
    assert catalog.locales() == ("en", "de")
    assert all(kind.examples and kind.payload for kind in catalog.types.values())
    assert catalog.types["ORDER_UPDATE"].email == EmailRule(
        default=True, unless="read", after=600, clicks=True
    )
    assert catalog.types["NEWSLETTER"].email == EmailRule(clicks=True)
    assert catalog.types["SALE_OFFER"].lane == "bulk"
    assert catalog.types["SALE_OFFER"].expires_in == 14 * 86400
    assert catalog.types["ORDER_CONFIRMATION"].critical
    assert catalog.categories["orders"].name("de-AT", catalog.default_locale) == "Bestellungen"
    assert catalog.categories["orders"].name("fr", catalog.default_locale) == "Orders"
    assert all(kind.names.keys() == {"en", "de"} for kind in catalog.types.values())
    assert catalog.types["SALE_OFFER"].called("de-AT", "en") == "Rabatte"
    assert [category.order for category in catalog.categories.values()] == [0, 1, 2, 3, 4]


def test_a_type_of_little_has_defaults(tmp_path):
    kind = load(write(tmp_path, {"catalog.toml": HEAD + TYPE})).types["T"]

    assert (kind.critical, kind.lane, kind.in_app, kind.email, kind.payload) == (
        False,
        "transactional",
        True,
        None,
        None,
    )
    assert kind.called("de", "en") is None
    assert (kind.wordings, kind.examples, kind.expires_in, kind.collapse) == ({}, (), None, None)
    assert kind.is_enabled("email")
    assert kind.rollout("email").percent_at(datetime.now(UTC)) == 100


def test_channels_switches_and_rollouts_have_short_and_long_forms(tmp_path):
    text = (
        HEAD
        + TYPE
        + "channels = { in_app = false, email = true }\nenabled = false\nrollout = { email = 25, in_app = { percent = 5 } }\n"
        + '[types.U]\ncategory = "orders"\nchannels = { email = false }\nenabled = { in_app = false }\nexpires_in = 90\n'
        + '[types.U.rollout.email]\npercent = 0.05\nsalt = "v1"\nsteps = [{ at = 2026-12-01T08:00:00Z, percent = 100 }]\n'
        + '[types.V]\ncategory = "orders"\nchannels = { in_app = true }\n'
    )

    types = load(write(tmp_path, {"catalog.toml": text})).types

    assert (types["T"].in_app, types["T"].email) == (False, EmailRule())
    assert not types["T"].is_enabled("in_app")
    assert not types["T"].is_enabled("email")
    assert types["T"].rollout("email").percent == 25
    assert types["T"].rollout("in_app").percent == 5
    assert types["U"].email is None
    assert types["U"].is_enabled("email")
    assert not types["U"].is_enabled("in_app")
    assert types["U"].expires_in == 90
    assert types["U"].rollout("email").salt == "v1"
    assert types["V"].email is None
    before, after = datetime(2026, 12, 1, 7, 59, tzinfo=UTC), datetime(2026, 12, 1, 8, tzinfo=UTC)
    assert [types["U"].rollout("email").percent_at(now) for now in (before, after)] == [0.05, 100]


@pytest.mark.parametrize("unless", list(Unless))
def test_mail_may_be_needless_by_whatever_an_emit_may_name(tmp_path, unless):
    text = HEAD + TYPE + f'channels.email = {{ unless = "{unless}" }}\n'

    assert load(write(tmp_path, {"catalog.toml": text})).types["T"].email == EmailRule(unless=unless)


@pytest.mark.parametrize(
    ("lines", "in_digests"),
    [
        ("", True),
        ("digest = false\n", False),
        ("lane = 'bulk'\n", False),
        ("lane = 'bulk'\ndigest = true\n", True),
        ("lane = 'bulk'\ndigest = { every = '1h' }\n", True),
    ],
)
def test_mail_of_the_bulk_lane_comes_in_no_digest_unless_its_type_says_so(tmp_path, lines, in_digests):
    kind = load(write(tmp_path, {"catalog.toml": HEAD + TYPE + lines})).types["T"]

    assert kind.in_digests is in_digests
    assert (kind.digest is None) is ("every" not in lines)


def test_mail_of_an_opt_in_category_waits_for_its_readers_yes_unless_it_is_critical(tmp_path):
    text = HEAD + '[categories.offers]\nname = { en = "Offers" }\nopt_in = true\n' + TYPE
    text += '[types.U]\ncategory = "offers"\n[types.V]\ncategory = "offers"\ncritical = true\n'

    types = load(write(tmp_path, {"catalog.toml": text})).types

    assert {name: kind.opt_in for name, kind in types.items()} == {"T": False, "U": True, "V": False}


@pytest.mark.parametrize(
    ("text", "files", "timed"),
    [
        ("texts.en.title = '{{ data.at|date }}'\n", {}, False),
        ("texts.en.title = '{{ data.at|time }}'\n", {}, True),
        ("texts.en = { title = 'x', actions = [{ id = 'a', label = '{{ data.at|datetime }}' }] }\n", {}, True),
        ("channels.email = true\n", {"default.html": "{% include 'part.html' %}", "part.html": "{{ data.at|datetime }}"}, True),
        ("channels.email = true\n", {"T.txt": "{{ timezone }}"}, True),
        # An emit may ask for mail of a type that is not mailed of its own accord.
        ("", {"default.html": "{{ data.at|time }}"}, True),
        ("", {"default.html": "{{ data.at|date }}", "T.html": "{{ title }}"}, False),
        ("channels.email = true\n", {"U.html": "{{ data.at|time }}"}, False),
        (
            "texts.en.title = 'x'\nvariants = [{ name = 'a' }, { name = 'b', texts.en.title = '{{ data.at|time }}' }]\nexperiment = { baseline = 0.1, effect = 0.05 }\n",
            {},
            True,
        ),
    ],
)  # fmt: skip
def test_it_is_known_of_which_types_the_readers_clock_makes_a_difference(tmp_path, text, files, timed):
    schema = "schema = { type = 'object', properties = { at = {} } }\n"
    other = "[types.U]\ncategory = 'orders'\n" + schema

    types = load(write(tmp_path, {"catalog.toml": HEAD + TYPE + schema + text + other, **files})).types

    assert types["T"].is_timed is timed


def test_a_schema_may_stand_in_a_file_of_its_own(tmp_path):
    text = HEAD + TYPE + 'schema = "schemas/t.json"\ntexts.en.title = "{{ data.a }}"\n'
    schema = '{"type": "object", "properties": {"a": {}}}'

    catalog = load(write(tmp_path, {"catalog.toml": text, "schemas/t.json": schema}))

    assert catalog.types["T"].payload.schema["properties"] == {"a": {}}


def test_templates_may_stand_in_folders_and_begin_with_a_byte_order_mark(tmp_path):
    files = {
        "catalog.toml": HEAD + TYPE + OBJECT + "channels.email = true\n",
        "T.html": "\ufeff{% extends 'layouts/a.html' %}{% block x %}{{ data.order }}{% endblock %}",
        "layouts/a.html": "{% block x %}{% endblock %}",
        ".hidden/T.html": "{% if %}",
        ".T.html.swp": "{% if %}",
        "notes.md": "{% if %}",
    }

    assert set(load(write(tmp_path, files)).templates) == {"T.html", "layouts/a.html"}


def test_a_configmaps_links_are_followed_once(tmp_path):
    """Kubernetes mounts links to a hidden folder, which is swapped as a whole."""
    write(tmp_path, {"..2026/catalog.toml": HEAD + TYPE, "..2026/T.html": "x"})
    (tmp_path / "..data").symlink_to("..2026")
    for name in ("catalog.toml", "T.html"):
        (tmp_path / name).symlink_to(f"..data/{name}")

    assert set(load(tmp_path).templates) == {"T.html"}


def test_the_version_is_of_the_content_alone(tmp_path):
    files = {"catalog.toml": HEAD + TYPE, "T.html": "x", "default.html": "y"}
    one, other = (load(write(tmp_path / name, files)).version for name in ("a", "b"))
    changed = load(write(tmp_path / "b", {"T.html": "xy", "default.html": ""})).version

    assert one == other
    assert changed != one
    assert len(one) == 12


def test_a_folder_that_is_too_large_is_not_taken_in(tmp_path, monkeypatch):
    monkeypatch.setattr(folders, "LARGEST_TOTAL_BYTES", 2000)
    write(tmp_path, {"catalog.toml": HEAD + TYPE, "a.html": "x" * 1500, "b.html": "x" * 1500})

    with pytest.raises(CatalogError, match="the folder is too large"):
        load(tmp_path)


def test_what_cannot_be_read_is_a_mistake(tmp_path):
    (tmp_path / "catalog.toml").write_text(HEAD + TYPE)
    (tmp_path / "T.html").symlink_to("/proc/self/mem")
    mistakes = Mistakes(tmp_path)

    read = folders.read(tmp_path, mistakes)

    assert [str(one) for one in mistakes] == ["T.html:1: it cannot be read: Input/output error"]
    assert set(read.texts) == {"catalog.toml"}


def test_a_catalog_cannot_be_changed(tmp_path):
    catalog = load(write(tmp_path, {"catalog.toml": HEAD + TYPE}))

    for mapping in (catalog.types, catalog.categories, catalog.templates, catalog.types["T"].wordings):
        with pytest.raises(TypeError):
            mapping["x"] = 1
    with pytest.raises(AttributeError):
        catalog.strict = True
