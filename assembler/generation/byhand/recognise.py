"""
Which clip in the inbox is for which job: by its name, else by its first frame.

    clip, why_not = recogniser.clip_for(job, arrived, jobs, waiting={"dawn.1-3f9a2c"})

No clip is taken twice, none that might be for another job, and of several that fit none. What
stands in the way is said, file by file.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from assembler.errors import AssemblerError
from assembler.generation.arrived import LEAST_LENGTH
from assembler.generation.byhand import likeness
from assembler.generation.byhand.desk import Job
from assembler.generation.byhand.inbox import Arrival
from assembler.media.pixels import Floats
from assembler.media.stills import read_image


class Recogniser:
    """Remembers what was compared already."""

    def __init__(self) -> None:
        self._images: dict[str, Floats] = {}
        self._alike: dict[tuple[str, str], float] = {}

    def clip_for(
        self,
        job: Job,
        arrived: Sequence[Arrival],
        jobs: Mapping[str, Job],
        waiting: Collection[str],
    ) -> tuple[Arrival | None, dict[str, str]]:
        """
        The clip for a job, and why others weren't taken for it.

        Args:
            job: The one that is looked for.
            arrived: Whole clips in the inbox.
            jobs: All that were ever asked for, by name.
            waiting: Names of those that people are asked for at present.
        """
        again = next((a for a in arrived if a.sha256 == job.sha256), None)
        if again is not None:
            return again, {}
        free = _free(arrived, jobs)
        named = [a for a in free if named_for(a.path, job.name)]
        wrong = {a.path.name: why for a in named if (why := self._unfit(a, job, jobs))}
        fit = [a for a in named if a.path.name not in wrong]
        if fit:
            return _one(fit, f"named {job.name}")
        rivals = [name for name in waiting if jobs[name].start == job.start]
        if job.start is None or len(rivals) > 1:  # nothing but a name can tell them apart
            return None, wrong
        alike = [
            a
            for a in free
            if not _is_named(a, jobs)
            and self._shown(a, jobs) == job.start
            and not _too_short(a, job)
        ]
        if not alike:
            return None, wrong
        clip, several = _one(alike, f"that begin with the start image of {job.name}")
        return clip, wrong | several

    def nobodys(
        self, arrived: Sequence[Arrival], jobs: Mapping[str, Job], waiting: Collection[str]
    ) -> dict[str, str]:
        """Clips that nothing says what they are for."""
        starts = {jobs[name].start for name in waiting} - {None}
        return {
            a.path.name: "isn't named for a job and begins with none of the start images"
            for a in _free(arrived, jobs)
            if not _is_named(a, jobs) and self._shown(a, jobs) not in starts
        }

    def _unfit(self, arrival: Arrival, job: Job, jobs: Mapping[str, Job]) -> str:
        """Why a clip isn't taken though its name says it is for this job; empty when it fits."""
        shown = self._shown(arrival, jobs)
        if shown not in (None, job.start):
            other = next(j.name for j in jobs.values() if j.start == shown)
            return f"begins with the start image of {other}, not of {job.name}"
        return _too_short(arrival, job)

    def _shown(self, arrival: Arrival, jobs: Mapping[str, Job]) -> str | None:
        """The start image that a clip begins with; those of finished jobs count, too."""
        alike = {}
        for start in {job.start for job in jobs.values() if job.start}:
            image = self._image(start)
            if image is None:
                continue
            pair = (arrival.sha256, start)
            if pair not in self._alike:
                self._alike[pair] = likeness.likeness(arrival.first, image)
            alike[start] = self._alike[pair]
        return likeness.best(alike)

    def _image(self, start: str) -> Floats | None:
        """A start image, reduced; None when it is gone."""
        if start not in self._images:
            try:
                self._images[start] = likeness.small(read_image(Path(start))[..., :3])
            except (AssemblerError, OSError):
                return None
        return self._images[start]


def named_for(path: Path, job: str) -> bool:
    """Whether a file's name says which job it is for: ``dawn.1-3f9a2c (1).mp4`` does."""
    stem = path.stem.lower()
    rest = stem[len(job) :]
    return stem.startswith(job.lower()) and not rest[:1].isalnum()


def _is_named(arrival: Arrival, jobs: Collection[str]) -> bool:
    return any(named_for(arrival.path, name) for name in jobs)


def _free(arrived: Sequence[Arrival], jobs: Mapping[str, Job]) -> list[Arrival]:
    """Clips that weren't taken for a job."""
    used = {job.sha256 for job in jobs.values()}
    return [a for a in arrived if a.sha256 not in used]


def _too_short(arrival: Arrival, job: Job) -> str:
    video = arrival.info.video
    seconds = float(video.duration_s) if video else 0.0
    if seconds >= LEAST_LENGTH * job.seconds:
        return ""
    return f"is {seconds:.3g} s long, asked for were {job.seconds:.3g} s"


def _one(clips: Sequence[Arrival], what: str) -> tuple[Arrival | None, dict[str, str]]:
    """The clip, if there is one; several are left to the user, unless they are the same."""
    if len({clip.sha256 for clip in clips}) == 1:
        return clips[0], {}
    why = f"is one of {len(clips)} {what}: take the others away"
    return None, {clip.path.name: why for clip in clips}
