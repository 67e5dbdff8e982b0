"""What the handoffs of a plan's takes tell: trimmed tails, and drift that shows or will show."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise

from assembler.generation.takes import started_on
from assembler.match.trend import UNSEEN_DE, Drift, expected, trend
from assembler.planning.clips import Handed
from assembler.planning.model import Handoff, Link, Plan
from assembler.planning.project import Project


def trimmed(plan: Plan, project: Project, numbers: Mapping[str, int]) -> Iterator[str]:
    """
    Which clips' ends are left out, and which takes start elsewhere than the timeline now says.

    Args:
        plan: What was or will be made.
        project: Where its takes lie.
        numbers: The chosen takes by link key; 1 where none is named.
    """
    for step in plan.steps:
        if isinstance(step.link.start, Handoff):
            start = started_on(project, step.link, numbers.get(step.link.key, 1))
            if start is not None:
                yield from _trimmed(step.link, start, plan)


def drifting(plan: Plan, project: Project, numbers: Mapping[str, int]) -> Iterator[str]:
    """Which segments' looks drift so that it shows or will show, and what would help."""
    for chain in chains(plan):
        starts = (started_on(project, x, numbers.get(x.key, 1)) for x in chain[1:])
        yield from _drifting(chain, _known(starts))


def _trimmed(link: Link, start: Handed, plan: Plan) -> Iterator[str]:
    if start.why and start.lost_s:
        lost = f"{float(start.lost_s):.2g} s"
        yield f"{start.after}: its last {lost} are left out: {start.why}"
    before = plan.links_by_id.get(start.after)
    if link.start_at_s is None or before is None:
        return
    wanted = int(link.start_at_s * before.rate)
    if wanted != start.frame:
        yield (
            f"{link.id} was started on frame {start.frame} of {start.after}, `keep_until` now says "
            f"{wanted}; another take of it would start there"
        )


def chains(plan: Plan) -> Iterator[list[Link]]:
    """Links that each start on the one before, segment by segment."""
    by_segment: defaultdict[str, list[Link]] = defaultdict(list)
    for step in plan.steps:
        by_segment[step.link.segment].append(step.link)
    for links in by_segment.values():
        yield from _chained(sorted(links, key=lambda link: link.number))


def _chained(links: Sequence[Link]) -> Iterator[list[Link]]:
    """Links that each start on the one before."""
    chain = list(links[:1])
    for one, two in pairwise(links):
        if isinstance(two.start, Handoff) and two.start.after == one.id:
            chain.append(two)
        else:
            yield chain
            chain = [two]
    yield chain


def _known(starts: Iterator[Handed | None]) -> list[Drift]:
    """Drift at the ends of the first links, as far as it was measured."""
    found = []
    for start in starts:
        if start is None or start.remaining is None:
            break
        found.append(start.remaining)
    return found


def _drifting(chain: Sequence[Link], drifts: Sequence[Drift]) -> Iterator[str]:
    ahead = trend(drifts)
    if ahead is None:
        return
    shown = next((n for n, drift in enumerate(drifts) if drift.shows), None)
    if shown is not None:
        says = f"has drifted by the end of {chain[shown].id}: {drifts[shown].told()}"
    else:
        shown = len(drifts) + ahead - 1
        if shown >= len(chain) - 1:  # nothing goes on from there
            return
        says = (
            f"drifts and will show it by the end of {chain[shown].id}: "
            f"{expected(drifts, shown + 1).told()}"
        )
    help_ = f"a `keyframe:` or a planned cut after {chain[max(0, shown - 1)].id} would help"
    if drifts[-1].colour_de > UNSEEN_DE:
        help_ += ", or a higher `drift: {limit: …}`"
    yield f"{chain[0].segment}: the look of its clips {says}; {help_}"
