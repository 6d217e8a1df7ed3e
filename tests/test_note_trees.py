"""Next-note trees, and the meta tree that trusts one of them note by note."""

import numpy as np
import pytest

from etudes.data.tunes import Tune, TuneSet
from etudes.generators.memory import Memory
from etudes.generators.note_questions import LENGTH_QUESTIONS, QUESTIONS, ask, ask_last
from etudes.generators.note_trees import END_CLASS, NoteTree, length_questions
from etudes.generators.tokens import encode
from etudes.generators.trusted_trees import TrustedTrees, evidence, gather, take_turns


def tune(style, seed, n=24):
    """A made-up style: steps up in quavers, or down in triplet rhythm."""
    rng = np.random.default_rng(seed)
    steps = rng.choice([2, 2, 3, -5] if style == "up" else [-2, -1, -2, 4], n)
    pitches = 67 + np.clip(np.cumsum(steps), -12, 12)
    lengths = rng.choice([0.5, 0.5, 1], n) if style == "up" else np.resize([1, 0.5, 0.5], n)
    return Tune(pitches, lengths, np.zeros(n), style=style, key="G", group=seed)


def some(style, start, n=12):
    return [tune(style, start + i) for i in range(n)]


TRAIN = TuneSet.from_tunes(some("up", 0) + some("down", 100))
STRANGER = Tune(*[np.concatenate([getattr(tune(s, 7), k) for s in ("up", "down")])
                  for k in ("pitches", "durations", "rests")], key="G")  # fmt: skip


@pytest.fixture(scope="module")
def tree():
    return NoteTree(min_leaf=5, max_leaves=30).fit(some("up", 0))


@pytest.fixture(scope="module")
def trusted():
    return TrustedTrees(NoteTree(5, 30, 0.1), min_leaf=10, alpha=0.01).fit(TRAIN)


def test_questions_know_what_came_before_and_nothing_else():
    tokens = encode(tune("up", 3))
    rows = ask(tokens)
    assert rows.shape == (len(tokens) + 1, len(QUESTIONS))
    for i in (0, 1, 5, len(tokens)):
        np.testing.assert_array_equal(ask_last(tokens[:i])[0], rows[i])
    named = dict(zip(QUESTIONS, rows[5].tolist(), strict=True))
    onset = sum(length for _, length in tokens[:5])
    assert named["last height"] == tokens[4][0] and named["last length"] == tokens[4][1]
    assert named["last step"] == tokens[4][0] - tokens[3][0]
    assert named["place in half"] == onset % 48 and named["notes so far"] == 5


def test_what_followed_before_is_remembered():
    tokens = [(0, 12), (2, 12), (7, 24), (0, 12), (2, 12), (5, 12)]
    rows = ask(tokens)
    column = QUESTIONS.index("height that followed")
    assert rows[5, column] == 7 and rows[5, column + 1] == 24  # after 0, 2 came 7
    assert rows[3, column] == 60  # 2, 7 is new


def test_expectations_are_distributions(tree):
    tokens = encode(STRANGER)
    rows = ask(tokens)
    heights, lengths = (
        tree.expected_heights(rows),
        tree.expected_lengths(length_questions(rows, tokens)),
    )
    np.testing.assert_allclose(heights.sum(axis=1), 1)
    np.testing.assert_allclose(lengths.sum(axis=1), 1)
    assert heights.min() > 0 and lengths.min() > 0 and heights.shape[1] == END_CLASS + 1
    assert length_questions(rows, tokens).shape == (len(tokens), len(LENGTH_QUESTIONS))
    assert tree.weight(rows).min() > 0 and tree.weight(rows).max() <= 1


def test_a_leaf_that_saw_everything_repeats_the_counts():
    tree = NoteTree(min_leaf=1000, max_leaves=2, caution=0.0).fit(some("down", 0))  # only a root
    tokens = [token for one in some("down", 0) for token in encode(one)]
    share = tree.expected_heights(ask([]))[0]
    seen = np.bincount([height + 44 for height, _ in tokens], minlength=99)
    n, kinds = len(tokens) + 12, np.count_nonzero(seen) + 1  # the end is seen too
    np.testing.assert_allclose(share[:99], (seen + kinds / 100) / (n + kinds))


def test_the_likelihood_of_a_note_does_not_know_the_notes_after_it(tree):
    other = Tune(STRANGER.pitches.copy(), STRANGER.durations, STRANGER.rests, key="G")
    other.pitches[30:] = 60
    assert len(tree.log_prob(STRANGER)) == len(STRANGER) + 1
    np.testing.assert_allclose(tree.log_prob(STRANGER)[:29], tree.log_prob(other)[:29])
    assert (tree.log_prob(STRANGER) < 0).all()


def test_a_tree_expects_its_own_style():
    up, down = NoteTree(5, 30).fit(some("up", 0)), NoteTree(5, 30).fit(some("down", 0))
    new = tune("up", 50)
    assert up.log_prob(new).mean() > down.log_prob(new).mean() + 1


def test_caution_bounds_the_cost_of_a_surprise(tree):
    strange = Tune(np.array([100, 30, 99, 31]), np.full(4, 7.0), np.zeros(4), key="G")
    rash, careful = tree.cautious(0.0), tree.cautious(0.5)
    assert careful.log_prob(strange).min() > rash.log_prob(strange).min() + 1
    assert careful.log_prob(strange).min() > np.log(0.5 * 0.1 / 100 * 0.5 * 0.1 / 192)
    assert tree.caution == 0.03  # left as it was


def test_samples(tree):
    one = tree.sample(3, min_notes=20, max_notes=40, key="A")
    assert np.array_equal(one.pitches, tree.sample(3, min_notes=20, max_notes=40, key="A").pitches)
    assert 20 <= len(one) <= 40 and one.key == "A" and np.isfinite(tree.log_prob(one)).all()
    opening = tune("up", 5).excerpt(0, 6)
    further = tree.sample(3, opening=opening, key="G", min_notes=10)
    np.testing.assert_array_equal(further.pitches[:6], opening.pitches)


def test_the_log_probability_is_that_of_the_trusted(trusted):
    names, each = (
        trusted.trusted(STRANGER),
        {k: m.log_prob(STRANGER) for k, m in trusted.members.items()},
    )
    want = [each[name][i] for i, name in enumerate(names)]
    np.testing.assert_allclose(trusted.log_prob(STRANGER), want)


def test_trust_follows_the_tune(trusted):
    for style in ("up", "down"):
        told = [trusted.trusted(tune(style, 60 + i))[6:] for i in range(3)]
        assert np.mean([name == style for names in told for name in names]) > 0.6


def test_trust_does_not_know_the_note_to_come(trusted):
    other = Tune(STRANGER.pitches.copy(), STRANGER.durations, STRANGER.rests, key="G")
    other.pitches[20:] = 55
    for record in (True, False):
        one, names = evidence(trusted.members, encode(STRANGER), record)
        two, _ = evidence(trusted.members, encode(other), record)
        np.testing.assert_allclose(one.properties[:21], two.properties[:21])
        assert one.properties.shape == (len(STRANGER) + 1, len(names))
    assert not any(name.startswith("lag") for name in names)


def test_the_lag_is_what_an_expert_lost_beyond_the_leader(trusted):
    found, names = evidence(trusted.members, encode(STRANGER))
    lags = found.properties[:, [names.index(f"lag of {name}") for name in trusted.members]]
    spent = found.bits[:10].sum(axis=0)
    np.testing.assert_allclose(lags[10], (spent - spent.min()) / 12)
    assert (lags.min(axis=1) == 0).all() and (lags[0] == 0).all()


def test_the_meta_tree_learns_from_tunes_that_the_trees_below_it_have_not_seen():
    for members, held in take_turns(NoteTree(5, 30), TRAIN, n_folds=3, most=12):
        assert set(members) == {"down", "up"}
        assert 0 < len(held) <= 8
        seen = sum(tree._trees[0].tree_.n_node_samples[0] for tree in members.values())
        assert seen == 25 * (len(TRAIN) - 8)  # two thirds of 12 tunes, twice, with their ends


def test_composed_tunes_are_playable_and_not_copied(trusted):
    tunes = [trusted.sample(seed, min_notes=30, max_notes=40) for seed in range(4)]
    assert all(np.isfinite(trusted.log_prob(one)).all() for one in tunes)
    assert all(one.pitches.min() >= 48 and one.pitches.max() <= 96 for one in tunes)
    memory = Memory(TRAIN)
    assert max(memory.longest_copy(one).n_notes for one in tunes) < 20


def test_leaves_that_share_ask_the_same_and_lose_less(trusted):
    turns = take_turns(NoteTree(5, 30, 0.1), TRAIN, n_folds=3)
    gathered = [gather(members, held) for members, held in turns]
    sharing = TrustedTrees(min_leaf=10, alpha=0.01, share=True)
    sharing.fit_evidence(trusted.members, gathered)
    assert str(sharing.tree) == str(trusted.tree)
    np.testing.assert_allclose(sharing.shares.sum(axis=1), 1)
    found, _ = evidence(trusted.members, encode(STRANGER))
    leaf = sharing.tree.root.route(found.properties)
    want = -np.log2((sharing.shares[leaf] * 2.0**-found.bits).sum(axis=1))
    np.testing.assert_allclose(sharing.log_prob(STRANGER), -want * np.log(2))
    learned = [(sharing.lost(one).mean(), trusted.lost(one).mean()) for one, _ in gathered]
    assert all(shared <= alone for shared, alone in learned)
    one = sharing.sample(3, min_notes=30, max_notes=40)
    assert np.array_equal(one.pitches, sharing.sample(3, min_notes=30, max_notes=40).pitches)
    assert np.isfinite(sharing.log_prob(one)).all()


def test_bad_input(tree):
    with pytest.raises(ValueError, match="tunes must hold at least one tune"):
        NoteTree().fit([])
    with pytest.raises(ValueError, match="call fit"):
        NoteTree().log_prob(STRANGER)
    with pytest.raises(ValueError, match="max_leaves must be at least 2"):
        NoteTree(max_leaves=1)
    with pytest.raises(ValueError, match="caution must"):
        NoteTree(caution=1.5)
    with pytest.raises(ValueError, match="caution must"):
        tree.cautious(-0.1)
    with pytest.raises(ValueError, match="max_notes must be at least min_notes"):
        tree.sample(min_notes=50, max_notes=20)
    with pytest.raises(ValueError, match="temperature must"):
        tree.sample(temperature=0.0)
    with pytest.raises(ValueError, match="tunes must be of two styles or more"):
        TrustedTrees().fit(TuneSet.from_tunes(some("up", 0)))
    with pytest.raises(ValueError, match="a fold holds all tunes of one style"):
        together = [Tune(**{**one.__dict__, "group": 5}) for one in some("down", 0)]
        TrustedTrees().fit(TuneSet.from_tunes(some("up", 10) + together))
    with pytest.raises(ValueError, match="tunes must hold at least one tune"):
        gather({"up": tree}, [])
