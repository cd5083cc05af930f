"""What is put on the mail of each lane as it leaves, by the settings.

Made once at the start. How signing and return addresses work is of `mailer`.
"""

from collections.abc import Mapping

from gateway.ground.links import LinkSettings
from gateway.ground.settings import Settings
from gateway.mail.provider_settings import ProviderSettings
from gateway.mail.settings import BounceSettings, BulkSettings, MailSettings, SigningSettings
from mailer.envelope import ReturnPath
from mailer.errors import MailConfigurationError
from mailer.sealing import Seal, Signs
from storage.mail import LaneName


def seals_of(settings: Settings) -> Mapping[LaneName, Seal]:
    """Raises `MailConfigurationError` for settings that cannot work together.

    Each lane by its own sender: a signature must be of the sender's domain.
    """
    mail, bulk = settings[MailSettings], settings[BulkSettings]
    back, mark = return_path_of(settings), _mark(settings[ProviderSettings])
    return {
        lane: Seal(return_path=back, mark=mark, signer=_signer(sender.domain, settings[SigningSettings]))
        for lane, sender in (
            (LaneName.TRANSACTIONAL, mail.sender),
            (LaneName.BULK, bulk.sender or mail.sender),
        )
    }


def sender_domains(settings: Settings) -> frozenset[str]:
    """The domains that mail comes from, and that its Message-IDs end with.

    A report that names another domain is of no mail of ours.
    """
    senders = (settings[MailSettings].sender, settings[BulkSettings].sender)
    return frozenset(sender.domain for sender in senders if sender is not None)


def return_path_of(settings: Settings) -> ReturnPath | None:
    """The addresses that mail comes back to; None when it goes back to its sender. Raises as `seals_of`.

    Its secrets are those of links; the first makes addresses, and all are believed.
    """
    domain, secrets = settings[BounceSettings].domain, settings[LinkSettings].secrets
    if domain is None:
        return None
    if not secrets:
        raise MailConfigurationError(
            "BELLHOP_BOUNCE_DOMAIN needs BELLHOP_LINK_SECRET (try `openssl rand -hex 32`): without it anybody could make up bounces"
        )
    return ReturnPath(domain=domain, secrets=secrets)


def _mark(providers: ProviderSettings) -> str | None:
    """The field in which a provider wants to be given what it gives back."""
    if not providers.postmark_secrets:
        return None
    from mailer.postmark import MARK

    return MARK


def _signer(domain: str, signing: SigningSettings) -> Signs | None:
    """What signs mail of this domain; None where nothing is signed."""
    if not signing.keys:
        return None
    # Only here: a gateway that signs nothing loads nothing for it.
    from mailer.dkim import signer_for
    from mailer.signing_keys import keys_of

    keys = keys_of(signing.keys, signing.selectors, signing.domains)
    return signer_for(domain, keys, unsigned=signing.unsigned)
