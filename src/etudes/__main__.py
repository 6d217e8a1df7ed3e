"""The command line: ``python -m etudes doctor`` and ``python -m etudes fetch``.

The idea in a sentence: one command says whether this machine can run the book, the other prepares
everything that the chapters would otherwise prepare when first run.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command.

    Parameters
    ----------
    arguments
        What stands after ``python -m etudes``; taken from the command line by default.

    Returns
    -------
    int
        0 when all is well, 1 when something needed is broken or could not be prepared.
    """
    from etudes import __version__

    parser = argparse.ArgumentParser(prog="python -m etudes", description="Études: the package.")
    parser.add_argument("--version", action="version", version=f"etudes {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    commands.add_parser(
        "doctor", help="say what is installed, where caches lie, what is wrong and how to mend it"
    )
    fetch = commands.add_parser(
        "fetch", help="prepare tunes, chorales, instruments, voices and recordings ahead of time"
    )
    fetch.add_argument(
        "--only",
        nargs="+",
        metavar="PART",
        help="only these: scores, chorales, instruments, voices, recordings",
    )
    options = parser.parse_args(arguments)
    if options.command == "doctor":
        return _doctor()
    return _fetch(parser, options.only)


def _doctor() -> int:
    from etudes import doctor

    findings = doctor.examine()
    print(doctor.report(findings))
    return 0 if doctor.is_well(findings) else 1


def _fetch(parser: argparse.ArgumentParser, only: list[str] | None) -> int:
    from etudes.checks import check_in
    from etudes.data.prepare import PARTS, prepare

    try:
        chosen = [check_in(part, "--only", PARTS) for part in only or PARTS]
    except ValueError as error:
        parser.error(str(error))
    outcomes = [prepare(part) for part in dict.fromkeys(chosen)]
    # Recordings are an addition: their absence is a failure only where they were asked for.
    failed = [o for o in outcomes if not o.done and (only or o.needed)]
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
