"""The commands for films and seams: one call of the library each."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from assembler.cli import output
from assembler.cli.app import (
    CANCEL,
    AllowCode,
    BudgetUsd,
    Draft,
    Force,
    Json,
    KeepLater,
    NoWait,
    ProgressAs,
    ProviderName,
    Quiet,
    Timeline,
    Verbose,
    Wait,
    Workers,
    Yes,
    app,
    asking,
    dollars,
    patience_s,
    show,
)
from assembler.cli.output import Style


@app.command()
def check(timeline: Timeline, json: Json = False, quiet: Quiet = False) -> None:
    """Check a timeline: every mistake at once, with its place and how to fix it."""
    from assembler.assemble.prepare import check as work

    found = work(timeline)
    output.result(Style(json, quiet), found.text(), found.data())


@app.command()
def plan(
    timeline: Timeline,
    draft: Draft = False,
    provider: ProviderName = None,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Show what would be made: links, order, price, state and why. Writes and spends nothing."""
    from assembler.assemble.prepare import plan as work

    found = work(timeline, draft=draft, provider=provider)
    output.result(Style(json, quiet), found.text(), found.data())


@app.command()
def render(
    timeline: Timeline,
    draft: Draft = False,
    start: Annotated[
        str | None, typer.Option("--from", help="Render from here: an id, id+1.5s, 2s, 48f.")
    ] = None,
    stop: Annotated[str | None, typer.Option("--to", help="Render to here.")] = None,
    only: Annotated[str | None, typer.Option(help="Render this segment or clip alone.")] = None,
    provider: ProviderName = None,
    budget: BudgetUsd = None,
    explain: Annotated[
        bool, typer.Option("--explain", help="Show what each span needs and why; render nothing.")
    ] = False,
    allow_code: AllowCode = False,
    wait: Wait = None,
    no_wait: NoWait = False,
    keep_later: KeepLater = False,
    yes: Yes = False,
    force: Force = False,
    workers: Workers = None,
    progress_as: ProgressAs = "bar",
    json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Make the film: generate or fetch what is missing, match, mix and render."""
    if explain:
        from assembler.assemble.film import explain as explained

        found = explained(
            timeline,
            draft=draft,
            start=start,
            stop=stop,
            only=only,
            provider=provider,
            allow_code=allow_code,
            cancel=CANCEL,
        )
        output.result(Style(json, quiet), found.text(), found.data())
        return
    from assembler.assemble.film import render as work

    style = Style(json, quiet, verbose, progress_as)
    with output.progress(style) as progress:
        made = work(
            timeline,
            draft=draft,
            start=start,
            stop=stop,
            only=only,
            provider=provider,
            budget_usd=dollars(budget),
            keep_later=keep_later,
            confirm=asking(style, yes),
            allow_code=allow_code,
            wait_s=patience_s(wait, no_wait),
            force=force,
            workers=workers,
            progress=progress,
            cancel=CANCEL,
        )
    show(style, made)
    raise typer.Exit(made.exit_code)


@app.command()
def stitch(
    clips: Annotated[list[Path], typer.Argument(help="Files to join, in order.", metavar="A B …")],
    out: Annotated[Path, typer.Option("-o", "--out", help="The file to write.")],
    join: Annotated[
        Literal["handoff", "cut"], typer.Option(help="How each clip follows the one before.")
    ] = "handoff",
    preset: Annotated[str, typer.Option(help="Delivery preset.")] = "match-source",
    seam: Annotated[str, typer.Option(help="Seam preset.")] = "invisible",
    report: Annotated[
        Path | None, typer.Option(help="Write the seam decisions to this JSON file.")
    ] = None,
    force: Force = False,
    workers: Workers = None,
    progress_as: ProgressAs = "bar",
    json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Join files without a timeline, so that the joins don't show."""
    from assembler.assemble.stitch import stitch as work

    style = Style(json, quiet, verbose, progress_as)
    with output.progress(style) as progress:
        made = work(
            clips,
            out,
            join=join,
            preset=preset,
            seam=seam,
            report=report,
            force=force,
            workers=workers,
            progress=progress,
            cancel=CANCEL,
        )
    show(style, made)
    raise typer.Exit(made.exit_code)


@app.command()
def seam(
    a: Annotated[Path, typer.Argument(help="The clip before.")],
    b: Annotated[Path, typer.Argument(help="The clip that follows.")],
    strip: Annotated[Path | None, typer.Option(help="Draw the join into this PNG file.")] = None,
    force: Force = False,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Measure one join: repeated frames, colour, size, and what would be done about it."""
    from assembler.assemble.measuring import measure as work

    found = work(a, b, strip=strip, force=force)
    output.result(Style(json, quiet), found.text(), found.data())


DEPTHS: dict[str, Literal[16, 24, 32]] = {"16": 16, "24": 24, "32": 32}


@app.command()
def mix(
    timeline: Timeline,
    out: Annotated[
        Path | None, typer.Option("-o", "--out", help="The WAV to write; beside the output else.")
    ] = None,
    stems: Annotated[
        Path | None, typer.Option(help="Folder for a WAV of each role, and music and effects.")
    ] = None,
    picture: Annotated[
        Path | None, typer.Option(help="PNG with waveforms by role, loudness and ducking.")
    ] = None,
    bits: Annotated[
        Literal["16", "24", "32"], typer.Option(help="Depth of the WAV; 32 is float.")
    ] = "24",
    draft: Draft = False,
    force: Force = False,
    workers: Workers = None,
    json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Write the sound alone: the mix at its loudness, and its stems."""
    from assembler.assemble.film import mix as work

    style = Style(json, quiet, verbose)
    with output.progress(style) as progress:
        made = work(
            timeline,
            out,
            stems=stems,
            picture=picture,
            bits=DEPTHS[bits],
            draft=draft,
            force=force,
            workers=workers,
            progress=progress,
            cancel=CANCEL,
        )
    show(style, made)


@app.command()
def sync(
    clip: Annotated[Path, typer.Argument(help="The clip with the speech.")],
    master: Annotated[Path, typer.Argument(help="The recording it was made from.")],
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Find a clip's speech in the recording it was made from."""
    from assembler.assemble.masters import locate as work

    found = work(clip, master)
    output.result(Style(json, quiet), found.text(), found.data())


@app.command()
def cache(
    timeline: Timeline,
    prune: Annotated[
        str | None,
        typer.Option(help="Keep at most so much of spans and mixes, least used first out (2GB)."),
    ] = None,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Show what is kept beside a timeline, and make room. Generated clips always stay."""
    from assembler.assemble.cache import cache as work

    found = work(timeline, prune=prune)
    output.result(Style(json, quiet), found.text(), found.data())


@app.command()
def doctor(
    providers: Annotated[
        bool,
        typer.Option("--providers", help="Ask every provider: key, answer, what is left."),
    ] = False,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Show what is installed and whether anything is missing."""
    if providers:
        from assembler.assemble.accounts import accounts as work
    else:
        from assembler.assemble.doctor import doctor as work

    found = work()
    output.result(Style(json, quiet), found.text(), found.data())
    raise typer.Exit(found.exit_code)


@app.command()
def schema() -> None:
    """Print the JSON Schema of timelines, for editors."""
    from assembler.assemble.prepare import schema_text

    output.result(Style(), schema_text(), {})


@app.command()
def example(
    name: Annotated[
        str | None, typer.Argument(help="Which one; without a name, all are listed.")
    ] = None,
    folder: Annotated[
        Path | None, typer.Argument(help="Where to put it; a folder of its name by default.")
    ] = None,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Copy an example timeline and its media, to render or to change."""
    from assembler.assemble.example import copy_example, names

    if name is None:
        listed = names()
        output.result(Style(json, quiet), "\n".join(listed), {"examples": list(listed)})
        return
    copied = copy_example(name, folder)
    text = f"{copied}\nrender it with: assembler render {copied}"
    output.result(Style(json, quiet), text, {"timeline": str(copied)})
