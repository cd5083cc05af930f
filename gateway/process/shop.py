"""The demo's backend: what a web shop's own would do, behind the buttons of the page at `/demo/`, and the mailboxes beside it.

Only `bellhop demo` has it. A page must not hold an API key, so it asks here, with its customer's token.

It emits by the node's own emitter, as HTTP would, and answers in the shapes of the API. There is no other
state than the history: what was ordered and shipped is read from it.
"""

import secrets
from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from typing import Any

from aiohttp import web

from auth.principal import Principal
from auth.signing import Signer
from auth.tokens import Verifier
from gateway.ground.parts import Part
from gateway.ground.rooms import ADMINS, ALL, user_room
from gateway.http import static
from gateway.http.edge import json_response
from gateway.notify.emitting.emitter import Emitter
from gateway.notify.inboxes.reading import Reading
from gateway.notify.requests import EmailRequest, EmitRequest, HistoryRequest
from gateway.process.mailbox import SpoolMailbox
from gateway.protocol import shapes
from gateway.protocol.problems import Problem

TOKEN_TTL = timedelta(hours=24)
"""How long the links that the demo prints hold."""
CUSTOMERS = {"ann": "Ann", "bob": "Bob"}
"""Ids and names of those who may be anybody in the demo."""
TOPICS = ("deals",)
"""The topics that every token of the demo names."""
SCOPE = "demo"
"""In whose name the shop emits."""
ITEM, PRICE = "Brass desk lamp", "89.00"
"""What the page shows and sells."""
OFFERS: tuple[Mapping[str, Any], ...] = (
    {"name": "all lamps", "discount": 0.2, "slug": "lamps"},
    {"name": "rugs and cushions", "discount": 0.15, "slug": "rugs"},
    {"name": "the autumn collection", "discount": 0.1, "slug": "autumn"},
)
"""What an offer to all may be of."""
ORDER_UPDATE = "ORDER_UPDATE"
"""A type of the example catalog."""
MAIL_AFTER_SECONDS = 4
"""What is not read in the app by then is mailed: sooner than in a shop, so that whoever looks need not wait."""
BURST = 20
"""Notifications of one burst."""

ButtonAction = Callable[[Principal], Awaitable[list[EmitRequest]]]
"""What a button does: takes who has pressed it, and answers what to emit. May raise `Problem`."""


def token(signer: Signer, user: str, name: str, *roles: str) -> str:
    """A token of one of the demo's people.

    With topics and an address, so that offers and mails have somebody to come to.
    """
    return signer.sign(
        user, ttl=TOKEN_TTL, name=name, roles=roles, topics=TOPICS, email=f"{user}@demo.example"
    )


class Shop(Part):
    """`/demo/config.json`, the actions, and the page itself.

    Only for a demo: whoever reaches it may be anybody in it. It has no start and no stop.
    """

    def __init__(
        self,
        emitter: Emitter,
        reading: Reading,
        verifier: Verifier,
        signer: Signer,
        *,
        mailbox: SpoolMailbox | None = None,
    ) -> None:
        self.curl: str | None = None
        """The command that sends Ann something, for the page to show; None while it is not known."""
        self._emitter = emitter
        self._reading = reading
        self._verifier = verifier
        self._signer = signer
        self._mailbox = mailbox
        self._actions: Mapping[str, ButtonAction] = {
            "order": self._order,
            "ship": self._ship,
            "complain": self._complain,
            "offer": self._offer,
            "burst": self._burst,
        }

    def public_routes(self) -> list[web.RouteDef]:
        """All that the demo adds to the public site."""
        return [
            web.get("/", self._home),
            web.get("/demo/config.json", self._config),
            web.post("/demo/actions/{action}", self._act),
            web.get("/demo/mailbox", self._mails),
            web.get("/demo/mailbox/{name}", self._mail),
            web.get("/newsletter/{issue}", self._newsletter),
            *static.demo_routes(),
        ]

    async def _home(self, request: web.Request) -> web.StreamResponse:
        """Whoever types no more than the address is shown the shop."""
        del request
        return web.Response(status=302, headers={"Location": "demo/"})

    async def _newsletter(self, request: web.Request) -> web.StreamResponse:
        """The shop has one page. Browsers take the fragment along."""
        del request
        return web.Response(status=302, headers={"Location": "../demo/"})

    async def _config(self, request: web.Request) -> web.Response:
        """Fresh tokens for everybody. Whoever reaches the demo is welcome to be anybody.

        Anybody may ask: a demo has no secrets from who can reach it.
        """
        del request
        users = [
            {"id": user, "name": name, "token": token(self._signer, user, name)}
            for user, name in CUSTOMERS.items()
        ]
        return json_response(
            {
                "users": users,
                "admin": {"token": token(self._signer, "admin", "Admin", "admin")},
                "curl": self.curl,
            }
        )

    async def _act(self, request: web.Request) -> web.Response:
        """Do what a button does, as the customer of the token. Raises `AuthError`, `Problem` and what emitting raises.

        Answers 202 with where each notification stands, as an emit does.
        """
        principal = await self._customer(request)
        action = self._actions.get(request.match_info["action"])
        if action is None:
            raise Problem("not_found", f"The shop knows {', '.join(self._actions)}.")
        emitted = await self._emitter.emit_many(await action(principal), scope=SCOPE)
        for each in emitted:
            if isinstance(each, Exception):
                raise each
        stored = [each for one in emitted if not isinstance(one, Exception) for each in one.notifications]
        return json_response({"notifications": [shapes.address(each) for each in stored]}, status=202)

    async def _mails(self, request: web.Request) -> web.Response:
        """What the customer has been mailed, newest first."""
        address = address_of(await self._customer(request))
        mails = [] if self._mailbox is None else await self._mailbox.of(address)
        return json_response({"address": address, "mails": mails})

    async def _mail(self, request: web.Request) -> web.Response:
        """One mail to the customer. Raises `Problem` for one that is another's."""
        address = address_of(await self._customer(request))
        mailbox = self._mailbox
        mail = None if mailbox is None else await mailbox.mail(address, request.match_info["name"])
        if mail is None:
            raise Problem("not_found", "This customer has no such mail.")
        return json_response({"mail": mail})

    async def _customer(self, request: web.Request) -> Principal:
        """Who asks, by the bearer token. Raises `AuthError`."""
        scheme, _, credential = request.headers.get("Authorization", "").partition(" ")
        return await self._verifier.verify(credential.strip() if scheme.lower() == "bearer" else None)

    async def _order(self, customer: Principal) -> list[EmitRequest]:
        """A new order: told in the app, mailed when it is not read, and confirmed by mail.

        The two have different types: what is told in the app comes by mail only if it is not read, the
        confirmation always.
        """
        number = str(secrets.randbelow(90_000) + 10_000)
        return [
            _order_update(customer, number, "placed", ITEM),
            confirmation(customer.user, number, ITEM, PRICE, address_of(customer)),
        ]

    async def _ship(self, customer: Principal) -> list[EmitRequest]:
        """Ship the newest order that waits. Raises `Problem` `nothing_to_ship`."""
        waiting = await self._newest_waiting(customer)
        if waiting is None:
            raise Problem("nothing_to_ship", "This customer has no order that waits.")
        number, item = waiting
        return [_order_update(customer, number, "shipped", item)]

    async def _newest_waiting(self, customer: Principal) -> tuple[str, str] | None:
        """The customer's newest order that is placed and not shipped, as the history tells it."""
        page = await self._reading.history(
            customer.user, (user_room(customer.user),), HistoryRequest(limit=100, types=(ORDER_UPDATE,))
        )
        # Newest first: the shipping of an order comes before its placing.
        shipped: set[object] = set()
        for entry in page.items:
            data = entry.notification.data
            match data.get("status"), data.get("order"), data.get("item"):
                case "shipped", number, _:
                    shipped.add(number)
                case "placed", str(number), str(item) if number not in shipped:
                    return number, item
        return None

    async def _complain(self, customer: Principal) -> list[EmitRequest]:
        """A complaint: told to the staff, and answered to the customer."""
        name = customer.name or customer.user
        number = f"C-{secrets.randbelow(900) + 100}"
        return [
            _emit(
                ADMINS,
                "NEW_COMPLAINT",
                {"complaint": number, "customer": name, "text": "The lamp flickers.", "user": customer.user},
                link="/demo/",
            ),
            _emit(
                user_room(customer.user),
                "COMPLAINT_RESPONSE",
                {"complaint": number, "answer": "We have your complaint. Somebody is looking into it."},
                link="/demo/",
            ),
        ]

    async def _offer(self, customer: Principal) -> list[EmitRequest]:
        """An offer to everybody."""
        del customer
        return [_emit(ALL, "SALE_OFFER", secrets.choice(OFFERS), link="/demo/")]

    async def _burst(self, customer: Principal) -> list[EmitRequest]:
        """Many at once, numbered: whoever was away for them can count what has come."""
        burst = secrets.token_hex(4)
        return [
            EmitRequest(
                rooms=(user_room(customer.user),),
                type="PARCEL_SCAN",
                title=f"Parcel scan {number} of {BURST}",
                data={"burst": burst, "number": number},
                no_email=True,
            )
            for number in range(1, BURST + 1)
        ]


def address_of(customer: Principal) -> str:
    """Where the customer's mail goes."""
    return customer.email or f"{customer.user}@demo.example"


def confirmation(user: str, number: str, item: str, price: str, address: str | None = None) -> EmitRequest:
    """The mail that confirms an order of one thing.

    It is mail alone, as its type says.
    """
    line = {"name": item, "quantity": 1, "price": price, "amount": price}
    return _emit(
        user_room(user),
        "ORDER_CONFIRMATION",
        {"order": number, "items": [line], "total": price, "currency": "EUR"},
        link=_page_of(number),
        email=EmailRequest(to=address or f"{user}@demo.example"),
    )


def _order_update(customer: Principal, number: str, status: str, item: str) -> EmitRequest:
    """What is told of an order; mailed only if it is not read in the app soon.

    After `MAIL_AFTER_SECONDS`, unless it was read by then, as the type says.
    """
    data = {"order": number, "status": status, "item": item}
    email = EmailRequest(to=address_of(customer), after_seconds=MAIL_AFTER_SECONDS)
    return _emit(user_room(customer.user), ORDER_UPDATE, data, link=_page_of(number), email=email)


def _page_of(number: str) -> str:
    """Where the page shows the order."""
    return f"/demo/#order-{number}"


def _emit(
    room: str, type_: str, data: Mapping[str, Any], *, link: str, email: EmailRequest | None = None
) -> EmitRequest:
    """As a shop's backend would: the words are the catalog's."""
    return EmitRequest(rooms=(room,), type=type_, title=None, data=data, link=link, email=email)
