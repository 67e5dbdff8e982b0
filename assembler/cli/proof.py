"""The commands that show and prove what was made: one call of the library each."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import zip_longest
from pathlib import Path
from typing import Annotated

import typer

from assembler.cli import output
from assembler.cli.app import (
    CANCEL,
    Draft,
    Force,
    Json,
    ProviderName,
    Quiet,
    Timeline,
    Verbose,
    Workers,
    app,
    show,
)
from assembler.cli.output import Style


@app.command()
def report(
    timeline: Timeline,
    out: Annotated[
        Path | None,
        typer.Option("-o", "--out", help="HTML file to write; out/<timeline>-report.html else."),
    ] = None,
    reel: Annotated[
        str | None,
        typer.Option(
            "--reel",
            metavar="[OUT.mp4]",
            help="Also write a video of all joins, the worst first; out/<timeline>-seams.mp4 else.",
        ),
    ] = None,
    draft: Draft = False,
    provider: ProviderName = None,
    force: Force = False,
    workers: Workers = None,
    json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Show the film, its seams, sound, checks and costs on one page. Generates and pays nothing."""
    from assembler.reporting.write import report as work

    style = Style(json, quiet, verbose)
    with output.progress(style) as progress:
        made = work(
            timeline,
            out,
            reel=reel is not None and (reel or True),
            draft=draft,
            provider=provider,
            force=force,
            workers=workers,
            progress=progress,
            cancel=CANCEL,
        )
    show(style, made)


def with_reel(args: Sequence[str]) -> list[str]:
    """*args* with an empty value for ``--reel`` where none is given, which typer doesn't know."""
    found: list[str] = []
    for arg, following in zip_longest(args, args[1:], fillvalue=""):
        found.append(arg)
        none = not following or following.startswith("-")
        if arg == "--reel" and (none or Path(following).suffix.lower() in (".yaml", ".yml")):
            found.append("")
    return found


@app.command()
def qc(
    file: Annotated[Path, typer.Argument(help="The film.", metavar="FILE")],
    against: Annotated[
        Path | None, typer.Option(help="Timeline that it was made from.", metavar="TIMELINE")
    ] = None,
    draft: Draft = False,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Check a finished film: streams, time, picture, sound, captions, each fault at its place."""
    from assembler.assemble.checks import qc as work

    found = work(file, against, draft=draft, cancel=CANCEL)
    output.result(Style(json, quiet), found.text(), found.as_json())
    raise typer.Exit(found.exit_code)
