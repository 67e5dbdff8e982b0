"""Presets: the packaged ones load, hold the documented facts, and a user's own come first."""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from assembler.errors import AssemblerError, MissingProgramError, SpecError, UsageError
from assembler.spec import data
from assembler.spec.presets import (
    PRESETS_VARIABLE,
    GenerationKind,
    ModelPreset,
    Price,
    delivery_preset,
    mix_preset,
    model_preset,
    names,
    preset_file,
    seam_preset,
)

LOADERS: dict[str, Callable[..., Any]] = {
    "models": model_preset,
    "delivery": delivery_preset,
    "mix": mix_preset,
    "seam": seam_preset,
}
ROOT = Path(__file__).parents[2]

# id: lengths, resolutions, start image, end image and its resolutions, native audio, most shots
FACTS = {
    "kling-4.0": ("3-30", "720p 1080p", True, True, "", "always", 0),
    "kling-4.0-flash": ("3-20", "720p", True, False, "", "always", 0),
    "kling-3.0": ("3-15", "720p 1080p 4k", True, True, "", "optional", 6),
    "kling-3.0-turbo": ("3-15", "720p 1080p", True, False, "", "always", 6),
    "kling-3.0-omni": ("3-15", "720p 1080p 4k", True, True, "", "optional", 6),
    "kling-3.0-motion": ("3-30", "720p 1080p", True, False, "", "optional", 0),
    "avatar-2.0": ("2-300", "720p", True, False, "", "always", 0),
    "avatar-2.0-pro": ("2-300", "1080p", True, False, "", "always", 0),
    "kling-2.6": ("5,10", "720p 1080p", True, True, "1080p", "optional", 0),
    "kling-2.6-motion": ("3-30", "720p 1080p", True, False, "", "optional", 0),
    "kling-o1": ("3-10", "720p 1080p", True, True, "", "none", 0),
    "kling-2.5-turbo": ("5,10", "720p 1080p", True, True, "1080p", "none", 0),
    "kling-2.1-standard": ("5,10", "720p", True, False, "", "none", 0),
    "kling-2.1-pro": ("5,10", "1080p", True, True, "", "none", 0),
    "kling-2.1-master": ("5,10", "1080p", True, False, "", "none", 0),
    "kling-2.0": ("5,10", "720p", True, False, "", "none", 0),
    "kling-1.6": ("5,10", "720p 1080p", True, True, "1080p", "none", 0),
    "kling-tts": ("1-300", "720p", False, False, "", "always", 0),
    "kling-sound": ("3-10", "720p", False, False, "", "always", 0),
    "lip-sync": ("2-60", "720p 1080p", False, False, "", "always", 0),
    "wan-2.2": ("1-5", "480p 720p", True, True, "", "none", 0),
    "wan-2.2-5b": ("1-5", "720p", True, False, "", "none", 0),
    "any": ("1-10", "720p 1080p 4k", True, True, "", "optional", 6),
    "animatic": ("1-15", "180p 360p 480p 720p 1080p", True, True, "", "optional", 6),
}

# model, provider, kind, resolution, audio, seconds, dollars (a unit of the vendor is $0.14)
PRICES: list[tuple[str, str, GenerationKind, str, bool, int, str]] = [
    ("kling-3.0", "kling", "image", "720p", False, 5, "0.42"),
    ("kling-3.0", "kling", "image", "720p", True, 5, "0.63"),
    ("kling-3.0", "kling", "text", "1080p", False, 15, "1.68"),
    ("kling-3.0", "kling", "text", "1080p", True, 15, "2.52"),
    ("kling-3.0", "kling", "text", "4k", True, 10, "4.20"),
    ("kling-3.0", "piapi", "image", "1080p", True, 10, "2.00"),
    ("kling-3.0", "fal", "image", "1080p", False, 10, "1.12"),
    ("kling-3.0-turbo", "kling", "image", "720p", True, 3, "0.336"),
    ("kling-3.0-omni", "kling", "image", "720p", False, 3, "0.252"),
    ("kling-3.0-omni", "kling", "text", "1080p", True, 10, "1.40"),
    ("kling-3.0-omni", "kling", "edit", "1080p", False, 10, "1.68"),
    ("kling-3.0-motion", "kling", "motion", "1080p", True, 10, "1.68"),
    ("kling-o1", "kling", "image", "1080p", False, 5, "0.56"),
    ("kling-o1", "kling", "edit", "720p", False, 5, "0.63"),
    ("kling-2.6", "kling", "image", "1080p", True, 10, "1.40"),
    ("kling-2.6", "kling", "image", "720p", False, 10, "0.42"),
    ("kling-2.6-motion", "kling", "motion", "720p", False, 10, "0.70"),
    ("kling-2.5-turbo", "kling", "text", "1080p", False, 5, "0.35"),
    ("kling-2.1-pro", "kling", "image", "1080p", False, 10, "0.98"),
    ("kling-2.0", "kling", "text", "720p", False, 5, "1.40"),
    ("kling-1.6", "kling", "text", "720p", False, 5, "0.28"),
    ("avatar-2.0", "kling", "avatar", "720p", True, 11, "0.616"),
    ("lip-sync", "kling", "lip-sync", "720p", True, 12, "0.217"),
    ("kling-tts", "kling", "speech", "720p", True, 30, "0.007"),
    ("kling-sound", "kling", "foley", "720p", True, 12, "0.035"),
    ("kling-4.0", "fal", "image", "1080p", True, 30, "7.05"),
    ("animatic", "animatic", "text", "1080p", True, 15, "0"),
]

# name: encoder, pixel format, container, size, mix
DELIVERIES = {
    "youtube-1080p": ("libx264", "yuv420p", "mp4", (1920, 1080)),
    "youtube-4k": ("libx264", "yuv420p", "mp4", (3840, 2160)),
    "web-720p": ("libx264", "yuv420p", "mp4", (1280, 720)),
    "reels-9x16": ("libx264", "yuv420p", "mp4", (1080, 1920)),
    "square": ("libx264", "yuv420p", "mp4", (1080, 1080)),
    "prores-master": ("prores_ks", "yuv422p10le", "mov", None),
    "dnxhr": ("dnxhd", "yuv422p10le", "mov", None),
    "web-av1": ("libsvtav1", "yuv420p10le", "webm", None),
    "hevc-10bit": ("libx265", "yuv420p10le", "mp4", None),
    "lossless": ("ffv1", "yuv420p", "mkv", None),
    "lossless-10bit": ("ffv1", "yuv420p10le", "mkv", None),
    "draft": ("libx264", "yuv420p", "mp4", None),
    "match-source": ("libx264", "yuv420p", "mp4", None),
}
LOUDNESS = {
    "as-is": (None, 0),
    "web": (-14, -1),
    "podcast": (-16, -1),
    "ebu-r128": (-23, -1),
    "atsc": (-24, -2),
    "cinema": (-27, -2),
}


@pytest.fixture(autouse=True)
def _no_presets_of_the_user(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv(PRESETS_VARIABLE, raising=False)
    for name in ("XDG_CONFIG_HOME", "APPDATA", "LOCALAPPDATA", "HOME"):
        monkeypatch.setenv(name, str(tmp_path / "nobody"))


def _own(folder: Path, kind: str, name: str, text: str) -> Path:
    path = folder / kind / f"{name}.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize(("kind", "name"), [(k, n) for k in LOADERS for n in names(k)])  # type: ignore[arg-type]
def test_every_packaged_preset_loads_under_its_own_name(kind: str, name: str) -> None:
    assert name == LOADERS[kind](name).id


def test_the_packaged_names_are_those_of_the_tables() -> None:
    assert set(FACTS) == set(names("models"))
    assert set(DELIVERIES) == set(names("delivery"))
    assert set(LOUDNESS) == set(names("mix"))
    assert names("seam") == ("gentle", "invisible", "off", "trim-only")


@pytest.mark.parametrize("name", FACTS)
def test_a_model_has_the_documented_limits(name: str) -> None:
    m = model_preset(name)
    lengths = (
        ",".join(map(str, m.lengths.choices)) or f"{m.lengths.min_s}-{m.lengths.max_s}",
        " ".join(m.sizes),
        m.start_image,
        m.end_image,
        " ".join(m.end_image_resolutions),
        m.audio,
        m.shots.max if m.shots else 0,
    )
    assert FACTS[name] == lengths


@pytest.mark.parametrize(
    ("name", "provider", "kind", "resolution", "audio", "seconds", "usd"), PRICES
)
def test_a_generation_costs_what_the_price_list_says(
    name: str,
    provider: str,
    kind: GenerationKind,
    resolution: str,
    audio: bool,
    seconds: int,
    usd: str,
) -> None:
    price = model_preset(name).price(
        provider, seconds, kind=kind, resolution=resolution, audio=audio
    )
    assert Decimal(usd) == price


@pytest.mark.parametrize("name", FACTS)
def test_every_price_says_where_it_is_from(name: str) -> None:
    assert all(p.source for p in model_preset(name).prices)


@pytest.mark.parametrize("name", FACTS)
def test_a_model_file_tells_its_sources_at_the_top(name: str) -> None:
    text = preset_file("models", name).read_text(encoding="utf-8")
    assert re.match(r"# \S.{30,}", text)


def test_a_price_that_is_not_known_is_none() -> None:
    flash = model_preset("kling-4.0-flash")
    assert flash.price("fal", 5, kind="image", resolution="720p", audio=True) is None


def test_references_with_a_video_cost_more() -> None:
    omni = model_preset("kling-3.0-omni")
    price = omni.price("kling", 10, kind="reference", resolution="720p", audio=False, video=True)
    assert Decimal("1.26") == price


def test_voices_of_ones_own_cost_more() -> None:
    model = model_preset("kling-2.6")
    price = model.price("kling", 5, kind="image", resolution="1080p", audio=True, voices=True)
    assert Decimal("0.84") == price


def test_started_steps_are_charged_whole() -> None:
    price = Price(provider="kling", usd_per_s=Decimal("0.1"), step_s=5, usd_fixed=Decimal("0.2"))
    assert [Decimal("0.7"), Decimal("0.7"), Decimal("1.2")] == [
        price.of(Fraction(1, 2)), price.of(5), price.of(Fraction(51, 10)),
    ]  # fmt: skip


def test_kling_2_6_has_an_end_image_only_at_1080p_and_silent() -> None:
    m = model_preset("kling-2.6")
    assert (
        m.end_image_resolutions, m.end_image_with_audio, m.audio_resolutions,
    ) == (("1080p",), False, ("1080p",))  # fmt: skip


def test_o1_makes_5_or_10_seconds_from_one_image_and_3_to_10_from_references() -> None:
    m = model_preset("kling-o1")
    assert (
        m.lengths_for("image").choices,
        (m.lengths_for("reference").min_s, m.lengths_for("reference").max_s),
    ) == ((5, 10), (3, 10))


def test_kling_1_6_counts_30_frames_a_second_from_an_image() -> None:
    m = model_preset("kling-1.6")
    text, image = m.frames_for("text"), m.frames_for("image")
    assert text is not None
    assert image is not None
    assert [int(f.rate * 5) + f.extra for f in (text, image)] == [121, 153]


def test_a_provider_that_differs_has_its_own_limits() -> None:
    m = model_preset("kling-3.0")
    at_kie = m.at("kie")
    assert at_kie.shots is not None
    assert (at_kie.shots.max, at_kie.end_image_with_shots, at_kie.image.max_mb) == (5, False, 10)
    assert m.lengths == at_kie.lengths
    assert m.at("kling") is m


def test_animatic_returns_the_start_image_as_frame_0() -> None:
    m = model_preset("animatic")
    assert m.frames is not None
    assert (Fraction(24), 1) == (m.frames.rate, m.frames.extra)
    assert m.lengths_for("avatar").follows == "audio"
    assert m.seed


@pytest.mark.parametrize("name", FACTS)
def test_sizes_have_the_shape_that_they_are_named_by(name: str) -> None:
    for by_ratio in model_preset(name).sizes.values():
        for ratio, (width, height) in by_ratio.items():
            wide, high = map(int, ratio.split(":"))
            assert wide / high == pytest.approx(width / height, rel=0.002)


@pytest.mark.parametrize("name", DELIVERIES)
def test_a_delivery_has_its_encoder_and_size(name: str) -> None:
    d = delivery_preset(name)
    assert DELIVERIES[name] == (d.video.encoder, d.video.pix_fmt, d.container, d.size)


@pytest.mark.parametrize("name", DELIVERIES)
def test_a_delivery_names_a_mix_that_exists(name: str) -> None:
    assert delivery_preset(name).mix in LOUDNESS


def test_youtube_gets_what_its_help_page_asks_for() -> None:
    d = delivery_preset("youtube-1080p")
    assert (2, "high", Fraction(1, 2), "+faststart", 384, 48000) == (
        d.video.options["bf"], d.video.options["profile"], d.video.gop_s,
        d.mux["movflags"], d.audio.bitrate_kbps, d.audio.rate,
    )  # fmt: skip


@pytest.mark.parametrize("name", DELIVERIES)
def test_encoders_whose_output_depends_on_threads_have_a_fixed_number(name: str) -> None:
    video = delivery_preset(name).video
    fixed = {
        "libx264": "threads" in video.options,
        "libx265": "frame-threads=" in str(video.options.get("x265-params")),
        "ffv1": "slices" in video.options,
    }
    assert fixed.get(video.encoder, True)


@pytest.mark.parametrize("name", LOUDNESS)
def test_a_mix_has_its_published_target(name: str) -> None:
    m = mix_preset(name)
    assert LOUDNESS[name] == (m.integrated_lufs, m.true_peak_dbtp)


def test_a_users_folder_comes_before_the_package(tmp_path: Path) -> None:
    _own(tmp_path, "mix", "web", "id: web\ntitle: Mine\nintegrated_lufs: -18\n")
    assert mix_preset("web", [tmp_path]).integrated_lufs == -18


def test_the_environment_comes_before_the_timelines_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _own(tmp_path / "a", "mix", "web", "id: web\ntitle: A\n")
    _own(tmp_path / "b", "mix", "web", "id: web\ntitle: B\n")
    monkeypatch.setenv(PRESETS_VARIABLE, str(tmp_path / "a"))
    assert mix_preset("web", [tmp_path / "b"]).title == "A"


def test_names_include_the_users_own(tmp_path: Path) -> None:
    _own(tmp_path, "seam", "mine", "id: mine\ntitle: Mine\n")
    assert "mine" in names("seam", [tmp_path])


def test_an_unknown_name_gets_the_nearest_one() -> None:
    with pytest.raises(UsageError) as caught:
        model_preset("kling-3.o")
    assert (
        str(caught.value)
        == "no model preset is called 'kling-3.o'\n  fix: did you mean 'kling-3.0'?"
    )


@pytest.mark.parametrize("name", ["../mix/web", "mix\\web", "", "WEB", "web.yaml/", "a" * 300])
def test_a_name_never_leaves_the_folder(name: str) -> None:
    with pytest.raises(AssemblerError, match="no mix preset is called"):
        mix_preset(name)


def test_the_id_must_be_the_files_name(tmp_path: Path) -> None:
    _own(tmp_path, "mix", "mine", "title: x\nid: other\n")
    with pytest.raises(SpecError) as caught:
        mix_preset("mine", [tmp_path])
    assert str(caught.value) == (
        "mine.yaml:2:5: the preset's id is 'other', but its file is 'mine.yaml'\n"
        "  fix: write `id: mine` or rename the file."
    )


def test_every_problem_of_a_preset_has_its_place(tmp_path: Path) -> None:
    text = (
        "id: mine\n"
        "titel: Mine\n"
        "integrated_lufs: loud\n"
        "true_peak_dbtp: 3\n"
    )  # fmt: skip
    _own(tmp_path, "mix", "mine", text)
    with pytest.raises(SpecError) as caught:
        mix_preset("mine", [tmp_path])
    assert [(p.line, p.what) for p in caught.value.problems] == [
        (1, "`title` is missing"),
        (2, "unknown key 'titel'"),
        (3, "'integrated_lufs' must be a number, not 'loud'"),
        (4, "'true_peak_dbtp' must be at most 0.0, not '3'"),
    ]
    assert caught.value.problems[1].fix == "did you mean 'title'?"


def test_an_unknown_key_deep_inside_is_found(tmp_path: Path) -> None:
    text = (
        "id: mine\ntitle: M\nvendor: v\nkinds: [text]\nproviders: [p]\nlengths: {min_s: 1}\n"
        "sizes: {720p: {'16:9': 1280x720}}\ndefault_resolution: 720p\n"
        "prices:\n  - {provider: p, usd_per_sec: 1}\n"
    )
    _own(tmp_path, "models", "mine", text)
    with pytest.raises(SpecError) as caught:
        model_preset("mine", [tmp_path])
    assert str(caught.value) == (
        "mine.yaml:10:19: unknown key 'usd_per_sec'\n  fix: did you mean 'usd_per_s'?"
    )


def test_what_differs_is_checked_too(tmp_path: Path) -> None:
    text = (
        "id: mine\ntitle: M\nvendor: v\nkinds: [text]\nproviders: [p]\nlengths: {min_s: 1}\n"
        "sizes: {720p: {'16:9': 1280x720}}\ndefault_resolution: 720p\n"
        "differs:\n  p: {default_resolution: 4k}\n"
    )
    _own(tmp_path, "models", "mine", text)
    with pytest.raises(SpecError, match="`sizes` lacks the default resolution 4k"):
        model_preset("mine", [tmp_path])


def test_what_is_partly_known_says_what_is_not() -> None:
    with pytest.raises(ValueError, match="needs `notes`"):
        ModelPreset.model_validate(
            {
                "id": "m", "title": "M", "vendor": "v", "known": "partly", "kinds": ["text"],
                "providers": ["p"], "lengths": {}, "sizes": {"720p": {}},
                "default_resolution": "720p",
            }
        )  # fmt: skip


def test_the_packaged_data_lies_inside_an_installed_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    inside = tmp_path / "assembler" / "_data" / "presets"
    inside.mkdir(parents=True)
    (tmp_path / "presets").mkdir()
    monkeypatch.setattr(data, "files", lambda _: tmp_path / "assembler")
    assert inside == data.data_folder.__wrapped__("presets")


def test_the_packaged_data_lies_beside_the_package_in_a_checkout(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "presets").mkdir()
    monkeypatch.setattr(data, "files", lambda _: tmp_path / "assembler")
    assert tmp_path / "presets" == data.data_folder.__wrapped__("presets")


def test_missing_data_says_how_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(data, "files", lambda _: tmp_path / "assembler")
    with pytest.raises(MissingProgramError, match="lacks its timelines"):
        data.data_folder.__wrapped__("timelines")


@pytest.mark.parametrize("name", FACTS)
def test_the_page_about_models_says_what_the_preset_says(name: str) -> None:
    page = (ROOT / "docs" / "models.md").read_text(encoding="utf-8")
    row = next(line for line in page.splitlines() if line.startswith(f"| `{name}` |"))
    m = model_preset(name)
    lengths = " or ".join(map(str, m.lengths.choices)) or f"{m.lengths.min_s}–{m.lengths.max_s}"
    cells = [c.strip() for c in row.strip("|").split("|")]
    assert (lengths, ", ".join(m.sizes), m.audio) == (cells[1], cells[2], cells[5])
