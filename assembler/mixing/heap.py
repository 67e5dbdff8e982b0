"""
Freed memory that stays ours while the mix works on blocks of the same size.

glibc gives the top of its heap back to the system whenever enough of it is free. Arrays of two
seconds are enough, so that each one is mapped and zeroed anew: a sixth of the time of a mix.
"""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
"""Numbers of mallopt(3)."""
_MMAPPED = 32 << 20
"""Larger pieces are mapped by themselves; the highest that glibc comes to on its own."""
_KEPT, _KEPT_AFTER = 256 << 20, 2 * _MMAPPED


@contextmanager
def heap_kept() -> Iterator[None]:
    """Keep what is freed for what comes next; nothing changes where there is no glibc."""
    try:
        libc = ctypes.CDLL(None)
        mallopt, malloc_trim = libc.mallopt, libc.malloc_trim
    except (AttributeError, OSError, TypeError):
        yield
        return
    mallopt(_MMAP_THRESHOLD, _MMAPPED)
    mallopt(_TRIM_THRESHOLD, _KEPT)
    try:
        yield
    finally:
        mallopt(_TRIM_THRESHOLD, _KEPT_AFTER)
        malloc_trim(0)
