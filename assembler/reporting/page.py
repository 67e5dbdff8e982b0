"""
The report as one HTML page that needs nothing but itself.

    Path("report.html").write_text(page(report), encoding="utf-8")

Every word that comes from outside (titles, prompts, names) is escaped by the templates, and the
page runs no script but its own: its Content-Security-Policy names that by hash.

Elements carry ids made by `model.anchor` and data attributes, by which the review finds them:

    data-segment="dawn"   data-link="dawn.2"   data-take="dawn.2.1"   data-seam="dawn.1>dawn.2"

and its script finds `window.report`: `seams` (a list of `{id, anchor, frame}`), `rate`, `frames`,
`show(anchor)`, `play(from_s, to_s)` and `seek(s)`.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

from jinja2 import ChoiceLoader, DictLoader, Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from assembler.planning.explain import money
from assembler.reporting import drawing
from assembler.reporting.drawing import drift_charts
from assembler.reporting.model import Live, Picture, Report, Seam, anchor
from assembler.wording import clock, counted

PICTURES_BYTES = 11_000_000
"""Pictures of seams may take so much of a page."""
TEMPLATES = Path(__file__).parent / "templates"


def page(report: Report, live: Live | None = None) -> str:
    """
    The page.

    Args:
        report: What it shows.
        live: What a server adds to it; without it the page is a file that opens from disk.
    """
    environment = _environment(live.template if live else "")
    script, style = _text("page.js"), _text("page.css")
    report = replace(report, seams=within(report.seams, PICTURES_BYTES))
    return environment.get_template("page.html").render(
        report=report,
        live=live,
        script=Markup(script),
        style=Markup(style),
        policy="" if live else _policy(script),
        data=_data(report, live),
        counts=_counts(report),
        seam_of={seam.after: seam for seam in report.seams},
        worst=sorted(report.seams, key=lambda seam: seam.rank),
    )


def _policy(script: str) -> str:
    """Nothing is loaded but what is in the page, and the film beside it."""
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode("ascii")
    return (
        f"default-src 'none'; script-src 'sha256-{digest}'; style-src 'unsafe-inline'; "
        "img-src data:; media-src 'self' file:; base-uri 'none'; form-action 'none'"
    )


def _data(report: Report, live: Live | None) -> Mapping[str, Any]:
    """What the page's script has to know."""
    return {
        "rate": float(report.rate),
        "frames": report.frames,
        "seconds": report.seconds,
        "seams": [{"id": s.id, "anchor": s.anchor, "frame": s.frame} for s in report.seams],
        "live": dict(live.data) if live else None,
    }


def within(seams: Sequence[Seam], most_bytes: int) -> tuple[Seam, ...]:
    """*seams* with the pictures of the worst ones, as far as these take no more than so much."""
    left, drawn = most_bytes, set()
    for seam in sorted(seams, key=lambda seam: seam.rank):
        left -= sum(len(picture.src) for picture in _pictures(seam))
        if left < 0:
            break
        drawn.add(seam.id)
    why = f"the {len(drawn)} worst of {len(seams)} seams have theirs"
    return tuple(
        seam if seam.id in drawn else replace(seam, sight=None, left_out=why) for seam in seams
    )


def _pictures(seam: Seam) -> Iterator[Picture]:
    sight = seam.sight
    if sight is not None:
        frames = (sight.last, sight.first, sight.first_came, *sight.came, *sight.joined)
        yield from (frame.picture for frame in frames if frame is not None)


def _counts(report: Report) -> Mapping[str, int]:
    """Seams by grade."""
    grades = [seam.grade for seam in report.seams]
    return {grade: grades.count(grade) for grade in ("good", "fair", "poor", "unmatched")}


def _environment(live: str) -> Environment:
    environment = Environment(
        loader=ChoiceLoader([FileSystemLoader(TEMPLATES), DictLoader({"live.html": live})]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "clock": partial(clock, decimals=2),
        "seconds": _seconds,
        "money": money,
        "share": _share,
        "size": _size,
        "line": drawing.line,
        "wave": drawing.wave,
        "duck": drawing.hanging,
        "count": counted,
        "words": words,
    }
    environment.globals |= {
        "anchor": anchor,
        "ruler": drawing.ruler,
        "ticks": drawing.ticks,
        "largest": _largest,
        "curve": drawing.curve,
        "drift_charts": drift_charts,
    }
    return environment


@lru_cache(maxsize=8)
def _text(name: str) -> str:
    return (TEMPLATES / name).read_text(encoding="utf-8")


def _seconds(seconds: float) -> str:
    """A length of work in words."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    minutes = round(whole / 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02d} min"


def _share(value: float, whole: float) -> str:
    """A part of a whole in per cent, for CSS."""
    return f"{100 * value / whole:.4f}".rstrip("0").rstrip(".") if whole else "0"


def words(text: str) -> Markup:
    """*text* for people, with what stands in backticks as code."""
    parts = text.split("`")
    if len(parts) % 2 == 0:
        return escape(text)
    return Markup("").join(
        Markup("<code>{}</code>").format(part) if n % 2 else part for n, part in enumerate(parts)
    )


def _size(count: int) -> str:
    """Bytes in words."""
    return f"{count / 1e6:.1f} MB" if count >= 1e5 else f"{count / 1e3:.1f} kB"


def _largest(*rows: Sequence[float]) -> float:
    return max((max(row, default=0.0) for row in rows), default=0.0)
