"""Play notes from a soundfont: samples read faster or slower, looped, shaped and filtered.

The idea in a sentence: to play a note is to read a recording at another speed (pitch), repeat its
loop (sustain), shape its loudness over time (envelope) and darken it with a low-pass filter
(timbre).

Why not a ready-made synthesizer: the one that installs with pip alone (symusic 0.5.9) ignores the
soundfont's root keys, so that a guitar's middle C sounds ten semitones too high, ignores velocity,
cuts every note off without a release, and aliases at 16 kHz. This module follows the SoundFont 2.04
specification (E-mu Systems / Creative Technology, 2006) for tuning, envelopes, low-frequency
oscillators and the filter, and leaves out what the book does not use: stereo placement, chorus,
reverberation, modulators and controllers. Two conventions are those of common players: attenuation
counts 0.4 of what is written, and a softer note is duller (its cutoff is up to one octave lower).
Samples are read at 44.1 kHz or more and decimated behind a low-pass filter, so high notes do not
alias.

Used by :mod:`etudes.data.instruments`; chapter 1 explains sampling and aliasing.
"""

from __future__ import annotations

import itertools
import math

import numpy as np

from etudes.data.resampling import polyphase
from etudes.data.soundfont import SoundFont, Zone

VERSION = 3
"""Raise it when any note comes to sound different: rendered sets in caches are then renewed."""

_LOUDNESS = 0.45  # leaves room for two layers; every program stays below 1, see the tests
_CONTROL = 0.005  # seconds between two values of an oscillator or a filter cutoff
_LEAST_RELEASE = 0.03  # seconds for a fall of 100 dB: no clicks
_FADE = 0.005  # seconds at the very end, for notes cut short


def play(
    font: SoundFont,
    program: int,
    pitch: int,
    velocity: int,
    duration: float,
    length: float,
    sample_rate: int,
    cents: float = 0.0,
) -> np.ndarray:
    """Play one note.

    Parameters
    ----------
    font
        Where the samples come from.
    program
        General MIDI program, 0 to 127.
    pitch
        MIDI note number; 60 is middle C.
    velocity
        How hard the key is struck, 1 to 127. Loudness grows with its square.
    duration
        Seconds until the key is let go.
    length
        Seconds to return; what still sounds at the end is faded out over 5 ms.
    sample_rate
        In Hz.
    cents
        Added to the pitch, in hundredths of a semitone.

    Returns
    -------
    np.ndarray
        Waveform of shape ``(round(length * sample_rate),)``, float32; all zero where the font has
        no sample for this key.
    """
    n_samples = max(1, round(length * sample_rate))
    total = np.zeros(n_samples, dtype=np.float32)
    for zone in font.zones(program, pitch, velocity):
        total += _play_zone(
            font.samples, zone, pitch + cents / 100, velocity, duration, n_samples, sample_rate
        )
    fade = min(n_samples, round(_FADE * sample_rate))
    total[n_samples - fade :] *= np.linspace(1, 0, fade, dtype=np.float32)
    return total


def _play_zone(
    samples: np.ndarray,
    zone: Zone,
    pitch: float,
    velocity: int,
    duration: float,
    n_samples: int,
    sample_rate: int,
) -> np.ndarray:
    g = zone.generators
    time = np.arange(0, n_samples / sample_rate + 2 * _CONTROL, _CONTROL)
    lfo, vibrato = _oscillator(time, g[21], g[22]), _oscillator(time, g[23], g[24])
    envelope = _modulation_envelope(time, duration, g, pitch)

    # Pitch: how many recorded samples to advance for each sample played.
    root = g[58] if 0 <= g[58] <= 127 else zone.root_key
    key = g[46] if g[46] >= 0 else pitch
    tuning = 100 * g[51] + g[52] + zone.correction + g[56] * (key - root)
    wobble = g[5] * lfo + g[6] * vibrato + g[7] * envelope
    factor = math.ceil(44_100 / sample_rate)
    step = zone.sample_rate / (sample_rate * factor) * 2 ** ((tuning + wobble) / 1200)
    if np.ptp(step) == 0:
        positions = np.arange(n_samples * factor) * step[0]
    else:
        travelled = np.cumsum(step) * _CONTROL * sample_rate * factor
        fine = np.arange(n_samples * factor) / (sample_rate * factor)
        positions = np.interp(fine, time, np.concatenate([[0], travelled[:-1]]))
    sound = polyphase(_read(samples, zone, positions), 1, factor)

    # Timbre, then loudness.
    softness = 1 - velocity / 127
    cutoff = g[8] + g[10] * lfo + g[11] * envelope - 1200 * softness
    sound = _low_pass(sound, cutoff, g[9], sample_rate)
    seconds = np.arange(n_samples, dtype=np.float32) / np.float32(sample_rate)
    sound *= _volume_envelope(seconds, duration, g, pitch)
    if g[13]:
        sound *= 10 ** (-0.005 * g[13] * np.interp(seconds, time, lfo))
    attenuation = 10 ** (-0.4 * g[48] / 200)
    return sound * np.float32(_LOUDNESS * attenuation * (velocity / 127) ** 2)


def _read(samples: np.ndarray, zone: Zone, positions: np.ndarray) -> np.ndarray:
    """The recording at fractional positions, its loop unrolled, by cubic interpolation."""
    needed = int(positions[-1]) + 4
    period = zone.loop_end - zone.loop_start
    if zone.generators[54] in (1, 3) and period > 1:
        tape = samples[zone.start : zone.loop_end]
        missing = needed - len(tape)
        if missing > 0:
            loop = samples[zone.loop_start : zone.loop_end]
            tape = np.concatenate([tape, np.tile(loop, missing // period + 1)])
    else:
        tape = samples[zone.start : zone.end]
    silence = np.zeros(4, dtype=np.int16)
    tape = np.concatenate([silence[:1], tape[:needed], silence]).astype(np.float32) / 32768
    last = len(tape) - 4
    whole = np.minimum(positions, last).astype(np.int32)
    t = np.where(whole < last, positions - whole, 0).astype(np.float32)
    before, here = np.take(tape, whole), np.take(tape, whole + 1)
    after, beyond = np.take(tape, whole + 2), np.take(tape, whole + 3)
    # Catmull-Rom spline: through two neighbours, with the slopes that the four suggest.
    slope = (after - before) / 2
    bend = here - after + slope
    twist = bend + here - after + (beyond - here) / 2
    return ((twist * t - bend - twist) * t + slope) * t + here


def _seconds(timecents: float) -> float:
    """SoundFont times are in timecents: 1200 times the base-2 logarithm of seconds."""
    return 2 ** (timecents / 1200) if timecents > -12000 else 0.0


def _oscillator(time: np.ndarray, delay: int, frequency: int) -> np.ndarray:
    """A triangle wave of −1 to 1 that starts at zero, going up, after its delay."""
    phase = np.maximum(0, time - _seconds(delay)) * 8.176 * 2 ** (frequency / 1200)
    return 1 - 4 * np.abs((phase + 0.25) % 1 - 0.5)


def _attack_and_decay(
    held: np.ndarray, delay: float, attack: float, hold: float, decay: float
) -> tuple[np.ndarray, np.ndarray]:
    """How far the attack has come (0 to 1), and the decay (0, then 1 after its nominal time)."""
    rise = np.clip((held - delay) / max(attack, 0.001), 0, 1)
    fall = np.maximum(0, held - delay - max(attack, 0.001) - hold) / max(decay, 0.001)
    return rise, fall


def _volume_envelope(
    time: np.ndarray, duration: float, g: dict[int, int], pitch: float
) -> np.ndarray:
    """Loudness over time, 0 to 1: linear attack; decay and release by so many decibels a second."""
    hold, decay = _seconds(g[35] + g[39] * (60 - pitch)), _seconds(g[36] + g[40] * (60 - pitch))
    held = np.minimum(time, duration)
    rise, fall = _attack_and_decay(held, _seconds(g[33]), _seconds(g[34]), hold, decay)
    decibels = np.minimum(100 * fall, 0.1 * np.clip(g[37], 0, 1000))
    let_go = np.maximum(0, time - duration)
    decibels += let_go * (100 / max(_seconds(g[38]), _LEAST_RELEASE))
    return rise * np.exp(decibels * (-math.log(10) / 20))


def _modulation_envelope(
    time: np.ndarray, duration: float, g: dict[int, int], pitch: float
) -> np.ndarray:
    """The envelope of pitch and cutoff, 0 to 1, every part linear."""
    hold, decay = _seconds(g[27] + g[31] * (60 - pitch)), _seconds(g[28] + g[32] * (60 - pitch))
    held = np.minimum(time, duration)
    rise, fall = _attack_and_decay(held, _seconds(g[25]), _seconds(g[26]), hold, decay)
    level = rise - np.minimum(fall, 0.001 * np.clip(g[29], 0, 1000))
    let_go = np.maximum(0, time - duration)
    return np.maximum(0, level - let_go / max(_seconds(g[30]), _CONTROL))


def _low_pass(
    sound: np.ndarray, cutoff: np.ndarray, resonance: int, sample_rate: int
) -> np.ndarray:
    """A two-pole low-pass filter whose cutoff (in cents above 8.176 Hz) moves in small steps."""
    from scipy.signal import lfilter

    highest = 1200 * math.log2(0.45 * sample_rate / 8.176)
    steps = np.round(np.clip(cutoff, 1500, highest) / 50).astype(int)
    if steps.min() * 50 >= min(13_500, highest) - 50:
        return sound
    block = round(_CONTROL * sample_rate)
    edges = [0, *(np.flatnonzero(np.diff(steps)) + 1) * block, len(sound)]
    quality = 10 ** ((0.1 * max(0, resonance) - 3.01) / 20)
    out, memory = np.empty_like(sound), np.zeros(2)
    for first, last in itertools.pairwise(edges):
        if first >= len(sound) or last <= first:
            continue
        turn = 2 * math.pi * 8.176 * 2 ** (steps[first // block] * 50 / 1200) / sample_rate
        alpha = math.sin(turn) / (2 * quality)
        b = np.array([0.5, 1.0, 0.5]) * (1 - math.cos(turn)) / (1 + alpha)
        a = np.array([1 + alpha, -2 * math.cos(turn), 1 - alpha]) / (1 + alpha)
        out[first:last], memory = lfilter(b, a, sound[first:last], zi=memory)
    return out
