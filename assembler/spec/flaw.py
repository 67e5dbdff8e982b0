"""
A value that is wrong, with how to fix it: what the models raise and the loader gives a place.

    >>> did_you_mean("dissolv", ["cut", "dissolve"])
    "did you mean 'dissolve'?"
"""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from itertools import islice
from typing import NamedTuple

SHOWN = 60
"""Characters of a value that a message shows."""

MAX_KNOWN = 1000
"""Names that an unknown one is compared with."""


class Flaw(NamedTuple):
    """One thing wrong with a value."""

    what: str
    fix: str = ""
    key: str = ""
    """Key inside the value that it is about; empty for the value itself."""
    given: str = ""
    known: tuple[str, ...] = ()
    """Names of which one may be meant by *given*; looked through when the flaw is told."""

    @property
    def advice(self) -> str:
        """The fix, or the name that was most likely meant."""
        return did_you_mean(self.given, self.known, self.fix) if self.known else self.fix


class FlawedValueError(ValueError):
    """A value has one flaw or more. A ValueError, so that pydantic collects it with its place."""

    def __init__(self, *flaws: Flaw) -> None:
        super().__init__(*flaws)
        self.flaws = flaws

    def __str__(self) -> str:
        return "; ".join(f.what for f in self.flaws)


def flawed(what: str, fix: str = "", key: str = "") -> FlawedValueError:
    """The error of a value with a single flaw."""
    return FlawedValueError(Flaw(what, fix, key))


def shown(value: object) -> str:
    """*value* as a message shows it: quoted and short."""
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, (list, tuple)):
        return "a list"
    if value is None:
        return "nothing"
    text = str(value)
    return repr(text if len(text) <= SHOWN else text[: SHOWN - 1] + "…")


def closest(name: str, known: Iterable[str], *, cutoff: float = 0.6) -> str | None:
    """The known name that *name* most likely means; case and hyphens don't count."""
    few = [k for k in islice(known, MAX_KNOWN) if len(k) <= 2 * SHOWN]
    by_form = {_form(k): k for k in reversed(few)}
    near = get_close_matches(_form(name[: 2 * SHOWN]), by_form, n=1, cutoff=cutoff)
    return by_form[near[0]] if near else None


def did_you_mean(name: str, known: Iterable[str], else_: str = "") -> str:
    """A question after the nearest known name, or *else_* when none is near."""
    near = closest(name, known)
    return f"did you mean {near!r}?" if near else else_


def one_of(names: Iterable[str]) -> str:
    """The names as a list in words."""
    *most, last = names
    return f"{', '.join(most)} or {last}" if most else last


def _form(name: str) -> str:
    return name.casefold().replace("_", "-").replace(" ", "-")
