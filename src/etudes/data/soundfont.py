"""Play notes from a soundfont: recorded samples, stretched to pitch, shaped and filtered.

The idea in a sentence: a soundfont is a set of short recordings with instructions, and playing a
note means to read one of them faster or slower (pitch), repeat its loop (sustain), shape its
loudness over time (envelope) and darken it with a low-pass filter (timbre).

Why not a ready-made synthesizer: the one that installs with pip alone (symusic 0.5.9) ignores the
soundfont's root keys, so that a guitar's middle C sounds ten semitones too high, ignores velocity,
cuts every note off without a release, and aliases at 16 kHz. This module follows the SoundFont 2.04
specification (E-mu Systems / Creative Technology, 2006) for zones, generators, envelopes, low
frequency oscillators and the filter, and leaves out what the book does not use: stereo placement,
chorus, reverberation, modulators and controllers. Two conventions are those of common players:
attenuation counts 0.4 of what is written, and a softer note is duller (one octave lower cutoff for
no velocity at all). Samples are read at 44.1 kHz or more and decimated with a low-pass filter, so
high notes do not alias.

Used by :mod:`etudes.data.instruments`; chapter 1 explains sampling and aliasing.
"""

from __future__ import annotations

import functools
import importlib.util
import itertools
import math
import struct
from dataclasses import dataclass
from pathlib import Path

import numpy as np

# Generators of the SoundFont 2.04 specification, section 8.1.2, with their default values.
_DEFAULTS = {
    0: 0, 1: 0, 2: 0, 3: 0, 4: 0, 12: 0, 45: 0, 50: 0,  # offsets of sample start, end and loop
    5: 0, 6: 0, 7: 0,  # cents of pitch: modulation LFO, vibrato LFO, modulation envelope
    8: 13500, 9: 0, 10: 0, 11: 0,  # filter cutoff, resonance, cutoff by LFO and by envelope
    13: 0,  # loudness by modulation LFO, centibels
    21: -12000, 22: 0, 23: -12000, 24: 0,  # delay and frequency of the two LFOs
    25: -12000, 26: -12000, 27: -12000, 28: -12000, 29: 0, 30: -12000, 31: 0, 32: 0,
    33: -12000, 34: -12000, 35: -12000, 36: -12000, 37: 0, 38: -12000, 39: 0, 40: 0,
    43: 127 << 8, 44: 127 << 8, 46: -1, 47: -1,  # key range, velocity range, fixed key, velocity
    48: 0, 51: 0, 52: 0, 54: 0, 56: 100, 58: -1,  # attenuation, tuning, looping, root key
}  # fmt: skip
_SAMPLE_ID, _INSTRUMENT, _KEY_RANGE, _VELOCITY_RANGE = 53, 41, 43, 44
_UNSIGNED = {_SAMPLE_ID, _INSTRUMENT, _KEY_RANGE, _VELOCITY_RANGE}
_ADDED = {5, 6, 7, 8, 9, 10, 11, 13, 48, 51, 52}  # preset zones add to instrument zones

_LOUDNESS = 0.5  # leaves room for two layers; found by rendering every program, see the tests
_CONTROL = 0.005  # seconds between two values of an LFO or a filter cutoff
_LEAST_RELEASE = 0.03  # seconds for the fall by 100 dB: no clicks


@dataclass(frozen=True)
class Zone:
    """One sample with its instructions: which keys and velocities, and all generator values."""

    keys: tuple[int, int]
    velocities: tuple[int, int]
    generators: dict[int, int]
    start: int
    end: int
    loop_start: int
    loop_end: int
    sample_rate: int
    root_key: int
    correction: int


class SoundFont:
    """A SoundFont 2 file, read once: 16-bit samples and, for each program of bank 0, its zones.

    Parameters
    ----------
    path
        A ``.sf2`` file.

    Raises
    ------
    ValueError
        When the file is not a SoundFont 2.
    """

    def __init__(self, path: Path) -> None:
        data = Path(path).read_bytes()
        if data[:4] != b"RIFF" or data[8:12] != b"sfbk":
            raise ValueError(f"path must name a SoundFont 2 file, got {Path(path).name}")
        lists = _riff_chunks(data)
        position, size = lists["smpl"]
        self.samples = np.frombuffer(data, dtype="<i2", count=size // 2, offset=position)
        self.programs = _read_programs(data, lists)

    def zones(self, program: int, pitch: int, velocity: int) -> list[Zone]:
        """Zones that sound for this key and velocity; an empty list where the font has a gap."""
        return [
            zone
            for zone in self.programs.get(program, ())
            if zone.keys[0] <= pitch <= zone.keys[1]
            and zone.velocities[0] <= velocity <= zone.velocities[1]
        ]

    def play(
        self,
        program: int,
        pitch: int,
        velocity: int,
        duration: float,
        length: float,
        sample_rate: int,
        cents: float = 0.0,
    ) -> np.ndarray:
        """Render one note.

        Parameters
        ----------
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
            Waveform of shape ``(round(length * sample_rate),)``, float32; all zero where the font
            has no sample for this key.
        """
        n_samples = max(1, round(length * sample_rate))
        total = np.zeros(n_samples)
        for zone in self.zones(program, pitch, velocity):
            total += self._play_zone(
                zone, pitch + cents / 100, velocity, duration, n_samples, sample_rate
            )
        fade = min(n_samples, round(0.005 * sample_rate))
        total[n_samples - fade :] *= np.linspace(1, 0, fade)
        return total.astype(np.float32)

    def _play_zone(
        self,
        zone: Zone,
        pitch: float,
        velocity: int,
        duration: float,
        n_samples: int,
        sample_rate: int,
    ) -> np.ndarray:
        from scipy.signal import resample_poly

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
            travelled = (
                np.concatenate([[0], np.cumsum(step[:-1])]) * _CONTROL * sample_rate * factor
            )
            fine = np.arange(n_samples * factor) / (sample_rate * factor)
            positions = np.interp(fine, time, travelled)
        sound = self._read(zone, positions)
        if factor > 1:
            sound = resample_poly(sound, 1, factor)[:n_samples]

        # Timbre, then loudness.
        softness = 1 - velocity / 127
        cutoff = g[8] + g[10] * lfo + g[11] * envelope - 1200 * softness
        sound = _low_pass(sound, cutoff, g[9], sample_rate)
        decibels = -0.04 * g[48] - 0.1 * np.interp(
            np.arange(n_samples) / sample_rate, time, g[13] * lfo
        )
        loudness = _LOUDNESS * (velocity / 127) ** 2 * 10 ** (decibels / 20)
        return sound * loudness * _volume_envelope(n_samples, sample_rate, duration, g, pitch)

    def _read(self, zone: Zone, positions: np.ndarray) -> np.ndarray:
        """The recording at fractional positions, its loop unrolled, by cubic interpolation."""
        needed = int(positions[-1]) + 4
        period = zone.loop_end - zone.loop_start
        if zone.generators[54] in (1, 3) and period > 1:
            tape = self.samples[zone.start : zone.loop_end]
            loop = self.samples[zone.loop_start : zone.loop_end]
            missing = needed - len(tape)
            if missing > 0:
                tape = np.concatenate([tape, np.tile(loop, missing // period + 1)])
        else:
            tape = self.samples[zone.start : zone.end]
        tape = np.concatenate([[0.0], tape[:needed] / 32768, np.zeros(4)])
        whole = np.minimum(positions.astype(np.int64), len(tape) - 4)
        t = np.where(whole == len(tape) - 4, 0.0, positions - whole)
        before, here, after, beyond = (tape[whole + shift] for shift in range(4))
        # Catmull-Rom spline through four neighbours.
        slope, opposite = (after - before) / 2, (beyond - here) / 2
        bend = here - after + slope
        return ((bend + here - after + opposite) * t - bend - (here - after + opposite)) * t * t + (
            slope * t + here
        )


@functools.lru_cache(maxsize=1)
def default_soundfont() -> SoundFont:
    """The soundfont that comes with pretty_midi (TimGM6mb by Tim Brechbill, GPL-2).

    Returns
    -------
    SoundFont
        Read on the first call, the same object afterwards.

    Raises
    ------
    RuntimeError
        When pretty_midi or its soundfont is not installed; the message says how to mend it.
    """
    package = importlib.util.find_spec("pretty_midi")
    path = Path(package.origin).parent / "TimGM6mb.sf2" if package and package.origin else None
    if path is None or not path.is_file():
        raise RuntimeError(
            "the soundfont TimGM6mb.sf2 of pretty_midi is missing: "
            "run `python -m pip install --force-reinstall pretty_midi`"
        )
    return SoundFont(path)


def _riff_chunks(data: bytes) -> dict[str, tuple[int, int]]:
    """Position and size of every chunk inside the file's lists."""
    found: dict[str, tuple[int, int]] = {}

    def walk(position: int, end: int, depth: int) -> None:
        while position + 8 <= end:
            name, size = struct.unpack_from("<4sI", data, position)
            if name == b"LIST" and depth == 0:
                walk(position + 12, position + 8 + size, 1)
            else:
                found[name.decode("latin-1")] = (position + 8, size)
            position += 8 + size + size % 2

    walk(12, len(data), 0)
    return found


def _read_programs(data: bytes, lists: dict[str, tuple[int, int]]) -> dict[int, tuple[Zone, ...]]:
    """Zones of every preset in bank 0, defaults and preset-level additions filled in."""

    def records(name: str, form: str) -> list[tuple]:
        position, size = lists[name]
        return list(struct.iter_unpack(form, data[position : position + size]))

    def bags(bag: str, gen: str, first: int, last: int) -> list[dict[int, int]]:
        """Generators of zones first to last; those of a global zone are filled into the rest."""
        edges, values, zones = tables[bag], tables[gen], []
        shared: dict[int, int] = {}
        for number in range(first, last):
            zone = {
                op: amount if op in _UNSIGNED else (amount ^ 0x8000) - 0x8000
                for op, amount in values[edges[number][0] : edges[number + 1][0]]
            }
            if _SAMPLE_ID in zone or _INSTRUMENT in zone:
                zones.append({**shared, **zone})
            elif number == first:
                shared = zone
        return zones

    forms = {"phdr": "<20sHHHIII", "pbag": "<HH", "pgen": "<HH", "inst": "<20sH"}
    forms |= {"ibag": "<HH", "igen": "<HH", "shdr": "<20sIIIIIBbHH"}
    tables = {name: records(name, form) for name, form in forms.items()}
    programs: dict[int, tuple[Zone, ...]] = {}
    for preset, following in zip(tables["phdr"][:-1], tables["phdr"][1:]):
        _, program, bank, first, *_ = preset
        if bank != 0:
            continue
        zones = []
        for outer in bags("pbag", "pgen", first, following[3]):
            instrument = outer[_INSTRUMENT]
            edges = tables["inst"][instrument][1], tables["inst"][instrument + 1][1]
            for inner in bags("ibag", "igen", *edges):
                generators = {**_DEFAULTS, **inner}
                for op in _ADDED & outer.keys():
                    generators[op] += outer[op]
                zones.append(_zone(generators, outer, tables["shdr"][inner[_SAMPLE_ID]]))
        programs[program] = tuple(zones)
    return programs


def _zone(generators: dict[int, int], outer: dict[int, int], header: tuple) -> Zone:
    """A zone from its generators and the sample's header."""

    def overlap(op: int) -> tuple[int, int]:
        ranges = [generators[op], outer.get(op, 127 << 8)]
        return max(r & 255 for r in ranges), min(r >> 8 for r in ranges)

    _, start, end, loop_start, loop_end, sample_rate, root, correction, _, _ = header
    return Zone(
        keys=overlap(_KEY_RANGE),
        velocities=overlap(_VELOCITY_RANGE),
        generators=generators,
        start=max(0, start + generators[0] + 32768 * generators[4]),
        end=end + generators[1] + 32768 * generators[12],
        loop_start=max(0, loop_start + generators[2] + 32768 * generators[45]),
        loop_end=loop_end + generators[3] + 32768 * generators[50],
        sample_rate=sample_rate,
        root_key=root if root <= 127 else 60,
        correction=correction,
    )


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
    n_samples: int, sample_rate: int, duration: float, g: dict[int, int], pitch: float
) -> np.ndarray:
    """Loudness over time, 0 to 1: linear attack; decay and release by so many decibels a second."""
    time = np.arange(n_samples) / sample_rate
    hold, decay = _seconds(g[35] + g[39] * (60 - pitch)), _seconds(g[36] + g[40] * (60 - pitch))
    held = np.minimum(time, duration)
    rise, fall = _attack_and_decay(held, _seconds(g[33]), _seconds(g[34]), hold, decay)
    decibels = np.minimum(100 * fall, 0.1 * np.clip(g[37], 0, 1000))
    let_go = np.maximum(0, time - duration)
    decibels += 100 * let_go / max(_seconds(g[38]), _LEAST_RELEASE)
    return rise * 10 ** (-decibels / 20)


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
