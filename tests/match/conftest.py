"""Moving pictures with known faults, made in memory."""

from __future__ import annotations

from fractions import Fraction

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from assembler.match.decision import SeamDecision
from assembler.match.engine import decide
from assembler.spec.model import SeamOverride
from assembler.spec.presets import SeamPreset

F32 = NDArray[np.float32]
INVISIBLE = SeamPreset(id="invisible", title="Invisible")
SIZE = (320, 192)


def picture(seed: int, size: tuple[int, int] = (520, 360)) -> F32:
    """A still of soft blobs and fine texture, float32 RGB in [0.1, 0.9]."""
    rng = np.random.default_rng(seed)
    out = np.zeros((size[1], size[0], 3), dtype=np.float32)
    for sigma, gain in ((40, 1.0), (12, 0.7), (4, 0.5), (1.5, 0.35)):
        layer = rng.normal(size=out.shape).astype(np.float32)
        layer = cv2.GaussianBlur(layer, (0, 0), sigma)
        out += gain * layer / layer.std()
    low, high = np.percentile(out, (1, 99))
    return np.clip(0.1 + 0.8 * (out - low) / (high - low), 0.1, 0.9).astype(np.float32)


def shot(frames: int, seed: int = 1, speed: float = 1.6) -> F32:
    """A pan over one still with something that moves by itself, and a little noise."""
    still, thing = picture(seed), picture(seed + 100, (60, 60))
    rng = np.random.default_rng(seed + 7)
    out = []
    for n in range(frames):
        move = np.float32([[1, 0, -10 - speed * n], [0, 1, -20 - 0.4 * n]])
        frame = cv2.warpAffine(still, move, SIZE, borderMode=cv2.BORDER_REFLECT)
        x, y = int(30 + 2.7 * n) % (SIZE[0] - 60), int(90 + 30 * np.sin(n / 5))
        frame[y : y + 60, x : x + 60] = thing
        out.append(frame + rng.normal(0, 0.003, frame.shape).astype(np.float32))
    return np.clip(np.stack(out), 0, 1).astype(np.float32)


def noisy(frames: F32, seed: int = 5) -> F32:
    """The frames as another encoding of them would come."""
    rng = np.random.default_rng(seed)
    return np.clip(frames + rng.normal(0, 0.003, frames.shape), 0, 1).astype(np.float32)


def joined(tail: F32, head: F32, **override: object) -> SeamDecision:
    """The decision for a clip A that is *tail*, with the most willing preset."""
    return decide(
        tail,
        head,
        a_frames=len(tail),
        rate=Fraction(24),
        preset=INVISIBLE,
        override=SeamOverride(**override),  # type: ignore[arg-type]  # keys by name
    )


@pytest.fixture(scope="session")
def take() -> F32:
    """A continuous shot of 66 frames, to be cut at frame 30."""
    return shot(66)
