"""A catalog of two languages, and readers of whom it is known what they read."""

from collections.abc import Sequence

from gateway.notify.requests import EmitRequest
from gateway.notify.wording.scribe import Filled, Scribe
from storage.people import Contact

CATALOG = """
default_locale = "en"
[categories.orders]
name = { en = "Orders" }

[types.SHIPPED]
category = "orders"
schema = { type = "object", required = ["order"], properties = { order = { type = "string" } } }
channels = { in_app = true, email = { unless = "read", after = "10m" } }
expires_in = "1d"
[types.SHIPPED.texts.en]
title = "Order {{ data.order }} has shipped"
body = "It is on its way."
link = "/orders/{{ data.order }}"
subject = "Shipped: {{ data.order }}"
[types.SHIPPED.texts.de]
title = "Bestellung {{ data.order }} ist unterwegs"

[types.LETTER]
category = "orders"
lane = "bulk"
channels = { in_app = false, email = { default = false } }
[types.LETTER.texts.en]
title = "News"

[types.BARE]
category = "orders"

[types.CALL]
category = "orders"
schema = { type = "object", properties = { at = { type = "string" }, order = {} } }
[types.CALL.texts.en]
title = "We call you at {{ data.at|time }}"
[types.CALL.texts.de]
title = "Wir rufen um {{ data.at|time }} an"

[types.VISIT]
category = "orders"
schema = { type = "object", properties = { at = {} } }
texts.en.title = "We come"
texts.de.title = "Wir kommen"
variants = [{ name = "plain", texts.en.title = "At {{ data.at|time }}" }, { name = "other", texts.en.title = "From {{ data.at|time }} on" }]
experiment = { metric = "read", baseline = 0.2, effect = 0.1 }
"""


class Known:
    """The contacts, and how often they were asked."""

    def __init__(self, **locales: str) -> None:
        self.locales = locales
        self.zones: dict[str, str] = {}
        self.questions = 0

    async def contacts(self, users: Sequence[str]) -> dict[str, Contact]:
        self.questions += 1
        return {
            user: Contact(user=user, locale=self.locales.get(user), timezone=self.zones.get(user))
            for user in users
            if user in self.locales or user in self.zones
        }


def asked(*rooms: str, type: str = "SHIPPED", title: str | None = None, **fields: object) -> EmitRequest:  # noqa: A002 - its name
    given = {"data": {"order": "7"}, **fields}
    return EmitRequest(rooms=rooms, type=type, title=title, **given)


async def filled(scribe: Scribe, request: EmitRequest) -> Filled:
    (found,) = await scribe.fill([request])
    assert isinstance(found, Filled), found
    return found
