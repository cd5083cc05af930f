"""What operators say of providers that tell by a webhook what became of mail.

By itself, since the public site needs it and no other setting of mail.
"""

from dataclasses import dataclass

from environs import ValidationError

from gateway.ground.settings import Group, setting
from gateway.ground.values import items, masked

SHORTEST_SECRET = 24
"""Characters: whoever has the secret can have mail count as bounced."""


def _topics(text: str) -> tuple[str, ...]:
    """ARNs of topics. Raises `ValidationError`."""
    # Only here: what reads certificates is nothing to a gateway that hears no topic.
    from mailer.sns import SnsTopic

    try:
        return tuple(SnsTopic.of(item).arn for item in items(text))
    except ValueError as error:
        raise ValidationError(f"must be ARNs of topics, with commas between: {error}.") from None


def _secrets(text: str) -> tuple[str, ...]:
    """Passwords that are long enough. Raises `ValidationError`, which quotes none."""
    if any(len(secret) < SHORTEST_SECRET or not secret.isascii() for secret in items(text)):
        raise ValidationError(
            f"must be secrets of {SHORTEST_SECRET} ASCII characters or more (try `openssl rand -hex 16`)."
        )
    return tuple(items(text))


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderSettings(Group):
    """From whom the public site takes what became of mail. Without either there is no such address."""

    ses_topics: tuple[str, ...] = setting(
        "SES_TOPICS", None, _topics,
        "ARNs of the topics of SNS to which Amazon SES tells what became of mail; what is posted to `/hooks/ses` is heard from these "
        "alone, signed by SNS; unset: there is no such address",
        unset=(),
    )  # fmt: skip
    postmark_secrets: tuple[str, ...] = setting(
        "POSTMARK_SECRET", None, _secrets,
        "the password with which Postmark posts to `/hooks/postmark` (`https://bellhop:<secret>@<host>/hooks/postmark`), 24 characters "
        "or more; several, comma-separated, while rotating; unset: there is no such address",
        unset=(), show=masked, secret=True,
    )  # fmt: skip
