"""What a stream is called, whatever has written it and whatever reads it."""

from __future__ import annotations

from functools import lru_cache

_NOT_IN_PYAV = {"libaom-av1": "av1"}
"""Encoders that ffmpeg may have and PyAV's own ffmpeg hasn't."""


@lru_cache(maxsize=256)
def codec_of(name: str) -> str:
    """
    The codec that an encoder makes or a decoder reads, by ffmpeg's names.

    >>> codec_of("libx264rgb"), codec_of("hevc_vaapi"), codec_of("mp3float"), codec_of("pcm_s24le")
    ('h264', 'hevc', 'mp3', 'pcm_s24le')
    """
    chipless = name.rpartition("_")[0]  # encoders of chips exist on some systems only
    found = (_canonical(one) for one in (name, chipless) if one)
    return next(filter(None, found), _NOT_IN_PYAV.get(name, name))


def _canonical(name: str) -> str:
    import av

    for mode in ("w", "r"):
        try:
            return av.Codec(name, mode).canonical_name
        except av.codec.codec.UnknownCodecError:
            continue
    return ""
