"""Flashes after ITU-R BT.1702 in simple form."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from assembler.checking.flashing import flashing


def _square(
    hz: float, *, seconds: float = 3, fps: int = 24, high: float = 0.9
) -> NDArray[np.float16]:
    """Pictures of 9 x 16 fields that turn bright and dark."""
    n = np.arange(int(seconds * fps))
    light = np.where((n * hz * 2 / fps).astype(int) % 2, high, 0.2)
    return np.broadcast_to(light[:, None, None], (len(n), 9, 16)).astype(np.float16)


def _none(fields: NDArray[np.float16]) -> NDArray[np.float16]:
    return np.zeros_like(fields)


@pytest.mark.parametrize(("hz", "count"), [(10, 1), (5, 1), (2, 0)])
def test_more_than_three_flashes_a_second_are_too_many(hz: float, count: int) -> None:
    """Ten and five are, two are not."""
    fields = _square(hz)
    found = flashing(fields, _none(fields), 24)
    assert len(found) == count
    assert all(flash.start <= 3 and flash.per_second > 3 for flash in found)


def test_small_and_weak_changes_are_no_flashes() -> None:
    """A tenth of the picture, or some cd/m², harm nobody."""
    small = _square(10).copy()
    small[:, :, 2:] = 0.2
    weak = _square(10, high=0.28)
    assert not flashing(small, _none(small), 24)
    assert not flashing(weak, _none(weak), 24)


def test_fades_are_no_flashes() -> None:
    """Four times up and down in three seconds, but slowly."""
    n = np.arange(72)
    light = 0.55 + 0.35 * np.sin(n / 72 * 8 * np.pi)
    fields = np.broadcast_to(light[:, None, None], (72, 9, 16)).astype(np.float16)
    assert not flashing(fields, _none(fields), 24)


def test_saturated_red_flashes_count_by_themselves() -> None:
    """Though their luma hardly changes."""
    red = _square(8, high=0.8) - np.float16(0.2)
    found = flashing(np.full_like(red, 0.2), red, 24)
    assert [flash.red for flash in found] == [True]
