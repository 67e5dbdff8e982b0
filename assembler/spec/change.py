"""
What an author may do to a clip's picture: crop, time, motion, colour, effects, keying.

    crop: {left: 10%}
    speed: {rate: 50%, frames: flow}
    grade: {exposure: 0.3, saturation: 90%}
    effects: [BlackAndWhite, {name: MultiplyColor, factor: 0.8}]
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from assembler.spec.flaw import Flaw, FlawedValueError, flawed, shown
from assembler.spec.time import Duration
from assembler.spec.values import MediaPath, Number, Share, Spec, plain_options, share

HexColour = Annotated[str, Field(pattern=r"^#[0-9a-fA-F]{6}$")]
"""A colour as #rrggbb."""


_SCALED = BeforeValidator(
    share,
    json_schema_input_type=float | Annotated[str, Field(pattern=r"^\s*\d+(\.\d*)?\s*%\s*$")],
)
"""A number that may be written in per cent."""

Part = Annotated[float, _SCALED, Field(ge=0, le=0.95, allow_inf_nan=False)]
"""A part of a side, from nothing to 95 %."""
Centre = Annotated[float, _SCALED, Field(ge=0, le=1, allow_inf_nan=False)]
"""A position along a side, 0 to 100 %."""
Factor = Annotated[float, _SCALED, Field(ge=0.01, le=100, allow_inf_nan=False)]
"""How many times as fast, written ``50%`` or 0.5; what stands still is a freeze."""
Strength = Annotated[float, _SCALED, Field(ge=0, le=1, allow_inf_nan=False)]
"""How much of something: nothing to all, written ``60%`` or 0.6."""
Amount = Annotated[float, _SCALED, Field(ge=0, le=4, allow_inf_nan=False)]
"""A factor from 0 to 4, 1 is unchanged."""


class Crop(Spec):
    """What is cut away of an upright picture before it is laid on the canvas."""

    left: Part = 0.0
    right: Part = 0.0
    top: Part = 0.0
    bottom: Part = 0.0

    @model_validator(mode="after")
    def _something_left(self) -> Self:
        for a, b in (("left", "right"), ("top", "bottom")):
            if getattr(self, a) + getattr(self, b) > 0.95:
                what = f"`{a}` and `{b}` leave less than 5 % of the picture"
                raise flawed(what, "cut away less.", b)
        return self


class SpeedPoint(Spec):
    """From this time of the segment on (its own shown time) it runs at this speed."""

    at: Duration
    rate: Factor


class Speed(Spec):
    """How fast a clip runs."""

    rate: Factor = 1.0
    """Of the clip's own speed: 50 % is slow motion, 200 % twice as fast."""
    points: Annotated[tuple[SpeedPoint, ...], Field(max_length=100)] = ()
    """A ramp: the speed goes evenly from each point to the next."""
    frames: Literal["nearest", "blend", "flow"] = "nearest"
    """What is shown between two frames: one of them, a mix, or motion computed in between."""

    @model_validator(mode="before")
    @classmethod
    def _from_number(cls, raw: Any) -> Any:
        return raw if isinstance(raw, dict) else {"rate": raw}

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if self.points and "rate" in self.model_fields_set:
            raise flawed("a ramp has its speeds in `points`", "take `rate` out.", "rate")
        return self


class Freeze(Spec):
    """The picture stands still from a time of the segment on, for so long."""

    at: Duration
    for_: Annotated[Duration, Field(alias="for")]


class View(Spec):
    """What is seen of a still picture."""

    x: Centre = 0.5
    """Centre of the view, as a part of the picture's width."""
    y: Centre = 0.5
    """Centre of the view, as a part of the picture's height."""
    width: Share = 1.0
    """Size of the view, as a part of the largest one of the canvas's shape."""


MOVES: dict[str, tuple[dict[str, float], dict[str, float]]] = {
    "in": ({}, {"width": 0.8}),
    "out": ({"width": 0.8}, {}),
    "left": ({"x": 1.0, "width": 0.8}, {"x": 0.0, "width": 0.8}),
    "right": ({"x": 0.0, "width": 0.8}, {"x": 1.0, "width": 0.8}),
    "up": ({"y": 1.0, "width": 0.8}, {"y": 0.0, "width": 0.8}),
    "down": ({"y": 0.0, "width": 0.8}, {"y": 1.0, "width": 0.8}),
}


class Move(Spec):
    """A slow move over a still picture (Ken Burns), from one view to another."""

    from_: Annotated[View, Field(alias="from")] = View()
    to: View = View()
    ease: Literal["smooth", "linear"] = "smooth"

    @model_validator(mode="before")
    @classmethod
    def _from_word(cls, raw: Any) -> Any:
        if not isinstance(raw, str):
            return raw
        if raw not in MOVES:
            what = f"there is no move {shown(raw)}"
            fix = "write in, out, left, right, up or down, or {from: …, to: …}."
            raise FlawedValueError(Flaw(what, fix, "", raw, tuple(MOVES)))
        start, end = MOVES[raw]
        return {"from": start, "to": end}


class Lut(Spec):
    """A colour table."""

    file: MediaPath
    """A .cube file, 1D or 3D, from and to encoded R'G'B' of 0 to 1."""
    strength: Strength = 1.0

    @model_validator(mode="before")
    @classmethod
    def _from_file(cls, raw: Any) -> Any:
        return raw if isinstance(raw, dict) else {"file": raw}


def _three(raw: object) -> object:
    return raw if isinstance(raw, (list, tuple)) else [raw] * 3


_CHANNELS = BeforeValidator(
    _three, json_schema_input_type=float | Annotated[list[float], Field(min_length=3, max_length=3)]
)
"""One number for all channels, or [red, green, blue]."""

Slope = Annotated[Number, Field(ge=0, le=4)]
Offset = Annotated[Number, Field(ge=-1, le=1)]
Power = Annotated[Number, Field(ge=0.1, le=10)]


class Grade(Spec):
    """A simple grade, carried out as one ASC CDL on encoded R'G'B'."""

    exposure: Annotated[Number, Field(ge=-5, le=5)] = 0.0
    """Stops."""
    temperature: Annotated[Number, Field(ge=-2, le=2)] = 0.0
    """Stops of red over blue: above 0 is warmer."""
    tint: Annotated[Number, Field(ge=-2, le=2)] = 0.0
    """Stops of magenta over green."""
    contrast: Amount = 1.0
    """About the middle of the scale."""
    slope: Annotated[tuple[Slope, Slope, Slope], _CHANNELS] = (1.0, 1.0, 1.0)
    """ASC CDL; one number or [red, green, blue]."""
    offset: Annotated[tuple[Offset, Offset, Offset], _CHANNELS] = (0.0, 0.0, 0.0)
    power: Annotated[tuple[Power, Power, Power], _CHANNELS] = (1.0, 1.0, 1.0)
    saturation: Amount = 1.0


CODE = re.compile(r"^[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*", re.ASCII)
"""What a function of the user's own is written as: ``module:function``."""


class Effect(Spec):
    """An effect of moviepy, or of the user's own, by name."""

    name: Annotated[str, Field(max_length=200)]
    """Such as BlackAndWhite; or ``module:function`` of a module beside the timeline."""
    options: Annotated[dict[str, Any], BeforeValidator(plain_options)] = Field(default_factory=dict)
    """Its parameters, written beside `name`."""

    @model_validator(mode="before")
    @classmethod
    def _flat(cls, raw: Any) -> Any:
        if isinstance(raw, str):
            return {"name": raw}
        if not isinstance(raw, Mapping) or "name" not in raw:
            return raw
        nested = raw.get("options", {})
        flat = {k: v for k, v in raw.items() if k not in ("name", "options")}
        both = {**nested, **flat} if isinstance(nested, Mapping) else nested
        return {"name": raw["name"], "options": both}

    @property
    def code(self) -> bool:
        """Whether it is a function of the user's own."""
        return CODE.fullmatch(self.name) is not None


class Key(Spec):
    """A colour that becomes transparent (chroma key)."""

    colour: HexColour = "#00ff00"
    similarity: Strength = 0.12
    """How far from the colour still counts as it."""
    blend: Strength = 0.06
    """Over how much more it fades from clear to solid."""
    spill: Strength = 0.0
    """How much of the colour's glow on the subject is taken away."""

    @model_validator(mode="before")
    @classmethod
    def _from_colour(cls, raw: Any) -> Any:
        return {"colour": raw} if isinstance(raw, str) else raw


def module_of(name: str, root: Path) -> Path:
    """The file that ``module:function`` names, below *root*."""
    return root.joinpath(*name.partition(":")[0].split(".")).with_suffix(".py")
