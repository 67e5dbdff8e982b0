"""
How long a render takes, beside one ffmpeg graph written by hand with the same encoder settings.

    python bench/render.py --clips 12 --seconds 5 --size 1920x1080 --runs 3

Work A: clips joined by cuts, H.264 + AAC. Measured are a cold render, a second one, one clip
replaced, other sound, one word of a title, and smart renders (match-source); peers are the graph,
moviepy and melt with the same encoder. Ratios are of medians, runs are interleaved. `--folder`
keeps clips and times, so that `--works` can be measured one at a time:

    python bench/render.py --folder DIR --works graph
    python bench/render.py --folder DIR --works cold
    python bench/render.py --folder DIR --table

Sound is a sine, or `--sounds A B`, recordings that are looped.

    python bench/render.py --seam --clips 2 --seconds 5 --size 1920x1080 --runs 3

What a seam's correction costs: the second clip is corrected throughout, in colour, in geometry, in
both; processor time of the whole process tree beside the same join without a correction.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import resource
import shutil
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from fractions import Fraction
from functools import partial
from itertools import islice
from pathlib import Path

import av
import numpy as np

from assembler.cut.model import Clip, Cut, Insert, Source, TitleLayer
from assembler.layers.titles import title_insert
from assembler.match.decision import IDENTITY, ColourFix, Correction, SeamDecision
from assembler.media.ffmpeg import exe, run, version
from assembler.media.files import sha256_of
from assembler.media.probe import probe
from assembler.rendering.render import render
from assembler.rendering.smart import with_whole_heads
from assembler.rendering.spans import form_of
from assembler.spec.presets import DeliveryPreset, delivery_preset
from assembler.timebase import FrameRange

RATE = Fraction(24)


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clips", type=int, default=12)
    parser.add_argument("--seconds", type=int, default=5)
    parser.add_argument("--size", default="1920x1080")
    parser.add_argument("--noise", type=int, default=2, help="of the clips, in levels")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--sounds", type=Path, nargs=2, default=(), help="recordings, not sines")
    parser.add_argument("--folder", type=Path, help="keep clips, films and times here")
    parser.add_argument("--works", default=",".join(WORKS), help="what to measure, in this order")
    parser.add_argument("--table", action="store_true", help="show what was measured")
    parser.add_argument("--seam", action="store_true", help="the cost of a seam's correction")
    parser.add_argument("--presets", default="youtube-1080p,lossless,lossless-10bit")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = given.folder or Path(name)
        folder.mkdir(exist_ok=True)
        bench = Bench(folder, given.clips, given.seconds, given.size, given.noise, given.sounds)
        if given.seam:
            bench.seam(given.runs, given.presets.split(","))
            return
        if not given.table:
            for _ in range(given.runs):
                for work in given.works.split(","):
                    bench.measure(work)
        if given.table or not given.folder:
            bench.table()


AAC = ("-b:a", "384k", "-aac_coder", "fast", "-aac_is", "0")
"""What the preset gives and the join adds: the peers encode sound alike."""

WORKS = (
    "graph", "moviepy", "melt", "cold", "again", "sound", "replaced", "title", "smart", "seams",
    "one-encoder",
)  # fmt: skip
"""What is measured; those after `cold` need it."""


class Bench:
    """Clips, the cut made of them, and times."""

    def __init__(
        self,
        folder: Path,
        clips: int,
        seconds: int,
        size: str,
        noise: int,
        recordings: Sequence[Path] = (),
    ) -> None:
        self.folder = folder
        self.recordings = recordings
        self.size = size
        self.noise = noise
        self.frames = seconds * int(RATE)
        self.sources = [self.source(n) for n in range(clips + 1)]
        self.delivery = _delivery()
        self.sounds = [self.sound(n) for n in range(2)]
        self.log = folder / "times.json"
        self.times: dict[str, list[tuple[float, float]]] = {}
        """Seconds by the clock and of the processor."""
        if self.log.exists():
            self.times = json.loads(self.log.read_text(encoding="utf-8"))

    def source(self, number: int) -> Source:
        """A moving picture with texture, in H.264 with one keyframe."""
        path = self.folder / f"clip{number}.mp4"
        if not path.exists():
            self.draw(number, path)
        info = probe(path)
        assert info.video is not None
        return Source(sha256_of(path), path, info, info.video.colour)

    def draw(self, number: int, path: Path) -> None:
        """Make a clip."""
        picture = f"testsrc2=s={self.size}:r=24,hue=h={number * 29},gblur=sigma=1"
        noise = f"noise=alls={self.noise}:allf=t"
        colour = "setparams=range=tv:colorspace=bt709:color_primaries=bt709:color_trc=bt709"
        run(["-f", "lavfi", "-i", picture, "-frames:v", str(self.frames),
             "-vf", f"scale=out_color_matrix=bt709,format=yuv420p,{noise},{colour}",
             "-c:v", "libx264", "-preset", "veryfast", "-crf", "16", "-bf", "0", "-g", "9999",
             str(path)])  # fmt: skip

    def sound(self, number: int) -> Path:
        """The programme's sound."""
        path = self.folder / f"sound{number}.wav"
        if path.exists():
            return path
        seconds = float(self.frames * (len(self.sources) - 1) / RATE)
        source = ["-f", "lavfi", "-i", f"sine=frequency={300 + 100 * number}:sample_rate=48000"]
        if self.recordings:
            source = ["-stream_loop", "-1", "-i", str(self.recordings[number])]
        run([*source, "-t", str(seconds), "-ar", "48000", "-ac", "2", str(path)])
        return path

    def cut(self, sources: list[Source]) -> Cut:
        """All clips in a row."""
        clips = tuple(
            Clip(f"c{n}", f"c{n}", s, FrameRange(n * self.frames, (n + 1) * self.frames), 0)
            for n, s in enumerate(sources)
        )
        width, height = (int(v) for v in self.size.split("x"))
        return Cut("Bench", (width, height), RATE, 48000, "stereo", clips)

    def measure(self, work: str) -> None:
        """One of `WORKS`, once."""
        whole, spans, out = (
            self.cut(self.sources[:-1]),
            self.folder / "spans",
            self.folder / "film.mp4",
        )
        match work:
            case "graph":
                self.timed(work, lambda: self.by_hand(self.folder / "hand.mp4"))
            case "moviepy":
                self.timed(work, lambda: self.by_moviepy(self.folder / "moviepy.mp4"))
            case "melt" if shutil.which("melt"):
                self.timed(work, lambda: self.by_melt(self.folder / "melt.mp4"))
            case "cold":
                shutil.rmtree(spans, ignore_errors=True)
                self.timed(work, lambda: self.render(whole, out, 0, spans))
            case "again":
                self.render(whole, out, 0, spans)
                self.timed(work, lambda: self.render(whole, out, 0, spans))
            case "sound":
                self.timed(work, lambda: self.render(whole, out, 1, spans))
            case "replaced":
                mine = self.alone(spans)
                other = self.cut([*self.sources[:-2], self.sources[-1]])
                self.timed(work, lambda: self.render(other, out, 0, mine))
            case "title":
                mine = self.alone(spans)
                self.render(whole, out, 0, mine, [self.title("Harbour at dawn")])
                word = self.title("Harbour at dusk")
                self.timed(work, lambda: self.render(whole, out, 0, mine, [word]))
            case "smart":
                self.smart(work, whole)
            case "seams":
                self.smart(work, self.with_seams())
            case "one-encoder":
                self.smart(work, self.cut([self.sources[0]] * len(self.sources[:-1])))

    def alone(self, spans: Path) -> Path:
        """The spans of the cold render, to be added to."""
        mine = self.folder / "mine"
        shutil.rmtree(mine, ignore_errors=True)
        mine.mkdir()
        for path in spans.iterdir():
            (mine / path.name).hardlink_to(path)
        return mine

    def title(self, text: str) -> Insert:
        """Words over the second clip, for two seconds."""
        at = self.frames + 12
        layer = TitleLayer("t", text, "title", FrameRange(at, at + 48))
        width, height = (int(v) for v in self.size.split("x"))
        return title_insert(layer, (width, height), RATE, self.folder / "layers")

    def with_seams(self) -> Cut:
        """The clips as a chain: each one's first frame is the last one's again."""
        first, *rest = self.cut(self.sources[:-1]).clips
        at, clips, seams = first.record.stop, [first], []
        for clip in rest:
            record = FrameRange(at, at + self.frames - 1)
            seams.append(SeamDecision(f"{clips[-1].id}>{clip.id}", True, 1.0, 1, self.frames, 1))
            clips.append(replace(clip, record=record, source_in=1, join="handoff"))
            at = record.stop
        return replace(self.cut(self.sources[:-1]), clips=tuple(clips), seams=tuple(seams))

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
        start, used = time.perf_counter(), cpu_seconds()
        work()
        took, used = time.perf_counter() - start, cpu_seconds() - used
        load = os.getloadavg()[0]
        print(f"{name}: {took:.2f} s, {used:.2f} CPU s, load {load:.1f}", flush=True)
        self.times.setdefault(name, []).append((took, used))
        self.log.write_text(json.dumps(self.times), encoding="utf-8")

    def render(
        self, cut: Cut, out: Path, sound: int, spans: Path, inserts: Sequence[Insert] = ()
    ) -> None:
        """With one of the sounds."""
        render(cut, self.delivery, out, sound=self.sounds[sound], spans=spans, inserts=inserts)

    def smart(self, name: str, cut: Cut) -> None:
        """By copy; how many frames have the bits of their clips is counted afterwards."""
        copy, out, spans = (
            delivery_preset("match-source"),
            self.folder / f"{name}.mp4",
            self.folder / "copies",
        )
        shutil.rmtree(spans, ignore_errors=True)
        work = partial(render, cut, copy, out, sound=self.sounds[0], spans=spans)
        self.timed(name, work)
        same = identical_frames(out, with_whole_heads(cut, form_of(cut, copy).wanted))
        print(f"{name}: {same} of {cut.frames} frames bit-identical")

    def by_moviepy(self, out: Path) -> None:
        """The clips concatenated, with the same encoder options."""
        from moviepy import AudioFileClip, VideoFileClip, concatenate_videoclips

        clips = [VideoFileClip(str(s.path)) for s in self.sources[:-1]]
        film = concatenate_videoclips(clips).with_audio(AudioFileClip(str(self.sounds[0])))
        options = [p for k, v in self.delivery.video.options.items() for p in (f"-{k}:v", str(v))]
        film.write_videofile(
            str(out), codec="libx264", preset="medium", audio_codec="aac", logger=None,
            ffmpeg_params=[*options, *AAC],
        )  # fmt: skip
        for clip in clips:
            clip.close()

    def by_melt(self, out: Path) -> None:
        """The clips in a row, with the same encoder options."""
        options = [f"{k}={v}" for k, v in self.delivery.video.options.items() if k != "x264-params"]
        clips = [str(s.path) for s in self.sources[:-1]]
        consumer = [
            f"avformat:{out}",
            "vcodec=libx264",
            *options,
            "acodec=aac",
            "ab=384k",
            "aac_coder=fast",
        ]
        width, height = self.size.split("x")
        profile = self.folder / "melt.profile"
        profile.write_text(
            f"description=bench\nframe_rate_num=24\nframe_rate_den=1\nwidth={width}\n"
            f"height={height}\nprogressive=1\nsample_aspect_num=1\nsample_aspect_den=1\n"
            f"display_aspect_num={width}\ndisplay_aspect_den={height}\ncolorspace=709\n"
        )
        subprocess.run(
            ["melt", "-silent", "-profile", str(profile), *clips, "-audio-track",
             str(self.sounds[0]), "-consumer", *consumer],
            check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip

    def by_hand(self, out: Path) -> None:
        """One graph: concat, the same encoder options, ffmpeg's own number of threads."""
        inputs = [part for s in self.sources[:-1] for part in ("-i", str(s.path))]
        count = len(self.sources) - 1
        options = [p for k, v in self.delivery.video.options.items() for p in (f"-{k}:v", str(v))]
        graph = "".join(f"[{n}:v]" for n in range(count)) + f"concat=n={count}:v=1[v]"
        subprocess.run(
            [exe(), "-loglevel", "error", "-y", *inputs, "-i", str(self.sounds[0]),
             "-filter_complex", graph, "-map", "[v]", "-map", f"{count}:a",
             "-c:v", "libx264", *options, "-c:a", "aac", *AAC, str(out)],
            check=True,
        )  # fmt: skip

    def table(self) -> None:
        """Print medians and ratios, and compare pictures."""
        frames = self.frames * (len(self.sources) - 1)
        model = f"{platform.machine()}, {os.cpu_count()} cores"
        print(f"{frames} frames {self.size}, ffmpeg {version()}, {model}, Python", end=" ")
        print(platform.python_version())
        middle = {
            name: [statistics.median(column) for column in zip(*found, strict=True)]
            for name, found in self.times.items()
        }
        for name, both in middle.items():
            print(f"{name:12s}", end="")
            for seconds, what, graph, cold in zip(
                both, ("s", "CPU s"), middle["graph"], middle["cold"], strict=True
            ):
                of_graph, of_cold = seconds / graph, seconds / cold
                print(
                    f" {seconds:8.2f} {what} {of_graph:7.3f} x graph {of_cold:7.3f} x cold", end=""
                )
            print(f"  {len(self.times[name])} runs: {[round(t, 1) for t, _ in self.times[name]]}")
        self.likeness()

    def likeness(self) -> None:
        """The film beside the graph's, and both beside the clips."""
        film, hand = self.folder / "whole.mp4", self.folder / "hand.mp4"
        self.render(self.cut(self.sources[:-1]), film, 0, self.folder / "spans")
        print(f"size {film.stat().st_size / hand.stat().st_size:.4f} of the graph's", end=", ")
        print(f"SSIM to it {ssim(['-i', str(film), '-i', str(hand)], '[0:v][1:v]'):.5f}")
        clips = [part for s in self.sources[:-1] for part in ("-i", str(s.path))]
        count = len(clips) // 2
        row = "".join(f"[{n}:v]" for n in range(count)) + f"concat=n={count}[c];[c][{count}:v]"
        for name, path in (("film", film), ("graph", hand)):
            print(f"SSIM of the {name} to the clips {ssim([*clips, '-i', str(path)], row):.5f}")
            self.borders(name, path)
        alike = self.folder / "alike.mp4"
        self.in_pieces(alike)
        same = sum(
            np.array_equal(a.to_ndarray(), b.to_ndarray())
            for a, b in zip(_decoded(film), _decoded(alike), strict=True)
        )
        print(f"{same} frames are those of a graph for each clip, joined by copy")

    def borders(self, name: str, path: Path) -> None:
        """PSNR of luma around the clips' borders and elsewhere, against the clips, and sizes."""
        clips = (frame for s in self.sources[:-1] for frame in _decoded(s.path))
        psnr = [_psnr(a, b) for a, b in zip(clips, _decoded(path), strict=True)]
        with av.open(str(path)) as film:
            shown = sorted((p.pts, p.size) for p in film.demux(video=0) if p.size)
        sizes = [size for _, size in shown]
        first = range(self.frames, len(psnr), self.frames)
        parts = {
            "first frames": list(first),
            "the 5 after": [n + k for n in first for k in range(1, 6)],
            "the 6 before": [n - k for n in first for k in range(1, 7)],
        }
        parts["elsewhere"] = sorted(set(range(len(psnr))) - {n for p in parts.values() for n in p})
        for part, numbers in parts.items():
            quality = statistics.mean(psnr[n] for n in numbers)
            size = statistics.mean(sizes[n] for n in numbers) / 1000
            print(f"  {name}, {part}: {quality:.2f} dB, {size:.1f} kB a frame")

    def in_pieces(self, out: Path) -> None:
        """Each clip by a graph of its own, joined by copy: the same picture that we ask for."""
        options = [p for k, v in self.delivery.video.options.items() for p in (f"-{k}:v", str(v))]
        names = []
        for n, source in enumerate(self.sources[:-1]):
            names.append(self.folder / f"piece{n}.mp4")
            run(["-i", str(source.path), "-an", "-c:v", "libx264", *options, str(names[-1])])
        row = self.folder / "pieces.txt"
        row.write_text("".join(f"file '{name}'\n" for name in names))
        run(["-f", "concat", "-safe", "0", "-i", str(row), "-c", "copy", str(out)])


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


def ssim(inputs: Sequence[str], pair: str) -> float:
    """Of all frames and planes, by ffmpeg."""
    said = run([*inputs, "-lavfi", f"{pair}ssim", "-f", "null", "-"])
    return float(re.findall(r"All:([0-9.]+)", said)[-1])


def _psnr(one: av.VideoFrame, two: av.VideoFrame) -> float:
    left, right = (f.to_ndarray()[: f.height].astype(np.float32) for f in (one, two))
    return float(10 * np.log10(255**2 / max(1e-3, float(((left - right) ** 2).mean()))))


def identical_frames(film: Path, cut: Cut) -> int:
    """Frames of a film that have the same bits as the clips of its cut."""
    with av.open(str(film)) as container:
        shown = container.decode(video=0)
        return sum(
            np.array_equal(next(shown).to_ndarray(), frame.to_ndarray())
            for clip in cut.clips
            for frame in islice(_decoded(clip.source.path), clip.source_in, clip.source_out)
        )


def _decoded(path: Path) -> Iterator[av.VideoFrame]:
    with av.open(str(path)) as container:
        yield from container.decode(video=0)


if __name__ == "__main__":
    main()
