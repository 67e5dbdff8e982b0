"""What a render would do is said before it does it."""

from __future__ import annotations

from assembler.rendering.encode import SpanJob
from assembler.rendering.explain import explain
from assembler.rendering.render import render
from assembler.rendering.spans import spans_of
from assembler.spec.presets import delivery_preset
from tests.rendering.conftest import clip, cut_of


def test_every_span_says_what_it_needs_and_why(sources, tmp_path, spans):
    """New, ready, damaged, and copied ones."""
    a, b = sources
    lossless = delivery_preset("lossless")
    cut = cut_of(clip(a, 0, 20), clip(b, 20, 40))
    before = [row.state for row in explain(cut, lossless, spans)]
    render(cut, lossless, tmp_path / "o.mkv", sound=None, spans=spans)
    SpanJob(spans_of(cut, lossless)[1], spans).path.write_bytes(b"x")
    after = [(row.state, row.why) for row in explain(cut, lossless, spans)]
    copied = [row.state for row in explain(cut, delivery_preset("match-source"), spans)]
    assert before == ["encode", "encode"]
    assert after == [
        ("ready", "rendered before"), ("encode", "its file is damaged or gone"),
    ]  # fmt: skip
    assert copied == ["copy", "copy"]
