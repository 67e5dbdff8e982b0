"""Transitions by our names, and what ffmpeg's xfade calls them."""

from __future__ import annotations

XFADES = {
    "dissolve": "fade", "dissolve-fast": "fadefast", "dissolve-slow": "fadeslow",
    "grain": "dissolve", "through-grey": "fadegrays", "distance": "distance",
    "wipe-left": "wipeleft", "wipe-right": "wiperight", "wipe-up": "wipeup",
    "wipe-down": "wipedown", "wipe-top-left": "wipetl", "wipe-top-right": "wipetr",
    "wipe-bottom-left": "wipebl", "wipe-bottom-right": "wipebr",
    "slide-left": "slideleft", "slide-right": "slideright", "slide-up": "slideup",
    "slide-down": "slidedown", "smooth-left": "smoothleft", "smooth-right": "smoothright",
    "smooth-up": "smoothup", "smooth-down": "smoothdown",
    "cover-left": "coverleft", "cover-right": "coverright", "cover-up": "coverup",
    "cover-down": "coverdown", "reveal-left": "revealleft", "reveal-right": "revealright",
    "reveal-up": "revealup", "reveal-down": "revealdown",
    "circle-open": "circleopen", "circle-close": "circleclose", "circle-crop": "circlecrop",
    "rect-crop": "rectcrop", "vert-open": "vertopen", "vert-close": "vertclose",
    "horz-open": "horzopen", "horz-close": "horzclose",
    "diag-top-left": "diagtl", "diag-top-right": "diagtr", "diag-bottom-left": "diagbl",
    "diag-bottom-right": "diagbr", "slice-left": "hlslice", "slice-right": "hrslice",
    "slice-up": "vuslice", "slice-down": "vdslice", "wind-left": "hlwind",
    "wind-right": "hrwind", "wind-up": "vuwind", "wind-down": "vdwind",
    "squeeze-horz": "squeezeh", "squeeze-vert": "squeezev", "blur": "hblur",
    "radial": "radial", "pixelize": "pixelize", "zoom-in": "zoomin",
}  # fmt: skip
"""Our transitions by the name of ffmpeg's xfade, all that it has but its own fades to a colour."""

BLACKS = frozenset({"circle-crop", "rect-crop"})
"""Those of them that show black around the picture."""

DIPS = {"fade-black": "#000000", "fade-white": "#ffffff", "dip": "#000000"}
"""Transitions that go through a colour, and which; the author may give `dip` another one."""

TRANSITIONS = (*XFADES, *DIPS)
"""Transitions by our name."""

ALIASES = {
    **{theirs: ours for ours, theirs in XFADES.items() if theirs not in TRANSITIONS},
    "fadeblack": "fade-black",
    "fadewhite": "fade-white",
}
"""xfade's own names, where they aren't ours too (its `dissolve` is our `grain`)."""
