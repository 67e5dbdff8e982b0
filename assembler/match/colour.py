"""
Fits a colour correction to pictures that show the same moment.

The correction is a quadratic polynomial. What the pictures don't say is filled in from what
grades usually do (gain, lift, gamma, saturation, a swapped YCbCr matrix): a Gaussian prior over the
coefficients, centred on no change. So colours that are absent from the pictures follow the others
in the way a grade would move them, and don't run away.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from assembler.match.apply import features
from assembler.match.decision import IDENTITY
from assembler.match.features import F32

F64 = NDArray[np.float64]

NOISE = 0.006
"""Usual difference of two low-pass pictures of the same moment, in [0, 1]."""
EFFECTIVE_SAMPLES = 1500.0
"""Neighbouring samples are alike: however many there are, they count no more than so many."""
ROUNDS = 4
"""Rounds of reweighting."""
GRADES = 600
"""So many random grades make up the prior."""


def identity_matrix() -> F64:
    """The (10, 3) matrix that changes nothing."""
    return np.array(IDENTITY, dtype=np.float64)


@lru_cache(maxsize=1)
def prior_precision() -> F64:
    """Inverse covariance of what grades do to the 30 coefficients (column after column)."""
    rng = np.random.default_rng(20)
    axis = np.linspace(0.03, 0.97, 6)
    grid = np.stack(np.meshgrid(axis, axis, axis, indexing="ij"), axis=-1).reshape(-1, 3)
    solve = np.linalg.pinv(np.asarray(features(grid), dtype=np.float64))
    changes = solve @ _graded(grid, rng.standard_normal((GRADES, 20))) - identity_matrix()
    offs = changes.transpose(0, 2, 1).reshape(GRADES, 30)
    covariance = offs.T @ offs / GRADES + np.eye(30) * 1e-6
    return np.asarray(np.linalg.inv(covariance))


def _graded(rgb: F64, draws: F64) -> F64:
    """Colours (n, 3) through grades of the kind that generators and decoders add, (k, n, 3)."""
    each = draws[:, None, :]
    gamma = np.exp(0.10 * each[..., :1] + 0.03 * each[..., 1:4])
    out = rgb**gamma * np.exp(0.07 * each[..., 4:7]) + 0.03 * each[..., 7:10]
    luma = (out @ np.array([0.2126, 0.7152, 0.0722]))[..., None]
    out = luma + (out - luma) * np.exp(0.13 * each[..., 10:11])
    return np.asarray(out @ (np.eye(3) + 0.02 * draws[:, 11:].reshape(-1, 3, 3)))


def fit(seen: F32, wanted: F32, *, noise: float = NOISE, reach: float = 1.0) -> F64:
    """
    (10, 3) matrix that takes colours *seen* in B to those *wanted* from A.

    Args:
        seen: float32 encoded R'G'B' in [0, 1], (n, 3), low-pass.
        wanted: The same places in A.
        noise: Difference to be expected where the correction is right.
        reach: Scales the prior's standard deviation: small keeps near no change.
    """
    rows = np.asarray(features(seen.astype(np.float64)), dtype=np.float64)
    target = wanted.astype(np.float64)
    matrix = _posterior(rows, target, np.ones(len(rows)), noise, reach)
    for _ in range(ROUNDS - 1):
        trust = biweight(np.abs(rows @ matrix - target).max(axis=1))
        matrix = _posterior(rows, target, trust, noise, reach)
    return matrix


def _posterior(rows: F64, target: F64, trust: F64, noise: float, reach: float) -> F64:
    total = float(trust.sum())
    scale = min(1.0, EFFECTIVE_SAMPLES / max(total, 1e-9)) / noise**2
    weighted = rows * (trust * scale)[:, None]
    normal = weighted.T @ rows
    right = weighted.T @ (target - rows[:, :3])
    system = np.kron(np.eye(3), normal) + prior_precision() / reach**2
    return identity_matrix() + np.linalg.solve(system, right.T.ravel()).reshape(3, 10).T


def biweight(apart: F64) -> F64:
    """Tukey's weights; places that differ for another reason (occlusion, motion) lose theirs."""
    limit = 4.7 * max(1.4826 * float(np.median(apart)), 0.002)
    return np.asarray(np.clip(1 - (apart / limit) ** 2, 0, None) ** 2)


def rows_of(matrix: F64) -> tuple[tuple[float, float, float], ...]:
    """A (10, 3) matrix as plain numbers."""
    return tuple((float(r), float(g), float(b)) for r, g, b in matrix)
