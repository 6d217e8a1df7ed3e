"""Rules: a melody written by a rule book, the way composing was taught for five hundred years.

The idea in one sentence: plan the form and the cadences first, then choose each note by asking
every rule how much it likes each candidate, and drawing one in proportion to the product.

The rules are the old ones of melodic counterpoint (J. J. Fux, *Gradus ad Parnassum*, Vienna 1725)
in the loose form that fits a tune to dance to: move mostly by step; after a leap turn back by step;
no tritone, no seventh; keep to the notes of the chord where the beat is strong; let the leading
note rise; do not run on in one direction; come home by step. The form is the commonest of European
dance tunes: a question of four bars that stops on the way, an answer of four bars that begins the
same and comes home; then a second part, higher, that ends with the same answer.

Nothing is learned here. L. Hiller and L. Isaacson made a computer write by such rules, and reject
what broke them, in 1956 (the *Illiac Suite*; *Experimental Music*, McGraw-Hill 1959). Chapter 01.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from etudes.checks import check_in
from etudes.data.tunes import Tune
from etudes.generators.tokens import tonic_pitch

__all__ = ["METRES", "MODES", "RULES", "Moment", "RuleComposer", "broken_rules"]

#: Semitones above the tonic of the seven steps of each mode.
MODES = {
    "major": (0, 2, 4, 5, 7, 9, 11),
    "minor": (0, 2, 3, 5, 7, 8, 10),
    "dorian": (0, 2, 3, 5, 7, 9, 10),
    "mixolydian": (0, 2, 4, 5, 7, 9, 10),
}

#: For each metre: ways to fill a bar, and the bar that ends a phrase, in quarter notes.
METRES = {
    "4/4": (
        ((1, 1, 1, 1), (1, 0.5, 0.5, 1, 1), (1, 1, 1, 0.5, 0.5), (0.5,) * 8, (1.5, 0.5, 1, 1)),
        (1, 1, 2),
    ),
    "3/4": (((1, 1, 1), (1, 0.5, 0.5, 1), (1.5, 0.5, 1), (2, 1), (1, 1, 0.5, 0.5)), (1, 2)),
    "6/8": (
        ((0.5,) * 6, (1, 0.5, 0.5, 0.5, 0.5), (1, 0.5, 1, 0.5), (0.5, 0.5, 0.5, 1, 0.5)),
        (0.5, 0.5, 0.5, 1.5),
    ),
}

#: Chords of four bars, as scale steps of their roots: a question ends on V, an answer on I.
QUESTIONS = ((0, 0, 3, 4), (0, 3, 0, 4), (0, 4, 0, 4), (0, 5, 3, 4))
ANSWERS = ((0, 3, 4, 0), (0, 0, 4, 0), (3, 0, 4, 0), (0, 5, 4, 0))

LOWEST, HIGHEST = -3, 9  # scale steps from the tonic: from the fifth below to a tenth above


class Moment(NamedTuple):
    """Where the composer stands when choosing a note; all notes as scale steps from the tonic.

    Attributes
    ----------
    before : tuple of int
        The notes so far.
    chord : int
        Scale step of the chord's root, 0 to 6.
    strong : bool
        Whether the note falls on a strong beat.
    left : int
        How many notes remain before the goal: 1 for the last one.
    goal : int
        The note the phrase will end on.
    mode : str
        A name in ``MODES``.
    """

    before: tuple[int, ...]
    chord: int
    strong: bool
    left: int
    goal: int
    mode: str


def mostly_steps(moment: Moment, note: int) -> float:
    """Prefer the next step of the scale; a sixth or more hardly ever, a seventh never."""
    if not moment.before:
        return 1.0 if note in (0, 2, 4) else 0.0
    size = abs(note - moment.before[-1])
    return (0.6, 6.0, 2.0, 1.0, 0.5, 0.1, 0.0, 0.2)[size] if size < 8 else 0.0


def turn_back_after_a_leap(moment: Moment, note: int) -> float:
    """After a fourth or more, take a step in the other direction."""
    if len(moment.before) < 2:
        return 1.0
    leap = moment.before[-1] - moment.before[-2]
    if abs(leap) < 3:
        return 1.0
    back = note - moment.before[-1]
    return 1.0 if back * leap < 0 and abs(back) == 1 else 0.02


def no_tritone(moment: Moment, note: int) -> float:
    """Never leap six semitones."""
    if not moment.before:
        return 1.0
    return (
        0.0 if abs(_semitones(note, moment) - _semitones(moment.before[-1], moment)) == 6 else 1.0
    )


def chord_on_the_beat(moment: Moment, note: int) -> float:
    """Where the beat is strong, sing a note of the chord."""
    if not moment.strong:
        return 1.0
    return 1.0 if (note - moment.chord) % 7 in (0, 2, 4) else 0.05


def leading_note_rises(moment: Moment, note: int) -> float:
    """From a semitone below the tonic, go to the tonic."""
    last = moment.before[-1] if moment.before else 0
    if last % 7 != 6 or MODES[moment.mode][6] != 11:
        return 1.0
    return 4.0 if note == last + 1 else 0.5


def do_not_run_on(moment: Moment, note: int) -> float:
    """After four notes in one direction, turn."""
    line = [*moment.before[-4:], note]
    moves = np.sign(np.diff(line))
    return 0.15 if len(moves) == 4 and abs(moves.sum()) == 4 else 1.0


def arrive_by_step(moment: Moment, note: int) -> float:
    """Be near the goal when it comes, and next to it just before."""
    distance = abs(note - moment.goal)
    if moment.left == 1:
        return 1.0 if distance == 1 else 0.02
    return 1.0 if distance <= 2 * moment.left else 0.1


def _semitones(step: int, moment: Moment) -> int:
    return 12 * (step // 7) + MODES[moment.mode][step % 7]


#: Every rule takes the moment and a candidate and says how much it likes it: 0 forbids.
RULES: tuple[Callable[[Moment, int], float], ...] = (
    mostly_steps,
    turn_back_after_a_leap,
    no_tritone,
    chord_on_the_beat,
    leading_note_rises,
    do_not_run_on,
    arrive_by_step,
)


class RuleComposer:
    """Writes tunes of sixteen bars (two parts of eight, each played twice) by ``RULES``.

    Parameters
    ----------
    metre : {"4/4", "3/4", "6/8"}
        The metre.
    mode : {"major", "minor", "dorian", "mixolydian"}
        The scale.
    rules : sequence of callable, optional
        Other rules, for instance ``RULES`` without one of them, to hear what it did.

    Raises
    ------
    ValueError
        If a name is unknown; the message suggests the nearest.
    """

    def __init__(
        self,
        metre: str = "4/4",
        mode: str = "major",
        rules: tuple[Callable[[Moment, int], float], ...] = RULES,
    ) -> None:
        self.metre = check_in(metre, "metre", tuple(METRES))
        self.mode = check_in(mode, "mode", tuple(MODES))
        self.rules = rules

    def sample(self, seed: int = 0, *, key: str = "D") -> Tune:
        """Write a tune.

        Parameters
        ----------
        seed : int
            The same seed gives the same tune.
        key : str
            Its tonic.

        Returns
        -------
        Tune
            Four phrases, played A A B B.

        Raises
        ------
        ValueError
            If `key` is no key.
        """
        tonic = tonic_pitch(key)
        rng = np.random.default_rng(seed)
        question = self._phrase(rng, QUESTIONS, goal=int(rng.choice([1, 4])))
        ending = self._phrase(rng, ANSWERS, goal=0, opening=question)
        higher = self._phrase(rng, QUESTIONS, goal=int(rng.choice([1, 4])), lift=4)
        part_a = question + ending
        part_b = higher + ending
        notes = part_a + part_a + part_b + part_b
        moment = Moment((), 0, False, 0, 0, self.mode)
        pitches = [tonic + _semitones(step, moment) for step, _ in notes]
        lengths = np.array([length for _, length in notes])
        words = {"metre": self.metre, "key": key, "mode": self.mode}
        title = f"By the rules, seed {seed}"
        return Tune(np.array(pitches), lengths, np.zeros(len(notes)), title=title, **words)

    def _phrase(
        self,
        rng: np.random.Generator,
        progressions: tuple[tuple[int, ...], ...],
        goal: int,
        opening: list[tuple[int, float]] | None = None,
        lift: int = 0,
    ) -> list[tuple[int, float]]:
        """Write four bars of (scale step, length); an answer takes two bars over from `opening`."""
        bars, last_bar = METRES[self.metre]
        chords = progressions[rng.integers(len(progressions))]
        # a phrase has two rhythms, not four: the ear wants to recognise something
        first, second = (bars[i] for i in rng.choice(len(bars), 2, replace=False))
        plan = list(zip(chords, (first, second, first, last_bar)))
        notes: list[tuple[int, float]] = []
        if opening is not None:
            bar_length = sum(last_bar)
            while sum(length for _, length in notes) < 2 * bar_length:
                notes.append(opening[len(notes)])
            plan = plan[2:]
        remaining = sum(len(rhythm) for _, rhythm in plan)
        for chord, rhythm in plan:
            for i, length in enumerate(rhythm):
                remaining -= 1
                before = tuple(step for step, _ in notes)
                strong = i == 0 or sum(rhythm[:i]) * 2 == sum(rhythm)
                moment = Moment(before, chord, strong, remaining, goal, self.mode)
                step = goal if remaining == 0 else self._choose(rng, moment, lift)
                notes.append((step, length))
        return notes

    def _choose(self, rng: np.random.Generator, moment: Moment, lift: int) -> int:
        candidates = np.arange(LOWEST, HIGHEST + 1)
        middle = 2 + lift * min(moment.left / 8, 1)
        weight = np.exp(-0.5 * ((candidates - middle) / 3.5) ** 2)
        for rule in self.rules:
            weight *= [rule(moment, int(note)) for note in candidates]
        return int(rng.choice(candidates, p=weight / weight.sum()))


def broken_rules(tune: Tune) -> dict[str, float]:
    """Count how often a tune does what the rule book would not, to see how far to trust the book.

    Parameters
    ----------
    tune : Tune
        Any tune, for instance a real one.

    Returns
    -------
    dict of str to float
        ``"leaps"``: share of moves of five semitones or more; ``"leaps not turned back"``: share of
        those not followed by one or two semitones the other way; ``"tritones"``: share of moves of
        six semitones; ``"sevenths"``: of ten or eleven; ``"away from home"``: 1 if the last note is
        not the tonic (by `Tune.key`), else 0. Repeated notes are no moves.

    Notes
    -----
    Real tunes leave two leaps in three without a step back. P. von Hippel and D. Huron, "Why do
    skips precede reversals?", *Music Perception* 18, 2000, found that what looks like the old rule
    is the pull of a melody's middle: a leap tends to end far out, and from there most ways lead
    back.
    """
    moves = np.diff(tune.pitches.astype(int))
    moves = moves[moves != 0]
    size = np.abs(moves)
    leap = size[:-1] >= 5
    back = (np.sign(moves[1:]) != np.sign(moves[:-1])) & (size[1:] <= 2)
    home = tune.key and (int(tune.pitches[-1]) - tonic_pitch(tune.key)) % 12 == 0
    return {
        "leaps": _share(size >= 5),
        "leaps not turned back": _share(~back[leap]),
        "tritones": _share(size == 6),
        "sevenths": _share((size == 10) | (size == 11)),
        "away from home": 0.0 if home else 1.0,
    }


def _share(which: np.ndarray) -> float:
    return float(np.mean(which)) if which.size else 0.0
