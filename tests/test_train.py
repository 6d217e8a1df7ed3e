"""Training: interrupted or not, in one process or two, the same weights come out."""

from __future__ import annotations

import os
import random
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import etudes
from etudes.episodes import EpisodeSampler
from etudes.train import (
    History,
    budget,
    cosine_schedule,
    fit,
    load_weights,
    pick_device,
    save_weights,
)

Maker = Callable[[], nn.Module]


class Numbers:
    """Endless regression batches: batch i depends on i alone."""

    def __getitem__(self, i: int) -> tuple[torch.Tensor, torch.Tensor]:
        x = torch.from_numpy(np.random.default_rng(i).normal(size=(8, 3))).float()
        return x, x.sum(1, keepdim=True)


def network(seed: int = 0) -> nn.Module:
    """A small network with dropout and batch-norm, the two that make resuming hard."""
    torch.manual_seed(seed)
    return nn.Sequential(
        nn.Linear(3, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(0.3), nn.Linear(8, 1)
    )


def squared(model: nn.Module, batch: tuple[torch.Tensor, torch.Tensor]) -> torch.Tensor:
    """Squared error."""
    return (model(batch[0]) - batch[1]).square().mean()


def negative_error(model: nn.Module) -> float:
    """A validation measure: higher is better."""
    return -squared(model, Numbers()[10**6]).item()


def same(a: nn.Module, b: nn.Module) -> bool:
    """Whether two models agree in every bit."""
    pairs = zip(a.state_dict().items(), b.state_dict().items(), strict=True)
    return all(k == m and torch.equal(v, w) for (k, v), (m, w) in pairs)


def train(model: nn.Module, **kwargs: Any) -> History:
    """Fit with a few defaults."""
    settings: dict[str, Any] = {"steps": 30, "every": 5, "progress": False, "device": "cpu"}
    return fit(model, kwargs.pop("loss", squared), Numbers(), **{**settings, **kwargs})


def interrupt_at(step: int) -> Callable[[nn.Module, Any], torch.Tensor]:
    """A loss that is interrupted, as by Ctrl-C, in its call number ``step``."""
    calls = iter(range(10**6))

    def loss(model: nn.Module, batch: Any) -> torch.Tensor:
        if next(calls) == step:
            raise KeyboardInterrupt
        return squared(model, batch)

    return loss


def test_training_lowers_the_loss_and_reports_it() -> None:
    model = network()
    history = train(model, steps=200, every=50, validate=negative_error)
    assert history.steps == 200 and len(history.losses) == 200
    assert np.mean(history.losses[-20:]) < 0.7 * np.mean(history.losses[:20])
    assert [step for step, _ in history.validation] == [50, 100, 150, 200]
    assert history.best_validation == max(value for _, value in history.validation)
    assert history.seconds > 0 and not history.stopped_early and history.resumed_from == 0


def test_the_same_seed_gives_the_same_bits_and_another_does_not() -> None:
    a, b, c = network(), network(), network()
    train(a, seed=1)
    torch.manual_seed(99)
    train(b, seed=1)
    train(c, seed=2)
    assert same(a, b) and not same(a, c)


def test_random_numbers_outside_go_on_as_if_nothing_had_happened() -> None:
    def draw() -> tuple[float, float, float]:
        return random.random(), float(np.random.rand()), float(torch.rand(1))  # noqa: NPY002

    etudes.seed_everything(3)
    expected = draw()
    etudes.seed_everything(3)
    train(network_without_seeding())
    assert draw() == expected


def network_without_seeding() -> nn.Module:
    """A network that draws nothing."""
    layer = nn.utils.skip_init(nn.Linear, 3, 1)
    nn.init.constant_(layer.weight, 0.1)
    nn.init.zeros_(layer.bias)
    return nn.Sequential(layer, nn.Dropout(0.5))


@pytest.mark.parametrize("stop", [3, 12, 29])
@pytest.mark.parametrize("validate", [None, negative_error])
def test_an_interrupted_run_ends_like_an_uninterrupted_one(
    tmp_path: Path, stop: int, validate: Any
) -> None:
    options: dict[str, Any] = {
        "validate": validate,
        "optimizer": lambda p: torch.optim.AdamW(p, lr=0.01),
        "schedule": cosine_schedule(30, warmup=4),
        "clip": 1.0,
    }
    whole, parted = network(), network()
    expected = train(whole, **options)
    path = tmp_path / "run.pt"
    with pytest.raises(KeyboardInterrupt):
        train(parted, checkpoint=path, loss=interrupt_at(stop), **options)
    again = network(seed=5)  # a new session: whatever weights it starts from are replaced
    if not path.exists():  # interrupted before the first checkpoint
        again = network()
    history = train(again, checkpoint=path, **options)
    assert same(whole, again)
    assert history.losses == expected.losses
    assert history.validation == expected.validation
    assert history.best_step == expected.best_step
    assert history.resumed_from == stop // 5 * 5


def test_early_stopping_goes_on_counting_after_an_interruption(tmp_path: Path) -> None:
    measures = {5: 0.1, 10: 0.5, 15: 0.4, 20: 0.3, 25: 0.9, 30: 1.0}

    def scripted() -> Callable[[], float]:
        return lambda: measures[len(seen)]

    seen: list[float] = []

    def loss(model: nn.Module, batch: Any) -> torch.Tensor:
        seen.append(0)
        return squared(model, batch)

    whole = network()
    expected = train(whole, loss=loss, validate=scripted(), patience=2)
    assert expected.stopped_early and expected.steps == 20
    assert (expected.best_step, expected.best_validation) == (10, 0.5)

    seen.clear()
    path = tmp_path / "run.pt"

    def interrupted(model: nn.Module, batch: Any) -> torch.Tensor:
        if len(seen) == 17:
            raise KeyboardInterrupt
        return loss(model, batch)

    with pytest.raises(KeyboardInterrupt):
        train(network(), loss=interrupted, validate=scripted(), patience=2, checkpoint=path)
    del seen[15:]
    again = network(seed=5)
    history = train(again, loss=loss, validate=scripted(), patience=2, checkpoint=path)
    assert history.stopped_early and history.steps == 20 and same(whole, again)


def test_the_best_weights_are_the_ones_that_stay() -> None:
    at_best: dict[str, torch.Tensor] = {}
    values = iter([0.1, 0.9, 0.2])

    def validate(model: nn.Module) -> float:
        value = next(values)
        if value == 0.9:
            at_best.update({k: v.clone() for k, v in model.state_dict().items()})
        return value

    model = network()
    history = train(model, steps=15, validate=validate)
    assert history.best_step == 10
    assert all(torch.equal(v, at_best[k]) for k, v in model.state_dict().items())


def test_a_finished_run_is_not_run_again_but_can_go_on(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "run.pt"
    first, second, third, whole = network(), network(1), network(2), network()
    train(first, steps=10, checkpoint=path)

    def never(model: nn.Module, batch: Any) -> torch.Tensor:
        raise AssertionError("trained again")

    assert train(second, steps=10, checkpoint=path, loss=never).steps == 10
    assert same(first, second)
    train(third, steps=20, checkpoint=path)
    train(whole, steps=20)
    assert same(third, whole)
    with pytest.raises(AssertionError, match="trained again"):
        train(network(), steps=10, checkpoint=path, resume=False, loss=never)


def test_a_crash_while_writing_keeps_the_checkpoint_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "run.pt"
    whole, again = network(), network()
    train(whole)
    train(again, steps=10, checkpoint=path)
    before = path.read_bytes()

    def full_disk(*args: Any) -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr(os, "replace", full_disk)
    with pytest.raises(OSError, match="no space left"):
        train(network(), checkpoint=path)
    monkeypatch.undo()
    assert path.read_bytes() == before and os.listdir(tmp_path) == ["run.pt"]
    train(again, checkpoint=path)
    assert same(whole, again)


@pytest.mark.parametrize("damage", ["truncated", "flipped", "empty"])
def test_a_damaged_checkpoint_is_set_aside(tmp_path: Path, damage: str) -> None:
    path = tmp_path / "run.pt"
    train(network(), steps=10, checkpoint=path)
    content = bytearray(path.read_bytes())
    if damage == "flipped":
        content[len(content) // 2] ^= 1
    path.write_bytes({"truncated": content[:500], "flipped": content, "empty": b""}[damage])
    whole, again = network(), network()
    train(whole)
    with pytest.warns(UserWarning, match=r"checkpoint run.pt is damaged; training starts anew"):
        history = train(again, checkpoint=path)
    assert history.resumed_from == 0 and same(whole, again)
    assert (tmp_path / "run.pt.damaged").exists()


def test_a_checkpoint_of_another_model_or_seed_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "run.pt"
    train(network(), steps=5, checkpoint=path)
    message = (
        "checkpoint run.pt belongs to another model: '0.weight' holds (8, 3), the model has (9, 3)"
    )
    with pytest.raises(ValueError, match=re.escape(message)):
        train(nn.Sequential(nn.Linear(3, 9), nn.Linear(9, 1)), checkpoint=path)
    with pytest.raises(ValueError, match="was made with seed 0, got seed 1"):
        train(network(), checkpoint=path, seed=1)


def test_a_loss_that_is_not_finite_stops_with_the_step() -> None:
    def loss(model: nn.Module, batch: Any) -> torch.Tensor:
        calls.append(0)
        return squared(model, batch) * (float("nan") if len(calls) == 8 else 1)

    calls: list[int] = []
    model, seven = network(), network()
    with pytest.raises(
        FloatingPointError, match=r"loss became nan at step 7 \(batch 7\): lower the"
    ):
        train(model, loss=loss)
    train(seven, steps=7)
    pairs = zip(model.parameters(), seven.parameters(), strict=True)
    assert all(torch.equal(a, b) for a, b in pairs)
    assert model.training


def test_a_gradient_that_is_not_finite_stops_too() -> None:
    def loss(model: nn.Module, batch: Any) -> torch.Tensor:
        return (model[0].weight * 0).abs().sqrt().sum()  # finite value, infinite slope

    with pytest.raises(FloatingPointError, match="gradient became nan at step 0"):
        train(network(), loss=loss)


def test_clipping_bounds_the_step() -> None:
    a, b = network_without_seeding(), network_without_seeding()
    make = lambda p: torch.optim.SGD(p, lr=1.0)  # noqa: E731
    train(a, steps=1, clip=1e-3, optimizer=make)
    moved = torch.cat(
        [(p - q).flatten() for p, q in zip(a.parameters(), b.parameters(), strict=True)]
    )
    assert float(moved.detach().norm()) == pytest.approx(1e-3, rel=1e-3)


def test_validation_sees_a_model_in_evaluation_mode_without_gradients() -> None:
    modes = []

    def validate() -> float:
        modes.append((model.training, model[3].training, torch.is_grad_enabled()))
        return 0.0

    model = network()
    train(model, validate=validate, steps=5)
    assert modes == [(False, False, False)] and model.training


def test_frozen_parameters_stay() -> None:
    model = network()
    model[0].weight.requires_grad_(False)
    before = model[0].weight.clone()
    train(model, steps=3)
    assert torch.equal(model[0].weight, before)


def test_episodes_and_lists_of_them_are_batches() -> None:
    x = np.random.default_rng(0).normal(size=(40, 3))
    sampler = EpisodeSampler(x, np.arange(40) % 4, n_way=2, k_shot=2, n_query=3)

    def loss(model: nn.Module, batch: Any) -> torch.Tensor:
        episodes = batch if isinstance(batch, list) else [batch]
        return torch.stack([model(e.query_x).square().mean() for e in episodes]).mean()

    one, four = network_without_seeding(), network_without_seeding()
    fit(one, loss, sampler, steps=2, progress=False, device="cpu", batches_per_step=4)
    fit(four, loss, sampler.batches(4), steps=2, progress=False, device="cpu")
    pairs = zip(one.parameters(), four.parameters(), strict=True)
    # dropout differs, since one batch holds what were four; the linear layer sees the same data
    assert all(torch.isfinite(a).all() and a.shape == b.shape for a, b in pairs)


def test_a_step_over_several_batches_has_their_mean_gradient() -> None:
    model, expected = network_without_seeding().eval(), network_without_seeding().eval()
    history = fit(
        nn.Sequential(model[0]),
        squared,
        Numbers(),
        steps=1,
        batches_per_step=3,
        optimizer=lambda p: torch.optim.SGD(p, lr=1.0),
        progress=False,
        device="cpu",
    )
    losses = torch.stack([squared(expected[0], Numbers()[i]) for i in range(3)])
    losses.mean().backward()
    assert history.losses[0] == pytest.approx(losses.mean().item())
    torch.testing.assert_close(
        model[0].weight.detach(), (expected[0].weight - expected[0].weight.grad).detach()
    )


SCRIPT = """
import sys, torch
import torch.distributed as dist
sys.path.insert(0, sys.argv[2])
import test_train

torch.set_num_threads(1)
found = test_train.train_shared(sys.argv[1] + ".run")
torch.save(found, f"{sys.argv[1]}.{dist.get_rank()}")
dist.destroy_process_group()
"""


def train_shared(checkpoint: str) -> dict[str, Any]:
    """What the script does, and the test does alone: three batches a step, so shares are uneven."""
    model = plain_network()
    history = fit(
        model,
        lambda model, batch: squared(model["body"], batch),  # type: ignore[index]
        Numbers(),
        steps=5,
        every=2,
        batches_per_step=3,
        optimizer=lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.5, weight_decay=0.1),
        validate=lambda model: negative_error(model["body"]),
        checkpoint=checkpoint,
        progress=False,
        device="cpu",
    )
    return {
        "weights": model.state_dict(),
        "losses": history.losses,
        "validation": history.validation,
    }


def plain_network() -> nn.Module:
    """Dropout, and a layer that is never used; no batch-norm (it sees one process's batch only)."""
    torch.manual_seed(0 if os.environ.get("RANK", "0") == "0" else 17)
    return nn.ModuleDict(  # type: ignore[return-value]
        {
            "body": nn.Sequential(nn.Linear(3, 8), nn.ReLU(), nn.Dropout(0.3), nn.Linear(8, 1)),
            "unused": nn.Linear(2, 2),
        }
    )


def test_two_processes_find_the_gradient_that_one_finds(tmp_path: Path) -> None:
    """The same training, alone and under torchrun: the same losses and the same weights.

    The change of the weights in a step of gradient descent is the gradient.
    """
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    result = subprocess.run(
        [*torchrun, str(script), str(tmp_path / "two"), str(Path(__file__).parent)],
        env={
            **os.environ,
            "PYTHONPATH": str(Path(etudes.__file__).parents[1]),
            "OMP_NUM_THREADS": "1",
            "GLOO_SOCKET_IFNAME": "lo",
        },
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert result.returncode == 0, result.stderr[-2000:]
    start, alone = plain_network().state_dict(), train_shared(str(tmp_path / "one.run"))
    for rank in (0, 1):
        found = torch.load(tmp_path / f"two.{rank}", weights_only=True)
        assert found["losses"] == pytest.approx(alone["losses"], rel=1e-5)
        assert [step for step, _ in found["validation"]] == [2, 4, 5]
        for (_, mine), (_, expected) in zip(found["validation"], alone["validation"], strict=True):
            assert mine == pytest.approx(expected, rel=1e-4)
        for key, value in found["weights"].items():
            torch.testing.assert_close(value, alone["weights"][key], rtol=1e-5, atol=1e-6)
            assert torch.equal(value, start[key]) == key.startswith("unused")


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"steps": 0}, ValueError, "steps must be a positive integer, got 0"),
        ({"every": 2.5}, TypeError, "every must be a positive integer, got float 2.5"),
        ({"batches_per_step": 0}, ValueError, "batches_per_step must be a positive integer, got 0"),
        ({"loss": "mse"}, TypeError, "loss must be callable, got str 'mse'"),
        ({"validate": 3}, TypeError, "validate must be callable, got int 3"),
        ({"optimizer": "adam"}, TypeError, "optimizer must be callable, got str 'adam'"),
        ({"patience": 2}, ValueError, "patience needs validate"),
        ({"clip": -1.0}, ValueError, "clip must be a finite number above 0, got -1.0"),
        (
            {"loss": lambda m, b: m(b[0])},
            TypeError,
            "loss must return a scalar tensor, got Tensor of",
        ),
        ({"loss": lambda m, b: 0.5}, TypeError, "loss must return a scalar tensor, got float 0.5"),
        (
            {"loss": lambda m, b: b[0].sum()},
            ValueError,
            "loss must depend on the model's parameters",
        ),
        (
            {"validate": lambda: float("nan")},
            ValueError,
            "validate must return a finite number, got nan",
        ),
    ],
)
def test_bad_arguments(changes: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=re.escape(message)):
        train(network(), **changes)


def test_too_few_batches() -> None:
    few = [Numbers()[0]] * 3
    with pytest.raises(
        ValueError, match="batches must reach to the last step, got none numbered 3"
    ):
        fit(network(), squared, few, steps=5, progress=False, device="cpu")


def test_a_model_that_is_none_or_has_nothing_to_train() -> None:
    with pytest.raises(TypeError, match="model must be a torch module, got int 3"):
        train(3)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="model must have parameters to train, got none"):
        train(nn.ReLU())


def test_the_progress_bar_shows_loss_and_validation(capfd: pytest.CaptureFixture[str]) -> None:
    train(network(), progress=True, validate=negative_error)
    shown = capfd.readouterr().err
    assert "training" in shown and "loss=" in shown and "validation=" in shown and "best=" in shown


def test_cosine_schedule() -> None:
    factor = cosine_schedule(110, warmup=10)
    assert [factor(0), factor(9), factor(10)] == pytest.approx([0.1, 1, 1])
    assert factor(60) == pytest.approx(0.5) and factor(110) == pytest.approx(0)
    with pytest.raises(ValueError, match="warmup must be less than steps, 5, got 5"):
        cosine_schedule(5, 5)


def test_budget_and_device(monkeypatch: pytest.MonkeyPatch) -> None:
    for scale, expected in (("quick", 1), ("full", 2), ("", 2 if torch.cuda.is_available() else 1)):
        monkeypatch.setenv("ETUDES_SCALE", scale)
        assert budget(quick=1, full=2) == expected
    monkeypatch.setenv("ETUDES_SCALE", "ful")
    with pytest.raises(ValueError, match=r"ETUDES_SCALE must be one of .* did you mean 'full'"):
        budget(1, 2)
    monkeypatch.delenv("ETUDES_SCALE")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setenv("LOCAL_RANK", "3")
    assert budget(quick=1, full=2) == 2 and pick_device() == torch.device("cuda", 1)


def test_weights_go_out_and_come_back(tmp_path: Path) -> None:
    model, other = network(), network(1)
    train(model, steps=3)
    path = save_weights(model, tmp_path / "new" / "w.safetensors", {"trained on": "numbers"})
    assert load_weights(other, path) == {"trained on": "numbers"}
    assert same(model, other)
    assert os.listdir(path.parent) == ["w.safetensors"]


def test_weights_in_16_bits_are_half_as_large_and_nearly_the_same(tmp_path: Path) -> None:
    torch.manual_seed(0)
    model, other = (nn.Sequential(nn.Linear(64, 64), nn.BatchNorm1d(64)) for _ in range(2))
    model(torch.randn(8, 64))  # so that the counter of batches, an integer, is not 0
    whole = save_weights(model, tmp_path / "whole.safetensors")
    half = save_weights(model, tmp_path / "half.safetensors", {"kept": "in 16 bits"}, half=True)
    assert 0.45 < half.stat().st_size / whole.stat().st_size < 0.6
    assert load_weights(other, half) == {"kept": "in 16 bits"}
    for key, value in model.state_dict().items():
        found = other.state_dict()[key]
        assert found.dtype == value.dtype  # as the model wants it, 32 bits
        torch.testing.assert_close(found, value, rtol=1e-3, atol=1e-6)
    assert next(model.parameters()).dtype == torch.float32 and not same(model, other)
    load_weights(model, save_weights(other, tmp_path / "again.safetensors", half=True))
    assert same(model, other)  # nothing more is lost the second time


def test_numbers_too_large_for_16_bits_are_named(tmp_path: Path) -> None:
    model = nn.Linear(2, 2)
    with torch.no_grad():
        model.bias[1] = 1e5
    with pytest.raises(ValueError, match="'bias' must lie within ±65504"):
        save_weights(model, tmp_path / "w.safetensors", half=True)
    assert not list(tmp_path.iterdir())
    save_weights(model, tmp_path / "w.safetensors")


@pytest.mark.parametrize("half", [False, True])
@pytest.mark.parametrize("damage", ["truncated", "flipped", "empty"])
def test_damaged_weights_are_noticed(tmp_path: Path, damage: str, half: bool) -> None:
    path = save_weights(network(), tmp_path / "w.safetensors", half=half)
    content = bytearray(path.read_bytes())
    if damage == "flipped":
        content[-3] ^= 1  # within the numbers: safetensors itself would not notice
    path.write_bytes({"truncated": content[:-9], "flipped": content, "empty": b""}[damage])
    with pytest.raises(ValueError, match=r"weights w.safetensors are damaged"):
        load_weights(network(), path)


def test_weights_that_are_not_there_or_do_not_fit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = save_weights(network(), tmp_path / "06-instruments.safetensors")
    with pytest.raises(
        ValueError, match=re.escape("'0.weight' holds (8, 3), the model has (2, 2)")
    ):
        load_weights(nn.Sequential(nn.Linear(2, 2)), path)
    with pytest.raises(ValueError, match="'extra.weight' holds nothing, the model has"):
        model = network()
        model.add_module("extra", nn.Linear(1, 1))
        load_weights(model, path)
    with pytest.raises(ValueError, match="there are no weights at"):
        load_weights(network(), tmp_path / "x.safetensors")
    monkeypatch.setattr("etudes.train.weights.WEIGHTS_FOLDER", tmp_path)
    load_weights(network(), "06-instruments")
    with pytest.raises(ValueError, match="did you mean '06-instruments'"):
        load_weights(network(), "06-instrument")
    with pytest.raises(ValueError, match="path must end in .safetensors, got w.pt"):
        save_weights(network(), tmp_path / "w.pt")
    with pytest.raises(TypeError, match="metadata must map text to text, got 'n': int 3"):
        save_weights(network(), path, {"n": 3})  # type: ignore[dict-item]
