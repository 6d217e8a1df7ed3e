"""Find a recording's file, or download it, and trust it only when its checksum is right.

The idea in a sentence: a file is looked for in the folder that the environment variable
``ETUDES_DATA`` names, then in the cache, then on the network; wherever it comes from, a truncated
or altered copy is never used and never kept.

Downloads are made with pooch (Uieda and others, Journal of Open Source Software, 2020).
:mod:`etudes.data.recordings` reads the files.
"""

from __future__ import annotations

import functools
import hashlib
import os
import warnings
import zipfile
from pathlib import Path
from urllib.parse import urlsplit

from etudes.checks import check_in
from etudes.data.cache import cache_dir
from etudes.data.recording_sources import SOURCES, Source

_LONGEST_WAIT = 20  # seconds without an answer from the network


class RecordingUnavailable(RuntimeError):
    """A recording is not here and cannot be downloaded now; the message says what to do."""


def is_here(name: str) -> bool:
    """Tell whether a recording can be loaded without the network.

    Parameters
    ----------
    name
        A key of :data:`SOURCES`.

    Returns
    -------
    bool
        True when a whole copy is in ``ETUDES_DATA`` or in the cache.

    Raises
    ------
    ValueError
        When there is no such recording.
    """
    source = SOURCES[check_in(name, "name", SOURCES)]
    return any(_is_whole(path, source) for path in _places(source))


def find(name: str) -> Path:
    """Find a recording's file, downloading it if need be.

    Parameters
    ----------
    name
        A key of :data:`SOURCES`: an example, ``"spoken-digits"`` or ``"jsb-chorales"``.

    Returns
    -------
    Path
        A file whose checksum is right.

    Raises
    ------
    ValueError
        When there is no such recording.
    RecordingUnavailable
        When no whole copy is here and none can be downloaded; the message says what to do.
    """
    source = SOURCES[check_in(name, "name", SOURCES)]
    for path in _places(source):
        if _is_whole(path, source):
            return path
        if path.is_file():
            warnings.warn(f"{path} is damaged (wrong checksum) and not used", stacklevel=2)
    return _download(name, source)


def _places(source: Source) -> list[Path]:
    """Where a file may lie: the reader's folder first, then the cache."""
    folders = [cache_dir() / "downloads"]
    if named := os.environ.get("ETUDES_DATA"):
        folders.insert(0, Path(named).expanduser())
    return [folder / source.path for folder in folders]


def _is_whole(path: Path, source: Source) -> bool:
    if not path.is_file():
        return False
    stamp = path.stat()
    return _checksum(path, stamp.st_size, stamp.st_mtime_ns) == source.sha256


@functools.lru_cache(maxsize=64)
def _checksum(path: Path, _size: int, _modified: int) -> str:
    """SHA-256 of a file; of a zip archive, that of the recordings in it, however it is packed."""
    if path.suffix != ".zip":
        return hashlib.sha256(path.read_bytes()).hexdigest()
    digest = hashlib.sha256()
    try:
        with zipfile.ZipFile(path) as archive:
            for name, member in members(archive):
                digest.update(name.encode() + b"\0" + hashlib.sha256(archive.read(member)).digest())
    except (zipfile.BadZipFile, EOFError, OSError, NotImplementedError) as error:
        return f"not a whole archive: {error}"
    return digest.hexdigest()


def members(archive: zipfile.ZipFile) -> list[tuple[str, zipfile.ZipInfo]]:
    """List the recordings of an archive by name, whatever folder they are in.

    Parameters
    ----------
    archive
        An open zip archive.

    Returns
    -------
    list of (str, zipfile.ZipInfo)
        The ``.wav`` files, sorted by file name.
    """
    named = [(Path(member.filename).name, member) for member in archive.infolist()]
    wavs = [(name, member) for name, member in named if name.endswith(".wav")]
    return sorted(wavs, key=lambda pair: pair[0])


def _download(name: str, source: Source) -> Path:
    """Fetch under a temporary name; the file gets its own once its checksum is right."""
    import pooch
    from filelock import FileLock

    path = cache_dir() / "downloads" / source.path
    temporary = path.parent / f".{path.stem}.{os.getpid()}.tmp{path.suffix}"
    quiet = os.environ.get("ETUDES_PROGRESS", "") == "0"
    fetch = pooch.HTTPDownloader(progressbar=not quiet, timeout=_LONGEST_WAIT)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        locks = cache_dir() / "locks"
        locks.mkdir(exist_ok=True)
        with FileLock(locks / f"{name}.lock"):
            if _is_whole(path, source):
                return path  # another process has fetched it meanwhile
            for leftover in path.parent.glob(f".{path.stem}.*.tmp{path.suffix}"):
                leftover.unlink(missing_ok=True)
            try:
                fetch(source.url, str(temporary), None)
                if not _is_whole(temporary, source):
                    raise OSError("what arrived is truncated or altered: wrong checksum")
                os.replace(temporary, path)
            finally:
                temporary.unlink(missing_ok=True)
    except (OSError, ValueError) as error:
        raise RecordingUnavailable(
            f"{source.title}: not on this machine, and not to be had from {source.url} "
            f"({_reason(error, source)}). Nothing is lost: connect to the network and run "
            "`python -m etudes fetch --only recordings`, or set ETUDES_DATA to a folder that "
            f"holds {source.path}. No chapter needs it."
        ) from error
    return path


def _reason(error: Exception, source: Source) -> str:
    """What went wrong, in few words."""
    from requests import exceptions

    host = urlsplit(source.url).hostname
    if isinstance(error, exceptions.Timeout):
        return f"{host} has not answered for {_LONGEST_WAIT} seconds"
    if isinstance(error, exceptions.ConnectionError):
        return f"no connection to {host}"
    return str(error)
