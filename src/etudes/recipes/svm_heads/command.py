"""The command of :mod:`etudes.recipes.svm_heads`: choose, train from three seeds, compare, write.

The idea in a sentence: the test classes are loaded when everything has been chosen and trained.
Chapter 05.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from etudes.evaluate import paired_difference
from etudes.files import write_atomically
from etudes.recipes.svm_heads.choosing import choose
from etudes.recipes.svm_heads.comparing import (
    SHOTS,
    compare,
    encoded_by,
    instrument_baselines,
    style_baselines,
    swapped,
)
from etudes.recipes.svm_heads.domains import DOMAINS, Domain
from etudes.recipes.svm_heads.networks import HEAD_NAMES
from etudes.recipes.svm_heads.report import (
    DIFFERENCES,
    save,
    write_choice,
    write_rows,
    write_seeds,
    write_solver,
)
from etudes.recipes.svm_heads.solver import solver_against_sklearn
from etudes.recipes.work import work_folder
from etudes.train import History

STEPS = {"instruments": 600, "styles": 300}
"""Training episodes of each network."""

TRIAL_STEPS = {"instruments": 200, "styles": 100}
"""Training episodes of each trial of settings."""

TRIAL_TASKS = {"instruments": 150, "styles": 60}
"""Validation tasks of each trial and number of shots."""

SEEDS, N_TASKS = 3, 600


def main(arguments: Sequence[str] | None = None) -> None:
    """Choose, train, compare, and with ``--full`` write checkpoints and ledger rows.

    Parameters
    ----------
    arguments
        Of the command line.
    """
    parser = argparse.ArgumentParser(prog="python -m etudes.recipes.svm_heads")
    parser.add_argument("--full", action="store_true", help="the committed size; writes results")
    parser.add_argument("--domain", choices=tuple(DOMAINS), help="one of the two only")
    parser.add_argument("--seeds", type=int, default=SEEDS, help=f"trainings of each ({SEEDS})")
    parser.add_argument("--shots", type=int, nargs="+", default=SHOTS, help="of the test tasks")
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    for name in [options.domain] if options.domain else DOMAINS:
        domain = DOMAINS[name]()
        if not options.full:
            _quick(domain)
            continue
        work = work_folder()
        begun = time.perf_counter()
        chosen = _choose(domain, work)
        runs = [_train(domain, chosen, seed, work) for seed in range(options.seeds)]
        _test(domain, chosen, runs, begun, options.shots)


def _quick(domain: Domain) -> None:
    """A hundred steps of each head, on validation classes; nothing is written."""
    trained = {}
    for head in HEAD_NAMES:
        trained[head] = domain.make(head)
        domain.train(trained[head], 100, validate=False, progress=True)
        trained[head].eval()
    for k_shot in SHOTS:
        print(f"{domain.name}, validation, 5-way {k_shot}-shot")
        compare(trained, domain, k_shot, 100, "validation")


def _choose(domain: Domain, work: Path) -> dict[str, dict[str, Any]]:
    """The best settings of every head on validation classes; remembers finished trials."""
    path = work / f"svm-heads-{domain.name}-trials.json"
    known = json.loads(path.read_text()) if path.exists() else {}
    steps, n_tasks = TRIAL_STEPS[domain.name], TRIAL_TASKS[domain.name]
    chosen = {}
    for head in HEAD_NAMES:
        chosen[head], trials = choose(domain, head, steps, n_tasks, known)
        write_atomically(path, json.dumps(known).encode())
        print(f"{domain.name}, {head}: {chosen[head]}", flush=True)
        write_choice(domain.name, chosen[head], trials, head, steps, n_tasks)
    return chosen


def _train(
    domain: Domain, chosen: dict[str, dict[str, Any]], seed: int, work: Path
) -> dict[str, tuple[Any, History]]:
    """All heads from one seed."""
    trained = {}
    for head, settings in chosen.items():
        own = {name: value for name, value in settings.items() if name != "lr"}
        model = domain.make(head, seed, **own)
        history = domain.train(
            model,
            STEPS[domain.name],
            lr=settings["lr"],
            seed=seed,
            checkpoint=work / f"svm-heads-{domain.name}-{head}-{seed}.safetensors",
        )
        told = (
            "" if history.best_validation is None else f"validation {history.best_validation:.3f}"
        )
        print(f"{domain.name}, {head}, seed {seed}: {history.seconds:.0f} s {told}", flush=True)
        trained[head] = (model.eval(), history)
    return trained


def _test(
    domain: Domain,
    chosen: dict[str, dict[str, Any]],
    runs: list[dict[str, tuple[Any, History]]],
    begun: float,
    shots: Sequence[int] = SHOTS,
) -> None:
    """Meet the test classes, and write everything down."""
    seconds = sum(history.seconds for run in runs for _, history in run.values())
    networks = [{head: model for head, (model, _) in run.items()} for run in runs]
    if domain.name == "instruments":
        for head, (model, history) in runs[0].items():
            save(head, model, history, chosen[head])
        z = encoded_by(networks[0]["svm"], domain.items("validation"))
        found = {k: solver_against_sklearn(domain.tasks("validation", z, k), 40) for k in SHOTS}
        both = {
            what: torch.cat([torch.from_numpy(one[what]) for one in found.values()]).numpy()
            for what in ("objective", "decisions")
        }
        write_solver(both, "120 tasks, a third each of 1, 5 and 10 shots", seconds)
    swaps = [_swapped(run, domain) for run in networks]
    for swap in swaps:
        print({name: one.settings for name, one in swap.items()}, flush=True)
    baselines = instrument_baselines() if domain.name == "instruments" else style_baselines()
    untrained = {
        f"{head}-untrained": domain.make(head, strength=chosen[head].get("strength")).eval()
        for head in ("svm", "prototype")
    }
    everything = {
        **networks[0],
        **baselines,
        **untrained,
        **swaps[0],
    }
    for k_shot in shots:
        print(f"{domain.name}, test, 5-way {k_shot}-shot", flush=True)
        asked = {
            name: learner
            for name, learner in everything.items()
            if k_shot < 10 or name != "stacked-svm"  # dear, and asked about at 1 and 5 shots
        }
        results = compare(asked, domain, k_shot, N_TASKS)
        for a, b in DIFFERENCES:
            if a in results and b in results:
                print(f"  {a} over {b}: {paired_difference(results[a], results[b])}", flush=True)
        again = [results] + [
            compare({**run, **swap}, domain, k_shot, N_TASKS, show=False)
            for run, swap in zip(networks[1:], swaps[1:], strict=True)
        ]
        asked_again = (*HEAD_NAMES, *swaps[0])
        values = {name: [one[name].mean for one in again] for name in asked_again}
        print("  seeds:", {head: [round(v, 3) for v in vs] for head, vs in values.items()})
        spent = seconds + time.perf_counter() - begun
        write_rows(domain.name, results, 0, spent)
        write_seeds(domain.name, k_shot, values, spent)


def _swapped(networks: dict[str, Any], domain: Domain) -> dict[str, Any]:
    """The machine, ridge regression and prototypes, each on the others' embeddings."""
    return swapped({head: networks[head] for head in ("svm", "ridge", "prototype")}, domain)
