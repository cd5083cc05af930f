"""What a shop's own flag service says of types and their channels: the home of openfeature-sdk.

It is imported only where BELLHOP_FLAGS names one (`flags`). All of it may wait for as long as the provider does, so it is called on
threads, one at a time.
"""

import logging
from collections.abc import Iterable
from dataclasses import dataclass, field
from importlib import import_module
from secrets import token_hex

from openfeature import api
from openfeature.evaluation_context import EvaluationContext
from openfeature.exception import ErrorCode
from openfeature.provider import FeatureProvider
from openfeature.provider.no_op_provider import NoOpProvider

from gateway.catalog.problems import FlagsError

WANTED = "it must be a function without arguments that returns an OpenFeature provider, of a module that can be imported (PYTHONPATH)"
EVERYBODY = EvaluationContext(targeting_key="bellhop")
"""Flags are asked for once, and not for each user."""


@dataclass(frozen=True, slots=True)
class Answers:
    """What one round of questions has brought; a flag that the service does not know is in neither."""

    words: dict[str, bool] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)
    """Why a flag could not be evaluated."""


class FlagService:
    """One provider, in a domain of its own: what else in the process uses OpenFeature is not touched."""

    def __init__(self, provider: FeatureProvider) -> None:
        self._provider = provider
        self._domain = f"bellhop-{token_hex(4)}"
        self._client = api.get_client(self._domain)
        self._begun = False
        # What it says of each flag at each round, its caller says once a minute.
        logging.getLogger("openfeature").setLevel(logging.CRITICAL)

    @classmethod
    def made_by(cls, maker: str) -> "FlagService":
        """Of the provider that `module:function` returns. Raises `FlagsError`."""
        module, _, function = maker.partition(":")
        try:
            provider = getattr(import_module(module), function)()
        except (Exception, SystemExit) as error:
            raise FlagsError(
                f"BELLHOP_FLAGS: {maker} failed with {type(error).__name__}: {error}; {WANTED}"
            ) from error
        if isinstance(provider, type) or not hasattr(provider, "resolve_boolean_details"):
            raise FlagsError(f"BELLHOP_FLAGS: {maker} returned {type(provider).__name__}; {WANTED}")
        return cls(provider)

    def ask(self, keys: Iterable[str]) -> Answers:
        """Evaluate these flags. Raises whatever a provider does that cannot begin; the next call has it begin again."""
        if not self._begun:
            api.set_provider_and_wait(self._provider, self._domain)
            self._begun = True
        answers = Answers()
        for key in keys:
            self._evaluate(key, answers)
        return answers

    def _evaluate(self, key: str, answers: Answers) -> None:
        """Note what is said of one flag."""
        details = self._client.get_boolean_details(key, default_value=True, evaluation_context=EVERYBODY)
        if details.error_code == ErrorCode.FLAG_NOT_FOUND:
            return
        if details.error_code is not None:
            answers.failed[key] = f"{details.error_code}: {details.error_message or 'no reason given'}"
        elif not details.value:
            answers.words[key] = False
        # A service may give back the default, as of a flag that is not in use: then it has said nothing.
        elif self._client.get_boolean_value(key, default_value=False, evaluation_context=EVERYBODY):
            answers.words[key] = True

    def close(self) -> None:
        """Let the provider go, on a thread of the SDK's: never waits."""
        api.set_provider(NoOpProvider(), self._domain)
