"""The pages that ship with Bellhop, from `gateway/pages`: `docs` is written by hand, the others are built from `web`.

Only files that were there at the start are served, by exact name: no path that a caller makes up reaches the disk.
"""

from collections.abc import Mapping
from pathlib import Path

from aiohttp import web

from gateway.problems import Problem

PAGES = Path(__file__).parent / "pages"

_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
DASHBOARD_POLICY = f"{_POLICY}; frame-src 'self'"
"""The dashboard shows mails in a frame."""

MAIL_POLICY = (
    "sandbox allow-scripts; default-src 'none'; script-src 'self'; style-src 'unsafe-inline'; "
    "img-src https: data:; base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
)
"""The document in that frame, which is handed a mail and shows it. It belongs to no origin (sandbox), so it reaches
neither the dashboard nor its token; a mail's own styles work there, and no script but ours does."""

_FOREVER = "public, max-age=31536000, immutable"


class Page:
    """A folder with an `index.html`, served under `path`. Files in its `assets` have the hash of their content in the name."""

    def __init__(
        self, path: str, folder: Path, *, policy: str = _POLICY, policies: Mapping[str, str] | None = None
    ) -> None:
        """`policies` gives single files a Content-Security-Policy of their own."""
        self._path = path
        self._policy = policy
        self._policies = policies or {}
        self._files = {
            file.relative_to(folder).as_posix(): file for file in folder.glob("**/*") if file.is_file()
        }

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get(self._path, self._redirect),
            web.get(self._path + "/{file:.*}", self._file),
        ]

    async def _redirect(self, request: web.Request) -> web.StreamResponse:
        # With the slash, because a page's own files are named relative to it. Browsers keep the fragment.
        del request
        return web.Response(status=308, headers={"Location": self._path + "/"})

    async def _file(self, request: web.Request) -> web.StreamResponse:
        name = request.match_info["file"] or "index.html"
        file = self._files.get(name)
        if file is None:
            detail = (
                None
                if self._files
                else "This page was not built: `npm run build` in the folder `web` does it."
            )
            raise Problem("not_found", detail)
        caching = _FOREVER if name.startswith("assets/") else "no-cache"
        policy = self._policies.get(name, self._policy)
        headers = {"Cache-Control": caching, "Content-Security-Policy": policy}
        if "frame-ancestors 'self'" in policy:
            headers["X-Frame-Options"] = "SAMEORIGIN"
        return web.FileResponse(file, headers=headers)


def public_routes() -> list[web.RouteDef]:
    dashboard = Page(
        "/dashboard",
        PAGES / "dashboard",
        policy=DASHBOARD_POLICY,
        policies={"mail.html": MAIL_POLICY},
    )
    return dashboard.routes()


def demo_routes() -> list[web.RouteDef]:
    return Page("/demo", PAGES / "demo").routes()


def internal_routes() -> list[web.RouteDef]:
    return Page("/internal/docs", PAGES / "docs").routes()
