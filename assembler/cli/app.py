"""The program that all commands belong to: shared options, how it is run, stopped and fails."""

from __future__ import annotations

import errno
import logging
import os
import re
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from decimal import Decimal
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated, Any, Protocol

import typer

from assembler.cli import output
from assembler.cli.output import Style
from assembler.errors import AssemblerError, UsageError

if TYPE_CHECKING:
    from assembler.planning.model import Plan

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
ProgressAs = Annotated[
    output.ProgressForm,
    typer.Option("--progress", help="A bar, or JSON lines on standard error for programs."),
]
Workers = Annotated[int | None, typer.Option(min=1, help="Work at a time; the cores by default.")]

BudgetUsd = Annotated[
    float | None, typer.Option(min=0, help="The most that generation may cost, in US dollars.")
]
Yes = Annotated[bool, typer.Option("-y", "--yes", help="Spend what it costs without asking.")]
AllowCode = Annotated[
    bool, typer.Option("--allow-code", help="Run the functions that the timeline names.")
]
KeepLater = Annotated[
    bool,
    typer.Option("--keep-later", help="Keep older takes of links that only start differently now."),
]


def dollars(given: float | None) -> Decimal | None:
    """A sum from the command line, exactly as it was written."""
    return None if given is None else Decimal(str(given))


def asking(style: Style, yes: bool) -> Callable[[Plan], bool] | None:
    """The question before money is spent; None when it was answered with ``--yes``."""
    if yes:
        return None

    def ask(plan: Plan) -> bool:
        from assembler.planning.explain import to_pay
        from assembler.planning.guard import costs_more

        if style.json or not (sys.stdin.isatty() and sys.stderr.isatty()):
            raise UsageError(
                f"generating would cost money: {to_pay(plan)}",
                fix="look at it with `assembler plan`; say yes with --yes, and how much with "
                "--budget.",
            )
        price = "; ".join([to_pay(plan), *costs_more(plan.steps)])
        patient = signal.signal(signal.SIGINT, _interrupt_question)
        try:
            return typer.confirm(f"{price}. Generate?", err=True)
        finally:
            signal.signal(signal.SIGINT, patient)

    return ask


Wait = Annotated[
    str | None,
    typer.Option(help="Longest wait for one generated clip (30s, 20m, 2h), then run again later."),
]
NoWait = Annotated[
    bool, typer.Option("--no-wait", help="Ask for what is missing, take what has come, and stop.")
]


def patience_s(wait: str | None, no_wait: bool) -> float | None:
    """Seconds that the user wants to wait; None when nothing is said."""
    if no_wait:
        return 0.0
    if wait is None:
        return None
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([smh]?)", wait.strip().lower())
    if not found:
        raise UsageError(f"--wait {wait!r} is no time", fix="write 30s, 20m or 2h.")
    return float(found[1]) * {"": 1, "s": 1, "m": 60, "h": 3600}[found[2]]


CANCEL = threading.Event()
"""Set by the first Ctrl-C; verbs that take it stop in order, the short ones go on to their end."""


def run(args: Sequence[str]) -> int:
    """Run one command; its exit code."""
    style = Style(json="--json" in args, quiet=bool({"-q", "--quiet"} & set(args)))
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # names of segments may hold any character
            stream.reconfigure(errors="backslashreplace")
    from assembler.cli import (  # noqa: F401  # they register themselves
        commands,
        editing,
        generating,
        proof,
        reviewing,
    )

    signal.signal(signal.SIGINT, _interrupt)
    signal.signal(signal.SIGTERM, _terminate)
    logging.getLogger("stamina").addHandler(logging.NullHandler())  # a retry is no news
    try:
        # Asked for JSON, the parser's own messages are ours to print.
        code = app(proof.with_reel(args), "assembler", standalone_mode=not style.json)
    except SystemExit as stop:
        return _interrupted(style) if CANCEL.is_set() and stop.code else _code(stop.code)
    except (AssemblerError, OSError, _WrongUse) as error:
        if CANCEL.is_set():
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
            from assembler.media.room import no_room

            where = str(error.filename or "")
            told = no_room(error, Path(where or "what was being written")) or AssemblerError(
                error.strerror or str(error), where, _FIXES.get(error.errno, "")
            )
        case _:
            told = UsageError(error.format_message(), fix="see `assembler --help`")  # type: ignore[attr-defined]  # _WrongUse
    output.failure(style, told)
    return told.exit_code


_FIXES: dict[int | None, str] = {
    errno.EACCES: "check the rights of the file and its folder",
    errno.EROFS: "copy the project to a disk that can be written",
    errno.ENAMETOOLONG: "take a shorter name",
}


def _code(code: object) -> int:
    return code if isinstance(code, int) else 0 if code is None else 1


def _interrupt(signum: int, frame: FrameType | None) -> None:
    """First Ctrl-C: stop in order. Second: at once."""
    if CANCEL.is_set():
        raise KeyboardInterrupt
    CANCEL.set()


def _interrupt_question(signum: int, frame: FrameType | None) -> None:
    """Nothing is under way while a question waits, and it would wait on."""
    CANCEL.set()
    raise SystemExit(INTERRUPTED)


def _terminate(signum: int, frame: FrameType | None) -> None:
    """Stop in order, and wait for nothing but replies to what was sent."""
    CANCEL.set()
    raise SystemExit(INTERRUPTED)


def _interrupted(style: Style) -> int:
    output.note(style, "stopped; nothing is half-written. Run the same command again.")
    return INTERRUPTED


@app.callback(invoke_without_command=True)
def _main(
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
) -> None:
    if version:
        from assembler import __version__

        output.result(Style(), __version__, {})
        raise typer.Exit


class _Made(Protocol):
    """What a long verb returns."""

    @property
    def notes(self) -> Sequence[str]: ...
    @property
    def warnings(self) -> Sequence[str]: ...
    def text(self) -> str: ...
    def data(self) -> dict[str, Any]: ...


def show(style: Style, made: _Made) -> None:
    """Print what a long verb has made: what the user should know, then the result."""
    for line in made.notes if style.verbose else made.warnings:
        output.note(style, line)
    output.result(style, made.text(), made.data())
