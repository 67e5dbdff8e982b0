"""From a cut to a file: every frame in its place, nothing made twice."""

from __future__ import annotations

import pickle
import subprocess
import sys
import threading
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from assembler.cut.model import Source, Transition
from assembler.errors import RenderError
from assembler.media.ffmpeg import exe
from assembler.rendering.encode import SpanJob
from assembler.rendering.render import render
from assembler.rendering.spans import spans_of
from assembler.rendering.verify import verify
from assembler.spec.presets import delivery_preset
from assembler.timebase import samples_at
from tests.rendering.conftest import RATE, Made, clip, cut_of
from tests.rendering.numbers import numbers_in, planes_in, runs, tone

LOSSLESS = delivery_preset("lossless")
SMALL = {"size": None}
PRESETS = (
    "youtube-1080p", "youtube-4k", "web-720p", "prores-master", "dnxhr", "web-av1", "hevc-10bit",
    "lossless", "lossless-10bit", "match-source",
)  # fmt: skip


def numbers_of(cut, tmp_path: Path, spans: Path) -> list[int]:
    return numbers_in(render(cut, LOSSLESS, tmp_path / "o.mkv", sound=None, spans=spans).path)


def test_cuts_show_the_frames_asked_for(sources, tmp_path, spans):
    """In and out points are exact, a clip of 2 frames included."""
    a, b = sources
    cut = cut_of(clip(a, 0, 20, 5), clip(b, 20, 22, 70), clip(a, 22, 40, 54))
    expected = [*range(5, 25), 1070, 1071, *range(54, 72)]
    assert expected == numbers_of(cut, tmp_path, spans)


def test_skipped_frames_are_left_out(sources, tmp_path, spans):
    """Stalled frames inside a clip vanish; the rest abuts."""
    a, _ = sources
    cut = cut_of(clip(a, 0, 20, 5, skipped=(9, 10, 20)))
    assert runs(numbers_of(cut, tmp_path, spans)) == [(5, 4), (11, 9), (21, 7)]


def test_a_dissolve_keeps_the_length_and_blends_evenly(sources, tmp_path, spans):
    """A, dissolve, B -> A', (A_t, dissolve, B_t), B': frame k shows (k + 1) / (n + 1) of B."""
    a, b = sources
    way = Transition("dissolve", 4, 4)
    cut = cut_of(clip(a, 0, 24), clip(b, 24, 48, 10, transition=way))
    rendered = render(cut, LOSSLESS, tmp_path / "o.mkv", sound=None, spans=spans)
    frames, ours = planes_in(rendered.path), (planes_in(a.path), planes_in(b.path))
    assert len(frames) == 48
    for k in range(8):
        left, right = ours[0][20 + k].astype(float), ours[1][6 + k].astype(float)
        mixed = left + (right - left) * (k + 1) / 9
        assert np.abs(frames[20 + k] - mixed).max() <= 0.6
        assert abs((frames[20 + k] - mixed).mean()) <= 0.05


@pytest.mark.parametrize(("name", "level"), [("fade-black", 16), ("fade-white", 235)])
def test_a_fade_goes_through_legal_black_or_white(sources, tmp_path, spans, name, level):
    """At its middle the picture is one flat tone within limited range."""
    a, b = sources
    cut = cut_of(clip(a, 0, 24), clip(b, 24, 48, 10, transition=Transition(name, 4, 3)))
    rendered = render(cut, LOSSLESS, tmp_path / "o.mkv", sound=None, spans=spans)
    middle = planes_in(rendered.path)[23]
    assert (level, level) == (middle[:192].min(), middle[:192].max())


@pytest.mark.parametrize("rate", [Fraction(24000, 1001), Fraction(25), Fraction(30), Fraction(60)])
def test_other_rates_show_what_the_source_shows_then(made: Made, tmp_path, spans, rate):
    """Programme frame n is source frame floor(n x source rate / 24)."""
    taken = made("r.mp4", 60, rate)
    length = min(40, int(60 * RATE / rate) - 3)
    expected = [int((n + 3) * rate / RATE) for n in range(length)]
    assert expected == numbers_of(cut_of(clip(taken, 0, length, 3)), tmp_path, spans)


def test_a_changing_rate_is_read_by_its_time_stamps(made: Made, tmp_path, spans):
    """Frames that last 1, 3 and 2 units are held as long as that."""
    times = np.cumsum([0] + [(1000, 3000, 2000)[n % 3] for n in range(40)])
    taken = made("v.mp4", 30, pts=lambda n: int(times[n]), time_base=Fraction(1, 24000))
    assert taken.info.video.vfr
    expected = [int(np.searchsorted(times, n * 1000 + 1, "right")) - 1 for n in range(4, 50)]
    assert expected == numbers_of(cut_of(clip(taken, 0, 46, 4)), tmp_path, spans)


@pytest.mark.parametrize("name", ["late.mkv", "late.ts", "late.mp4", "late.webm"])
def test_files_that_start_late_are_cut_from_their_first_frame(made: Made, tmp_path, spans, name):
    """A file's own clock doesn't matter, nor whether it is exact."""
    coder = "libvpx-vp9" if name.endswith("webm") else "libx264"
    options = {"deadline": "realtime", "cpu-used": "8", "preset": ""} if coder != "libx264" else {}
    options.pop("preset", None)
    taken = made(name, 40, pts=lambda n: n + 50, encoder=coder, options=options)
    assert list(range(7, 37)) == numbers_of(cut_of(clip(taken, 0, 30, 7)), tmp_path, spans)


@pytest.mark.parametrize("options", [{}, {"bf": "3", "g": "24"}])
def test_a_place_far_into_a_file_is_found_exactly(made: Made, tmp_path, spans, options):
    """With one keyframe at the start, and with B-frames and a keyframe every second."""
    taken = made("long.mp4", 600, options=options)
    cut = cut_of(clip(taken, 0, 12, 488), clip(taken, 12, 24, 95))
    assert runs(numbers_of(cut, tmp_path, spans)) == [(488, 12), (95, 12)]


def test_the_last_frame_is_held_when_the_source_ends(sources, tmp_path, spans):
    """A source that is too short keeps the programme's length."""
    a, _ = sources
    numbers = numbers_of(cut_of(clip(a, 0, 20, 60)), tmp_path, spans)
    assert [*range(60, 72), *[71] * 8] == numbers


def test_a_source_in_the_canvas_format_keeps_its_bits(sources, tmp_path, spans):
    """Nothing is converted that needn't be."""
    a, _ = sources
    rendered = render(
        cut_of(clip(a, 0, 30, 2)), LOSSLESS, tmp_path / "o.mkv", sound=None, spans=spans
    )
    taken = planes_in(a.path)[2:32]
    assert all(np.array_equal(x, y) for x, y in zip(taken, planes_in(rendered.path), strict=True))


@pytest.mark.parametrize("name", PRESETS)
def test_every_delivery_is_what_it_says(sources, tmp_path, spans, name):
    """Codec, size, frames, rate, tags and sound of each preset, measured in the file."""
    a, b = sources
    preset = delivery_preset(name).model_copy(update=SMALL)
    cut = cut_of(clip(a, 0, 14), clip(b, 14, 40, 20, transition=Transition("wipe-left", 2, 2)))
    sound = tone(tmp_path / "s.wav", samples_at(cut.frames, cut.rate, 48000))
    out = tmp_path / f"o.{preset.container}"
    found = render(cut, preset, out, sound=sound, spans=spans).verified
    assert (found.frames, found.size) == (40, (320, 192))
    assert [*range(12), *range(1022, 1046)] == [
        n for i, n in enumerate(numbers_in(out)) if not 12 <= i < 16
    ]


def test_other_shapes_are_cropped_and_drafts_are_half_size(sources, tmp_path, spans):
    """A vertical delivery of a wide canvas shows its centre; a draft its timecode."""
    a, _ = sources
    tall = delivery_preset("reels-9x16").model_copy(update={"size": (108, 192)})
    for preset, size in ((tall, (108, 192)), (delivery_preset("draft"), (160, 96))):
        out = tmp_path / f"{preset.id}.mp4"
        found = render(cut_of(clip(a, 0, 12)), preset, out, sound=None, spans=spans).verified
        assert size == found.size


def test_ntsc_rates_stay_exact(made: Made, tmp_path, spans):
    """At 30000/1001 every time stamp is on the grid, and sound ends with the picture."""
    rate = Fraction(30000, 1001)
    taken = made("n.mp4", 90, rate)
    cut = cut_of(clip(taken, 0, 50, 4), clip(taken, 50, 80, 60), rate=rate)
    preset = delivery_preset("youtube-1080p").model_copy(update=SMALL)
    sound = tone(tmp_path / "s.wav", samples_at(80, rate, 48000))
    out = render(cut, preset, tmp_path / "o.mp4", sound=sound, spans=spans).path
    with av.open(str(out)) as container:
        video = container.streams.video[0]
        times = sorted(p.pts * video.time_base for p in container.demux(video) if p.size)
    assert [n / rate for n in range(80)] == times


def test_players_hear_every_sample_of_the_programme(made: Made, tmp_path, spans):
    """No edit list ends the sound at a whole thousandth of a second."""
    rate = Fraction(24000, 1001)
    cut = cut_of(clip(made("n.mp4", 64, rate), 0, 64), rate=rate)
    preset = delivery_preset("youtube-1080p").model_copy(update=SMALL)
    sound = tone(tmp_path / "s.wav", samples_at(64, rate, 48000))
    out = render(cut, preset, tmp_path / "o.mp4", sound=sound, spans=spans).path
    args = ["-v", "error", "-i", str(out), "-vn", "-ac", "1", "-f", "s16le", "pipe:1"]
    heard = subprocess.run([exe(), *args], capture_output=True, check=True).stdout
    assert samples_at(64, rate, 48000) == len(heard) // 2


def test_sound_and_picture_begin_together(sources, tmp_path, spans):
    """A click at frame 12 is heard at frame 12, encoder delay included."""
    a, _ = sources
    sound = tone(tmp_path / "s.wav", samples_at(40, RATE, 48000))
    raw = bytearray(sound.read_bytes())
    raw[44:] = bytes(len(raw) - 44)
    at = 44 + 4 * samples_at(12, RATE, 48000)
    raw[at : at + 400] = np.full(200, 30000, "<i2").tobytes()
    sound.write_bytes(raw)
    preset = delivery_preset("youtube-1080p").model_copy(update=SMALL)
    out = render(cut_of(clip(a, 0, 40)), preset, tmp_path / "o.mp4", sound=sound, spans=spans).path
    with av.open(str(out)) as container:
        frames = list(container.decode(audio=0))
    start = frames[0].pts * frames[0].time_base * 48000
    wave = np.concatenate([f.to_ndarray()[0] for f in frames])
    heard = int(np.argmax(np.abs(wave) > 0.4)) + round(start)
    assert abs(heard - 24000) <= 24


def test_a_second_run_makes_nothing(sources, tmp_path, spans):
    """Neither spans nor the final file, which keeps its time."""
    a, b = sources
    cut = cut_of(clip(a, 0, 20), clip(b, 20, 40))
    first = render(cut, LOSSLESS, tmp_path / "o.mkv", sound=None, spans=spans)
    before = first.path.stat().st_mtime_ns
    again = render(cut, LOSSLESS, tmp_path / "o.mkv", sound=None, spans=spans)
    assert (len(first.made), len(again.made), again.joined) == (2, 0, False)
    assert before == again.path.stat().st_mtime_ns


def test_a_changed_clip_makes_its_own_spans_only(sources, tmp_path, spans):
    """What comes after moves in time and is reused."""
    a, b = sources
    cut = cut_of(clip(a, 0, 20), clip(b, 20, 40), clip(a, 40, 60, 30))
    render(cut, LOSSLESS, tmp_path / "o.mkv", sound=None, spans=spans)
    moved = cut_of(clip(a, 0, 18), clip(b, 18, 38), clip(a, 38, 58, 30))
    again = render(moved, LOSSLESS, tmp_path / "o.mkv", sound=None, spans=spans)
    assert (again.made, again.reused) == (("frames 0-17",), 2)
    assert runs(numbers_in(again.path)) == [(0, 18), (1000, 20), (30, 20)]


@pytest.mark.parametrize("harm", ["cut short", "altered", "removed"])
def test_a_damaged_span_is_made_again(sources, tmp_path, spans, harm):
    """A span is trusted only with the very bytes that were written."""
    a, b = sources
    cut = cut_of(clip(a, 0, 20), clip(b, 20, 40))
    render(cut, LOSSLESS, tmp_path / "o.mkv", sound=None, spans=spans)
    path = SpanJob(spans_of(cut, LOSSLESS)[1], spans).path
    whole = path.read_bytes()
    middle = len(whole) // 2
    if harm == "removed":
        path.unlink()
    elif harm == "altered":
        path.write_bytes(whole[:middle] + bytes([whole[middle] ^ 255]) + whole[middle + 1 :])
    else:
        path.write_bytes(whole[:middle])
    again = render(cut, LOSSLESS, tmp_path / "other.mkv", sound=None, spans=spans)
    assert (again.made, runs(numbers_in(again.path))) == (("frames 20-39",), [(0, 20), (1000, 20)])


def test_a_cancelled_render_leaves_no_final_file(sources, tmp_path, spans):
    """Finished spans stay, half-written files don't."""
    a, b = sources
    stop = threading.Event()
    cut = cut_of(*(clip(s, n * 20, n * 20 + 20, n) for n, s in enumerate([a, b] * 4)))
    with pytest.raises(RenderError, match="cancelled"):
        render(
            cut, LOSSLESS, tmp_path / "o.mkv", sound=None, spans=spans, workers=1, cancel=stop,
            on_frames=lambda n: stop.set() if n > 40 else None,
        )  # fmt: skip
    left = [p.name for p in spans.iterdir() if ".part" in p.name]
    assert ((tmp_path / "o.mkv").exists(), left) == (False, [])
    again = render(cut, LOSSLESS, tmp_path / "o.mkv", sound=None, spans=spans)
    assert again.reused >= 2


def test_progress_ends_at_the_whole_length(sources, tmp_path, spans):
    """It counts what is cached, and never falls."""
    a, b = sources
    cut = cut_of(clip(a, 0, 20), clip(b, 20, 40))
    told: list[int] = []
    render(cut, LOSSLESS, tmp_path / "o.mkv", sound=None, spans=spans, on_frames=told.append)
    assert (sorted(told), 40) == (told, told[-1])


def test_what_is_wrong_with_a_file_is_named(sources, tmp_path, spans):
    """A file that isn't what was asked for is refused with all its differences."""
    a, _ = sources
    cut = cut_of(clip(a, 0, 20))
    out = render(cut, LOSSLESS, tmp_path / "o.mkv", sound=None, spans=spans).path
    longer = replace(cut_of(clip(a, 0, 21)), size=(640, 384))
    with pytest.raises(RenderError) as caught:
        verify(out, longer, LOSSLESS)
    assert caught.value.what == (
        "not what was asked for: size is (320, 192), not (640, 384); number of frames is "
        "20, not 21; there is no sound"
    )


def test_a_title_and_a_layer_lie_where_they_should(sources, tmp_path, spans):
    """A layer covers its box and nothing else, from its first to its last frame."""
    from assembler.cut.model import PictureLayer
    from assembler.timebase import FrameRange

    a, b = sources
    layer = PictureLayer("l", b, FrameRange(5, 15), 3, (160, 96, 160, 96))
    cut = cut_of(clip(a, 0, 20), layers=(layer,))
    frames = planes_in(render(cut, LOSSLESS, tmp_path / "o.mkv", sound=None, spans=spans).path)
    plain = planes_in(a.path)
    changed = [
        not np.array_equal(x[96:192, 160:], y[96:192, 160:])
        for x, y in zip(frames, plain, strict=False)
    ]
    assert [5 <= n < 15 for n in range(20)] == changed
    assert all(np.array_equal(x[:96], y[:96]) for x, y in zip(frames, plain, strict=False))


def test_spans_are_the_same_source_or_not(sources: tuple[Source, Source]):
    """Keys follow content, not places in the programme or names."""
    a, b = sources
    one = spans_of(cut_of(clip(a, 0, 20), clip(b, 20, 40)), LOSSLESS)
    two = spans_of(cut_of(clip(b, 0, 20, id="other"), clip(a, 20, 40)), LOSSLESS)
    assert [s.key for s in one] == [s.key for s in reversed(two)]


_KILLED = """
import pickle, sys
from pathlib import Path
from assembler.rendering.render import render
from assembler.spec.presets import delivery_preset

cut = pickle.loads(Path(sys.argv[1]).read_bytes())
folder = Path(sys.argv[2])
print("ready", flush=True)
render(cut, delivery_preset("lossless"), folder / "o.mkv", sound=None, spans=folder / "spans",
       workers=1, on_frames=lambda n: print(n, flush=True))
"""


def test_a_killed_render_loses_at_most_the_spans_in_flight(sources, tmp_path, spans):
    """Killed without a warning in the middle, it goes on where it was."""
    a, b = sources
    cut = cut_of(*(clip(s, n * 20, n * 20 + 20, n) for n, s in enumerate([a, b] * 4)))
    (tmp_path / "cut").write_bytes(pickle.dumps(cut))
    argv = [sys.executable, "-c", _KILLED, str(tmp_path / "cut"), str(tmp_path)]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as child:
        done = 0
        while done <= 60:
            line = child.stdout.readline().strip()
            done = int(line) if line.isdigit() else done
        child.kill()
    again = render(cut, LOSSLESS, tmp_path / "o.mkv", sound=None, spans=spans)
    assert again.reused >= 3
    fresh = render(cut, LOSSLESS, tmp_path / "f.mkv", sound=None, spans=tmp_path / "fresh")
    pairs = zip(planes_in(again.path), planes_in(fresh.path), strict=True)
    assert all(np.array_equal(x, y) for x, y in pairs)


@pytest.mark.skipif(sys.platform == "win32", reason="the stand-in for ffmpeg is a shell script")
def test_a_killed_encoder_is_started_again(sources, tmp_path, spans, monkeypatch):
    """One lost child costs a second try, not the film."""
    a, _ = sources
    program = tmp_path / "once"
    program.write_text(
        f'#!/bin/sh\nif [ ! -e {tmp_path}/died ] && [ "$2" = -nostats ]; then\n'
        f'touch {tmp_path}/died; kill -9 $$; fi\nexec {exe()} "$@"\n'
    )
    program.chmod(0o755)
    monkeypatch.setenv("ASSEMBLER_FFMPEG", str(program))
    found = render(cut_of(clip(a, 0, 20)), LOSSLESS, tmp_path / "o.mkv", sound=None, spans=spans)
    assert ((tmp_path / "died").exists(), found.verified.frames) == (True, 20)


def test_what_a_container_refuses_is_said_in_a_sentence(sources, tmp_path, spans):
    """MXF takes DNxHR in the sizes and rates of broadcasting alone; nothing is left behind."""
    preset = delivery_preset("dnxhr").model_copy(update={"container": "mxf", "size": (256, 144)})
    cut = cut_of(clip(sources[0], 0, 8))
    wav = tone(tmp_path / "tone.wav", 16_000)
    with pytest.raises(RenderError, match=r"\.mxf file doesn't take dnxhd and pcm_s24le"):
        render(cut, preset, tmp_path / "o.mxf", sound=wav, spans=spans)
    assert not list(tmp_path.glob("*o.mxf*"))
