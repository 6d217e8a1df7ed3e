"""Prototypical and relation networks do what their papers describe."""

import numpy as np
import pytest
import torch
from torch import nn

from etudes.episodes import Episode, EpisodeSampler
from etudes.learners import (
    ConvEncoder,
    FineTuned,
    NearestCentroid,
    PrototypicalNetwork,
    RelationModule,
    RelationNetwork,
)
from etudes.learners.finetune import held_out_task
from etudes.learners.relation import class_sums, pairs


def make_episode(k_shot=3, n_way=3, size=16, seed=0, spread=0.3):
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(6, size, size))
    x = np.concatenate([c + spread * rng.normal(size=(12, size, size)) for c in centres])
    labels = np.repeat(np.arange(6), 12)
    return EpisodeSampler(x, labels, n_way=n_way, k_shot=k_shot, n_query=4, seed=seed)[0]


def double(episode):
    return Episode(
        episode.support_x.double(),
        episode.support_y,
        episode.query_x.double(),
        episode.query_y,
        episode.support_index,
        episode.query_index,
        episode.classes,
    )


def make_relation(norm="group", loss="squared-error", **kwargs):
    torch.manual_seed(0)
    encoder = ConvEncoder(channels=8, n_blocks=2, norm=norm, output="maps")
    relation = RelationModule(encoder.map_shape((16, 16)), channels=8, norm=norm)
    return RelationNetwork(encoder, relation, loss=loss, **kwargs)


def test_a_prototypical_network_without_a_network_is_a_nearest_centroid():
    episode = make_episode()
    net = PrototypicalNetwork(nn.Flatten(), temperature=2.0)
    assert torch.allclose(net(episode) * 2.0, NearestCentroid()(episode), atol=1e-3)


def test_cosine_logits_do_not_depend_on_length():
    episode = make_episode()
    net = PrototypicalNetwork(nn.Flatten(), distance="cosine", temperature=0.1)
    logits = net(episode)
    assert logits.abs().max() <= 10.0001
    longer = Episode(
        episode.support_x,
        episode.support_y,
        episode.query_x * 7,
        episode.query_y,
        episode.support_index,
        episode.query_index,
        episode.classes,
    )
    assert torch.allclose(net(longer), logits, atol=1e-4)


def test_class_maps_are_sums_and_pairs_put_the_class_first():
    z = torch.arange(8.0).reshape(4, 2, 1, 1)
    sums = class_sums(z, torch.tensor([0, 0, 1, 1]), 2)
    assert sums.flatten().tolist() == [2.0, 4.0, 10.0, 12.0]
    both = pairs(sums, z[:3])
    assert both.shape == (6, 4, 1, 1)
    assert both[3].flatten().tolist() == [10.0, 12.0, 2.0, 3.0]  # query 1 beside class 1


def test_scores_and_both_losses_are_what_the_paper_says():
    episode, net = make_episode(), make_relation()
    scores = net.scores(episode)
    assert scores.shape == (12, 3)
    assert bool((scores > 0).all() and (scores < 1).all())
    wanted = torch.zeros(12, 3)
    wanted[torch.arange(12), episode.query_y] = 1.0
    assert torch.isclose(net.loss(episode), ((scores - wanted) ** 2).mean())
    other = make_relation(loss="cross-entropy")
    log_p = other(episode).log_softmax(1)[torch.arange(12), episode.query_y]
    assert torch.isclose(other.loss(episode), -log_p.mean())


@pytest.mark.parametrize("norm", ["group", "batch"])
def test_comparing_without_building_pairs_gives_the_same_numbers(norm):
    torch.manual_seed(0)
    module = RelationModule((8, 6, 5), channels=8, norm=norm)
    classes, queries = torch.randn(3, 8, 6, 5), torch.randn(7, 8, 6, 5)
    slow = module(pairs(classes, queries))
    assert slow.shape == (21,)
    assert float(slow.detach().std()) > 1e-3
    assert torch.allclose(module.compare(classes, queries), slow, atol=1e-5)


def test_mean_and_sum_agree_for_one_example_only():
    one, three = make_episode(k_shot=1), make_episode(k_shot=3)
    added, averaged = make_relation(), make_relation(combine="mean")
    assert torch.allclose(added(one), averaged(one))
    assert not torch.allclose(added(three), averaged(three))


@pytest.mark.parametrize("loss", ["squared-error", "cross-entropy"])
def test_the_gradient_of_the_loss_agrees_with_finite_differences(loss):
    net, episode = make_relation(loss=loss).double(), double(make_episode())
    net.loss(episode).backward()
    rng = np.random.default_rng(1)
    step = 1e-6
    checked = 0
    for name, parameter in net.named_parameters():
        flat, gradient = parameter.data.view(-1), parameter.grad.view(-1)
        for i in rng.choice(len(flat), size=min(3, len(flat)), replace=False):
            value = float(flat[i])
            with torch.no_grad():
                flat[i] = value + step
                high = float(net.loss(episode))
                flat[i] = value - step
                low = float(net.loss(episode))
                flat[i] = value
            assert (high - low) / (2 * step) == pytest.approx(
                float(gradient[i]), rel=1e-4, abs=1e-8
            ), name
            checked += abs(float(gradient[i])) > 1e-6
    assert checked > 10


def test_the_papers_network_has_the_papers_parts():
    """Sung et al. 2018: 64 filters of 3×3, batch-norm, 2×2 pooling, then 8 units and 1."""
    encoder = ConvEncoder(3, 64, strides=1, pools=(2, 2, 1, 1), norm="batch", output="maps")
    relation = RelationModule((64, 12, 12), norm="batch")
    conv = lambda n: 9 * n * 64 + 64 + 2 * 64  # noqa: E731  weights, biases, batch-norm
    assert sum(p.numel() for p in encoder.parameters()) == conv(3) + 3 * conv(64)
    maps_at_the_end = 64 * 3 * 3  # 576 for miniImageNet, as the paper says
    assert sum(p.numel() for p in relation.parameters()) == (
        conv(128) + conv(64) + maps_at_the_end * 8 + 8 + 8 + 1
    )
    assert relation(torch.zeros(2, 128, 12, 12)).shape == (2,)


def test_training_separates_classes_it_could_not_before():
    rng = np.random.default_rng(0)
    stripes = np.sin(np.arange(16) * rng.uniform(0.3, 2.8, size=(10, 1)))
    x = stripes[:, None, :, None] * rng.uniform(0.5, 1.5, size=(10, 12, 1, 16))
    x = (x + 0.5 * rng.normal(size=x.shape)).reshape(120, 16, 16)
    sampler = EpisodeSampler(x, np.repeat(np.arange(10), 12), n_way=5, k_shot=2, n_query=4)
    net = make_relation()
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-2)

    def accuracy():
        with torch.no_grad():
            right = [(net(e).argmax(1) == e.query_y).float().mean() for e in held]
        return float(np.mean(right))

    held = [sampler[i] for i in range(1000, 1006)]
    before = accuracy()
    for i in range(60):
        optimizer.zero_grad()
        net.loss(sampler[i]).backward()
        optimizer.step()
    assert accuracy() > before + 0.3


def test_batch_norm_in_training_mode_is_declared_transductive():
    episode = make_episode()
    paper, ours = make_relation("batch"), make_relation("group")
    assert paper.transductive
    assert not paper.eval().transductive
    assert not ours.transductive
    assert not PrototypicalNetwork(nn.Flatten()).transductive
    paper.train()
    swapped = Episode(
        episode.support_x,
        episode.support_y,
        torch.cat([episode.query_x[:1], episode.query_x[1:] * 9]),
        episode.query_y,
        episode.support_index,
        episode.query_index,
        episode.classes,
    )
    for net, same in ((paper, False), (ours, True)):
        close = torch.allclose(net(episode)[0], net(swapped)[0], atol=1e-4)
        assert close is same


def test_fine_tuning_learns_the_task_and_leaves_the_model_alone():
    episode, model = (
        make_episode(spread=2.0),
        PrototypicalNetwork(ConvEncoder(channels=4, n_blocks=2)),
    )
    before = {name: p.clone() for name, p in model.state_dict().items()}
    tuned = FineTuned(model, steps=15, lr=1e-2)
    assert torch.equal(FineTuned(model, steps=0)(episode), model(episode))
    with torch.no_grad():  # as evaluate() calls it
        logits = tuned(episode)
    assert not torch.allclose(logits, model(episode))
    assert torch.equal(logits, tuned(episode))
    assert all(torch.equal(p, before[name]) for name, p in model.state_dict().items())
    assert not logits.requires_grad


def test_fine_tuning_never_looks_at_the_queries():
    episode = make_episode()
    for shot in range(3):
        task = held_out_task(episode, shot, 0.1, torch.Generator())
        assert task.k_shot == 2
        assert task.n_query == 1
        rows = {tuple(r.flatten().tolist()) for r in episode.support_x}
        for x in (*task.support_x, *task.query_x):
            assert tuple(x.flatten().tolist()) in rows
    single = held_out_task(make_episode(k_shot=1), 0, 0.1, torch.Generator().manual_seed(0))
    assert single.k_shot == single.n_query == 1
    assert not torch.equal(single.support_x, single.query_x)
    assert torch.allclose(single.support_x, single.query_x, atol=1.5)


def test_bad_input_is_named():
    episode = make_episode()
    for cls, args in ((PrototypicalNetwork, ()), (RelationNetwork, (nn.Flatten(),))):
        with pytest.raises(TypeError, match="encoder must be a torch.nn.Module, got"):
            cls("conv4", *args)
    with pytest.raises(TypeError, match="relation must be a torch.nn.Module"):
        RelationNetwork(nn.Flatten(), max)
    with pytest.raises(ValueError, match="did you mean 'squared-error'"):
        RelationNetwork(nn.Flatten(), nn.Flatten(), loss="squared error")
    with pytest.raises(ValueError, match=r"encoder\(x\) must have shape \(n, c, h, w\), got"):
        RelationNetwork(nn.Flatten(), nn.Flatten())(episode)
    with pytest.raises(ValueError, match=r"encoder\(x\) must have shape \(n, ...\), got \(21,\)"):
        PrototypicalNetwork(Flat())(episode)
    with pytest.raises(ValueError, match="one row for each of 21 items"):
        PrototypicalNetwork(Half())(episode)
    with pytest.raises(TypeError, match="episode must be"):
        make_relation()(episode.support_x)
    with pytest.raises(ValueError, match="x must have shape"):
        PrototypicalNetwork(ConvEncoder(in_channels=2, channels=4))(episode)
    nan = episode.support_x.clone()
    nan[0] = torch.nan
    broken = Episode(
        nan,
        episode.support_y,
        episode.query_x,
        episode.query_y,
        episode.support_index,
        episode.query_index,
        episode.classes,
    )
    for learner in (make_relation(), FineTuned(make_relation(), 1)):
        with pytest.raises(ValueError, match="support_x must be finite"):
            learner(broken)
    with pytest.raises(ValueError, match=r"map_shape must be \(c, h, w\), got \(8, 4\)"):
        RelationModule((8, 4))
    with pytest.raises(TypeError, match="with loss"):
        FineTuned(nn.Flatten())
    with pytest.raises(ValueError, match="temperature must be a finite number above 0"):
        PrototypicalNetwork(nn.Flatten(), temperature=0)


class Flat(nn.Module):
    def forward(self, x):
        return x.flatten(1).sum(1)


class Half(nn.Module):
    def forward(self, x):
        return x.flatten(1)[::2]
