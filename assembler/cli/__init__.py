"""The command line: parse, call one function of the library, print, exit."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command line and exit with the code of what happened."""
    from assembler.cli.app import run

    sys.exit(run(sys.argv[1:]))
