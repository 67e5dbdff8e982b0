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
from typing import Any, Literal

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

from assembler.timebase import Timecode, frames_in, seconds_at

LONGEST_S = 24 * 3600
"""No time in a timeline may pass one day."""

_NUMBER = r"\d{1,9}(?:\.\d{1,9})?"
_TIME = re.compile(rf"(?:({_NUMBER})\s*(s|ms|f|m|h)?|(\d{{2}}:\d{{2}}:\d{{2}}[:;]\d{{2,3}}))")
_PLACE = re.compile(
    r"(?P<segment>[A-Za-z_][\w.]*(?:-[A-Za-z_][\w.]*)*)?\s*(?:(?P<sign>[+-])?\s*(?P<time>\d.*))?"
)
_SECONDS = {"s": Fraction(1), "ms": Fraction(1, 1000), "m": Fraction(60), "h": Fraction(3600)}

TIME_HELP = "write seconds (2.5s), frames (12f) or timecode (00:00:10:00)"


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
            raise ValueError(f"{raw!r} is no time; {TIME_HELP}")
        text = str(raw).strip()
        match = _TIME.fullmatch(text)
        if not match:
            raise ValueError(f"{text[:40]!r} is no time; {TIME_HELP}")
        number, unit, label = match.groups()
        if label:
            return cls(label, "tc")
        if unit == "f":
            if "." in number:
                raise ValueError(f"{text!r}: frames are whole numbers")
            return cls(Fraction(number), "f")
        seconds = Fraction(number) * _SECONDS[unit or "s"]
        if seconds > LONGEST_S:
            raise ValueError(f"{text!r} is longer than a day")
        return cls(seconds, "s")

    def frames(self, rate: Fraction) -> int:
        """Nearest frame position at *rate*."""
        if self.unit == "tc":
            return Timecode.parse(str(self.value), rate).frame
        value = Fraction(self.value)
        return int(value) if self.unit == "f" else frames_in(value, rate)

    def seconds(self, rate: Fraction) -> Fraction:
        """Exact seconds; frames and timecode are read at *rate*."""
        if self.unit == "s":
            return Fraction(self.value)
        return seconds_at(self.frames(rate), rate)

    def __str__(self) -> str:
        if self.unit == "tc":
            return str(self.value)
        return f"{float(Fraction(self.value)):g}{self.unit}"

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
                {"type": "string", "pattern": r"^\d+(\.\d+)?\s*(s|ms|f|m|h)?$"},
                {"type": "string", "pattern": r"^\d\d:\d\d:\d\d[:;]\d\d\d?$"},
            ],
        }


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
        zero = Duration(Fraction(0), "s")
        if isinstance(raw, (int, float)) and not isinstance(raw, bool):
            return cls(None, Duration.parse(raw))
        text = str(raw).strip() if isinstance(raw, str) else ""
        match = _PLACE.fullmatch(text)
        if not text or not match:
            raise ValueError(f"{raw!r} is no place; write a segment's id, id+1.5s, or a time")
        segment, sign, time = match["segment"], match["sign"], match["time"]
        if segment is None and sign == "-":
            raise ValueError(f"{text!r} lies before the programme's start")
        if segment and time and not sign:
            raise ValueError(f"{text!r} is no place; write id+1.5s")
        offset = Duration.parse(time) if time else zero
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
            "description": "A place: a segment's id, id+1.5s, id-12f, or a time from the start.",
            "anyOf": [{"type": "number", "minimum": 0}, {"type": "string"}],
        }
