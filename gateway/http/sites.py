"""A site as a part: where it listens, who may open its unix socket, and that it can accept nobody for now.

What is asked there is of the applications. How fast connections are accepted is of
`gateway.engine.listening`.
"""

from collections.abc import Callable, Sequence

from aiohttp import web

from gateway.engine import OWNER_AND_GROUP, EngineIO, PacedSite
from gateway.ground.parts import Part
from gateway.http import edge

EVERYBODY = 0o666
"""Permissions of a unix socket: its reader is a proxy that may run as any user."""
CLOSE_SECONDS = 2
"""How long open requests have at the stop, when clients were sent away before."""


class Site(Part):
    """A site that listens from its start to its stop.

    The public site has `websockets`, who takes them. It leaves `reserve()` descriptors to the rest of the process, and
    whoever can reach its unix socket may use it; an internal one is for its owner and group.

    A node has two. It is among the last parts to start: whoever connects finds everything there. While
    descriptors are exhausted it accepts nobody and is unready, and goes on by itself.
    """

    def __init__(
        self,
        app: web.Application,
        hosts: Sequence[str],
        port: int,
        *,
        websockets: EngineIO | None = None,
        reserve: Callable[[], int] = lambda: 0,
    ) -> None:
        self._app = app
        self._hosts = hosts
        self._port = port
        self._websockets = websockets
        self._reserve = reserve
        self._runner: web.AppRunner | None = None
        self._site: PacedSite | None = None

    @property
    def urls(self) -> tuple[str, ...]:
        """Where it listens; empty before the start."""
        return () if self._site is None else self._site.urls

    def unready(self) -> list[str]:
        """That it can accept nobody now, as for want of descriptors."""
        exhausted = None if self._site is None else self._site.exhausted
        return [] if exhausted is None else [f"connections: {exhausted}"]

    async def start(self) -> None:
        """Listen on every host. Raises `OSError` for an operator to read; what was opened by then is closed again."""
        self._runner = web.AppRunner(self._app, shutdown_timeout=CLOSE_SECONDS)
        await self._runner.setup()
        try:
            self._site = await self._listen(self._runner)
        except BaseException:
            await self._runner.cleanup()
            raise

    async def stop(self) -> None:
        """Close the door and end what is open. Without effect where it never started."""
        if self._runner is not None:
            await self._runner.cleanup()

    async def _listen(self, runner: web.AppRunner) -> PacedSite:
        """Open the door. Raises `OSError` with words for an operator when something else is behind it."""
        site = PacedSite(
            runner,
            self._hosts,
            self._port,
            websockets=self._websockets,
            refuse=self._app[edge.REFUSE],
            mode=OWNER_AND_GROUP if self._websockets is None else EVERYBODY,
            reserve=self._reserve(),
        )
        try:
            await site.start()
        except OSError as error:
            raise OSError(
                f"cannot listen on {site.name}: {error.strerror or error}. End what listens there, or choose other ports: "
                "BELLHOP_PORT and BELLHOP_INTERNAL_PORT, or --port and --internal-port of the demo; or other addresses: "
                "BELLHOP_HOST and BELLHOP_INTERNAL_HOST"
            ) from error
        return site
