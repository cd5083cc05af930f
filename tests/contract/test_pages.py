"""The pages as a browser and a cache get them: compressed, kept for good or asked about, in parts, and under a path."""

import gzip
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from gateway.http import static
from tests.support.gateway import Gateway, gateway, token

SCRIPT = b"export const answer = 42; // and again, so that it is worth the while\n" * 50
PICTURE = bytes(range(256))


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Pages as the build leaves them, instead of those that may or may not have been built."""
    pages = tmp_path / "pages"
    (pages / "dashboard" / "assets").mkdir(parents=True)
    (pages / "dashboard" / "index.html").write_bytes(
        b"<!doctype html><title>Bellhop</title>" + b"<p>x</p>" * 99
    )
    (pages / "dashboard" / "mail.html").write_bytes(b"<!doctype html>")
    (pages / "dashboard" / "assets" / "app-1a2b.js").write_bytes(SCRIPT)
    (pages / "dashboard" / "assets" / "bell-3c4d.png").write_bytes(PICTURE)
    monkeypatch.setattr(static, "PAGES", pages)
    return pages


@asynccontextmanager
async def plain() -> AsyncIterator[aiohttp.ClientSession]:
    """A client that sends and reads what it is told to, and no more."""
    async with aiohttp.ClientSession(auto_decompress=False, skip_auto_headers=("Accept-Encoding",)) as http:
        yield http


@pytest.fixture
async def site(folder: Path, tmp_path: Path) -> AsyncIterator[Gateway]:
    async with gateway(tmp_path, BASE_URL="https://shop.example/notify") as running:
        yield running


class Got:
    def __init__(self, answer: aiohttp.ClientResponse, body: bytes) -> None:
        self.status, self.headers, self.body = answer.status, answer.headers, body


async def get(site: Gateway, path: str, *, method: str = "GET", **headers: Any) -> Got:
    named = [(name.replace("_", "-"), each) for name, value in headers.items()
             for each in (value if isinstance(value, list) else [value])]  # fmt: skip
    async with plain() as http, http.request(
        method, site.public + path, headers=named, allow_redirects=False
    ) as answer:  # fmt: skip
        return Got(answer, await answer.read())


JS = "/dashboard/assets/app-1a2b.js"


# Compressed


@pytest.mark.parametrize(
    "accepted",
    [
        "gzip", "gzip, deflate, br, zstd", "GZIP", "x-gzip", "*", "br;q=1, gzip;q=0.1", "identity;q=0.5, gzip;q=0.5",
        "gzip ; q=1.000", "*;q=0, gzip", ["br", "gzip"],
    ],
)  # fmt: skip
async def test_who_takes_gzip_gets_it(site: Gateway, accepted: Any):
    got = await get(site, JS, Accept_Encoding=accepted)

    assert got.status == 200
    assert got.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(got.body) == SCRIPT
    assert len(got.body) < len(SCRIPT) / 5
    assert got.headers["Vary"] == "Accept-Encoding"
    assert got.headers["Content-Type"] == "text/javascript; charset=utf-8"


@pytest.mark.parametrize(
    "accepted",
    [
        "", "br", "identity", "gzip;q=0", "gzip;q=0.0, *", "*;q=0", "gzip;q=0.5, identity", "gzip;q=none", "gzip;q=2",
        "notgzip", "gzip;q=", "gzip;level=1", ["gzip;q=0", "br"], "br," * 500 + "gzip",
    ],
)  # fmt: skip
async def test_who_does_not_gets_the_file_as_it_is(site: Gateway, accepted: Any):
    got = await get(site, JS, Accept_Encoding=accepted)

    assert (got.status, got.body) == (200, SCRIPT)
    assert "Content-Encoding" not in got.headers
    # A cache between must know that others may get another answer.
    assert got.headers["Vary"] == "Accept-Encoding"


async def test_what_gains_nothing_is_not_compressed(site: Gateway):
    got = await get(site, "/dashboard/assets/bell-3c4d.png", Accept_Encoding="gzip")

    assert got.body == PICTURE
    assert "Content-Encoding" not in got.headers
    assert "Vary" not in got.headers


async def test_a_head_says_what_a_get_would(site: Gateway):
    for accepted in ("gzip", "identity"):
        whole = await get(site, JS, Accept_Encoding=accepted)
        head = await get(site, JS, method="HEAD", Accept_Encoding=accepted)

        assert (head.status, head.body) == (200, b"")
        for name in ("Content-Length", "Content-Type", "ETag", "Vary", "Cache-Control"):
            assert head.headers[name] == whole.headers[name]
        assert head.headers.get("Content-Encoding") == whole.headers.get("Content-Encoding")


# Kept


async def test_files_with_a_hash_in_their_name_are_kept_for_good_and_the_page_is_asked_about(site: Gateway):
    script, page = await get(site, JS), await get(site, "/dashboard/")

    assert script.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert page.headers["Cache-Control"] == "no-cache"
    assert page.headers["ETag"].startswith('"')


@pytest.mark.parametrize("accepted", ["gzip", "identity"])
async def test_who_has_the_content_is_told_that_it_is_the_same(site: Gateway, accepted: str):
    tag = (await get(site, "/dashboard/", Accept_Encoding=accepted)).headers["ETag"]

    for known in (tag, f"W/{tag}", f'"other", {tag}', "*", ['"other"', tag]):
        got = await get(site, "/dashboard/", Accept_Encoding=accepted, If_None_Match=known)
        assert (got.status, got.body) == (304, b""), known
        assert got.headers["ETag"] == tag
        assert got.headers["Cache-Control"] == "no-cache"
        assert got.headers["Vary"] == "Accept-Encoding"
        assert "script-src 'self'" in got.headers["Content-Security-Policy"]
    for known in ('"other"', tag.strip('"'), ""):
        assert (await get(site, "/dashboard/", Accept_Encoding=accepted, If_None_Match=known)).status == 200


async def test_two_codings_of_a_file_are_two_contents_to_a_cache(site: Gateway):
    zipped = await get(site, JS, Accept_Encoding="gzip")
    bare = await get(site, JS)

    assert zipped.headers["ETag"] != bare.headers["ETag"]
    assert (await get(site, JS, If_None_Match=zipped.headers["ETag"])).status == 200


async def test_another_content_has_another_tag_and_the_same_the_same_on_every_node(folder: Path):
    first = static.Page("/dashboard", folder / "dashboard")
    again = static.Page("/dashboard", folder / "dashboard")
    (folder / "dashboard" / "index.html").write_bytes(b"<!doctype html>2")
    changed = static.Page("/dashboard", folder / "dashboard")

    assert first._assets["index.html"] == again._assets["index.html"]
    assert first._assets["index.html"].tag != changed._assets["index.html"].tag


async def test_a_file_that_is_no_pages_is_not_read_into_memory(folder: Path):
    with (folder / "dashboard" / "huge.bin").open("wb") as huge:
        huge.truncate(static.FILE_BYTES_MAX + 1)

    assert "huge.bin" not in static.Page("/dashboard", folder / "dashboard")._assets


# Parts


@pytest.mark.parametrize(
    ("asked", "start", "stop"),
    [
        ("bytes=0-9", 0, 10),
        ("bytes=10-", 10, len(SCRIPT)),
        ("bytes=-10", len(SCRIPT) - 10, len(SCRIPT)),
        ("bytes=-999999", 0, len(SCRIPT)),
        ("bytes=5-999999999999", 5, len(SCRIPT)),
        ("Bytes=0-0", 0, 1),
    ],
)
async def test_a_part_is_one_of_the_file_as_it_is(site: Gateway, asked: str, start: int, stop: int):
    got = await get(site, JS, Range=asked, Accept_Encoding="gzip")

    assert (got.status, got.body) == (206, SCRIPT[start:stop])
    assert got.headers["Content-Range"] == f"bytes {start}-{stop - 1}/{len(SCRIPT)}"
    assert "Content-Encoding" not in got.headers


@pytest.mark.parametrize("asked", [f"bytes={len(SCRIPT)}-", "bytes=-0"])
async def test_a_part_that_is_not_there_is_told_the_size(site: Gateway, asked: str):
    got = await get(site, JS, Range=asked)

    assert (got.status, got.body) == (416, b"")
    assert got.headers["Content-Range"] == f"bytes */{len(SCRIPT)}"


@pytest.mark.parametrize(
    "asked",
    ["bytes=0-1,3-4", "lines=0-1", "bytes=", "bytes=-", "bytes=9-8", "bytes=" + "9" * 5000 + "-", "x"],
)
async def test_any_other_wish_is_answered_with_the_whole(site: Gateway, asked: str):
    got = await get(site, JS, Range=asked)

    assert (got.status, got.body) == (200, SCRIPT)


async def test_a_part_of_what_has_changed_meanwhile_is_the_whole(site: Gateway):
    tag = (await get(site, JS)).headers["ETag"]

    assert (await get(site, JS, Range="bytes=0-9", If_Range=tag)).status == 206
    for other in ('"other"', f"W/{tag}", "Wed, 21 Oct 2015 07:28:00 GMT"):
        assert (await get(site, JS, Range="bytes=0-9", If_Range=other)).body == SCRIPT


# Under a path


@pytest.mark.parametrize("prefix", ["", "/notify"])
async def test_the_site_answers_with_the_prefix_of_its_base_url_and_without(site: Gateway, prefix: str):
    page = await get(site, f"{prefix}/dashboard/")
    moved = await get(site, f"{prefix}/dashboard?a=b")
    alive = await get(site, f"{prefix}/healthz")
    poll = await get(site, f"{prefix}/socket.io/?EIO=4&transport=polling")
    history = await get(site, f"{prefix}/api/notifications?limit=5", Authorization=f"Bearer {token('ann')}")
    absent, wrong = await get(site, f"{prefix}/nowhere"), await get(site, f"{prefix}/healthz", method="POST")

    assert b"<title>Bellhop" in page.body
    # Relative to what the browser has asked for, whatever that is.
    assert (moved.status, moved.headers["Location"]) == (308, "dashboard/")
    assert alive.status == poll.status == history.status == 200
    assert poll.body[:1] == b"0"
    assert history.headers["Vary"] == "Origin"
    assert (absent.status, wrong.status, wrong.headers["Allow"]) == (404, 405, "GET,HEAD")


async def test_the_prefix_alone_lacks_its_slash(site: Gateway):
    moved = await get(site, "/notify")

    assert (moved.status, moved.headers["Location"]) == (308, "notify/")


@pytest.mark.parametrize(
    "path", ["/notify/notify/healthz", "/notify" * 1000 + "/healthz", "/notifyx/healthz", "/other/healthz"]
)
async def test_any_other_path_leads_nowhere(site: Gateway, path: str):
    assert (await get(site, path)).status == 404


async def test_a_site_without_a_path_has_no_prefix(folder: Path, tmp_path: Path):
    async with gateway(tmp_path, BASE_URL="https://shop.example") as bare:
        assert (await get(bare, "/notify/healthz")).status == 404
        assert (await get(bare, "/healthz")).status == 200


async def test_metrics_know_routes_not_prefixes(site: Gateway):
    await get(site, "/notify/api/notifications")

    scraped = (await site.ask("GET", "/metrics")).body
    assert 'route="/api/notifications"' in scraped
    assert "/notify" not in scraped


async def test_the_pages_that_are_built_name_nothing_from_the_root():
    """What a built page asks for at `/` is asked for outside of the path that the gateway stands under."""
    from tests.support.browser import PAGES, require_pages

    require_pages("dashboard", "demo")
    for page in [*PAGES.glob("*/index.html"), PAGES / "dashboard" / "mail.html"]:
        text = page.read_text(encoding="utf-8")
        assert 'src="/' not in text, page
        assert 'href="/' not in text, page
