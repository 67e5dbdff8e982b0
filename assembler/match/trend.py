"""How a chain's look drifts away from its first link, and whether that shows or will."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

UNSEEN_DE = 1.0
"""Nobody sees a smaller change of colour from clip to clip; nothing is done until it has grown."""
UNSEEN_PART = 0.06
"""The same for contrast and saturation."""
VISIBLE_DE = 3.0
"""A difference of mean colour that a viewer notices between two shots."""
VISIBLE_PART = 0.15
"""The same for contrast, saturation and sharpness, as a part of the anchor's."""


@dataclass(frozen=True, slots=True)
class Drift:
    """How far a link's end has moved away from the chain's first link."""

    colour_de: float
    """Mean dE between the picture as it is and as it would have been."""
    contrast: float
    """Ratio; 1 is no change."""
    saturation: float
    sharpness: float
    """Ratio of fine detail, by the unsharp masking that would bring it back."""

    @property
    def shows(self) -> bool:
        """Whether a viewer would notice it."""
        return self.colour_de > VISIBLE_DE or any(
            abs(r - 1) > VISIBLE_PART for r in (self.contrast, self.saturation, self.sharpness)
        )

    def told(self) -> str:
        """What has drifted, in words; the colours when nothing shows."""
        parts = [f"colours by {self.colour_de:.1f} dE"] if self.colour_de > VISIBLE_DE else []
        for name in ("contrast", "saturation", "sharpness"):
            change = getattr(self, name) - 1
            if abs(change) > VISIBLE_PART:
                parts.append(f"{name} by {change:+.0%}")
        return ", ".join(parts) or f"colours by {self.colour_de:.1f} dE"


def trend(drifts: Sequence[Drift]) -> int | None:
    """
    After how many further links the drift will show, if it goes on as it has.

    Args:
        drifts: What remained at each link's end, in order, from the chain's first link on.

    Returns:
        0 when it shows already, None when it doesn't within the next 20 links.
    """
    if drifts and drifts[-1].shows:
        return 0
    if len(drifts) < 2:
        return None
    for ahead in range(1, 21):
        if expected(drifts, len(drifts) + ahead).shows:
            return ahead
    return None


def expected(drifts: Sequence[Drift], link: int) -> Drift:
    """The drift at the end of link number *link*, if it goes on as it has."""
    squares = sum(n * n for n in range(1, len(drifts) + 1))

    def line(values: list[float], start: float) -> float:
        slope = sum(n * (value - start) for n, value in enumerate(values, 1)) / squares
        return start + slope * link

    return Drift(
        line([d.colour_de for d in drifts], 0.0),
        line([d.contrast for d in drifts], 1.0),
        line([d.saturation for d in drifts], 1.0),
        line([d.sharpness for d in drifts], 1.0),
    )
