"""What an exact head costs: ``python benchmarks/svm_head.py``.

For tasks of 5 classes with 1, 5 and 10 examples each, and 50 queries, embedded by 1,024 numbers:
the median time of each head, forwards alone and with the gradient, and its ratio to that of the
prototypes in the same run; the same for a whole training step with the encoder of chapter 05; and
beside these scikit-learn's solver for the same machine, and a dense interior point method that does
not use that classes meet only in the rows' sums. Takes a minute. Trust the ratios, not the
milliseconds.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable
from functools import partial

import numpy as np
import torch
from torch.nn import functional

from etudes.learners.meta_svm import HEADS, solve_dual
from etudes.recipes.svm_heads import make_network

N_WAY, N_QUERY, N_FEATURES = 5, 50, 1024


def median_ms(action: Callable[[], object], repeats: int = 30) -> float:
    """Median time of an action in milliseconds, after one to warm up."""
    action()
    taken = []
    for _ in range(repeats):
        begun = time.perf_counter()
        action()
        taken.append(1000 * (time.perf_counter() - begun))
    return float(np.median(taken))


def by_sklearn(z: torch.Tensor, y: torch.Tensor) -> None:
    """The same machine by coordinate descent, to a tolerance that decisions are content with."""
    from sklearn.svm import LinearSVC

    basis = torch.linalg.qr(z.T)[0]
    machine = LinearSVC(multi_class="crammer_singer", fit_intercept=False, C=0.1, tol=1e-4)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        machine.fit((z @ basis).numpy(), y.numpy())


def dense_step(z: torch.Tensor) -> None:
    """The factorisation of one Newton step when nothing is known of its structure."""
    kernel = torch.kron(z.double() @ z.double().T, torch.eye(N_WAY).double())
    torch.linalg.cholesky(kernel + torch.eye(len(kernel)).double())


def task(k_shot: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    """Embedded examples, their labels, embedded queries, theirs."""
    y = torch.arange(N_WAY).repeat_interleave(k_shot)
    truth = torch.arange(N_WAY).repeat_interleave(N_QUERY // N_WAY)
    centres = torch.randn(N_WAY, N_FEATURES)
    z = (centres[y] + torch.randn(len(y), N_FEATURES)).requires_grad_()
    return z, y, centres[truth] + torch.randn(N_QUERY, N_FEATURES), truth


def times(head: Callable[..., torch.Tensor], k_shot: int) -> tuple[float, float]:
    """Milliseconds of a head without and with its gradient."""
    z, y, query, truth = task(k_shot)
    with torch.no_grad():
        forward = median_ms(lambda: head(z, y, query, N_WAY))
    loss = functional.cross_entropy
    return forward, median_ms(lambda: loss(head(z, y, query, N_WAY), truth).backward())


def training_step(name: str) -> float:
    """Milliseconds of a step of meta-training, encoder included."""
    encoder, head = make_network(name).encoder, HEADS[name]
    _, y, _, truth = task(5)
    x = torch.randn(len(y) + N_QUERY, 64, 63)

    def step() -> None:
        z = encoder(x).flatten(1)
        scores = head(z[: len(y)], y, z[len(y) :], N_WAY)
        functional.cross_entropy(scores, truth).backward()

    return median_ms(step, 10)


def main() -> None:
    """Print the tables."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    for k_shot in (1, 5, 10):
        print(f"{k_shot}-shot")
        taken = {name: times(head, k_shot) for name, head in HEADS.items()}
        for name, (forward, both) in taken.items():
            ratios = [ms / base for ms, base in zip(taken[name], taken["prototype"], strict=True)]
            print(
                f"  {name:10} forward {forward:6.2f} ms ({ratios[0]:5.1f} ×)"
                f"   with gradient {both:6.2f} ms ({ratios[1]:5.1f} ×)"
            )
        z, y, _, _ = task(k_shot)
        z = z.detach()
        n_iter = solve_dual(0.1 * (z @ z.T).double(), functional.one_hot(y).double()).n_iter
        dense, other = median_ms(partial(dense_step, z), 10), median_ms(partial(by_sklearn, z, y))
        print(f"  Newton steps {n_iter}; the factorisation of a dense one {dense:.2f} ms")
        print(f"  scikit-learn, tolerance 1e-4: {other:.2f} ms")
    steps = {name: training_step(name) for name in HEADS}
    print("a whole training step, encoder included, 5-shot")
    for name, ms in steps.items():
        print(f"  {name:10} {ms:6.0f} ms ({ms / steps['prototype']:.2f} ×)")


if __name__ == "__main__":
    main()
