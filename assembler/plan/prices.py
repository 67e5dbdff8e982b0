"""What a link costs, by the price list of its model."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

from assembler.spec.presets import GenerationKind, ModelPreset, Price


def price_of(
    model: ModelPreset,
    *,
    provider: str,
    resolution: str,
    audio: bool,
    kind: GenerationKind,
    length_s: Fraction,
) -> Decimal | None:
    """Price in US dollars by the first entry that fits; None when there is none."""
    for price in model.prices:
        wanted = ((price.resolution, resolution), (price.audio, audio), (price.kind, kind))
        if price.provider == provider and all(a is None or a == b for a, b in wanted):
            return _amount(price, length_s)
    return None


def _amount(price: Price, length_s: Fraction) -> Decimal | None:
    if price.usd_per_s is not None:
        return price.usd_per_s * length_s.numerator / length_s.denominator
    if length_s.denominator == 1:
        return price.usd_per_clip.get(int(length_s))
    return None
