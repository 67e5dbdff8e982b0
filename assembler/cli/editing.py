"""The commands for editors: out to other programs, and back."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from assembler.cli import output
from assembler.cli.app import (
    CANCEL,
    AllowCode,
    Draft,
    Force,
    Json,
    Quiet,
    Verbose,
    Workers,
    app,
    show,
)
from assembler.cli.output import Style
from assembler.errors import UsageError


@app.command()
def export(
    args: Annotated[
        list[str],
        typer.Argument(
            help="Formats (otio fcpxml fcp7 edl aaf csv; all but aaf when none is named), then "
            "the timeline file.",
            metavar="FORMAT… TIMELINE",
        ),
    ],
    out: Annotated[
        Path | None, typer.Option("-o", "--out", help="Folder for the files; `out` by default.")
    ] = None,
    package: Annotated[
        Path | None,
        typer.Option(help="Folder or ZIP file for the edit with all media, stems and captions."),
    ] = None,
    media: Annotated[
        Literal["conformed", "original"],
        typer.Option(
            help="Media of a package: on the canvas at its rate, or the files themselves."
        ),
    ] = "conformed",
    codec: Annotated[
        Literal["prores", "dnxhr"], typer.Option(help="Of conformed media.")
    ] = "prores",
    handles: Annotated[
        int, typer.Option(min=0, max=2000, help="Frames kept beyond in and out in a package.")
    ] = 24,
    start: Annotated[
        str, typer.Option(help="Timecode of the first frame; with ; before the frames, drop-frame.")
    ] = "01:00:00:00",
    draft: Draft = False,
    allow_code: AllowCode = False,
    force: Force = False,
    workers: Workers = None,
    json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Write a rendered timeline for Resolve, Premiere, Final Cut Pro or Media Composer."""
    from assembler.assemble.exports import export as work
    from assembler.exporting.formats import FORMATS

    *names, timeline = args
    if not names and timeline in FORMATS:
        raise UsageError(f"no timeline is named, only {timeline!r}", fix="name the timeline last")
    unknown = next((name for name in names if name not in FORMATS), None)
    if unknown:
        raise UsageError(f"there is no format {unknown!r}", fix=f"take of {', '.join(FORMATS)}")
    formats = tuple(form for form in FORMATS if form in (names or set(FORMATS) - {"aaf"}))
    style = Style(json, quiet, verbose)
    with output.progress(style) as progress:
        made = work(
            timeline,
            formats,
            out,
            package=package,
            media=media,
            codec=codec,
            handles=handles,
            start=start,
            draft=draft,
            allow_code=allow_code,
            force=force,
            workers=workers,
            progress=progress,
            cancel=CANCEL,
        )
    show(style, made)


@app.command("import")
def import_(
    files: Annotated[
        list[Path],
        typer.Argument(help="The file that came back; several EDLs of one edit.", metavar="FILE…"),
    ],
    timeline: Annotated[
        Path | None, typer.Option(help="The timeline that was exported, if its .cut.json is gone.")
    ] = None,
    media: Annotated[
        list[Path] | None, typer.Option(help="A folder in which media are looked for.")
    ] = None,
    rate: Annotated[str | None, typer.Option(help="Frames a second of an EDL.")] = None,
    out: Annotated[
        Path | None, typer.Option("-o", "--out", help="Keep the cut in this .cut.json file.")
    ] = None,
    render: Annotated[Path | None, typer.Option(help="Render it to this file.")] = None,
    preset: Annotated[
        str | None, typer.Option(help="Delivery preset; the timeline's first by default.")
    ] = None,
    force: Force = False,
    workers: Workers = None,
    json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Read an edit that came back from another program, and render it."""
    from assembler.assemble.imports import import_cut as work

    style = Style(json, quiet, verbose)
    with output.progress(style) as progress:
        made = work(
            files,
            timeline=timeline,
            media=media or (),
            rate=rate,
            out=out,
            render=render,
            preset=preset,
            force=force,
            workers=workers,
            progress=progress,
            cancel=CANCEL,
        )
    show(style, made)
