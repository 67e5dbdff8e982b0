"""
Encoders in graphics chips, where they are asked for and there.

    preset = on_hardware(delivery_preset("youtube-1080p"), "nvenc")

The settings are those of the preset as near as a chip has them; how fine is told by its `crf`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any, get_args

from assembler.errors import AssemblerError, MissingProgramError
from assembler.media.ffmpeg import has_encoder, run
from assembler.spec.model import Hardware
from assembler.spec.presets import DeliveryPreset

Options = Mapping[str, str | int | float]

CHIPS: tuple[Hardware, ...] = get_args(Hardware)
SPOKEN: Mapping[Hardware, str] = {
    "nvenc": "NVENC", "qsv": "Quick Sync", "videotoolbox": "VideoToolbox", "vaapi": "VAAPI",
}  # fmt: skip
CODECS = {"libx264": "h264", "libx265": "hevc", "libsvtav1": "av1"}
"""Codecs that chips encode, by the encoder they take the place of."""
_LAYOUTS = {"yuv420p": "nv12", "yuv420p10le": "p010le"}
"""How chips take a pixel format: chroma in pairs."""
VAAPI_DEVICE = "/dev/dri/renderD128"
_CRF = 20
"""How fine where the preset doesn't say it."""
_KEPT = ("maxrate", "bufsize", "b", "profile")
_PROFILES = ("main", "high", "main10")
_WORST = 51
"""Coarsest quantizer of H.264 and HEVC."""


def on_hardware(preset: DeliveryPreset, chip: Hardware | None) -> DeliveryPreset:
    """
    *preset* with the encoder of a chip; without one, as it is, with the encoder that it names.

    Raises:
        MissingProgramError: If there is none that works, or it can't make what the preset asks for;
            it names those that work.
    """
    if chip is None:
        if is_hardware(preset.video.encoder) and (fault := fault_of(preset.video.encoder)):
            what = f"{preset.video.encoder} can't be used on this machine: {fault}"
            raise MissingProgramError(what, preset.id, "take another preset.")
        return preset
    codec = CODECS.get(preset.video.encoder)
    if codec is None or preset.video.pix_fmt not in _LAYOUTS:
        what = f"{SPOKEN[chip]} can't make {preset.video.encoder} in {preset.video.pix_fmt}"
        raise MissingProgramError(what, preset.id, "leave `hardware` out for this delivery.")
    encoder = f"{codec}_{chip}"
    fault = fault_of(encoder)
    if fault:
        working = ", ".join(other for other in CHIPS if not fault_of(f"{codec}_{other}"))
        fix = f"{working} works here." if working else "none works here: leave `hardware` out."
        what = f"{SPOKEN[chip]} can't be used on this machine: {fault}"
        raise MissingProgramError(what, preset.id, fix)
    options = dict(_options(chip, preset.video.options))
    video = preset.video.model_copy(update={"encoder": encoder, "options": options})
    return preset.model_copy(update={"video": video})


@lru_cache(maxsize=16)
def fault_of(encoder: str) -> str:
    """Why an encoder can't be used; empty when it encodes a picture."""
    if not has_encoder(encoder):
        return f"this ffmpeg has no {encoder}"
    head, filters, layout = input_of(encoder, "yuv420p")
    picture = ["-f", "lavfi", "-i", "color=s=256x256:r=24", "-frames:v", "2"]
    chain = ",".join([f"format={layout}", *filters])
    try:
        run([*head, *picture, "-vf", chain, "-c:v", encoder, "-f", "null", "-"])
    except AssemblerError as exc:
        return _reason(exc.what)
    return ""


def _reason(text: str) -> str:
    """The first line of ffmpeg's that says what is wrong."""
    said = [re.sub(r"^\[.*?\]\s*", "", line.strip()) for line in text.splitlines()[2:]]
    wrong = re.compile(r"cannot|could not|can't|no |not |fail|error|unsupported", re.IGNORECASE)
    return next((line.rstrip(".") for line in said if wrong.search(line)), "it encodes nothing")


def input_of(encoder: str, pix_fmt: str) -> tuple[list[str], list[str], str]:
    """Global arguments, last filters and pixel format that an encoder needs."""
    layout = _LAYOUTS[pix_fmt]
    if encoder.endswith("_vaapi"):
        return ["-vaapi_device", VAAPI_DEVICE], ["hwupload"], layout
    return [], [], layout


def is_hardware(encoder: str) -> bool:
    """Whether an encoder is one of a chip."""
    return encoder.rpartition("_")[2] in CHIPS


def _options(chip: Hardware, given: Options) -> Iterator[tuple[str, str | int | float]]:
    fine = float(given.get("crf", _CRF))
    rates = {name: value for name, value in given.items() if name in _KEPT}
    if rates.get("profile") not in _PROFILES:
        rates.pop("profile", None)
    yield from rates.items()
    yield from _HABITS[chip].items()
    if "b" not in rates:
        yield from _fineness(chip, fine).items()


_HABITS: Mapping[Hardware, Options] = {
    "nvenc": {"preset": "p6", "tune": "hq", "forced-idr": 1},
    "qsv": {"preset": "slower", "forced_idr": 1},
    "videotoolbox": {"allow_sw": 0, "realtime": 0},
    "vaapi": {},
}


def _fineness(chip: Hardware, crf: float) -> Options:
    """Constant quality, about that of the *crf*."""
    match chip:
        case "nvenc":
            return {"rc": "vbr", "cq": crf, "b": 0}
        case "qsv":
            return {"global_quality": round(crf)}
        case "videotoolbox":  # from 1, worst, to 100
            return {"q": max(1, round(100 * (1 - crf / _WORST)))}
        case "vaapi":
            return {"rc_mode": "CQP", "qp": round(crf)}


def encoder_frames(stream: Any, encoder: str, pix_fmt: str) -> Any:
    """*stream* of ffmpeg-python as a chip's encoder takes it."""
    _, filters, layout = input_of(encoder, pix_fmt)
    stream = stream.filter("format", layout)
    for name in filters:
        stream = stream.filter(name)
    return stream
