"""Which pages may use the public site: what can be set, what it matches, and what becomes of the others."""

import logging

import pytest

from gateway.ground.origins import LOGGED_AN_HOUR, OriginError, Origins, parsed, permitted
from gateway.ground.settings import SettingsError
from gateway.http.settings import SiteSettings
from gateway.process.settings import load


def setting(value: str) -> tuple[str, ...]:
    return load({"BELLHOP_CORS_ORIGINS": value})[SiteSettings].cors_origins


# What can be set


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("https://shop.example", "https://shop.example"),
        ("HTTPS://Shop.Example", "https://shop.example"),
        ("https://shop.example:443", "https://shop.example"),
        ("http://shop.example:80", "http://shop.example"),
        ("http://shop.example:0443", "http://shop.example:443"),
        ("https://shop.example.", "https://shop.example"),
        ("https://bücher.example", "https://xn--bcher-kva.example"),
        ("https://faß.example", "https://xn--fa-hia.example"),
        ("https://日本。example", "https://xn--wgv71a.example"),
        ("http://[0:0:0:0:0:0:0:1]:3000", "http://[::1]:3000"),
        ("http://127.0.0.1:3000", "http://127.0.0.1:3000"),
        ("http://my_shop", "http://my_shop"),
        ("https://*.shop.example", "https://*.shop.example"),
        ("https://*.bücher.example:8443", "https://*.xn--bcher-kva.example:8443"),
        ("capacitor://localhost", "capacitor://localhost"),
        ("ionic://localhost", "ionic://localhost"),
        ("tauri://localhost", "tauri://localhost"),
        ("app://.", "app://."),
        ("chrome-extension://abcdefghijklmnopabcdefghijklmnop", "chrome-extension://abcdefghijklmnopabcdefghijklmnop"),
        ("file://", "file://"),
        ("NULL", "null"),
        ("*", "*"),
    ],
)  # fmt: skip
def test_what_a_page_can_have_as_its_origin_can_be_set_and_is_kept_in_one_form(written: str, kept: str):
    assert setting(written) == (kept,)


@pytest.mark.parametrize(
    "written",
    [
        "shop.example", "*.shop.example", "//shop.example",
        "https://shop.example/", "https://shop.example/shop", "https://shop.example?", "https://shop.example#x",
        "https://ann@shop.example", "https://", "https://:443", "https://shop.example:", "https://shop.example:0",
        "https://shop.example:65536", "https://shop.example:８０", "https://shop.example:443:443",
        "https://.shop.example", "https://shop..example", "https://shop.example..", "https://sh op.example",
        "https://sh%6fp.example", f"https://{'a' * 64}.example", f"https://{'a.' * 300}example",
        "https://*", "https://*.example", "https://*.*.example", "https://shop.*", "https://shop*.example",
        "https://*.127.0.0.1", "https://*.shop.example/", "chrome-extension://*", "capacitor://*.shop.example",
        "http://10.0.0.256", "http://127.1", "http://0x7f000001", "http://[::1", "http://[::g]", "http://[fe80::1%25eth0]",
        "http://[::1]x", "wss://shop.example", "ws://shop.example", "ftp://shop.example", "data:text/html,x",
        "capacitor://", "file:///android_asset", "javascript://%0aalert(1)", "https:\\\\shop.example",
    ],
)  # fmt: skip
def test_what_no_browser_ever_sends_is_refused_at_start(written: str):
    with pytest.raises(SettingsError) as caught:
        setting(f"https://ok.example,{written}")

    (problem,) = caught.value.problems
    assert problem.startswith("BELLHOP_CORS_ORIGINS must be origins such as https://shop.example")


def test_whatever_can_be_set_matches_what_it_names():
    """Over all forms: a setting that is taken and matches nothing would be the old fault."""
    for written in (
        "https://Shop.example.", "https://bücher.example:443", "http://[0::1]:81", "capacitor://localhost", "null",
        "chrome-extension://abc", "http://10.0.0.1:8000", "https://*.shop.example", "file://",
    ):  # fmt: skip
        kept = permitted(written)
        assert Origins((kept,)).allow(kept.replace("*.", "a."), "elsewhere.example")


def test_a_wrong_origin_is_shown_without_what_may_be_a_password():
    with pytest.raises(SettingsError) as caught:
        setting("https://ann:hunter2@shop.example")

    assert "hunter2" not in str(caught.value)


def test_a_base_url_is_one_that_browsers_ask_for():
    base = load({"BELLHOP_BASE_URL": "https://Bücher.example:443/märz/notify/"})[SiteSettings]

    assert base.base_url == "https://xn--bcher-kva.example/m%C3%A4rz/notify"
    assert base.base_path == "/m%C3%A4rz/notify"
    assert load({"BELLHOP_BASE_URL": "http://shop.example"})[SiteSettings].base_path == ""
    assert load({})[SiteSettings].base_path == ""


@pytest.mark.parametrize(
    "written", ["https://ann:x@shop.example", "https://shop.example//a", "https://sh op.example", "http://127.1", "https://x:0"]
)  # fmt: skip
def test_a_base_url_that_no_browser_can_ask_for_is_refused(written: str):
    with pytest.raises(SettingsError) as caught:
        load({"BELLHOP_BASE_URL": written})

    assert len(caught.value.problems) == 1


# What they match


@pytest.mark.parametrize(
    ("origin", "host"),
    [
        ("https://shop.example", "shop.example"),
        ("https://shop.example", "shop.example:443"),
        ("http://shop.example", "shop.example:80"),
        ("https://shop.example", "SHOP.example."),
        ("https://shop.example.", "shop.example"),
        ("https://shop.example:8443", "shop.example:8443"),
        ("https://xn--bcher-kva.example", "bücher.example"),
        ("http://[::1]:8080", "[0:0:0:0:0:0:0:1]:8080"),
        # What ends TLS in front hides the scheme.
        ("https://shop.example", "shop.example"),
    ],
)
def test_the_page_of_the_host_that_was_asked_is_our_own(origin: str, host: str):
    assert Origins().allow(origin, host)


@pytest.mark.parametrize(
    ("origin", "host"),
    [
        ("https://evil.example", "shop.example"),
        ("https://shop.example", "shop.example:80"),
        ("https://shop.example:444", "shop.example"),
        ("https://shop.example.evil.example", "shop.example"),
        ("https://evil.example", "evil.example/"),
        ("https://evil.example", "evil.example@shop.example"),
        ("https://evil.example#", "evil.example#"),
        ("null", "null"),
        ("null", ""),
        ("https://", ""),
        ("https://evil.example", ""),
        ("https://evil.example", None),
        ("capacitor://shop.example", "shop.example"),
        ("https://" + "a" * 600, "a" * 600),
        ("", ""),
    ],
)
def test_a_page_of_another_host_is_not(origin: str, host: str | None):
    assert not Origins().allow(origin, host)


def test_the_origin_of_the_base_url_is_our_own_whatever_the_proxy_makes_of_the_host():
    origins = Origins(base_url="https://bücher.example:443/notify")

    for host in (None, "", "127.0.0.1:8080", "bellhop"):
        assert origins.allow("https://xn--bcher-kva.example", host)
        assert not origins.allow("http://xn--bcher-kva.example", host)
        assert not origins.allow("https://shop.xn--bcher-kva.example", host)


def test_a_wildcard_is_for_all_subdomains_and_for_nothing_else():
    origins = Origins(("https://*.shop.example",))

    for origin in ("https://a.shop.example", "https://a.b.shop.example", "https://A.Shop.example.:443"):
        assert origins.allow(origin, None), origin
    for origin in (
        "https://shop.example", "https://evilshop.example", "https://a.shop.example.evil.example", "http://a.shop.example",
        "https://a.shop.example:8443", "https://.shop.example", "https://evil.example/.shop.example",
        "https://evil.example?.shop.example", "https://evil.example\\.shop.example", "https://*.shop.example",
        "https://a@b.shop.example",
    ):  # fmt: skip
        assert not origins.allow(origin, None), origin


def test_a_page_from_a_file_is_so_by_either_name():
    """Fetches of Chromium say null, some shells and their websockets file://."""
    assert Origins(("file://",)).allow("null", None)
    assert Origins(("file://",)).allow("file://", None)
    assert Origins(("null",)).allow("null", None)
    assert not Origins(("null",)).allow("file://", None)
    assert not Origins().allow("null", None)


def test_an_odd_origin_is_no_error():
    for text in (
        "",
        "x",
        "://",
        "https://[",
        "https://" + "xn--" * 60,
        "https://\udcff",
        "a" * 5000,
        "https://ı.example",
    ):
        Origins(("https://shop.example",)).allow(text, text)
    with pytest.raises(OriginError):
        parsed("https://[::1]:")


# Those who are refused


def test_a_refused_origin_is_counted_each_time_and_logged_once(caplog):
    origins = Origins()

    with caplog.at_level(logging.WARNING):
        for origin in ("https://shop.example", "HTTPS://shop.example:443", "https://other.example"):
            origins.refuse(origin, "127.0.0.1:8080")

    assert origins.refused == 3
    assert [(record.origin, record.host) for record in caplog.records] == [
        ("https://shop.example", "http://127.0.0.1:8080"),
        ("https://other.example", "http://127.0.0.1:8080"),
    ]


def test_made_up_origins_neither_fill_the_log_nor_write_into_it(caplog):
    clock = [0.0]
    origins = Origins(now=lambda: clock[0])

    with caplog.at_level(logging.WARNING):
        for number in range(5 * LOGGED_AN_HOUR):
            origins.refuse(f"https://{number}.example", "h")
            origins.refuse(f"no origin \n{number}" + "x" * 9000, "\r\n")
        clock[0] = 3601.0
        origins.refuse("https://later.example", "h")

    assert len(caplog.records) == LOGGED_AN_HOUR + 1
    assert {record.origin for record in caplog.records} & {"malformed", "https://later.example"} == {
        "malformed",
        "https://later.example",
    }
    assert all(len(record.origin) < 600 and record.origin.isprintable() for record in caplog.records)
    assert len(origins._logged) <= LOGGED_AN_HOUR
