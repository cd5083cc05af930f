"""Campaigns: one thing for many people, imported or found, decided for one by one, and accounted for.

Whoever has the scope `campaigns` may ask all of it, and beside it only for figures (`stats`, `experiments`). What
changes a campaign is written down, and of people who only look nothing is.
"""

from auth.principal import Role
from gateway.protocol import campaign_answers, campaign_rows, campaigns, recipients
from gateway.protocol.deeds import OF_ID
from gateway.protocol.operation import CAMPAIGNS, AuditRule, Operation, RawBody, Route

_STATE = ("not_found", "campaign_state")
"""A campaign that is not there, and one whose state does not allow what is asked."""

IMPORT = Operation(
    name="import_recipients", scope=CAMPAIGNS, summary="Import recipients into a draft",
    audit=OF_ID,
    asks=campaigns.CampaignIdSchema, answers=campaign_answers.ImportAnswer,
    use=lambda use, _, asked: use.campaigns.importing(asked), shape=campaign_answers.imported,
    route=Route(
        method="POST", path="/internal/campaigns/{campaign}/recipients",
        raw_body=RawBody(campaign_rows.NDJSON, campaigns.IMPORT_BYTES_MAX, also=(campaign_rows.CSV,)),
        description="A line for each: `user` or `address`, and if you like `locale`, `timezone`, `data` and `consent`; in CSV the first line names the columns, `data.…` for each text of the data. A `consent` needs the scope `admin`. Lines are kept as they come: what was cut off is sent again whole, and whoever is there already is `known`. A line that is wrong is left out and told of.",
        problems=("validation_failed", *_STATE),
    ),
)  # fmt: skip
"""By itself, since the internal site reads its body in another way. `use` only looks whether an import may
begin: the handler does the rest.
"""

OPERATIONS: tuple[Operation, ...] = (
    Operation(
        name="campaigns", role=Role.VIEWER, scope=CAMPAIGNS, summary="Campaigns, newest first",
        asks=campaigns.CampaignsSchema, answers=campaign_answers.CampaignsAnswer,
        use=lambda use, _, asked: use.campaigns.page(before=asked.before, limit=asked.limit), shape=campaign_answers.page,
        route=Route(method="GET", path="/internal/campaigns"),
        event="campaigns",
    ),
    Operation(
        name="create_campaign", scope=CAMPAIGNS, summary="Make a campaign, as a draft",
        audit=AuditRule(detail=lambda asked: {"name": asked.name, "type": asked.type}),
        asks=campaigns.CampaignSchema, answers=campaign_answers.CampaignDetailAnswer,
        use=lambda use, caller, asked: use.campaigns.create(asked, by=caller.name), shape=campaign_answers.detail,
        route=Route(method="POST", path="/internal/campaigns", status=201),
        event="create_campaign",
    ),
    Operation(
        name="campaign", role=Role.VIEWER, scope=CAMPAIGNS, summary="A campaign, and what became of its recipients so far",
        asks=campaigns.CampaignIdSchema, answers=campaign_answers.CampaignDetailAnswer,
        use=lambda use, _, asked: use.campaigns.progress(asked), shape=campaign_answers.detail,
        route=Route(method="GET", path="/internal/campaigns/{campaign}", problems=("not_found",)),
        event="campaign",
    ),
    IMPORT,
    Operation(
        name="recipients", role=Role.VIEWER, scope=CAMPAIGNS, summary="A campaign's recipients, by what became of them",
        asks=campaigns.RecipientsSchema, answers=recipients.RecipientsAnswer,
        use=lambda use, _, asked: use.campaigns.recipients(asked), shape=recipients.recipients,
        route=Route(method="GET", path="/internal/campaigns/{campaign}/recipients", problems=("not_found",)),
        event="campaign_recipients",
    ),
    Operation(
        name="dry_run", scope=CAMPAIGNS, summary="What would become of a part of the recipients now",
        asks=campaigns.DryRunSchema, answers=campaign_answers.DryRunAnswer,
        use=lambda use, _, asked: use.campaigns.dry_run(asked), shape=campaign_answers.dry_run,
        route=Route(
            method="POST", path="/internal/campaigns/{campaign}/dry_run", body_required=False, problems=("not_found",),
            description="Nothing is kept or sent. `next` is the `after` of the next part.",
        ),
        event="campaign_dry_run",
    ),
    Operation(
        name="test_campaign", scope=CAMPAIGNS, summary="Send a campaign's mail to a few addresses",
        audit=AuditRule(target=lambda asked: asked.campaign, detail=lambda asked: {"addresses": len(asked.to)}),
        asks=campaigns.CampaignTestSchema, answers=campaign_answers.TestedAnswer,
        use=lambda use, _, asked: use.campaigns.test(asked), shape=campaign_answers.tested,
        route=Route(
            method="POST", path="/internal/campaigns/{campaign}/test", status=202, problems=("not_found",),
            description="They are no recipients by it, and nothing holds the mail but a suppressed address.",
        ),
        event="campaign_test",
    ),
    Operation(
        name="start_campaign", scope=CAMPAIGNS, summary="Start a campaign, now or at its time",
        audit=OF_ID,
        asks=campaigns.CampaignIdSchema, answers=campaign_answers.CampaignDetailAnswer,
        use=lambda use, _, asked: use.campaigns.steering.start(asked), shape=campaign_answers.detail,
        route=Route(
            method="POST", path="/internal/campaigns/{campaign}/start", problems=_STATE,
            description="From its beginning on nobody comes to its recipients any more.",
        ),
        event="start_campaign",
    ),
    Operation(
        name="pause_campaign", scope=CAMPAIGNS, summary="Have nothing more of a campaign leave for now",
        audit=OF_ID,
        asks=campaigns.CampaignIdSchema, answers=campaign_answers.CampaignDetailAnswer,
        use=lambda use, _, asked: use.campaigns.steering.pause(asked), shape=campaign_answers.detail,
        route=Route(method="POST", path="/internal/campaigns/{campaign}/pause", problems=_STATE),
        event="pause_campaign",
    ),
    Operation(
        name="resume_campaign", scope=CAMPAIGNS, summary="Go on with a paused campaign",
        audit=OF_ID,
        asks=campaigns.CampaignIdSchema, answers=campaign_answers.CampaignDetailAnswer,
        use=lambda use, _, asked: use.campaigns.steering.resume(asked), shape=campaign_answers.detail,
        route=Route(method="POST", path="/internal/campaigns/{campaign}/resume", problems=_STATE),
        event="resume_campaign",
    ),
    Operation(
        name="cancel_campaign", scope=CAMPAIGNS, summary="End a campaign for good",
        audit=OF_ID,
        asks=campaigns.CampaignIdSchema, answers=campaign_answers.CampaignCancelledAnswer,
        use=lambda use, _, asked: use.campaigns.steering.cancel(asked), shape=campaign_answers.cancelled,
        route=Route(
            method="POST", path="/internal/campaigns/{campaign}/cancel", problems=_STATE,
            description="Nothing leaves any more but the mails that are being sent at this moment, which are counted.",
        ),
        event="cancel_campaign",
    ),
    Operation(
        name="retry_campaign", scope=CAMPAIGNS, summary="Try the dead mails of a campaign again",
        audit=OF_ID,
        asks=campaigns.CampaignIdSchema, answers=campaign_answers.RetriedAnswer,
        use=lambda use, _, asked: use.campaigns.steering.retry(asked), shape=campaign_answers.retried,
        route=Route(
            method="POST", path="/internal/campaigns/{campaign}/retry", problems=_STATE,
            description="Each under the Message-ID that it had. A campaign that was finished runs again.",
        ),
        event="retry_campaign",
    ),
    Operation(
        name="choose_variant", scope=CAMPAIGNS, summary="Have those who wait for a variant get this one",
        audit=AuditRule(target=lambda asked: asked.campaign, detail=lambda asked: {"variant": asked.variant}),
        asks=campaigns.ChooseSchema, answers=campaign_answers.CampaignDetailAnswer,
        use=lambda use, _, asked: use.campaigns.steering.choose(asked), shape=campaign_answers.detail,
        route=Route(
            method="POST", path="/internal/campaigns/{campaign}/choose", problems=_STATE,
            description="Before the experiment has found anything, or whatever it has found. The first choice stays.",
        ),
        event="choose_variant",
    ),
)  # fmt: skip
