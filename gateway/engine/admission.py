"""Admission: who may come in, from where, and how many at a time.

A reconnect storm is normal after a deploy. Those already connected must not wait for it, so handshakes pass in small
groups with the loop's other work between, and one address alone cannot take all the places.
"""

import asyncio
import math
from collections import deque
from collections.abc import Sequence
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address

from gateway.engine.limits import Network
from gateway.ground.places import UNIX_PEER

HANDSHAKES_A_TURN = 4
WAITING_HANDSHAKES = 10_000
ADDRESSES = 10_000
"""Addresses remembered; when there are more, those that have been quiet long enough are forgotten."""
PROXIES = 16
"""Entries of `X-Forwarded-For` that are looked at, from the right."""
ENTRY_CHARACTERS = 100
"""An IPv6 address with brackets, a zone and a port has fewer."""


class Turnstile:
    """Lets a few through in each turn of the event loop, in the order in which they came."""

    def __init__(self, a_turn: int = HANDSHAKES_A_TURN) -> None:
        self._a_turn = a_turn
        self._left = a_turn
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._turning = False

    @property
    def crowded(self) -> bool:
        return len(self._waiting) >= WAITING_HANDSHAKES

    async def passage(self) -> None:
        loop = asyncio.get_running_loop()
        if not self._turning:
            self._turning = True
            loop.call_soon(self._turn)
        if self._left and not self._waiting:
            self._left -= 1
            return
        turn: asyncio.Future[None] = loop.create_future()
        self._waiting.append(turn)
        await turn

    def _turn(self) -> None:
        self._left = self._a_turn
        while self._waiting and self._left:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                self._left -= 1
        self._turning = self._left < self._a_turn
        if self._turning:
            asyncio.get_running_loop().call_soon(self._turn)


class Allowance:
    """What one client may do at once: the tokens that it had left when they were last counted."""

    __slots__ = ("counted_at", "tokens")

    def __init__(self, tokens: float, counted_at: float = 0.0) -> None:
        self.tokens = tokens
        self.counted_at = counted_at
        """By the loop's clock."""


class Rate:
    """A token bucket: `burst` at once, then `per_second`. A rate of 0 allows everything."""

    __slots__ = ("burst", "per_second")

    def __init__(self, *, per_second: float, burst: float) -> None:
        self.per_second = per_second
        self.burst = burst

    def full(self) -> Allowance:
        """The allowance of a client that has done nothing yet."""
        return Allowance(self.burst)

    def spend(self, allowance: Allowance, *, now: float) -> float:
        """Take a token. Answers the seconds until there is one to be taken; 0 when it was."""
        if not self.per_second:
            return 0.0
        tokens = min(self.burst, allowance.tokens + (now - allowance.counted_at) * self.per_second)
        allowance.counted_at = now
        if tokens < 1:
            allowance.tokens = tokens
            return (1 - tokens) / self.per_second
        allowance.tokens = tokens - 1
        return 0.0


class AddressRate:
    """An allowance for each address: `burst` handshakes at once, then `rate` a second. A rate of 0 admits all."""

    def __init__(self, *, rate: float, burst: int) -> None:
        self._rate = Rate(per_second=rate, burst=float(max(burst, 1)))
        self._allowances: dict[str, Allowance] = {}

    def admit(self, address: str, *, now: float) -> float:
        """Count a handshake of `address`. Answers the seconds to wait before another try; 0 when admitted."""
        if not self._rate.per_second:
            return 0.0
        key = neighbourhood(address)
        allowance = self._allowances.get(key)
        if allowance is None:
            if len(self._allowances) >= ADDRESSES:
                self._forget(now)
            allowance = self._allowances[key] = self._rate.full()
        return math.ceil(self._rate.spend(allowance, now=now))

    def _forget(self, now: float) -> None:
        full_after = self._rate.burst / self._rate.per_second
        kept = {key: each for key, each in self._allowances.items() if now - each.counted_at < full_after}
        # All are busy: begin anew rather than grow. It forgives a flood from very many addresses a little.
        self._allowances = kept if len(kept) < ADDRESSES else {}


def neighbourhood(address: str) -> str:
    """What is limited together: an IPv4 address, or the /64 that one IPv6 customer has to itself."""
    if ":" not in address:
        return address
    try:
        return str(IPv6Network((address.partition("%")[0], 64), strict=False))
    except ValueError:
        return address


def client_address(peer: str | None, forwarded: str, trusted: Sequence[Network | str]) -> str:
    """The address of the client itself: the peer's, or the one that trusted proxies tell of. An empty peer is a unix socket's.

    `forwarded`, the header `X-Forwarded-For` with all its lines joined, is read from the right: each trusted proxy
    vouches for the entry before its own, and what stands to the left of the first untrusted one is the client's own
    invention. So is what stands beyond more proxies than anybody has.
    """
    if peer and not trusted and ":" not in peer:
        return peer
    address = _parsed(peer or "")
    if address is None and peer != "":
        return peer or ""
    if trusted and _is_trusted(address, trusted):
        # From the right, and only so far: the client may have written thousands.
        for entry in reversed(forwarded.rsplit(",", PROXIES)[-PROXIES:]):
            if not entry.strip():
                continue
            earlier = _parsed(entry.strip())
            if earlier is None:
                break
            address = earlier
            if not _is_trusted(address, trusted):
                break
    return UNIX_PEER if address is None else str(address)


def _parsed(text: str) -> IPv4Address | IPv6Address | None:
    """The address that a proxy has written, with or without a port; None for `unknown` and other words."""
    if len(text) > ENTRY_CHARACTERS:
        return None
    text = text.strip('"')
    if text.startswith("["):
        text, closed, port = text[1:].partition("]")
        if not closed or (port and not _is_port(port)):
            return None
    elif text.count(":") == 1:
        text, _, port = text.partition(":")
        if not _is_port(":" + port):
            return None
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    # A dual-stack socket shows IPv4 peers as ::ffff:a.b.c.d.
    return getattr(address, "ipv4_mapped", None) or address


def _is_port(text: str) -> bool:
    return text[:1] == ":" and text[1:].isascii() and text[1:].isdigit()


def _is_trusted(address: IPv4Address | IPv6Address | None, trusted: Sequence[Network | str]) -> bool:
    if address is None:
        return UNIX_PEER in trusted
    return any(
        not isinstance(network, str) and address.version == network.version and address in network
        for network in trusted
    )
