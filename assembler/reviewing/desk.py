"""
What a person does while looking at a film: each verb changes one thing, and can be taken back.

    desk = Desk(Path("film.yaml"))
    desk.nudge("dawn.1>dawn.2", revision=desk.view().revision, cut=-2)
    desk.undo()

Seams are changed in the timeline's text, takes are chosen in the ledger. Nothing is spent here.
"""

from __future__ import annotations

import threading
from codecs import BOM_UTF8 as BOM
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from assembler.assemble import choosing
from assembler.assemble.choosing import Chosen
from assembler.assemble.ranking import RankedTakes, rank_takes
from assembler.assemble.takes import TakeFacts, takes_of
from assembler.errors import UsageError
from assembler.planning.ledger import Ledger, chosen_takes
from assembler.planning.model import FileClip
from assembler.planning.project import Project
from assembler.reviewing.edits import CantEditError, Value, put, set_seam
from assembler.reviewing.files import beside, changed, file_of, one_writer, write_text
from assembler.reviewing.history import Choice, History, Step, TextChange
from assembler.reviewing.said import (
    all_but,
    by_hand,
    check_removable,
    check_said,
    index_of,
    own_word,
    place_of,
)
from assembler.reviewing.view import Place, View
from assembler.spec.problems import at

CORRECTIONS: Mapping[str, tuple[str, ...]] = {
    "colour": ("hold", "release", "glide", "off"),
    "geometry": ("on", "off"),
    "sharpness": ("on", "off"),
    "patch": ("auto", "off"),
}
"""What can be said of a seam's corrections."""


@dataclass(frozen=True, slots=True)
class Done:
    """What a verb has done."""

    words: str
    chosen: Chosen | None = None

    def data(self) -> dict[str, Any]:
        """For JSON."""
        return {"done": self.words} | ({"chosen": self.chosen.data()} if self.chosen else {})


class Desk:
    """A timeline that is looked at and changed; safe to use from several threads."""

    def __init__(self, timeline: Path, *, draft: bool = False, provider: str | None = None) -> None:
        self.timeline = Path(timeline)
        """As it was given: messages name it like this."""
        self.project = Project(self.timeline.absolute())
        self.draft = draft
        self.provider = provider
        self.history = History(self.project)
        self._lock = threading.RLock()
        self._view: View | None = None

    # -- looking ---------------------------------------------------------------------------

    def view(self, *, measured: bool = False) -> View:
        """
        The timeline as it stands on disk now.

        Args:
            measured: Whether seams have to be decided for just this timeline.

        Raises:
            AssemblerError: As `plan` would.
        """
        with self._lock:
            seen = self._view
            if seen is None or not self._same(seen) or (measured and not seen.measured):
                seen = self._view = self._look()
            return seen

    def _look(self, **how: Any) -> View:
        return View.of(self.timeline, draft=self.draft, provider=self.provider, **how)

    def _same(self, seen: View) -> bool:
        """Whether files, choices and takes are as they were."""
        try:
            texts = all(path.read_bytes() == text for path, text in seen.texts.items())
        except OSError:
            return False
        shelf = seen.prepared.shelf
        missing = any(step.state != "done" for step in seen.prepared.plan.all_steps)
        others = beside(seen.loaded, self.project) == seen.others
        chosen = chosen_takes(self.project.ledger) == shelf.chosen
        return texts and others and chosen and not missing

    def takes(self, seen: View | None = None) -> Mapping[str, tuple[TakeFacts, ...]]:
        """Takes of every link, as *seen* or as they stand; of drafts there is nothing to choose."""
        if self.draft:
            return {}
        return {one.link: one.takes for one in takes_of((seen or self.view()).prepared)}

    def compare(self, link: str) -> RankedTakes:
        """Takes of a link, the one that fits best first."""
        return rank_takes(self.timeline, link)

    # -- seams -----------------------------------------------------------------------------

    def nudge(
        self, seam: str, *, revision: str, cut: int = 0, end: int = 0, begin: int = 0
    ) -> Done:
        """
        Move a seam by frames.

        Args:
            seam: Its id.
            revision: Of the view that was looked at.
            cut: Both sides move, so that what is shown before and after stays together.
            end: The clip before ends so much later.
            begin: The clip after begins so many of its frames later.

        Raises:
            ChangedError: If something has changed since.
            UsageError: If the clips don't have these frames.
        """
        with self._writing(revision) as seen:
            place = place_of(seen, seam)
            keep, start = place.keep + cut + end, place.start + cut + begin
            if not 1 <= keep <= place.most:
                what = f"{seam}: the clip before can be kept until frame 1 to {place.most}"
                raise UsageError(what)
            if not 0 <= start <= place.last:
                what = f"{seam}: the clip after can start from frame 0 to {place.last}"
                raise UsageError(what)
            words = f"{seam}: until frame {keep}, from frame {start}"
            return self._say(seen, place, {"keep_until": keep, "start_from": start}, words)

    def correct(self, seam: str, kind: str, word: str | None, *, revision: str) -> Done:
        """
        Say how a seam is corrected, or turn a kind of correction off.

        Args:
            seam: Its id.
            kind: One of `CORRECTIONS`.
            word: What the timeline can say of it; None leaves it to the engine again.
            revision: Of the view that was looked at.

        Raises:
            ChangedError: If something has changed since.
            UsageError: If there is no such seam, kind or word.
        """
        allowed = CORRECTIONS.get(kind, ())
        if word is not None and word not in allowed:
            known = ", ".join(allowed) or f"one of {', '.join(CORRECTIONS)}"
            raise UsageError(f"there is no `{kind}: {word}` of a seam", fix=f"say {known}.")
        with self._writing(revision) as seen:
            place = place_of(seen, seam)
            words = f"{seam}: {kind} {word or 'as the engine decides'}"
            return self._say(seen, place, {kind: word}, words)

    def reset(self, seam: str, *, revision: str) -> Done:
        """
        Take back all that the timeline says of a seam.

        Raises:
            ChangedError: If something has changed since.
            UsageError: If there is no such seam, or it is spoken of together with others.
        """
        with self._writing(revision) as seen:
            place = place_of(seen, seam)
            own = own_word(seen, place)
            if own is None or not own.model_fields_set:
                raise UsageError(f"{seam}: the timeline says nothing of it alone")
            words = dict.fromkeys(sorted(own.model_fields_set))
            return self._say(seen, place, words, f"{seam}: as the engine decides")

    # -- cuts ------------------------------------------------------------------------------

    def trim(self, segment: str, *, revision: str, head: int = 0, tail: int = 0) -> Done:
        """
        Let footage begin or end so many of its frames later; the programme follows.

        Raises:
            ChangedError: If something has changed since.
            UsageError: If it is no footage whose time runs as it was taken.
            SpecError: If its file hasn't these frames.
        """
        with self._writing(revision) as seen:
            clip = seen.footage.get(segment)
            if clip is None:
                raise UsageError(f"{segment} is no footage that can be trimmed here")
            first, stop = clip.in_frame + head, clip.out_frame + tail
            if not 0 <= first < stop:
                raise UsageError(f"{segment}: nothing is left between frame {first} and {stop}")
            path, text = self._trimmed(seen, clip, first, stop)
            new = self._look(instead={path: text}, decided=seen.decisions)
            found = new.footage.get(segment)
            others = all_but(seen, segment) == all_but(new, segment)
            if not others or found is None or (found.in_frame, found.out_frame) != (first, stop):
                raise UsageError(f"{segment} can't be trimmed by its own `in` and `out` alone")
            words = f"{segment}: from frame {first}, until frame {stop}"
            if seen.cut and not new.cut:
                words += "; clips that go on from it have to be made anew"
            self.history.add(Step(words, (self._written(seen, path, text),)))
            self._view = new
            return Done(words)

    def _trimmed(self, seen: View, clip: FileClip, first: int, stop: int) -> tuple[Path, bytes]:
        """The text with the frames written where the author has written them."""
        segment = seen.loaded.timeline.segment(clip.segment)
        by_length = segment.duration is not None and segment.out is None
        words: dict[str, Value] = {}
        if first != clip.in_frame:
            words["in"] = f"{first}f"
        if by_length and stop - first != clip.out_frame - clip.in_frame:
            words["duration"] = f"{stop - first}f"
        elif not by_length and stop != clip.out_frame:
            words["out"] = f"{stop}f"

        def said(text: str, place: tuple[int, int]) -> str:
            for key, value in words.items():
                text = put(text, place, (key,), value)
            return text

        try:
            return self._changed_text(seen, clip.segment, said)
        except CantEditError as exc:
            where = seen.loaded.where("segments", index_of(seen, clip.segment))
            fix = f"write it there by hand: {', '.join(f'`{k}: {v}`' for k, v in words.items())}."
            what = f"segment {clip.segment} isn't changed here: {exc}"
            raise UsageError(what, where, fix) from exc

    # -- the text --------------------------------------------------------------------------

    def _say(self, seen: View, place: Place, words: Mapping[str, Value], told: str) -> Done:
        """Write words on a seam into the timeline, if they do what they should."""
        check_removable(seen, place, words)
        path, text = self._edited(seen, place, words)
        new = self._look(instead={path: text}, decided=seen.decisions)
        check_said(seen, new, place, words)
        self.history.add(Step(told, (self._written(seen, path, text),)))
        self._view = new
        return Done(told)

    def _edited(self, seen: View, place: Place, words: Mapping[str, Value]) -> tuple[Path, bytes]:
        def said(text: str, at_: tuple[int, int]) -> str:
            return set_seam(text, at_, place.link, words)

        try:
            return self._changed_text(seen, place.segment, said)
        except CantEditError as exc:
            raise by_hand(seen, place, words, str(exc)) from exc

    def _changed_text(
        self, seen: View, segment: str, said: Callable[[str, tuple[int, int]], str]
    ) -> tuple[Path, bytes]:
        """The file that a segment is written in, and its new text."""
        node = at(seen.loaded.marks, ("segments", index_of(seen, segment)))
        path = node.source.path
        raw = seen.texts[path]
        mark = BOM if raw.startswith(BOM) else b""
        text = raw.removeprefix(BOM).decode()
        return path, mark + said(text, (node.line, node.column)).encode()

    def _written(self, seen: View, path: Path, text: bytes) -> TextChange:
        return write_text(self.project, path, seen.texts[path], text)

    # -- takes -----------------------------------------------------------------------------

    def choose(self, link: str, number: int, *, revision: str, keep_later: bool = False) -> Done:
        """
        Use another take of a link; what comes after may be kept as it is.

        Raises:
            ChangedError: If something has changed since.
            UsageError: If there is no such take.
        """
        with self._choosing(revision, f"{link}: take {number}") as words:
            made = choosing.choose(
                self.timeline, link, number, keep_later=keep_later, provider=self.provider
            )
            return Done(words, made)

    def reroll(self, link: str, *, revision: str, keep_later: bool = False) -> Done:
        """
        Ask for a new take of a link, which the next render makes; nothing is spent here.

        Raises:
            ChangedError: If something has changed since.
            UsageError: If there is no such link.
        """
        with self._choosing(revision, f"{link}: a new take is asked for") as words:
            made = choosing.reroll(
                self.timeline, link, keep_later=keep_later, provider=self.provider
            )
            return Done(words, made)

    @contextmanager
    def _choosing(self, revision: str, words: str) -> Iterator[str]:
        with self._writing(revision):
            before = chosen_takes(self.project.ledger)
            yield words
            after = chosen_takes(self.project.ledger)
            moved = [
                Choice(key, before.get(key, 1), number)
                for key, number in after.items()
                if number != before.get(key, 1)
            ]
            if moved:
                self.history.add(Step(words, choices=tuple(moved)))
            self._view = None

    # -- taking back -----------------------------------------------------------------------

    def undo(self) -> Done:
        """
        Take back the last step, if nothing has changed since where it had changed something.

        Raises:
            UsageError: If there is none.
            ChangedError: If its files or choices were changed since.
        """
        with self._lock, one_writer(self.project):
            steps = self.history.steps()
            if not steps:
                raise UsageError("there is nothing to take back")
            step = steps[-1]
            texts = [self._undone(change) for change in step.texts]
            self._check_choices(step)
            for path, before, after in texts:
                write_text(self.project, path, before, after)
            self._choose_again(step)
            self.history.drop_last()
            self._view = None
            return Done(f"taken back: {step.words}")

    def _undone(self, change: TextChange) -> tuple[Path, bytes, bytes]:
        path = file_of(self.project, change.file)
        text = path.read_bytes()
        old = change.undone(text)
        if old is None:
            raise changed(path)
        return path, text, old

    def _check_choices(self, step: Step) -> None:
        now = chosen_takes(self.project.ledger)
        if any(now.get(choice.key, 1) != choice.after for choice in step.choices):
            raise UsageError(
                f"another take was chosen since: {step.words}",
                fix="`assembler takes choose` chooses any of them.",
            )

    def _choose_again(self, step: Step) -> None:
        if step.choices:
            with Ledger(self.project.ledger, timeline=self.project.timeline.name) as ledger:
                for choice in step.choices:
                    ledger.choose(choice.key, choice.before)

    @contextmanager
    def _writing(self, revision: str) -> Iterator[View]:
        """The view that a person has looked at, nobody else writing."""
        if self.draft:
            what = "a draft's clips stand for others, so that nothing is changed by them"
            raise UsageError(what, fix="review the film itself: leave --draft out.")
        with self._lock, one_writer(self.project):
            seen = self.view()
            if seen.revision != revision:
                raise changed(self.project.timeline)
            yield seen
