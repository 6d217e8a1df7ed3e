"""The command of :mod:`etudes.recipes.meta_trees`: run the contest and the generator, write down.

The idea in a sentence: what is quick without arguments writes nothing; ``--full`` is what the
ledger of chapter 04 holds.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from pathlib import Path

import torch

from etudes.recipes.meta_trees import generation
from etudes.recipes.meta_trees.contest import Contest, corrected_interval, run
from etudes.recipes.meta_trees.problems import available, load_problem
from etudes.recipes.meta_trees.report import (
    save_followed,
    saved,
    write_contests,
    write_followed,
    write_memory,
)
from etudes.recipes.work import work_folder

QUICK = ("iris", "wine", "dance")


def contests(full: bool, work: Path | None) -> dict[str, Contest]:
    """Every problem's contest, at the full size or at a small one."""
    found = {}
    for name in available() if full else QUICK:
        problem = load_problem(name, 1000 if full else 300)
        size = {"n_folds": 10, "repetitions": 2, "inner_folds": 10} if full else {"n_folds": 3}
        found[name] = run(problem, forests=full, work=work, **size)
        one = found[name]
        for method in ("svm", "select-best", "meta-tree", "stacked-tree", "stacked-logistic"):
            mean, low, high = corrected_interval(one.right[method], one.overlap)
            size_of = f", {one.leaves[method].mean():.1f} leaves" if method in one.leaves else ""
            print(f"{name}: {method} {mean:.3f} [{low:.3f}, {high:.3f}]{size_of}", flush=True)
    return found


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, and with ``--full`` write ledger rows.

    Parameters
    ----------
    arguments
        Of the command line.
    """
    parser = argparse.ArgumentParser(prog="python -m etudes.recipes.meta_trees")
    parser.add_argument("--full", action="store_true", help="everything; writes results")
    parser.add_argument("--only", choices=("contest", "generation"), help="one half of it")
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    work = None
    if options.full:
        work = work_folder()
    if options.only != "generation":
        found = contests(options.full, work)
        if options.full:
            write_contests(found)
    if options.only != "contest":
        _generation(options.full, work)


def _generation(full: bool, work: Path | None) -> None:
    """Choose on validation styles, then meet the test styles, once."""
    kept = None if work is None else work / "meta-trees-generation.npz"
    size = generation.FULL if full else generation.QUICK
    tunes = generation.some_tunes("test" if full else "validation", size.test)
    if kept is not None and kept.exists():
        followed, seconds, facts = saved(kept)
    else:
        start = time.perf_counter()
        choice = generation.choose(size, tell=_tell)
        followed = generation.follow(choice, tunes)
        facts = write_memory(choice, size) if full else {}
        seconds = time.perf_counter() - start
        facts |= {"leaves": choice.trusted["meta-tree"].tree.n_leaves} if full else {}
        if kept is not None:
            save_followed(kept, followed, seconds, facts)
    for name, bits in sorted(followed.bits.items(), key=lambda item: item[1].mean()):
        print(f"{name}: {bits.mean():.3f} bits per note", flush=True)
    if full:
        write_followed(followed, seconds, facts)


def _tell(line: str) -> None:
    print(line, flush=True)
