"""Words that messages of every stage are made of."""

from __future__ import annotations


def counted(count: int, noun: str) -> str:
    """
    So many of something.

    >>> counted(1, "frame"), counted(0, "repeated frame")
    ('1 frame', '0 repeated frames')
    """
    return f"{count} {noun}" + ("" if count == 1 else "s")


def clock(seconds: float, decimals: int = 3) -> str:
    """
    A place in a film as people read it, with hours where there are any.

    >>> clock(62.4576), clock(59.9996), clock(3661.5, 2)
    ('1:02.458', '1:00.000', '1:01:01.50')
    """
    parts = 10**decimals
    minutes, rest = divmod(round(seconds * parts), 60 * parts)
    hours, minutes = divmod(minutes, 60)
    head = f"{hours}:{minutes:02d}" if hours else f"{minutes}"
    return f"{head}:{rest / parts:0{decimals + 3}.{decimals}f}"
