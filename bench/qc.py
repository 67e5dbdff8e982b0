"""
QC proven by planted damage, and by clean films in which nothing may be found.

    python bench/qc.py [--work FOLDER] [--only NAME …] [--no-clean] [--no-damage]

A film is rendered and damaged in many ways, one at a time; every damage has to be found with its
kind and severity at its place. Then films of all sorts are rendered and checked; an error in one of
them is a false alarm.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import imageio_ffmpeg
import numpy as np

import assembler
from assembler.checking.model import Check, Finding

MEDIA = Path(__file__).parents[1] / "timelines" / "media"
FPS = 24
Picture = np.ndarray
FRAMES = Callable[[list[Picture]], list[Picture]]
SOUND = Callable[[np.ndarray], np.ndarray]

BASE = """\
assembler: 1
title: Damaged
canvas: {{size: 640x360, rate: 24}}
output: [{{preset: web-720p, size: 640x360, path: out/film.mp4}}]
segments:
  - {{id: bee, file: media/bee.mp4, in: 0.4s, out: 2.4s}}
  - {{id: butterfly, file: media/butterfly.mp4, in: 0.5s, out: 2.5s, join: cut}}
  - {{id: butterfly_on, file: media/butterfly.mp4, in: 2.5s, out: 4.5s, join: handoff}}
  - {{id: flower, file: media/flower.mp4, in: 1s, out: 3s, join: {{dissolve: 8f}}}}
tracks:
  - {{id: narration, role: voice, file: media/{voice}, on: 1s{voice_level}}}
  - {{id: score, role: music, file: media/{music}, in: 4s, level: -8dB, fade_out: 1s}}
native_audio: {{mode: mute}}
captions: {{file: media/words.srt, {captions}}}
titles: [{{text: Damaged, style: title, on: 0.3s, for: 1s}}]
"""
PLAIN_WORDS = """\
1
00:00:01,000 --> 00:00:03,000
A bee on a flower

2
00:00:04,000 --> 00:00:06,000
And a butterfly
"""
FAST_WORDS = """\
1
00:00:01,000 --> 00:00:02,000
Nobody on earth could ever read so many words in one second
"""
OUTSIDE = """\
[Script Info]
ScriptType: v4.00+
PlayResX: 640
PlayResY: 360

[V4+ Styles]
Format: Name, Fontname, Fontsize, PrimaryColour, OutlineColour, BorderStyle, Outline, Alignment
Style: Default,Inter Semi Bold,28,&H00FFFFFF,&H00000000,1,1,7

[Events]
Format: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text
Dialogue: 0,0:00:02.00,0:00:04.00,Default,,0,0,0,,{\\pos(560,100)}Half of this lies outside
"""


@dataclass(frozen=True)
class Damage:
    """One way to break a film."""

    name: str
    make: Callable[[Path, Path], None]
    kinds: tuple[str, ...]
    at: float | None = None
    """Where it is, in seconds; None for the whole file."""
    severity: str = "error"
    within: float = 0.1
    timeline: str = "film"
    """Name of the timeline that it is checked against."""


# Tools --------------------------------------------------------------------------------------------


def ffmpeg(*args: object) -> None:
    """Run ffmpeg."""
    done = subprocess.run(
        [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-y", *map(str, args)],
        capture_output=True,
    )
    if done.returncode:
        raise SystemExit(done.stderr.decode())


def pictures(path: Path) -> list[Picture]:
    """All frames as yuv420p."""
    with av.open(str(path)) as file:
        return [frame.to_ndarray(format="yuv420p") for frame in file.decode(video=0)]


def sound(path: Path) -> np.ndarray:
    """All samples, (n, channels)."""
    with av.open(str(path)) as file:
        parts = [frame.to_ndarray() for frame in file.decode(audio=0)]
    return np.concatenate(parts, axis=1).T


def written(
    source: Path,
    out: Path,
    *,
    frames: FRAMES | None = None,
    samples: SOUND | None = None,
    rate: int = FPS,
    pix_fmt: str = "yuv420p",
    codec: str = "libx264",
    hz: int = 48000,
) -> None:
    """A film with other pictures or another sound, encoded like the original."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        args: list[object] = ["-i", source]
        maps = ["-map", "0:v", "-c:v", "copy"]
        if frames is not None or pix_fmt != "yuv420p" or codec != "libx264" or rate != FPS:
            shown = pictures(source)
            shown = frames(shown) if frames else shown
            height, width = shown[0].shape[0] * 2 // 3, shown[0].shape[1]
            raw = folder / "raw.yuv"
            raw.write_bytes(b"".join(np.ascontiguousarray(p).tobytes() for p in shown))
            args += ["-f", "rawvideo", "-pix_fmt", "yuv420p", "-s", f"{width}x{height}",
                     "-r", rate, "-i", raw]  # fmt: skip
            maps = ["-map", "1:v", "-c:v", codec, "-pix_fmt", pix_fmt, "-crf", 18,
                    "-colorspace", "bt709", "-color_primaries", "bt709", "-color_trc", "bt709",
                    "-color_range", "tv", "-vf",
                    "setparams=colorspace=bt709:color_primaries=bt709:color_trc=bt709:range=tv",
                    ]  # fmt: skip
        if samples is not None:
            changed = samples(sound(source))
            wave = folder / "sound.f32"
            wave.write_bytes(np.ascontiguousarray(changed, "<f4").tobytes())
            args += ["-f", "f32le", "-ar", hz, "-ac", changed.shape[1], "-i", wave]
            number = sum(a == "-i" for a in args) - 1
            maps += ["-map", f"{number}:a", "-c:a", "aac", "-b:a", "192k"]
        else:
            maps += ["-map", "0:a", "-c:a", "copy"]
        ffmpeg(*args, *maps, "-map", "0:s?", "-c:s", "copy", "-movflags", "+faststart", out)


def on_frames(change: FRAMES, **more: Any) -> Callable[[Path, Path], None]:
    """Damage to pictures."""
    return lambda source, out: written(source, out, frames=change, **more)


def on_sound(change: SOUND, **more: Any) -> Callable[[Path, Path], None]:
    """Damage to sound."""
    return lambda source, out: written(source, out, samples=change, **more)


def copied(*args: object, before: Sequence[object] = ()) -> Callable[[Path, Path], None]:
    """Damage by copying streams with options of ffmpeg."""
    return lambda source, out: ffmpeg(*before, "-i", source, "-c", "copy", *args, out)


def lit(picture: Picture, luma: int, u: int = 0, v: int = 0) -> Picture:
    """A picture with its planes moved."""
    out = picture.astype(np.int16)
    height = picture.shape[0] * 2 // 3
    quarter = height // 4
    out[:height] += luma
    out[height : height + quarter] += u
    out[height + quarter :] += v
    return np.clip(out, 16, 240).astype(np.uint8)


def black(picture: Picture) -> Picture:
    """A black picture of the same size."""
    out = np.full_like(picture, 128)
    out[: picture.shape[0] * 2 // 3] = 16
    return out


def white(picture: Picture) -> Picture:
    """A white picture of the same size."""
    out = np.full_like(picture, 128)
    out[: picture.shape[0] * 2 // 3] = 235
    return out


def replaced(at: int, new: Callable[[list[Picture], int], Picture], count: int = 1) -> FRAMES:
    """Some frames replaced by others."""

    def change(frames: list[Picture]) -> list[Picture]:
        return [new(frames, n) if at <= n < at + count else f for n, f in enumerate(frames)]

    return change


# Damage -------------------------------------------------------------------------------------------

JOIN = 48
"""Frame at which the second shot begins; 96 is a handoff, 144 the middle of a dissolve."""
HANDOFF = 96


def bytes_changed(change: Callable[[bytearray, Path], bytearray]) -> Callable[[Path, Path], None]:
    """Damage to the bytes of a file."""
    return lambda source, out: void(out.write_bytes(change(bytearray(source.read_bytes()), source)))


def void(_: object) -> None:
    """Nothing."""


def packets(path: Path) -> list[tuple[int, int, bool]]:
    """Place, size and keyframe of the picture's packets."""
    with av.open(str(path)) as file:
        return [
            (p.pos or 0, p.size, p.is_keyframe) for p in file.demux(video=0) if p.size
        ]  # fmt: skip


def garbage(data: bytearray, source: Path) -> bytearray:
    """A packet in the middle of the film overwritten."""
    place, size, _ = packets(source)[60]
    rng = np.random.default_rng(7)
    data[place + 8 : place + size] = rng.integers(0, 256, size - 8, np.uint8).tobytes()
    return data


def without_index(source: Path, out: Path) -> None:
    """An MP4 as a recorder leaves it that was switched off: no moov."""
    ffmpeg("-i", source, "-c", "copy", "-movflags", "0", out)
    data = out.read_bytes()
    out.write_bytes(data[: data.rindex(b"moov") - 4])


def without_packet(source: Path, out: Path) -> None:
    """A frame that isn't shown, and its time stays empty."""
    with av.open(str(source)) as file, av.open(str(out), "w") as to:
        streams = {s.index: to.add_stream_from_template(s) for s in file.streams
                   if s.type in ("video", "audio")}  # fmt: skip
        shown = [p for p in file.demux(video=0) if p.size]
        unused = [b for a, b in pairwise(shown) if b.pts < a.pts]  # nothing is made from those
        wanted = min(unused, key=lambda p: abs(p.pts * p.time_base - 5)).pts
        file.seek(0)
        for packet in file.demux(*[file.streams[i] for i in streams]):
            if packet.dts is None:
                continue
            if packet.stream.type == "video" and packet.pts == wanted:
                continue
            packet.stream = streams[packet.stream.index]
            to.mux(packet)


def clipped(samples: np.ndarray) -> np.ndarray:
    """Twelve decibels too much."""
    return np.clip(samples * 4, -1, 1)


def with_click(time_s: float, size: float) -> SOUND:
    """A click of three samples."""

    def change(samples: np.ndarray) -> np.ndarray:
        out = samples.copy()
        n = int(time_s * 48000)
        out[n : n + 3] += size * np.array([[1], [-1], [0.5]], np.float32)
        return np.clip(out, -1, 1)

    return change


def between(start_s: float, stop_s: float, gain: float) -> SOUND:
    """Another level for a while."""

    def change(samples: np.ndarray) -> np.ndarray:
        out = samples.copy()
        out[int(start_s * 48000) : int(stop_s * 48000)] *= gain
        return out

    return change


def late(ms: float) -> SOUND:
    """Later by some milliseconds."""
    n = round(ms * 48)

    def change(samples: np.ndarray) -> np.ndarray:
        pad = np.zeros((abs(n), samples.shape[1]), np.float32)
        if n > 0:
            return np.concatenate([pad, samples[:-n]])
        return np.concatenate([samples[-n:], pad])

    return change


def swapped(frames: list[Picture]) -> list[Picture]:
    """Second and third shot change places with the first."""
    return frames[48:96] + frames[:48] + frames[96:]


def damages() -> list[Damage]:
    """All of them."""
    rep, mis, other = ("repeated-frame",), ("missing-frame",), ("wrong-picture",)
    j, h, t = JOIN / FPS, HANDOFF / FPS, 1 / FPS
    tag = "h264_metadata="
    return [
        Damage("doubled frame at a cut", on_frames(lambda f: f[:48] + f[47:]), rep, j),
        Damage("doubled frame at a handoff", on_frames(lambda f: f[:96] + f[95:]), rep, h),
        Damage("first frame of a shot is the last of the one before",
               on_frames(replaced(48, lambda f, n: f[47])), (*rep, *other), j),
        Damage("first frame after a handoff repeats",
               on_frames(replaced(96, lambda f, n: f[95])), rep, h),
        Damage("doubled frame amid a shot", on_frames(lambda f: f[:70] + f[69:]), rep, 70 * t),
        Damage("frame repeated in place", on_frames(replaced(120, lambda f, n: f[119])), rep, 5),
        Damage("missing frame at a cut", on_frames(lambda f: f[:48] + f[49:]), mis, j),
        Damage("missing frame before a handoff", on_frames(lambda f: f[:95] + f[96:]), mis, h),
        Damage("missing frame amid a shot", on_frames(lambda f: f[:70] + f[71:]), mis, 70 * t),
        Damage("missing frame in slow motion", on_frames(lambda f: f[:170] + f[171:]), mis,
               170 * t),
        Damage("a second is missing", on_frames(lambda f: f[:60] + f[84:]), mis, 60 * t),
        Damage("black frame at a cut", on_frames(replaced(48, lambda f, n: black(f[n]))),
               ("black",), j),
        Damage("black frames amid a shot", on_frames(replaced(110, lambda f, n: black(f[n]), 3)),
               ("black",), 110 * t),
        Damage("black end", on_frames(replaced(180, lambda f, n: black(f[n]), 12)), ("black",),
               180 * t),
        Damage("frozen stretch", on_frames(replaced(60, lambda f, n: f[60], 24)), ("frozen",),
               61 * t),
        Damage("flashes at 10 Hz",
               on_frames(replaced(100, lambda f, n: white(f[n]) if n * 20 // 24 % 2 else f[n], 36)),
               ("flashing",), 100 * t, within=0.3),
        Damage("white frame", on_frames(replaced(130, lambda f, n: white(f[n]))), other, 130 * t),
        Damage("colour pop at a handoff",
               on_frames(replaced(96, lambda f, n: lit(f[n], 0, 8, -8), 3)), ("colour-pop",), h),
        Damage("brightness pop", on_frames(replaced(75, lambda f, n: lit(f[n], 10), 2)),
               ("colour-pop",), 75 * t),
        Damage("two shots swapped", on_frames(swapped), other, 0.0),
        Damage("one frame of another shot", on_frames(replaced(20, lambda f, n: f[100])), other,
               20 * t),
        Damage("a shot runs backwards", on_frames(lambda f: f[:48] + f[48:96][::-1] + f[96:]),
               (*other, *rep, *mis), j, within=2),
        Damage("pictures upside down", on_frames(lambda f: [upside_down(p) for p in f]), other, 0.0,
               within=9),
        Damage("range squeezed twice",
               on_frames(lambda f: [squeezed(p) for p in f]), ("colour-shift",)),
        Damage("wrong matrix tag", copied("-bsf:v", tag + "matrix_coefficients=6",
               "-colorspace", "smpte170m"), ("wrong-matrix",)),
        Damage("wrong primaries tag", copied("-bsf:v", tag + "colour_primaries=9",
               "-color_primaries", "bt2020"), ("wrong-primaries",)),
        Damage("wrong transfer tag", copied("-bsf:v", tag + "transfer_characteristics=16",
               "-color_trc", "smpte2084"), ("wrong-transfer",)),
        Damage("wrong range tag", copied("-bsf:v", tag + "video_full_range_flag=1",
               "-color_range", "pc"), ("wrong-range",)),
        Damage("wrong size", lambda s, o: ffmpeg("-i", s, "-vf", "scale=480:270", "-c:a", "copy",
               "-colorspace", "bt709", o), ("wrong-size",)),
        Damage("wrong rate", lambda s, o: ffmpeg("-i", s, "-r", 25, "-c:a", "copy", o),
               ("wrong-rate",)),
        Damage("wrong pixel format", lambda s, o: written(s, o, pix_fmt="yuv444p"),
               ("wrong-pixel-format",)),
        Damage("wrong codec", lambda s, o: written(s, o, codec="libx265"), ("wrong-codec",)),
        Damage("stretched pixels", copied("-aspect", "4:3"), ("wrong-pixel-shape",)),
        Damage("turned", copied(before=("-display_rotation", 90)), ("rotated",)),
        Damage("truncated", bytes_changed(lambda d, _: d[: len(d) * 6 // 10]), ("truncated",)),
        Damage("missing moov", without_index, ("truncated", "unreadable")),
        Damage("empty", lambda s, o: void(o.write_bytes(b"")), ("empty-file",)),
        Damage("no film at all", lambda s, o: void(o.write_text("<html>404</html>")),
               ("unreadable",)),
        Damage("garbage packets", bytes_changed(garbage), ("damaged-frame", "damaged-file"), 2.5,
               within=0.4),
        Damage("dropped packet", without_packet, ("timestamp-gap",), 5, within=0.25),
        Damage("edit list: picture 200 ms late",
               lambda s, o: ffmpeg("-itsoffset", 0.2, "-i", s, "-i", s, "-map", "0:v", "-map",
                                   "1:a", "-c", "copy", o),
               ("late-picture", "late-sound", "sound-start")),
        Damage("sound 40 ms late", on_sound(late(40)), ("late-sound",)),
        Damage("sound 25 ms early", on_sound(late(-25)), ("late-sound",)),
        Damage("container: sound 120 ms late",
               lambda s, o: ffmpeg("-i", s, "-itsoffset", 0.12, "-i", s, "-map", "0:v", "-map",
                                   "1:a", "-c", "copy", o), ("late-sound", "sound-start")),
        Damage("3 LU too soft", on_sound(lambda s: s * 10 ** (-3 / 20)), ("loudness",)),
        Damage("3 LU too loud", on_sound(lambda s: np.clip(s * 10 ** (3 / 20), -1, 1)),
               ("loudness", "true-peak")),
        Damage("click at a join", on_sound(with_click(j, 0.5)), ("click",), j, within=0.02),
        Damage("soft click", on_sound(with_click(6.5, 0.25)), ("click",), 6.5, within=0.02),
        Damage("clipped", on_sound(clipped), ("clipping",), within=9),
        Damage("one channel upside down", on_sound(lambda s: s * np.array([1, -1], np.float32)),
               ("phase-inverted",)),
        Damage("left channel silent", on_sound(lambda s: s * np.array([0, 1], np.float32)),
               ("silent-channel",), within=9),
        Damage("hole in the sound", on_sound(between(3, 3.4, 0)), ("silence",), 3, within=0.3),
        Damage("6 dB louder for two seconds", on_sound(between(4, 6, 2)), ("level-change",), 4,
               within=0.5),
        Damage("no sound track", copied("-an"), ("missing-sound-track",)),
        Damage("mono", lambda s, o: ffmpeg("-i", s, "-c:v", "copy", "-ac", 1, "-c:a", "aac", o),
               ("wrong-channels",)),
        Damage("44.1 kHz", lambda s, o: ffmpeg("-i", s, "-c:v", "copy", "-ar", 44100, "-c:a",
               "aac", o), ("wrong-sample-rate",)),
        Damage("wrong sound codec", lambda s, o: ffmpeg("-i", s, "-c:v", "copy", "-c:a",
               "libmp3lame", o), ("wrong-sound-codec",)),
        Damage("sound ends early", on_sound(lambda s: s[: -24000]), ("length-mismatch",)),
        Damage("no captions", copied("-sn"), ("missing-captions",)),
        Damage("silent narration", variant("no-voice"), ("missing-sound",), 1, within=1.6),
        Damage("wrong music", variant("other-music"), ("missing-sound", "wrong-sound"), 0,
               within=8),
        Damage("captions too fast", variant("fast"), ("caption-too-fast",), 1, timeline="fast"),
        Damage("captions outside", variant("outside"), ("caption-outside",), 2,
               timeline="outside"),
    ]  # fmt: skip


def upside_down(picture: Picture) -> Picture:
    """Luma turned over."""
    out = picture.copy()
    height = picture.shape[0] * 2 // 3
    out[:height] = out[:height][::-1]
    return out


def squeezed(picture: Picture) -> Picture:
    """Full range taken for limited once too often."""
    values = 16 + picture.astype(np.float32) * 219 / 255
    height = picture.shape[0] * 2 // 3
    values[height:] = 128 + (picture[height:].astype(np.float32) - 128) * 224 / 255
    return np.rint(values).astype(np.uint8)


def variant(name: str) -> Callable[[Path, Path], None]:
    """The film of another timeline in the place of the right one."""
    return lambda source, out: void(shutil.copyfile(source.with_name(f"{name}.mp4"), out))


def base(folder: Path) -> dict[str, Path]:
    """The film to be damaged, and its variants; their timelines by name."""
    media = folder / "media"
    media.mkdir(parents=True, exist_ok=True)
    for path in MEDIA.iterdir():
        shutil.copyfile(path, media / path.name)
    (media / "words.srt").write_text(PLAIN_WORDS)
    (media / "fast.srt").write_text(FAST_WORDS)
    (media / "outside.ass").write_text(OUTSIDE)
    usual = {"voice": "narration.ogg", "music": "sugar-plum.ogg", "voice_level": "",
             "captions": "track: true, language: eng"}  # fmt: skip
    plain = BASE.format(**usual)
    texts = {
        "film": plain,
        "no-voice": BASE.format(**usual | {"voice_level": ", level: -90dB"}),
        "other-music": BASE.format(**usual | {"music": "vibe-ace.ogg"}),
        "fast": plain.replace("words.srt", "fast.srt"),
        "outside": plain.replace("words.srt", "outside.ass").replace("track: true", "burn: true"),
    }
    found = {}
    for name, text in texts.items():
        path = folder / f"{name}.yaml"
        path.write_text(text.replace("film.mp4", f"{name}.mp4"))
        if not (folder / "out" / f"{name}.mp4").exists():
            assembler.render(path, force=True)
        found[name] = path
    return found


def judged(check: Check, damage: Damage) -> tuple[bool, Finding | None]:
    """Whether a damage was found as it should, and the finding nearest to that."""
    right = [f for f in check.findings if f.kind in damage.kinds]
    for finding in right:
        near = damage.at is None or (
            finding.time_s is not None and abs(finding.time_s - damage.at) <= damage.within
        )
        if near and finding.severity == damage.severity:
            return True, finding
    return False, right[0] if right else next(iter(check.findings), None)


def plant(folder: Path, only: Sequence[str], skip: int = 0) -> int:
    """Damage and check; how many weren't found."""
    timelines = base(folder)
    source = folder / "out" / "film.mp4"
    missed = 0
    for damage in damages()[skip:]:
        if only and not any(word in damage.name for word in only):
            continue
        out = folder / "damaged" / "film.mp4"
        out.parent.mkdir(exist_ok=True)
        out.unlink(missing_ok=True)
        damage.make(source, out)
        began = time.monotonic()
        check = assembler.qc(out, timelines[damage.timeline])
        took = time.monotonic() - began
        found, finding = judged(check, damage)
        missed += not found
        others = len({f.kind for f in check.findings if f.severity == "error"})
        say = f"{finding.severity} {finding.kind} at {finding.time_s}" if finding else "nothing"
        print(
            f"{'ok ' if found else 'NO '} {damage.name:52} {say:45} "
            f"{others} kinds of error, {took:.1f} s",
            flush=True,
        )
        if not found or "-v" in sys.argv:
            print("     " + "\n     ".join(f.text() for f in check.findings[:6]), flush=True)
    return missed


# Clean films --------------------------------------------------------------------------------------

HEAD = "assembler: 1\ntitle: Clean\ncanvas: {{size: {size}, rate: {rate}}}\noutput: [{output}]\n"
WEB = "{preset: web-720p, size: 640x360, path: out/NAME.mp4}"
ANIMATIC = (
    "defaults: {provider: animatic, model: animatic, resolution: 720p, audio: native, seed: 3}\n"
)
BEE = "  - {id: bee, file: media/bee.mp4, in: 0.4s, out: 2.4s}\n"
FLY = "  - {id: fly, file: media/butterfly.mp4, in: 0.5s, out: 2.5s, join: JOIN}\n"
FLOWER = "  - {id: flower, file: media/flower.mp4, in: 1s, out: 3s, join: JOIN}\n"
MUSIC = "tracks:\n  - {id: score, role: music, file: media/vibe-ace.ogg, fade_out: 1s}\n"
VOICE = "  - {id: voice, role: voice, file: media/narration.ogg, on: 0.5s}\n"


def clean() -> Iterator[tuple[str, str]]:
    """Names and texts of timelines of all sorts."""

    def film(
        body: str, *, size: str = "640x360", rate: str = "24", output: str = WEB, more: str = ""
    ) -> str:
        return HEAD.format(size=size, rate=rate, output=output) + more + "segments:\n" + body

    def joined(join: str, fly: str = "") -> str:
        return BEE + (fly or FLY).replace("JOIN", join) + FLOWER.replace("JOIN", join)

    for rate in ("23.976", "25", "60"):
        yield f"cuts-{rate}", film(joined("cut") + MUSIC, rate=rate)
    yield "dissolves", film(joined("{dissolve: 12f}") + MUSIC + VOICE)
    yield "dips", film(joined("{fade-black: 16f}") + MUSIC)
    yield "fade-white", film(joined("{fade-white: 10f}") + "native_audio: {level: -3dB}\n")
    yield "wipes", film(joined("{wipe-left: 10f}") + MUSIC)
    yield "circles", film(joined("{circle-open: 14f}") + MUSIC)
    yield (
        "titles",
        film(
            joined("cut")
            + MUSIC
            + "titles:\n  - {text: A title, style: title, on: 0.2s, for: 1.5s}\n"
            "  - {text: The end, style: end-card, on: flower+0.5s, for: 1.4s}\n"
        ),
    )
    yield (
        "captions",
        film(joined("cut") + MUSIC + "captions: {file: media/words.srt, burn: true}\n"),
    )
    yield (
        "caption-track",
        film(
            joined("cut")
            + MUSIC
            + "captions: {file: media/words.srt, track: true, language: eng}\n"
        ),
    )
    yield "vertical", film(
        joined("cut") + MUSIC, size="360x640",
        output="{preset: reels-9x16, size: 360x640, path: out/NAME.mp4}",
    )  # fmt: skip
    yield "match-source", film(
        "  - {id: a, file: media/bee.mp4, out: 2s}\n"
        "  - {id: b, file: media/bee.mp4, in: 2s, out: 4s, join: handoff}\n",
        size="1280x720", rate="29.97", output="{preset: match-source, path: out/NAME.mp4}",
    )  # fmt: skip
    yield (
        "handoffs",
        film(
            "  - {id: a, file: media/butterfly.mp4, in: 0.5s, out: 2.5s}\n"
            "  - {id: b, file: media/butterfly.mp4, in: 2.5s, out: 4.5s, join: handoff}\n" + MUSIC
        ),
    )
    yield (
        "chain",
        film(
            "  - {id: harbour, duration: 20s, prompt: Dawn over a harbour. Slow push in.}\n"
            + MUSIC,
            more=ANIMATIC,
        ),
    )
    yield (
        "avatar",
        film(
            "  - {id: city, duration: 6s, prompt: A city at night.}\n"
            "  - {id: speaker, avatar: {image: media/presenter.jpg, audio: media/narration.ogg}, "
            "layer: {place: bottom-right, width: 25%, over: city, shape: circle}}\n",
            more=ANIMATIC,
        ),
    )
    yield (
        "looks",
        film(
            "  - {id: still, file: media/stream.jpg, duration: 2s, "
            "move: {from: {width: 100%}, to: {x: 35%, y: 60%, width: 55%}}}\n"
            "  - {id: slow, file: media/bee.mp4, in: 0.5s, duration: 2s, join: cut, "
            "speed: {points: [{at: 0.5s, rate: 100%}, {at: 1s, rate: 30%}], frames: flow}, "
            "grade: {exposure: 0.2, saturation: 120%}}\n"
            "  - {id: back, file: media/flower.mp4, in: 1s, out: 3s, reverse: true, "
            "freeze: {at: 1s, for: 0.5s}, join: cut}\n"
            "  - {id: out, file: media/butterfly.mp4, in: 1s, out: 3s, join: cut, "
            "crop: {left: 15%, bottom: 15%}, effects: [{name: FadeOut, duration: 0.8}]}\n" + MUSIC
        ),
    )
    yield (
        "layers",
        film(
            joined("cut") + "  - {id: inset, file: media/stream.mp4, out: 2s, "
            "layer: {place: top-left, width: 30%, on: bee+0.5s, shape: rounded, opacity: 85%}}\n"
        ),
    )
    yield "fits", film(
        "  - {id: tall, file: media/presenter.webm, duration: 2s, fit: blur}\n"
        "  - {id: wide, file: media/stream.mp4, out: 2s, fit: contain, join: cut}\n"
        "  - {id: whole, file: media/flower.mp4, in: 1s, out: 3s, join: cut}\n",
        size="640x480", output="{preset: web-720p, size: 640x480, path: out/NAME.mp4}",
    )  # fmt: skip
    yield (
        "quiet",
        film(
            joined("cut") + "native_audio: {mode: mute}\n"
            "tracks:\n  - {id: late, role: voice, file: media/narration.ogg, on: 3s}\n"
        ),
    )
    yield "shots", film(
        "  - id: neon\n    shots:\n      - {duration: 2s, prompt: Neon city at night.}\n"
        "      - {duration: 2s, prompt: A street from above.}\n" + MUSIC, more=ANIMATIC
    )  # fmt: skip
    yield "draft-like", film(joined("cut") + MUSIC, output="{preset: draft, path: out/NAME.mp4}")
    yield (
        "ten-bit",
        film(
            joined("cut") + MUSIC, output="{preset: hevc-10bit, size: 640x360, path: out/NAME.mp4}"
        ),
    )
    yield "prores", film(
        joined("{dissolve: 8f}") + MUSIC,
        output="{preset: prores-master, size: 640x360, path: out/NAME.mov}",
    )  # fmt: skip


def check_clean(folder: Path, only: Sequence[str]) -> int:
    """Render and check; how many films have errors."""
    media = folder / "media"
    media.mkdir(parents=True, exist_ok=True)
    for path in MEDIA.iterdir():
        shutil.copyfile(path, media / path.name)
    (media / "words.srt").write_text(PLAIN_WORDS)
    wrong = 0
    for name, text in clean():
        if only and not any(word in name for word in only):
            continue
        path = folder / f"clean-{name}.yaml"
        path.write_text(text.replace("NAME", name))
        film = assembler.render(path, force=True)
        began = time.monotonic()
        check = assembler.qc(film.outputs[0].path, path)
        took = time.monotonic() - began
        errors = check.count("error")
        wrong += bool(errors)
        print(
            f"{'ok ' if not errors else 'NO '} {name:16} {film.cut.frames:5} frames "
            f"{errors} errors, {check.count('warning')} warnings, {check.count('info')} info, "
            f"likeness {check.measures.get('picture', {}).get('likeness')}, {took:.1f} s",
            flush=True,
        )
        for finding in check.findings:
            print("     " + finding.text().replace("\n", "\n     "), flush=True)
    return wrong


def main() -> None:
    """Run what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, help="folder to work in, kept")
    parser.add_argument("--only", nargs="*", default=[], help="words in names")
    parser.add_argument("--skip", type=int, default=0, help="so many of the damages")
    parser.add_argument("--no-clean", action="store_true")
    parser.add_argument("--no-damage", action="store_true")
    given, _ = parser.parse_known_args()
    with tempfile.TemporaryDirectory() as name:
        folder = given.work or Path(name)
        missed = 0 if given.no_damage else plant(folder, given.only, given.skip)
        wrong = 0 if given.no_clean else check_clean(folder, given.only)
    print(json.dumps({"not found": missed, "clean films with errors": wrong}))
    raise SystemExit(bool(missed or wrong))


if __name__ == "__main__":
    main()
