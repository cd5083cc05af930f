"""What the dashboard sees of a gateway that is slow to answer, or refuses to."""

import json
import re

from playwright.async_api import WebSocketRoute


class Answers:
    """Stands between a page of admins and the gateway: what it asks is `answered`, `held` back or `refused`."""

    def __init__(self) -> None:
        self.are = "answered"

    def stand_in(self, page: WebSocketRoute) -> None:
        gateway = page.connect_to_server()

        def pass_on(message: str | bytes) -> None:
            answer = re.match(r"43/admin,\d+", message) if isinstance(message, str) else None
            if answer is None or self.are == "answered":
                page.send(message)
            elif self.are == "refused":
                error = {"code": "unavailable", "message": "The store cannot be reached."}
                page.send(answer[0] + json.dumps([{"ok": False, "error": error}]))

        gateway.on_message(pass_on)
