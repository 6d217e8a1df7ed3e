"""The recipe of chapter 18: whose crops come when, who is asked for whom, and what is measured."""

import types
from functools import partial

import numpy as np
import pytest
import torch
from toys import high_over_low

from etudes.data.bach import VOICES
from etudes.data.duets import DUETS, SAMPLE_RATE, duets
from etudes.evaluate import SeparationResult, evaluate_separator, si_sdr_improvement
from etudes.recipes.gan_and_vae import SOURCES_OF
from etudes.recipes.separation_training import Crops
from etudes.recipes.tcn_vae import (
    all_pairs,
    command,
    heard,
    latents,
    networks,
    on_company,
    on_duets,
    on_latents,
    on_others,
    quartet,
    reach,
    report,
    report_latents,
    speakers,
    strangers,
    trials,
    votes,
    who_sings,
)
from etudes.recipes.tcn_vae.networks import COMMITTED, NETWORKS, Asked, ByDuet, loss_of
from etudes.separators import TCNVAE, ConvTasNet, TCNMask
from etudes.separators.torch_stft import stft

EXCERPTS = [high_over_low(np.random.default_rng(seed), 8192) for seed in range(3)]
TINY = {"channels": 6, "hidden": 6, "n_blocks": 2, "n_repeats": 1, "n_fft": 256, "hop_length": 64}


def smaller(kind, **sizes):
    """The same class with other sizes by default."""

    class Smaller(kind):
        def __init__(self, *given, **others):
            super().__init__(*given, **{**sizes, **others})

    return Smaller


@pytest.fixture
def brief(monkeypatch):
    """Small networks, small crops, excerpts of one second; tells which were asked for."""
    asked = []

    def stems(names, n_excerpts):
        asked.append((tuple(names), n_excerpts))
        shift = list(DUETS).index(names[0])
        return [np.roll(EXCERPTS[shift], 10 * k, axis=1) for k in range(n_excerpts)]

    def held(name):
        asked.append(name)
        stems = EXCERPTS[list(DUETS).index(name)]
        return [types.SimpleNamespace(stems=stems, mixture=stems.sum(axis=0), group=0)]

    vae = smaller(TCNVAE, n_latents=2, width=8, **TINY)
    for module in (networks, trials, all_pairs):
        monkeypatch.setattr(module, "training_stems", stems)
        monkeypatch.setattr(module, "Crops", partial(Crops, batch=2, n_frames=16))
    for module in (networks, trials):
        monkeypatch.setattr(module, "validation_duets", held)
        monkeypatch.setattr(module, "TCNVAE", vae)
    monkeypatch.setattr(networks, "TCNMask", smaller(TCNMask, **TINY))
    sizes = {"n_filters": 8, "window": 16, "channels": 4, "hidden": 4, "n_blocks": 2}
    monkeypatch.setattr(networks, "ConvTasNet", smaller(ConvTasNet, **sizes))
    return asked


# Batches and networks


def test_duets_take_turns_and_say_whose_voices_they_are(brief):
    batches = ByDuet(2, seed=5)
    assert brief == [((name,), 2) for name in DUETS]
    for i in range(7):
        name = list(DUETS)[i % 3]
        batch = batches[i]
        assert batch.sources == SOURCES_OF[name] and batch.step == i
        wanted = Crops(networks.training_stems([name], 2), 5, batch=2, n_frames=16)[i]
        torch.testing.assert_close(batch.stems, wanted)
    assert [ByDuet(1, duets=("choir-sa",))[i].sources for i in range(2)] == [
        SOURCES_OF["choir-sa"]
    ] * 2


@pytest.mark.parametrize("name", NETWORKS)
def test_every_network_trains_on_the_same_crops_and_keeps_the_best(brief, name):
    model, history = networks.train_network(name, 3, 2, every=1, progress=False)
    assert history.steps == 3 and not model.training
    assert history.best_validation == max(value for _, value in history.validation)
    assert networks.validation_score(model) == pytest.approx(history.best_validation, abs=1e-4)
    assert {one for one in brief if isinstance(one, tuple)} == {((d,), 2) for d in DUETS}


def test_networks_are_what_their_names_say(brief):
    kinds = (TCNVAE, TCNMask, ConvTasNet, TCNVAE)
    for name, kind in zip(NETWORKS, kinds):
        assert isinstance(networks.make_network(name), kind)
    assert networks.make_network("tcn-vae").sources == tuple(networks.SOURCES)
    with pytest.raises(ValueError, match="tcn-wae"):
        networks.make_network("tcn-wae")
    with pytest.raises(ValueError, match="masks-alone"):
        networks.load_network("masks-alone")


def test_masks_alone_leave_the_decoder_as_it_was(brief):
    before = networks.make_network("masks-alone").state_dict()
    after, _ = networks.train_network("masks-alone", 3, 2, validate=False, progress=False)
    moved = {k: not torch.equal(v, after.state_dict()[k]) for k, v in before.items()}
    assert not any(there for k, there in moved.items() if k.startswith("decoder"))
    assert moved["voter.outward.weight"] and moved["tcn.inward.0.weight"]
    whole, _ = networks.train_network("tcn-vae", 3, 2, validate=False, progress=False)
    assert not torch.equal(before["decoder.outward.weight"], whole.decoder.outward.weight)


def test_the_rate_is_let_in_slowly(brief):
    model, stems = networks.make_network("tcn-vae"), torch.from_numpy(EXCERPTS[0])[None]
    names = SOURCES_OF["choir-sb"]
    with torch.no_grad():
        for step, weight in ((0, 0.0), (networks.WARM_UP // 2, 0.5), (10_000, 1.0)):
            torch.manual_seed(0)
            wanted = model.loss(stems, 3 * weight, names)
            torch.manual_seed(0)
            torch.testing.assert_close(loss_of(model, Asked(names, stems, step), 3.0), wanted)
        plain = networks.make_network("tcn-mask")
        torch.testing.assert_close(loss_of(plain, Asked(names, stems, 7)), plain.loss(stems))


def test_a_tcn_vae_is_asked_by_name_and_the_others_are_not(brief):
    mixture = EXCERPTS[0].sum(axis=0)
    model = networks.make_network("tcn-vae")
    for duet in DUETS:
        for head in ("mask", "raw"):
            wanted = model.separate(mixture, SOURCES_OF[duet], head)
            np.testing.assert_array_equal(networks.separate(model, mixture, duet, head), wanted)
    plain = networks.make_network("tcn-mask")
    found = networks.separate(plain, mixture, "choir-sa")
    np.testing.assert_array_equal(found, plain.separate(mixture))


def test_scores_are_of_the_head_and_duets_asked_for(brief):
    model = networks.make_network("tcn-vae")
    each = [networks.validation_score(model, "wiener", (name,)) for name in DUETS]
    assert networks.validation_score(model, "wiener") == pytest.approx(np.mean(each))
    assert networks.validation_score(model, "raw", ("choir-sb",)) != pytest.approx(each[1])


@pytest.mark.parametrize("name", COMMITTED)
def test_committed_networks_take_duets_apart(name):
    one = duets("flute-bassoon", "validation", seed=1, seconds=4)[0]
    model = networks.load_network(name)
    found = evaluate_separator(
        lambda m: networks.separate(model, m.mixture, "flute-bassoon"), [one]
    )
    assert found.mean > 5
    estimates = networks.separate(model, one.mixture, "flute-bassoon")
    np.testing.assert_allclose(estimates.sum(axis=0), one.mixture, atol=1e-4)


# Reach


def test_who_hears_everything_around_each_frame_hears_what_the_network_hears(brief):
    model, names = networks.make_network("tcn-vae").eval(), SOURCES_OF["choir-sb"]
    mixture = EXCERPTS[1].sum(axis=0)
    n_frames = 1 + len(mixture) // model.hop_length
    wide = reach.separate_within(model, mixture, names, 2 * n_frames - 1)
    np.testing.assert_allclose(wide, model.separate(mixture, names), atol=1e-5)


def test_what_lies_beyond_the_frames_heard_is_not_heard(brief):
    model, names = networks.make_network("tcn-vae").eval(), SOURCES_OF["choir-sb"]
    mixture = EXCERPTS[1].sum(axis=0)
    other = mixture.copy()
    other[:2000] *= -0.5  # no louder, so that the loudest place stays where it is
    other[6000:] *= -0.5
    for n, side in ((1, "around"), (9, "around"), (9, "past"), (9, "future")):
        near, same = (reach.separate_within(model, m, names, n, side) for m in (mixture, other))
        np.testing.assert_allclose(near[:, 2900:5000], same[:, 2900:5000], atol=1e-6)
    far, moved = (model.separate(m, names) for m in (mixture, other))
    assert np.abs(far - moved)[:, 2900:5000].max() > 1e-4
    with pytest.raises(ValueError, match="n_frames must be odd"):
        reach.separate_within(model, mixture, names, 8)
    with pytest.raises(ValueError, match="side must be one of"):
        reach.separate_within(model, mixture, names, 8, "left")


def test_who_hears_the_past_alone_does_not_hear_what_follows(brief):
    model, names = networks.make_network("tcn-vae").eval(), SOURCES_OF["choir-sb"]
    mixture = EXCERPTS[1].sum(axis=0)
    other = mixture.copy()
    other[5000:] *= -0.5
    for n in (4, 9, 300):
        found = [reach.separate_within(model, m, names, n, side="past") for m in (mixture, other)]
        np.testing.assert_allclose(found[0][:, :4800], found[1][:, :4800], atol=1e-6)
    around = reach.separate_within(model, mixture, names, 9)
    assert np.abs(around - reach.separate_within(model, other, names, 9))[:, :4800].max() > 1e-4
    other[:3000], other[5000:] = -0.5 * mixture[:3000], mixture[5000:]
    found = [reach.separate_within(model, m, names, 9, "future") for m in (mixture, other)]
    np.testing.assert_allclose(found[0][:, 3200:], found[1][:, 3200:], atol=1e-6)
    # five frames up to now are the first half of nine around it
    model.tcn.forward = lambda x: x[:, :6].cumsum(dim=-1)
    past = reach.separate_within(model, mixture, names, 5, side="past")
    near = reach.separate_within(model, mixture, names, 9)
    np.testing.assert_allclose(past, near, atol=1e-6)


# Latents


def test_the_note_that_is_sung():
    m = duets("choir-sb", "validation", seed=1, seconds=4)[0]
    times = np.arange(0, 4, 0.1)
    for source in range(2):
        told = latents.note_of(m, source, times)
        assert told.shape == times.shape
        for time, pitch in zip(times, told):
            piece = m.stems[source][int(time * SAMPLE_RATE) :][:800]
            if pitch == 0 or np.sqrt(np.mean(piece**2)) < 1e-3:
                continue
            spectrum = np.abs(np.fft.rfft(piece * np.hanning(len(piece)), 16384))
            hertz = 440 * 2 ** ((pitch - 69) / 12)
            partials = [round(h * hertz * 16384 / SAMPLE_RATE) for h in (1, 2, 3)]
            near = sum(spectrum[p - 12 : p + 13].max() for p in partials)
            beside = sum(spectrum[int(p * 1.25) - 12 :][:25].max() for p in partials)
            assert near > beside or time > 3.5  # a note that has just ended may still ring
        assert len(set(told)) > 2


class Knows:
    """A network whose latents of the higher voice tell its note; half of them move very little."""

    n_latents, hop_length = 6, 512

    def which(self, sources):
        return [0, 1]

    def stft(self, waveforms):
        return stft(waveforms, 2048, 512)

    def hear(self, spectra):
        m = next(
            one for one in self.known if self.stft(torch.from_numpy(one.mixture)).equal(spectra[0])
        )
        return torch.from_numpy(latents.pitches([m], 0, 512)[0])

    def encode(self, notes, which):
        turns = [f(2 * np.pi * notes * k / 24) for k in (1, 2, 3) for f in (torch.cos, torch.sin)]
        told = torch.stack(turns, dim=-1).float()
        mean = torch.stack([told, 1e-3 * told])[None]
        log_variance = torch.stack([torch.full_like(told, -8), torch.zeros_like(told)])[None]
        return mean, log_variance


class Divides:
    """Masks that give what lies below 250 Hz to the second voice, and the rest to the first."""

    def stft(self, waveforms):
        return stft(waveforms, 2048, 512)

    def __call__(self, spectra):
        high = (torch.arange(1025) > 64).float()[None, :, None].expand(spectra.shape)
        return torch.stack([high, 1 - high], dim=1)


def test_a_probe_finds_what_is_there_and_not_what_is_not(monkeypatch):
    fitted = duets("choir-sb", "validation", 2, 4).load(6)
    asked = duets("choir-sb", "test", 3, 4).load(3)
    monkeypatch.setattr(latents, "test_duets", lambda duet: asked)
    monkeypatch.setattr(
        latents, "duets", lambda *what: types.SimpleNamespace(load=lambda n: fitted)
    )
    model, seeds = Knows(), []
    model.known = [*fitted, *asked]
    drawn = latents.drawn
    monkeypatch.setattr(
        latents, "drawn", lambda *told: seeds.append(told[2].initial_seed()) or drawn(*told)
    )
    found = latents.probe(model, Divides(), "choir-sb")
    # "own" is the higher note from what is said aloud, and the lower from what is hardly said
    assert found["own"].mean > found["other"].mean + 0.1
    assert 0.0 < found["commonest"].mean < 0.35
    # all latents of the higher voice speak; of the lower one's, which do not, the loudest is asked
    assert found["own-speaking"].mean > found["other-speaking"].mean + 0.1
    assert found["own-linear"].mean > found["other-linear"].mean + 0.05
    # what is low is left to the second voice: to read its note there is easier than in the rest
    assert found["own-masked"].mean > found["other-masked"].mean + 0.1
    assert len(set(seeds)) == len(fitted) + len(asked)  # no two excerpts share their noise
    again = latents.probe(model, Divides(), "choir-sb")
    assert again["own-means"].mean == found["own-means"].mean
    # the other voice's means hold the higher note in thousandths: drawn, nothing is left of it
    assert found["other-means"].mean > found["other"].mean + 0.2
    assert set(found) == {*latents.PROBED, "commonest"}


def test_what_a_latent_costs_is_counted_voice_by_voice(brief, monkeypatch):
    model = networks.make_network("tcn-vae").eval()
    asked = [types.SimpleNamespace(mixture=one.sum(axis=0)) for one in EXCERPTS[:2]]
    monkeypatch.setattr(latents, "test_duets", lambda duet: asked)
    found = latents.nats_told(model, "choir-sb")
    assert found.shape == (2, model.n_latents) and (found > 0).all()
    each = []
    for one in asked:
        waveform = torch.from_numpy(one.mixture)[None]
        with torch.no_grad():
            mean, log_variance = model.encode(
                model.hear(model.stft(waveform)), model.which(SOURCES_OF["choir-sb"])
            )
        normal = torch.distributions.Normal
        cost = torch.distributions.kl_divergence(
            normal(mean, (log_variance / 2).exp()), normal(0.0, 1.0)
        )
        each.append(cost[0].mean(dim=1))
    np.testing.assert_allclose(found, torch.stack(each).mean(dim=0), rtol=1e-4)


def test_a_draw_without_spread_is_the_wiener_head(brief):
    model, names = networks.make_network("tcn-vae").eval(), SOURCES_OF["choir-sa"]
    mixture = EXCERPTS[2].sum(axis=0)
    first, again, other = (
        latents.separate_by_draw(model, mixture, names, seed) for seed in (0, 0, 1)
    )
    np.testing.assert_array_equal(first, again)
    assert np.abs(first - other).max() > 1e-3
    np.testing.assert_allclose(first.sum(axis=0), mixture, atol=1e-5)
    encode = model.encode
    model.encode = lambda *what: (encode(*what)[0], torch.full_like(encode(*what)[1], -80.0))
    found = latents.separate_by_draw(model, mixture, names)
    model.encode = encode
    np.testing.assert_allclose(found, model.separate(mixture, names, "wiener"), atol=1e-5)


# Who sings


def test_all_pairs_take_turns_and_sing_the_same_chorale(brief):
    batches = all_pairs.AllPairs(2, seed=1)
    assert len(all_pairs.PAIRS) == 8 and len({frozenset(one) for one in all_pairs.PAIRS}) == 8
    known = ByDuet(2, seed=1)
    for i in (0, 4, 9):
        higher, lower = batches[i].sources
        assert (higher, lower) == all_pairs.PAIRS[i % 8] and batches[i].step == i
        for place, name in enumerate((higher, lower)):
            duet, voice = networks.SOURCES[name]
            same = known.batches[list(DUETS).index(duet)].crops[i][:, voice]
            # the same pieces as in the duets, but for how loud each voice is
            found = batches[i].stems[:, place]
            gain = (found.abs().amax(dim=1) / same.abs().amax(dim=1))[:, None]
            torch.testing.assert_close(found, gain * same, atol=1e-5, rtol=1e-3)
    for name, kind in (("tcn-mask", TCNMask), ("tcn-vae", TCNVAE)):
        model, history = all_pairs.train_on_all_pairs(name, 3, 2, progress=False)
        assert history.steps == 3 and isinstance(model, kind)
        score = networks.validation_score(model)
        assert history.best_validation == pytest.approx(score, abs=1e-4)


def test_with_true_magnitudes_the_phase_alone_is_wrong():
    one = duets("choir-sb", "validation", seed=1, seconds=2)[0]
    found = on_latents.by_true_magnitudes(one)
    assert found.shape == one.stems.shape
    gain = si_sdr_improvement(found, one.stems, one.mixture).mean()
    assert 5 < gain < 30
    alone = types.SimpleNamespace(stems=one.stems[:1], mixture=one.stems[0])
    np.testing.assert_allclose(on_latents.by_true_magnitudes(alone), one.stems[:1], atol=1e-4)


def test_new_company_is_every_pair_of_other_lines_that_is_no_duet():
    known = {frozenset(names) for names in SOURCES_OF.values()}
    new = {frozenset(names) for names in who_sings.NEW_COMPANY.values()}
    assert len(new) == len(who_sings.NEW_COMPANY) == 5 and not new & known
    left = {frozenset(pair) for pair in who_sings.ASKED["ten"]} - new - known
    for pair in left:
        assert len({who_sings.line_of(one)[0] for one in pair}) == 1
    assert len(left) == 2
    for names in who_sings.NEW_COMPANY.values():
        lines = [VOICES.index(who_sings.line_of(one)[0]) for one in names]
        assert lines == sorted(lines)
    assert who_sings.line_of("bassoon") == ("bass", (70,))
    assert who_sings.line_of("choir-alto") == ("alto", (52,))


class Draws:
    """A network whose mixtures are as improbable as their pair of names is far from the truth."""

    def __init__(self, likely):
        self.likely = likely

    def mixture_terms(self, waveforms, pair):
        wrong = len({*pair} - {*self.likely(waveforms[0].numpy())})
        return torch.tensor(5.0) + torch.rand(()), torch.tensor(2.0 * wrong)


def test_the_likeliest_pair_is_told_whoever_it_is():
    some = [
        types.SimpleNamespace(mixture=np.full(8, k, dtype=np.float32), group=k) for k in range(4)
    ]
    model = Draws(lambda x: ("choir-bass", "flute") if x[0] < 1 else ("choir-alto", "choir-bass"))
    assert who_sings.likeliest(model, some[0].mixture) == ("flute", "choir-bass")
    assert who_sings.likeliest(model, some[1].mixture) == ("choir-alto", "choir-bass")
    right, told = who_sings.who_sings(model, some, ("flute", "choir-bass"))
    assert right["ten"].mean == 0.25 and set(right) == {"ten"}
    assert list(told.items()) == [("choir-bass+choir-alto", 3), ("flute+choir-bass", 1)]
    model = Draws(lambda x: SOURCES_OF["choir-sa"])
    right, told = who_sings.who_sings(model, some, SOURCES_OF["choir-sa"])
    assert right["ten"].mean == right["three"].mean == 1.0 and len(told) == 1


def test_bounds_are_those_of_the_network_and_leave_chance_alone(brief):
    model = networks.make_network("tcn-vae").eval()
    mixture = EXCERPTS[0].sum(axis=0)
    pairs = who_sings.ASKED["three"]
    state = torch.random.get_rng_state()
    found = who_sings.bounds(model, mixture, pairs, seed=3)
    assert torch.equal(torch.random.get_rng_state(), state)
    for pair, value in zip(pairs, found):
        torch.manual_seed(3)
        waveforms = torch.from_numpy(mixture)[None].expand(who_sings.N_DRAWS, -1)
        with torch.no_grad():
            assert value == pytest.approx(sum(model.mixture_terms(waveforms, pair)).item())
    assert len(set(found)) == 3


def test_the_committed_network_hears_who_sings_and_a_classifier_too(monkeypatch):
    model = networks.load_network("tcn-vae")
    tested = {duet: duets(duet, "validation", seed=5, seconds=3).load(4) for duet in DUETS}
    for duet, some in tested.items():
        right, _ = who_sings.who_sings(model, some[:1], SOURCES_OF[duet])
        assert right["ten"].mean == 1.0
    monkeypatch.setattr(who_sings, "N_FITTED", 8)
    found = who_sings.classify(model, tested)
    assert set(found) == set(DUETS) and np.mean([one.mean for one in found.values()]) > 0.7


def test_vaes_are_asked_for_the_pair_that_sings(monkeypatch):
    loaded = []
    kind = on_company.VAESeparator
    monkeypatch.setattr(
        on_company,
        "load_vae",
        lambda name: loaded.append(name) or on_company.gan_and_vae.load_vae(name),
    )
    monkeypatch.setattr(on_company, "VAESeparator", lambda models: kind(models, 2))
    names = who_sings.NEW_COMPANY["flute-choir-bass"]
    one = duets("flute-bassoon", "validation", seed=1, seconds=2)[0]
    found = on_company.fitted_vaes(names)(one)
    assert loaded == list(names) and found.shape == one.stems.shape
    np.testing.assert_allclose(found.sum(axis=0), one.mixture, atol=1e-4)


def test_methods_in_new_company_are_asked_for_whom_they_say(monkeypatch):
    asked = []

    def load(network):
        def separate(mixture, *what):
            asked.append((network, *what))
            return np.stack([mixture, mixture])

        return types.SimpleNamespace(separate=separate)

    monkeypatch.setattr(on_company, "load_network", load)
    monkeypatch.setattr(on_company, "likeliest", lambda model, mixture: ("flute", "bassoon"))
    one = types.SimpleNamespace(stems=EXCERPTS[0], mixture=EXCERPTS[0].sum(axis=0))
    names = ("choir-alto", "bassoon")
    wanted = {
        "tcn-vae-wiener": ("tcn-vae", names, "wiener"),
        "tcn-vae-mask": ("tcn-vae", names),
        "tcn-vae-as-told": ("tcn-vae", ("flute", "bassoon"), "wiener"),
        "tcn-mask": ("tcn-mask",),
        "conv-tasnet": ("conv-tasnet",),
        "masks-alone": ("masks-alone", names),
        "tcn-mask-all-pairs": ("tcn-mask-all-pairs",),
        "tcn-vae-wiener-all-pairs": ("tcn-vae-all-pairs", names, "wiener"),
        "tcn-vae-mask-all-pairs": ("tcn-vae-all-pairs", names),
    }
    trained = ("masks-alone", "tcn-mask-all-pairs", "tcn-vae-all-pairs")
    others = {name: load(name) for name in trained}
    methods = on_company.methods_for("choir-alto-bassoon", others)
    for method, what in wanted.items():
        assert methods[method](one).shape == (2, one.mixture.size)
        assert asked.pop() == what
    assert set(methods) == {*wanted, "deep-clustering", "lstm-vae", "irm-2048", "psm-2048"}


def test_company_is_measured_whole_and_remembered(brief, monkeypatch, tmp_path):
    one = types.SimpleNamespace(stems=EXCERPTS[0], mixture=EXCERPTS[0].sum(axis=0), group=0)
    known = {"tcn-vae": "tcn-vae", "masks-alone": "tcn-vae", "tcn-mask": "tcn-mask"}
    models = {name: networks.make_network(kind).eval() for name, kind in known.items()}
    models["conv-tasnet"] = networks.make_network("conv-tasnet").eval()
    played, written = [], {}

    def simple(label):
        def separate(m):
            played.append(label)
            return np.stack([0.9 * m.mixture, 0.1 * m.mixture])

        return separate

    monkeypatch.setattr(on_company, "load_network", models.__getitem__)
    monkeypatch.setattr(on_company, "train", lambda name: (models[name], None))
    monkeypatch.setattr(
        on_company, "train_on_all_pairs", lambda name, *a, **k: (models[name], None)
    )
    monkeypatch.setattr(on_company, "work_folder", lambda: tmp_path)
    monkeypatch.setattr(on_company, "test_duets", lambda duet: [one])
    monkeypatch.setattr(on_company, "new_company", lambda name: [one])
    monkeypatch.setattr(on_company, "classify", lambda model, tested: dict.fromkeys(tested, 0.5))
    monkeypatch.setattr(on_company, "who_sings", lambda *what: ({"ten": 1.0}, {"a+b": 1}))
    monkeypatch.setattr(on_company, "fitted_vaes", lambda names: simple("VAEs"))
    monkeypatch.setattr(on_company.gan_and_vae, "separate_by", lambda *what: simple("clusters"))
    for kind in ("who_sings", "company", "all_pairs"):
        monkeypatch.setattr(
            on_company.report_latents,
            f"write_{kind}",
            lambda name, found, *rest, kind=kind: written.update({(kind, name): set(found)}),
        )
    on_company.measure()
    names = [*DUETS, *who_sings.NEW_COMPANY]
    assert {name for kind, name in written if kind == "who_sings"} == set(names)
    assert written["who_sings", "choir-sb"] == {"ten", "classifier"}
    for duet in DUETS:
        once = {"tcn-mask", "tcn-vae-mask", "tcn-vae-wiener"}
        assert written["all_pairs", duet] == once | {f"{one}-all-pairs" for one in once}
    assert {"masks-alone", "tcn-mask-all-pairs"} <= written["company", "flute-choir-bass"]
    assert sorted(played) == ["VAEs"] * 5 + ["clusters"] * 5
    on_company.measure()
    assert len(played) == 10  # all of it was remembered


class Biased(torch.nn.Module):
    """Knows the stems of every mixture, and moves the first voice's votes."""

    n_fft, hop_length = 256, 64

    def __init__(self, mixtures, bias):
        super().__init__()
        self.bias = bias
        self.known = self.stft(torch.from_numpy(np.stack([m.stems for m in mixtures])))

    def stft(self, waveforms):
        return stft(waveforms, self.n_fft, self.hop_length)

    def which(self, names):
        return [0, 1]

    def hear(self, spectra):
        return spectra

    def encode(self, heard, which):
        return (heard,)

    def masks(self, heard, latents, which):
        gaps = [(self.known.sum(dim=1) - one).abs().amax(dim=(1, 2)) for one in heard]
        each = self.known[torch.stack(gaps).argmin(dim=1)].abs()
        odds = (each[:, 0] + 1e-6).log() - (each[:, 1] + 1e-6).log() + self.bias[:, None]
        first = odds.double().sigmoid()
        return torch.stack([first, 1 - first], dim=1)

    def decode(self, latents, which):
        return self.masks(latents, latents, which).sqrt()


def test_one_number_for_each_frequency_mends_votes_that_are_moved():
    some = [types.SimpleNamespace(stems=one.astype(np.float32)) for one in EXCERPTS]
    for one in some:
        one.mixture = one.stems.sum(axis=0)
    bias = torch.linspace(-3, 3, 129)
    gains = {}
    for label, model in {"right": Biased(some, 0 * bias), "moved": Biased(some, bias)}.items():
        for head in ("mask", "wiener"):
            offset = votes.fit_offset(model, some[1:], ("a", "b"), head)
            for how, numbers in {"plain": torch.zeros(129), "mended": offset}.items():
                found = votes.separate_with_offset(
                    model, some[0].mixture, ("a", "b"), head, numbers
                )
                gain = si_sdr_improvement(found, some[0].stems, some[0].mixture).mean()
                gains[label, head, how] = gain
    for head in ("mask", "wiener"):
        assert gains["moved", head, "plain"] < gains["right", head, "plain"] - 3
        assert gains["moved", head, "mended"] > gains["right", head, "plain"] - 1
        assert gains["right", head, "mended"] > gains["right", head, "plain"] - 1


def test_votes_that_are_not_moved_are_those_of_the_heads(brief):
    model, names = networks.make_network("tcn-vae").eval(), SOURCES_OF["choir-sa"]
    mixture = EXCERPTS[2].sum(axis=0)
    for head in ("mask", "wiener"):
        found = votes.separate_with_offset(model, mixture, names, head, torch.zeros(129))
        np.testing.assert_allclose(found, model.separate(mixture, names, head), atol=1e-5)
    with pytest.raises(ValueError, match="head must be one of"):
        votes.separate_with_offset(model, mixture, names, "raw", torch.zeros(129))
    more = votes.separate_with_offset(model, mixture, names, "mask", torch.full((129,), 20.0))
    np.testing.assert_allclose(more[0], mixture, atol=1e-5)


def test_votes_are_mended_on_validation_mixtures_alone(brief, monkeypatch):
    one = types.SimpleNamespace(stems=EXCERPTS[0], mixture=EXCERPTS[0].sum(axis=0), group=0)
    model, written, fitted = networks.make_network("tcn-vae").eval(), {}, []
    fit_offset = votes.fit_offset

    def fit(model, mixtures, names, head):
        fitted.append((mixtures, names, head))
        return fit_offset(model, mixtures, names, head)

    alone, again, every = (networks.make_network("tcn-vae", seed=k).eval() for k in (1, 2, 3))
    monkeypatch.setattr(on_company, "load_network", lambda name: model)
    monkeypatch.setattr(on_company, "train", lambda name, seed=0: (again if seed else alone, None))
    monkeypatch.setattr(on_company, "train_on_all_pairs", lambda *a, **k: (every, None))
    monkeypatch.setattr(on_company, "test_duets", lambda duet: [one])
    monkeypatch.setattr(on_company, "new_company", lambda name: [one])
    known = [types.SimpleNamespace(stems=stems) for stems in EXCERPTS[1:]]
    monkeypatch.setattr(on_company, "validation_company", lambda names: known)
    monkeypatch.setattr(on_company, "fit_offset", fit)
    monkeypatch.setattr(
        on_company.report_latents,
        "write_votes",
        lambda name, results, seconds: written.update({name: results}),
    )
    on_company.measure_votes()
    assert list(written) == [*who_sings.NEW_COMPANY, *DUETS]
    wanted = {f"{one}{end}" for one in on_company.MENDED for end in ("", "-offset")}
    assert all(set(results) == wanted for results in written.values())
    assert all(mixtures is known for mixtures, *_ in fitted) and len(fitted) == 40
    heads = {(names, head) for _, names, head in fitted}
    assert (("flute", "choir-alto"), "wiener") in heads and len(heads) == 16
    for method, voter, head in (
        ("tcn-vae-wiener", model, "wiener"),
        ("tcn-vae-mask", model, "mask"),
        ("masks-alone", alone, "mask"),
        ("tcn-vae-mask-all-pairs", every, "mask"),
        ("tcn-vae-mask-seed-1", again, "mask"),
    ):
        found = voter.separate(one.mixture, SOURCES_OF["choir-sb"], head)
        gains = si_sdr_improvement(found, one.stems, one.mixture)
        np.testing.assert_allclose(written["choir-sb"][method].improvements[0], gains)


def test_validation_company_sings_what_the_test_company_sings():
    some = votes.validation_company(("flute", "choir-alto"))
    assert len(some) == 16 and {m.voices for m in some} == {("soprano", "alto")}
    assert {m.programs for m in some} == {(73, 52)}
    hymns = {m.group for m in duets("choir-sa", "test", 3).load(4)}
    assert not hymns & {m.group for m in some}


def test_rows_say_of_whom_they_speak(monkeypatch):
    written = {}
    monkeypatch.setattr(
        report.Rows,
        "number",
        lambda self, row, claim, value, unit, n, ci95=None, **more: written.update(
            {row: (claim, value, more.get("baselines"), self.seed)}
        ),
    )
    values = np.array([[1.0, 1.0], [3.0, 3.0]])
    results = {
        name: SeparationResult(values + more, np.arange(2), "same")
        for name, more in {"tcn-vae-mask": 2.0, "masks-alone": 1.5, "tcn-mask": 0.0}.items()
    }
    report.write_second_seed("choir-sa", results, 1.0)
    assert written["18.choir-sa.si-sdri.tcn-mask-seed-1"][1] == 2.0
    margin = written["18.choir-sa.margin.tcn-vae-mask-seed-1-over-masks-alone-seed-1"]
    assert margin[1] == 0.5 and margin[3] == 1
    results = {"tcn-vae-wiener": results["tcn-vae-mask"], "tcn-mask": results["tcn-mask"]}
    report_latents.write_company("flute-choir-bass", results, 1.0)
    claim, value, *_ = written["18.flute-choir-bass.margin.tcn-vae-wiener-over-tcn-mask"]
    assert value == 2.0 and "flute and choir-bass, never heard together" in claim
    moved = {"tcn-vae-mask": results["tcn-mask"], "tcn-vae-mask-offset": results["tcn-vae-wiener"]}
    report_latents.write_votes("choir-alto-bassoon", moved, 1.0)
    claim, value, *_ = written["18.choir-alto-bassoon.margin.tcn-vae-mask-offset-over-tcn-vae-mask"]
    assert value == 2.0 and "never heard together" in claim and "added to the log-odds" in claim
    assert "18.choir-alto-bassoon.si-sdri.tcn-vae-mask" not in written
    every = {"tcn-mask": results["tcn-mask"], "tcn-mask-all-pairs": results["tcn-mask"]}
    every["tcn-vae-wiener-all-pairs"] = results["tcn-vae-wiener"]
    report_latents.write_all_pairs("choir-sa", every, 1.0)
    over = "18.choir-sa.margin.tcn-vae-wiener-all-pairs-over-tcn-mask-all-pairs"
    assert written[over][1] == 2.0
    assert written["18.choir-sa.margin.tcn-mask-all-pairs-over-tcn-mask"][1] == 0.0
    right, told = who_sings.who_sings(
        Draws(lambda x: ("choir-soprano", "choir-bass")),
        [types.SimpleNamespace(mixture=np.zeros(8, dtype=np.float32), group=k) for k in (0, 1)],
        ("choir-alto", "choir-bass"),
    )
    report_latents.write_who_sings("choir-alto-choir-bass", right, told, 1.0)
    _, value, beside, _ = written["18.choir-alto-choir-bass.who-sings.ten"]
    assert value == 0.0 and beside == {"chance": 0.1, "choir-soprano+choir-bass": 1.0}
    nats = np.array([[0.05, 0.2, 3.0], [0.0, 0.0, 0.11]])
    report_latents.write_nats("choir-sb", SOURCES_OF["choir-sb"], nats, 2, 1.0)
    assert written["18.choir-sb.latents.choir-soprano-speaking"][1] == 2
    assert written["18.choir-sb.latents.choir-bass-speaking"][1] == 1
    assert written["18.choir-sb.latents.choir-soprano-nats"][1] == pytest.approx(3.25)
    report_latents.write_shared({"choir-sb": nats, "choir-sa": nats[::-1]}, 2, 1.0)
    assert written["18.latents.speaking-in-all"][1] == 1
    report_latents.write_reach(
        "choir-sb",
        {"tcn-vae-mask": results["tcn-mask"], "hearing-9-past": results["tcn-mask"]},
        1.0,
    )
    assert written["18.choir-sb.si-sdri.hearing-9-past"][0].endswith("from 9 alone, none after it")


# Trials


def test_pairs_are_mixtures_of_two_with_their_names(brief):
    pairs = trials.Pairs(("flute", "bassoon", "choir-soprano"), 2, seed=1)
    names = [pairs[i].sources for i in range(6)]
    assert (
        names
        == [("flute", "bassoon"), ("flute", "choir-soprano"), ("bassoon", "choir-soprano")] * 2
    )
    assert pairs[0].stems.shape == (2, 1, 16 * 128)
    high, low = (pairs.crops[k] for k in (0, 1))
    torch.testing.assert_close(pairs[0].stems, high[0] + low[1])
    spectrum = torch.fft.rfft(high[0][0, 0]).abs()
    assert spectrum[: int(450 * 2048 / 8000)].max() < 0.2 * spectrum.max()  # no bassoon in it


def test_without_stems_the_mixture_alone_teaches(brief):
    model, history = trials.train_by_mixtures(("flute", "bassoon"), 40, 2, progress=False)
    assert np.mean(history.losses[-5:]) < np.mean(history.losses[:5])
    assert networks.validated(model, "flute-bassoon", "wiener").improvements.shape == (1, 2)


def test_a_trial_is_the_network_with_one_thing_changed(brief):
    free, _ = trials.train_trial(2, n_excerpts=2, progress=False)
    causal, _ = trials.train_trial(2, causal=True, n_excerpts=2, progress=False)
    assert not free.causal and causal.causal and free.sources == SOURCES_OF[trials.DUET]
    rate, distortion = trials.rate_and_distortion(free)
    again = trials.rate_and_distortion(free)
    assert (rate, distortion) == again and rate > 0 and distortion > 0


def test_the_louder_share_is_that_of_power(monkeypatch):
    time = np.arange(800) / 8000
    stems = np.stack([2 * np.sin(2 * np.pi * 500 * time), np.sin(2 * np.pi * 900 * time)])
    one = types.SimpleNamespace(stems=stems, mixture=stems.sum(axis=0))
    monkeypatch.setattr(trials, "validation_duets", lambda duet: [one])
    assert trials.louder_share(lambda m: m.stems, "choir-sb") == pytest.approx(0.8, abs=1e-3)
    assert trials.louder_share(
        lambda m: np.stack([stems[1], 3 * stems[1]]), "choir-sb"
    ) == pytest.approx(0.9, abs=1e-3)


# Strangers, speakers, quartets


@pytest.mark.parametrize("snr", strangers.SNR)
def test_noise_is_as_loud_as_asked(snr):
    some = duets("choir-sb", "validation", seed=1, seconds=2).load(2)
    for noisy, clean in zip(strangers.noisy(some, snr), some):
        noise = noisy.mixture - clean.mixture
        ratio = 10 * np.log10(np.mean(clean.mixture**2) / np.mean(noise**2))
        assert ratio == pytest.approx(snr, abs=0.01)
        assert noisy.stems is clean.stems and noisy.mixture.dtype == np.float32
    first, second = strangers.noisy(some, snr)
    assert np.abs((first.mixture - some[0].mixture) - (second.mixture - some[1].mixture)).max() > 0


def test_no_speaker_and_no_verb_is_in_two_splits():
    voices = [set(speakers.speakers(split)) for split in ("train", "validation", "test")]
    assert sum(map(len, voices)) == len(set.union(*voices)) > 90
    assert not {f"en-gb+{name}" for name in speakers.WITHOUT_PITCH} & set.union(*voices)
    for k in (0, 1, 2):
        assert not {*speakers.WORDS["train"][k]} & {*speakers.WORDS["test"][k]}


@pytest.fixture
def few_words(monkeypatch):
    """Conversations of four pairs."""
    for split in speakers.N_SPOKEN:
        monkeypatch.setitem(speakers.N_SPOKEN, split, 4)
    speakers.conversations.cache_clear()
    yield
    speakers.conversations.cache_clear()


def test_conversations_are_two_voices_of_about_one_loudness_the_higher_first(few_words):
    some = speakers.conversations("test")
    assert len(some) == 4 and [one.group for one in some] == [0, 1, 2, 3]
    for one in some:
        assert one.stems.shape == (2, 32_000) and one.stems.dtype == np.float32
        np.testing.assert_array_equal(one.mixture, one.stems.sum(axis=0))
        loudness = 10 * np.log10(np.mean(one.stems**2, axis=1))
        assert abs(loudness[0] - loudness[1]) < 5.1 and np.isfinite(loudness).all()
        higher, lower = (speakers.middle_pitch(stem) for stem in one.stems)
        assert one.semitones == pytest.approx(12 * np.log2(higher / lower), abs=1e-3)
        assert one.semitones >= 0
    assert len({round(one.semitones, 2) for one in some}) == 4
    _, second = speakers.conversations("test", 2)
    np.testing.assert_array_equal(second.stems, some[1].stems)


@pytest.mark.parametrize("hertz", [80.0, 110.0, 220.0])
def test_middle_pitch_is_that_of_what_is_loud(hertz):
    time = np.arange(16_000) / SAMPLE_RATE
    voice = sum(np.sin(2 * np.pi * h * hertz * time) / h for h in range(1, 8))
    voice[8_000:] = 1e-3 * np.random.default_rng(0).normal(size=8_000)
    assert speakers.middle_pitch(voice) == pytest.approx(hertz, rel=0.02)


def test_of_the_twins_one_forgives_the_order(few_words, monkeypatch):
    asked = []
    kind = smaller(TCNVAE, n_latents=2, width=8, channels=6, hidden=6, n_blocks=2, n_repeats=1)

    class Heard(kind):
        def loss(self, stems, beta=1.0, sources=None, any_order=False):
            asked.append(any_order)
            return super().loss(stems, beta, sources, any_order)

    monkeypatch.setattr(speakers, "TCNVAE", Heard)
    for twin in speakers.TWINS:
        model, history = speakers.train_speakers(twin, 2, progress=False)
        assert history.steps == 2 and not model.training
        assert model.n_fft == speakers.WINDOW["n_fft"]
    assert asked == [True, True, False, False]
    with pytest.raises(ValueError, match="by-name"):
        speakers.train_speakers("by-name", 2)


def test_nobody_minds_which_speaker_comes_first(few_words):
    known = {one.mixture.tobytes(): one.stems for one in speakers.conversations("test")}
    found = speakers.on_speech(lambda m: known[m.tobytes()][::-1] + 1e-3 * m, "test")
    assert found.mean > 20


def test_a_conversation_and_its_answers_come_back_as_they_went(few_words, monkeypatch, tmp_path):
    monkeypatch.setattr(heard, "FILE", tmp_path / "one.flac")
    one = speakers.conversations("test")[heard.NUMBER]
    told = {twin: one.stems + 0.01 * k for k, twin in enumerate(speakers.TWINS, 1)}
    told["any-order"] = told["any-order"][::-1]
    heard.save_heard(told, "a command")
    talk, answers = heard.load_heard()
    np.testing.assert_allclose(talk.stems, one.stems, atol=1e-4)
    assert talk.semitones == pytest.approx(one.semitones, abs=0.01)
    for k, twin in enumerate(speakers.TWINS, 1):
        np.testing.assert_allclose(answers[twin], one.stems + 0.01 * k, atol=1e-4)
    assert "`a command`" in (tmp_path / "one.md").read_text()
    (tmp_path / "one.flac").write_bytes(b"no sound")
    with pytest.raises(ValueError, match=r"one\.flac cannot be read"):
        heard.load_heard()
    (tmp_path / "one.flac").unlink()
    with pytest.raises(ValueError, match=r"one\.flac cannot be read"):
        heard.load_heard()


def test_the_conversation_in_the_package_is_taken_apart():
    talk, answers = heard.load_heard()
    assert talk.stems.shape == (2, 32_000) and talk.semitones > 0
    for estimates in answers.values():
        np.testing.assert_allclose(estimates.sum(axis=0), talk.mixture, atol=1e-3)
        assert (si_sdr_improvement(estimates, talk.stems, talk.mixture) > 3).all()


def test_speakers_near_and_far_are_counted_apart(monkeypatch):
    written = {}
    monkeypatch.setattr(
        report.Rows,
        "estimate",
        lambda self, row, claim, found, unit, n, **more: written.update({row: (found.mean, n)}),
    )
    values = np.array([[1.0, 1.0], [3.0, 3.0], [8.0, 8.0], [10.0, 10.0]])
    methods = {"chorales": 0.0, "any-order": 1.0, "by-pitch": 3.0, "irm": 5.0, "psm": 6.0}
    methods["any-order-hearing-21"] = 0.5
    results = {
        name: SeparationResult(values + more, np.arange(4), "same")
        for name, more in methods.items()
    }
    report.write_speakers(results, np.array([0.0, 5.9, 6.0, 20.0]), 1.0)
    assert written["18.speakers.si-sdri.any-order"] == (6.5, "4 mixtures")
    assert written["18.speakers-near.si-sdri.any-order"] == (3.0, "2 mixtures")
    assert written["18.speakers-far.si-sdri.psm"] == (15.0, "2 mixtures")
    for which in ("", "-near", "-far"):
        assert written[f"18.speakers{which}.margin.by-pitch-over-any-order"][0] == 2.0
        near = written[f"18.speakers{which}.margin.any-order-hearing-21-over-any-order"]
        assert near[0] == -0.5
    assert len(written) == 24


def test_a_quartet_is_four_voices_of_one_choir():
    (m,) = quartet.quartets("validation", 1)
    assert m.voices == VOICES and m.programs == (quartet.CHOIR,) * 4 and m.stems.shape[0] == 4


# The command


def test_parts_can_be_asked_for_alone(monkeypatch):
    done = []
    for part in command.PARTS:
        monkeypatch.setitem(command.PARTS, part, lambda part=part: done.append(part))
    command.main(["--full", "--only", "tcn-mask", "speed"])
    assert done == ["tcn-mask", "speed"]
    done.clear()
    command.main(["--full"])
    assert done == list(command.PARTS)
    with pytest.raises(SystemExit):
        command.main(["--full", "--only", "everything"])


def test_methods_are_played_by_whom_they_name(brief):
    models = {name: networks.make_network(name) for name in NETWORKS}
    one = types.SimpleNamespace(stems=EXCERPTS[1], mixture=EXCERPTS[1].sum(axis=0))
    for name in ("tcn-mask", "conv-tasnet", "masks-alone"):
        wanted = networks.separate(models[name], one.mixture, "choir-sb")
        found = on_duets.separate_by(name, "choir-sb", models)(one)
        np.testing.assert_array_equal(found, wanted)
    for head in ("mask", "wiener", "raw"):
        wanted = models["tcn-vae"].separate(one.mixture, SOURCES_OF["choir-sb"], head)
        found = on_duets.separate_by(f"tcn-vae-{head}", "choir-sb", models)(one)
        np.testing.assert_array_equal(found, wanted)
    oracle = on_duets.separate_by("psm-2048", "choir-sb", models)(one)
    assert oracle.shape == EXCERPTS[1].shape


def test_every_method_has_words_and_every_pair_two_methods():
    known = {**report.masks.METHODS, **report.EARLIER, **NETWORKS, **report.METHODS}
    assert {name for pair in report.PAIRS for name in pair} <= set(known)
    assert set(report.BESIDE) <= set(known)
    assert set(NETWORKS) <= set(on_duets.STEPS) and on_others.QUARTET_STEPS > 0
