"""The pages that ship with Bellhop, from `gateway/pages`: `docs` is written by hand, the others are built from `web`.

Only files that were there at the start are served, by exact name: no path that a caller makes up reaches the disk.
"""

from pathlib import Path

from aiohttp import web

from gateway.problems import Problem

PAGES = Path(__file__).parent / "pages"

_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_FOREVER = "public, max-age=31536000, immutable"


class Page:
    """A folder with an `index.html`, served under `path`. Files in its `assets` have the hash of their content in the name."""

    def __init__(self, path: str, folder: Path) -> None:
        self._path = path
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
        raise web.HTTPPermanentRedirect(request.rel_url.with_path(self._path + "/"))

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
        return web.FileResponse(file, headers={"Cache-Control": caching, "Content-Security-Policy": _POLICY})


def public_routes() -> list[web.RouteDef]:
    return [*Page("/dashboard", PAGES / "dashboard").routes(), *Page("/demo", PAGES / "demo").routes()]


def internal_routes() -> list[web.RouteDef]:
    return Page("/internal/docs", PAGES / "docs").routes()
