"""The shelf of campaigns, in the table `campaigns`."""

import json
import secrets
import sqlite3
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta

from storage.campaigns import (
    RETRIED,
    TEST,
    Campaign,
    CampaignCancelled,
    CampaignPage,
    Campaigns,
    CampaignStanding,
    CampaignState,
    Lead,
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
from storage.recipients import RecipientState
from storage.sqlite import campaign_recipients, campaign_rows
from storage.sqlite.shelf import SQLiteShelf, reading, writing
from storage.switches import ERASED

_OPEN = (RecipientState.PENDING, RecipientState.OWED)


class SQLiteCampaigns(SQLiteShelf, Campaigns):
    """A row for each campaign. Whatever is done to one, its recipients and its mail is one transaction."""

    MIGRATIONS = campaign_rows.MIGRATIONS

    @writing
    def create(self, connection: sqlite3.Connection, campaign: Campaign) -> None:
        """Raises `sqlite3.IntegrityError` for an id that is taken: ids are made anew."""
        connection.execute(
            f"INSERT INTO campaigns ({campaign_rows.COLUMNS}) VALUES (?{', ?' * 19})",  # noqa: S608 - constants only
            (
                campaign.id, campaign.name, campaign.type, campaign.plan, campaign.by, micros(campaign.created_at),
                campaign.state, campaign.reason, micros_or_none(campaign.send_at), None, None, False, None, None, None,
                None, None, None, None, None,
            ),
        )  # fmt: skip

    @reading
    def find(self, connection: sqlite3.Connection, campaign_id: str) -> Campaign | None:
        return campaign_rows.find(connection, campaign_id) if is_writable(campaign_id) else None

    @reading
    def page(self, connection: sqlite3.Connection, *, before: str | None, limit: int) -> CampaignPage:
        time, id_ = (FOREVER, "") if before is None else position_of(before)
        rows = connection.execute(
            f"SELECT {campaign_rows.COLUMNS} FROM campaigns WHERE (created_at, id) < (?, ?) ORDER BY created_at DESC, id DESC LIMIT ?",  # noqa: S608 - constants only
            (time, id_, limit + 1),
        ).fetchall()
        items = tuple(map(campaign_rows.campaign_of, rows[:limit]))
        last = items[-1] if len(rows) > limit else None
        return CampaignPage(
            items=items, next=None if last is None else cursor_text(micros(last.created_at), last.id)
        )

    # Whether it runs

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
        resumes: bool = False,
    ) -> Campaign | None:
        """The state and the mail that waits, in one transaction."""
        moved = campaign_rows.move(
            connection, campaign_id, of, to, now=now, wake_at=wake_at, reason=reason, resumes=resumes
        )
        if moved is not None and to is CampaignState.PAUSED:
            campaign_recipients.hold(connection, campaign_id)
        elif moved is not None and to is CampaignState.RUNNING:
            campaign_recipients.let_go(connection, campaign_id, now=micros(now))
        return moved

    @writing
    def cancel(
        self,
        connection: sqlite3.Connection,
        campaign_id: str,
        of: Collection[CampaignState],
        *,
        now: datetime,
    ) -> CampaignCancelled | None:
        """The state, the recipients and the mail that waits, in one transaction: the counts are exact."""
        moved = campaign_rows.move(connection, campaign_id, of, CampaignState.CANCELLED, now=now, wake_at=now)
        if moved is None:
            return None
        cancelled, under_way = campaign_recipients.cancel(connection, campaign_id, now=micros(now))
        return CampaignCancelled(campaign=moved, cancelled=cancelled, under_way=under_way)

    @writing
    def retry(self, connection: sqlite3.Connection, campaign_id: str, *, now: datetime) -> int:
        found = campaign_rows.find(connection, campaign_id)
        if found is None or found.state not in RETRIED:
            return 0
        again = campaign_recipients.retry(connection, campaign_id, now=micros(now))
        if again:
            campaign_rows.move(connection, campaign_id, RETRIED, CampaignState.RUNNING, now=now, wake_at=now)
        return again

    @writing
    def revived(
        self, connection: sqlite3.Connection, obligation_ids: Sequence[str], *, now: datetime
    ) -> None:
        for campaign_id in campaign_recipients.revived(connection, obligation_ids, now=micros(now)):
            of, to = RETRIED, CampaignState.RUNNING
            if campaign_rows.move(connection, campaign_id, of, to, now=now, wake_at=now) is None:
                # What its worker skips has to be collected, by whoever leads it next: who leads it now may have
                # looked before, and would have it rest for ever.
                connection.execute(
                    "UPDATE campaigns SET wake_at = ?, token = NULL WHERE id = ? AND state = 'cancelled'",
                    (micros(now), campaign_id),
                )

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
    def choose(
        self, connection: sqlite3.Connection, campaign_id: str, variant: str, *, now: datetime
    ) -> Campaign | None:
        """The first variant stays, by COALESCE in the statement that ends the lead."""
        row = connection.execute(
            "UPDATE campaigns SET chosen = COALESCE(chosen, ?1), chosen_at = COALESCE(chosen_at, ?2), token = NULL,"  # noqa: S608 - constants only
            f" wake_at = CASE state WHEN 'running' THEN ?2 ELSE wake_at END WHERE id = ?3 RETURNING {campaign_rows.COLUMNS}",
            (variant, micros(now), campaign_id),
        ).fetchone()
        if row is None:
            return None
        campaign_recipients.let_choose(connection, campaign_id)
        return campaign_rows.campaign_of(row)

    @reading
    def standing(
        self, connection: sqlite3.Connection, campaign_id: str, obligation_id: str
    ) -> CampaignStanding | None:
        """One row, by the campaign's id and the unique index of its mails."""
        row = connection.execute(
            "SELECT c.state, c.announced, (SELECT r.state FROM recipients r WHERE r.campaign = c.id AND r.mail = ?)"
            " FROM campaigns c WHERE c.id = ?",
            (obligation_id, campaign_id),
        ).fetchone()
        if row is None:
            return None
        state, announced, recipient = row
        return CampaignStanding(
            state=CampaignState(state),
            announced=announced,
            is_owed=recipient == RecipientState.OWED,
            is_dead=recipient == RecipientState.DEAD,
        )

    @reading
    def stopped(self, connection: sqlite3.Connection) -> int:
        (count,) = connection.execute(
            "SELECT COUNT(*) FROM campaigns WHERE state = 'paused' AND reason IS NOT NULL"
        ).fetchone()
        return int(count)

    @writing
    def prune(self, connection: sqlite3.Connection, *, before: datetime, limit: int) -> int:
        """One campaign at a time; its row goes when fewer than `limit` recipients were left."""
        old = connection.execute(
            "SELECT id FROM campaigns WHERE COALESCE(ended_at, CASE state WHEN 'draft' THEN created_at END) < ? LIMIT 1",
            (micros(before),),
        ).fetchone()
        if old is None:
            return 0
        pruned = campaign_recipients.prune(connection, old[0], limit=limit)
        if pruned < limit:
            connection.execute("DELETE FROM obligations WHERE of_id = ?", (f"{TEST}{old[0]}",))
            connection.execute("DELETE FROM campaigns WHERE id = ?", old)
            pruned += 1
        return pruned

    def erase(self, connection: sqlite3.Connection, erasure: Erasure) -> int:
        connection.execute(
            "UPDATE campaigns SET made_by = ? WHERE made_by = ?", (ERASED, f"user:{erasure.user}")
        )
        return 0

    # Who works on one

    @writing
    def lead(self, connection: sqlite3.Connection, *, lease_seconds: float, now: datetime) -> Lead | None:
        """The one that waits longest, by the index of those that are to be looked at; found and taken under one lock."""
        due = connection.execute(
            "SELECT id, wake_at FROM campaigns WHERE wake_at <= ? ORDER BY wake_at LIMIT 1", (micros(now),)
        ).fetchone()
        if due is None:
            return None
        token = secrets.token_hex(8)
        row = connection.execute(
            f"UPDATE campaigns SET token = ?, wake_at = ? WHERE id = ? RETURNING {campaign_rows.COLUMNS}",  # noqa: S608 - constants only
            (token, micros(now + timedelta(seconds=lease_seconds)), due[0]),
        ).fetchone()
        return Lead(campaign=campaign_rows.campaign_of(row), token=token, due_at=moment(due[1]))

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
        """The count is made by the statement that shuts it: nobody can be added in between."""
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

    @writing
    def pace(self, connection: sqlite3.Connection, lead: Lead, until: datetime) -> None:
        connection.execute(
            "UPDATE campaigns SET paced_until = ? WHERE id = ? AND token = ?",
            (micros(until), lead.campaign.id, lead.token),
        )

    @writing
    def finish(self, connection: sqlite3.Connection, lead: Lead, *, now: datetime) -> bool:
        campaign_id = lead.campaign.id
        led = connection.execute(
            "SELECT gathered FROM campaigns WHERE id = ? AND token = ?", (campaign_id, lead.token)
        ).fetchone()
        if led is None or not led[0] or campaign_recipients.count(connection, campaign_id, _OPEN):
            return False
        of = (CampaignState.RUNNING,)
        return campaign_rows.move(connection, campaign_id, of, CampaignState.FINISHED, now=now) is not None
