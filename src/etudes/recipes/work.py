"""Where long runs keep what is half done.

The idea in a sentence: a full run takes an hour or more, and one that is interrupted goes on where
it stopped, from the cache folder.
"""

from __future__ import annotations

from pathlib import Path


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
