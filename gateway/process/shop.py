"""The demo's backend: what a web shop's own would do, behind the buttons of the page at `/demo/`.

Only `bellhop demo` has it. A page must not hold an API key, so it asks here, with its customer's token.
"""

import secrets
from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from typing import Any

from aiohttp import web

from auth.principal import Principal
from auth.tokens import Signer, Verifier
from gateway.ground.parts import Part
from gateway.ground.rooms import ADMINS, ALL, user_room
from gateway.http import static
from gateway.http.edge import json_response
from gateway.notify.emitting import Emitter
from gateway.notify.reading import Reading
from gateway.notify.requests import EmailRequest, EmitRequest, HistoryRequest
from gateway.notify.types import COMPLAINT
from gateway.protocol import shapes
from gateway.protocol.problems import Problem

TOKEN_TTL = timedelta(hours=24)
CUSTOMERS = {"ann": "Ann", "bob": "Bob"}
TOPICS = ("deals",)
SCOPE = "demo"
ITEM, PRICE = "Brass desk lamp", "89.00"
"""What the page shows and sells."""
OFFERS = ("20 % off all lamps until Sunday", "Free shipping this weekend", "New in: the autumn collection")
ORDER_UPDATE = "ORDER_UPDATE"

Action = Callable[[Principal], Awaitable[list[EmitRequest]]]


def token(signer: Signer, user: str, name: str, *roles: str) -> str:
    """A token of one of the demo's people."""
    return signer.sign(
        user, ttl=TOKEN_TTL, name=name, roles=roles, topics=TOPICS, email=f"{user}@demo.example"
    )


class Shop(Part):
    """`/demo/config.json`, the actions, and the page itself."""

    def __init__(self, emitter: Emitter, reading: Reading, verifier: Verifier, signer: Signer) -> None:
        self._emitter = emitter
        self._reading = reading
        self._verifier = verifier
        self._signer = signer
        self._actions: Mapping[str, Action] = {
            "order": self._order,
            "ship": self._ship,
            "complain": self._complain,
            "offer": self._offer,
        }

    def public_routes(self) -> list[web.RouteDef]:
        return [
            web.get("/", self._home),
            web.get("/demo/config.json", self._config),
            web.post("/demo/actions/{action}", self._act),
            *static.demo_routes(),
        ]

    async def _home(self, request: web.Request) -> web.StreamResponse:
        """Whoever types no more than the address is shown the shop."""
        del request
        return web.Response(status=302, headers={"Location": "demo/"})

    async def _config(self, request: web.Request) -> web.Response:
        """Fresh tokens for everybody. Whoever reaches the demo is welcome to be anybody."""
        del request
        users = [
            {"id": user, "name": name, "token": token(self._signer, user, name)}
            for user, name in CUSTOMERS.items()
        ]
        return json_response(
            {"users": users, "admin": {"token": token(self._signer, "admin", "Admin", "admin")}}
        )

    async def _act(self, request: web.Request) -> web.Response:
        scheme, _, credential = request.headers.get("Authorization", "").partition(" ")
        principal = await self._verifier.verify(credential.strip() if scheme.lower() == "bearer" else None)
        action = self._actions.get(request.match_info["action"])
        if action is None:
            raise Problem("not_found", f"The shop knows {', '.join(self._actions)}.")
        emitted = [await self._emitter.emit(asked, scope=SCOPE) for asked in await action(principal)]
        return json_response(
            {"notifications": [shapes.address(each) for one in emitted for each in one.notifications]},
            status=202,
        )

    async def _order(self, customer: Principal) -> list[EmitRequest]:
        number = secrets.randbelow(90_000) + 10_000
        confirmation = EmitRequest(
            rooms=(user_room(customer.user),),
            type="ORDER_CONFIRMATION",
            title=f"Thank you for order {number}",
            body="We are packing it already.",
            link=f"/demo/#order-{number}",
            data={
                "order": number,
                "items": [{"name": ITEM, "quantity": 1, "price": PRICE}],
                "total": PRICE,
                "currency": "EUR",
            },
            email=EmailRequest(to=customer.email or f"{customer.user}@demo.example"),
            in_app=False,
        )
        title = f"Order {number} is placed"
        return [
            _order_update(customer, title, "We will tell you when it leaves.", number, "placed", ITEM),
            confirmation,
        ]

    async def _ship(self, customer: Principal) -> list[EmitRequest]:
        waiting = await self._newest_waiting(customer)
        if waiting is None:
            raise Problem("nothing_to_ship", "This customer has no order that waits.")
        number, item = waiting
        title = f"Order {number} has shipped"
        return [_order_update(customer, title, "It arrives in two or three days.", number, "shipped", item)]

    async def _newest_waiting(self, customer: Principal) -> tuple[int, str] | None:
        """The customer's newest order that is placed and not shipped, as the history tells it."""
        page = await self._reading.history(
            customer.user, (user_room(customer.user),), HistoryRequest(limit=100, types=(ORDER_UPDATE,))
        )
        shipped: set[object] = set()
        for entry in page.items:
            data = entry.notification.data
            match data.get("status"), data.get("order"), data.get("item"):
                case "shipped", number, _:
                    shipped.add(number)
                case "placed", int(number), str(item) if number not in shipped:
                    return number, item
        return None

    async def _complain(self, customer: Principal) -> list[EmitRequest]:
        name = customer.name or customer.user
        return [
            _plain(
                ADMINS,
                COMPLAINT,
                f"{name} has a complaint",
                "“The lamp flickers.”",
                {"user": customer.user},
            ),
            _plain(
                user_room(customer.user),
                "COMPLAINT_UPDATE",
                "We have your complaint",
                "Somebody is looking into it.",
                {},
            ),
        ]

    async def _offer(self, customer: Principal) -> list[EmitRequest]:
        del customer
        return [
            _plain(
                ALL,
                "SALE_OFFER",
                secrets.choice(OFFERS),
                "For everybody who is here, and who comes later.",
                {},
            )
        ]


def _order_update(
    customer: Principal, title: str, body: str, number: int, status: str, item: str
) -> EmitRequest:
    return EmitRequest(
        rooms=(user_room(customer.user),),
        type=ORDER_UPDATE,
        title=title,
        body=f"{item}. {body}",
        link=f"/demo/#order-{number}",
        data={"order": number, "status": status, "item": item},
    )


def _plain(room: str, kind: str, title: str, body: str, data: Mapping[str, Any]) -> EmitRequest:
    return EmitRequest(rooms=(room,), type=kind, title=title, body=body, data=data)
