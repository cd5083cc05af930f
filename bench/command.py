"""What the commands of the benchmarks share: their options, and where their results go."""

import argparse
import shlex
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Amount:
    """How much of what every benchmark does: clients, events, and at which rate."""

    crowd: int
    """Clients of one room."""
    burst_events: int = 200
    paced_events: int = 100
    paced_rate: int = 20
    users: int
    """With a room each."""
    batch_items: int = 100
    batch_rate: int
    """Requests a second."""


INTERRUPTED = 130


def run(main: Callable[[], None]) -> None:
    """Run a benchmark to its end, or to a Ctrl-C: what it has started and stored is gone then as well."""
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)


class BenchCommand:
    """The options of `make NAME`; a run with none of them writes `results`, if there are such."""

    def __init__(
        self, name: str, description: str | None, *, rounds: int, results: Path | None = None
    ) -> None:
        self._name = name
        self._results = results
        self._parser = argparse.ArgumentParser(
            prog=f"make {name}", description=description, formatter_class=argparse.RawDescriptionHelpFormatter
        )
        self._parser.add_argument("--rounds", type=int, default=rounds)
        self._parser.add_argument(
            "--quick", action="store_true", help="small and short: shows that it runs, not how fast"
        )
        self._parser.add_argument(
            "--output",
            type=Path,
            help="where the results go" + (f"; a full run writes bench/{results.name}" if results else ""),
        )

    def choice(self, option: str, known: Iterable[str]) -> None:
        """Have an option that takes some of these names, with commas between; by default all."""
        names = ",".join(known)
        self._parser.add_argument(option, default=names, help=f"some of {names}")

    def number(self, option: str, default: int) -> None:
        """Have an option that takes a number."""
        self._parser.add_argument(option, type=int, default=default)

    def parse(self) -> argparse.Namespace:
        return self._parser.parse_args()

    @property
    def line(self) -> str:
        """The command as it was given."""
        arguments = shlex.join(sys.argv[1:])
        return f"make {self._name} ARGS='{arguments}'" if arguments else f"make {self._name}"

    def tell(self, text: str, given: argparse.Namespace) -> None:
        """Print the results, and write them where they are kept."""
        output: Path | None = given.output or (None if sys.argv[1:] else self._results)
        if output is not None:
            output.write_text(text)
        print(text)
