"""Words that messages of every stage are made of."""

from __future__ import annotations


def counted(count: int, noun: str) -> str:
    """
    So many of something.

    >>> counted(1, "frame"), counted(0, "repeated frame")
    ('1 frame', '0 repeated frames')
    """
    return f"{count} {noun}" + ("" if count == 1 else "s")
