"""With the same weights, our heads and easyfsl's give the same scores.

Two of easyfsl 1.5's choices differ from the papers and are allowed for here: its prototypical
network answers with the distance, not its square; its relation network averages the examples of a
class where Sung et al. add them up.
"""

import importlib
import importlib.util
import re
import sys

import numpy as np
import pytest
import torch
from torch import nn
from torch.library import Library

from etudes.episodes import EpisodeSampler
from etudes.learners import ConvEncoder, PrototypicalNetwork, RelationModule, RelationNetwork


def import_methods():
    """easyfsl imports torchvision, whose own build may not fit a CPU build of torch."""
    pytest.importorskip("easyfsl")
    if importlib.util.find_spec("torchvision") is None:
        pytest.skip("easyfsl needs torchvision", allow_module_level=True)
    library = Library("torchvision", "FRAGMENT")
    KEPT.append(library)
    for _ in range(20):
        try:
            return importlib.import_module("easyfsl.methods")
        except RuntimeError as error:  # a compiled operator is missing; none is used here
            missing = re.search(r"operator torchvision::(\w+) does not exist", str(error))
            if missing is None:
                raise
            library.define(f"{missing[1]}(Tensor x) -> Tensor")
            for name in [n for n in sys.modules if n.split(".")[0] in ("easyfsl", "torchvision")]:
                del sys.modules[name]
    raise RuntimeError("torchvision lacks too many operators")


KEPT: list[object] = []  # a torch library lives as long as someone holds it
methods = import_methods()


@pytest.fixture(params=[1, 5], ids=["1-shot", "5-shot"])
def episode(request):
    x = np.random.default_rng(0).normal(size=(60, 20, 20)).astype("f")
    labels = np.repeat(np.arange(6), 10)
    return EpisodeSampler(x, labels, n_way=5, k_shot=request.param, n_query=4, seed=3)[0]


def their_scores(theirs, episode):
    theirs.eval()
    with torch.no_grad():
        theirs.process_support_set(episode.support_x[:, None], episode.support_y)
        return theirs(episode.query_x[:, None])


def test_prototypical_scores(episode):
    torch.manual_seed(0)
    encoder = ConvEncoder(channels=16, n_blocks=3)
    with torch.no_grad():
        ours = PrototypicalNetwork(encoder)(episode)
    distance = -their_scores(methods.PrototypicalNetworks(encoder), episode)
    assert torch.allclose((-ours).sqrt(), distance, atol=1e-5)
    assert not torch.allclose(-ours, distance, atol=1e-2)


@pytest.mark.parametrize("norm", ["group", "batch"])
def test_relation_scores(episode, norm):
    torch.manual_seed(0)
    encoder = ConvEncoder(channels=16, n_blocks=2, norm=norm, output="maps")
    module = RelationModule(encoder.map_shape((20, 20)), channels=16, norm=norm)
    nn.init.normal_(module.answer.weight, std=3.0)  # scores that are not all near 0.5
    theirs = methods.RelationNetworks(
        encoder, feature_dimension=16, relation_module=nn.Sequential(module, nn.Sigmoid())
    )
    ours = RelationNetwork(encoder, module, combine="mean").eval()
    with torch.no_grad():
        scores = ours.scores(episode)
        added = RelationNetwork(encoder, module, combine="sum").eval().scores(episode)
    assert float(scores.std()) > 1e-3
    assert torch.allclose(scores, their_scores(theirs, episode), atol=1e-5)
    assert torch.allclose(scores, added, atol=1e-5) is (episode.k_shot == 1)


def test_their_default_relation_module_with_copied_weights(episode):
    """The paper's own relation module as easyfsl writes it, weights copied into ours."""
    torch.manual_seed(0)
    encoder = ConvEncoder(
        channels=8, n_blocks=2, norm="batch", strides=(2, 1), pools=1, output="maps"
    )
    ours = RelationModule((8, 10, 10), channels=8, hidden=8, norm="batch")
    theirs = methods.RelationNetworks(encoder, feature_dimension=8)
    # theirs: 10 -> pooled to 5 -> convolved without padding to 3 -> pooled to 1
    first, second, _, hidden, _, answer, _ = theirs.relation_module
    ours.blocks[0][0].load_state_dict(first[0].state_dict())
    ours.blocks[0][1].load_state_dict(first[1].state_dict())
    z = torch.randn(6, 16, 10, 10)
    theirs.eval()
    ours.eval()
    with torch.no_grad():
        assert torch.allclose(ours.blocks[0](z), first(z), atol=1e-5)
    ours.hidden = nn.Linear(8, 8)
    ours.hidden.load_state_dict(hidden.state_dict())
    ours.answer.load_state_dict(answer.state_dict())
    ours.blocks[1] = second
    net = RelationNetwork(encoder, ours, combine="mean").eval()
    with torch.no_grad():
        assert torch.allclose(net.scores(episode), their_scores(theirs, episode), atol=1e-5)
