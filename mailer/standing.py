"""How we stand with the relay, by its answers taken together. Pure: it neither waits nor tells the time.

One refusal proves little: `5.7.1` is said of a wrong sender and of a recipient who takes no mail from strangers. What
decides is what the relay says to others. A mail's failure is its own when others were accepted between two refusals of
its recipient; it is ours when several in a row are refused. Until one of the two is known, nothing counts against a mail.
"""

from enum import Enum, auto

SEVERAL = 3
"""Refusals in a row that are about us, whatever they say."""
REMEMBERED = 10_000
"""Recipients, at most, of whom something is kept."""


class Judgement(Enum):
    OWN = auto()  # the mail's own failure: an attempt that counts
    DOUBT = auto()  # not known yet: nothing counts, and others may try
    OURS = auto()  # about us: nothing counts, and nobody may try for a while


class RelayStanding:
    """What the relay has said since it last accepted a mail.

    One of a relay in a process. It believes the latest: one mail that is taken ends all suspicion.
    """

    def __init__(self) -> None:
        self.strikes = 0
        """Failures in a row that are ours, or may be."""
        self.stopped = False
        """Whether mail is believed not to leave at all. One at a time may find out."""
        self._refused: dict[str, None] = {}
        self._outvoted: dict[str, None] = {}
        """Who was refused before another was accepted."""

    def failed(self) -> None:
        """The relay turned us away, or cannot be trusted, before it heard of a recipient."""
        self.strikes += 1
        self.stopped = True

    def refused(self, recipient: str, *, outspoken: bool) -> Judgement:
        """Mail to `recipient` was refused; `outspoken` if the answer says that it is about us.

        Own only where others were taken between two refusals of this recipient, and none is refused beside it since.
        """
        recipient = recipient.casefold()
        others = len(self._refused) > (recipient in self._refused)
        outvoted = recipient in self._outvoted
        # Either way the next time needs a new proof: a mail is never given up on by an old one.
        self._outvoted.pop(recipient, None)
        _keep(self._refused, recipient)
        if outvoted and not others and not self.stopped:
            return Judgement.OWN
        self.strikes += 1
        several = self.strikes >= SEVERAL
        self.stopped = self.stopped or outspoken or several
        return Judgement.OURS if several and len(self._refused) >= SEVERAL else Judgement.DOUBT

    def let_in(self) -> None:
        """A recipient does not exist, says the relay: what it had against all mail before it heard of one is over."""
        if not self._refused:
            self._mend()

    def accepted(self, recipient: str) -> None:
        """The relay took a mail: those refused since the last one were refused alone."""
        self._refused.pop(recipient.casefold(), None)
        for refused in self._refused:
            _keep(self._outvoted, refused)
        self._refused.clear()
        self._outvoted.pop(recipient.casefold(), None)
        self._mend()

    def _mend(self) -> None:
        self.strikes = 0
        self.stopped = False


def _keep(recipients: dict[str, None], recipient: str) -> None:
    recipients[recipient] = None
    if len(recipients) > REMEMBERED:
        del recipients[next(iter(recipients))]
