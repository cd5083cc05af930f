"""What keeps a part of the node from its Redis: in the server's own words, said when it changes, kept for the probes.

Bus, presence and budget have one each. Logs and `/readyz` show the words, so they must be fit to be seen by
operators and by nobody's secret.
"""

import logging
import os
import re
import socket
import ssl

from gateway.cluster.redis.resp import ServerError

_LONGEST = 200
"""Characters."""
_SCRIPT = re.compile(
    r"^ERR Error running script \(call to \w+\): @user_script: ?\d+: (?:@user_script: ?\d+: )?-?|"
    r" script: \w+, on @user_script:\d+\.?$"
)
"""What Redis wraps around the error of a command in a script."""
_ERRNO = re.compile(r"\[Errno (\d+)\]")
"""How asyncio writes the number of an error among others."""


def words(problem: BaseException) -> str:
    """One line that tells an operator what it was, and holds neither a secret nor an address.

    Never raises; what is unknown is told by the name of its class.
    """
    if isinstance(problem, ServerError):
        # Of a command that it does not know, Redis tells the arguments, and one of them may be a password.
        text = _SCRIPT.sub("", str(problem).partition(", with args beginning")[0])
    elif isinstance(problem, ssl.SSLCertVerificationError):
        text = f"its certificate is not trusted: {problem.verify_message}"
    elif isinstance(problem, ssl.SSLError):
        text = f"no TLS: {getattr(problem, 'reason', None) or type(problem).__name__}"
    elif isinstance(problem, socket.gaierror):
        text = f"its name is not found: {problem.strerror}"
    elif isinstance(problem, OSError):
        text = _system_words(problem)
    else:
        text = type(problem).__name__
    return "".join(each if each.isprintable() else " " for each in text).strip()[:_LONGEST]


def _system_words(problem: OSError) -> str:
    """What the system says of an error, without the address that was tried."""
    number = problem.errno
    if number is None and (found := _ERRNO.search(str(problem))):
        # Several addresses were tried; the loop puts what became of each in one text.
        number = int(found[1])
    if number is not None:
        return os.strerror(number)
    return str(problem) or (
        "no answer in time" if isinstance(problem, TimeoutError) else type(problem).__name__
    )


class Trouble:
    """What ails one part. It is a warning in the log when it begins or becomes another, and never twice in a row.

    It lives as long as its part. Repetitions say nothing, so that an outage of hours is one line and its end
    another.
    """

    def __init__(self, logger: logging.Logger, part: str) -> None:
        self.words: str | None = None
        """None while all is well."""
        self._logger = logger
        self._part = part

    def found(self, problem: BaseException) -> None:
        """Something keeps the part from its Redis; said if it is another than before."""
        found = words(problem)
        if found == self.words:
            return
        self.words = found
        # What is neither the server's nor the network's doing is ours, and its trace is wanted.
        trace = None if isinstance(problem, OSError) else problem
        self._logger.warning("%s away", self._part, extra={"problem": found}, exc_info=trace)

    def over(self) -> None:
        """All is well again; said if it was not."""
        if self.words is not None:
            self.words = None
            self._logger.info("%s back", self._part)

    def told(self, reason: str) -> str:
        """`reason` for the probes, with the words if there are any."""
        return reason if self.words is None else f"{reason}: {self.words}"
