"""Final Cut Pro XML of any version from 1.8 on, as Final Cut Pro and Resolve write it."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from fractions import Fraction

from assembler.cut.model import Marker, Transition
from assembler.errors import MediaError
from assembler.exporting.fcpxml import TRANSITION_KEY
from assembler.exporting.found import Event, Found
from assembler.exporting.notes import SEAM, transition_named
from assembler.exporting.places import as_place
from assembler.timebase import FrameRange, frames_in, parse_rate


def read(text: str, name: str = "") -> Found:
    """
    The first project in an FCPXML file.

    Raises:
        MediaError: If it is none.
    """
    try:
        root = ET.fromstring(text)
    except ET.ParseError as error:
        raise MediaError(f"is no XML: {error}", name, "export it again") from error
    sequence = root.find(".//project/sequence")
    if root.tag != "fcpxml" or sequence is None:
        raise MediaError("has no project", name, "export the project as FCPXML, not the event")
    return _Reader(root, sequence, name).found()


class _Reader:
    def __init__(self, root: ET.Element, sequence: ET.Element, name: str) -> None:
        self.root = root
        self.sequence = sequence
        self.resources = {e.get("id", ""): e for e in root.iterfind("resources/*")}
        form = self.resources.get(sequence.get("format", ""))
        duration = _given(form, "frameDuration") if form is not None else None
        if not duration:
            raise MediaError("its sequence has no frame rate", name, "export it again")
        self.rate = parse_rate(1 / duration)
        self.form = form
        self.events: list[Event] = []
        self.markers: list[Marker] = []
        self.chapters: list[Marker] = []
        self.lost: list[str] = []

    def found(self) -> Found:
        """All of it."""
        spine = self.sequence.find("spine")
        start = _given(self.sequence, "tcStart")
        if spine is not None:
            self._spine(spine, start)
        project = self.root.find(".//project")
        size = None
        if self.form is not None and self.form.get("width"):
            size = int(self.form.get("width", "0")), int(self.form.get("height", "0"))
        return Found(
            title=project.get("name", "") if project is not None else "",
            rate=self.rate,
            size=size,
            events=tuple(self.events),
            markers=tuple(sorted(self.markers, key=lambda m: m.frame)),
            chapters=tuple(sorted(self.chapters, key=lambda m: m.frame)),
            lost=tuple(dict.fromkeys(self.lost)),
        )

    def _frames(self, time: Fraction) -> int:
        return frames_in(time, self.rate)

    def _spine(self, spine: ET.Element, start: Fraction) -> None:
        waiting: ET.Element | None = None
        at = start
        for element in spine:
            if element.tag == "transition":
                waiting = element
                continue
            at = _given(element, "offset", at)
            record = self._range(at - start, element)
            if element.tag == "gap":
                begin = _given(element, "start")
            else:
                begin = self._begin(element)
                self._event(element, record, 0, self._passage(waiting, record, start))
            self._inside(element, at - start, begin)
            waiting = None
            at += _given(element, "duration")

    def _range(self, at: Fraction, element: ET.Element) -> FrameRange:
        length = _given(element, "duration") or self._asset_time(element, "duration")
        return FrameRange(self._frames(at), self._frames(at + length))

    def _asset_time(self, element: ET.Element, name: str) -> Fraction:
        asset = self.resources.get(element.get("ref", ""))
        return _given(asset, name) if asset is not None else Fraction(0)

    def _begin(self, element: ET.Element) -> Fraction:
        """Local time of an element's first frame."""
        return _given(element, "start", self._asset_time(element, "start"))

    def _inside(self, element: ET.Element, at: Fraction, begin: Fraction) -> None:
        """What hangs on an element that begins at *at* and shows its local time *begin*."""
        for child in element:
            match child.tag:
                case "marker" | "chapter-marker":
                    local = _given(child, "start")
                    frame = self._frames(at + local - begin)
                    self._marker(frame, child)
                case "video" | "audio" | "gap" if child.get("lane") is None:
                    continue  # what a clip is made of
                case "asset-clip" | "video" | "audio" | "title" | "clip":
                    offset = _given(child, "offset")
                    when = at + offset - begin
                    self._event(child, self._range(when, child), int(child.get("lane", "0")))
                    self._inside(child, when, self._begin(child))
                case "spine" | "ref-clip" | "mc-clip" | "sync-clip" | "audition" | "caption":
                    called = child.get("name") or child.tag
                    self.lost.append(f"{called}: a {child.tag} isn't understood")
                case "timeMap":
                    self._retimed(element)

    def _retimed(self, element: ET.Element) -> None:
        called = element.get("name", element.tag)
        self.lost.append(f"{called}: it was given another speed; it plays at its own")

    def _marker(self, frame: int, element: ET.Element) -> None:
        value = element.get("value", "")
        if not value.startswith(SEAM):
            kind = self.chapters if element.tag == "chapter-marker" else self.markers
            kind.append(Marker(frame, value, element.get("note", "")))

    def _event(
        self,
        element: ET.Element,
        record: FrameRange,
        lane: int,
        transition: Transition | None = None,
    ) -> None:
        called = element.get("name", "")
        if element.get("enabled") == "0":
            self.lost.append(f"{called}: it is switched off and was left out")
            return
        if element.tag == "title":
            words = element.find("text")
            styled = words.iterfind("text-style") if words is not None else ()
            text = "".join(one.text or "" for one in styled)
            text = text or ("".join(words.itertext()).strip() if words is not None else "")
            self.events.append(Event("title", max(1, lane), called, record, text=text))
            return
        found = element.find("video") if element.tag == "clip" else element
        inner = element if found is None else found
        asset = self.resources.get(inner.get("ref", ""))
        if asset is None or asset.tag != "asset":
            self.lost.append(f"{called or element.tag}: a {element.tag} without a file")
            return
        rep = asset.find("media-rep")
        src = (rep.get("src") if rep is not None else asset.get("src")) or ""
        first = self._frames(self._begin(element) - self._asset_time(inner, "start"))
        seen, heard = _parts(element, asset)
        file = as_place(src)
        if seen:
            above = max(0, lane)
            self.events.append(
                Event("picture", above, called, record, first, file=file, transition=transition)
            )
        if heard:
            gain, fades = _level(element, self)
            self.events.append(
                Event(
                    "sound",
                    max(1, abs(lane)),
                    called,
                    record,
                    first,
                    file=file,
                    gain_db=gain,
                    fade_in=fades[0],
                    fade_out=fades[1],
                )
            )

    def _passage(
        self, element: ET.Element | None, record: FrameRange, start: Fraction
    ) -> Transition | None:
        if element is None:
            return None
        begin = self._frames(_given(element, "offset") - start)
        length = self._frames(_given(element, "duration"))
        before = record.start - begin
        told = element.find(f"metadata/md[@key='{TRANSITION_KEY}']")
        words = told.get("value", "").split() if told is not None else []
        called = words[0] if words else element.get("name", "")
        transition, note = transition_named(called, before, length - before)
        if note:
            self.lost.append(note)
        return transition


def _parts(element: ET.Element, asset: ET.Element) -> tuple[bool, bool]:
    """Whether the picture of an asset is seen, and whether its sound is heard."""
    used = element.get("srcEnable", "all")
    picture = asset.get("hasVideo", "0") == "1" and element.tag != "audio"
    sound = asset.get("hasAudio", "0") == "1" and element.tag in ("asset-clip", "audio", "clip")
    return picture and used != "audio", sound and used != "video"


def _level(element: ET.Element, reader: _Reader) -> tuple[float, tuple[int, int]]:
    volume = element.find("adjust-volume")
    if volume is None:
        return 0.0, (0, 0)
    amount = float(volume.get("amount", "0dB").removesuffix("dB") or 0)
    lengths = []
    for tag in ("fadeIn", "fadeOut"):
        fade = volume.find(f"param/{tag}")
        length = _given(fade, "duration") if fade is not None else Fraction(0)
        lengths.append(frames_in(length, reader.rate))
    return amount, (lengths[0], lengths[1])


def _given(element: ET.Element, name: str, otherwise: Fraction = Fraction(0)) -> Fraction:
    """Seconds that FCPXML writes as 1001/24000s."""
    text = element.get(name)
    return otherwise if text is None else Fraction(text.strip().removesuffix("s"))
