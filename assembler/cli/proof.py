"""The commands that show and prove what was made: one call of the library each."""

from __future__ import annotations

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

    made = work(
        timeline,
        out,
        draft=draft,
        provider=provider,
        force=force,
        workers=workers,
        cancel=CANCEL,
    )
    show(Style(json, quiet, verbose), made)


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
