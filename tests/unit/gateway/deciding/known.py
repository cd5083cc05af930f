"""What gates may know, and a case that nothing stops."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from gateway.catalog.channels import EMAIL
from gateway.catalog.live import LiveCatalog
from gateway.notify.deciding.decision import GATES, Judge
from gateway.notify.deciding.gates.address import MailAddress
from gateway.notify.deciding.gates.gate import Gate
from gateway.notify.deciding.gates.suppression import Suppressed
from gateway.notify.deciding.gates.unless import Attention
from gateway.notify.deciding.sources import Sources
from gateway.notify.deciding.verdicts import Case, Verdict
from gateway.notify.departing import ending_of
from storage.endings import Ending
from storage.errors import StorageError
from storage.mail import LaneName, Mail, MailOrder, MailState, Unless
from storage.notifications import Notification
from storage.obligations import Kind, Lease, Subject
from storage.people import Contact
from storage.receipts import Receipt
from storage.suppressions import Evidence, Reason, Suppression

NOW = datetime(2026, 11, 26, 10, 30, tzinfo=UTC)
AT = NOW - timedelta(minutes=28)
YESTERDAY = NOW - timedelta(days=1)
KNOWN, UNKNOWN = MailAddress("ann@example.org"), MailAddress(None)
NOTHING, ONLINE = Attention(), Attention(online=True)


def case(unless: Unless | None = None, **fields: Any) -> Case:
    given: dict[str, Any] = {
        "type": "T", "user": "ann", "channel": EMAIL, "now": NOW, "due_at": NOW, "unless": unless,
    }  # fmt: skip
    return Case(**(given | fields))


def suppressed(*scopes: str, reason: Reason = Reason.HARD_BOUNCE, code: str | None = None) -> Suppressed:
    return Suppressed(
        [
            Suppression(
                id="s", address="ann@example.org", scope=scope, reason=reason, source="server",
                evidence=Evidence(code=code), created_at=YESTERDAY,
            )
            for scope in scopes
        ]
    )  # fmt: skip


class Known:
    """What is known of Ann, and how often it was asked for."""

    def __init__(self, *, receipt: Receipt = Receipt(), online: bool = False) -> None:  # noqa: B008 - immutable
        self.asked: list[str] = []
        self.failure: StorageError | None = None
        self.catalog = LiveCatalog()
        self.suppressed: dict[str, Sequence[Suppression]] = {}
        self._receipt = receipt
        self._online = online

    async def contacts(self, users: Sequence[str]) -> dict[str, Contact]:
        self.asked.append("contacts")
        if self.failure is not None:
            raise self.failure
        return {user: Contact(user=user, email="ann@example.org") for user in users if user == "ann"}

    async def matching(self, addresses: Sequence[str], *, roughly: bool) -> dict[str, Sequence[Suppression]]:
        how = "rough" if roughly else "exact"
        self.asked.append(f"{how} suppressions {' '.join(sorted(addresses))}")
        return {each: self.suppressed[each] for each in addresses if each in self.suppressed}

    async def receipts_of(self, user: str, ids: Sequence[str]) -> dict[str, Receipt]:
        self.asked.append(f"receipts {user} {' '.join(ids)}")
        if self.failure is not None:
            raise self.failure
        return dict.fromkeys(ids, self._receipt)

    async def is_online(self, user: str) -> bool:
        self.asked.append(f"presence {user}")
        return self._online

    def judge(self, gates: Sequence[Gate[Any]] = GATES) -> Judge:
        return Judge(
            Sources(
                catalog=self.catalog,
                contacts=self,
                receipts=self,
                suppressions=self,
                is_online=self.is_online,
            ),
            gates,
        )


EVERYTHING_OFF = {"enabled": False}


def lease(
    unless: Unless | None = None, *, room: str = "user:ann", lane: LaneName = LaneName.TRANSACTIONAL
) -> Lease:
    order = MailOrder(to="ann@example.org", due_at=NOW, unless=unless, lane=lane)
    mail = Mail(order=order, state=MailState.LEASED, due_at=NOW, updated_at=NOW)
    notification = Notification(id="n1", room=room, type="T", title="x", created_at=NOW, data={}, mail=mail)
    of = Subject(kind=Kind.NOTIFICATION, id="n1")
    return Lease(id="n1", of=of, notification=notification, mail=mail, token="t", until=NOW)


async def ended(judge: Judge, given: Lease) -> Ending | None:
    return ending_of(await judge.at_lease(given, NOW), given, NOW)


def gate(verdict: Verdict) -> Gate[Attention]:
    """A gate of a later rule, with facts of its own."""

    async def gather(sources: Sources, cases: Sequence[Case]) -> list[Attention | None]:
        del sources
        return [NOTHING for _ in cases]

    return Gate(
        rule="later", facts=Attention, judge=lambda _case, _facts: verdict,
        wants=lambda _case, _moment: True, gather=gather,
    )  # fmt: skip
