"""
The stages' errors, each with its own exit code; kinds that one stage alone knows stand under it.

    AssemblerError            1   anything of ours
    ├── UsageError            2   a command was called the wrong way
    ├── ChangedError          2   something has changed since it was looked at (reviewing.files)
    ├── SpecError             3   the timeline or a preset (all its problems at once)
    │   └── PlanError         4   the timeline asks for what its models can't do
    ├── MediaError            5   a file is not what it should be
    │   └── FetchError        5   a URL did not give what it should
    ├── GenerateError         6   a link can't be made, or the run was stopped
    │   ├── ProviderError     6   a provider refused or failed, with its kinds (generation.refusals)
    │   ├── WaitingError      6   clips that people make haven't come (generation.making)
    │   ├── LinksFailedError  6   several links failed (generation.run)
    │   └── BudgetError       7   the next submission would pass the budget
    ├── PriceError            7   a review would pay what nobody said yes to (reviewing.session)
    ├── MatchError            8   a seam can't be measured
    ├── MixError              9   sound
    ├── RenderError          10   encoding, joining, verifying, with its kinds (rendering.executor)
    ├── OutputExistsError    11   a file of the user's is in the way
    ├── MissingProgramError  12   ffmpeg, a font, a package is absent
    └── NoRoomError          15   the disk, or a limit of the system, leaves no room to write

`assembler qc` ends with 13 when a film has errors and 14 when it has warnings alone.

A second press of Ctrl-C and plain interruption exit with 130.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


class AssemblerError(Exception):
    """What is wrong, where, and how to fix it, each in one sentence."""

    exit_code = 1

    def __init__(self, what: str, where: str = "", fix: str = "") -> None:
        super().__init__(what, where, fix)
        self.what = what
        self.where = where
        self.fix = fix

    def __str__(self) -> str:
        head = f"{self.where}: {self.what}" if self.where else self.what
        return f"{head}\n  fix: {self.fix}" if self.fix else head


class UsageError(AssemblerError):
    """A command or an API function was called with arguments that don't fit together."""

    exit_code = 2


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One thing wrong in a file, with its place."""

    file: str
    line: int
    """From 1."""
    column: int
    """From 1."""
    what: str
    fix: str = ""

    def __str__(self) -> str:
        head = f"{self.file}:{self.line}:{self.column}: {self.what}"
        return f"{head}\n  fix: {self.fix}" if self.fix else head


class SpecError(AssemblerError):
    """Everything wrong with a timeline or preset, sorted by place."""

    exit_code = 3

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(sorted(problems))
        super().__init__("\n".join(str(p) for p in self.problems))

    def __reduce__(self) -> tuple[type[SpecError], tuple[tuple[Problem, ...]]]:
        return type(self), (self.problems,)


class PlanError(SpecError):
    """Everything that the models named in a timeline can't do."""

    exit_code = 4


class MediaError(AssemblerError):
    """A media file can't be read, or is not what it claims to be."""

    exit_code = 5


class FetchError(MediaError):
    """A URL did not give the file that was expected."""


class GenerateError(AssemblerError):
    """A provider refused or failed a link."""

    exit_code = 6


class BudgetError(GenerateError):
    """The next submission would pass the budget."""

    exit_code = 7


class MatchError(AssemblerError):
    """A seam can't be measured."""

    exit_code = 8


class MixError(AssemblerError):
    """The programme sound can't be made."""

    exit_code = 9


class RenderError(AssemblerError):
    """A span or a final file can't be made, or is not what was asked for."""

    exit_code = 10


class OutputExistsError(AssemblerError):
    """A file that we did not make is where the output should go."""

    exit_code = 11


class MissingProgramError(AssemblerError):
    """A program, font or package that is needed is absent."""

    exit_code = 12


class NoRoomError(AssemblerError):
    """Nothing more can be written where it should go."""

    exit_code = 15
