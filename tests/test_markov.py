"""Markov chains, their smoothing, notes as tokens, and the test for copying."""

import itertools
from collections import Counter

import numpy as np
import pytest

from etudes.data.tunes import Tune
from etudes.evaluate import bits_per_note
from etudes.generators.markov import MarkovChain
from etudes.generators.memory import Memory
from etudes.generators.smoothing import kneser_ney, witten_bell
from etudes.generators.tokens import (
    END,
    N_POSSIBLE,
    START,
    UNKNOWN,
    decode,
    encode,
    tonic_pitch,
)


def tune(pitches, durations=None, rests=None, key="C"):
    pitches = np.array(pitches)
    durations = np.ones(len(pitches)) if durations is None else np.array(durations)
    rests = np.zeros(len(pitches)) if rests is None else np.array(rests)
    return Tune(pitches, durations, rests, key=key)


def random_tunes(n_tunes, seed=0, n_notes=30):
    rng = np.random.default_rng(seed)
    return [
        tune(
            60 + np.cumsum(rng.choice([-2, -1, 0, 1, 2, 5, -5], n_notes)).clip(-10, 10),
            rng.choice([0.5, 1.0, 1.5], n_notes),
        )
        for _ in range(n_tunes)
    ]


SMOOTHINGS = ["kneser-ney", "witten-bell"]

# --- tokens -------------------------------------------------------------------------------------


def test_tonics_are_near_middle_c():
    names = ("C", "F#", "F", "Bb", "B", "Cb")
    assert [tonic_pitch(key) for key in names] == [60, 54, 65, 58, 59, 59]
    for bad in ("", "H", "Cm", "c"):
        with pytest.raises(ValueError, match="key must be a letter from A to G"):
            tonic_pitch(bad)


def test_keys_and_rests_do_not_matter_to_tokens():
    in_c = tune([60, 64, 67], [1, 0.5, 1.5])
    in_g = tune([55, 59, 62], [1, 0.5, 1], rests=[1, 0, 0], key="G")
    assert encode(in_c) == [(0, 24), (4, 12), (7, 36)]
    assert encode(in_g)[:2] == encode(in_c)[:2]
    with_rest = tune([60, 64], [0.5, 1], rests=[0, 0.5])
    assert encode(with_rest) == [(0, 24), (4, 24)]
    assert encode(in_c, "interval") == [(0, 24), (4, 12), (3, 36)]
    assert encode(tune([62, 60, 65], key=""))[-1][0] == 0  # without a key, the last note is home
    assert encode(tune([60], [100.0])) == [(0, 192)]
    with pytest.raises(ValueError, match="height must be"):
        encode(in_c, "pitch")


@pytest.mark.parametrize("height", ["degree", "interval"])
def test_decoding_undoes_encoding(height):
    for original in random_tunes(5):
        again = decode(encode(original, height), height, key="C")
        np.testing.assert_array_equal(again.pitches, original.pitches)
        np.testing.assert_allclose(again.durations, original.durations)
    with pytest.raises(ValueError, match="at least one note"):
        decode([], height)


# --- probabilities ------------------------------------------------------------------------------


@pytest.mark.parametrize("smoothing", SMOOTHINGS)
@pytest.mark.parametrize("height", ["degree", "interval"])
@pytest.mark.parametrize("order", range(5))
def test_probabilities_add_up_to_one_after_any_context(order, height, smoothing):
    tunes = random_tunes(12)
    chain = MarkovChain(order, height, smoothing).fit(tunes)
    rng = np.random.default_rng(order)
    vocabulary = chain.vocabulary
    assert vocabulary.count(END) == 1 and vocabulary.count(UNKNOWN) == 1
    assert START not in vocabulary
    for _ in range(20):
        context = [vocabulary[i] for i in rng.integers(len(vocabulary), size=rng.integers(7))]
        found = chain.probabilities(context)
        assert sum(found.values()) == pytest.approx(1, abs=1e-9)
        assert min(found.values()) > 0
        for token in [*vocabulary[::5], UNKNOWN, END]:
            assert chain.probability(token, context) == pytest.approx(found[token], rel=1e-9)
    assert chain.probability((99, 1), []) == chain.probabilities([])[UNKNOWN]


def test_witten_bell_by_hand():
    # A B A C A end: after A came B, C, end once each
    a, b, c = (0, 24), (2, 24), (4, 24)
    chain = MarkovChain(1, smoothing="witten-bell").fit([tune([60, 62, 60, 64, 60])])
    # empty context: 6 tokens, 4 different; unknown gets what is left
    p0 = {a: 3 / 10, b: 1 / 10, c: 1 / 10, END: 1 / 10, UNKNOWN: 4 / 10}
    assert chain.probabilities([]) == pytest.approx(p0)
    after_a = {x: ((x in (b, c, END)) + 3 * p) / 6 for x, p in p0.items()}
    assert chain.probabilities([a]) == pytest.approx(after_a)
    after_b = {x: ((x == a) + 1 * p) / 2 for x, p in p0.items()}
    assert chain.probabilities([c, b]) == pytest.approx(after_b)


def brute_force(tunes, order, smoothing, context, token):
    """The formulas, written as slowly and as literally as possible."""
    texts = [[START] * order + encode(t) + [END] for t in tunes]

    def plain(h, x):
        n = 0
        for text in texts:
            here = 0
            for i in range(order, len(text)):
                here += text[i] == x and tuple(text[i - len(h) : i]) == h
            n += min(here, 1) if smoothing == "kneser-ney" and h else here
        return n

    letters = sorted({x for text in texts for x in text[order:]})
    grams = {tuple(text[i - order : i]) for text in texts for i in range(order, len(text))}

    def count(h, x):
        if smoothing == "witten-bell" or len(h) == order:
            return plain(h, x)
        one_longer = {g[-len(h) - 1 :] for g in grams}
        return sum(plain(g, x) > 0 for g in one_longer if g[1:] == h)

    def discounts(length):
        contexts = {g[len(g) - length :] for g in grams}
        sizes = Counter(count(h, x) for h in contexts for x in letters)
        n1, n2, n3, n4 = (sizes[k] for k in (1, 2, 3, 4))
        if not (n1 and n2 and n3):
            return [0, 0.5, 1.0, 1.5]
        y = n1 / (n1 + 2 * n2)
        raw = [1 - 2 * y * n2 / n1, 2 - 3 * y * n3 / n2, 3 - 4 * y * n4 / n3]
        return [0] + [min(max(d, 0.1), k - 0.1) for k, d in zip((1, 2, 3), raw)]

    def p(h):
        total = sum(count(h, x) for x in letters)
        lower = p(h[1:]) if h else float(token == UNKNOWN)
        if total == 0:
            return lower
        different = sum(count(h, x) > 0 for x in letters)
        if smoothing == "witten-bell":
            return (count(h, token) + different * lower) / (total + different)
        d = discounts(len(h))
        taken = sum(d[min(count(h, x), 3)] for x in letters)
        own = count(h, token) - d[min(count(h, token), 3)]
        return (own + taken * lower) / total

    return p(tuple(context[len(context) - order :]))


@pytest.mark.parametrize("smoothing", SMOOTHINGS)
@pytest.mark.parametrize("order", [0, 1, 2, 3])
def test_agrees_with_the_formulas_written_out(order, smoothing):
    tunes = [tune(p) for p in ([60, 62, 60, 62, 64], [60, 62, 64, 62, 60, 62], [64, 62, 60, 60])]
    chain = MarkovChain(order, smoothing=smoothing).fit(tunes)
    held_out = tune([60, 62, 64, 65, 62, 60, 62, 62])
    tokens = [START] * order + encode(held_out) + [END]
    expected = []
    for i in range(order, len(tokens)):
        known = tokens[i] in chain.vocabulary
        p = brute_force(tunes, order, smoothing, tokens[:i], tokens[i] if known else UNKNOWN)
        expected.append(np.log(p) - (0 if known else np.log(N_POSSIBLE - 3)))
    np.testing.assert_allclose(chain.log_prob(held_out), expected, rtol=1e-9)


def test_a_tune_that_repeats_itself_is_one_witness():
    """Written-out repeats change nothing for Kneser-Ney, and a lot for plain counts."""
    tunes = random_tunes(12)
    body = [encode(t)[4:8] for t in tunes]
    doubled = [tune(np.tile(t.pitches, 2), np.tile(t.durations, 2)) for t in tunes]
    once, twice = (MarkovChain(2).fit(some) for some in (tunes, doubled))
    for context in body:
        inside = {x: n for x, n in once.counts[2].get(tuple(context[:2]), {}).items() if x != END}
        again = {x: n for x, n in twice.counts[2][tuple(context[:2])].items() if x != END}
        assert all(again[x] == n or n < again[x] <= n + 2 for x, n in inside.items())
    plain = MarkovChain(2, smoothing="witten-bell").fit(doubled)
    assert sum(c.total() for c in plain.counts[2].values()) > 1.5 * sum(
        c.total() for c in twice.counts[2].values()
    )


def test_a_chain_of_order_k_sees_k_notes_and_no_more():
    tunes = random_tunes(20)
    chain = MarkovChain(2).fit(tunes)
    one, two, three = encode(tunes[0])[4:7]
    assert chain.probabilities([one, two, three]) == chain.probabilities([two, three])
    assert chain.probabilities([two, three]) != chain.probabilities([three])
    bag = MarkovChain(0).fit(tunes)
    assert bag.probabilities([one]) == bag.probabilities([two])


def test_log_probabilities_are_finite_and_include_the_end():
    chain = MarkovChain(4).fit(random_tunes(5))
    strange = tune([21, 108, 33, 77], [0.01, 7.7, 40, 0.333])
    found = chain.log_prob(strange)
    assert found.shape == (5,) and np.isfinite(found).all() and (found < 0).all()
    # an unknown note pays for being one of thousands
    assert found[0] < np.log(chain.probability(UNKNOWN, [START] * 4)) - 9
    assert np.isfinite(bits_per_note([found, chain.log_prob(random_tunes(1, 9)[0])]))


def test_memory_helps_on_what_repeats_and_training_tunes_look_too_good():
    pattern = [60, 62, 64, 65, 67, 65, 64, 62]
    repeating = [tune(np.tile(pattern, 6) + (k % 2)) for k in range(60)]
    bits = [bits_per_note(MarkovChain(k).fit(repeating).log_prob(repeating[0])) for k in (0, 1, 2)]
    assert bits[0] > bits[1] > bits[2] and bits[2] < 0.5
    train, new = random_tunes(20), random_tunes(20, seed=1)
    chain = MarkovChain(4).fit(train)
    on_train = bits_per_note([chain.log_prob(t) for t in train])
    assert on_train < 0.7 * bits_per_note([chain.log_prob(t) for t in new])


def test_fitting_again_adds():
    first, second = random_tunes(4), random_tunes(4, seed=5)
    once = MarkovChain(2).fit(first + second)
    twice = MarkovChain(2).fit(first).fit(second)
    assert once.probabilities([]) == pytest.approx(twice.probabilities([]))


def test_smoothing_tables_leave_nothing_over():
    counts = [{(): Counter("aab")}, {("a",): Counter("ab"), ("b",): Counter("a")}]
    for smooth in (kneser_ney, witten_bell):
        for table in smooth(counts):
            for row in table.values():
                assert sum(row.kept.values()) + row.passed_on == pytest.approx(1)
                assert row.passed_on > 0


# --- samples ------------------------------------------------------------------------------------


def test_samples_repeat_with_the_seed_and_keep_in_range():
    chain = MarkovChain(1, "interval").fit(random_tunes(10))
    one, same, other = (chain.sample(seed, max_notes=200) for seed in (3, 3, 4))
    np.testing.assert_array_equal(one.pitches, same.pitches)
    np.testing.assert_array_equal(one.durations, same.durations)
    assert len(one) != len(other) or (one.pitches != other.pitches).any()
    for seed in range(10):
        sample = chain.sample(seed, min_notes=40, max_notes=60)
        assert 40 <= len(sample) <= 60
        assert sample.pitches.min() >= 48 and sample.pitches.max() <= 96
        assert sample.key == "D"


def test_samples_follow_the_odds():
    a, b = 60, 67
    tunes = [tune([a, a, a, b] * 10)]
    chain = MarkovChain(0, smoothing="witten-bell").fit(tunes)
    sample = chain.sample(0, key="C", min_notes=2000, max_notes=2000)
    assert np.mean(sample.pitches == a) == pytest.approx(0.75, abs=0.03)
    cold = chain.sample(0, key="C", min_notes=500, max_notes=500, temperature=0.3)
    assert np.mean(cold.pitches == a) > 0.95


def test_a_sample_goes_on_from_its_opening():
    tunes = random_tunes(10)
    opening = tunes[0].excerpt(0, 6)
    sample = MarkovChain(3).fit(tunes).sample(1, key="C", opening=opening)
    np.testing.assert_array_equal(sample.pitches[:6], opening.pitches)
    assert len(sample) > 6


def test_samples_in_another_key_are_the_same_tune():
    chain = MarkovChain(2).fit(random_tunes(10))
    in_c, in_e = chain.sample(5, key="C"), chain.sample(5, key="E")
    np.testing.assert_array_equal(in_c.pitches + 4, in_e.pitches)


# --- bad input ----------------------------------------------------------------------------------


def test_bad_input_is_named():
    with pytest.raises(ValueError, match="order"):
        MarkovChain(-1)
    with pytest.raises(TypeError, match="order"):
        MarkovChain(1.5)
    with pytest.raises(ValueError, match="did you mean 'degree'"):
        MarkovChain(1, "degrees")
    with pytest.raises(ValueError, match="smoothing must be"):
        MarkovChain(1, smoothing="laplace")
    with pytest.raises(ValueError, match="at least one tune"):
        MarkovChain(1).fit([])
    empty = MarkovChain(1)
    for ask in (empty.sample, lambda: empty.log_prob(tune([60])), lambda: empty.vocabulary):
        with pytest.raises(ValueError, match="call fit"):
            ask()
    chain = MarkovChain(1).fit(random_tunes(2))
    with pytest.raises(ValueError, match="temperature"):
        chain.sample(temperature=0)
    with pytest.raises(ValueError, match="max_notes must be at least min_notes, got 5 < 10"):
        chain.sample(min_notes=10, max_notes=5)
    with pytest.raises(ValueError, match="key must be"):
        chain.sample(key="H")


# --- copying ------------------------------------------------------------------------------------


def test_a_copy_is_found_in_another_key_and_at_another_speed():
    tunes = random_tunes(30)
    memory = Memory(tunes)
    quote = tunes[17].excerpt(8, 20).transpose(3)
    fast = Tune(quote.pitches, quote.durations / 2, quote.rests)
    new = random_tunes(1, seed=99)[0]
    assert memory.longest_copy(quote)[0] == memory.longest_copy(fast)[0] == 12
    assert memory.longest_copy(quote).tune == 17
    mixed = tune(
        np.concatenate([new.pitches[:9], quote.pitches]),
        np.concatenate([new.durations[:9], quote.durations]),
    )
    found = memory.longest_copy(mixed)
    assert 12 <= found.n_notes <= 14 and found.tune == 17 and 7 <= found.start <= 9
    assert memory.longest_copy(new).n_notes < 9
    assert memory.longest_copy(tunes[4]).n_notes == len(tunes[4])


def test_the_longest_copy_is_the_longest():
    tunes, new = random_tunes(6, n_notes=20), random_tunes(4, seed=3, n_notes=20)

    def stretches(t, n):
        tokens = np.diff(t.pitches.astype(int))
        ratio = t.durations[1:] / t.durations[:-1]
        return {
            (*tokens[i : i + n].tolist(), *np.round(ratio[i : i + n], 3).tolist())
            for i in range(len(tokens) - n + 1)
        }

    for t in new:
        known = [n for n in range(1, 20) if any(stretches(t, n) & stretches(o, n) for o in tunes)]
        assert Memory(tunes).longest_copy(t).n_notes == max(known, default=0) + 1


def test_the_nearest_tune_holds_most_of_it():
    tunes = random_tunes(30)
    memory = Memory(tunes)
    assert memory.nearest(tunes[11]) == (1.0, 11)
    half = tune(
        np.concatenate([tunes[5].pitches[:16], random_tunes(1, seed=77)[0].pitches[:16]]),
        np.concatenate([tunes[5].durations[:16], np.full(16, 0.5)]),
    )
    share, number = memory.nearest(half)
    assert number == 5 and 0.3 < share < 0.7
    assert memory.nearest(tune([60, 62]))[0] == 0
    with pytest.raises(ValueError, match="at least one tune"):
        Memory([])


def test_order_four_quotes_more_than_order_one():
    tunes = random_tunes(15)
    memory = Memory(tunes)

    def copied(order):
        chain = MarkovChain(order).fit(tunes)
        samples = [chain.sample(seed, key="C", min_notes=30, max_notes=30) for seed in range(15)]
        return np.mean([memory.longest_copy(s).n_notes for s in samples])

    lengths = [copied(order) for order in (0, 1, 4)]
    assert all(a < b for a, b in itertools.pairwise(lengths)), lengths
