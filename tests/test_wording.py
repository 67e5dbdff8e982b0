"""Numbers and times as people read them."""

from __future__ import annotations

import pytest

from assembler.checking.model import Finding
from assembler.wording import clock


@pytest.mark.parametrize(
    ("seconds", "decimals", "says"),
    [
        (0, 3, "0:00.000"),
        (59.9994, 3, "0:59.999"),
        (59.9996, 3, "1:00.000"),
        (59.996, 2, "1:00.00"),
        (62.4576, 3, "1:02.458"),
        (3599.9996, 3, "1:00:00.000"),
        (3661.5, 2, "1:01:01.50"),
    ],
)
def test_a_minute_has_no_sixtieth_second(seconds: float, decimals: int, says: str) -> None:
    assert clock(seconds, decimals) == says


def test_a_finding_says_where_it_is() -> None:
    found = Finding("error", "black-frames", "it is black", "", time_s=59.9996, frame=1440)
    assert found.text() == "error black-frames at 1:00.000 (frame 1440): it is black"
