"""
Post-production assembler and local stitching engine for films made of generated clips.

    >>> import assembler
    >>> film = assembler.render("timelines/first-film.yaml", draft=True)  # doctest: +SKIP

Each verb of the command line is one function here. They raise `AssemblerError`.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from assembler.assemble.checks import qc
    from assembler.assemble.choosing import choose, keep, reroll
    from assembler.assemble.costs import costs
    from assembler.assemble.doctor import doctor
    from assembler.assemble.exports import export
    from assembler.assemble.film import mix, render
    from assembler.assemble.generating import fetch, generate
    from assembler.assemble.imports import import_cut
    from assembler.assemble.masters import locate as sync
    from assembler.assemble.measuring import measure as seam
    from assembler.assemble.prepare import check, plan, schema
    from assembler.assemble.ranking import rank_takes
    from assembler.assemble.stitch import stitch
    from assembler.assemble.takes import settle, takes
    from assembler.cut.model import Cut
    from assembler.errors import AssemblerError
    from assembler.reporting.write import report
    from assembler.reviewing.review import review
    from assembler.reviewing.watch import watch

__version__ = "0.1.0"

__all__ = [
    "AssemblerError",
    "Cut",
    "__version__",
    "check",
    "choose",
    "costs",
    "doctor",
    "export",
    "fetch",
    "generate",
    "import_cut",
    "keep",
    "mix",
    "plan",
    "qc",
    "rank_takes",
    "render",
    "report",
    "reroll",
    "review",
    "schema",
    "seam",
    "settle",
    "stitch",
    "sync",
    "takes",
    "watch",
]

_HOMES = {
    "AssemblerError": ("assembler.errors", "AssemblerError"),
    "Cut": ("assembler.cut.model", "Cut"),
    "check": ("assembler.assemble.prepare", "check"),
    "choose": ("assembler.assemble.choosing", "choose"),
    "costs": ("assembler.assemble.costs", "costs"),
    "doctor": ("assembler.assemble.doctor", "doctor"),
    "export": ("assembler.assemble.exports", "export"),
    "fetch": ("assembler.assemble.generating", "fetch"),
    "generate": ("assembler.assemble.generating", "generate"),
    "import_cut": ("assembler.assemble.imports", "import_cut"),
    "keep": ("assembler.assemble.choosing", "keep"),
    "mix": ("assembler.assemble.film", "mix"),
    "plan": ("assembler.assemble.prepare", "plan"),
    "qc": ("assembler.assemble.checks", "qc"),
    "rank_takes": ("assembler.assemble.ranking", "rank_takes"),
    "render": ("assembler.assemble.film", "render"),
    "report": ("assembler.reporting.write", "report"),
    "reroll": ("assembler.assemble.choosing", "reroll"),
    "review": ("assembler.reviewing.review", "review"),
    "schema": ("assembler.assemble.prepare", "schema"),
    "seam": ("assembler.assemble.measuring", "measure"),
    "settle": ("assembler.assemble.takes", "settle"),
    "stitch": ("assembler.assemble.stitch", "stitch"),
    "sync": ("assembler.assemble.masters", "locate"),
    "takes": ("assembler.assemble.takes", "takes"),
    "watch": ("assembler.reviewing.watch", "watch"),
}


def __getattr__(name: str) -> object:
    # Imported on first use: `assembler --help` answers at once.
    if name in _HOMES:
        module, attribute = _HOMES[name]
        return getattr(import_module(module), attribute)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
