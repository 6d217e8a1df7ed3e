"""Encoders give the shapes they promise and say what is wrong with an input."""

import pytest
import torch
from torch import nn

from etudes.learners import ConvEncoder, MelodyEncoder
from etudes.learners.blocks import average_frames, normalisation, spread_of_frames


def test_shapes_with_and_without_a_channel_axis():
    encoder = ConvEncoder(channels=8, strides=2)
    x = torch.randn(3, 64, 63)
    assert encoder(x).shape == (3, 8 * 4 * 4)
    assert torch.equal(encoder(x), encoder(x[:, None]))
    maps = ConvEncoder(channels=8, strides=2, output="maps")
    assert maps(x).shape == (3, *maps.map_shape((64, 63))) == (3, 8, 4, 4)


def test_the_papers_conv4_has_the_papers_number_of_parameters():
    encoder = ConvEncoder(in_channels=1, channels=64, strides=1, pools=2, norm="batch")
    first, other = 9 * 64 + 64, 9 * 64 * 64 + 64
    assert sum(p.numel() for p in encoder.parameters()) == first + 3 * other + 4 * 2 * 64
    assert encoder(torch.zeros(2, 28, 28)).shape == (2, 64)  # Omniglot: 64 numbers a character


def test_each_block_may_have_its_own_settings():
    encoder = ConvEncoder(
        channels=[4, 8], n_blocks=2, strides=[(4, 2), 1], pools=[1, 2], kernels=[5, 3]
    )
    assert encoder.map_shape((16, 8)) == (8, 2, 2)
    with pytest.raises(ValueError, match=r"strides must have one entry per block \(2\), got 3"):
        ConvEncoder(n_blocks=2, strides=[1, 1, 1])


def test_levelling_makes_loudness_irrelevant():
    x = torch.randn(2, 16, 16) * 3
    encoder = ConvEncoder(channels=4, n_blocks=2, input_range=12.0)
    assert torch.allclose(encoder(x), encoder(x - 5.0), atol=1e-5)
    assert not torch.allclose(*(ConvEncoder(channels=4, n_blocks=2)(y) for y in (x, x - 5.0)))


def test_projection():
    encoder = ConvEncoder(channels=4, n_blocks=2, n_features=10, item_shape=(16, 16))
    assert encoder(torch.zeros(2, 16, 16)).shape == (2, 10)
    with pytest.raises(ValueError, match="n_features needs item_shape"):
        ConvEncoder(n_features=10)


@pytest.mark.parametrize("norm", ["group", "none"])
def test_items_do_not_see_one_another(norm):
    encoder = ConvEncoder(channels=4, n_blocks=2, norm=norm)
    x = torch.randn(5, 16, 16)
    assert torch.allclose(encoder(x)[:1], encoder(x[:1]), atol=1e-6)


def test_batch_norm_in_training_mode_lets_them():
    encoder = ConvEncoder(channels=4, n_blocks=2, norm="batch")
    x = torch.randn(5, 16, 16)
    assert not torch.allclose(encoder(x)[:2], encoder(x[:2]), atol=1e-3)
    encoder.eval()
    assert torch.allclose(encoder(x)[:2], encoder(x[:2]), atol=1e-6)


@pytest.mark.parametrize("shape", [(16, 16), (2, 3, 16, 16), (2, 1, 1, 16, 16)])
def test_wrong_rank_is_named(shape):
    with pytest.raises(ValueError, match=r"x must have shape \(n, 1, n_mels, n_frames\).*got"):
        ConvEncoder(channels=4)(torch.zeros(shape))


def test_bad_settings_are_named():
    with pytest.raises(ValueError, match="norm must be one of .*did you mean 'group'"):
        ConvEncoder(norm="groups")
    with pytest.raises(ValueError, match="output must be one of"):
        ConvEncoder(output="map")
    with pytest.raises(ValueError, match="channels must be a positive integer, got 0"):
        ConvEncoder(channels=0)
    with pytest.raises(ValueError, match=r"item_shape \(4, 4\) is too small"):
        ConvEncoder(channels=4, strides=1, pools=2).map_shape((4, 4))
    with pytest.raises(ValueError, match="norm"):
        normalisation("layer", 8)


def test_map_shape_leaves_batch_norm_as_it_was():
    encoder = ConvEncoder(channels=4, norm="batch")
    before = [b.clone() for b in encoder.buffers()]
    encoder.map_shape((64, 63))
    assert encoder.training
    assert all(torch.equal(a, b) for a, b in zip(before, encoder.buffers(), strict=True))


def test_melodies():
    x = torch.randn(3, 7, 64)
    assert MelodyEncoder(7, channels=8)(x).shape == (3, 8)
    assert MelodyEncoder(7, channels=8, output="maps")(x).shape == (3, 8, 1, 8)
    with pytest.raises(ValueError, match=r"x must have shape \(n, 7, n_notes\), got \(3, 6, 64\)"):
        MelodyEncoder(7)(x[:, :6])
    assert isinstance(normalisation("batch", 4, 1), nn.BatchNorm1d)


def test_frames_are_averaged_between_edges():
    x = torch.arange(6.0).expand(2, 1, 6)
    assert average_frames(x, [0, 1, 3, 6])[0, 0].tolist() == [0.0, 1.5, 4.0]
    spread = spread_of_frames(x, [0, 1, 3, 6])[0, 0].tolist()
    assert spread == pytest.approx([0.0, 0.5, (2 / 3) ** 0.5], abs=2e-3)
    moving = torch.zeros(1, 1, 6, requires_grad=True)
    spread_of_frames(moving, [0, 1, 6]).sum().backward()
    assert torch.isfinite(moving.grad).all()
    encoder = ConvEncoder(channels=4, n_blocks=1, strides=1, frame_edges=[0, 1, 4, 16])
    assert encoder.map_shape((8, 16)) == (4, 8, 3)
    assert encoder(torch.zeros(2, 8, 16)).shape == (2, 4 * 8 * 3)
    with pytest.raises(ValueError, match="edges must end at the number of frames, 6, got 5"):
        average_frames(x, [0, 5])
    with pytest.raises(ValueError, match="edges must rise from 0"):
        average_frames(x, [0, 3, 3, 6])
