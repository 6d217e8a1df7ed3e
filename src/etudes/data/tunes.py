"""A melody and a set of melodies: plain arrays with the names and places they came with.

The idea in one sentence: a tune is three columns of numbers (pitch, duration, the rest before it),
and a set of tunes is those columns laid end to end, so that ten thousand tunes load at once and
index like a list.

Used from chapter 01 on, everywhere that music is symbols.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, overload

import numpy as np

from etudes.checks import check_array, check_positive_float

__all__ = ["TEXT_FIELDS", "Tune", "TuneSet"]

#: The texts that come with each tune.
TEXT_FIELDS = (
    "title", "style", "collection", "origin", "rhythm", "metre", "key", "mode", "tune_id"
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class Tune:
    """One melody without accompaniment.

    Attributes
    ----------
    pitches : numpy.ndarray
        (n_notes,) int16 MIDI numbers, 21 to 108.
    durations : numpy.ndarray
        (n_notes,) float32, in quarter notes, greater than 0.
    rests : numpy.ndarray
        (n_notes,) float32, quarter notes of silence before each note, 0 or more.
    title, style, collection, origin, rhythm, metre, key, mode : str
        What the book says; ``""`` (metre: ``"none"``) where it says nothing.  `style` is a label of
        :data:`etudes.data.scores.STYLES` or ``""``; `origin` runs from the large to the small
        (``"China, Shaanxi, Zizhou"``); `rhythm` is the dance or, in the Essen books, the kind of
        song.
    group : int
        Tunes that share a group are near-duplicates; a split must keep them together.
    tune_id : str
        Stable name of the tune, for instance ``"oneills/0123"``.
    """

    pitches: np.ndarray
    durations: np.ndarray
    rests: np.ndarray
    title: str = ""
    style: str = ""
    collection: str = ""
    origin: str = ""
    rhythm: str = ""
    metre: str = "none"
    key: str = ""
    mode: str = ""
    group: int = -1
    tune_id: str = ""

    def __post_init__(self) -> None:
        pitches = check_array(self.pitches, "pitches", ndim=1)
        n_notes, low, high = len(pitches), pitches.min(), pitches.max()
        if not np.array_equal(pitches, np.round(pitches)) or low < 21 or high > 108:
            raise ValueError(
                f"pitches must be whole MIDI numbers from 21 to 108, got {low} to {high}"
            )
        durations = check_array(self.durations, "durations", shape=(n_notes,))
        rests = check_array(self.rests, "rests", shape=(n_notes,))
        if durations.min() <= 0:
            raise ValueError(f"durations must be greater than 0, got {durations.min()}")
        if rests.min() < 0:
            raise ValueError(f"rests must be 0 or more, got {rests.min()}")
        object.__setattr__(self, "pitches", pitches.astype(np.int16, copy=False))
        object.__setattr__(self, "durations", durations.astype(np.float32, copy=False))
        object.__setattr__(self, "rests", rests.astype(np.float32, copy=False))

    def __len__(self) -> int:
        return len(self.pitches)

    def __repr__(self) -> str:
        words = [self.style, self.metre, f"{self.key} {self.mode}".strip(), self.tune_id]
        return f"Tune({self.title!r}, {len(self)} notes, {', '.join(w for w in words if w)})"

    @property
    def onsets(self) -> np.ndarray:
        """(n_notes,) float64: where each note begins, in quarter notes."""
        steps = self.rests.astype(np.float64)
        steps[1:] += self.durations[:-1]
        return np.cumsum(steps)

    @property
    def notes(self) -> np.ndarray:
        """(n_notes, 3) float64: pitch, onset and duration in quarter notes."""
        return np.column_stack([self.pitches, self.onsets, self.durations])

    @property
    def quarters(self) -> float:
        """Length of the tune in quarter notes."""
        return float(
            np.sum(self.rests, dtype=np.float64) + np.sum(self.durations, dtype=np.float64)
        )

    def transpose(self, semitones: int) -> Tune:
        """Return the same tune `semitones` higher (lower when negative).

        Raises
        ------
        ValueError
            If a note would leave the range 21 to 108.
        """
        return Tune(**{**self.__dict__, "pitches": self.pitches + np.int16(semitones), "key": ""})

    def excerpt(self, start: int, stop: int) -> Tune:
        """Return notes `start` up to `stop` as a tune of their own, beginning without a rest."""
        rests = self.rests[start:stop].copy()
        rests[:1] = 0
        cut = {"pitches": self.pitches[start:stop], "durations": self.durations[start:stop]}
        return Tune(**{**self.__dict__, **cut, "rests": rests})

    def to_score(self, tempo: float = 120.0, program: int = 73) -> Any:
        """Return a ``symusic.Score`` of one track, for instance to write a MIDI file with
        ``dump_midi``.

        Parameters
        ----------
        tempo : float
            Quarter notes a minute.
        program : int
            General MIDI program, 0 to 127; 73 is the flute.
        """
        from symusic.core import NoteTick, ScoreTick, TempoTick, TrackTick

        tempo = check_positive_float(tempo, "tempo")
        if not 0 <= program <= 127:
            raise ValueError(f"program must be from 0 to 127, got {program}")
        score = ScoreTick(480)
        score.tempos.append(TempoTick(0, tempo))
        track = TrackTick(self.title, program)
        for pitch, onset, duration in self.notes:
            start, end = round(onset * 480), round((onset + duration) * 480)
            track.notes.append(NoteTick(start, max(end - start, 1), int(pitch), 90))
        score.tracks.append(track)
        return score


@dataclass(frozen=True, eq=False)
class TuneSet(Sequence[Tune]):
    """Many tunes, backed by flat arrays; indexes, slices and selects without copying notes.

    ``tunes[3]`` is a :class:`Tune`; ``tunes[2:9]``, ``tunes[mask]`` and ``tunes[row_numbers]`` are
    tune sets.

    Attributes
    ----------
    columns : dict of str to numpy.ndarray
        ``pitches``, ``durations``, ``rests`` of all tunes end to end, and ``starts`` (n + 1,).
    rows : numpy.ndarray
        (n_tunes,) which tunes of `columns` belong to this set, in order.
    texts : dict of str to numpy.ndarray
        One string array per name in ``TEXT_FIELDS``, over all tunes of `columns`.
    all_groups : numpy.ndarray
        Near-duplicate groups, over all tunes of `columns`.
    """

    columns: dict[str, np.ndarray] = field(repr=False)
    rows: np.ndarray = field(repr=False)
    texts: dict[str, np.ndarray] = field(repr=False)
    all_groups: np.ndarray = field(repr=False)

    @classmethod
    def from_tunes(cls, tunes: Sequence[Tune]) -> TuneSet:
        """Gather single tunes, for instance ones of your own, into a set.

        Tunes whose `group` is negative each get a group of their own.
        """
        if len(tunes) == 0:
            raise ValueError("tunes must hold at least one tune, got none")
        columns = {
            name: np.concatenate([getattr(tune, name) for tune in tunes])
            for name in ("pitches", "durations", "rests")
        }
        columns["starts"] = np.concatenate([[0], np.cumsum([len(tune) for tune in tunes])])
        texts = {name: np.array([getattr(tune, name) for tune in tunes]) for name in TEXT_FIELDS}
        groups = np.array([tune.group for tune in tunes], dtype=np.int64)
        groups[groups < 0] = groups.max(initial=-1) + 1 + np.arange(np.sum(groups < 0))
        return cls(columns, np.arange(len(tunes)), texts, groups)

    def __len__(self) -> int:
        return len(self.rows)

    @overload
    def __getitem__(self, key: int) -> Tune: ...
    @overload
    def __getitem__(self, key: slice | np.ndarray | list[int]) -> TuneSet: ...
    def __getitem__(self, key: Any) -> Tune | TuneSet:
        if isinstance(key, (int, np.integer)):
            if not -len(self) <= key < len(self):
                raise IndexError(f"tune {key} of a set of {len(self)}")
            row = self.rows[key]
            part = slice(self.columns["starts"][row], self.columns["starts"][row + 1])
            fields: dict[str, Any] = {name: str(self.texts[name][row]) for name in TEXT_FIELDS}
            for name in ("pitches", "durations", "rests"):
                fields[name] = self.columns[name][part]
            return Tune(**fields, group=int(self.all_groups[row]))
        if not isinstance(key, slice):
            key = np.asarray(key)
            if key.dtype == bool and key.shape != self.rows.shape:
                raise ValueError(f"mask must have shape ({len(self)},), got {key.shape}")
            if key.size == 0:
                key = key.astype(np.int64)
        return TuneSet(self.columns, self.rows[key], self.texts, self.all_groups)

    def __iter__(self) -> Iterator[Tune]:
        return (self[i] for i in range(len(self)))

    def __repr__(self) -> str:
        n_styles = len(np.unique(self.styles[self.styles != ""]))
        n_groups = len(np.unique(self.groups))
        styles = f"{n_styles} style{'' if n_styles == 1 else 's'}"
        return f"TuneSet({len(self):,} tunes, {styles}, {n_groups:,} groups)"

    def column(self, name: str) -> np.ndarray:
        """Return one text of every tune, (n_tunes,); `name` is one of ``TEXT_FIELDS``."""
        if name not in TEXT_FIELDS:
            raise ValueError(f"name must be one of {', '.join(TEXT_FIELDS)}, got {name!r}")
        return self.texts[name][self.rows]

    @property
    def styles(self) -> np.ndarray:
        """(n_tunes,) style names; ``""`` for tunes without a label."""
        return self.column("style")

    @property
    def labels(self) -> np.ndarray:
        """(n_tunes,) int64: the style as its place in ``etudes.data.scores.STYLES``, else -1."""
        from etudes.data.scores import STYLES

        number = {style: i for i, style in enumerate(STYLES)}
        return np.array([number.get(style, -1) for style in self.styles.tolist()], dtype=np.int64)

    @property
    def groups(self) -> np.ndarray:
        """(n_tunes,) int64: near-duplicates share a number."""
        return self.all_groups[self.rows]

    @property
    def n_notes(self) -> np.ndarray:
        """(n_tunes,) int64: notes in each tune."""
        return np.diff(self.columns["starts"])[self.rows]

    def select(self, mask: np.ndarray | None = None, **texts: str | Sequence[str]) -> TuneSet:
        """Keep some tunes: those of a mask, and those whose texts are as asked.

        Parameters
        ----------
        mask : numpy.ndarray, optional
            (n_tunes,) bool.
        **texts
            Names of ``TEXT_FIELDS`` with one value or several, for instance ``style="china"`` or
            ``metre=("6/8", "9/8")``.

        Returns
        -------
        TuneSet
            Possibly empty.

        Raises
        ------
        ValueError
            If a name is not one of ``TEXT_FIELDS`` or the mask has another shape.
        """
        keep = np.ones(len(self), dtype=bool)
        if mask is not None:
            keep &= np.asarray(check_array(mask, "mask", shape=(len(self),)), dtype=bool)
        for name, wanted in texts.items():
            wanted = [wanted] if isinstance(wanted, str) else list(wanted)
            keep &= np.isin(self.column(name), wanted)
        return self[keep]
