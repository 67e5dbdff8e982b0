"""
What a check of a delivered file says: findings with their places, and what was measured.

A render leaves the check of each delivered file beside the project's state, as
``.assembler/reports/<stem>-<hash>.qc.json``; `check_file` names it, and `known_check` reads it:

    check = known_check(project.reports, Path("out/film.mp4"))
    if check is not None:
        for finding in check.findings:
            ...

None means that the file wasn't checked yet, or was changed since.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from assembler.media.files import publish
from assembler.wording import clock

Severity = Literal["error", "warning", "info"]

SEVERITIES: tuple[Severity, ...] = ("error", "warning", "info")
"""Worst first."""

EXIT_CODES: Mapping[str, int] = {"error": 13, "warning": 14, "info": 0}
"""Of `assembler qc`, by the worst finding; 0 when there is none."""

VERSION = 1
"""Raised when checks measure or judge otherwise, so that older ones aren't read."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong with a file, or that a person should look at."""

    severity: Severity
    """An error is a fault of the file; a warning asks for a look; info is good to know."""
    kind: str
    """A stable word: ``repeated-frame``, ``black``, ``click``; docs/qc.md lists all."""
    message: str
    """One sentence."""
    advice: str = ""
    """What to do about it, one sentence."""
    time_s: float | None = None
    """Where it begins; None when it is about the whole file."""
    frame: int | None = None
    """The same as a frame of the file, from 0."""
    length_s: float = 0.0
    """How long it lasts; 0 for a moment."""
    segment: str = ""
    """Segment (or track, title, caption) that it is in; empty when not known."""
    where: str = ""
    """``file:line:col`` of what made it in the timeline; empty without a timeline."""

    def text(self) -> str:
        """Lines for people."""
        place = [f"{self.where}: "] if self.where else []
        if self.time_s is not None:
            place.append(f"at {clock(self.time_s)} (frame {self.frame}) ")
        if self.segment:
            place.append(f"in {self.segment} ")
        head = f"{self.severity} {self.kind} {''.join(place)}".rstrip(": ")
        advice = f"\n  fix: {self.advice}" if self.advice else ""
        return f"{head}: {self.message}{advice}"

    def as_json(self) -> dict[str, Any]:
        """Plain data, all keys always there."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Finding:
        """The same from plain data."""
        return cls(**data)


@dataclass(frozen=True, slots=True)
class Check:
    """Everything found in one file."""

    path: Path
    findings: tuple[Finding, ...]
    """Worst first, then in the order of the film."""
    measures: Mapping[str, Any] = field(default_factory=dict)
    """Numbers by name (see docs/qc.md): frames, rate, seconds, loudness, curves for drawing."""

    @property
    def worst(self) -> Severity | None:
        """The gravest severity found."""
        found = {finding.severity for finding in self.findings}
        return next((severity for severity in SEVERITIES if severity in found), None)

    @property
    def exit_code(self) -> int:
        """For the command line."""
        return EXIT_CODES[self.worst] if self.worst else 0

    def count(self, severity: Severity) -> int:
        """How many findings are that grave."""
        return sum(finding.severity == severity for finding in self.findings)

    def text(self) -> str:
        """Lines for people: each finding with its place and what to do, then the sum."""
        lines = [finding.text() for finding in self.findings]
        counts = [
            f"{count} {severity}" + ("s" if count != 1 and severity != "info" else "")
            for severity in SEVERITIES
            if (count := self.count(severity))
        ]
        return "\n".join([*lines, f"{self.path}: {', '.join(counts) or 'no findings'}"])

    def as_json(self) -> dict[str, Any]:
        """Plain data; what isn't finite is null."""
        return {
            "file": str(self.path),
            "findings": [finding.as_json() for finding in self.findings],
            "measures": _finite(dict(self.measures)),
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Check:
        """The same from plain data."""
        findings = tuple(Finding.from_json(entry) for entry in data["findings"])
        return cls(Path(data["file"]), findings, data["measures"])


def check_file(reports: Path, out: Path) -> Path:
    """Where the check of the delivered file *out* is kept; *reports* is `Project.reports`."""
    return reports / f"{_stem(out)}.qc.json"


def memory_file(reports: Path, out: Path) -> Path:
    """Where it is kept what was seen of *out*."""
    return reports / f"{_stem(out)}.views.npz"


def _stem(out: Path) -> str:
    name = hashlib.sha256(str(out.resolve()).encode()).hexdigest()[:16]
    return f"{out.stem}-{name}"


def keep_check(reports: Path, check: Check) -> None:
    """Remember the check of a file."""
    stat = check.path.stat()
    data = {"version": VERSION, "size": stat.st_size, "mtime_ns": stat.st_mtime_ns}
    with publish(check_file(reports, check.path)) as part:
        text = json.dumps({**data, "check": check.as_json()}, ensure_ascii=False)
        part.write_text(text, encoding="utf-8")


def known_check(reports: Path, out: Path) -> Check | None:
    """The check of *out*, if the file hasn't changed since."""
    try:
        kept = json.loads(check_file(reports, out).read_text(encoding="utf-8"))
        stat = out.stat()
        same = (kept["version"], kept["size"], kept["mtime_ns"]) == (
            VERSION,
            stat.st_size,
            stat.st_mtime_ns,
        )
        return Check.from_json(kept["check"]) if same else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _finite(value: Any) -> Any:
    """*value* without what JSON can't say."""
    if isinstance(value, dict):
        return {key: _finite(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(entry) for entry in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
