"""
Final Cut Pro XML 1.10 (Resolve reads it too).

    text = write(edit, place).text

Written here and read in `fcpxml_reader.py` by hand: OTIO's adapter counts whole frames a second
only (23.976 becomes 23), knows no transitions, levels or start timecode, writes version 1.8 and
asks for an ffprobe program.
"""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

from assembler.cut.model import Transition
from assembler.exporting.edit import Edit, Heard, Laid, Medium, Shot, Worded, Written
from assembler.exporting.notes import (
    SEAM,
    lost_pictures,
    lost_sounds,
    seam_note,
    sounding,
)
from assembler.exporting.places import Place, as_url
from assembler.timebase import FrameRange, frames_in

VERSION = "1.10"
DISSOLVE = "FxPlug:4731E73A-8DAC-4113-9A30-AE85B1761265"
"""Final Cut Pro's Cross Dissolve."""
BASIC_TITLE = ".../Titles.localized/Bumper:Opener.localized/Basic Title.localized/Basic Title.moti"
TRANSITION_KEY = "assembler.transition"
"""Metadata with our name of a transition."""

_ROLES = {
    "dialogue": "dialogue",
    "voice": "dialogue.voice",
    "native": "effects.native",
    "sfx": "effects",
    "music": "music",
}
_LAYOUTS = {"mono": "mono", "stereo": "stereo", "5.1": "surround"}
_HZ = {
    32000: "32k", 44100: "44.1k", 48000: "48k", 88200: "88.2k", 96000: "96k", 192000: "192k",
}  # fmt: skip
_FADES = {"linear": "linear", "exp": "easeIn", "log": "easeOut", "s": "easeInOut"}


def seconds(frame: int, rate: Fraction) -> str:
    """Time of a frame the way FCPXML writes it, always a whole number of frame durations."""
    if frame == 0:
        return "0s"
    scale = 100 if rate.denominator == 1 else 1
    return f"{frame * rate.denominator * scale}/{rate.numerator * scale}s"


def write(edit: Edit, place: Place) -> Written:
    """The edit as FCPXML; *place* says how files are named."""
    writer = _Writer(edit, place)
    text = ET.tostring(writer.document(), encoding="unicode")
    head = '<?xml version="1.0" encoding="UTF-8"?>\n<!DOCTYPE fcpxml>\n'
    return Written(".fcpxml", f"{head}{text}\n", tuple(writer.lost()))


class _Writer:
    def __init__(self, edit: Edit, place: Place) -> None:
        self.edit = edit
        self.place = place
        self.resources = ET.Element("resources")
        self.assets: dict[Path, str] = {}
        self.formats: dict[tuple[Fraction, tuple[int, int] | None, bool], str] = {}
        self.styles = 0

    def document(self) -> ET.Element:
        """The whole file."""
        edit, cut = self.edit, self.edit.cut
        root = ET.Element("fcpxml", version=VERSION)
        root.append(self.resources)
        form = self._format(cut.rate, cut.size)
        for medium in edit.media:
            self._asset(medium)
        event = ET.SubElement(ET.SubElement(root, "library"), "event", name=edit.title)
        project = ET.SubElement(event, "project", name=edit.title)
        sequence = ET.SubElement(
            project,
            "sequence",
            format=form,
            duration=self._s(cut.frames),
            tcStart=self._s(edit.start.frame),
            tcFormat=self._tc(),
            audioLayout=_LAYOUTS[cut.layout],
            audioRate=_HZ.get(cut.hz, "48k"),
        )
        if cut.notes:
            ET.SubElement(sequence, "note").text = "\n".join(cut.notes)
        self._spine(ET.SubElement(sequence, "spine"))
        ET.indent(root, " ")
        for words in root.iter("text"):  # whitespace in it would be shown
            words.text = words[0].tail = None
        return root

    def lost(self) -> Iterator[str]:
        """What can't be said in this format."""
        edit = self.edit
        for shot in edit.shots:
            t = shot.transition
            if t and t.name != "dissolve":
                yield f"{shot.name}: its {t.name} is written as a cross dissolve"
            if t and t.before_frames != t.after_frames:
                yield (
                    f"{shot.name}: its {t.name} has {t.before_frames} frames before the cut and "
                    f"{t.after_frames} after it; Final Cut Pro centres transitions"
                )
        yield from lost_pictures(edit, shapes=True, stretch=True, chapters=True)
        yield from lost_sounds(edit, pan=True)

    def _s(self, frame: int) -> str:
        return seconds(frame, self.edit.rate)

    def _tc(self) -> str:
        return "DF" if self.edit.start.drop else "NDF"

    def _resource(self, tag: str, **attributes: str) -> str:
        name = f"r{len(self.resources) + 1}"
        ET.SubElement(self.resources, tag, {"id": name, **attributes})
        return name

    def _format(self, rate: Fraction, size: tuple[int, int] | None, still: bool = False) -> str:
        key = (rate, size, still)
        if key not in self.formats:
            more = (
                {"name": "FFVideoFormatRateUndefined"}
                if still
                else {"frameDuration": seconds(1, rate)}
            )
            if size:
                more |= {"width": str(size[0]), "height": str(size[1])}
            self.formats[key] = self._resource("format", **more, colorSpace="1-1-1 (Rec. 709)")
        return self.formats[key]

    def _asset(self, medium: Medium) -> None:
        more = {"start": self._s(medium.start), "duration": self._s(medium.frames)}
        if medium.still:
            more = {"start": "0s", "duration": "0s"}
        if medium.size:
            form = self._format(medium.rate, medium.size, medium.still)
            more |= {"hasVideo": "1", "format": form, "videoSources": "1"}
        if medium.channels:
            more |= {
                "hasAudio": "1",
                "audioSources": "1",
                "audioChannels": str(medium.channels),
                "audioRate": str(medium.hz),
            }
        name = self._resource("asset", name=medium.name, **more)
        self.assets[medium.path] = name
        asset = self.resources[-1]
        src = as_url(self.place(medium.path))
        ET.SubElement(asset, "media-rep", kind="original-media", src=src)
        reel = ET.SubElement(asset, "metadata")
        ET.SubElement(reel, "md", key="com.apple.proapps.studio.reel", value=medium.reel)

    def _effect(self, name: str, uid: str) -> str:
        known = self.resources.find(f"effect[@uid='{uid}']")
        return (
            known.get("id", "")
            if known is not None
            else self._resource("effect", name=name, uid=uid)
        )

    def _spine(self, spine: ET.Element) -> None:
        edit = self.edit
        over: list[Laid | Worded | Heard] = [*edit.laid, *edit.worded, *edit.heard]
        for n, shot in enumerate(edit.shots):
            if shot.transition:
                spine.append(self._transition(shot, shot.transition))
            clip = self._shot(shot)
            last = n == len(edit.shots) - 1
            for thing in over:
                if _begins_in(thing.record, shot.record, first=n == 0, last=last):
                    clip.append(self._connected(thing, shot))
            clip.extend(self._markers(shot))
            spine.append(clip)

    def _clip(
        self,
        tag: str,
        medium: Medium,
        name: str,
        record: FrameRange,
        source_in: int,
    ) -> ET.Element:
        more: dict[str, str] = {} if medium.still else {"tcFormat": self._tc()}
        if tag == "asset-clip" and medium.size:
            more["format"] = self._format(medium.rate, medium.size, medium.still)
        said = {
            "ref": self.assets[medium.path],
            "name": name,
            "start": self._s(medium.start + source_in),
            "duration": self._s(record.frames),
        }
        return ET.Element(tag, said | more)

    def _shot(self, shot: Shot) -> ET.Element:
        medium, clip = shot.medium, shot.clip
        tag = "video" if medium.still else "asset-clip"
        made = self._clip(tag, medium, shot.name, shot.record, shot.seen().start)
        made.set("offset", self._s(self.edit.start.frame + shot.record.start))
        if not medium.still:
            made.set("srcEnable", "video")
        said = seam_note(shot, self.edit)
        if said:
            ET.SubElement(made, "note").text = said
        if clip.fit in ("cover", "contain"):
            how = "fill" if clip.fit == "cover" else "fit"
            ET.SubElement(made, "adjust-conform", type=how)
        return made

    def _transition(self, shot: Shot, transition: Transition) -> ET.Element:
        begin = self.edit.start.frame + shot.record.start - transition.before_frames
        made = ET.Element(
            "transition",
            name="Cross Dissolve",
            offset=self._s(begin),
            duration=self._s(transition.frames),
        )
        ref = self._effect("Cross Dissolve", DISSOLVE)
        ET.SubElement(made, "filter-video", ref=ref, name="Cross Dissolve")
        told = f"{transition.name} {transition.before_frames} {transition.after_frames}"
        data = ET.SubElement(made, "metadata")
        ET.SubElement(data, "md", key=TRANSITION_KEY, value=told)
        return made

    def _connected(self, thing: Laid | Worded | Heard, shot: Shot) -> ET.Element:
        """What lies over or under the row hangs on the shot in which it begins."""
        match thing:
            case Laid():
                made, lane = self._laid(thing), thing.lane
            case Worded():
                made, lane = self._title(thing), thing.lane
            case Heard():
                made, lane = self._sound(thing), -thing.lane
        inside = thing.record.start - shot.record.start
        made.set("lane", str(lane))
        made.set("offset", self._s(shot.medium.start + shot.seen().start + inside))
        return made

    def _laid(self, laid: Laid) -> ET.Element:
        medium = laid.medium
        tag = "video" if medium.still else "asset-clip"
        made = self._clip(tag, medium, laid.name, laid.record, laid.seen().start)
        if not medium.still:
            made.set("srcEnable", "video")
        position, scale = _transform(laid, self.edit.cut.size)
        ET.SubElement(made, "adjust-conform", type="fit")
        ET.SubElement(made, "adjust-transform", position=position, scale=scale)
        return made

    def _title(self, worded: Worded) -> ET.Element:
        title = worded.title
        made = ET.Element(
            "title",
            ref=self._effect("Basic Title", BASIC_TITLE),
            name=title.id,
            start="0s",
            duration=self._s(title.record.frames),
        )
        self.styles += 1
        style = f"ts{self.styles}"
        text = ET.SubElement(made, "text")
        ET.SubElement(text, "text-style", ref=style).text = title.text
        definition = ET.SubElement(made, "text-style-def", id=style)
        ET.SubElement(
            definition, "text-style", font="Helvetica", fontSize="60", fontColor="1 1 1 1",
            alignment="center",
        )  # fmt: skip
        ET.SubElement(made, "note").text = f"style {title.style}"
        return made

    def _sound(self, heard: Heard) -> ET.Element:
        sound = heard.sound
        made = self._clip("asset-clip", heard.medium, heard.name, heard.record, heard.source_in)
        made.set("srcEnable", "audio")
        made.set("audioRole", _ROLES[sound.role])
        said = sounding(sound)
        if said:
            ET.SubElement(made, "note").text = said
        volume = ET.SubElement(made, "adjust-volume", amount=f"{sound.gain_db:g}dB")
        if heard.fade_in or heard.fade_out or sound.points:
            param = ET.SubElement(volume, "param", name="amount")
            self._fade(param, "fadeIn", heard.fade_in, sound.fade_in_curve)
            self._fade(param, "fadeOut", heard.fade_out, sound.fade_out_curve)
            self._keys(param, heard)
        return made

    def _fade(self, param: ET.Element, tag: str, frames: int, curve: str) -> None:
        if frames:
            kind = _FADES.get(curve, "easeOut" if tag == "fadeIn" else "easeIn")
            ET.SubElement(param, tag, type=kind, duration=self._s(frames))

    def _keys(self, param: ET.Element, heard: Heard) -> None:
        sound, cut = heard.sound, self.edit.cut
        if not sound.points:
            return
        animation = ET.SubElement(param, "keyframeAnimation")
        for point in sound.points:
            frame = frames_in(Fraction(sound.record.start + point.at, cut.hz), cut.rate)
            inside = heard.source_in + frame - heard.record.start
            ET.SubElement(
                animation,
                "keyframe",
                time=self._s(heard.medium.start + inside),
                value=f"{sound.gain_db + point.gain_db:g}dB",
                curve="linear",
            )

    def _markers(self, shot: Shot) -> Iterator[ET.Element]:
        begin = shot.medium.start + shot.seen().start
        if shot.seam:
            yield self._marker(begin, f"{SEAM}{shot.seam.seam}", seam_note(shot, self.edit))
        for marker in self.edit.cut.markers:
            if shot.record.start <= marker.frame < shot.record.stop:
                at = begin + marker.frame - shot.record.start
                yield self._marker(at, marker.name, marker.note)
        for chapter in self.edit.cut.chapters:
            if shot.record.start <= chapter.frame < shot.record.stop:
                at = begin + chapter.frame - shot.record.start
                yield self._marker(at, chapter.name, chapter.note, tag="chapter-marker")

    def _marker(self, frame: int, value: str, note: str, tag: str = "marker") -> ET.Element:
        made = ET.Element(tag, start=self._s(frame), duration=self._s(1), value=value)
        if note:
            made.set("note", note)
        return made


def _begins_in(record: FrameRange, shot: FrameRange, *, first: bool, last: bool) -> bool:
    if first and record.start < shot.start:
        return True
    return shot.start <= record.start and (last or record.start < shot.stop)


def _transform(laid: Laid, canvas: tuple[int, int]) -> tuple[str, str]:
    """Position in percent of the canvas height from its centre, upwards; scale of the fitted."""
    x, y, width, height = laid.layer.box
    across, down = laid.medium.size or canvas
    fitted = min(Fraction(canvas[0], across), Fraction(canvas[1], down))
    to_right = Fraction(2 * x + width - canvas[0], 2) / canvas[1] * 100
    upwards = Fraction(canvas[1] - 2 * y - height, 2) / canvas[1] * 100
    scales = Fraction(width) / (across * fitted), Fraction(height) / (down * fitted)
    return (
        f"{float(to_right):.6g} {float(upwards):.6g}",
        f"{float(scales[0]):.6g} {float(scales[1]):.6g}",
    )
