"""
How many links a stretch needs, and how long each is: exact arithmetic, nothing else.

    >>> yields = Yield(model_rate=Fraction(24), extra=1, rate=Fraction(24))
    >>> chain(960, Span(3, 15), yields)
    (14, 13, 13)

A model returns rate x seconds + extra frames. The first link of a chain shows all of them; a link
that starts on the end frame of another repeats that frame, which is not shown again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from math import ceil, floor


@dataclass(frozen=True, slots=True)
class Span:
    """All whole seconds from *low* to *high*, both included."""

    low: int
    high: int


@dataclass(frozen=True, slots=True)
class Yield:
    """What comes back for a length, in the model's own frames and at the programme's rate."""

    model_rate: Fraction
    extra: int
    """Frames beyond rate x seconds."""
    rate: Fraction
    """Of the programme."""

    def frames(self, length_s: Fraction | int) -> int:
        """The model's own frames for a length; a part of a frame counts as one."""
        return ceil(self.model_rate * length_s) + self.extra

    def visible(self, length_s: Fraction | int) -> int:
        """Programme frames that show something of a clip of that length."""
        return ceil(self.frames(length_s) * self.rate / self.model_rate)

    @property
    def repeat(self) -> int:
        """Programme frames that show the model's first frame."""
        return ceil(self.rate / self.model_rate)

    def chain(self, lengths: tuple[int, ...], *, handed: bool = False) -> int:
        """Programme frames of a chain; *handed* when its first link repeats a frame, too."""
        repeats = len(lengths) - (0 if handed else 1)
        shown = sum(n * self.visible(length) for length, n in Counter(lengths).items())
        return shown - repeats * self.repeat


Lengths = Span | tuple[int, ...]
"""The seconds that a model makes: a span, or the only ones there are."""


@lru_cache(maxsize=4096)
def chain(
    need: int,
    lengths: Lengths,
    yields: Yield,
    *,
    handed: bool = False,
    last: tuple[int, ...] = (),
    first: tuple[Lengths, Yield] | None = None,
) -> tuple[int, ...]:
    """
    Lengths in seconds that together show at least *need* programme frames.

    The fewest seconds come first, then the fewest links, then the most even lengths, longer ones
    in front. Where the repeated frames alone would cost more than a second (a model that makes
    only 5 or 10 s), the chain may be short by them.

    Args:
        need: Programme frames wanted, at least 1.
        lengths: What the model makes.
        yields: Frame counts of model and programme.
        handed: Whether the first link repeats the end frame of something before it.
        last: The only lengths that the last link may have; empty when any will do.
        first: What the model makes for the first link, where that differs (from words alone it may
            have another rate than from an image).

    Raises:
        ValueError: If *last* has no length that the model makes.
    """
    if first and first != (lengths, yields):
        return _beginning(need, lengths, yields, handed, last, first)
    if last:
        return _ending(need, lengths, yields, handed, last)
    strict = _cheapest(need, lengths, yields, handed)
    missed = (len(strict) - (0 if handed else 1)) * yields.repeat
    if yields.extra == 0 and need > missed:
        lenient = _cheapest(need - missed, lengths, yields, handed)
        if sum(lenient) < sum(strict) - 1:
            return lenient
    return strict


def _made(lengths: Lengths) -> Sequence[int]:
    return range(lengths.low, lengths.high + 1) if isinstance(lengths, Span) else lengths


def _best(chains: list[tuple[int, ...]]) -> tuple[int, ...]:
    return min(chains, key=lambda c: (sum(c), len(c), max(c) - min(c), -c[0]))


def _beginning(
    need: int,
    lengths: Lengths,
    yields: Yield,
    handed: bool,
    last: tuple[int, ...],
    first: tuple[Lengths, Yield],
) -> tuple[int, ...]:
    chains: list[tuple[int, ...]] = []
    for length in _made(first[0]):
        left = need - first[1].chain((length,), handed=handed)
        if left > 0:
            chains.append((length, *chain(left, lengths, yields, handed=True, last=last)))
        elif not last or length in last:
            chains.append((length,))
    if not chains:
        raise ValueError(f"the model makes none of {last}")
    return _best(chains)


def _ending(
    need: int, lengths: Lengths, yields: Yield, handed: bool, last: tuple[int, ...]
) -> tuple[int, ...]:
    possible = [length for length in last if length in _made(lengths)]
    if not possible:
        raise ValueError(f"the model makes none of {last}")
    chains: list[tuple[int, ...]] = []
    for length in possible:
        if yields.chain((length,), handed=handed) >= need:
            chains.append((length,))
        else:
            rest = need - yields.visible(length) + yields.repeat
            chains.append((*chain(max(1, rest), lengths, yields, handed=handed), length))
    return _best(chains)


def _cheapest(need: int, lengths: Lengths, yields: Yield, handed: bool) -> tuple[int, ...]:
    found = _spans(need, lengths, yields) if isinstance(lengths, Span) else _sums(lengths)
    return next(chosen for chosen in found if yields.chain(chosen, handed=handed) >= need)


def _spans(need: int, span: Span, yields: Yield) -> Iterator[tuple[int, ...]]:
    """Even splits of every total that may be enough, smallest total first."""
    most_links = ceil(need / yields.rate / span.high) + 1
    gained_s = most_links * (Fraction(yields.extra + 1) / yields.model_rate + 1 / yields.rate)
    total = max(span.low, floor(need / yields.rate - gained_s))
    while True:
        links = ceil(Fraction(total, span.high))
        if links * span.low <= total:
            yield even(total, links)
        total += 1


def even(total: int, parts: int) -> tuple[int, ...]:
    """*total* in *parts* that differ by at most one, the larger in front."""
    base, rest = divmod(total, parts)
    return (base + 1,) * rest + (base,) * (parts - rest)


def _sums(choices: tuple[int, ...]) -> Iterator[tuple[int, ...]]:
    """The shortest and then most even way to every total that *choices* add up to, in order."""
    best: dict[int, tuple[int, int, int]] = {0: (0, 0, 0)}
    total = 0
    while True:
        total += 1
        ways = [
            (best[total - one][0] + 1, best[total - one][1] + one * one, one)
            for one in choices
            if total - one in best
        ]
        if ways:
            best[total] = min(ways)
            yield _walk(best, total)


def _walk(best: dict[int, tuple[int, int, int]], total: int) -> tuple[int, ...]:
    taken = []
    while total:
        taken.append(best[total][2])
        total -= taken[-1]
    return tuple(sorted(taken, reverse=True))


def pieces(
    need: int, longest_s: Fraction | None, yields: Yield, *, handed: bool = False
) -> tuple[tuple[int, Fraction], ...]:
    """
    Even stretches of a recording for a model whose clips are as long as what they hear.

    Returns:
        Of each link the programme frames that it adds, and its length in seconds, which includes
        the repeated start frame.

    Raises:
        ValueError: If *longest_s* leaves no room for a new frame.
    """
    limit = need + yields.repeat if longest_s is None else floor(longest_s * yields.rate)
    if limit <= yields.repeat:
        raise ValueError("the model's longest recording is shorter than two frames")
    repeats = (yields.repeat if handed else 0, yields.repeat)
    links = max(1, ceil(Fraction(need + repeats[0] - repeats[1], limit - repeats[1])))
    shares = even(need, links)
    while shares[0] + max(repeats if links > 1 else repeats[:1]) > limit:
        links += 1
        shares = even(need, links)
    heads = (repeats[0], *(repeats[1] for _ in shares[1:]))
    return tuple(
        (share, Fraction(share + head) / yields.rate)
        for share, head in zip(shares, heads, strict=True)
    )
