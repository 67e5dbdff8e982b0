"""Every example is made, small and short, then opened again and measured."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import pairwise, product
from pathlib import Path

import av
import numpy as np
import pyloudnorm
import pytest
from numpy.typing import NDArray
from scipy.signal import resample_poly

import assembler
from assembler.assemble.example import copy_example, names
from assembler.assemble.film import Film
from assembler.assemble.walk import Made
from assembler.media.frames import read_frames
from assembler.media.probe import probe
from assembler.media.samples import read_samples
from assembler.spec.presets import mix_preset

SIZES = {"web-720p": "320x180", "reels-9x16": "180x320", "square": "180x180"}
EXACT = "{preset: lossless, path: out/exact.mkv}"
"""What an encoder with loss makes of two neighbours may hide what they show."""


@dataclass(frozen=True, slots=True)
class Example:
    """An example, what is written instead of its long times, and how long it is then."""

    name: str
    seconds: float
    mix: str = "web"
    draft: bool = False
    exact: bool = False
    """Whether its seams are looked at frame by frame, in a second output without loss."""
    cuts: dict[str, str] = field(default_factory=dict)


EXAMPLES = [
    Example(
        "first-film",
        16 + 1.5 + 1 + 2 + 1.5 + 4,
        exact=True,
        cuts={
            "duration: 20s": "duration: 16s",
            "out: 4.6s": "out: 1.8s",
            "out: 2.4s": "out: 1s",
            "duration: 17s": "duration: 2s",
            "out: 7s": "out: 2s",
            "duration: 10s": "duration: 4s",
            "on: evening+6s": "on: evening+1s",
        },
    ),
    Example(
        "kling-60s",
        17 + 3 + 3 + 5,
        draft=True,
        cuts={
            "duration: 40s": "duration: 17s",
            "at: 14s": "at: 8s",
            "at: 27s": "at: 12s",
            "duration: 12s": "duration: 3s",
        },
    ),
    Example("avatar-explainer", 11, mix="podcast"),
    Example(
        "music-video",
        3 + 2 + 1.5 + 2,
        cuts={
            "duration: 2s": "duration: 1s",
            "duration: 4s": "duration: 2s",
            "out: 4s": "out: 2.5s",
            "duration: 5s": "duration: 2s",
        },
    ),
    Example(
        "found-footage",
        1.2 + 1.1 + 1 + 1.5 + 1.5,
        mix="ebu-r128",
        exact=True,
        cuts={
            "out: 2.6s": "out: 1.2s",
            "out: 3.2s": "out: 1.5s",
            "in: 0.5s, out: 4s": "in: 3s, out: 4s",
            "out: 7s": "out: 5.5s",
            "12f}, in: 0.5s": "12f}, in: 0.5s, out: 2s",
        },
    ),
    Example(
        "layers-and-looks",
        1 + 1 + 1.5 + 1.5,
        cuts={
            "freeze: {at: 1s": "freeze: {at: 0.5s",
            "duration: 2.5s, move": "duration: 1s, move",
            "poster: evening+1.5s": "poster: evening+1s",
            "duration: 3s": "duration: 1s",
            "out: 3s": "out: 2s",
            "out: 4s": "out: 2.5s",
        },
    ),
    Example("vertical-cut", 2 + 1.5, cuts={"duration: 4s": "duration: 2s", "out: 4s": "out: 2.5s"}),
]


def shrunk(text: str, example: Example) -> str:
    """The timeline on a canvas of 320x180, with small clips, small outputs and short times."""
    text = re.sub(r"canvas: \{size: \d+x\d+", "canvas: {size: 320x180", text)
    text = re.sub(r"resolution: \w+", "resolution: 180p", text)
    text = re.sub(r"preset: ([\w-]+),", lambda m: f"preset: {m[1]}, size: {SIZES[m[1]]},", text)
    if example.exact:
        text = text.replace("output: [{", f"output: [{EXACT}, {{")
    for long, short in example.cuts.items():
        assert long in text, f"{example.name} doesn't say {long!r} any more"
        text = text.replace(long, short)
    return text


@dataclass(frozen=True, slots=True)
class Rendered:
    """An example and the film that was made of it."""

    example: Example
    film: Film

    @property
    def outputs(self) -> list[Made]:
        return [made for made in self.film.outputs if made.preset != "lossless"]


@pytest.fixture(scope="module", params=EXAMPLES, ids=lambda e: e.name)
def rendered(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Rendered:
    example: Example = request.param
    path = copy_example(example.name, tmp_path_factory.mktemp(example.name))
    text = path.read_text(encoding="utf-8")
    path.write_text(shrunk(text, example), encoding="utf-8")
    return Rendered(example, assembler.render(path, draft=example.draft))


def test_every_example_is_tested() -> None:
    assert sorted(names()) == sorted(example.name for example in EXAMPLES)


def test_length_grid_and_tags(rendered: Rendered) -> None:
    """Each file is as long as its segments, every frame is at its place, the colours are named."""
    rate = rendered.film.cut.rate
    for made in rendered.outputs:
        with av.open(str(made.path)) as container:
            stream = container.streams.video[0]
            shown = [(frame.pts, frame.time_base) for frame in container.decode(stream)]
            context = stream.codec_context
            tags = (context.colorspace, context.color_primaries, context.color_trc)
        assert len(shown) == made.frames
        assert len(shown) == pytest.approx(rendered.example.seconds * rate, abs=1)
        times = [Fraction(pts) * base for pts, base in shown if pts is not None and base]
        assert times == [Fraction(n) / rate for n in range(made.frames)]
        assert tags == (1, 1, 1)
        assert context.color_range == 1


def sound_of(path: Path) -> tuple[NDArray[np.float32], float]:
    """Samples of the file's sound and its length in seconds."""
    info = probe(path)
    stream = info.audio[0]
    count = int(stream.duration_s * stream.hz)
    heard = read_samples(info, stream.index, Fraction(0), count, stream.hz, stream.channels)
    return heard, float(stream.duration_s)


def test_loudness_peaks_and_length_of_the_sound(rendered: Rendered) -> None:
    """Measured by another meter: on target, under the limit, as long as the picture."""
    target = mix_preset("web" if rendered.example.draft else rendered.example.mix)
    for made in rendered.outputs:
        heard, length_s = sound_of(made.path)
        lufs = pyloudnorm.Meter(48000).integrated_loudness(heard.astype(np.float64))
        peak = np.abs(resample_poly(heard, 8, 1, axis=0)).max()
        assert lufs == pytest.approx(target.integrated_lufs, abs=0.5)
        assert 20 * np.log10(peak) <= target.true_peak_dbtp
        assert length_s == pytest.approx(made.seconds, abs=1024 / 48000)


def test_each_link_goes_on_from_the_frame_after_the_one_it_shares(rendered: Rendered) -> None:
    """Frame 0 of a link is the end frame of the one before: it is left out, and only it."""
    clips = rendered.film.cut.clips
    joined = [(a, b) for a, b in pairwise(clips) if b.join == "handoff"]
    links = [(a, b) for a, b in joined if b.source.path.parent.name == "takes"]
    assert [b.source_in for _, b in links] == [1] * len(links)
    assert all(a.record.stop == b.record.start for a, b in joined)


def test_no_frame_is_repeated_or_missing_at_a_seam(rendered: Rendered) -> None:
    """The step over a seam is one step of the motion around it, not none and not two."""
    exact = [made for made in rendered.film.outputs if made.preset == "lossless"]
    seams = [clip for clip in rendered.film.cut.clips if clip.join == "handoff"]
    for made, clip in product(exact, seams):
        info = probe(made.path)
        at = clip.record.start
        frames = [f[45:135] for f in read_frames(info, start=at - 7, stop=at + 7)]  # no label
        steps = [float(np.abs(b - a).mean()) for a, b in pairwise(frames)]
        over, around = steps[6], [*steps[:6], *steps[7:]]
        assert over > 0.5 * min(around), f"{clip.id} repeats a frame"
        assert over < 1.5 * max(around), f"{clip.id} lacks a frame"
