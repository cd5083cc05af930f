"""A site under a path: what a proxy passes on with its own prefix is answered as if it came without.

Routes, metrics and logs know nothing of the prefix, and a proxy may take it off or leave it. Pages name everything
relative to themselves, and redirects are relative too, so the way out needs none.
"""

from collections.abc import Iterator

from aiohttp import web
from yarl import URL

_STRIPPED = web.RequestKey("stripped", bool)


class Prefix(web.AbstractResource):
    """What stands below a path of an application: all of the application, once."""

    def __init__(self, app: web.Application, path: str) -> None:
        super().__init__()
        self._app = app
        self._path = path

    @property
    def canonical(self) -> str:
        return self._path

    async def resolve(self, request: web.Request) -> tuple[web.UrlMappingMatchInfo | None, set[str]]:
        path = request.rel_url.raw_path
        # Once: a path of nothing but prefixes would be taken apart a thousand times.
        if _STRIPPED in request or not path.startswith(self._path + "/"):
            return None, set()
        bare = request.clone(
            rel_url=request.rel_url.with_path(path.removeprefix(self._path), encoded=True, keep_query=True)
        )
        bare[_STRIPPED] = True
        found = await self._app.router.resolve(bare)
        refusal = found.http_exception
        if refusal is None:
            return found, set()
        return None, set(refusal.allowed_methods) if isinstance(refusal, web.HTTPMethodNotAllowed) else set()

    # What else a resource has to have: nothing asks it of this one.

    def url_for(self, **kwargs: str) -> URL:
        raise NotImplementedError

    def add_prefix(self, prefix: str) -> None:
        raise NotImplementedError

    def raw_match(self, path: str) -> bool:
        return path == self._path

    def get_info(self) -> dict[str, str]:  # type: ignore[override]  # a private type of aiohttp's
        return {"prefix": self._path}

    def __len__(self) -> int:
        return 0

    def __iter__(self) -> Iterator[web.AbstractRoute]:
        return iter(())


def accept(app: web.Application, path: str) -> None:
    """Have the application answer below `path` too; an empty one changes nothing."""
    if not path:
        return

    async def redirect(request: web.Request) -> web.StreamResponse:
        del request
        return web.Response(status=308, headers={"Location": f"{path.rpartition('/')[2]}/"})

    app.router.add_get(path, redirect)
    app.router.register_resource(Prefix(app, path))
