"""Native sound by words: the room that a picture has, made of filtered noise, seeded."""

from __future__ import annotations

import re
from collections.abc import Callable

import numpy as np

from assembler.generation.animatic.planes import Array

HZ = 48_000


def ambience(prompt: str, samples: int, seed: int) -> Array:
    """
    Sound of the place that the words name.

    Returns:
        float32, shape (samples, 2) at 48 kHz, about -30 LUFS, level from the first to the last
        sample: a chain of such clips can be crossfaded anywhere.
    """
    rng = np.random.default_rng((seed, 77))
    lower = prompt.lower()
    out = 0.0022 * _band(samples, rng, 40, 900, tilt=-3.0)
    for pattern, layer, level in _LAYERS:
        if re.search(pattern, lower):
            out += level * layer(samples, rng)
    if re.search(_WALKING, lower):
        hard = re.search(r"pier|street|city|room|corridor|hall|dock|bridge|boardwalk", lower)
        out += _steps(samples, rng, soft=hard is None)
    return np.clip(out, -0.9, 0.9).astype(np.float32)


def babble(text: str, samples: int, seed: int) -> Array:
    """
    A voice that says something like the text: a syllable for every vowel, a pause for every stop.

    Returns:
        float32, shape (samples, 2) at 48 kHz, about -20 LUFS.
    """
    rng = np.random.default_rng((seed, 78))
    beats = re.findall(r"[aeiouy]+|[.,;:!?]", text.lower()) or ["a"]
    edges = np.linspace(0, samples, len(beats) + 1).astype(int)
    out = np.zeros(samples, np.float32)
    pitch = 120.0
    for beat, begin, end in zip(beats, edges[:-1], edges[1:], strict=True):
        pitch = float(np.clip(pitch + rng.normal(0, 9), 95, 160))
        if not beat[0].isalpha() or end <= begin:
            continue
        at = np.arange(end - begin) / HZ
        formant = 350 + 90 * "aeiouy".index(beat[0])
        tones = (
            np.sin(2 * np.pi * pitch * n * at) / (1 + ((pitch * n - formant) / 250) ** 2)
            for n in range(1, 12)
        )
        out[begin:end] = sum(tones) * np.hanning(end - begin)
    out *= 0.2 / (np.abs(out).max() + 1e-9) * 1.6
    return np.repeat(out[:, None], 2, axis=1)


def _band(samples: int, rng: np.random.Generator, low: float, high: float, tilt: float) -> Array:
    """Stereo noise between two frequencies, RMS 1, falling by *tilt* dB an octave."""
    bins = np.fft.rfftfreq(samples, 1 / HZ)
    octave = np.log2(np.maximum(bins, 20) / 1000)
    shape = 10 ** (tilt * octave / 20)
    shape *= 1 / (1 + (low / np.maximum(bins, 1)) ** 4) / (1 + (bins / high) ** 4)
    noise = rng.standard_normal((samples, 2))
    mid = rng.standard_normal((samples, 1))
    spectrum = np.fft.rfft(noise * 0.8 + mid * 0.6, axis=0) * shape[:, None]
    out = np.fft.irfft(spectrum, samples, axis=0)
    return np.asarray(out / (np.sqrt(np.mean(out**2)) + 1e-12), np.float32)


def _swell(samples: int, rng: np.random.Generator, period_s: float, low: float) -> Array:
    """A slow gain between *low* and 1, shape (samples, 1)."""
    at = np.arange(samples) / HZ
    a, b, c = rng.random(3) * 6.28
    wave = (
        np.sin(2 * np.pi * at / period_s + a)
        + 0.5 * np.sin(2 * np.pi * at / (period_s * 0.61) + b)
        + 0.3 * np.sin(2 * np.pi * at / (period_s * 0.27) + c)
    ) / 1.8
    return np.asarray((low + (1 - low) * (0.5 + 0.5 * wave))[:, None], np.float32)


def _waves(samples: int, rng: np.random.Generator) -> Array:
    wash = _band(samples, rng, 150, 5200, tilt=-4.0) * _swell(samples, rng, 5.6, 0.12) ** 1.6
    depth = _band(samples, rng, 40, 300, tilt=-3.0) * _swell(samples, rng, 7.9, 0.4)
    return wash + 0.8 * depth


def _wind(samples: int, rng: np.random.Generator) -> Array:
    gusts = _band(samples, rng, 110, 700, tilt=-2.0) * _swell(samples, rng, 4.7, 0.25)
    return gusts + 0.35 * _band(samples, rng, 700, 1900, tilt=-3.0) * _swell(samples, rng, 3.1, 0.1)


def _rain(samples: int, rng: np.random.Generator) -> Array:
    drops = np.zeros((samples, 2), np.float32)
    at = rng.integers(0, max(1, samples - 400), max(1, samples // 1600))
    ring = np.sin(np.arange(160) * 0.55) * np.exp(-np.arange(160) / 26)
    for i in at:
        span = drops[i : i + 160]
        span += ring[: len(span), None] * rng.random() * rng.random((1, 2))
    hiss = _band(samples, rng, 900, 12000, tilt=-1.5)
    return np.asarray(hiss + 2.2 * drops, np.float32)


def _city(samples: int, rng: np.random.Generator) -> Array:
    hum = _band(samples, rng, 35, 420, tilt=-4.5)
    tyres = _band(samples, rng, 300, 2600, tilt=-4.0) * _swell(samples, rng, 6.3, 0.0) ** 3
    return np.asarray(hum + 0.9 * tyres, np.float32)


def _fire(samples: int, rng: np.random.Generator) -> Array:
    out = 0.6 * _band(samples, rng, 60, 700, tilt=-3.0) * _swell(samples, rng, 2.3, 0.5)
    for i in rng.integers(0, max(1, samples - 300), max(1, samples // 6000)):
        burst = rng.standard_normal(240) * np.exp(-np.arange(240) / (12 + 50 * rng.random()))
        out[i : i + 240] += (burst * 3 * rng.random())[: len(out) - i, None]
    return out


def _birds(samples: int, rng: np.random.Generator) -> Array:
    out = np.zeros((samples, 2), np.float32)
    for _ in range(max(1, round(samples / HZ * 1.1))):
        at = int(rng.integers(0, max(1, samples)))
        pitch, place = 2600 + 2400 * rng.random(), rng.random()
        for k in range(int(rng.integers(1, 5))):
            long = int(HZ * (0.05 + 0.07 * rng.random()))
            t = np.arange(long) / long
            tone = pitch * (1 + 0.25 * np.sin(2 * np.pi * t * (0.5 + rng.random())))
            note = np.sin(2 * np.pi * np.cumsum(tone) / HZ) * np.sin(np.pi * t) ** 2
            i = at + int(k * HZ * 0.13)
            span = out[i : i + long]
            span += (note[: len(span), None] * [[1 - 0.6 * place, 0.4 + 0.6 * place]]) * 0.9
    return out


def _crickets(samples: int, rng: np.random.Generator) -> Array:
    at = np.arange(samples) / HZ
    out = np.zeros((samples, 2), np.float32)
    for pitch in 3900 + 700 * rng.random(3):
        pulse = np.clip(np.sin(2 * np.pi * 16.5 * at), 0, 1) ** 2
        chirp = np.clip(
            np.sin(2 * np.pi * at / (0.9 + 0.5 * rng.random()) + 6 * rng.random()), 0, 1
        )
        voice = np.sin(2 * np.pi * pitch * at) * pulse * chirp
        out += voice[:, None] * (0.4 + 0.6 * rng.random((1, 2)))
    return out


def _murmur(samples: int, rng: np.random.Generator) -> Array:
    return _band(samples, rng, 180, 1500, tilt=-5.0) * _swell(samples, rng, 0.9, 0.45)


def _drone(samples: int, rng: np.random.Generator) -> Array:
    at = np.arange(samples) / HZ
    tones = sum(
        np.sin(2 * np.pi * f * at + 6 * rng.random()) / (i + 1)
        for i, f in enumerate((48, 72.3, 96.5))
    )
    return (np.asarray(tones)[:, None] * _swell(samples, rng, 6.0, 0.5)).astype(np.float32)


def _gulls(samples: int, rng: np.random.Generator) -> Array:
    out = np.zeros((samples, 2), np.float32)
    for _ in range(max(1, round(samples / HZ / 3))):
        at = int(rng.integers(0, max(1, samples)))
        for k in range(int(rng.integers(2, 5))):
            long = int(HZ * 0.22)
            t = np.arange(long) / long
            tone = (1500 - 620 * t) * (0.9 + 0.2 * rng.random())
            phase = 2 * np.pi * np.cumsum(tone) / HZ
            note = (np.sin(phase) + 0.5 * np.sin(2 * phase) + 0.25 * np.sin(3 * phase)) * np.sin(
                np.pi * t
            )
            i = at + int(k * HZ * 0.34)
            span = out[i : i + long]
            span += note[: len(span), None].astype(np.float32) * 0.4
    return out


_WALKING = r"\bwalk|\bsteps?\b|\brun(?:s|ning)\b|\bstroll|\bmarch|\bfootsteps"


def _steps(samples: int, rng: np.random.Generator, *, soft: bool) -> Array:
    """Footsteps at the pace of the painted figure."""
    out = np.zeros((samples, 2), np.float32)
    long = int(HZ * 0.13)
    t = np.arange(long) / HZ
    pace = 1 / (2 * 0.92)
    for k in range(int(samples / HZ / pace) + 1):
        i = int((0.27 + k * pace) * HZ)
        thud = np.sin(2 * np.pi * (95 + 12 * (k % 2)) * t) * np.exp(-t * 46)
        scuff = rng.standard_normal(long) * np.exp(-t * (60 if soft else 110))
        step = thud * 0.05 + scuff * (0.010 if soft else 0.016)
        span = out[i : i + long]
        span += (step * (0.85 + 0.3 * rng.random()))[: len(span), None].astype(np.float32)
    return out


_LAYERS: tuple[tuple[str, Callable[[int, np.random.Generator], Array], float], ...] = (
    (
        r"\bsea\b|ocean|beach|harbo|coast|\bpier|shore|waves?\b|island|surf|\bboat|\bbay\b",
        _waves,
        0.024,
    ),
    (r"harbo|gull|fisher|\bpier", _gulls, 0.010),
    (r"wind|mountain|\balp|desert|dune|snow|arctic|hill|storm|cliff|roof", _wind, 0.020),
    (r"\brain|storm|downpour|drizzle", _rain, 0.016),
    (r"\bcity|street|downtown|traffic|urban|avenue|neon|tokyo|new york", _city, 0.026),
    (r"\bfire\b|campfire|fireplace|flames?\b|bonfire|candle", _fire, 0.012),
    (
        r"forest|woods|meadow|field|garden|\bpark\b|birds?\b|jungle|\bdawn|morning|hill",
        _birds,
        0.006,
    ),
    (
        r"\bnight\b.*(?:field|meadow|forest|garden|desert|village)|cricket|summer night",
        _crickets,
        0.005,
    ),
    (r"crowd|caf[eé]|market|restaurant|\bparty|station|people talk", _murmur, 0.022),
    (r"\bspace\b|spaceship|engine|machine|factory|sci-?fi|underwater", _drone, 0.030),
)
