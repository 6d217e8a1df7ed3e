"""Read a soundfont: short recordings, and instructions for stretching them into instruments.

The idea in a sentence: a soundfont holds, for each program, zones of keys and velocities, each with
one recorded sample and some forty numbers (generators) that say how to play it.

The format is the SoundFont 2.04 specification (E-mu Systems / Creative Technology, 2006): a RIFF
file with the samples in one list and, in another, tables of presets, instruments and samples.
:mod:`etudes.data.sampler` plays what is read here; chapter 1 listens to it.
"""

from __future__ import annotations

import functools
import importlib.util
import itertools
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
        """Zones that sound for this key and velocity.

        Parameters
        ----------
        program
            General MIDI program, 0 to 127.
        pitch
            MIDI note number.
        velocity
            1 to 127.

        Returns
        -------
        list of Zone
            Where the font has a gap, the zones with the nearest keys; empty for a program that the
            font lacks.
        """
        zones = [
            zone
            for zone in self.programs.get(program, ())
            if zone.velocities[0] <= velocity <= zone.velocities[1]
        ]
        away = [max(zone.keys[0] - pitch, pitch - zone.keys[1], 0) for zone in zones]
        return [zone for zone, distance in zip(zones, away) if distance == min(away)]


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
    for preset, following in itertools.pairwise(tables["phdr"]):
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
