"""Clips that are made by hand: every model is possible, also one that nobody knows."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from assembler.assemble.prepare import plan
from assembler.errors import PlanError, SpecError


def _timeline(folder: Path, text: str) -> Path:
    path = folder / "film.yaml"
    path.write_text(f"assembler: 1\n{text}", encoding="utf-8")
    return path


def test_a_model_that_no_preset_knows_is_planned_like_most_generators(tmp_path: Path) -> None:
    made = plan(_timeline(tmp_path, """
defaults: {provider: manual, model: veo-9}
canvas: {size: 1998x1080, rate: 24}
segments: [{id: s, duration: 25s, prompt: Mist., negative: fog, seed: 7}]
"""))  # fmt: skip
    links = [step.link for step in made.prepared.plan.steps]
    assert [float(link.length_s) for link in links] == [9, 8, 8]
    assert {(link.model, link.provider, link.size) for link in links} == {
        ("veo-9", "manual", (1998, 1080))
    }
    assert [link.price_usd for link in links] == [Decimal(0)] * 3
    assert any(
        note.startswith("veo-9: no preset knows it; links of up to 10 s are planned")
        for note in made.prepared.plan.notes
    )


def test_a_slip_of_the_pen_is_noticed(tmp_path: Path) -> None:
    made = plan(_timeline(tmp_path, """
defaults: {provider: manual, model: kling-3.0}
segments:
  - {id: a, duration: 5s, prompt: Mist.}
  - {id: b, duration: 5s, prompt: Mist., model: kling-30}
"""))  # fmt: skip
    assert any("(did you mean 'kling-3.0'?)" in note for note in made.prepared.plan.notes)


def test_no_model_named_means_any(tmp_path: Path) -> None:
    made = plan(_timeline(tmp_path, "segments: [{id: s, duration: 5s, prompt: Mist.}]\n"),
                provider="manual")  # fmt: skip
    assert [step.link.model for step in made.prepared.plan.steps] == ["any"]


def test_a_known_model_keeps_its_limits_by_hand(tmp_path: Path) -> None:
    """The vendor's own limits, and no price: what is paid elsewhere isn't counted here."""
    text = """
defaults: {provider: manual, model: kling-2.6, audio: off}
segments: [{id: s, duration: 20s, prompt: Mist.}]
"""
    made = plan(_timeline(tmp_path, text))
    links = [step.link for step in made.prepared.plan.steps]
    assert {float(link.length_s) for link in links} <= {5.0, 10.0}
    assert [link.price_usd for link in links] == [Decimal(0)] * len(links)
    with pytest.raises(PlanError, match=r"kling-2\.6 takes no seed"):
        plan(_timeline(tmp_path, text.replace("Mist.}", "Mist., seed: 7}")))


def test_a_model_that_nobody_knows_is_refused_elsewhere(tmp_path: Path) -> None:
    text = "defaults: {provider: kling, model: veo-9}\nsegments: [{id: s, duration: 5s, prompt: A}]"
    with pytest.raises(SpecError, match="no model preset is called 'veo-9'"):
        plan(_timeline(tmp_path, text))


@pytest.mark.parametrize(
    ("segment", "said"),
    [
        ("start: a.png", "mediaio takes images by public address only\n  fix: put the image where"),
        ("continue: first", "an end frame has none\n  fix: take another provider (kling, fal"),
        (
            "start: a.png, options: {image_url: 'https://example.org/a.png'}, duration: 30s",
            "mediaio makes 15 s at most, and can't go on from a frame on this machine",
        ),
    ],
)
def test_local_frames_are_refused_where_only_addresses_are_taken(
    tmp_path: Path, segment: str, said: str
) -> None:
    _picture(tmp_path / "a.png")
    length = "" if "duration" in segment else "duration: 5s, "
    text = f"""
segments:
  - {{id: first, duration: 5s, prompt: Mist., provider: animatic, model: animatic}}
  - {{id: s, {length}prompt: Mist., provider: mediaio, model: kling-3.0, {segment}}}
"""
    with pytest.raises(PlanError) as caught:
        plan(_timeline(tmp_path, text))
    assert said in str(caught.value)


def test_an_address_lets_an_image_be_used_there(tmp_path: Path) -> None:
    _picture(tmp_path / "a.png")
    made = plan(_timeline(tmp_path, """
segments:
  - id: s
    duration: 5s
    prompt: Mist.
    provider: letzai
    model: kling-2.6
    start: a.png
    options: {image_url: 'https://example.org/a.png'}
"""))  # fmt: skip
    assert made.prepared.plan.steps[0].link.kind == "image"


def _picture(path: Path) -> None:
    import numpy as np

    from assembler.media.stills import write_png

    write_png(path, np.full((540, 960, 3), 0.5, np.float32))
