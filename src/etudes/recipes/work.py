"""Where long runs keep what is half done.

The idea in a sentence: a full run takes an hour or more, and one that is interrupted goes on where
it stopped, from the cache folder.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import time
import warnings
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from filelock import FileLock
from torch import nn

from etudes.files import write_atomically
from etudes.train.weights import copy_of, tensors_digest

__all__ = ["Answer", "Remembered", "code_of", "weights_digest", "work_folder"]


def work_folder() -> Path:
    """The folder for checkpoints and answers of unfinished runs; made when it is not there.

    Returns
    -------
    pathlib.Path
        ``recipes`` in the cache folder.
    """
    from etudes.data.cache import cache_dir

    folder = cache_dir() / "recipes"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def code_of(*modules: ModuleType) -> str:
    """A digest of source code: answers that other code gave are not taken for this code's.

    Parameters
    ----------
    *modules
        Modules, and packages with everything in them.

    Returns
    -------
    str
        16 hexadecimal digits.
    """
    digest = hashlib.sha256()
    for module in modules:
        file = Path(str(module.__file__))
        for path in sorted(file.parent.rglob("*.py")) if hasattr(module, "__path__") else [file]:
            digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def weights_digest(*models: nn.Module) -> str:
    """A digest of weights: other weights, other answers.

    Parameters
    ----------
    *models
        In this order.

    Returns
    -------
    str
        16 hexadecimal digits.
    """
    digest = hashlib.sha256()
    for model in models:
        digest.update(tensors_digest(copy_of(model)).encode())
    return digest.hexdigest()[:16]


@dataclass(frozen=True)
class Answer:
    """What was found, and how long that took.

    Parameters
    ----------
    value : object
        Numbers, strings, lists and dicts.
    seconds : float
        Spent on it, in whichever run.
    """

    value: Any
    seconds: float


class Remembered:
    """Answers that took long to find, kept one by one in a file as they are found.

    Two processes may fill one file. A file that is cut short, altered or of another form is set
    aside with a warning, and everything is asked anew.

    Parameters
    ----------
    path : pathlib.Path, optional
        The file. Without it, answers are remembered as long as this object lives.
    stamp : str
        What all answers depend on, such as :func:`code_of` the modules that give them: with another
        stamp they are asked anew.

    Attributes
    ----------
    seconds : float
        How long the answers that were asked for took to find, now or in earlier runs.
    """

    def __init__(self, path: Path | None = None, stamp: str = "") -> None:
        self.path, self.stamp, self.seconds = path, stamp, 0.0
        self._lock: Any = contextlib.nullcontext()
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._lock = FileLock(path.with_name(f".{path.name}.lock"))
        with self._lock:
            self._known = self._read()

    def ask(self, key: str, find: Callable[[], Any]) -> Answer:
        """Look an answer up, or find it and keep it.

        Parameters
        ----------
        key
            Everything that the answer depends on, besides the stamp.
        find
            Called when nothing is known; returns what JSON can hold.

        Returns
        -------
        Answer
            The same whether it was found now or earlier: lists where there were tuples.
        """
        key = f"{key} {self.stamp}"
        if key not in self._known:
            begun = time.perf_counter()
            value = json.loads(json.dumps(find()))
            self._keep(key, Answer(value, time.perf_counter() - begun))
        self.seconds += self._known[key].seconds
        return self._known[key]

    def _keep(self, key: str, answer: Answer) -> None:
        """Add an answer to those in the file, of which another process may have written some."""
        with self._lock:
            self._known = {**self._known, **self._read(), key: answer}
            if self.path is not None:
                kept = {key: asdict(one) for key, one in self._known.items()}
                content = json.dumps(kept, indent=0).encode()
                checksum = hashlib.sha256(content).hexdigest().encode()
                write_atomically(self.path, checksum + b"\n" + content)

    def _read(self) -> dict[str, Answer]:
        """What is in the file: a checksum in the first line, and answers by key."""
        if self.path is None or not self.path.exists():
            return {}
        checksum, _, content = self.path.read_bytes().partition(b"\n")
        if checksum == hashlib.sha256(content).hexdigest().encode():
            return {key: Answer(**one) for key, one in json.loads(content).items()}
        aside = self.path.with_name(self.path.name + ".damaged")
        os.replace(self.path, aside)
        warnings.warn(
            f"{self.path.name} is damaged or of an earlier form; what it held is asked anew "
            f"({aside.name} kept)",
            stacklevel=3,
        )
        return {}
