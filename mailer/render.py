"""From a notification to a mail: headers that nobody can inject into, a text part and an HTML part from templates."""

import re
from collections.abc import Mapping
from datetime import UTC
from email import policy
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import parseaddr
from pathlib import Path
from typing import Any
from urllib.parse import quote, urljoin, urlsplit

from jinja2 import BaseLoader, ChainableUndefined, ChoiceLoader, FileSystemLoader, PackageLoader, Template
from jinja2.exceptions import TemplateError
from jinja2.sandbox import ImmutableSandboxedEnvironment

from mailer import plain
from mailer.errors import MailConfigurationError, RenderFailure
from mailer.order import Order
from mailer.transport import Outgoing
from storage.models import MailOrder, Notification

_SUBJECT_LENGTH = 250
_NAME_LENGTH = 100
_PREVIEW_LENGTH = 140
_LINK_LENGTH = 2000
# A bare address; what RFC 5322 allows beyond it (quoted local parts, comments) only ever comes from an attacker.
_ADDRESS = re.compile(r"[^\s\x00-\x20\x7f-\x9f()<>@,;:\\\"\[\]]+@[^\s\x00-\x20\x7f-\x9f()<>@,;:\\\"\[\]/?#]+")
_TYPE = re.compile(r"[A-Z][A-Z0-9_]{0,63}")
_UNSAFE_IN_ID = re.compile(r"[^A-Za-z0-9._-]")


class Renderer:
    """Makes the mail of a notification; the same notification always becomes a mail of the same Message-ID and Date.

    A type is rendered by `<TYPE>.html` and `<TYPE>.txt`, or by `default.html` and `default.txt` where there is none; each
    is looked for in the operator's folder `templates` first. Templates run in a sandbox and cannot reach Python; HTML
    ones escape what they print. They get: `title`, `subject`, `body`, `paragraphs`, `link` (absolute, or None), `path` (a
    relative link when there is no base URL), `data`, `order`, `type`, `id`, `created_at`, `brand`, `preview`,
    `unsubscribe_url`. A name that is not there prints as nothing.
    """

    def __init__(
        self,
        sender: str,
        base_url: str | None = None,
        templates: Path | None = None,
        unsubscribe_url: str | None = None,
    ) -> None:
        """`unsubscribe_url` (https; `{id}`, `{room}` and `{type}` are filled in) must accept the POST of RFC 8058.

        Raises `MailConfigurationError` for a setting that cannot work.
        """
        name, address = parseaddr(sender)
        if not _ADDRESS.fullmatch(address):
            raise MailConfigurationError("the sender is no mail address", allowed=("Name <name@host>",))
        self._sender = _address(plain.line(name, longest=_NAME_LENGTH), address)
        if base_url is not None and not _is_web(base_url):
            raise MailConfigurationError("the base URL of links must begin with http:// or https://")
        self._base_url = base_url
        if unsubscribe_url is not None and not (
            unsubscribe_url.startswith("https://") and _is_web(unsubscribe_url)
        ):
            raise MailConfigurationError("the unsubscribe URL must begin with https:// (RFC 8058)")
        self._unsubscribe_url = unsubscribe_url
        loaders: list[BaseLoader] = [PackageLoader("mailer")]
        if templates is not None:
            if not templates.is_dir():
                raise MailConfigurationError(f"the template folder {templates} is not there")
            loaders.insert(0, FileSystemLoader(templates))
        self._environment = ImmutableSandboxedEnvironment(
            loader=ChoiceLoader(loaders),
            autoescape=lambda name: name is not None and name.endswith(".html"),
            undefined=ChainableUndefined,  # data may lack anything: that is no reason not to send a mail
            trim_blocks=True,
            lstrip_blocks=True,
            keep_trailing_newline=True,
        )

    def render(self, notification: Notification, order: MailOrder) -> Outgoing:
        """Raises `RenderFailure` for an address or a template that cannot work: the same mail never will."""
        recipient = _recipient(order.to)
        subject = plain.line(order.subject or "", longest=_SUBJECT_LENGTH) or plain.line(
            notification.title, longest=_SUBJECT_LENGTH
        )
        unsubscribe_url = self._filled_unsubscribe_url(notification)
        context = self._context(notification, subject, unsubscribe_url)
        try:
            text = self._template(notification.type, "txt").render(context)
            html = self._template(notification.type, "html").render(context)
        except Exception as error:
            # An operator's template may raise whatever an expression in it raises. The text of such an error can
            # quote the data, so only its name is told; a TemplateError speaks of the template.
            detail = str(error) if isinstance(error, TemplateError) else type(error).__name__
            where = plain.line(detail, longest=200)
            raise RenderFailure(
                f"the template for {notification.type} cannot be rendered: {where}"
            ) from error
        message = EmailMessage(policy=policy.SMTP)
        message["From"] = self._sender
        message["To"] = recipient
        message["Subject"] = subject
        message["Date"] = notification.created_at.astimezone(UTC)
        message["Message-ID"] = f"<{_UNSAFE_IN_ID.sub('_', notification.id)}@{self._sender.domain}>"
        # RFC 3834: no out-of-office answers, please.
        message["Auto-Submitted"] = "auto-generated"
        if unsubscribe_url is not None:
            message["List-Unsubscribe"] = f"<{unsubscribe_url}>"
            message["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
        # Quoted-printable survives every relay, 8BITMIME or not, and keeps lines short.
        message.set_content(_without_controls(text), cte="quoted-printable")
        message.add_alternative(_without_controls(html), subtype="html", cte="quoted-printable")
        # Parts are told apart by a text that must not be random, so that a repeat is the same mail byte for byte.
        message.set_boundary(f"=_{_UNSAFE_IN_ID.sub('_', notification.id)[:60]}")
        return Outgoing(
            id=notification.id, sender=self._sender.addr_spec, recipient=recipient.addr_spec, message=message
        )

    def _template(self, type_: str, suffix: str) -> Template:
        # A type is checked at the edge; here it becomes a file name, so it is checked again.
        own = [f"{type_}.{suffix}"] if _TYPE.fullmatch(type_) else []
        return self._environment.select_template([*own, f"default.{suffix}"])

    def _context(
        self, notification: Notification, subject: str, unsubscribe_url: str | None
    ) -> Mapping[str, Any]:
        paragraphs = plain.paragraphs(notification.body)
        link = plain.line(notification.link or "", longest=_LINK_LENGTH)
        return {
            "id": notification.id,
            "type": notification.type,
            "title": plain.line(notification.title, longest=_SUBJECT_LENGTH) or subject,
            "subject": subject,
            "body": notification.body,
            "paragraphs": paragraphs,
            "preview": plain.line(
                " ".join(line for lines in paragraphs for line in lines), longest=_PREVIEW_LENGTH
            ),
            "link": self._absolute(link),
            "path": link if _is_path(link) and self._base_url is None else None,
            "data": notification.data,
            "order": Order.from_data(notification.data),
            "created_at": notification.created_at.astimezone(UTC),
            "brand": self._sender.display_name or self._sender.domain,
            "unsubscribe_url": unsubscribe_url,
        }

    def _absolute(self, link: str) -> str | None:
        """The link as a URL of the web, or None: nothing else, `javascript:` least of all, becomes an href."""
        if _is_path(link) and self._base_url is not None:
            link = urljoin(self._base_url, link)
        return quote(link, safe=_URL_CHARACTERS) if _is_web(link) else None

    def _filled_unsubscribe_url(self, notification: Notification) -> str | None:
        if self._unsubscribe_url is None:
            return None
        url = self._unsubscribe_url
        for name in ("id", "room", "type"):
            value = getattr(notification, name).encode(errors="replace")
            url = url.replace(f"{{{name}}}", quote(value, safe=""))
        return url


_URL_CHARACTERS = "%/:=&?~#+!$,;'@()*[]"


def _is_path(link: str) -> bool:
    """An absolute path of our own site; after two slashes, forward or back, browsers read another host."""
    return link.startswith("/") and link[1:2] not in ("/", "\\")


def _is_web(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return (
            parts.scheme in ("http", "https")
            and bool(parts.hostname)
            and not re.search(r"[\s\x00-\x20]", url)
        )
    except ValueError:
        return False


def _recipient(to: str) -> Address:
    if not _ADDRESS.fullmatch(to):
        raise RenderFailure("the recipient is no mail address")
    try:
        return _address("", to)
    except MailConfigurationError as error:
        raise RenderFailure("the recipient is no mail address") from error


def _address(name: str, address: str) -> Address:
    local, _, domain = address.rpartition("@")
    try:
        # A domain of any script has an ASCII form that every relay takes; only a local part may need SMTPUTF8.
        local.encode()
        return Address(display_name=name, username=local, domain=domain.encode("idna").decode().lower())
    except (ValueError, IndexError, TypeError) as error:
        raise MailConfigurationError("the sender is no mail address") from error


_CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f]")


def _without_controls(rendered: str) -> str:
    """A template may print raw `data`; what no mail may contain is taken out after rendering."""
    return _CONTROLS.sub(
        "", rendered.encode(errors="replace").decode().replace("\r\n", "\n").replace("\r", "\n")
    )
