"""Collects everything that is wrong with a plan, each with its place in the timeline."""

from __future__ import annotations

from typing import Protocol

from assembler.errors import PlanError, Problem
from assembler.spec.model import Timeline


class Loaded(Protocol):
    """A timeline that knows where in its file each value stands."""

    @property
    def timeline(self) -> Timeline:
        """The checked timeline."""

    def where(self, *loc: str | int) -> str:
        """``file:line:col`` of a value, or of the nearest thing around it."""


class Problems:
    """The problems found so far."""

    def __init__(self, loaded: Loaded) -> None:
        self._loaded = loaded
        self._found: list[Problem] = []

    def add(self, what: str, fix: str, *loc: str | int) -> None:
        """Note one problem at the place of a value."""
        file, line, column = self._loaded.where(*loc).rsplit(":", 2)
        self._found.append(Problem(file, int(line), int(column), what, fix))

    def __len__(self) -> int:
        return len(self._found)

    def raise_any(self) -> None:
        """
        Raise what was found.

        Raises:
            PlanError: If anything was.
        """
        if self._found:
            raise PlanError(tuple(dict.fromkeys(self._found)))
