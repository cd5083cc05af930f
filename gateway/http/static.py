"""The pages that ship with Bellhop, from `gateway/pages`: `docs` is written by hand, the others are built from `web`.

Only files that were there at the start are served, by exact name: no path that a caller makes up reaches the disk. They
are read and compressed then, once; there are few, and they are small.

A page names its own files, the socket and what it fetches relative to its address, so it works under any path.

They are read when routes are made, so a build that comes later needs a new start. The node does not fail
without them: `web` may not have been built where only the API is wanted.
"""

import gzip
import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from aiohttp import web

from gateway.http import coding
from gateway.protocol.problems import Problem

PAGES = Path(__file__).parents[1] / "pages"
"""The folder in the installed package."""

_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""For our pages: scripts and styles of files alone, none in the document, and no frame of others around it."""
DASHBOARD_POLICY = f"{_POLICY}; frame-src 'self'"
"""The dashboard shows mails in a frame."""

FRAMED_POLICY = DASHBOARD_POLICY.replace("frame-ancestors 'none'", "frame-ancestors 'self'")
"""The dashboard beside the demo's shop, in a frame of its page."""

MAIL_POLICY = (
    "sandbox allow-scripts; default-src 'none'; script-src 'self'; style-src 'unsafe-inline'; "
    "img-src https: data:; base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
)
"""The document in that frame, which is handed a mail and shows it. It belongs to no origin (sandbox), so it reaches
neither the dashboard nor its token; a mail's own styles work there, and no script but ours does."""

_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
    ".woff2": "font/woff2",
}
"""Of our own files, whatever the machine's table says."""
_DENSE = frozenset({".png", ".woff2"})
"""Compressed already."""
_PART = re.compile(r"bytes=([0-9]{0,18})-([0-9]{0,18})", re.IGNORECASE)
"""One range of bytes. Eighteen digits, so that no number is longer than one can be."""

_FOREVER = "public, max-age=31536000, immutable"
"""For files that have the hash of their content in the name: another content has another name."""
_REVALIDATED = "no-cache"
"""To be kept, and asked about each time: the ETag makes the answer a 304."""
FILE_BYTES_MAX = 16 * 1024 * 1024
"""A larger file is not one of a page; it is left out, not read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asset:
    """One file in memory, as it is and compressed.

    Made at the start, kept for as long as the process runs, shared by all requests.
    """

    body: bytes
    zipped: bytes | None
    """With gzip; None where that makes it no smaller."""
    tag: str
    """An ETag without its quotes."""
    content_type: str
    caching: str
    """The `Cache-Control` of its answers."""

    def answer(self, request: web.Request) -> web.Response:
        """The whole, a part, or that nothing has changed (RFC 9110, sections 12.5.3, 13 and 14).

        The order is that of RFC 9110, section 13.2.2: what the client knows comes before the range that it
        asks for.
        """
        headers = {"Cache-Control": self.caching, "Content-Type": self.content_type, "Accept-Ranges": "bytes"}
        if self.zipped is not None:
            headers["Vary"] = "Accept-Encoding"
        is_part = request.method == "GET" and "Range" in request.headers
        # A part is always one of the file as it is: whoever asks for one counts its bytes.
        accepted = ",".join(request.headers.getall("Accept-Encoding", ()))
        zipped = None if is_part or not coding.prefers_gzip(accepted) else self.zipped
        tag = self.tag if zipped is None else f"{self.tag}-gzip"
        headers["ETag"] = f'"{tag}"'
        if zipped is not None:
            headers["Content-Encoding"] = "gzip"
        if _is_known(request, headers["ETag"]):
            # A 304 has no content to describe, and a cache would take these for those of the stored answer.
            del headers["Content-Type"]
            headers.pop("Content-Encoding", None)
            return web.Response(status=304, headers=headers)
        if is_part and request.headers.get("If-Range", headers["ETag"]) == headers["ETag"]:
            return self._part(request.headers["Range"], headers)
        return web.Response(body=self.body if zipped is None else zipped, headers=headers)

    def _part(self, asked: str, headers: dict[str, str]) -> web.Response:
        """The bytes that are asked for by `Range` (RFC 9110, section 14), or all of them where that cannot be read.

        416 where no byte of the file is in the range. A last byte beyond the end means the end.
        """
        size = len(self.body)
        found = _PART.fullmatch(asked)
        if (
            found is None
            or not (found[1] or found[2])
            or (found[1] and found[2] and int(found[1]) > int(found[2]))
        ):
            # Several parts, another unit, or nonsense: a server may answer with the whole.
            return web.Response(body=self.body, headers=headers)
        start = int(found[1]) if found[1] else max(0, size - int(found[2]))
        stop = min(size, int(found[2]) + 1) if found[1] and found[2] else size
        if start >= stop:
            return web.Response(status=416, headers=headers | {"Content-Range": f"bytes */{size}"})
        headers["Content-Range"] = f"bytes {start}-{stop - 1}/{size}"
        return web.Response(status=206, body=self.body[start:stop], headers=headers)


class Page:
    """A folder with an `index.html`, served under `path`. Files in its `assets` have the hash of their content in the name.

    One for each folder. What it serves is fixed when it is made; a folder that is not there is a page without
    files.
    """

    def __init__(
        self, path: str, folder: Path, *, policy: str = _POLICY, policies: Mapping[str, str] | None = None
    ) -> None:
        """`policies` gives single files a Content-Security-Policy of their own."""
        self._path = path
        self._policy = policy
        self._policies = policies or {}
        self._assets = {
            file.relative_to(folder).as_posix(): _asset(file, name=file.relative_to(folder).as_posix())
            for file in folder.glob("**/*")
            if file.is_file() and file.stat().st_size <= FILE_BYTES_MAX
        }

    def routes(self) -> list[web.RouteDef]:
        """The page itself, and everything under it."""
        return [
            web.get(self._path, self._redirect),
            web.get(self._path + "/{file:.*}", self._file),
        ]

    async def _redirect(self, request: web.Request) -> web.StreamResponse:
        """Send a browser to the address with a slash."""
        # With the slash, because a page's own files are named relative to it; and relative itself, because the path
        # that the browser knows may be a longer one. Browsers keep the fragment.
        del request
        return web.Response(status=308, headers={"Location": self._path.rpartition("/")[2] + "/"})

    async def _file(self, request: web.Request) -> web.StreamResponse:
        """One file of the pages, with the policy that it has. Raises `Problem` for what is not there.

        `"index.html"` stands for the address of the page itself. No name is joined to a path: it is a key of
        what was read.
        """
        name = request.match_info["file"] or "index.html"
        asset = self._assets.get(name)
        if asset is None:
            detail = (
                None
                if self._assets
                else "This page was not built: `npm run build` in the folder `web` does it."
            )
            raise Problem("not_found", detail)
        response = asset.answer(request)
        policy = self._policies.get(name, self._policy)
        response.headers["Content-Security-Policy"] = policy
        # Old browsers know the header alone, and would take DENY before the policy.
        if "frame-ancestors 'self'" in policy:
            response.headers["X-Frame-Options"] = "SAMEORIGIN"
        return response


def _is_known(request: web.Request, tag: str) -> bool:
    """Whether the client has this content: the weak comparison, since what is on the way may weaken a tag."""
    known = ",".join(request.headers.getall("If-None-Match", ()))
    return any(each.strip().removeprefix("W/") in (tag, "*") for each in known.split(","))


def _asset(file: Path, *, name: str) -> Asset:
    """Read a file and compress it. `name` is its path in the page's folder, such as `"assets/index-4f2a.js"`."""
    body = file.read_bytes()
    # Without a time in it: the same content is the same bytes.
    zipped = body if file.suffix in _DENSE else gzip.compress(body, mtime=0)
    return Asset(
        body=body,
        zipped=zipped if len(zipped) < len(body) else None,
        tag=hashlib.sha256(body).hexdigest()[:32],
        content_type=_TYPES.get(file.suffix, "application/octet-stream"),
        caching=_FOREVER if name.startswith("assets/") else _REVALIDATED,
    )


def public_routes() -> list[web.RouteDef]:
    """The pages of the public site."""
    return _dashboard("/dashboard", DASHBOARD_POLICY)


def demo_routes() -> list[web.RouteDef]:
    """The demo's page, which has frames, and the dashboard as one of them: only a demo lets it be framed.

    A deployment does not have them: the demo makes them beside its shop.
    """
    demo = Page("/demo", PAGES / "demo", policy=f"{_POLICY}; frame-src 'self'")
    return [*demo.routes(), *_dashboard("/demo-dashboard", FRAMED_POLICY)]


def _dashboard(path: str, policy: str) -> list[web.RouteDef]:
    """The dashboard at a path, with the frame policy that it has there."""
    return Page(path, PAGES / "dashboard", policy=policy, policies={"mail.html": MAIL_POLICY}).routes()


def internal_routes() -> list[web.RouteDef]:
    """The documentation that is at hand where the API is."""
    return Page("/internal/docs", PAGES / "docs").routes()
