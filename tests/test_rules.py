"""The rule-based composer: its tunes keep its rules, and each rule does something."""

import numpy as np
import pytest

from etudes.data.tunes import Tune
from etudes.generators import rules
from etudes.generators.rules import METRES, MODES, RULES, Moment, RuleComposer, broken_rules

BAR = {"4/4": 4, "3/4": 3, "6/8": 3}


def moment(before=(), chord=0, strong=False, left=9, goal=0, mode="major"):
    return Moment(before, chord, strong, left, goal, mode)


@pytest.mark.parametrize("metre", METRES)
@pytest.mark.parametrize("mode", MODES)
def test_a_tune_has_its_form_and_scale_and_comes_home(metre, mode):
    for seed in range(5):
        tune = RuleComposer(metre, mode).sample(seed, key="G")
        assert tune.quarters == 32 * BAR[metre]
        assert (tune.metre, tune.mode, tune.key) == (metre, mode, "G")
        assert set((tune.pitches.astype(int) - 55) % 12) <= set(MODES[mode])
        assert (int(tune.pitches[-1]) - 55) % 12 == 0
        assert tune.pitches.min() >= 48 and tune.pitches.max() <= 84
        bars = np.arange(32) * BAR[metre]
        assert np.isin(bars, np.round(tune.onsets, 6)).all(), "every bar begins with a note"


def test_parts_are_played_twice_and_both_end_alike():
    tune = RuleComposer("4/4").sample(1)
    per_part = len(tune) // 2
    quarter = np.searchsorted(tune.onsets, [32, 64, 96])
    part = np.split(tune.pitches, quarter)
    np.testing.assert_array_equal(part[0], part[1])
    np.testing.assert_array_equal(part[2], part[3])
    assert per_part and (part[0][-6:] == part[2][-6:]).all()
    assert part[2].mean() != part[0].mean()


def test_an_answer_begins_as_its_question():
    tune = RuleComposer("6/8").sample(2)
    start = np.searchsorted(tune.onsets, 12)  # bar 5
    n = np.searchsorted(tune.onsets, 6)  # two bars
    np.testing.assert_array_equal(tune.pitches[:n], tune.pitches[start : start + n])


def test_tunes_repeat_with_the_seed():
    one, same, other = (RuleComposer("3/4").sample(seed) for seed in (7, 7, 8))
    np.testing.assert_array_equal(one.pitches, same.pitches)
    assert len(one) != len(other) or (one.pitches != other.pitches).any()


def test_what_each_rule_says():
    assert rules.mostly_steps(moment((2,)), 3) > rules.mostly_steps(moment((2,)), 5)
    assert rules.mostly_steps(moment((0,)), 6) == 0 == rules.mostly_steps(moment((0,)), 12)
    after_leap = moment((0, 4))
    assert rules.turn_back_after_a_leap(after_leap, 3) == 1
    assert rules.turn_back_after_a_leap(after_leap, 5) < 0.1
    assert rules.turn_back_after_a_leap(moment((0, 1)), 2) == 1
    assert rules.no_tritone(moment((3,)), 6) == 0 < rules.no_tritone(moment((3,)), 5)
    assert rules.chord_on_the_beat(moment((0,), chord=4, strong=True), 6) == 1
    assert rules.chord_on_the_beat(moment((0,), chord=4, strong=True), 0) < 0.1
    assert rules.chord_on_the_beat(moment((0,), chord=4), 0) == 1
    assert rules.leading_note_rises(moment((6,)), 7) > rules.leading_note_rises(moment((6,)), 5)
    assert rules.leading_note_rises(moment((6,), mode="dorian"), 5) == 1
    assert rules.do_not_run_on(moment((0, 1, 2, 3)), 4) < rules.do_not_run_on(moment((0, 1, 2)), 3)
    assert rules.arrive_by_step(moment((4,), left=1, goal=0), 1) == 1
    assert rules.arrive_by_step(moment((4,), left=1, goal=0), 4) < 0.1


def test_a_rule_left_out_can_be_heard():
    def mean(name, chosen):
        tunes = [RuleComposer("6/8", rules=chosen).sample(seed) for seed in range(12)]
        return np.mean([broken_rules(tune)[name] for tune in tunes])

    without_turning = tuple(r for r in RULES if r is not rules.turn_back_after_a_leap)
    assert mean("leaps not turned back", without_turning) > 1.5 * mean(
        "leaps not turned back", RULES
    )
    without_tritone_rule = tuple(r for r in RULES if r is not rules.no_tritone)
    assert mean("tritones", RULES) < 0.2 * mean("tritones", without_tritone_rule)


def test_counting_broken_rules():
    def tune(*pitches, key="C"):
        n = len(pitches)
        return Tune(np.array(pitches), np.ones(n), np.zeros(n), key=key)

    good = broken_rules(tune(60, 67, 65, 64, 62, 60))
    assert good["leaps"] == 0.2 and good["leaps not turned back"] == 0
    assert good["away from home"] == 0
    bad = broken_rules(tune(60, 67, 67, 69, 75, 64))
    assert bad["leaps not turned back"] == 1 - 0.5 or bad["leaps not turned back"] == 1
    assert bad["tritones"] == 0.25 and bad["sevenths"] == 0.25 and bad["away from home"] == 1
    assert broken_rules(tune(60, key=""))["leaps"] == 0


def test_bad_input_is_named():
    with pytest.raises(ValueError, match="metre must be"):
        RuleComposer("5/4")
    with pytest.raises(ValueError, match="did you mean 'mixolydian'"):
        RuleComposer(mode="mixolydien")
    with pytest.raises(ValueError, match="key must be"):
        RuleComposer().sample(key="x")
