"""Know a new instrument from one note or five: train, compare and write down (chapters 02 and 06).

The idea in a sentence: a network that has learned to tell *some* instruments apart from a few notes
each can tell *others* apart, organs and oboes, say, when it has only heard pianos and flutes.
Prototypical networks (Snell et al. 2017) and relation networks (Sung et al. 2018), beside learners
that know nothing but the support set. The command trains both, compares everything on the same test
episodes, and writes checkpoints and ledger rows::

    python -m etudes.recipes.instruments --full     # the committed checkpoints and rows
    python -m etudes.recipes.instruments            # quick, as in the chapter; writes nothing

Training instruments, validation instruments (guitars and brass) and test instruments (organs,
strings, reeds, pads) come from different families of General MIDI. Everything was chosen on the
validation families; the test families are met in :func:`compare` alone.
"""

from __future__ import annotations

import argparse
import copy
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from etudes.checks import check_in
from etudes.episodes import Episode
from etudes.evaluate import FewShotResult, evaluate, paired_difference
from etudes.learners.centroid import NearestCentroid, time_average
from etudes.learners.classical import KNearest, LogisticRegression
from etudes.learners.encoders import ConvEncoder
from etudes.learners.finetune import FineTuned
from etudes.learners.prototypical import PrototypicalNetwork
from etudes.learners.relation import RelationModule, RelationNetwork
from etudes.recipes.instrument_notes import InTurn, LayeredEpisodes, Notes, load_notes
from etudes.recipes.instrument_report import DIFFERENCES, save, write_rows
from etudes.train import History, cosine_schedule, fit, load_weights

ITEM_SHAPE = (64, 63)
"""Mel bands and frames of a note: one second at 16 kHz, 1,024 samples a frame, 256 apart."""

FRAME_EDGES = (0, 1, 2, 3, 4, 6, 8, 11, 14, 18, 23, 29, 36, 43, 50, 54, 63)
"""Frames taken together: single ones (16 ms) at the onset, up to nine at the end."""


@dataclass(frozen=True)
class Budget:
    """How much to spend: what differs between the quick run and the full one.

    Attributes
    ----------
    n_notes
        Training notes for each instrument.
    steps
        Training steps of each network, one episode a step.
    n_tasks
        Test episodes.
    """

    n_notes: int
    steps: int
    n_tasks: int


QUICK = Budget(n_notes=20, steps=400, n_tasks=200)
FULL = Budget(n_notes=98, steps=1800, n_tasks=600)


def make_encoder(output: str = "vector", norm: str = "group") -> ConvEncoder:
    """The embedding network that every learner here shares: three strided blocks, 0.3M weights.

    Parameters
    ----------
    output
        ``"vector"`` of 128 numbers, or ``"maps"`` of shape ``(128, 4, 2)``.
    norm
        ``"group"`` or ``"batch"``.

    Returns
    -------
    ConvEncoder
    """
    return ConvEncoder(
        channels=(64, 96, 128),
        n_blocks=3,
        kernels=(5, 3, 3),
        strides=((4, 2), 2, 2),
        norm=norm,
        output=output,
        n_features=128 if output == "vector" else None,
        item_shape=ITEM_SHAPE,
        input_range=9.0,
        frame_edges=FRAME_EDGES,
    )


def make_prototypical(seed: int = 0) -> PrototypicalNetwork:
    """A prototypical network with fresh weights.

    Parameters
    ----------
    seed
        Of the weights.

    Returns
    -------
    PrototypicalNetwork
    """
    torch.manual_seed(seed)
    return PrototypicalNetwork(make_encoder())


def make_relation(
    loss: str = "squared-error", norm: str = "group", seed: int = 0
) -> RelationNetwork:
    """A relation network with fresh weights.

    Parameters
    ----------
    loss
        ``"squared-error"`` or ``"cross-entropy"``.
    norm
        ``"group"``, or ``"batch"`` as in the paper.
    seed
        Of the weights.

    Returns
    -------
    RelationNetwork
    """
    torch.manual_seed(seed)
    encoder = make_encoder("maps", norm)
    relation = RelationModule(encoder.map_shape(ITEM_SHAPE), norm=norm)
    return RelationNetwork(encoder, relation, loss=loss)


def train(
    model: PrototypicalNetwork | RelationNetwork,
    notes: Notes,
    steps: int,
    *,
    validation: Notes | None = None,
    n_way: int = 16,
    k_shots: Sequence[int] = (1, 5),
    n_query: int = 3,
    share: float = 0.7,
    colour: float = 0.3,
    lr: float = 2e-3,
    seed: int = 0,
    every: int = 300,
    checkpoint: Path | None = None,
    progress: bool = True,
) -> History:
    """Train a learner on episodes of layered and plain instruments.

    Parameters
    ----------
    model
        A network with ``loss(episode)``; trained in place.
    notes
        Training notes.
    steps
        Episodes, one a step; the learning rate rises for fifty and falls along a cosine.
    validation
        Notes of instruments not trained on; the weights that do best on 5-way 5-shot and 1-shot
        episodes of these are kept. Without them, the last ones.
    n_way, n_query
        Classes of a training episode (more than at test time: a harder school) and questions for
        each.
    k_shots
        Support items for each class, in turn.
    share
        Fraction of classes that are layered; see
        :class:`~etudes.recipes.instrument_notes.LayeredEpisodes`.
    colour
        Spread of each class's own filter and envelope; see there.
    lr
        Largest step size of Adam.
    seed
        Of the episodes.
    every
        Steps between validations.
    checkpoint
        Where to keep the state of the run, so that it can go on after an interruption.
    progress
        Show a bar.

    Returns
    -------
    History
    """
    episodes = [
        LayeredEpisodes(notes, notes.sampler(n_way, k, n_query, seed), share, colour, seed)
        for k in k_shots
    ]

    def validate(network: nn.Module) -> float:
        right = [(network(e).argmax(1) == e.query_y).float().mean() for e in tasks]
        return float(torch.stack(right).mean())

    tasks: list[Episode] = []
    if validation is not None:
        for k in (1, 5):
            sampler = validation.sampler(5, k, 10, seed=10_000)
            tasks += [sampler[i] for i in range(60)]
    return fit(
        model,
        lambda network, episode: network.loss(episode),  # type: ignore[operator]
        InTurn(episodes),
        steps=steps,
        optimizer=lambda p: torch.optim.AdamW(p, lr=lr, weight_decay=1e-4),
        schedule=cosine_schedule(steps, min(50, steps // 4)),
        validate=validate if tasks else None,
        every=every,
        checkpoint=checkpoint,
        seed=seed,
        clip=5.0,
        progress=progress,
    )


TRAINED: dict[str, Callable[[], Any]] = {
    "prototypical": make_prototypical,
    "relation": make_relation,
    "relation-cross-entropy": lambda: make_relation("cross-entropy"),
}
"""The networks that are trained, by the name of their checkpoint (after ``06-instruments-``)."""

SETTINGS: tuple[tuple[int, int], ...] = ((5, 5), (5, 1), (10, 5))
"""Ways and shots that are reported."""


def load_trained(name: str = "prototypical") -> Any:
    """A learner with the committed weights, in evaluation mode.

    Parameters
    ----------
    name
        One of :data:`TRAINED`.

    Returns
    -------
    PrototypicalNetwork or RelationNetwork

    Raises
    ------
    ValueError
        When there is no such learner, or its weights are missing or damaged.
    """
    model = TRAINED[check_in(name, "name", TRAINED)]()
    load_weights(model, f"06-instruments-{name}")
    return model.eval()


def all_learners(trained: dict[str, Any]) -> dict[str, Any]:
    """Everything that is compared, by the name it has in the ledger.

    Parameters
    ----------
    trained
        The trained networks by name.

    Returns
    -------
    dict
        Name → learner.
    """
    learners: dict[str, Any] = {
        "nearest-centroid": NearestCentroid(),
        "nearest-centroid-spectrum": NearestCentroid(time_average),
        "k-nearest": KNearest(3),
        "logistic-regression": LogisticRegression(),
        "untrained": make_prototypical().eval(),
        **trained,
    }
    for name in ("prototypical", "relation"):
        if name in trained:
            learners[f"{name}-fine-tuned"] = FineTuned(trained[name], steps=5, lr=3e-4)
    return learners


def compare(
    learners: dict[str, Any],
    notes: Notes,
    n_way: int = 5,
    k_shot: int = 5,
    n_tasks: int = 600,
    seed: int = 2018,
    progress: bool = True,
) -> dict[str, FewShotResult]:
    """Give every learner the same episodes.

    Parameters
    ----------
    learners
        Name → learner.
    notes
        Notes of instruments that none of them was trained on.
    n_way, k_shot
        Of the episodes; 10 queries a class.
    n_tasks
        Episodes.
    seed
        Of the episodes.
    progress
        Show a bar for each learner.

    Returns
    -------
    dict
        Name → result.
    """
    results = {}
    for name, learner in learners.items():
        learner, x = encoded_once(learner, notes.x)
        sampler = Notes(x, notes.program, notes.pitch).sampler(n_way, k_shot, 10, seed)
        results[name] = evaluate(learner, sampler, n_tasks, progress)
    return results


def encoded_once(learner: Any, x: torch.Tensor) -> tuple[Any, torch.Tensor]:
    """Take the encoder out of a network and encode every note once, not once for every episode.

    The answers are the same, since no note's encoding depends on another's: not with group
    normalisation. Learners for which that does not hold are left as they are.

    Parameters
    ----------
    learner
        Any learner.
    x
        All notes, shape ``(n_notes, 64, 63)``.

    Returns
    -------
    tuple
        A learner and the items that it wants.
    """
    if not isinstance(learner, (PrototypicalNetwork, RelationNetwork)):
        return learner, x
    if any(isinstance(m, nn.modules.batchnorm._BatchNorm) for m in learner.modules()):
        return learner, x
    with torch.no_grad():
        z = torch.cat([learner.encoder(x[i : i + 128]) for i in range(0, len(x), 128)])
    head = copy.copy(learner)
    head._modules = {**learner._modules, "encoder": nn.Identity()}
    return head, z


def ways_of(name: str) -> int:
    """Classes in a training episode: a relation network pays for every pair, so it gets fewer.

    Parameters
    ----------
    name
        Of :data:`TRAINED`.

    Returns
    -------
    int
    """
    return 8 if name.startswith("relation") else 16


def facts(name: str, size: Budget, command: str) -> dict[str, Any]:
    """What the card of a checkpoint says about its training.

    Parameters
    ----------
    name
        Of :data:`TRAINED`.
    size
        What was spent.
    command
        The command line.

    Returns
    -------
    dict
    """
    return {
        "name": name,
        "command": command,
        "n_notes": size.n_notes,
        "n_way": ways_of(name),
        "seed": 0,
    }


def train_all(
    size: Budget, names: Sequence[str], work: Path | None, progress: bool, seed: int = 0
) -> dict[str, tuple[Any, History]]:
    """Train the networks named.

    Parameters
    ----------
    size
        How much to spend.
    names
        Of :data:`TRAINED`.
    work
        Folder for the state of unfinished runs.
    progress
        Show bars.
    seed
        Of training.

    Returns
    -------
    dict
        Name → network and its history.
    """
    notes, validation = load_notes("train", size.n_notes), load_notes("validation")
    trained = {}
    for name in names:
        model = TRAINED[name]()
        history = train(
            model,
            notes,
            size.steps,
            validation=validation,
            n_way=ways_of(name),
            lr=1e-3 if isinstance(model, RelationNetwork) else 2e-3,
            checkpoint=None if work is None else work / f"instruments-{name}.safetensors",
            seed=seed,
            progress=progress,
        )
        print(f"{name}: validation {history.best_validation:.3f} in {history.seconds:.0f} s")
        trained[name] = (model.eval(), history)
    return trained


def main(arguments: Sequence[str] | None = None) -> None:
    """Train, compare, and with ``--full`` write checkpoints and ledger rows.

    Parameters
    ----------
    arguments
        Of the command line.
    """
    parser = argparse.ArgumentParser(prog="python -m etudes.recipes.instruments")
    parser.add_argument("--full", action="store_true", help="the committed size; writes results")
    parser.add_argument("--only", nargs="+", choices=sorted(TRAINED), help="train only these")
    parser.add_argument("--evaluate", action="store_true", help="use the committed checkpoints")
    parser.add_argument("--threads", type=int, default=1, help="CPU threads (1)")
    options = parser.parse_args(arguments)
    torch.set_num_threads(options.threads)
    size = FULL if options.full else QUICK
    command = "python -m etudes.recipes.instruments" + (" --full" if options.full else "")
    names = options.only or list(TRAINED)
    started = time.perf_counter()
    work = None
    if options.full:
        from etudes.data.cache import cache_dir

        work = cache_dir() / "recipes"
        work.mkdir(parents=True, exist_ok=True)
    if not options.evaluate:
        trained = train_all(size, names, work, progress=True)
        for name, (model, history) in trained.items():
            if options.full:
                save(name, model, history, facts(name, size, command))
        if options.only:
            return
        networks = {name: model for name, (model, _) in trained.items()}
        seconds = sum(history.seconds for _, history in trained.values())
    else:
        networks, seconds = {name: load_trained(name) for name in names}, 0.0
    _report(networks, size, command if options.full else None, started, seconds)


def _report(
    networks: dict[str, Any], size: Budget, command: str | None, started: float, trained_s: float
) -> None:
    """Compare everything on the test instruments; print, and write rows when there is a command."""
    everything = all_learners(networks)
    validation = load_notes("validation").sampler(5, 5, 10, seed=10_001)
    scores = {
        name: evaluate(networks[name], validation, 100, progress=False).mean for name in networks
    }
    best = max(scores, key=lambda name: scores[name])
    print("validation, 5-way 5-shot:", {name: round(s, 3) for name, s in scores.items()})
    test = load_notes("test")
    for n_way, k_shot in SETTINGS:
        learners = {
            name: learner
            for name, learner in everything.items()
            if n_way == 5 or not isinstance(learner, FineTuned)  # dear, and asked about at 5 ways
        }
        results = compare(learners, test, n_way, k_shot, size.n_tasks)
        for name, result in results.items():
            print(f"{name:28s} {result}", flush=True)
        for a, b in DIFFERENCES:
            if a in results and b in results:
                print(f"{a} over {b}: {paired_difference(results[a], results[b])}")
        if command is not None:
            seconds = trained_s + time.perf_counter() - started
            write_rows(results, best, command, seconds, seed=0)


if __name__ == "__main__":
    main()
