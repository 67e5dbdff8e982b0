"""
Which files can hold what a delivery preset makes, and how small its pictures can be.

    preset = in_container(delivery_preset("prores-master"), Path("out/film.mov"))
    check_size(preset, (1920, 1080))

The suffix of the output's name decides on the container.
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from math import ceil
from pathlib import Path

from assembler.errors import UsageError
from assembler.spec.presets import DeliveryPreset

CONTAINERS = ("mp4", "mov", "mkv", "webm", "mxf")

_PICTURE = {
    "mp4": ("libx264", "libx265", "libsvtav1", "libaom-av1", "libvpx-vp9", "ffv1"),
    "mov": ("libx264", "libx265", "prores_ks", "dnxhd", "ffv1"),
    "webm": ("libsvtav1", "libaom-av1", "libvpx-vp9"),
}
"""Encoders whose streams a container takes besides its own presets'; mkv takes all."""
_SOUND = {
    "mp4": ("aac", "flac", "libopus", "libmp3lame"),
    "mov": ("aac", "pcm_s16le", "pcm_s24le"),
    "webm": ("libopus",),
}

_LEAST: Mapping[str, tuple[int, int]] = {"dnxhd": (256, 120)}
"""Smallest pictures of encoders that don't take every size; DNxHR's."""


def in_container(preset: DeliveryPreset, out: Path) -> DeliveryPreset:
    """
    The preset, for the container that the name of *out* says.

    Raises:
        UsageError: If there is no such container, or it can't hold the preset's codecs.
    """
    container = out.suffix.lower().lstrip(".")
    fix = f"end the name with {_listed(preset)}"
    if container not in CONTAINERS:
        raise UsageError(f"{out.name!r} names no container that can be written", fix=fix)
    if not _holds(container, preset):
        codecs = f"{preset.video.encoder} and {preset.audio.encoder}"
        raise UsageError(f"a .{container} file can't hold {codecs} (preset {preset.id})", fix=fix)
    if container == preset.container:
        return preset
    mux = preset.mux if container in ("mp4", "mov") else {}
    return preset.model_copy(update={"container": container, "mux": mux})


def _holds(container: str, preset: DeliveryPreset) -> bool:
    if container in ("mkv", preset.container):
        return True
    picture, sound = _PICTURE.get(container, ()), _SOUND.get(container, ())
    return preset.video.encoder in picture and preset.audio.encoder in sound


def _listed(preset: DeliveryPreset) -> str:
    *some, last = [f".{name}" for name in CONTAINERS if _holds(name, preset)]
    return f"{', '.join(some)} or {last}" if some else last


def check_size(preset: DeliveryPreset, canvas: tuple[int, int]) -> None:
    """
    Refuse pictures that are too small for the preset's encoder.

    Raises:
        UsageError: Naming a size of the same shape that it takes.
    """
    width, height = preset.size_on(canvas)
    least = _LEAST.get(preset.video.encoder, (0, 0))
    if width >= least[0] and height >= least[1]:
        return
    scale = max(Fraction(least[0], width), Fraction(least[1], height))
    larger = "{}x{}".format(*(2 * ceil(side * scale / 2) for side in (width, height)))
    raise UsageError(
        f"pictures of {width}x{height} are too small for preset {preset.id}, "
        f"which takes them from {least[0]}x{least[1]} on",
        fix=f"write `size: {larger}`, or take a preset that goes below, such as prores-master.",
    )
