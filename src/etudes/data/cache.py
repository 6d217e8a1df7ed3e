"""Prepare something slow once, keep it safely on disk, and load it at once ever after.

The idea in a sentence: a data set is built under a lock into a temporary file, which is renamed
only when it is whole, so that neither an interruption nor a second process can leave half a file
under the real name.

Files are NumPy ``.npz`` archives without pickles. An archive carries a CRC-32 of each array, which
is checked on every load: a damaged file is reported in one line and built again. The rename is
atomic (POSIX ``rename``; see the Python documentation of :func:`os.replace`).

Used by every chapter that loads data; chapter 1 is the first.
"""

from __future__ import annotations

import os
import re
import sys
import warnings
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import NamedTuple, TypeVar

import numpy as np
from filelock import FileLock, Timeout

Item = TypeVar("Item")

_NAME = re.compile(r"[a-z0-9][a-z0-9._-]*")
_LOCK_FOLDER = "locks"

# What np.load and zipfile raise when a file is cut short, altered, or not an archive at all.
_DAMAGE = (ValueError, EOFError, KeyError, NotImplementedError, zipfile.BadZipFile, zlib.error)


class CacheEntry(NamedTuple):
    """One file in the cache: its `name`, its size in `bytes`, and its `path`."""

    name: str
    bytes: int
    path: Path


def cache_dir() -> Path:
    """Folder where prepared data is kept; created when it is missing.

    Returns
    -------
    Path
        The folder named by the environment variable ``ETUDES_CACHE``, else the user's cache folder
        for ``etudes`` (``~/.cache/etudes`` on Linux).

    Raises
    ------
    OSError
        When the folder cannot be created.
    """
    named = os.environ.get("ETUDES_CACHE")
    if named:
        folder = Path(named).expanduser()
    else:
        from platformdirs import user_cache_path

        folder = user_cache_path("etudes", appauthor=False)
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def cached(
    name: str, build: Callable[[], dict[str, np.ndarray]], version: int, description: str
) -> dict[str, np.ndarray]:
    """Load the arrays kept under `name`, or build and keep them.

    Parameters
    ----------
    name
        Lower-case file name without ending, such as ``"folk-tunes"``.
    build
        Called without arguments when nothing usable is kept; returns named arrays (of any dtype
        but ``object``).
    version
        Positive number; raise it whenever `build` would give something else, and old files are no
        longer looked at.
    description
        What is being prepared, for the line that is printed the first time ("22 styles of folk
        tunes").

    Returns
    -------
    dict of str to np.ndarray
        The arrays, whether built now or loaded.

    Raises
    ------
    ValueError
        When `name` or `version` cannot make a file name.
    TypeError
        When `build` returns something other than named arrays.

    Notes
    -----
    Two processes that need the same data: one builds, the other waits and loads. A process killed
    half-way leaves only a temporary file, which the next builder removes. A folder that cannot be
    written costs a warning and the time to build again, nothing else.
    """
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise ValueError(f"name must be lower-case letters, digits, '.', '_' and '-', got {name!r}")
    if isinstance(version, bool) or not isinstance(version, int) or version < 1:
        raise ValueError(f"version must be a positive whole number, got {version!r}")
    try:
        folder = cache_dir()
    except OSError as error:
        _warn(f"no cache folder ({error}); {description} will be prepared but not kept")
        return _checked(build())
    path = folder / f"{name}-v{version}.npz"
    arrays = _load(path, report=False)
    if arrays is not None:
        return arrays
    lock = _acquire(folder / _LOCK_FOLDER / f"{path.stem}.lock", description)
    if lock is None:
        return _checked(build())
    try:
        arrays = _load(path, report=True)  # another process may have built it meanwhile
        if arrays is None:
            _say(f"Preparing {description} (once; kept in {folder})")
            arrays = _checked(build())
            _store(path, arrays, description)
        return arrays
    finally:
        lock.release()


def cache_info() -> list[CacheEntry]:
    """Everything in the cache, largest first: prepared arrays and downloaded files.

    Returns
    -------
    list of CacheEntry
        ``name`` is the path inside the cache folder without the ending ``.npz``
        (``"folk-tunes-v1"``, ``"downloads/librosa/…"``). Locks and half-written temporary files
        are left out.
    """
    folder = cache_dir()
    entries = []
    for path in folder.rglob("*"):
        if not path.is_file() or path.name.startswith(".") or path.suffix in (".lock", ".tmp"):
            continue
        name = path.relative_to(folder).as_posix()
        entries.append(CacheEntry(name.removesuffix(".npz"), path.stat().st_size, path))
    return sorted(entries, key=lambda entry: (-entry.bytes, entry.name))


def clear_cache(name: str | None = None) -> int:
    """Remove one cached data set, or all of them; they are prepared again when next needed.

    Parameters
    ----------
    name
        A name as :func:`cache_info` lists it (with or without its version), or None for everything.

    Returns
    -------
    int
        The number of bytes freed.

    Raises
    ------
    ValueError
        When nothing of that name is kept; the message names the nearest one that is.
    """
    entries = cache_info()
    if name is not None:
        chosen = [e for e in entries if name in (e.name, re.sub(r"-v\d+$", "", e.name))]
        if not chosen:
            import difflib

            names = [entry.name for entry in entries]
            near = difflib.get_close_matches(str(name), names, n=1, cutoff=0.0)
            hint = f"; the nearest is {near[0]!r}" if near else "; the cache is empty"
            raise ValueError(f"name must be a data set in the cache, got {name!r}{hint}")
        entries = chosen
    for entry in entries:
        entry.path.unlink(missing_ok=True)
    return sum(entry.bytes for entry in entries)


def is_whole(path: Path) -> bool:
    """Tell whether a cached file can be read to its end and all its checksums are right.

    Parameters
    ----------
    path
        An ``.npz`` file.

    Returns
    -------
    bool
        False when it is missing, truncated or altered.
    """
    return _load(path, report=False) is not None


def progress_bar(
    items: Iterable[Item], description: str, total: int | None = None, unit: str = "it"
) -> Iterator[Item]:
    """Go through `items` with a progress bar on standard error.

    The environment variable ``ETUDES_PROGRESS=0`` turns all bars off.

    Parameters
    ----------
    items
        What to go through.
    description
        Words in front of the bar.
    total
        Number of items, when `items` has no length.
    unit
        What one item is called.

    Yields
    ------
    Item
        The items, unchanged and in order.
    """
    from tqdm import tqdm

    off = os.environ.get("ETUDES_PROGRESS", "") == "0"
    yield from tqdm(items, desc=description, total=total, unit=unit, disable=off, mininterval=1.0)


def _load(path: Path, report: bool) -> dict[str, np.ndarray] | None:
    """Arrays of a whole file; None when it is missing or damaged (reported if so wanted)."""
    try:
        with open(path, "rb") as file, np.load(file, allow_pickle=False) as archive:
            return {key: archive[key] for key in archive.files}  # reads to the end: checks the CRC
    except FileNotFoundError:
        return None
    except (*_DAMAGE, OSError) as error:
        if report:
            _warn(f"{path} is damaged ({error}); it is prepared again")
        return None


def _store(path: Path, arrays: dict[str, np.ndarray], description: str) -> None:
    """Write under a temporary name, then rename.

    The caller holds the lock, so older temporary files belong to nobody and are removed.
    """
    try:
        for leftover in path.parent.glob(f".{path.stem}.*.tmp"):
            leftover.unlink(missing_ok=True)
        temporary = path.parent / f".{path.stem}.{os.getpid()}.tmp"
        try:
            with open(temporary, "wb") as file:
                np.savez(file, allow_pickle=False, **arrays)
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, path)
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as error:
        _warn(f"{description} could not be kept in {path.parent} ({error})")


def _acquire(path: Path, description: str) -> FileLock | None:
    """The lock at `path`, waited for if need be; None where files cannot be locked.

    The operating system takes the lock back from a process that dies.
    """
    lock = FileLock(path)
    try:
        path.parent.mkdir(exist_ok=True)
        try:
            lock.acquire(timeout=0.1)
        except Timeout:
            _say(f"Another process is preparing {description}; waiting for it")
            lock.acquire()
    except (OSError, NotImplementedError) as error:
        _warn(f"no lock at {path} ({error}); {description} will be prepared but not kept")
        return None
    return lock


def _checked(arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """What a builder returned, if it can be kept."""
    if not isinstance(arrays, dict) or not arrays:
        raise TypeError(f"build must return a dict of named arrays, got {type(arrays).__name__}")
    for key, value in arrays.items():
        if not isinstance(value, np.ndarray) or value.dtype.hasobject:
            kind = f"dtype {value.dtype}" if isinstance(value, np.ndarray) else type(value).__name__
            raise TypeError(f"build must return plain NumPy arrays, got {kind} under {key!r}")
    return arrays


def _say(line: str) -> None:
    if os.environ.get("ETUDES_PROGRESS", "") != "0":
        print(line, file=sys.stderr, flush=True)


def _warn(line: str) -> None:
    warnings.warn(line, RuntimeWarning, stacklevel=4)
