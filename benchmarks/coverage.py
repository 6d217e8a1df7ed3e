"""How often each kind of interval holds the true accuracy: ``python benchmarks/coverage.py``.

Classes are Gaussian clouds of differing width, drawn anew in every repetition, and so are their
items; 600 few-shot tasks are drawn from them and answered by the nearest centroid. The truth is
the accuracy over very many classes. An honest 95% interval holds it in 95 of 100 repetitions.
Compared are

* ``tasks``: 1.96 standard errors over tasks, as papers print it;
* ``product``: bootstrap over tasks and classes, each task weighted by the product of the weights of
  its classes;
* ``pigeonhole``: bootstrap over tasks and classes, each class's recall in a task weighted by the
  weights of the two (Owen 2007);
* ``effects``: :func:`etudes.evaluate.intervals.class_interval`, which :mod:`etudes.evaluate`
  describes.

Takes about a minute for each line with 200 repetitions; the number can be given as an argument.
"""

from __future__ import annotations

import sys
from collections.abc import Callable

import numpy as np

from etudes.evaluate.intervals import class_interval, task_interval

N_WAY, N_QUERY, N_TASKS, N_BOOT = 5, 10, 600, 1000
Interval = tuple[float, float]


def recalls_of(
    n_classes: int, k_shot: int, items: int, n_tasks: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Recall of each class in each task, and which class it is; both (n_tasks, n_way)."""
    spread = 1.6 * np.exp(0.35 * rng.normal(size=(n_classes, 1, 1)))
    x = rng.normal(size=(n_classes, 1, 6)) + spread * rng.normal(size=(n_classes, items, 6))
    classes = np.argsort(rng.random((n_tasks, n_classes)), 1)[:, :N_WAY]
    order = np.argsort(rng.random((n_tasks, N_WAY, items)), 2)[:, :, : k_shot + N_QUERY]
    drawn = x[classes[:, :, None], order]
    centroid = drawn[:, :, :k_shot].mean(2)
    distance = ((drawn[:, :, k_shot:, None] - centroid[:, None, None]) ** 2).sum(-1)
    return (distance.argmin(-1) == np.arange(N_WAY)[:, None]).mean(2), classes


def weights(classes: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """How often each class and each task comes in each replicate."""
    n_classes = classes.max() + 1
    of_class = rng.multinomial(n_classes, np.full(n_classes, 1 / n_classes), size=N_BOOT)
    return of_class, rng.multinomial(len(classes), np.full(len(classes), 1 / len(classes)), N_BOOT)


def quantiles(replicates: np.ndarray) -> Interval:
    """95% of the replicates that could be computed."""
    low, high = np.nanquantile(replicates, [0.025, 0.975])
    return float(low), float(high)


def product(recalls: np.ndarray, classes: np.ndarray, rng: np.random.Generator) -> Interval:
    """Tasks weighted by the product of the weights of their classes."""
    of_class, of_task = weights(classes, rng)
    weight = of_task * of_class[:, classes].prod(2)
    with np.errstate(invalid="ignore"):
        return quantiles(weight @ recalls.mean(1) / weight.sum(1))


def pigeonhole(recalls: np.ndarray, classes: np.ndarray, rng: np.random.Generator) -> Interval:
    """Each recall weighted by its task and its class."""
    of_class, of_task = weights(classes, rng)
    weight = of_task[:, :, None] * of_class[:, classes]
    return quantiles((weight * recalls).sum((1, 2)) / weight.sum((1, 2)))


def main() -> None:
    """Print one line for each number of classes and shots."""
    repeats = int(sys.argv[1]) if len(sys.argv) > 1 else 200
    kinds: dict[str, Callable[[np.ndarray, np.ndarray, np.random.Generator], Interval]] = {
        "tasks": lambda r, c, rng: task_interval(r.mean(1)),
        "product": product,
        "pigeonhole": pigeonhole,
        "effects": lambda r, c, rng: class_interval(r, c),
    }
    print(f"5-way, {N_TASKS} tasks, {repeats} repetitions: coverage and half-width in points")
    for n_classes, k_shot in ((6, 5), (8, 5), (8, 1), (16, 5), (32, 5), (32, 1)):
        rng = np.random.default_rng([n_classes, k_shot])
        truth = np.mean([recalls_of(N_WAY, k_shot, 30, 4, rng)[0].mean() for _ in range(12000)])
        held: dict[str, list[tuple[bool, float]]] = {name: [] for name in kinds}
        for _ in range(repeats):
            recalls, classes = recalls_of(n_classes, k_shot, 25, N_TASKS, rng)
            for name, kind in kinds.items():
                low, high = kind(recalls, classes, rng)
                held[name].append((bool(low <= truth <= high), 50 * (high - low)))
        words = [
            f"{name} {np.mean([h for h, _ in rows]):.2f} (±{np.mean([w for _, w in rows]):.1f})"
            for name, rows in held.items()
        ]
        print(f"{n_classes:2d} classes, {k_shot}-shot: " + ", ".join(words), flush=True)


if __name__ == "__main__":
    main()
