from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from itertools import combinations, pairwise
from pathlib import Path
from typing import Any

import anyio
import av
import cv2
import numpy as np
import pytest

from assembler.errors import GenerateError
from assembler.generation.animatic import Animatic
from assembler.generation.animatic.camera import Move, Pose, of_take, pose_at, read
from assembler.generation.animatic.clip import make
from assembler.generation.animatic.faults import faults_of
from assembler.generation.animatic.recipe import (
    Recipe,
    ShotRecipe,
    from_json,
    recipe_of,
    shot_ranges,
    to_json,
)
from assembler.generation.base import NotSubmittedError, Request
from assembler.generation.run import generate
from assembler.media.frames import last_frames, read_frames
from assembler.media.info import MediaInfo
from assembler.media.probe import probe
from assembler.media.samples import read_samples, write_wav
from assembler.media.stills import write_png
from assembler.planning.model import Handoff, LinkShot
from tests.generation.links import SIZE, link, plan_of, project_in

Floats = np.ndarray[Any, np.dtype[np.float32]]


def _recipe(prompt: str = "A harbour at dawn.", frames: int = 25, **changes: Any) -> Recipe:
    plain = Recipe("dawn.1", SIZE, Fraction(24), (ShotRecipe(prompt, frames),), 7, audio=False)
    return replace(plain, **changes)


def _made(recipe: Recipe, path: Path) -> MediaInfo:
    for _ in make(recipe, path):
        pass
    return probe(path)


def _frames(info: MediaInfo) -> list[Floats]:
    return list(read_frames(info))


def _picture(seed: int) -> Floats:
    """Soft blobs with some texture."""
    rng = np.random.default_rng(seed)
    coarse = cv2.resize(rng.random((7, 11, 3), np.float32), SIZE, interpolation=cv2.INTER_CUBIC)
    fine = cv2.resize(rng.random((48, 80, 1), np.float32), SIZE, interpolation=cv2.INTER_LINEAR)
    return np.asarray(np.clip(0.15 + 0.6 * coarse + 0.1 * fine[..., None], 0, 1), np.float32)


@pytest.fixture
def start(tmp_path: Path) -> Path:
    path = tmp_path / "start.png"
    write_png(path, _picture(1))
    return path


@pytest.fixture
def end(tmp_path: Path) -> Path:
    path = tmp_path / "end.png"
    write_png(path, _picture(2))
    return path


def _levels(a: Floats, b: Floats) -> float:
    """Mean difference of two pictures in 8-bit levels."""
    return float(np.abs(a - b).mean()) * 255


def test_clip_is_what_its_model_gives(tmp_path: Path) -> None:
    info = _made(_recipe(frames=49, audio=True), tmp_path / "a.mp4")
    video = info.video
    assert video is not None
    assert (video.codec, video.pix_fmt, video.frames, video.rate) == ("h264", "yuv420p", 49, 24)
    assert (video.width, video.height) == SIZE
    assert (video.keyframes, video.b_frames) == ((0,), False)
    assert (video.colour.matrix, video.colour.full_range) == ("bt709", False)
    assert (info.audio[0].hz, info.audio[0].channels) == (48_000, 2)
    assert abs(info.audio[0].duration_s - Fraction(49, 24)) < Fraction(1, 100)


def test_equal_recipes_make_equal_bytes(tmp_path: Path) -> None:
    recipe = _recipe("A woman walks the pier in the rain.", 13, audio=True)
    for name in ("a.mp4", "b.mp4"):
        _made(recipe, tmp_path / name)
    assert (tmp_path / "a.mp4").read_bytes() == (tmp_path / "b.mp4").read_bytes()


def test_start_image_comes_back_as_frame_0(tmp_path: Path, start: Path) -> None:
    frames = _frames(_made(_recipe("push in", start=start), tmp_path / "a.mp4"))
    assert _levels(frames[0], _picture(1)) < 1.2
    assert _levels(frames[-1], _picture(1)) > 2


def test_end_image_is_arrived_at(tmp_path: Path, start: Path, end: Path) -> None:
    frames = _frames(_made(_recipe("pan left", start=start, end=end), tmp_path / "a.mp4"))
    assert _levels(frames[0], _picture(1)) < 1.2
    assert _levels(frames[-1], _picture(2)) < 1.2
    steps = [_levels(a, b) for a, b in pairwise(frames)]
    assert max(steps) < 4 * float(np.median(steps)) + 1  # nothing jumps


def test_end_image_alone_is_arrived_at(tmp_path: Path, end: Path) -> None:
    frames = _frames(_made(_recipe("push in", end=end), tmp_path / "a.mp4"))
    assert _levels(frames[-1], _picture(2)) < 1.2
    assert _levels(frames[0], _picture(2)) > 2


def test_like_images_travel_instead_of_dissolving(tmp_path: Path, start: Path) -> None:
    """Halfway to a shifted picture the picture is shifted by half."""
    moved = np.roll(_picture(1), 12, axis=1)
    write_png(tmp_path / "moved.png", moved)
    recipe = _recipe("static", start=start, end=tmp_path / "moved.png")
    middle = _frames(_made(recipe, tmp_path / "a.mp4"))[12]
    inner = np.s_[:160, 40:280]
    half = np.roll(_picture(1), 6, axis=1)
    ghost = (_picture(1) + moved) / 2
    assert _levels(middle[inner], half[inner]) < 0.5 * _levels(ghost[inner], half[inner])


def test_shots_are_cut_at_their_frames(tmp_path: Path) -> None:
    one = link(
        frames=49, length_s=Fraction(2),
        shots=(LinkShot(Fraction(1), "city"), LinkShot(Fraction(1, 2), "sea"),
               LinkShot(Fraction(1, 2), "desert")),
    )  # fmt: skip
    assert [r.start for r in shot_ranges(one)] == [0, 24, 36]
    recipe = replace(recipe_of(Request(one, "x", None, None)), audio=False)
    frames = _frames(_made(recipe, tmp_path / "a.mp4"))
    steps = [_levels(a, b) for a, b in pairwise(frames)]
    assert sorted(np.argsort(steps)[-2:] + 1) == [24, 36]
    assert len(frames) == 49


def test_label_is_readable_between_clean_ends(tmp_path: Path, start: Path) -> None:
    """End frames are handed on: nothing is written on them."""
    recipe = _recipe("static", start=start)
    bare = _frames(_made(replace(recipe, label=False), tmp_path / "a.mp4"))
    labelled = _frames(_made(recipe, tmp_path / "b.mp4"))
    corner = np.s_[150:, :120]
    assert _levels(labelled[12][corner], bare[12][corner]) > 3
    assert _levels(labelled[0][corner], bare[0][corner]) < 0.5
    assert _levels(labelled[-1][corner], bare[-1][corner]) < 0.5


def test_twenty_hops_do_not_drift(tmp_path: Path) -> None:
    """What is handed on twenty times keeps the mean of the picture and its sharpness."""
    links = [link("a.1", "static shot of a harbour at dawn", frames=13)]
    links += [
        link(f"a.{i}", "static", frames=13, start=Handoff(f"a.{i - 1}")) for i in range(2, 22)
    ]
    takes = generate(plan_of(links), project_in(tmp_path))
    first, last = (next(iter(last_frames(takes[n].info, 1))) for n in ("a.1", "a.21"))
    shift = (last.mean(axis=(0, 1)) - first.mean(axis=(0, 1))) * 255
    assert float(np.abs(shift).max()) <= 0.5
    sharp = [cv2.Laplacian(f.mean(axis=2), cv2.CV_32F).var() for f in (first, last)]
    assert 0.85 < sharp[1] / sharp[0] < 1.2


@pytest.mark.parametrize(
    ("words", "signs"),
    [
        ("Slow push-in over the harbour", {"zoom": 1}),
        ("The camera pushes in", {"zoom": 1}),
        ("pull out", {"zoom": -1}),
        ("zooming out slowly", {"zoom": -1}),
        ("pan left, tilt up", {"x": -1, "y": -1}),
        ("camera pans slowly right", {"x": 1}),
        ("tilting down", {"y": 1}),
        ("orbit around her", {"orbit": 1}),
        ("roll counter-clockwise", {"roll": -1}),
        ("rolling hills, static shot", {}),
        ("handheld", {"shake": 1}),
        ("push in and pan right", {"zoom": 1, "x": 1}),
        ("static camera", {}),
    ],
)
def test_camera_words(words: str, signs: dict[str, int]) -> None:
    move = read(words)
    found = {
        n: int(np.sign(getattr(move, n))) for n in ("zoom", "x", "y", "roll", "orbit", "shake")
    }
    assert found == dict.fromkeys(found, 0) | signs


def test_speed_words_change_the_speed() -> None:
    assert read("fast pan left").x < read("pan left").x < read("slow pan left").x < 0


def test_camera_field_goes_before_the_prompt() -> None:
    assert read("static", "push in") == Move()


def test_pose_begins_where_the_picture_is() -> None:
    assert pose_at(read("push in, orbit, roll, handheld"), 0, 5) == Pose()


@pytest.mark.parametrize(
    "words", ["push in", "push in, ease in", "push in, ease out", "smooth push in"]
)
def test_eased_moves_cover_the_same_way(words: str) -> None:
    assert pose_at(read(words), 5, 5).zoom == pytest.approx(5 * read("push in").zoom)


def _grey(frame: Floats) -> Floats:
    return np.asarray(cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY), np.float32)


def test_push_in_enlarges(tmp_path: Path, start: Path) -> None:
    """Measured by registering the last frame to the first."""
    frames = _frames(_made(_recipe("push in", start=start, label=False), tmp_path / "a.mp4"))
    a, b = _grey(frames[0]), _grey(frames[-1])
    _, found = cv2.findTransformECC(a, b, np.eye(2, 3, dtype=np.float32), cv2.MOTION_AFFINE)
    assert found[0, 0] == pytest.approx(1.03, abs=0.012)


def test_pan_right_moves_the_picture_left(tmp_path: Path, start: Path) -> None:
    frames = _frames(_made(_recipe("pan right", start=start, label=False), tmp_path / "a.mp4"))
    (dx, dy), _ = cv2.phaseCorrelate(
        _grey(frames[0]), _grey(frames[-1]), cv2.createHanningWindow(SIZE, cv2.CV_32F)
    )
    assert dx == pytest.approx(-0.022 * SIZE[0], abs=2.5)
    assert abs(dy) < 1


def test_moves_show_no_empty_border(tmp_path: Path, start: Path) -> None:
    for words in ("pull out", "pan left", "tilt up", "roll"):
        info = _made(_recipe(f"fast {words}", 49, start=start, label=False), tmp_path / "a.mp4")
        assert float(_frames(info)[-1].min()) > 0.05


def test_painted_places_differ_and_live(tmp_path: Path) -> None:
    prompts = ("harbour", "neon city at night", "forest", "room", "desert", "space", "snowy hills",
               "close-up portrait")  # fmt: skip
    seen = []
    for prompt in prompts:
        info = _made(_recipe(f"{prompt}, static", 13, label=False), tmp_path / "a.mp4")
        frames = _frames(info)
        seen.append(frames[0])
        assert float(frames[0].std()) > 0.04
    for i, a in enumerate(seen):
        assert all(_levels(a, b) > 8 for b in seen[i + 1 :])


def test_named_person_walks_in_a_named_colour(tmp_path: Path) -> None:
    recipe = _recipe(
        "A woman in a red coat walks the pier at dawn. Static camera.", 49, label=False
    )
    frames = _frames(_made(recipe, tmp_path / "a.mp4"))
    columns = []
    for frame in (frames[0], frames[-1]):
        red = (frame[..., 0] > 0.45) & (frame[..., 1] < 0.25) & (frame[..., 2] < 0.25)
        assert red.sum() > 40
        columns.append(float(np.nonzero(red)[1].mean()))
    assert columns[1] > columns[0] + 10


def _speech(path: Path, seconds: float = 2.0) -> Path:
    """A second of silence, then a second of a loud tone."""
    at = np.arange(int(48_000 * seconds)) / 48_000
    tone = np.where(at >= seconds / 2, 0.5 * np.sin(2 * np.pi * 220 * at), 0)
    write_wav(path, [tone[:, None].astype(np.float32)], 48_000, 1)
    return path


def test_avatar_speaks_the_recording(tmp_path: Path) -> None:
    """The mouth moves while the recording is loud, and the sound is the recording."""
    recipe = _recipe("a presenter", 49, avatar=True, audio=True, label=False,
                     speech=_speech(tmp_path / "s.wav"))  # fmt: skip
    info = _made(recipe, tmp_path / "a.mp4")
    frames = _frames(info)
    mouth = np.s_[85:125, 135:185]
    quiet = _levels(frames[20][mouth], frames[10][mouth])
    loud = _levels(frames[40][mouth], frames[10][mouth])
    assert loud > 2 * quiet + 1
    sound = read_samples(info, info.audio[0].index, Fraction(0), 98_000, 48_000, 1)[:, 0]
    assert float(np.abs(sound[:40_000]).max()) < 0.02
    assert float(np.abs(sound[60_000:90_000]).max()) > 0.4


def test_avatar_begins_as_its_portrait(tmp_path: Path, start: Path) -> None:
    recipe = _recipe("", 25, avatar=True, portrait=start, speech=_speech(tmp_path / "s.wav"))
    assert _levels(_frames(_made(recipe, tmp_path / "a.mp4"))[0], _picture(1)) < 1.2


def test_avatar_may_begin_within_the_recording(tmp_path: Path) -> None:
    recipe = _recipe("", 13, avatar=True, audio=True, speech=_speech(tmp_path / "s.wav"),
                     speech_in_s=Fraction(5, 4))  # fmt: skip
    info = _made(recipe, tmp_path / "a.mp4")
    sound = read_samples(info, info.audio[0].index, Fraction(0), 20_000, 48_000, 1)
    assert float(np.abs(sound[5_000:]).max()) > 0.4


def test_native_sound_follows_the_words(tmp_path: Path) -> None:
    """Rain is brighter than traffic."""
    bright = []
    for prompt in ("rain in a field", "city street"):
        info = _made(_recipe(prompt, 49, audio=True), tmp_path / "a.mp4")
        sound = read_samples(info, info.audio[0].index, Fraction(0), 96_000, 48_000, 1)[:, 0]
        spectrum = np.abs(np.fft.rfft(sound))
        bright.append(spectrum[8_000:].sum() / spectrum.sum())
        level = 20 * np.log10(float(np.sqrt((sound**2).mean())))
        assert -45 < level < -18
    assert bright[0] > 2 * bright[1]


def test_sound_is_off_when_it_is_not_asked_for(tmp_path: Path) -> None:
    assert _made(_recipe(audio=False), tmp_path / "a.mp4").audio == ()


@pytest.mark.parametrize("prompt", ["A forest, pan right.", "A forest.", "A lamp, static camera."])
@pytest.mark.parametrize("given", [False, True])
def test_takes_move_otherwise(tmp_path: Path, start: Path, prompt: str, given: bool) -> None:
    """Each on a way of its own, from the same first frame; the same take is the same clip."""
    first = start if given else None
    clips = [
        _frames(_made(_recipe(prompt, start=first, take=n), tmp_path / f"{n}.mp4"))
        for n in (1, 2, 3)
    ]
    for a, b in combinations(clips, 2):
        assert _levels(a[0], b[0]) < 1.2
        assert _levels(a[-1], b[-1]) > 3


def test_first_take_moves_as_asked() -> None:
    assert of_take(read("pan right"), 1) == read("pan right")
    assert of_take(read("pan right"), 2).x > 0 < of_take(read("pan right"), 3).x


def test_takes_of_an_avatar_sway_otherwise(tmp_path: Path, start: Path) -> None:
    """From the same portrait, with the same words."""
    plain = _recipe("", 49, avatar=True, portrait=start, speech=_speech(tmp_path / "s.wav"))
    one, two = (_frames(_made(replace(plain, take=n), tmp_path / f"{n}.mp4")) for n in (1, 2))
    assert _levels(one[0], two[0]) < 1.2
    assert float(np.abs(one[40] - two[40]).max()) * 255 > 12


def test_recipe_comes_back_from_its_text(start: Path) -> None:
    recipe = _recipe(start=start, faults={"pop": 3.0}, speech_in_s=Fraction(1, 3))
    assert from_json(to_json(recipe)) == recipe


def test_generator_closed_early_leaves_nothing(tmp_path: Path) -> None:
    making = make(_recipe(), tmp_path / "a.mp4")
    next(making)
    making.close()  # type: ignore[attr-defined]
    assert list(tmp_path.iterdir()) == []


def test_longer_than_its_model_is_refused(tmp_path: Path) -> None:
    one = link(length_s=Fraction(16), frames=385)
    with pytest.raises(NotSubmittedError, match="at most 15 s, not 16 s"):
        anyio.run(Animatic(tmp_path).submit, Request(one, "asm-1", None, None))


# -- faults --------------------------------------------------------------------------------------


def _with(tmp_path: Path, start: Path, prompt: str = "static", **faults: Any) -> list[Floats]:
    recipe = _recipe(prompt, 25, start=start, label=False, faults=faults)
    return _frames(_made(recipe, tmp_path / "f.mp4"))


def test_colour_fault_shifts_by_so_many_levels(tmp_path: Path, start: Path) -> None:
    clean, shifted = _with(tmp_path, start), _with(tmp_path, start, colour=6, seed=4)
    moved = (shifted[12] - clean[12]).mean(axis=(0, 1)) * 255
    assert float(np.linalg.norm(moved)) == pytest.approx(6, abs=0.8)


def test_softening_fault_blurs(tmp_path: Path, start: Path) -> None:
    sharp = [
        cv2.Laplacian(frames[12].mean(axis=2), cv2.CV_32F).var()
        for frames in (_with(tmp_path, start), _with(tmp_path, start, soften=8))
    ]
    assert sharp[1] < 0.7 * sharp[0]


def test_pop_fault_decays(tmp_path: Path, start: Path) -> None:
    clean, popped = _with(tmp_path, start), _with(tmp_path, start, pop=12)
    lift = [float((p - c).mean()) * 255 for p, c in zip(popped, clean, strict=True)]
    assert lift[0] == pytest.approx(12, abs=1)
    assert lift[4] == pytest.approx(12 / np.e, abs=1)
    assert abs(lift[24]) < 0.6


def test_held_head_and_stall_repeat_frames(tmp_path: Path, start: Path) -> None:
    held = _with(tmp_path, start, "rapid pan right", held_head=4)
    steps = [_levels(a, b) for a, b in pairwise(held)]
    assert max(steps[:4]) < 0.8 < steps[5]
    stalled = _with(tmp_path, start, "rapid pan right", stall=3)
    steps = [_levels(a, b) for a, b in pairwise(stalled)]
    assert sum(step < 0.8 for step in steps) == 3


def test_zoom_fault_enlarges_unequally(tmp_path: Path, start: Path) -> None:
    a, b = (
        cv2.cvtColor(f[0], cv2.COLOR_RGB2GRAY)
        for f in (_with(tmp_path, start), _with(tmp_path, start, zoom=0.03))
    )
    _, found = cv2.findTransformECC(a, b, np.eye(2, 3, dtype=np.float32), cv2.MOTION_AFFINE)
    assert found[0, 0] == pytest.approx(1.03, abs=0.006)
    assert found[1, 1] == pytest.approx(1.015, abs=0.006)


def test_overlap_fault_repeats_the_clip_before(tmp_path: Path) -> None:
    links = [
        link("a.1", "fast pan right over a city"),
        link("a.2", "pan right", start=Handoff("a.1"), options={"faults": {"overlap": 5}}),
    ]
    takes = generate(plan_of(links), project_in(tmp_path))
    tail = list(last_frames(takes["a.1"].info, 5))
    head = list(read_frames(takes["a.2"].info, stop=5))
    assert all(_levels(a, b) < 2.5 for a, b in zip(tail, head, strict=True))


def test_full_range_and_missing_tags(tmp_path: Path, start: Path) -> None:
    recipe = _recipe("static", start=start, faults={"full_range": True, "tags": False})
    info = _made(recipe, tmp_path / "a.mp4")
    assert info.video is not None
    assert info.video.colour.matrix is None
    with av.open(str(tmp_path / "a.mp4")) as container:
        luma = next(container.decode(video=0)).to_ndarray()[: SIZE[1]]
    grey = _picture(1) @ np.array([0.2126, 0.7152, 0.0722], np.float32)
    assert float(luma.mean()) == pytest.approx(float(grey.mean()) * 255, abs=1)


def test_unknown_fault_is_named() -> None:
    with pytest.raises(GenerateError) as caught:
        faults_of({"overlapp": 3}, "dawn.1")
    assert caught.value.what == "link dawn.1: unknown fault 'overlapp'"
    assert caught.value.fix.startswith("did you mean 'overlap'?")
