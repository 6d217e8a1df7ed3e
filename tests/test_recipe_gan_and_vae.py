"""The recipe for generators, critics and VAEs: whose turn it is, what is drawn, what is kept."""

import types
from copy import deepcopy
from dataclasses import replace
from functools import partial
from itertools import pairwise

import numpy as np
import pytest
import torch

from etudes.data.duets import DUETS, duets
from etudes.evaluate import evaluate_separator, si_sdr
from etudes.recipes import separation_training
from etudes.recipes.gan_and_vae import methods, rivals, sources
from etudes.recipes.gan_and_vae.rivals import Rivals, Turns, generator_score, train_rivals
from etudes.recipes.gan_and_vae.sources import SOURCES, SOURCES_OF, Solos, train_vae, vae_loss
from etudes.recipes.separation_training import Crops
from etudes.separators import (
    Critic,
    MaskGenerator,
    MixtureEncoder,
    SourceVAE,
    VAESeparator,
    by_higher_note,
)
from etudes.separators.gan import critic_loss, passing_loss, reachable
from etudes.separators.mask_network import mask_loss
from etudes.separators.torch_stft import stft
from etudes.train import fit
from etudes.train.run import Generators

N = 8192


def excerpt(seed):
    """Two steady tones of three harmonics, one high, one low."""
    rng, time = np.random.default_rng(seed), np.arange(N) / 8000
    notes = (rng.uniform(600, 900), rng.uniform(150, 250))
    each = [sum(np.sin(2 * np.pi * h * note * time) for h in (1, 2, 3)) for note in notes]
    return (np.stack(each) / 10).astype(np.float32)


EXCERPTS = [excerpt(seed) for seed in range(3)]
LONG = [np.tile(one, 3) for one in EXCERPTS]


def generator(seed=0, **sizes):
    torch.manual_seed(seed)
    return MaskGenerator(**{"width": 4, "n_layers": 1, **sizes})


def vaes():
    torch.manual_seed(0)
    return [SourceVAE(n_latents=2, width=4) for _ in range(2)]


@pytest.fixture
def brief(monkeypatch):
    """Small networks, small crops, excerpts of half a second; tells which were asked for."""
    asked = []

    def stems(names, n_excerpts):
        asked.append((tuple(names), n_excerpts))
        return EXCERPTS[:n_excerpts]

    def held(name):
        asked.append(name)
        stems = EXCERPTS[list(DUETS).index(name)]
        return [types.SimpleNamespace(stems=stems, mixture=stems.sum(axis=0), group=0)]

    for module in (rivals, sources):
        monkeypatch.setattr(module, "training_stems", stems)
        monkeypatch.setattr(module, "Crops", partial(Crops, batch=2, n_frames=16))
    for module in (sources, separation_training):
        monkeypatch.setattr(module, "validation_duets", held)
    monkeypatch.setattr(rivals, "MaskGenerator", partial(MaskGenerator, width=4, n_layers=1))
    monkeypatch.setattr(rivals, "Critic", partial(Critic, width=2))
    monkeypatch.setattr(sources, "SourceVAE", partial(SourceVAE, 2, 4))
    monkeypatch.setattr(sources, "MixtureEncoder", partial(MixtureEncoder, width=4))
    return asked


# Turns


class Numbers:
    """Batch `i` is `i`."""

    def __getitem__(self, i):
        return i


def test_the_critic_is_alone_first_and_then_they_take_turns():
    turns = [Turns(Numbers(), 3)[i] for i in range(9)]
    assert [critics for critics, _ in turns] == [True] * 3 + [True, False] * 3
    assert [crop for _, crop in turns] == list(range(9))
    assert [Turns(Numbers(), 0)[i][0] for i in range(4)] == [True, False, True, False]


@pytest.mark.parametrize("n_alone", [0, 3, 4])
def test_the_control_gets_the_generators_crops(n_alone):
    both, control = (Turns(Numbers(), n_alone, with_critic) for with_critic in (True, False))
    generators = [crop for critics, crop in (both[i] for i in range(n_alone + 20)) if not critics]
    assert len(generators) == 10
    assert [control[i] for i in range(10)] == [(False, crop) for crop in generators]


STEMS = torch.from_numpy(np.stack(EXCERPTS[:2]))


def gradients(module):
    """Which weights have a gradient that is not zero."""
    return [p.grad is not None and bool(p.grad.abs().sum() > 0) for p in module.parameters()]


def two(seed=0, **sizes):
    """A small generator and a small critic."""
    made = generator(seed, **sizes)
    return Rivals(made, Critic(width=2))


@pytest.mark.parametrize("critics_turn", [True, False])
def test_on_ones_turn_the_other_has_no_gradient(critics_turn):
    both = two()
    both.turn((critics_turn, STEMS), 1.0, 0.5).backward()
    moving, resting = both.critic, both.generator
    if not critics_turn:
        moving, resting = resting, moving
    assert all(gradients(moving))
    assert all(p.grad is None for p in resting.parameters())
    assert all(p.requires_grad for p in both.parameters())


@pytest.mark.parametrize(("supervision", "adversary"), [(1.0, 0.0), (0.7, 0.3), (0.0, 2.0)])
def test_the_loss_of_each_turn_is_that_of_its_terms(supervision, adversary):
    both = two().eval()  # the critic's norms stay as they are
    spectra = stft(STEMS)
    size = spectra.sum(dim=1).abs()
    with torch.no_grad():
        masks = both.generator(spectra.sum(dim=1))
        made, real = both.critic(size, masks * size[:, None]), both.critic(size, reachable(spectra))
        wanted = supervision * mask_loss(masks, spectra) + adversary * passing_loss(made)
        found = both.turn((False, STEMS), supervision, adversary)
        critics = both.turn((True, STEMS), supervision, adversary)
    assert found.item() == pytest.approx(wanted.item(), rel=1e-5)
    assert critics.item() == pytest.approx(critic_loss(real, made).item(), rel=1e-5)


def test_the_critic_alone_moves_the_generator_too():
    both = two()
    both.turn((False, STEMS), 0.0, 1.0).backward()
    assert all(gradients(both.generator))


def test_without_adversary_the_critic_is_not_asked(monkeypatch):
    both = two()
    monkeypatch.setattr(both.critic, "forward", None)
    assert both.turn((False, STEMS), 1.0, 0.0).item() > 0


def test_turns_are_on_the_generators_own_window():
    both = two(n_fft=256, hop_length=64)
    wanted = both.generator.loss(STEMS)
    assert both.turn((False, STEMS), 1.0, 0.0).item() == pytest.approx(wanted.item(), rel=1e-5)


# Training


def test_a_generator_learns_from_all_three_duets(brief):
    model, history = rivals.train_generator(12, 2, validate=False, progress=False)
    assert brief == [(tuple(DUETS), 2)] and not model.training
    assert history.steps == 12 and np.mean(history.losses[-3:]) < np.mean(history.losses[:3])
    once, again, other = (
        rivals.train_generator(2, 2, seed, False, progress=False)[1].losses for seed in (0, 0, 1)
    )
    assert once == again != other


def test_the_best_generator_on_validation_is_kept(brief, monkeypatch):
    scores = iter([1.0, 3.0, 2.0])
    seen = []

    def score(model):
        seen.append(deepcopy(model.state_dict()))
        return next(scores)

    monkeypatch.setattr(separation_training, "fit", lambda *a, **k: fit(*a, **{**k, "every": 2}))
    monkeypatch.setattr(rivals, "generator_score", score)
    model, history = rivals.train_generator(6, 2, progress=False)
    assert history.best_step == 4 and history.best_validation == 3.0
    assert all(torch.equal(seen[1][key], value) for key, value in model.state_dict().items())


def test_the_score_is_the_mean_over_duets(brief):
    model = generator()
    found = generator_score(model)
    assert brief == list(DUETS)
    each = []
    for stems in EXCERPTS:
        one = types.SimpleNamespace(stems=stems, mixture=stems.sum(axis=0), group=0)
        each.append(evaluate_separator(lambda m: model.separate(m.mixture), [one]).mean)
    assert found == pytest.approx(np.mean(each), abs=1e-4) and np.ptp(each) > 1e-3
    brief.clear()
    assert generator_score(Rivals(model, Critic(width=2))) == pytest.approx(found)


def weights(module):
    return {key: value.clone() for key, value in module.state_dict().items()}


def same(one, other):
    return all(torch.equal(one[key], other[key]) for key in one)


def rival(steps, **given):
    return train_rivals(generator(), steps, n_alone=2, n_excerpts=2, progress=False, **given)


def test_without_an_adversary_no_weight_of_the_critic_moves(brief):
    given = generator()
    before = weights(given)
    model, history = train_rivals(given, 3, n_alone=2, n_excerpts=2, progress=False)
    torch.manual_seed(1)
    fresh = Critic(width=2)
    assert same(weights(model.critic), weights(fresh))
    assert same(weights(given), before) and not same(weights(model.generator), before)
    assert history.steps == 3 and not model.training and brief == [(tuple(DUETS), 2)]


def test_with_an_adversary_both_move_and_the_given_generator_does_not(brief):
    given = generator().requires_grad_(False)
    before = weights(given)
    model, history = train_rivals(given, 3, adversary=0.3, n_alone=2, n_excerpts=2, progress=False)
    assert history.steps == 2 + 2 * 3
    torch.manual_seed(1)
    fresh = dict(Critic(width=2).named_parameters())
    assert not any(torch.equal(fresh[key], p) for key, p in model.critic.named_parameters())
    moved = model.generator.named_parameters()
    assert not any(torch.equal(before[key], p) for key, p in moved)
    assert same(weights(given), before)


def test_the_generator_rests_while_the_critic_is_alone(brief, monkeypatch):
    states, really = [], Rivals.turn

    def watched(model, batch, *how):
        states.append((batch[0], weights(model.generator), weights(model.critic)))
        return really(model, batch, *how)

    monkeypatch.setattr(Rivals, "turn", watched)
    rival(2, adversary=0.3)
    assert [critics for critics, *_ in states] == [True, True, True, False, True, False]
    for (critics, *before), (_, *after) in pairwise(states):
        names = [key for key in before[1] if "original" in key]
        assert same(before[0], after[0]) is critics
        assert all(torch.equal(before[1][key], after[1][key]) for key in names) is not critics


def test_supervision_and_control_see_the_same_crops(brief, monkeypatch):
    seen, really = {}, Rivals.turn

    def watched(model, batch, supervision, adversary):
        if not batch[0]:
            seen.setdefault(adversary, []).append(batch[1])
        return really(model, batch, supervision, adversary)

    monkeypatch.setattr(Rivals, "turn", watched)
    rival(3, adversary=0.3), rival(3)
    assert len(seen[0.3]) == len(seen[0.0]) == 3
    assert all(torch.equal(a, b) for a, b in zip(seen[0.3], seen[0.0], strict=True))
    assert not torch.equal(seen[0.0][0], seen[0.0][1])


TRAININGS = {
    "generator": lambda **k: rivals.train_generator(5, 2, progress=False, **k),
    "rivals": lambda **k: rival(3, adversary=0.3, **k),
    "control": lambda **k: rival(5, **k),
    "vae": lambda **k: train_vae("flute", 5, 2, progress=False, **k),
    "encoder": lambda **k: sources.train_encoder(vaes(), "choir-sa", 5, 2, progress=False, **k),
}


@pytest.mark.parametrize("name", TRAININGS)
def test_an_interrupted_training_ends_the_same(brief, monkeypatch, tmp_path, name):
    for module in (rivals, separation_training):
        monkeypatch.setattr(module, "fit", lambda *a, **k: fit(*a, **{**k, "every": 2}))
    whole, history = TRAININGS[name]()
    really, drawn = Crops.__getitem__, []

    def interrupted(crops, i):
        if len(crops.stems) == 2:  # not those of a validation
            drawn.append(i)
            if len(drawn) == 4:
                raise KeyboardInterrupt
        return really(crops, i)

    monkeypatch.setattr(Crops, "__getitem__", interrupted)
    path = tmp_path / "run.pt"
    with pytest.raises(KeyboardInterrupt):
        TRAININGS[name](checkpoint=path)
    model, again = TRAININGS[name](checkpoint=path)
    assert again.resumed_from == 2
    assert again.losses == history.losses and again.validation == history.validation
    assert same(weights(whole), weights(model))


# One source at a time


def test_every_source_is_a_voice_of_a_duet_and_every_duet_has_its_two():
    assert set(SOURCES_OF) == set(DUETS)
    assert {name for pair in SOURCES_OF.values() for name in pair} == set(SOURCES)
    for duet, pair in SOURCES_OF.items():
        played = list(DUETS[duet].items())
        for number, source in enumerate(pair):
            where, voice = SOURCES[source]
            assert voice == number and list(DUETS[where].items())[voice] == played[number]


def test_solos_are_of_one_voice_and_of_the_loudness_drawn():
    solos = Solos(LONG, 1, seed=3)
    solos.crops = Crops(EXCERPTS, 3, batch=200, n_frames=16, balance=0.0)
    _, x = solos[0]
    assert x.shape == (200, 2048) and x.dtype == torch.float32
    decibels = 10 * x.square().mean(dim=1).log10().numpy()
    assert -12.001 < decibels.min() < -11 and -1 < decibels.max() < 0.001
    assert decibels.mean() == pytest.approx(-6, abs=0.7)
    own = solos.crops[0][:, 1]
    likeness = torch.nn.functional.cosine_similarity(x, own)
    np.testing.assert_allclose(likeness, 1, atol=1e-4)


def test_excerpts_are_not_made_louder_before_that():
    assert Solos(LONG, 0).crops.balance == 0


def test_solos_are_the_same_again_for_seed_and_number():
    first, again, other = (Solos(LONG, 0, seed)[5][1] for seed in (0, 0, 1))
    assert torch.equal(first, again) and not torch.equal(first, other)
    loudness = [x.square().mean(dim=1) for x in (first, other)]
    assert not torch.allclose(*loudness, rtol=1e-2)  # drawn anew as well
    assert not torch.equal(first, Solos(LONG, 0)[6][1])
    assert not torch.equal(first, Solos(LONG, 1)[5][1])


def test_the_weight_rises_from_0_to_1(monkeypatch):
    monkeypatch.setattr(sources, "Crops", partial(Crops, batch=1, n_frames=4))
    solos = Solos(EXCERPTS, 0, warmup=4)
    assert [solos[i][0] for i in (0, 1, 2, 4, 5, 100)] == [0, 0.25, 0.5, 1, 1, 1]
    assert [Solos(EXCERPTS, 0)[i][0] for i in (0, 1, 2)] == [0, 1, 1]


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"voice": 2}, "voice must be one of 0, 1, got 2"),
        ({"warmup": 0}, "warmup must be a positive integer, got 0"),
        ({"seed": -1}, "seed must be"),
        ({"stems": []}, "stems must be of one excerpt or more"),
        ({"stems": EXCERPTS}, "the length of a piece"),
    ],
)
def test_solos_that_cannot_be_are_named(given, words):
    with pytest.raises(ValueError, match=words):
        Solos(**{"stems": LONG, "voice": 0, **given})


def test_the_loss_weighs_the_second_term():
    (model, _), x = vaes(), STEMS[:, 0]
    torch.manual_seed(0)
    far, kl = (part.item() for part in model.terms(x))
    for weight in (0.0, 0.25, 1.0):
        torch.manual_seed(0)
        assert vae_loss(model, (weight, x)).item() == pytest.approx(far + weight * kl, rel=1e-5)


@pytest.mark.parametrize(("source", "voice"), [("flute", 0), ("bassoon", 1)])
def test_a_vae_learns_from_its_voice_alone(brief, monkeypatch, source, voice):
    made, really = [], sources.Solos
    monkeypatch.setattr(sources, "Solos", lambda *a, **k: made.append((a, k)) or really(*a, **k))
    model, history = train_vae(source, 12, 2, progress=False)
    assert brief == ["flute-bassoon", (("flute-bassoon",), 2)] and not model.training
    (held, _), (given, how) = made
    assert held[1] == given[1] == voice and len(given[0]) == 2 and how == {"warmup": 4}
    assert history.losses[-1] < history.losses[0] and history.best_step == 12
    Generators().seed(0, 0)  # as before every validation
    pieces = [really(held[0], voice, 2)[i][1] for i in range(1, 9)]
    losses = [vae_loss(model, (1.0, piece)).item() for piece in pieces]
    assert -np.mean(losses) == pytest.approx(history.best_validation, rel=1e-5)


def test_sources_that_are_not_there_are_named(brief):
    with pytest.raises(ValueError, match="source must be one of .*did you mean 'bassoon'"):
        train_vae("basson", 2)
    assert not brief


def test_the_shortcut_learns_from_one_duet_and_leaves_the_vaes(brief):
    models = vaes()
    before = [weights(one) for one in models]
    model, history = sources.train_encoder(models, "choir-sb", 12, 2, progress=False)
    assert brief == [(("choir-sb",), 2), "choir-sb"] and not model.training
    assert history.steps == 12 and history.losses[-1] < history.losses[0]
    assert all(same(weights(one), kept) for one, kept in zip(models, before, strict=True))
    stems = EXCERPTS[list(DUETS).index("choir-sb")]
    held = types.SimpleNamespace(stems=stems, mixture=stems.sum(axis=0), group=0)
    found = evaluate_separator(lambda m: model.separate(m.mixture), [held]).mean
    assert history.best_validation == pytest.approx(found, abs=1e-3)


def test_real_excerpts_are_taken_too():
    one = duets("choir-sa", "train", 1, seconds=3)[0].stems
    weight, x = Solos([one], 1)[0]
    assert weight == 0 and x.shape == (8, 128 * 128) and x.isfinite().all()
    with torch.no_grad():
        assert two().turn((False, torch.from_numpy(one)[None]), 1.0, 0.3).isfinite()


# Methods by their names


@pytest.fixture
def asked(monkeypatch):
    """What separators of small VAEs are asked, and the start that they prefer."""
    told = []

    class Watched(VAESeparator):
        def fit(self, mixture, start=None):
            told.append((self.n_steps, None if start is None else np.asarray(start)))
            return super().fit(mixture, start)

        def best_start(self, mixture, starts, n_steps=25):
            told.append(tuple(starts))
            return list(starts)[-1]

    monkeypatch.setattr(methods, "VAESeparator", Watched)
    monkeypatch.setattr(methods, "load_vae", lambda source: small_vaes[source])
    torch.manual_seed(0)
    small_vaes = {source: SourceVAE(n_latents=2, width=4).eval() for source in SOURCES}
    return told


@pytest.fixture(scope="module")
def one():
    return duets("choir-sa", "validation", seed=1, seconds=2)[0]


@pytest.mark.parametrize("method", methods.STARTS)
def test_every_method_of_vaes_starts_where_it_says(asked, one, method):
    found = methods.separate_by(method, "choir-sa", 3)(one)
    np.testing.assert_allclose(found.sum(axis=0), one.mixture, atol=1e-5)
    told = method in ("lstm-vae-stems", "lstm-vae-from-stems")
    steps, start = asked[-1]
    assert steps == (0 if method in ("lstm-vae-guess", "lstm-vae-stems") else 3)
    if told:
        np.testing.assert_array_equal(start, one.stems)
    elif method in ("lstm-vae", "lstm-vae-two-starts"):
        assert asked[0] == methods.STARTS[method] and len(asked) == 2
        preferred = methods.start_of(methods.STARTS[method][-1], "choir-sa", one)
        np.testing.assert_array_equal(start, preferred)
    else:
        assert start is None and len(asked) == 1


def test_no_start_but_the_answer_has_seen_the_stems(one):
    without = replace(one, stems=np.flip(one.stems, axis=1))  # another answer, the same mixture
    for name in methods.STARTS["lstm-vae"]:
        starts = [methods.start_of(name, "choir-sa", m) for m in (one, without)]
        if name == "first guess":
            assert starts == [None, None]
        else:
            np.testing.assert_array_equal(*starts)
            assert starts[0].shape == one.stems.shape
            assert si_sdr(starts[0], one.stems).mean() < 40  # not the answer itself
    np.testing.assert_array_equal(
        methods.start_of("higher note", "choir-sa", one), by_higher_note(one.mixture)
    )
    np.testing.assert_array_equal(methods.start_of("stems", "choir-sa", one), one.stems)


def test_names_that_are_not_there_are_named(one):
    with pytest.raises(ValueError, match="method must be one of"):
        methods.separate_by("lstm-vea", "choir-sa")
    with pytest.raises(ValueError, match="name must be one of .*NMF"):
        methods.start_of("nmf", "choir-sa", one)
    with pytest.raises(ValueError, match="source must be one of"):
        methods.load_vae("trumpet")
    with pytest.raises(ValueError, match="name must be one of"):
        methods.load_generator("critic-alone")
