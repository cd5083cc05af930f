"""The `bellhop` command's first moment; `python -m gateway` is the same."""

import sys

from gateway.process import signals


def main() -> int:
    if signals.SERVICES.intersection(sys.argv[1:2]):
        # Before the imports, which take a second: in a container a signal that nobody handles is lost, elsewhere it kills.
        signals.hold()
    from gateway.process import strangers

    stranger = strangers.in_the_way()
    if stranger is not None:
        sys.stderr.write(f"bellhop: {stranger}\n")
        return 2
    from gateway.process import cli

    return cli.main()


if __name__ == "__main__":
    sys.exit(main())
