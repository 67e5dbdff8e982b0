"""
Final Cut Pro 7 XML (xmeml 5), which Premiere Pro and Resolve read and write.

    text = write(edit, place).text
    found = read(text)

Read through OTIO's adapter. Written by hand: the adapter makes every transition a cross dissolve of
no known alignment, writes no levels, fades or second channels, version 4, and turns a clip that is
the same as one before into an empty reference, which is then lost.
"""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Iterator, Sequence
from fractions import Fraction
from math import log10
from pathlib import Path
from typing import Any

from assembler.cut.model import Transition
from assembler.errors import MediaError
from assembler.exporting.edit import Edit, Heard, Laid, Medium, Shot, Worded, Written
from assembler.exporting.found import Found
from assembler.exporting.notes import SEAM, lost_pictures, lost_sounds, seam_note
from assembler.exporting.otio import OURS, Levels, found_of, lanes_of, library
from assembler.exporting.places import Place, as_url
from assembler.timebase import FrameRange, parse_rate

VERSION = "5"
TICKS = 254_016_000_000
"""Premiere's clock: ticks a second, a whole number of them in every frame of every rate."""

_EFFECTS = {
    "dissolve": ("Cross Dissolve", "Dissolve"),
    "fade-black": ("Dip to Color Dissolve", "Dissolve"),
    "fade-white": ("Dip to Color Dissolve", "Dissolve"),
    "dip": ("Dip to Color Dissolve", "Dissolve"),
    "wipe-left": ("Edge Wipe", "Wipe"),
    "wipe-right": ("Edge Wipe", "Wipe"),
    "wipe-up": ("Edge Wipe", "Wipe"),
    "wipe-down": ("Edge Wipe", "Wipe"),
}
"""Final Cut Pro 7's transitions by ours, with their category; all others become a dissolve."""


def write(edit: Edit, place: Place) -> Written:
    """The edit as FCP 7 XML; *place* says how files are named."""
    writer = _Writer(edit, place)
    text = ET.tostring(writer.document(), encoding="unicode")
    head = '<?xml version="1.0" encoding="UTF-8"?>\n<!DOCTYPE xmeml>\n'
    return Written(".xml", f"{head}{text}\n", tuple(writer.lost()))


def _text(parent: ET.Element, tag: str, text: object) -> ET.Element:
    made = ET.SubElement(parent, tag)
    made.text = str(text)
    return made


def _rate(parent: ET.Element, rate: Fraction) -> None:
    made = ET.SubElement(parent, "rate")
    _text(made, "timebase", round(rate))
    _text(made, "ntsc", "TRUE" if rate.denominator == 1001 else "FALSE")


class _Writer:
    def __init__(self, edit: Edit, place: Place) -> None:
        self.edit = edit
        self.place = place
        self.files: dict[Path, str] = {}
        self.items = 0

    def document(self) -> ET.Element:
        """The whole file."""
        edit, cut = self.edit, self.edit.cut
        root = ET.Element("xmeml", version=VERSION)
        sequence = ET.SubElement(root, "sequence", id="sequence-1")
        _text(sequence, "name", edit.title)
        _text(sequence, "duration", cut.frames)
        _rate(sequence, cut.rate)
        self._timecode(sequence, edit.start.frame)
        media = ET.SubElement(sequence, "media")
        self._video(ET.SubElement(media, "video"))
        self._audio(ET.SubElement(media, "audio"))
        for marker in cut.markers:
            self._marker(sequence, marker.frame, marker.name, marker.note)
        ET.indent(root, " ")
        return root

    def lost(self) -> Iterator[str]:
        """What can't be said in this format."""
        rate = self.edit.rate
        if rate.denominator not in (1, 1001):
            yield f"its {float(rate):g} frames a second; the file says {round(rate)}"
        for shot in self.edit.shots:
            name = shot.transition.name if shot.transition else "dissolve"
            if name != "dissolve":
                effect = _EFFECTS.get(name, ("Cross Dissolve", ""))[0]
                yield f"{shot.name}: its {name} is written as {effect}"
        yield from lost_pictures(self.edit, shapes=True, stretch=True)
        yield from lost_sounds(self.edit, points=True)

    def _timecode(self, parent: ET.Element, frame: int, reel: str = "") -> None:
        drop = self.edit.start.drop
        made = ET.SubElement(parent, "timecode")
        _rate(made, self.edit.rate)
        _text(made, "string", self.edit.label(frame))
        _text(made, "frame", frame)
        _text(made, "displayformat", "DF" if drop else "NDF")
        if reel:
            _text(ET.SubElement(made, "reel"), "name", reel)

    def _marker(self, parent: ET.Element, frame: int, name: str, note: str) -> None:
        made = ET.SubElement(parent, "marker")
        _text(made, "name", name)
        _text(made, "comment", note)
        _text(made, "in", frame)
        _text(made, "out", -1)

    def _video(self, video: ET.Element) -> None:
        edit = self.edit
        form = ET.SubElement(ET.SubElement(video, "format"), "samplecharacteristics")
        _rate(form, edit.rate)
        _text(form, "width", edit.cut.size[0])
        _text(form, "height", edit.cut.size[1])
        _text(form, "pixelaspectratio", "square")
        _text(form, "fielddominance", "none")
        track = ET.SubElement(video, "track")
        for n, shot in enumerate(edit.shots):
            after = edit.shots[n + 1].transition if n + 1 < len(edit.shots) else None
            if shot.transition:
                track.append(self._transition(shot.transition, shot.record.start))
            track.append(self._shot(shot, after))
        over: list[Laid | Worded | Heard] = [*edit.laid, *edit.worded]
        for _, _, things in lanes_of("V", over):
            track = ET.SubElement(video, "track")
            for thing in things:
                match thing:
                    case Laid():
                        track.append(self._laid(thing))
                    case Worded():
                        track.append(self._title(thing))

    def _transition(self, transition: Transition, cut: int) -> ET.Element:
        made = ET.Element("transitionitem")
        _rate(made, self.edit.rate)
        _text(made, "start", cut - transition.before_frames)
        _text(made, "end", cut + transition.after_frames)
        _text(made, "alignment", _alignment(transition))
        ticks = transition.before_frames * TICKS / self.edit.rate
        _text(made, "cutPointTicks", int(ticks))
        name, category = _EFFECTS.get(transition.name, _EFFECTS["dissolve"])
        effect = ET.SubElement(made, "effect")
        _text(effect, "name", name)
        _text(effect, "effectid", name)
        _text(effect, "effectcategory", category)
        _text(effect, "effecttype", "transition")
        _text(effect, "mediatype", "video")
        comments = ET.SubElement(made, "comments")
        numbers = f"{transition.before_frames} {transition.after_frames}"
        _text(comments, "mastercomment1", f"{OURS} {transition.name} {numbers}")
        return made

    def _item(
        self,
        tag: str,
        name: str,
        record: FrameRange,
        seen: FrameRange,
        medium: Medium | None,
        around: tuple[Transition | None, Transition | None] = (None, None),
    ) -> ET.Element:
        """A clip item; where it meets a transition, *seen* has the transition's frames in it."""
        before, after = around
        self.items += 1
        made = ET.Element(tag, id=f"{tag}-{self.items}")
        _text(made, "name", name)
        _text(made, "enabled", "TRUE")
        _text(made, "duration", medium.frames if medium else record.frames)
        _rate(made, self.edit.rate)
        _text(made, "start", -1 if before else record.start)
        _text(made, "end", -1 if after else record.stop)
        _text(made, "in", seen.start)
        _text(made, "out", seen.stop)
        if medium:
            self._file(made, medium)
        return made

    def _file(self, parent: ET.Element, medium: Medium) -> None:
        known = self.files.get(medium.path)
        if known:
            ET.SubElement(parent, "file", id=known)
            return
        name = self.files[medium.path] = f"file-{len(self.files) + 1}"
        made = ET.SubElement(parent, "file", id=name)
        _text(made, "name", Path(self.place(medium.path)).name)
        url = as_url(self.place(medium.path))
        _text(made, "pathurl", url.replace("file:///", "file://localhost/", 1))
        _rate(made, self.edit.rate)
        _text(made, "duration", medium.frames)
        self._timecode(made, medium.start, medium.reel)
        media = ET.SubElement(made, "media")
        if medium.size:
            form = ET.SubElement(ET.SubElement(media, "video"), "samplecharacteristics")
            _rate(form, medium.rate)
            _text(form, "width", medium.size[0])
            _text(form, "height", medium.size[1])
        if medium.channels:
            audio = ET.SubElement(media, "audio")
            form = ET.SubElement(audio, "samplecharacteristics")
            _text(form, "depth", 16)
            _text(form, "samplerate", medium.hz)
            _text(audio, "channelcount", medium.channels)

    def _shot(self, shot: Shot, after: Transition | None) -> ET.Element:
        around = (shot.transition, after)
        before = shot.transition.before_frames if shot.transition else 0
        seen = shot.seen(before, after.after_frames if after else 0)
        made = self._item("clipitem", shot.name, shot.record, seen, shot.medium, around)
        said = seam_note(shot, self.edit)
        if said:
            begin = shot.seen().start
            name = f"{SEAM}{shot.seam.seam}" if shot.seam else f"{SEAM}{shot.name}"
            self._marker(made, begin, name, said)
            _text(ET.SubElement(made, "logginginfo"), "lognote", said)
        return made

    def _laid(self, laid: Laid) -> ET.Element:
        made = self._item("clipitem", laid.name, laid.record, laid.seen(), laid.medium)
        x, y, width, height = laid.layer.box
        canvas = self.edit.cut.size
        own = laid.medium.size or canvas
        effect = self._filter(made, "Basic Motion", "basic", "motion", "video")
        self._parameter(effect, "scale", "Scale", f"{100 * width / own[0]:.6g}")
        centre = ET.SubElement(self._parameter(effect, "center", "Center"), "value")
        _text(centre, "horiz", f"{(x + width / 2 - canvas[0] / 2) / canvas[0]:.6g}")
        _text(centre, "vert", f"{(y + height / 2 - canvas[1] / 2) / canvas[1]:.6g}")
        return made

    def _title(self, worded: Worded) -> ET.Element:
        title = worded.title
        made = self._item(
            "generatoritem", title.id, title.record, FrameRange(0, title.record.frames), None
        )
        effect = ET.SubElement(made, "effect")
        _text(effect, "name", "Text")
        _text(effect, "effectid", "Text")
        _text(effect, "effectcategory", "Text")
        _text(effect, "effecttype", "generator")
        _text(effect, "mediatype", "video")
        self._parameter(effect, "str", "Text", title.text)
        return made

    def _filter(self, item: ET.Element, name: str, ident: str, kind: str, media: str) -> ET.Element:
        effect = ET.SubElement(ET.SubElement(item, "filter"), "effect")
        _text(effect, "name", name)
        _text(effect, "effectid", ident)
        _text(effect, "effectcategory", kind)
        _text(effect, "effecttype", kind)
        _text(effect, "mediatype", media)
        return effect

    def _parameter(
        self, effect: ET.Element, ident: str, name: str, value: str | None = None
    ) -> ET.Element:
        made = ET.SubElement(effect, "parameter")
        _text(made, "parameterid", ident)
        _text(made, "name", name)
        if value is not None:
            _text(made, "value", value)
        return made

    def _audio(self, audio: ET.Element) -> None:
        cut = self.edit.cut
        _text(audio, "numOutputChannels", cut.channels)
        form = ET.SubElement(ET.SubElement(audio, "format"), "samplecharacteristics")
        _text(form, "depth", 16)
        _text(form, "samplerate", cut.hz)
        heard: list[Laid | Worded | Heard] = list(self.edit.heard)
        for _, _, things in lanes_of("A", heard):
            self._lane(audio, [thing for thing in things if isinstance(thing, Heard)])

    def _lane(self, audio: ET.Element, sounds: Sequence[Heard]) -> None:
        """A track, or two that belong together where a file has more than one channel."""
        channels = min(2, max(heard.medium.channels for heard in sounds))
        for channel in range(channels):
            track = ET.SubElement(audio, "track")
            if channels > 1:
                track.set("currentExplodedTrackIndex", str(channel))
                track.set("totalExplodedTrackCount", "2")
                track.set("premiereTrackType", "Stereo")
            for heard in sounds:
                if channel < heard.medium.channels:
                    self._heard(track, heard, channel)

    def _heard(self, track: ET.Element, heard: Heard, channel: int) -> None:
        record, sound = heard.record, heard.sound
        if heard.fade_in:
            track.append(self._fade(record.start, record.start + heard.fade_in, "start-black"))
        made = self._item("clipitem", heard.name, record, heard.seen(), heard.medium)
        effect = self._filter(made, "Audio Levels", "audiolevels", "audiolevels", "audio")
        self._parameter(effect, "level", "Level", f"{10 ** (sound.gain_db / 20):.8g}")
        if sound.pan:
            effect = self._filter(made, "Audio Pan", "audiopan", "audiopan", "audio")
            self._parameter(effect, "pan", "Pan", f"{sound.pan:.6g}")
        source = ET.SubElement(made, "sourcetrack")
        _text(source, "mediatype", "audio")
        _text(source, "trackindex", channel + 1)
        track.append(made)
        if heard.fade_out:
            track.append(self._fade(record.stop - heard.fade_out, record.stop, "end-black"))

    def _fade(self, start: int, stop: int, alignment: str) -> ET.Element:
        made = ET.Element("transitionitem")
        _rate(made, self.edit.rate)
        _text(made, "start", start)
        _text(made, "end", stop)
        _text(made, "alignment", alignment)
        effect = ET.SubElement(made, "effect")
        _text(effect, "name", "Cross Fade (+3dB)")
        _text(effect, "effectid", "KGAudioTransCrossFade3dB")
        _text(effect, "effecttype", "transition")
        _text(effect, "mediatype", "audio")
        return made


def _alignment(transition: Transition) -> str:
    if not transition.before_frames:
        return "start"
    return "center" if transition.after_frames else "end"


def read(text: str, name: str = "") -> Found:
    """
    The sequence in an FCP 7 XML file.

    Raises:
        MediaError: If it is none, or has several.
    """
    package = library()
    try:
        timeline = package.adapters.read_from_string(text, "fcp_xml")
    except (ValueError, TypeError, AttributeError, SyntaxError) as error:  # all that it raises
        raise MediaError(f"is no FCP 7 XML: {error}", name, "export it again") from error
    if not isinstance(timeline, package.schema.Timeline):
        names = ", ".join(one.name for one in timeline)
        raise MediaError(f"has several sequences: {names}", name, "export one of them")
    own = timeline.metadata.get("fcp_xml", {})
    size = own.get("media", {}).get("video", {}).get("format", {}).get("samplecharacteristics", {})
    return found_of(
        timeline,
        rate=_rate_in(own.get("rate", {})),
        levels=_levels,
        size=(int(size["width"]), int(size["height"])) if "width" in size else None,
        cut_point=_cut_point,
    )


def _rate_in(rate: Any) -> Fraction | None:
    if "timebase" not in rate:
        return None
    timebase = int(rate["timebase"])
    ntsc = str(rate.get("ntsc", "FALSE")).upper() == "TRUE"
    return parse_rate(Fraction(timebase * 1000, 1001) if ntsc else timebase)


def _levels(clip: Any) -> Levels:
    gain_db, pan = 0.0, 0.0
    for effect in clip.effects:
        own = effect.metadata.get("fcp_xml", {})
        parameters = own.get("parameter", ())
        values = [parameters] if hasattr(parameters, "keys") else list(parameters)
        value = next((float(v["value"]) for v in values if _is_number(v.get("value"))), None)
        if value is None:
            continue
        if own.get("effectid") == "audiolevels":
            gain_db = round(20 * log10(max(value, 1e-6)), 3)
        elif own.get("effectid") == "audiopan":
            pan = value
    return Levels(gain_db, 0, 0, pan)


def _is_number(value: object) -> bool:
    try:
        float(value)  # type: ignore[arg-type]  # that is the question
    except (TypeError, ValueError):
        return False
    return True


def _cut_point(passage: Any, clip: Any, rate: Fraction) -> tuple[int | None, str]:
    """
    Frames of a transition before its cut, and our name for it.

    Our comment says both, as long as the transition has its length; Premiere says it in ticks.
    """
    own = passage.metadata.get("fcp_xml", {})
    said = str(own.get("comments", {}).get("mastercomment1", "")).split()
    if len(said) == 4 and said[0] == OURS:
        before, after = int(said[2]), int(said[3])
        length = round(passage.duration().value)
        return (before if before + after == length else None), said[1]
    ticks = own.get("cutPointTicks")
    return (round(int(ticks) * rate / TICKS) if ticks else None), ""
