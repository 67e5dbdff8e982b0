"""
The kinds of value that a timeline's keys take: sizes, rates, levels, shares, names, paths.

    class Canvas(Spec):
        size: Size = (1920, 1080)
"""

from __future__ import annotations

import re
from fractions import Fraction
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer

from assembler.spec.flaw import flawed, shown
from assembler.spec.paths import Scalar, media_path, output_path
from assembler.spec.yaml import resolved
from assembler.timebase import parse_rate

PARTIAL = "partial"
"""Validation context of what is left of a broken entry: what keys say of each other isn't asked."""


class Spec(BaseModel):
    """Base of all models: frozen, unknown keys refused, aliases accepted."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", populate_by_name=True, arbitrary_types_allowed=True
    )


def _size(raw: object) -> object:
    if not isinstance(raw, str):
        return raw
    match = re.fullmatch(r"\s*(\d{1,6})\s*[xX×]\s*(\d{1,6})\s*", raw, re.ASCII)
    if not match:
        raise flawed(f"{shown(raw)} is no size", "write width x height: 1920x1080.")
    return int(match[1]), int(match[2])


def _written_size(size: tuple[int, int]) -> str:
    return f"{size[0]}x{size[1]}"


Side = Annotated[int, Field(ge=16, le=16384, multiple_of=2)]
Size = Annotated[
    tuple[Side, Side],
    BeforeValidator(
        _size, json_schema_input_type=Annotated[str, Field(pattern=r"^\s*\d+\s*[xX×]\s*\d+\s*$")]
    ),
    PlainSerializer(_written_size),
]
"""Width and height in pixels, both even, written ``1920x1080``."""


def _rate(raw: object) -> Fraction:
    if isinstance(raw, bool) or not isinstance(raw, (str, int, float, Fraction)):
        raise flawed(f"{shown(raw)} is no frame rate", _RATE_HELP)
    try:
        return parse_rate(raw)
    except (ValueError, ArithmeticError) as exc:
        words = str(exc) if "lies between" in str(exc) else f"{shown(raw)} is no frame rate"
        raise flawed(words, _RATE_HELP) from exc


_RATE_HELP = "write frames a second: 24, 29.97 or 30000/1001."

Positive = Annotated[float, Field(gt=0, le=1000)]
Rate = Annotated[
    Fraction,
    BeforeValidator(
        _rate,
        json_schema_input_type=Positive
        | Annotated[str, Field(pattern=r"^\d+(\.\d+)?(/\d+)?\s*(fps)?$")],
    ),
    PlainSerializer(str),
]
"""Frames a second, exact; 23.976 means 24000/1001."""


def _number(raw: object, unit: str, help_: str) -> object:
    """A number with or without its unit; underscores, `nan` and `inf` are none."""
    if not isinstance(raw, str):
        return raw
    match = re.fullmatch(rf"({_DECIMAL})\s?(?:{unit})?", raw.strip(), re.ASCII)
    if not match:
        raise flawed(f"{shown(raw)} is no {help_}")
    return float(match[1])


_DECIMAL = r"[-+]?(?:\d{1,9}(?:\.\d{0,9})?|\.\d{1,9})"


def _decibels(raw: object) -> object:
    return _number(raw, "[dD][bB]", "level; write decibels, such as -3dB")


Decibels = Annotated[
    float,
    BeforeValidator(
        _decibels,
        json_schema_input_type=float
        | Annotated[str, Field(pattern=r"^\s*[-+]?\d+(\.\d*)?\s*([dD][bB])?\s*$")],
    ),
    Field(ge=-120, le=60, allow_inf_nan=False),
]
"""A gain, written ``-3dB`` or ``-3``."""


def share(raw: object) -> object:
    """A part of a whole from what was written."""
    if isinstance(raw, str) and raw.strip().endswith("%"):
        percent = _number(raw, "%", "share; write 30% or 0.3")
        return percent / 100 if isinstance(percent, float) else percent
    return _number(raw, "", "share; write 30% or 0.3")


Share = Annotated[
    float,
    BeforeValidator(
        share,
        json_schema_input_type=Annotated[float, Field(gt=0, le=1)]
        | Annotated[str, Field(pattern=r"^\s*\d+(\.\d*)?\s*%\s*$")],
    ),
    Field(gt=0, le=1, allow_inf_nan=False),
]
"""A part of a whole, written ``30%`` or 0.3."""

Position = Annotated[
    float,
    BeforeValidator(
        share,
        json_schema_input_type=Annotated[float, Field(ge=0, le=1)]
        | Annotated[str, Field(pattern=r"^\s*\d+(\.\d*)?\s*%\s*$")],
    ),
    Field(ge=0, le=1, allow_inf_nan=False),
]
"""A place between two ends, written ``0%`` to ``100%`` or 0 to 1."""


def _plain_number(raw: object) -> object:
    return _number(raw, "", "number")


Number = Annotated[
    float,
    BeforeValidator(_plain_number, json_schema_input_type=float),
    Field(allow_inf_nan=False),
]
"""A finite number."""


def whole(raw: object) -> object:
    """A whole number from what was written."""
    if isinstance(raw, bool):
        raise flawed(f"{shown(raw)} is no whole number")
    if isinstance(raw, str):
        if not re.fullmatch(r"\s*[-+]?\d{1,18}\s*", raw, re.ASCII):
            raise flawed(f"{shown(raw)} is no whole number")
        return int(raw)
    return raw


Whole = Annotated[int, BeforeValidator(whole, json_schema_input_type=int)]
"""A whole number, written in decimal digits."""

_FLAGS = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}


def _flag(raw: object) -> object:
    if isinstance(raw, str) and raw.strip().lower() in _FLAGS:
        return _FLAGS[raw.strip().lower()]
    if not isinstance(raw, bool):
        raise flawed(f"{shown(raw)} is neither true nor false", "write true or false.")
    return raw


Flag = Annotated[
    bool,
    BeforeValidator(_flag, json_schema_input_type=bool | Literal["yes", "no", "on", "off"]),
]
"""true or false; yes, no, on and off mean the same."""


def _text(raw: object) -> object:
    if isinstance(raw, (int, float)) and not isinstance(raw, bool):
        return str(raw)
    return raw


Text = Annotated[
    str,
    BeforeValidator(_text, json_schema_input_type=str | float | bool),
    Field(max_length=20_000),
]
"""Words; a number or a truth value written here is text too."""

Id = Annotated[
    str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*(?:-[A-Za-z_][A-Za-z0-9_]*)*$", max_length=64)
]
"""A name within the timeline: letters, digits, ``_`` and ``-`` (a letter after each hyphen)."""

Ref = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]*$", max_length=64)]
"""Name of a preset, a model or a provider."""

MediaPath = Annotated[Path, BeforeValidator(media_path, json_schema_input_type=str)]
"""A file of the project; the loader makes it absolute."""

OutputPath = Annotated[Path, BeforeValidator(output_path, json_schema_input_type=str)]
"""A file of the project that we write; the loader makes it absolute."""


def plain_options(raw: object) -> object:
    """Plain values of provider options; text of a YAML file is told from numbers here."""
    if isinstance(raw, dict):
        return {str(k): plain_options(v) for k, v in raw.items()}
    if isinstance(raw, (list, tuple)):
        return [plain_options(v) for v in raw]
    return resolved(raw) if isinstance(raw, Scalar) else raw
