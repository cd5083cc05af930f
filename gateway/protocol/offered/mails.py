"""Mail: what became of it, what came back, and who gets none.

Viewers look at mail; support tries it again, hastens it and lifts suppressions; what keeps mail from people,
or sends all of it, is an admin's. Of an address no more than its domain is written down.
"""

from auth.principal import Role
from gateway.protocol import (
    asking,
    deeds,
    lanes,
    returns,
    shapes,
    suppressions,
)
from gateway.protocol.answers.mail import (
    AllRevivedAnswer,
    MailCountsAnswer,
    MailIdsAnswer,
    MailPageAnswer,
    RenderedMailAnswer,
    RevivedAnswer,
)
from gateway.protocol.deeds import OF_ALL, OF_ID, OF_IDS
from gateway.protocol.operation import AuditRule, Operation, RawBody, Route, id_in
from gateway.protocol.uses.mails import drop_mail, hasten_mail, preview_mail, revive_one

OPERATIONS: tuple[Operation, ...] = (
    # What became of mail, and trying it again.
    Operation(
        name="mail", role=Role.VIEWER, summary="Mail by its state, newest first",
        asks=asking.MailSchema, answers=MailPageAnswer,
        use=lambda use, _, asked: use.mailroom.page(asked), shape=shapes.mail_page,
        route=Route(method="GET", path="/internal/mail"),
        event="mail",
    ),
    Operation(
        name="mail_counts", role=Role.VIEWER, summary="How much mail is in each state",
        asks=asking.NothingSchema, answers=MailCountsAnswer,
        use=lambda use, *_: use.mailroom.counts(), shape=shapes.mail_counts,
        event="mail_counts",
    ),
    Operation(
        name="preview_mail", role=Role.VIEWER, summary="A mail as its reader will see it",
        asks=asking.IdSchema, answers=RenderedMailAnswer,
        use=preview_mail, shape=shapes.rendered,
        event="preview_mail",
    ),
    Operation(
        name="revive_one", role=Role.SUPPORT, summary="Try dead mail again",
        audit=OF_ID,
        asks=asking.IdSchema, answers=RevivedAnswer, use=revive_one, shape=shapes.revived,
        route=Route(method="POST", path="/internal/mail/{id}/revive", problems=("not_found",), of_path=id_in),
    ),
    Operation(
        name="revive", role=Role.SUPPORT, summary="Try dead mail again",
        audit=OF_IDS,
        asks=asking.IdsSchema, answers=RevivedAnswer,
        use=lambda use, _, asked: use.mailroom.revive(asked), shape=shapes.revived,
        event="revive",
    ),
    Operation(
        name="revive_all", summary="Try all dead mail again, up to a bound",
        audit=OF_ALL,
        asks=asking.NothingSchema, answers=AllRevivedAnswer,
        use=lambda use, *_: use.mailroom.revive_all(), shape=shapes.all_revived,
        event="revive_all",
    ),

    # Mail that waits for its time.
    Operation(
        name="held", role=Role.VIEWER, summary="Mail that a rule holds, the earliest due first",
        asks=asking.HeldSchema, answers=MailPageAnswer,
        use=lambda use, _, asked: use.mailroom.held(asked), shape=shapes.mail_page,
        route=Route(
            method="GET", path="/internal/mail/held",
            description="Such as for its reader's quiet hours; `decided_by` names the rule, and `due_at` says until when.",
        ),
        event="held",
    ),
    Operation(
        name="hasten_mail", role=Role.SUPPORT, summary="Send mail now that waits for its time",
        audit=OF_ID,
        asks=asking.IdSchema, answers=MailIdsAnswer, use=hasten_mail, shape=shapes.ids,
        route=Route(
            method="POST", path="/internal/mail/{id}/send", problems=("not_found",), of_path=id_in,
            description="Quiet hours hold it no more. Whatever keeps it from being sent at all still does.",
        ),
        event="send_mail",
    ),
    Operation(
        name="drop_mail", summary="Never send mail that waits for its time",
        audit=OF_ID,
        asks=asking.IdSchema, answers=MailIdsAnswer, use=drop_mail, shape=shapes.ids,
        route=Route(
            method="DELETE", path="/internal/mail/{id}", problems=("not_found",), of_path=id_in,
            description="The notification stays: it is its mail alone that is `skipped`, by `cancelled`.",
        ),
        event="cancel_mail",
    ),

    # Addresses that must not be written to.
    Operation(
        name="suppressions", role=Role.VIEWER, summary="The addresses that must not be written to, newest first",
        asks=suppressions.SuppressionsSchema, answers=suppressions.SuppressionsAnswer,
        use=lambda use, _, asked: use.suppressions.page(asked), shape=suppressions.page,
        route=Route(method="GET", path="/internal/suppressions"),
        event="suppressions",
    ),
    Operation(
        name="suppress", summary="Write to an address no more",
        audit=AuditRule(detail=lambda asked: deeds.of_address(asked.address, asked.scope)),
        asks=suppressions.SuppressSchema, answers=suppressions.SuppressionAnswer,
        use=lambda use, caller, asked: use.suppressions.suppress(asked, source=caller.scope), shape=suppressions.suppression,
        route=Route(
            method="POST", path="/internal/suppressions",
            description="Answers what holds then: what was there and lasts as long, stays.",
        ),
        event="suppress", under="suppression",
    ),
    Operation(
        name="suppress_many", summary="Write to several addresses no more",
        audit=AuditRule(detail=lambda asked: {"addresses": len(asked)}),
        asks=suppressions.SuppressManySchema, answers=suppressions.SuppressedAnswer,
        use=lambda use, caller, asked: use.suppressions.suppress_many(asked, source=caller.scope), shape=suppressions.suppressed,
        route=Route(
            method="POST", path="/internal/suppressions/batch",
            description="When one of them is wrong none is taken. What is there and lasts as long, stays.",
        ),
        event="suppress_many",
    ),
    Operation(
        name="lift_suppression", role=Role.SUPPORT, summary="Let an address be written to again",
        audit=AuditRule(detail=lambda asked: deeds.of_address(asked.address, asked.scope)),
        asks=suppressions.LiftSchema, answers=suppressions.LiftedAnswer,
        use=lambda use, _, asked: use.suppressions.lift(asked), shape=suppressions.lifted,
        route=Route(
            method="DELETE", path="/internal/suppressions",
            description="In one scope, or in all. Repeating it changes nothing.",
        ),
        event="lift_suppression",
    ),

    # Lanes, which can be paused.
    Operation(
        name="lanes", role=Role.VIEWER, summary="How the mail of each lane fares, and whether it is paused",
        asks=asking.NothingSchema, answers=lanes.LanesAnswer,
        use=lambda use, *_: use.lanes.page(), shape=lanes.page,
        route=Route(method="GET", path="/internal/lanes"),
        event="lanes",
    ),
    Operation(
        name="pause_lane", summary="Have no more bulk mail leave, on any node",
        audit=AuditRule(target=lambda asked: asked.lane),
        asks=lanes.PauseSchema, answers=lanes.LanesAnswer,
        use=lambda use, caller, asked: use.lanes.pause(asked, by=caller.name), shape=lanes.page,
        route=Route(
            method="POST", path="/internal/lanes/{lane}/pause", body_required=False,
            description="What is on its way to the mail server, leaves. Of a lane that is paused the first reason stays.",
        ),
        event="pause_lane",
    ),
    Operation(
        name="resume_lane", summary="Have bulk mail leave again",
        audit=AuditRule(target=lambda asked: asked),
        asks=lanes.ResumeSchema, answers=lanes.LanesAnswer,
        use=lambda use, caller, lane: use.lanes.resume(lane, by=caller.name), shape=lanes.page,
        route=Route(
            method="POST", path="/internal/lanes/{lane}/resume", body_required=False,
            description="Only what is sent from now on is judged by the brake. Repeating it changes nothing.",
        ),
        event="resume_lane",
    ),

    # What came back.
    Operation(
        name="report", summary="Hand in mail that came back",
        asks=asking.NothingSchema, answers=returns.ReturnAnswer,
        use=lambda use, _, raw: use.returns.take(raw), shape=returns.dealt,
        route=Route(
            method="POST", path="/internal/mail/reports", raw_body=RawBody(returns.REPORT_TYPE, returns.REPORT_BYTES_MAX),
            description="A report of delivery (RFC 3464) or of a complaint (RFC 5965), whole, with all its header fields. What is of no mail of ours changes nothing, and is answered with 200 too.",
        ),
    ),
    Operation(
        name="hearsay", summary="Say what a provider has told of a mail",
        asks=returns.HearsaySchema, answers=returns.ReturnAnswer,
        use=lambda use, _, asked: use.returns.hear(asked), shape=returns.dealt,
        route=Route(
            method="POST", path="/internal/mail/reports/generic",
            description="For providers that tell by a webhook of their own: whoever has heard it passes it on.",
        ),
    ),
    Operation(
        name="strays", role=Role.VIEWER, summary="What came back and changed nothing, newest first",
        asks=returns.StraysSchema, answers=returns.StraysAnswer,
        use=lambda use, _, asked: use.returns.page(asked), shape=returns.strays,
        route=Route(method="GET", path="/internal/mail/reports"),
        event="strays",
    ),
)  # fmt: skip
