"""A mailbox that is read by IMAP (RFC 3501), one message at a time, by commands that block: what is done with it, `collecting` says.

What the server sends is bounded: no more of a message is asked for than is read, and no more than that is taken. The standard library's
client is used, for a handful of commands.
"""

import contextlib
import imaplib
import socket
import ssl
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum, auto
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from mailer.parts import READ_BYTES

KEYWORD = "$BellhopSeen"
"""On what was looked at and stays."""
CONNECT_SECONDS = 10.0
STEP_SECONDS = 30.0
"""Of silence, after which the server is given up."""
COMMAND_BYTES = 2 * 2**20
"""That are taken in answer to one command."""
LINE_BYTES = 256
"""That a line counts as at least: many short ones are work, too."""
REMEMBERED = 10_000
"""Messages that are known to have been looked at where the server takes no keywords."""
FORMS = "imaps://user:password@host/INBOX, or imap:// (STARTTLS required unless ?starttls=never), with ?done=Folder for the reports"
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_ERRORS = (imaplib.IMAP4.error, OSError, ValueError)
_OPTIONS = {"done", "starttls", "cafile"}


class MailboxFailure(Exception):
    """The mailbox could not be had. Its text is for operators, and has nothing of the mailbox in it.

    Whatever it is, nothing was lost: what was not put away is found again at the next visit.
    """


class Security(Enum):
    """How the connection is kept from others' eyes."""

    TLS = auto()  # from the first byte
    STARTTLS = auto()  # before the password
    NONE = auto()  # for a server on this machine


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """A mailbox, and how it is reached."""

    host: str
    port: int
    security: Security
    user: str = field(repr=False)
    password: str = field(repr=False)
    folder: str
    done: str
    """The folder that reports are moved to."""
    cafile: str | None = None


def account_of(url: str) -> Account:
    """Raises ValueError, without the password, for what is no mailbox.

    Without TLS it is for a server on this machine: `?starttls=never` says so. Ports are 993 and 143 where none is named.
    """
    parts = urlsplit(url)
    options = dict(parse_qsl(parts.query, keep_blank_values=True))
    starttls = options.get("starttls", "required")
    if parts.scheme not in ("imap", "imaps") or parts.fragment or not options.keys() <= _OPTIONS:
        raise ValueError(f"it must be {FORMS}")
    if starttls not in ("required", "never"):
        raise ValueError("starttls is `required` or `never`")
    tls = parts.scheme == "imaps"
    try:
        host, port = parts.hostname, parts.port or (993 if tls else 143)
    except ValueError:
        # Not `from` the error: with an unescaped "/" in it, the "port" it quotes is the password.
        raise ValueError("its host or port is wrong") from None
    user, password = unquote(parts.username or ""), unquote(parts.password or "")
    folder, done = unquote(parts.path.strip("/")) or "INBOX", options.get("done") or "Bellhop"
    if not host or not user or not password or not all(map(_is_plain, (user, password, folder, done))):
        raise ValueError("it must name a host, a user, a password and folders, in ASCII")
    if folder.lower() == done.lower():
        raise ValueError("reports must be moved to another folder")
    security = Security.TLS if tls else Security.NONE if starttls == "never" else Security.STARTTLS
    return Account(
        host=host, port=port, security=security, user=user, password=password, folder=folder, done=done,
        cafile=options.get("cafile"),
    )  # fmt: skip


class Seen:
    """Which messages were looked at, by their folder's validity and their number; the oldest are forgotten.

    It is for servers that take no keywords. A restart forgets it: then messages are looked at again, and dealt with to
    the same effect.
    """

    def __init__(self) -> None:
        self._known: dict[tuple[int, int], None] = {}

    def __contains__(self, message: tuple[int, int]) -> bool:
        return message in self._known

    def add(self, message: tuple[int, int]) -> None:
        self._known[message] = None
        if len(self._known) > REMEMBERED:
            del self._known[next(iter(self._known))]


class MailboxVisit:
    """One visit to the mailbox. Its methods block, and are for a thread; `abort` ends them from anywhere.

    They raise `MailboxFailure`, but for `close` and `abort`, which raise nothing.

    One thread at a time, but for `abort`. After a failure nothing but `close` is of use. Nothing that it does deletes a
    message.
    """

    def __init__(self, account: Account, seen: Seen) -> None:
        self._account = account
        self._seen = seen
        self._client: _Plain | _Tls | None = None
        self._validity = 0
        self._can_mark = False
        self._can_move = False
        self._aborted = False

    def open(self) -> None:
        """Log in and choose the folder, and see what the server can do.

        Within `CONNECT_SECONDS` for the connection and `STEP_SECONDS` of silence for each answer. The password is said
        over TLS only, unless the account says that there is none.
        """
        account = self._account
        with _failing("cannot be reached"):
            self._client = client = _connected(account)
            if self._aborted:
                self.abort()
            client.socket().settimeout(STEP_SECONDS)
            if account.security is Security.STARTTLS:
                client.starttls(_context(account))
        with _failing("does not let us in"):
            client.login(_quoted(account.user), account.password)
        with _failing("cannot be opened"):
            self._choose(client)

    def unread(self, since: datetime, *, most: int) -> list[int]:
        """The numbers (UIDs) of what came since that day and was not looked at yet, the oldest first, `most` of them.

        `since` is a day to IMAP, whatever the zone (RFC 3501, section 6.4.4).
        """
        day = f"{since.day}-{_MONTHS[since.month - 1]}-{since.year}"
        marked = ("UNKEYWORD", KEYWORD) if self._can_mark else ()
        with _failing("cannot be searched"):
            found = self._ask("SEARCH", "UNDELETED", "SINCE", day, *marked)
            uids = sorted(int(uid) for each in found if each for uid in each.split())
        return [uid for uid in uids if (self._validity, uid) not in self._seen][:most]

    def read(self, uid: int) -> bytes | None:
        """The message, as far as it is read; None when it is not there any more. For its owner it stays unread."""
        with _failing("does not give its messages"):
            found = self._ask("FETCH", str(uid), f"(BODY.PEEK[]<0.{READ_BYTES}>)")
        return next((each[1] for each in found if isinstance(each, tuple)), None)

    def put_away(self, uid: int, *, report: bool) -> None:
        """Have the message not looked at again: a report of ours by moving it (RFC 6851), another by a keyword.

        Idempotent. Where the server can neither move nor mark, it is remembered here.
        """
        with _failing("does not let its messages be moved or marked"):
            if report and self._can_move:
                self._ask("MOVE", str(uid), _quoted(self._account.done))
            elif self._can_mark:
                self._ask("STORE", str(uid), "+FLAGS.SILENT", f"({KEYWORD})")
            else:
                self._seen.add((self._validity, uid))

    def close(self) -> None:
        """Log out and let the connection go; raises nothing, also where it is gone already."""
        if self._client is not None:
            for ending in (self._client.logout, self._client.shutdown):
                with contextlib.suppress(*_ERRORS):
                    ending()

    def abort(self) -> None:
        """Let go at once; whatever waits for the server fails."""
        self._aborted = True
        if self._client is not None:
            with contextlib.suppress(OSError):
                self._client.socket().shutdown(socket.SHUT_RDWR)

    def _choose(self, client: "_Plain | _Tls") -> None:
        """Select the folder, and see whether messages can be marked and moved there. Makes the other folder, where
        moving is known.
        """
        if client.select(_quoted(self._account.folder))[0] != "OK":
            raise client.error("no such folder")
        validity, flags = (client.response(name)[1] for name in ("UIDVALIDITY", "PERMANENTFLAGS"))
        self._validity = int(validity[0] or 0)
        self._can_mark = any(each and (b"\\*" in each or KEYWORD.encode() in each) for each in flags)
        # Asked once more: before the login many do not say it.
        self._can_move = b"MOVE" in client.capability()[1][-1].upper().split()
        if self._can_move:
            # Where there is one already, it says so, and that is well.
            client.create(_quoted(self._account.done))

    def _ask(self, *command: str) -> list[Any]:
        """The server's answer to a command by numbers, of `COMMAND_BYTES` at most. Raises the library's error for a no."""
        client = self._client
        assert client is not None
        client.left = COMMAND_BYTES
        kind, data = client.uid(*command)
        if kind != "OK":
            raise client.error(f"{command[0]} was refused")
        return data


class _BoundedClient:
    """The library's client, with a bound on what it takes."""

    left = COMMAND_BYTES

    def read(self, size: int) -> bytes:
        # Before it is taken: a literal has the size that the server says.
        self._spend(size)
        return super().read(size)  # type: ignore[misc,no-any-return]  # the other base has it

    def readline(self) -> bytes:
        line: bytes = super().readline()  # type: ignore[misc]  # as above
        self._spend(max(len(line), LINE_BYTES))
        return line

    def _spend(self, size: int) -> None:
        self.left -= size
        if self.left < 0:
            raise imaplib.IMAP4.abort("the server sends too much")


class _Plain(_BoundedClient, imaplib.IMAP4):
    pass


class _Tls(_BoundedClient, imaplib.IMAP4_SSL):
    pass


def _connected(account: Account) -> _Plain | _Tls:
    if account.security is Security.TLS:
        return _Tls(account.host, account.port, ssl_context=_context(account), timeout=CONNECT_SECONDS)
    return _Plain(account.host, account.port, timeout=CONNECT_SECONDS)


def _context(account: Account) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=account.cafile)


@contextlib.contextmanager
def _failing(how: str) -> Iterator[None]:
    """Whatever goes wrong within is a `MailboxFailure` that says how."""
    try:
        yield
    except _ERRORS as error:
        # Not what the server said: that may quote what is in the mailbox, or our name there.
        raise MailboxFailure(f"the mailbox {how} ({type(error).__name__})") from error


def _quoted(name: str) -> str:
    escaped = name.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _is_plain(text: str) -> bool:
    return text.isascii() and text.isprintable()
