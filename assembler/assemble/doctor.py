"""What is installed, what is missing, and where things lie."""

from __future__ import annotations

import os
import platform
import re
import shutil
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path
from typing import Any, Literal

from assembler.errors import AssemblerError, MissingProgramError
from assembler.media import ffmpeg
from assembler.rendering.hardware import CHIPS, SPOKEN, fault_of
from assembler.spec.data import data_folder

FILTERS = (
    "zscale",
    "tonemap",
    "xfade",
    "lut3d",
    "lut1d",
    "chromakey",
    "subtitles",
    "overlay",
    "tpad",
)
ENCODERS = (
    "libx264",
    "libx265",
    "libsvtav1",
    "prores_ks",
    "dnxhd",
    "ffv1",
    "aac",
    "libopus",
    "flac",
)
LEAST_FREE_GB = 2.0


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at."""

    name: str
    state: Literal["ok", "missing", "warning"]
    detail: str
    fix: str = ""


@dataclass(frozen=True, slots=True)
class Findings:
    """Everything looked at."""

    rows: tuple[Finding, ...]

    @property
    def exit_code(self) -> int:
        """0 when nothing that is needed is missing."""
        missing = any(row.state == "missing" for row in self.rows)
        return MissingProgramError.exit_code if missing else 0

    def text(self) -> str:
        """A line each."""
        mark = {"ok": "ok     ", "missing": "MISSING", "warning": "note   "}
        lines = [
            f"{mark[row.state]} {row.name}: {row.detail}"
            + (f"\n  fix: {row.fix}" if row.fix else "")
            for row in self.rows
        ]
        return "\n".join(lines)

    def data(self) -> dict[str, Any]:
        """For JSON."""
        return {"findings": [asdict(row) for row in self.rows]}


def doctor() -> Findings:
    """Look at programs, packages, presets and disk."""
    return Findings((_python(), *_ffmpeg(), *_packages(), _data(), _disk(Path.cwd())))


def _python() -> Finding:
    return Finding("python", "ok", f"{platform.python_version()} on {platform.platform()}")


def _ffmpeg() -> list[Finding]:
    try:
        rows = [Finding("ffmpeg", "ok", f"{ffmpeg.version()} at {ffmpeg.exe()}")]
    except AssemblerError as error:
        return [Finding("ffmpeg", "missing", error.what, error.fix)]
    absent = [f for f in FILTERS if not ffmpeg.has_filter(f)]
    absent += [e for e in ENCODERS if not ffmpeg.has_encoder(e)]
    if absent:
        fix = "unset ASSEMBLER_FFMPEG to use the ffmpeg that comes with the package"
        rows.append(
            Finding("ffmpeg parts", "missing", f"without {', '.join(absent)}", fix)
            if os.environ.get("ASSEMBLER_FFMPEG")
            else Finding("ffmpeg parts", "warning", f"without {', '.join(absent)}")
        )
    else:
        rows.append(Finding("ffmpeg parts", "ok", "all filters and encoders that are used"))
    chips = [SPOKEN[chip] for chip in CHIPS if not fault_of(f"h264_{chip}")]
    rows.append(Finding("graphics chip", "ok", ", ".join(chips) or "none that encodes"))
    return rows


def _packages() -> Iterator[Finding]:
    try:
        needed = requires("assembler") or []
    except PackageNotFoundError:
        fix = "install assembler with pip, so that what it needs is known"
        yield Finding("packages", "warning", "assembler runs without being installed", fix)
        return
    for needs in needed:
        package, _, condition = (text.strip() for text in needs.partition(";"))
        if "extra" not in condition:
            yield _package(package, always=not condition)


def _package(needs: str, *, always: bool) -> Finding:
    name = re.split(r"[^\w.-]", needs, maxsplit=1)[0]
    try:
        return Finding(name, "ok", version(name))
    except PackageNotFoundError:
        fix = f'{sys.executable} -m pip install "{needs}"'
        if always:
            return Finding(name, "missing", "not installed", fix)
        return Finding(name, "warning", "not installed; there may be none for this Python", fix)


def _data() -> Finding:
    found = {kind: len(list((data_folder("presets") / kind).glob("*.yaml"))) for kind in KINDS}
    detail = ", ".join(f"{count} {kind}" for kind, count in found.items())
    return Finding("presets", "ok" if all(found.values()) else "missing", detail)


KINDS = ("models", "delivery", "mix", "seam", "titles")


def _disk(folder: Path) -> Finding:
    free_gb = shutil.disk_usage(folder).free / 1e9
    if free_gb < LEAST_FREE_GB:
        return Finding(
            "disk", "warning", f"{free_gb:.1f} GB free here", "make room before rendering"
        )
    return Finding("disk", "ok", f"{free_gb:.0f} GB free here")
