"""
Effects of moviepy by name, and functions of the user's own.

    check_effect("BlackAndWhit", {})        # UsageError: did you mean 'BlackAndWhite'?

An effect sees the segment as a moviepy clip of its whole length: R'G'B' of 8 bits, in the size of
the delivery. It must give back pictures of the same size.
"""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import lru_cache
from typing import Any

import numpy as np

from assembler.cut.code import function_of
from assembler.cut.model import Effect
from assembler.errors import RenderError, UsageError
from assembler.rendering.planes import Layout
from assembler.rendering.raw import Cancel, Reader, drawn, in_rgb
from assembler.rendering.spans import Form, Shot
from assembler.spec.flaw import did_you_mean, one_of, shown

TIME = {
    "AccelDecel": "speed", "Freeze": "freeze", "Loop": "segments", "MakeLoopable": "join",
    "MultiplySpeed": "speed", "TimeMirror": "reverse", "TimeSymmetrize": "reverse",
}  # fmt: skip
"""Effects that bend time, and the key that does it."""
SHAPE = {
    "Crop": "crop", "EvenSize": "fit", "Margin": "fit", "Resize": "fit", "SlideIn": "join",
    "SlideOut": "join", "CrossFadeIn": "join", "CrossFadeOut": "join",
    "MaskColor": "layer: {key: …}", "MasksAnd": "layer", "MasksOr": "layer",
}  # fmt: skip
"""Effects that change the size or the transparency, and the key that does it."""


def effect_names() -> tuple[str, ...]:
    """Effects that a segment can have."""
    fx = _moviepy_effects()
    return tuple(sorted(name for name in fx if name not in TIME and name not in SHAPE))


def check_effect(name: str, options: Mapping[str, Any]) -> None:
    """
    Refuse an effect that moviepy hasn't, or parameters that it doesn't take.

    Raises:
        UsageError: With the nearest name.
    """
    known = effect_names()
    if instead := TIME.get(name) or SHAPE.get(name):
        kind = "bends time" if name in TIME else "changes the picture's size or transparency"
        raise UsageError(f"the effect {name} {kind}", fix=f"use `{instead}` for that.")
    if name not in known:
        listed = f"there are {one_of(known)}; one's own is written module:function."
        raise UsageError(f"there is no effect {shown(name)}", fix=did_you_mean(name, known, listed))
    _bound(name, options)


def _bound(name: str, options: Mapping[str, Any]) -> None:
    parameters = inspect.signature(_moviepy_effects()[name]).parameters
    for key in options:
        if key not in parameters:
            takes = f"it takes {one_of(parameters)}." if parameters else "it takes none."
            raise UsageError(
                f"the effect {name} has no parameter {shown(key)}",
                fix=did_you_mean(key, parameters, takes),
            )
    lacking = [
        key
        for key, parameter in parameters.items()
        if parameter.default is inspect.Parameter.empty and key not in options
    ]
    if lacking:
        raise UsageError(
            f"the effect {name} needs {one_of(lacking)}", fix=f"add `{lacking[0]}: …` to it."
        )


@lru_cache(maxsize=1)
def _moviepy_effects() -> dict[str, Any]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # moviepy's own dependencies warn while they are imported
        from moviepy import vfx
    found = ((name, getattr(vfx, name)) for name in dir(vfx))
    return {name: one for name, one in found if inspect.isclass(one) and name[0].isupper()}


def applied(clip: Any, effect: Effect) -> Any:
    """
    A moviepy clip with an effect.

    Raises:
        RenderError: If the effect refuses its parameters.
    """
    try:
        if effect.module is None:
            return clip.with_effects([_moviepy_effects()[effect.name](**effect.given)])
        return function_of(effect)(clip, **effect.given)
    except (UsageError, RenderError):
        raise
    except Exception as exc:  # moviepy's and the user's code may raise anything
        raise RenderError(f"the effect {effect.name} fails: {exc!r}", fix="check it.") from exc


def effected(shot: Shot, form: Form, cancel: Cancel = None) -> Iterator[Any]:
    """Raw R'G'B' frames of *shot* with its effects, in planes of 8 bits."""
    change = shot.source.change
    plain = replace(change, effects=(), effects_at=0, effects_frames=0)
    before = replace(shot, source=replace(shot.source, change=plain))
    rgb = in_rgb(form)
    layout = Layout.of(rgb.pix_fmt, form.size)
    first = change.effects_at + shot.used

    def read(start: int, count: int) -> Iterator[Any]:
        part = replace(
            before,
            first=before.first + start,
            frames=count,
            used=before.used + start,
            skipped=tuple(n - start for n in shot.skipped if start < n < start + count),
        )
        return _coloured(part, rgb, cancel)

    length = change.effects_frames or shot.frames
    with Reader(read, shot.frames) as frames:
        moved = 0

        def picture(t: float) -> Any:
            number = round(t * float(form.rate)) - first - moved
            return _picture(frames[number], layout)

        clip = _clip(picture, length, form)
        for effect in change.effects:
            clip = applied(clip, effect)
        for n in range(shot.frames):
            place = min(max(0, first + n), length - 1)  # handles lie outside of the clip's time
            moved = place - first - n
            yield _raw(_got(clip, float(place / form.rate), shot), form, shot)


def _coloured(shot: Shot, form: Form, cancel: Cancel) -> Iterator[Any]:
    """Frames with the seam's correction and the colours, as the graph makes them."""
    from assembler.rendering.inserts import materials_of

    with materials_of(shot, form, cancel) as materials:
        yield from drawn(shot, form, materials, cancel)


def _clip(picture: Any, frames: int, form: Form) -> Any:
    from moviepy import VideoClip

    clip = VideoClip(picture, duration=float(frames / form.rate))
    clip.fps = float(form.rate)
    return clip


def _picture(raw: Any, layout: Layout) -> Any:
    """Planes G, B, R to a picture (h, w, 3), R'G'B'."""
    green, blue, red = layout.planes(raw)
    return np.dstack([red, green, blue])


def _got(clip: Any, t: float, shot: Shot) -> Any:
    try:
        return np.asarray(clip.get_frame(t))
    except RenderError:
        raise
    except Exception as exc:  # moviepy's and the user's code may raise anything
        names = ", ".join(effect.name for effect in shot.source.change.effects)
        what = f"the effects {names} fail at {t:.2f} s: {exc!r}"
        raise RenderError(what, shot.clip, "check their parameters.") from exc


def _raw(picture: Any, form: Form, shot: Shot) -> Any:
    width, height = form.size
    if picture.shape != (height, width, 3):
        got = "x".join(str(side) for side in picture.shape[1::-1])
        what = f"its effects give pictures of {got} instead of {width}x{height}"
        raise RenderError(what, shot.clip, "use effects that keep the size.")
    codes = np.clip(np.rint(picture), 0, 255).astype(np.uint8)
    return np.ascontiguousarray(codes[..., (1, 2, 0)].transpose(2, 0, 1)).tobytes()
