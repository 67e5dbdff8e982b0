"""
The author's times and places, kept as written until the rate is known.

    >>> Duration.parse("12f").frames(Fraction(24))
    12
    >>> Place.parse("street+0.5s")
    Place(segment='street', offset=Duration(value=Fraction(1, 2), unit='s'), sign=1)
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction
from math import isfinite
from typing import Any, Literal

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

from assembler.spec.flaw import flawed, shown
from assembler.timebase import Timecode, frames_in, seconds_at

LONGEST_S = 24 * 3600
"""No time in a timeline may pass one day."""

LONGEST_FRAMES = LONGEST_S * 120

LONGEST_TEXT = 200
"""Characters of a time or a place: the patterns below look back over blanks."""

_NUMBER = r"\d{1,9}(?:\.\d{1,12})?|\.\d{1,12}"
_TIME = re.compile(rf"({_NUMBER})\s*(s|ms|f|m|h)?|(\d\d:\d\d:\d\d[:;]\d\d\d?)", re.ASCII)
_CLOCK = re.compile(r"(?:(\d{1,2}):)?(\d{1,3}):(\d{1,2}(?:\.\d{1,6})?)", re.ASCII)
_PLACE = re.compile(
    r"(?P<segment>[A-Za-z_]\w*(?:-[A-Za-z_]\w*)*)?\s*(?:(?P<sign>[+-])?\s*(?P<time>[\d.].*))?",
    re.ASCII,
)
_SECONDS = {"s": Fraction(1), "ms": Fraction(1, 1000), "m": Fraction(60), "h": Fraction(3600)}

_SCHEMA_TIME = r"(\d+(\.\d+)?|\.\d+)\s*(s|ms|f|m|h)?|\d\d:\d\d:\d\d[:;]\d\d\d?"
_SCHEMA_ID = r"[A-Za-z_][A-Za-z0-9_]*(-[A-Za-z_][A-Za-z0-9_]*)*"

TIME_HELP = "write seconds (2.5s), frames (12f) or timecode (00:00:10:00)"
PLACE_HELP = "write a segment's id, id+1.5s, or a time from the start"


@dataclass(frozen=True, slots=True)
class Duration:
    """A length or position of time: exact seconds, frames, or a timecode label."""

    value: Fraction | str
    unit: Literal["s", "f", "tc"]

    @classmethod
    def parse(cls, raw: object) -> Duration:
        """
        Time from ``2.5s``, ``500ms``, ``12f``, ``00:00:10:00`` or a plain number of seconds.

        Raises:
            ValueError: If it is none of these, negative, not finite, or longer than a day.
        """
        if isinstance(raw, cls):
            return raw
        if isinstance(raw, bool) or not isinstance(raw, (str, int, float, Fraction)):
            raise flawed(f"{shown(raw)} is no time", f"{TIME_HELP}.")
        if not isinstance(raw, str):
            return cls._from_number(raw)
        text = str(raw).strip()
        match = _TIME.fullmatch(text) if len(text) <= LONGEST_TEXT else None
        if not match:
            raise flawed(f"{shown(text)} is no time", _time_fix(text))
        number, unit, label = match.groups()
        if label:
            return cls(label, "tc")
        if unit == "f":
            return cls._from_frames(number)
        return cls._from_number(Fraction(number) * _SECONDS[unit or "s"])

    @classmethod
    def _from_number(cls, seconds: float | Fraction) -> Duration:
        if not isfinite(seconds) or seconds < 0:
            fix = "a time is finite and not negative."
            raise flawed(f"{shown(seconds)} is no time", fix)
        exact = Fraction(str(seconds)) if isinstance(seconds, float) else Fraction(seconds)
        if exact > LONGEST_S:
            raise flawed(f"{float(exact):g} s is longer than a day")
        return cls(exact, "s")

    @classmethod
    def _from_frames(cls, number: str) -> Duration:
        if "." in number:
            raise flawed(f"'{number}f' is no time", "frames are whole numbers.")
        if int(number) > LONGEST_FRAMES:
            raise flawed(f"{int(number):,} frames are longer than a day")
        return cls(Fraction(number), "f")

    @property
    def _number(self) -> Fraction:
        assert isinstance(self.value, Fraction)
        return self.value

    def frames(self, rate: Fraction) -> int:
        """Nearest frame position at *rate*."""
        if self.unit == "tc":
            return Timecode.parse(str(self.value), rate).frame
        value = self._number
        return int(value) if self.unit == "f" else frames_in(value, rate)

    def seconds(self, rate: Fraction) -> Fraction:
        """Exact seconds; frames and timecode are read at *rate*."""
        if self.unit == "s":
            return self._number
        return seconds_at(self.frames(rate), rate)

    def __str__(self) -> str:
        if self.unit == "tc":
            return str(self.value)
        return f"{_decimal(self._number)}{self.unit}"

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(
            cls.parse, serialization=core_schema.to_string_ser_schema()
        )

    @classmethod
    def __get_pydantic_json_schema__(
        cls, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        return {
            "description": f"A time: {TIME_HELP}.",
            "anyOf": [
                {"type": "number", "minimum": 0},
                {"type": "string", "pattern": rf"^\s*({_SCHEMA_TIME})\s*$"},
            ],
        }


def _time_fix(text: str) -> str:
    """How to write what *text* most likely means."""
    clock = _CLOCK.fullmatch(text[:LONGEST_TEXT])
    if clock:
        hours, minutes, seconds = (Fraction(part or 0) for part in clock.groups())
        return f"write {_decimal(hours * 3600 + minutes * 60 + seconds)}s, or HH:MM:SS:FF."
    if text.startswith("-"):
        return "a time can't be negative."
    return f"{TIME_HELP}."


def _decimal(value: Fraction) -> str:
    """*value* in decimal digits: exact where it has 12 or fewer after the point."""
    digits = f"{value.numerator * 10**12 // value.denominator:013d}"
    return f"{digits[:-12]}.{digits[-12:]}".rstrip("0").rstrip(".")


@dataclass(frozen=True, slots=True)
class Place:
    """A position in the programme: a time from its start, or from the start of a segment."""

    segment: str | None
    offset: Duration
    sign: Literal[1, -1] = 1

    @classmethod
    def parse(cls, raw: object) -> Place:
        """
        Place from ``dawn``, ``dawn+1.5s``, ``dawn-12f`` or a plain time.

        Raises:
            ValueError: If it is none of these.
        """
        if isinstance(raw, cls):
            return raw
        if isinstance(raw, (int, float, Fraction)) and not isinstance(raw, bool):
            return cls(None, Duration.parse(raw))
        text = str(raw).strip() if isinstance(raw, str) else ""
        match = _PLACE.fullmatch(text) if 0 < len(text) <= LONGEST_TEXT else None
        if not match:
            raise flawed(f"{shown(raw)} is no place", f"{PLACE_HELP}.")
        segment, sign, time = match["segment"], match["sign"], match["time"]
        if segment is None and sign == "-":
            raise flawed(f"{shown(text)} lies before the programme's start", f"{PLACE_HELP}.")
        if segment and time and not sign:
            raise flawed(f"{shown(text)} is no place", f"write {segment}+{time}.")
        offset = Duration.parse(time) if time else Duration(Fraction(0), "s")
        return cls(segment, offset, -1 if sign == "-" else 1)

    def __str__(self) -> str:
        if self.segment is None:
            return str(self.offset)
        mark = "+" if self.sign > 0 else "-"
        return f"{self.segment}{mark}{self.offset}" if self.offset.value else self.segment

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(
            cls.parse, serialization=core_schema.to_string_ser_schema()
        )

    @classmethod
    def __get_pydantic_json_schema__(
        cls, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        return {
            "description": f"A place: {PLACE_HELP}.",
            "anyOf": [
                {"type": "number", "minimum": 0},
                {"type": "string", "pattern": rf"^\s*\+?\s*({_SCHEMA_TIME})\s*$"},
                {
                    "type": "string",
                    "pattern": rf"^\s*{_SCHEMA_ID}(\s*[+-]\s*({_SCHEMA_TIME}))?\s*$",
                },
            ],
        }
