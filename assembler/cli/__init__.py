"""The command line: parse, call one function of the library, print, exit."""

from __future__ import annotations

import gc
import os
import sys


def main() -> None:
    """Run the command line and exit with the code of what happened."""
    gc.set_threshold(100_000, 50, 50)  # starting up makes many objects that all stay
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")  # else it searches every package
    from assembler.cli.app import run

    sys.exit(run(sys.argv[1:]))
