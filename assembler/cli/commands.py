"""Every command: one call of the library each."""

from __future__ import annotations

import errno
import logging
import os
import signal
import sys
import threading
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from types import FrameType
from typing import Annotated, Literal

import typer

from assembler.cli import output
from assembler.cli.output import Style
from assembler.errors import AssemblerError, UsageError

INTERRUPTED = 130

app = typer.Typer(
    name="assembler",
    help="Make films out of generated clips: plan, generate, stitch, mix and render one timeline.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

Timeline = Annotated[Path, typer.Argument(help="The timeline file.", metavar="TIMELINE")]
Json = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]
Quiet = Annotated[bool, typer.Option("-q", "--quiet", help="Print errors only.")]
Verbose = Annotated[bool, typer.Option("-v", "--verbose", help="Say more.")]
Force = Annotated[bool, typer.Option("--force", help="Overwrite files that assembler didn't make.")]
Draft = Annotated[
    bool, typer.Option("--draft", help="Free preview: animatic clips, half size, no provider.")
]
ProviderName = Annotated[
    str | None, typer.Option(help="Use this provider for everything that is generated.")
]
Workers = Annotated[int | None, typer.Option(min=1, help="Work at a time; the cores by default.")]


_style = Style()
_cancel = threading.Event()


def run(args: Sequence[str]) -> int:
    """Run one command; its exit code."""
    style = Style(json="--json" in args, quiet=bool({"-q", "--quiet"} & set(args)))
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # names of segments may hold any character
            stream.reconfigure(errors="backslashreplace")
    signal.signal(signal.SIGINT, _interrupt)
    logging.getLogger("stamina").addHandler(logging.NullHandler())  # a retry is no news
    try:
        # Asked for JSON, the parser's own messages are ours to print.
        code = app(list(args), "assembler", standalone_mode=not style.json)
    except SystemExit as stop:
        return _interrupted(style) if _cancel.is_set() else _code(stop.code)
    except (AssemblerError, OSError, _WrongUse) as error:
        if _cancel.is_set():
            return _interrupted(style)
        return _failed(style, error)
    return _code(code)


_WrongUse: type[Exception] = typer.BadParameter.__mro__[1]
"""Base of everything that typer says of wrong arguments; it has no public name."""


def _failed(style: Style, error: Exception) -> int:
    match error:
        case AssemblerError():
            told = error
        case BrokenPipeError():  # the reader has seen enough: `assembler plan x.yaml | head -1`
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return 1
        case OSError():
            where = str(error.filename or "")
            told = AssemblerError(error.strerror or str(error), where, _FIXES.get(error.errno, ""))
        case _:
            told = UsageError(error.format_message(), fix="see `assembler --help`")  # type: ignore[attr-defined]  # _WrongUse
    output.failure(style, told)
    return told.exit_code


_FIXES: dict[int | None, str] = {
    errno.EACCES: "check the rights of the file and its folder",
    errno.EROFS: "copy the project to a disk that can be written",
    errno.ENOSPC: "make room on the disk, then run the same command again",
    errno.ENAMETOOLONG: "take a shorter name",
}


def _code(code: object) -> int:
    return code if isinstance(code, int) else 0 if code is None else 1


def _interrupt(signum: int, frame: FrameType | None) -> None:
    """First Ctrl-C: stop in order. Second: at once."""
    if _cancel.is_set():
        raise KeyboardInterrupt
    _cancel.set()


def _interrupted(style: Style) -> int:
    output.note(
        style, "stopped; nothing is half-written. Run the same command again to go on from here."
    )
    return INTERRUPTED


@app.callback(invoke_without_command=True)
def _main(
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
) -> None:
    if version:
        from assembler import __version__

        output.result(Style(), __version__, {})
        raise typer.Exit


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
    provider: ProviderName = None,
    budget: Annotated[
        float | None, typer.Option(min=0, help="The most that generation may cost, in US dollars.")
    ] = None,
    explain: Annotated[
        bool, typer.Option("--explain", help="Show what each span needs and why; render nothing.")
    ] = False,
    force: Force = False,
    workers: Workers = None,
    json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Make the film: generate or fetch what is missing, match, mix and render."""
    if explain:
        from assembler.assemble.film import explain as explained

        found = explained(timeline, draft=draft, provider=provider, cancel=_cancel)
        output.result(Style(json, quiet), found.text(), found.data())
        return
    from assembler.assemble.film import render as work

    style = Style(json, quiet or json, verbose)
    with output.progress(style) as progress:
        made = work(
            timeline,
            draft=draft,
            provider=provider,
            budget_usd=None if budget is None else Decimal(str(budget)),
            force=force,
            workers=workers,
            progress=progress,
            cancel=_cancel,
        )
    for line in made.notes if verbose else made.warnings:
        output.note(style, line)
    output.result(Style(json, quiet), made.text(), made.data())


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
    json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Join files without a timeline, so that the joins don't show."""
    from assembler.assemble.stitch import stitch as work

    style = Style(json, quiet or json, verbose)
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
            cancel=_cancel,
        )
    for line in made.notes if verbose else made.warnings:
        output.note(style, line)
    output.result(Style(json, quiet), made.text(), made.data())


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
    from assembler.assemble.stitch import measure as work

    found = work(a, b, strip=strip, force=force)
    output.result(Style(json, quiet), found.text(), found.data())


@app.command()
def mix(
    timeline: Timeline,
    out: Annotated[
        Path | None, typer.Option("-o", "--out", help="The WAV to write; beside the output else.")
    ] = None,
    stems: Annotated[
        Path | None, typer.Option(help="Folder for a WAV of each role, and music and effects.")
    ] = None,
    draft: Draft = False,
    force: Force = False,
    workers: Workers = None,
    json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Write the sound alone: the mix at its loudness, and its stems."""
    from assembler.assemble.film import mix as work

    style = Style(json, quiet or json, verbose)
    with output.progress(style) as progress:
        made = work(
            timeline,
            out,
            stems=stems,
            draft=draft,
            force=force,
            workers=workers,
            progress=progress,
            cancel=_cancel,
        )
    for line in made.notes:
        if verbose or line.startswith("warning: "):
            output.note(style, line)
    output.result(Style(json, quiet), made.text(), made.data())


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
def doctor(json: Json = False, quiet: Quiet = False) -> None:
    """Show what is installed and whether anything is missing."""
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
