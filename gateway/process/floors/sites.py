"""The two doors: for browsers, and for services and operators; and what stands on the first because mails lead there."""

from typing import TYPE_CHECKING

from gateway.http import internal, public
from gateway.http.clicks import ClickPages
from gateway.http.settings import SiteSettings
from gateway.http.sites import Site
from gateway.http.unsubscribe import UnsubscribePages
from gateway.mail.provider_settings import ProviderSettings
from gateway.process import descriptors
from gateway.process.floors.inboxes import InboxFloor
from gateway.process.floors.users import UserFloor
from gateway.process.member import Member
from gateway.protocol.use_cases import UseCases

if TYPE_CHECKING:
    from gateway.http.hooks import ProviderHooks


class SiteFloor:
    """Both applications with their routes; nothing listens before the node has started.

    Routes of parts are added when they join the node.
    """

    def __init__(self, member: Member, use_cases: UseCases, *, inboxes: InboxFloor, users: UserFloor) -> None:
        settings = member.settings[SiteSettings]
        self.public = public.build(
            settings=settings,
            origins=member.origins,
            use=use_cases,
            verifier=member.access.verifier,
            contacts=member.contacts,
            topics=users.topics,
            health=member.health,
            times=member.request_times,
        )
        """The application of the public site."""
        # Socket.IO answers on the public site, under the path that browsers see as well.
        member.server.attach(self.public, prefix=settings.base_path)
        self.internal = internal.build(
            settings=settings,
            use=use_cases,
            services=member.access.services,
            health=member.health,
            metrics=member.metrics,
            times=member.request_times,
        )
        """The application of the internal site."""
        self.unsubscribe = None if users.leaving is None else UnsubscribePages(users.leaving)
        """None where mails have no such links."""
        self.clicks = _click_pages(member, inboxes)
        """None where links are not tracked."""
        self.hooks = _hooks(member)
        """None where no provider is set."""
        self.internal_site = Site(self.internal, settings.internal_hosts, settings.internal_port)
        """Where the internal site listens."""
        self.public_site = Site(
            self.public,
            settings.hosts,
            settings.port,
            websockets=member.server.eio,
            reserve=descriptors.reserve,
        )
        """Where the public site listens; it takes websockets as well."""


def _click_pages(member: Member, inboxes: InboxFloor) -> ClickPages | None:
    """Where the links in mails lead that lead by way of us; None where none do.

    Without a secret nobody could have made such a link.
    """
    if member.click_links is None:
        return None
    trusted = member.settings[SiteSettings].trusted_proxies
    return ClickPages(inboxes.clicks, inboxes.opens, member.origins, trusted_proxies=trusted)


def _hooks(member: Member) -> "ProviderHooks | None":
    """Where providers post; None where none is set."""
    providers = member.settings[ProviderSettings]
    if not (providers.ses_topics or providers.postmark_secrets):
        return None
    # Only here: a node that hears no provider loads nothing for it.
    from gateway.http.hooks import ProviderHooks

    return ProviderHooks(providers, member.returns, clock=member.clock)
