"""Corrections applied to pictures."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from assembler.match.apply import (
    affine_at,
    array_frames,
    constant_part,
    corrected,
    cube,
    part_affine,
    pixel_affine,
)
from assembler.match.decision import (
    IDENTITY,
    NO_CORRECTION,
    ColourFix,
    ColourStep,
    Correction,
    SeamDecision,
    correction_from_json,
    correction_to_json,
    decision_from_json,
    decision_to_json,
)
from tests.match.conftest import picture

LIFT = (*IDENTITY[:9], (0.05, 0.0, -0.05))
POP = ColourStep((*(((0.0, 0.0, 0.0),) * 9), (0.1, 0.1, 0.1)), (1.0, 0.5, 0.0))
FULL = Correction(ColourFix(LIFT, steps=(POP,)), (1.01, 0, -0.002, 0, 1.005, 0.001), 0.4)


def test_no_correction_returns_the_picture() -> None:
    """A neutral correction doesn't touch a bit."""
    rgb = picture(1)
    assert corrected(rgb, NO_CORRECTION, 0) is rgb


@pytest.mark.parametrize("width", [320, 1280])
def test_affine_means_the_same_at_every_size(width: int) -> None:
    """Parts of width survive the way to pixels and back."""
    size = (width, width * 9 // 16)
    there = pixel_affine(FULL.affine or (), size)
    assert np.allclose(part_affine(there, size), FULL.affine or ())
    centre = there @ np.array([width / 2 - 0.5, 0, 1])
    assert (centre[0] + 0.5) / width == pytest.approx(1.01 / 2 - 0.002)


def test_cube_does_what_corrected_does_at_rest() -> None:
    """The LUT's corners and the arrays agree once the pop is over."""
    fix = FULL.colour
    assert fix is not None
    lut = cube(fix, 17)
    at = np.array([[[4 / 16, 8 / 16, 12 / 16]]], dtype=np.float32)
    assert np.allclose(lut[4, 8, 12], corrected(at, Correction(fix), 9)[0, 0], atol=1e-6)


def test_frames_that_change_need_arrays() -> None:
    """The pop's frames are made by arrays; after them the constant part is the same."""
    assert array_frames(FULL, 100) == 2
    rgb = picture(2)
    assert np.allclose(corrected(rgb, FULL, 2), corrected(rgb, constant_part(FULL), 0), atol=1e-6)


def test_a_static_correction_needs_no_arrays() -> None:
    """LUT, transform and sharpening suffice."""
    assert array_frames(Correction(ColourFix(LIFT)), 100) == 0


def test_a_decaying_offset_needs_arrays_until_it_is_gone() -> None:
    """The simple decay of a fix counts as change, too."""
    fix = ColourFix(LIFT, decay=(0.05, 0.05, 0.05), tau_frames=4.0)
    frames = array_frames(Correction(fix), 100)
    rgb = picture(3)
    rest = corrected(rgb, constant_part(Correction(fix)), 0)
    assert 0 < frames < 30
    assert np.abs(corrected(rgb, Correction(fix), frames) - rest).max() < 1 / 512


def test_released_correction_ends_in_nothing() -> None:
    """Its constant part is no correction."""
    released = replace(FULL, release_frames=10)
    assert array_frames(released, 100) == 10
    assert constant_part(released).neutral


def test_output_stays_in_gamut() -> None:
    """Sharpening and offsets don't leave [0, 1]."""
    out = corrected(np.float32(np.random.default_rng(1).uniform(size=(40, 60, 3))), FULL, 0)
    assert out.min() >= 0
    assert out.max() <= 1


def test_no_transform_without_affine() -> None:
    """`affine_at` says so."""
    assert affine_at(Correction(ColourFix(LIFT)), (64, 36)) is None


def test_decisions_survive_json() -> None:
    """What is cached comes back equal."""
    decision = SeamDecision(
        "a>b", True, 0.9, 3, 40, 3, (5, 7), 1, 2, FULL, {"dE": 4.0}, {"dE": 0.3}, ("a note",)
    )
    text = json.dumps(decision_to_json(decision))
    assert decision == decision_from_json(json.loads(text))
    assert correction_from_json(json.loads(json.dumps(correction_to_json(FULL)))) == FULL
