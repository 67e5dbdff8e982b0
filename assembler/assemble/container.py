"""
Which files can hold what a delivery preset makes; the suffix of the output's name decides.

    preset = in_container(delivery_preset("prores-master"), Path("out/film.mov"))
"""

from __future__ import annotations

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
