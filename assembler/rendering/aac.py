"""
AAC made on several cores: in parts, joined where two encoders' packets may follow one another.

A packet is made of a window over its own samples and those before, and half of what it says is
taken back by the next one (ISO/IEC 14496-3, 4.6.11). That works out between two encoders where both
used the same window for the packet before the join, as they do but for sudden sounds.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import Any

FRAME = 1024
"""Samples of a packet, and by how much the first one comes early."""
PART = 704
"""Packets of a part: 15 s at 48 kHz."""
LEAD = 16
"""Packets that an encoder makes before its part, until its choices don't depend on its start."""
TAIL = 24
"""Packets beyond a part that are made to find a place to join."""
_END = 4
"""Of these so many at the end are made of less sound than they should be."""


class UnlikeError(Exception):
    """Two parts have no place at which one can follow the other."""


def parallel(
    made: Callable[[int, int | None], Iterator[Any]], samples: int
) -> Generator[Any, None, None]:
    """
    Packets of a sound in order.

    Args:
        made: Gives the packets, stamped in samples, of so many samples (None: of all) from one on.
        samples: How many there are.

    Raises:
        UnlikeError: Where two parts can't be joined.
    """

    def part(number: int) -> dict[int, Any]:
        first = max(0, number * PART - LEAD) * FRAME
        last = (number + 1) * PART * FRAME >= samples
        length = None if last else (number + 1) * PART * FRAME + TAIL * FRAME - first
        return {packet.pts // FRAME + 1: packet for packet in made(first, length)}

    parts = max(1, -(-samples // (PART * FRAME)))
    workers = os.cpu_count() or 1
    with ThreadPoolExecutor(workers, "aac") as pool:
        numbers = iter(range(parts))
        coming: deque[Future[dict[int, Any]]] = deque(
            pool.submit(part, n) for n in islice(numbers, workers + 1)
        )
        before: dict[int, Any] = {}
        at = 0
        try:
            for number in range(parts):
                found = coming.popleft().result()
                coming.extend(pool.submit(part, n) for n in islice(numbers, 1))
                join = _join(before, found, number * PART) if number else 0
                yield from (before[n] for n in range(at, join))
                before, at = found, join
            yield from (before[n] for n in sorted(before) if n >= at)
        finally:
            for future in coming:
                future.cancel()


def _join(before: dict[int, Any], after: dict[int, Any], at: int) -> int:
    """The packet from which on the second part is taken."""
    for n in range(at, at + TAIL - _END):
        if n - 1 in before and n in after and n - 1 in after:
            window = window_of(bytes(before[n - 1]))
            if window is not None and window == window_of(bytes(after[n - 1])):
                return n
    raise UnlikeError


def window_of(packet: bytes) -> int | None:
    """
    Sequence and shape of the window of a packet of one or two channels.

    None where two channels have a window each, which lies deeper in the packet.
    """
    bits = int.from_bytes(packet[:3], "big")
    match bits >> 21:
        case 0:  # one channel: its gain comes first
            return bits >> 5 & 7
        case 1 if bits >> 16 & 1:
            return bits >> 12 & 7
        case _:
            return None
