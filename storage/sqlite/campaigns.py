"""The shelf of campaigns, in the tables `campaigns` and `recipients`."""

import json
import secrets
import sqlite3
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Any

from storage.campaigns import (
    ENDED,
    RETRIED,
    TEST,
    Campaign,
    CampaignPage,
    Campaigns,
    CampaignState,
    Cancelled,
    Counts,
    Decided,
    Lead,
    Recipient,
    RecipientPage,
    RecipientRow,
    RecipientState,
    Standing,
    VariantCount,
)
from storage.encoding import (
    FOREVER,
    cursor_text,
    is_writable,
    micros,
    micros_or_none,
    moment,
    moment_or_none,
    position_of,
)
from storage.people import Erasure
from storage.sqlite import obligations, recipients
from storage.sqlite.schema import Migration, statements
from storage.sqlite.shelf import SQLiteShelf, reading, writing
from storage.switches import ERASED

MIGRATIONS = (
    Migration(
        name="campaigns-1",
        run=statements("""
CREATE TABLE campaigns (
    id TEXT NOT NULL PRIMARY KEY,
    name TEXT NOT NULL,
    type TEXT NOT NULL,
    plan TEXT NOT NULL,
    made_by TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    state TEXT NOT NULL,
    reason TEXT,
    send_at INTEGER,
    started_at INTEGER,
    ended_at INTEGER,
    gathered INTEGER NOT NULL,
    gathered_upto TEXT,
    recipients INTEGER,
    announced TEXT,
    wake_at INTEGER,                    -- when somebody is to look at it, or the lease ends; NULL: nobody is
    token TEXT                          -- of the lease
) WITHOUT ROWID;
CREATE INDEX campaigns_newest ON campaigns (created_at, id);
CREATE INDEX campaigns_wake ON campaigns (wake_at) WHERE wake_at IS NOT NULL;
"""),
    ),
    recipients.MIGRATION,
    Migration(
        name="campaigns-2",
        run=statements("""
ALTER TABLE campaigns ADD COLUMN frozen TEXT;
ALTER TABLE campaigns ADD COLUMN paced_until INTEGER;
ALTER TABLE campaigns ADD COLUMN chosen TEXT;
ALTER TABLE campaigns ADD COLUMN chosen_at INTEGER;
"""),
    ),
    recipients.VARIANTS,
)
_COLUMNS = (
    "id, name, type, plan, made_by, created_at, state, reason, send_at, started_at, ended_at, gathered, gathered_upto,"
    " recipients, announced, frozen, paced_until, chosen, chosen_at"
)
_OPEN = (RecipientState.PENDING, RecipientState.OWED)


class SQLiteCampaigns(SQLiteShelf, Campaigns):
    MIGRATIONS = MIGRATIONS

    @writing
    def create(self, connection: sqlite3.Connection, campaign: Campaign) -> None:
        connection.execute(
            f"INSERT INTO campaigns ({_COLUMNS}) VALUES (?{', ?' * 18})",  # noqa: S608 - constants only
            (
                campaign.id, campaign.name, campaign.type, campaign.plan, campaign.by, micros(campaign.created_at),
                campaign.state, campaign.reason, micros_or_none(campaign.send_at), None, None, False, None, None, None,
                None, None, None, None,
            ),
        )  # fmt: skip

    @reading
    def find(self, connection: sqlite3.Connection, campaign_id: str) -> Campaign | None:
        return _find(connection, campaign_id) if is_writable(campaign_id) else None

    @reading
    def page(self, connection: sqlite3.Connection, *, before: str | None, limit: int) -> CampaignPage:
        time, id_ = (FOREVER, "") if before is None else position_of(before)
        rows = connection.execute(
            f"SELECT {_COLUMNS} FROM campaigns WHERE (created_at, id) < (?, ?) ORDER BY created_at DESC, id DESC LIMIT ?",  # noqa: S608 - constants only
            (time, id_, limit + 1),
        ).fetchall()
        items = tuple(map(_campaign, rows[:limit]))
        last = items[-1] if len(rows) > limit else None
        return CampaignPage(
            items=items, next=None if last is None else cursor_text(micros(last.created_at), last.id)
        )

    @writing
    def add(
        self,
        connection: sqlite3.Connection,
        campaign_id: str,
        added: Sequence[Recipient],
        *,
        now: datetime,
        gathering: bool = False,
    ) -> int | None:
        found = _find(connection, campaign_id)
        taking = CampaignState.RUNNING if gathering else CampaignState.DRAFT
        if found is None or found.gathered or found.state is not taking:
            return None
        return recipients.add(connection, campaign_id, added, now=micros(now))

    @writing
    def move(
        self,
        connection: sqlite3.Connection,
        campaign_id: str,
        of: Collection[CampaignState],
        to: CampaignState,
        *,
        now: datetime,
        wake_at: datetime | None = None,
        reason: str | None = None,
    ) -> Campaign | None:
        moved = _move(connection, campaign_id, of, to, now=now, wake_at=wake_at, reason=reason)
        if moved is not None and to is CampaignState.PAUSED:
            recipients.hold(connection, campaign_id)
        elif moved is not None and to is CampaignState.RUNNING:
            recipients.let_go(connection, campaign_id, now=micros(now))
        return moved

    @writing
    def cancel(
        self,
        connection: sqlite3.Connection,
        campaign_id: str,
        of: Collection[CampaignState],
        *,
        now: datetime,
    ) -> Cancelled | None:
        moved = _move(connection, campaign_id, of, CampaignState.CANCELLED, now=now, wake_at=now)
        if moved is None:
            return None
        cancelled, under_way = recipients.cancel(connection, campaign_id, now=micros(now))
        return Cancelled(campaign=moved, cancelled=cancelled, under_way=under_way)

    @writing
    def retry(self, connection: sqlite3.Connection, campaign_id: str, *, now: datetime) -> int:
        found = _find(connection, campaign_id)
        if found is None or found.state not in RETRIED:
            return 0
        again = recipients.retry(connection, campaign_id, now=micros(now))
        if again:
            _move(connection, campaign_id, RETRIED, CampaignState.RUNNING, now=now, wake_at=now)
        return again

    @writing
    def revived(
        self, connection: sqlite3.Connection, obligation_ids: Sequence[str], *, now: datetime
    ) -> None:
        for campaign_id in recipients.revived(connection, obligation_ids, now=micros(now)):
            _move(connection, campaign_id, RETRIED, CampaignState.RUNNING, now=now, wake_at=now)

    # Who works on one

    @writing
    def lead(self, connection: sqlite3.Connection, *, lease_seconds: float, now: datetime) -> Lead | None:
        token = secrets.token_hex(8)
        row = connection.execute(
            f"UPDATE campaigns SET token = ?, wake_at = ? WHERE id IN"  # noqa: S608 - constants only
            f" (SELECT id FROM campaigns WHERE wake_at <= ? ORDER BY wake_at LIMIT 1) RETURNING {_COLUMNS}",
            (token, micros(now + timedelta(seconds=lease_seconds)), micros(now)),
        ).fetchone()
        return None if row is None else Lead(campaign=_campaign(row), token=token)

    @reading
    def next_wake(self, connection: sqlite3.Connection) -> datetime | None:
        (wake_at,) = connection.execute(
            "SELECT MIN(wake_at) FROM campaigns WHERE wake_at IS NOT NULL"
        ).fetchone()
        return moment_or_none(wake_at)

    @writing
    def rest(
        self, connection: sqlite3.Connection, lead: Lead, *, wake_at: datetime | None, now: datetime
    ) -> None:
        del now
        connection.execute(
            "UPDATE campaigns SET token = NULL, wake_at = ? WHERE id = ? AND token = ?",
            (micros_or_none(wake_at), lead.campaign.id, lead.token),
        )

    @writing
    def gathered(
        self,
        connection: sqlite3.Connection,
        lead: Lead,
        *,
        upto: str | None,
        is_whole: bool,
        now: datetime,
    ) -> bool:
        del now
        changed = connection.execute(
            "UPDATE campaigns SET gathered_upto = ?, gathered = ?, recipients = CASE WHEN ?2 THEN"
            " (SELECT COUNT(*) FROM recipients WHERE campaign = ?3) END WHERE id = ?3 AND token = ?4",
            (upto, is_whole, lead.campaign.id, lead.token),
        )
        return changed.rowcount == 1

    @writing
    def announce(self, connection: sqlite3.Connection, lead: Lead, notification_id: str) -> None:
        connection.execute(
            "UPDATE campaigns SET announced = ? WHERE id = ? AND token = ?",
            (notification_id, lead.campaign.id, lead.token),
        )

    @reading
    def due(
        self, connection: sqlite3.Connection, campaign_id: str, *, limit: int, now: datetime
    ) -> list[Recipient]:
        return recipients.due(connection, campaign_id, limit=limit, now=micros(now))

    @reading
    def pending(
        self, connection: sqlite3.Connection, campaign_id: str, *, after: str | None, limit: int
    ) -> list[Recipient]:
        return recipients.pending(connection, campaign_id, after=after, limit=limit)

    @reading
    def next_due(self, connection: sqlite3.Connection, campaign_id: str) -> datetime | None:
        return moment_or_none(recipients.next_due(connection, campaign_id))

    @writing
    def decide(
        self, connection: sqlite3.Connection, lead: Lead, decided: Sequence[Decided], *, now: datetime
    ) -> int:
        found = _find(connection, lead.campaign.id)
        if found is None or found.state is not CampaignState.RUNNING:
            return 0
        return recipients.decide(connection, decided, now=micros(now))

    @writing
    def collect(self, connection: sqlite3.Connection, campaign_id: str, *, limit: int, now: datetime) -> int:
        return recipients.collect(connection, campaign_id, limit=limit, now=micros(now))

    @writing
    def finish(self, connection: sqlite3.Connection, lead: Lead, *, now: datetime) -> bool:
        campaign_id = lead.campaign.id
        found = _find(connection, campaign_id)
        if found is None or not found.gathered or recipients.count(connection, campaign_id, _OPEN):
            return False
        of = (CampaignState.RUNNING,)
        return _move(connection, campaign_id, of, CampaignState.FINISHED, now=now) is not None

    # What it says, and how fast

    @writing
    def freeze(
        self, connection: sqlite3.Connection, campaign_id: str, of: Collection[CampaignState], frozen: str
    ) -> bool:
        changed = connection.execute(
            "UPDATE campaigns SET frozen = ? WHERE id = ? AND state IN (SELECT value FROM json_each(?))",
            (frozen, campaign_id, json.dumps(list(of))),
        )
        return changed.rowcount == 1

    @writing
    def pace(self, connection: sqlite3.Connection, lead: Lead, until: datetime) -> None:
        connection.execute(
            "UPDATE campaigns SET paced_until = ? WHERE id = ? AND token = ?",
            (micros(until), lead.campaign.id, lead.token),
        )

    # Variants

    @writing
    def choose(
        self, connection: sqlite3.Connection, campaign_id: str, variant: str, *, now: datetime
    ) -> Campaign | None:
        row = connection.execute(
            "UPDATE campaigns SET chosen = COALESCE(chosen, ?1), chosen_at = COALESCE(chosen_at, ?2), token = NULL,"  # noqa: S608 - constants only
            f" wake_at = CASE state WHEN 'running' THEN ?2 ELSE wake_at END WHERE id = ?3 RETURNING {_COLUMNS}",
            (variant, micros(now), campaign_id),
        ).fetchone()
        if row is None:
            return None
        recipients.let_choose(connection, campaign_id)
        return _campaign(row)

    @writing
    def clicked(self, connection: sqlite3.Connection, campaign_id: str, mail: str, *, at: datetime) -> None:
        recipients.clicked(connection, campaign_id, mail, at=micros(at))

    @reading
    def variant_counts(self, connection: sqlite3.Connection, campaign_id: str) -> dict[str, VariantCount]:
        return recipients.variant_counts(connection, campaign_id)

    @reading
    def conversions(self, connection: sqlite3.Connection, campaign_id: str, *, limit: int) -> list[str]:
        return recipients.conversions(connection, campaign_id, limit=limit)

    # What is told

    @reading
    def counts(self, connection: sqlite3.Connection, campaign_id: str) -> Counts:
        return recipients.counts(connection, campaign_id)

    @reading
    def recipients(
        self,
        connection: sqlite3.Connection,
        campaign_id: str,
        *,
        state: RecipientState | None,
        after: str | None,
        limit: int,
    ) -> RecipientPage:
        return recipients.page(connection, campaign_id, state=state, after=after, limit=limit)

    @reading
    def standing(
        self, connection: sqlite3.Connection, campaign_id: str, obligation_id: str
    ) -> Standing | None:
        row = connection.execute(
            "SELECT c.state, c.announced, EXISTS (SELECT 1 FROM recipients r WHERE r.campaign = c.id AND r.mail = ?"
            " AND r.state = 'owed') FROM campaigns c WHERE c.id = ?",
            (obligation_id, campaign_id),
        ).fetchone()
        if row is None:
            return None
        return Standing(state=CampaignState(row[0]), announced=row[1], is_owed=bool(row[2]))

    @reading
    def of_user(
        self, connection: sqlite3.Connection, user: str, *, limit: int
    ) -> list[tuple[Campaign, RecipientRow]]:
        if not is_writable(user):
            return []
        return [
            (campaign, row)
            for campaign_id, row in recipients.of_user(connection, user, limit=limit)
            if (campaign := _find(connection, campaign_id)) is not None
        ]

    @writing
    def prune(self, connection: sqlite3.Connection, *, before: datetime, limit: int) -> int:
        old = connection.execute(
            "SELECT id FROM campaigns WHERE COALESCE(ended_at, CASE state WHEN 'draft' THEN created_at END) < ? LIMIT 1",
            (micros(before),),
        ).fetchone()
        if old is None:
            return 0
        pruned = recipients.prune(connection, old[0], limit=limit)
        if pruned < limit:
            connection.execute("DELETE FROM obligations WHERE of_id = ?", (f"{TEST}{old[0]}",))
            connection.execute("DELETE FROM campaigns WHERE id = ?", old)
            pruned += 1
        return pruned

    def erase(self, connection: sqlite3.Connection, erasure: Erasure) -> int:
        # Whoever is known by the address alone has it for a user id.
        before = erasure.room.removesuffix(erasure.user)
        for address in erasure.addresses:
            obligations.forget_recipients(connection, f"{before}{address}", now=erasure.at)
        recipients.erase(connection, [erasure.user, *erasure.addresses], now=erasure.at)
        connection.execute(
            "UPDATE campaigns SET made_by = ? WHERE made_by = ?", (ERASED, f"user:{erasure.user}")
        )
        return 0


def _find(connection: sqlite3.Connection, campaign_id: str) -> Campaign | None:
    row = connection.execute(
        f"SELECT {_COLUMNS} FROM campaigns WHERE id = ?",  # noqa: S608 - constants only
        (campaign_id,),
    ).fetchone()
    return None if row is None else _campaign(row)


def _move(
    connection: sqlite3.Connection,
    campaign_id: str,
    of: Collection[CampaignState],
    to: CampaignState,
    *,
    now: datetime,
    wake_at: datetime | None = None,
    reason: str | None = None,
) -> Campaign | None:
    values = {
        "id": campaign_id, "of": json.dumps(list(of)), "to": to, "reason": reason, "wake_at": micros_or_none(wake_at),
        "started_at": micros(now) if to is CampaignState.RUNNING else None,
        "ended_at": micros(now) if to in ENDED else None,
    }  # fmt: skip
    row = connection.execute(
        "UPDATE campaigns SET state = :to, reason = :reason, wake_at = :wake_at, token = NULL,"  # noqa: S608 - constants only
        " started_at = COALESCE(started_at, :started_at), ended_at = :ended_at"
        f" WHERE id = :id AND state IN (SELECT value FROM json_each(:of)) RETURNING {_COLUMNS}",
        values,
    ).fetchone()
    return None if row is None else _campaign(row)


def _campaign(row: tuple[Any, ...]) -> Campaign:
    (
        id_, name, type_, plan, by, created_at, state, reason, send_at, started_at, ended_at, gathered, upto, count,
        announced, frozen, paced_until, chosen, chosen_at,
    ) = row  # fmt: skip
    return Campaign(
        id=id_,
        name=name,
        type=type_,
        plan=plan,
        by=by,
        created_at=moment(created_at),
        state=CampaignState(state),
        reason=reason,
        send_at=moment_or_none(send_at),
        started_at=moment_or_none(started_at),
        ended_at=moment_or_none(ended_at),
        gathered=bool(gathered),
        gathered_upto=upto,
        recipients=count,
        announced=announced,
        frozen=frozen,
        paced_until=moment_or_none(paced_until),
        chosen=chosen,
        chosen_at=moment_or_none(chosen_at),
    )
