"""
How long a render takes, beside one ffmpeg graph written by hand with the same encoder settings.

    python bench/render.py --clips 12 --seconds 5 --size 1920x1080 --runs 3

Work A: clips joined by cuts, H.264 + AAC. Measured are a cold render, a second one, one clip
replaced, other sound, and a smart render (match-source); peers are the graph and moviepy with the
same encoder. Ratios are of medians, runs are interleaved.

    python bench/render.py --seam --clips 2 --seconds 5 --size 1920x1080 --runs 3

What a seam's correction costs: the second clip is corrected throughout, in colour, in geometry, in
both; processor time of the whole process tree beside the same join without a correction.
"""

from __future__ import annotations

import argparse
import os
import platform
import re
import resource
import shutil
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from assembler.cut.model import Clip, Cut, Source
from assembler.match.decision import IDENTITY, ColourFix, Correction
from assembler.media.ffmpeg import exe, run, version
from assembler.media.files import sha256_of
from assembler.media.probe import probe
from assembler.rendering.render import render
from assembler.spec.presets import DeliveryPreset, delivery_preset
from assembler.timebase import FrameRange

RATE = Fraction(24)


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clips", type=int, default=12)
    parser.add_argument("--seconds", type=int, default=5)
    parser.add_argument("--size", default="1920x1080")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--seam", action="store_true", help="the cost of a seam's correction")
    parser.add_argument("--presets", default="youtube-1080p,lossless,lossless-10bit")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        bench = Bench(Path(name), given.clips, given.seconds, given.size)
        if given.seam:
            bench.seam(given.runs, given.presets.split(","))
            return
        bench.measure(given.runs)
        bench.table()


class Bench:
    """Clips, the cut made of them, and times."""

    def __init__(self, folder: Path, clips: int, seconds: int, size: str) -> None:
        self.folder = folder
        self.size = size
        self.frames = seconds * int(RATE)
        self.sources = [self.source(n) for n in range(clips + 1)]
        self.delivery = _delivery()
        self.sounds = [self.sound(n) for n in range(2)]
        self.times: dict[str, list[float]] = {}

    def source(self, number: int) -> Source:
        """A moving picture with texture, in H.264 with one keyframe."""
        path = self.folder / f"clip{number}.mp4"
        picture = f"testsrc2=s={self.size}:r=24,hue=h={number * 29},gblur=sigma=1"
        noise = "noise=alls=6:allf=t"
        colour = "setparams=range=tv:colorspace=bt709:color_primaries=bt709:color_trc=bt709"
        run(["-f", "lavfi", "-i", picture, "-frames:v", str(self.frames),
             "-vf", f"scale=out_color_matrix=bt709,format=yuv420p,{noise},{colour}",
             "-c:v", "libx264", "-preset", "veryfast", "-crf", "16", "-bf", "0", "-g", "9999",
             str(path)])  # fmt: skip
        info = probe(path)
        assert info.video is not None
        return Source(sha256_of(path), path, info, info.video.colour)

    def sound(self, number: int) -> Path:
        """The programme's sound."""
        path = self.folder / f"sound{number}.wav"
        seconds = self.frames * (len(self.sources) - 1) / RATE
        tone = f"sine=frequency={300 + 100 * number}:sample_rate=48000:duration={float(seconds)}"
        run(["-f", "lavfi", "-i", tone, "-ac", "2", str(path)])
        return path

    def cut(self, sources: list[Source]) -> Cut:
        """All clips in a row."""
        clips = tuple(
            Clip(f"c{n}", f"c{n}", s, FrameRange(n * self.frames, (n + 1) * self.frames), 0)
            for n, s in enumerate(sources)
        )
        width, height = (int(v) for v in self.size.split("x"))
        return Cut("Bench", (width, height), RATE, 48000, "stereo", clips)

    def measure(self, runs: int) -> None:
        """All works, one after the other, several times."""
        whole = self.cut(self.sources[:-1])
        replaced = self.cut([*self.sources[:-2], self.sources[-1]])
        spans, out = self.folder / "spans", self.folder / "film.mp4"
        smart = self.folder / "smart.mp4"
        for _ in range(runs):
            shutil.rmtree(spans, ignore_errors=True)
            self.timed("ffmpeg graph", lambda: self.by_hand(self.folder / "hand.mp4"))
            self.timed("moviepy", lambda: self.by_moviepy(self.folder / "moviepy.mp4"))
            self.timed("cold", lambda: self.render(whole, out, 0, spans))
            self.timed("again", lambda: self.render(whole, out, 0, spans))
            self.timed("other sound", lambda: self.render(whole, out, 1, spans))
            self.timed("one clip replaced", lambda: self.render(replaced, out, 0, spans))
            self.timed("smart render", lambda: self.smart(whole, smart, self.folder / "copies"))
            shutil.rmtree(self.folder / "copies")
        self.identical = identical_frames(smart, [s.path for s in self.sources[:-1]])
        self.film = self.folder / "whole.mp4"
        self.render(whole, self.film, 0, spans)

    def seam(self, runs: int, presets: list[str]) -> None:
        """Processor seconds of a join without and with corrections."""
        plain = self.cut(self.sources[:2])
        cuts = {"plain": plain} | {
            name: replace(plain, clips=(plain.clips[0], replace(plain.clips[1], correction=how)))
            for name, how in CORRECTIONS.items()
        }
        for preset in presets:
            found: dict[str, list[float]] = {}
            for _ in range(runs):
                for name, cut in cuts.items():
                    spans = self.folder / "seam"
                    out = self.folder / f"seam.{delivery_preset(preset).container}"
                    before = cpu_seconds()
                    render(cut, delivery_preset(preset), out, sound=None, spans=spans)
                    found.setdefault(name, []).append(cpu_seconds() - before)
                    shutil.rmtree(spans)
                    out.unlink()
            base = statistics.median(found["plain"])
            for name, seconds in found.items():
                middle = statistics.median(seconds)
                print(f"{preset:16s} {name:10s} {middle:7.2f} CPU s  x plain {middle / base:.3f}")

    def timed(self, name: str, work: Callable[[], object]) -> None:
        """Keep how long *work* takes."""
        start = time.perf_counter()
        work()
        self.times.setdefault(name, []).append(time.perf_counter() - start)

    def render(self, cut: Cut, out: Path, sound: int, spans: Path) -> None:
        """With one of the sounds."""
        render(cut, self.delivery, out, sound=self.sounds[sound], spans=spans)

    def smart(self, cut: Cut, out: Path, spans: Path) -> None:
        """By copy."""
        render(cut, delivery_preset("match-source"), out, sound=self.sounds[0], spans=spans)

    def by_moviepy(self, out: Path) -> None:
        """The clips concatenated, with the same encoder options."""
        from moviepy import AudioFileClip, VideoFileClip, concatenate_videoclips

        clips = [VideoFileClip(str(s.path)) for s in self.sources[:-1]]
        film = concatenate_videoclips(clips).with_audio(AudioFileClip(str(self.sounds[0])))
        options = [p for k, v in self.delivery.video.options.items() for p in (f"-{k}:v", str(v))]
        film.write_videofile(
            str(out), codec="libx264", preset="medium", audio_codec="aac", logger=None,
            ffmpeg_params=options,
        )  # fmt: skip
        for clip in clips:
            clip.close()

    def by_hand(self, out: Path) -> None:
        """One graph: concat, the same encoder options, ffmpeg's own number of threads."""
        inputs = [part for s in self.sources[:-1] for part in ("-i", str(s.path))]
        count = len(self.sources) - 1
        options = [p for k, v in self.delivery.video.options.items() for p in (f"-{k}:v", str(v))]
        graph = "".join(f"[{n}:v]" for n in range(count)) + f"concat=n={count}:v=1[v]"
        subprocess.run(
            [exe(), "-loglevel", "error", "-y", *inputs, "-i", str(self.sounds[0]),
             "-filter_complex", graph, "-map", "[v]", "-map", f"{count}:a",
             "-c:v", "libx264", *options, "-c:a", "aac", "-b:a", "256k", str(out)],
            check=True,
        )  # fmt: skip

    def table(self) -> None:
        """Print medians and ratios."""
        frames = self.frames * (len(self.sources) - 1)
        model = f"{platform.machine()}, {os.cpu_count()} cores"
        print(f"{frames} frames {self.size}, ffmpeg {version()}, {model}, Python", end=" ")
        print(platform.python_version())
        base = statistics.median(self.times["ffmpeg graph"])
        cold = statistics.median(self.times["cold"])
        for name, found in self.times.items():
            middle = statistics.median(found)
            print(f"{name:20s} {middle:8.2f} s  x graph {middle / base:6.3f}", end="")
            print(f"  x cold {middle / cold:6.3f}  {[round(t, 2) for t in found]}")
        hand = self.folder / "hand.mp4"
        print(f"size {self.film.stat().st_size / hand.stat().st_size:.4f} of the graph's", end=", ")
        print(f"SSIM {ssim(self.film, hand):.5f}, least PSNR {lowest_psnr(self.film, hand):.1f} dB")
        print(f"smart render: {self.identical} of {frames} frames bit-identical")


def cpu_seconds() -> float:
    """Of this process and of those that it has waited for."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(u.ru_utime + u.ru_stime for u in used)


def _fix() -> ColourFix:
    """A small correction that uses every term."""
    moved = np.array(IDENTITY) + np.random.default_rng(1).normal(0, 0.01, (10, 3))
    return ColourFix(tuple((float(r), float(g), float(b)) for r, g, b in moved))


_AFFINE = (1.004, 0.0004, 0.001, -0.0004, 1.003, 0.0007)
CORRECTIONS = {
    "colour": Correction(_fix()),
    "geometry": Correction(affine=_AFFINE),
    "both": Correction(_fix(), _AFFINE),
}


def _delivery() -> DeliveryPreset:
    """x264 medium CRF 18, as the issue has it."""
    preset = delivery_preset("youtube-1080p")
    options = {**preset.video.options, "crf": 18}
    video = preset.video.model_copy(update={"options": options, "gop_s": None})
    return preset.model_copy(update={"size": None, "video": video})


def lowest_psnr(one: Path, two: Path) -> float:
    """PSNR of luma of the frame in which two files differ most."""
    worst = 0.0
    with av.open(str(one)) as a, av.open(str(two)) as b:
        for x, y in zip(a.decode(video=0), b.decode(video=0), strict=True):
            left, right = (f.to_ndarray()[: f.height].astype(np.float32) for f in (x, y))
            worst = max(worst, float(((left - right) ** 2).mean()))
    return float(10 * np.log10(255**2 / worst)) if worst else float("inf")


def ssim(one: Path, two: Path) -> float:
    """Of all frames and planes, by ffmpeg."""
    said = run(["-i", str(one), "-i", str(two), "-lavfi", "[0:v][1:v]ssim", "-f", "null", "-"])
    return float(re.findall(r"All:([0-9.]+)", said)[-1])


def identical_frames(film: Path, clips: list[Path]) -> int:
    """Frames of a film that have the same bits as the clips in a row."""
    with av.open(str(film)) as container:
        shown = container.decode(video=0)
        return sum(
            np.array_equal(next(shown).to_ndarray(), frame.to_ndarray())
            for path in clips
            for frame in _decoded(path)
        )


def _decoded(path: Path) -> Iterator[av.VideoFrame]:
    with av.open(str(path)) as container:
        yield from container.decode(video=0)


if __name__ == "__main__":
    main()
