"""Write a file whole or not at all, so that an interruption leaves the old one as it was.

The ledger (:mod:`etudes.ledger`), weights and checkpoints (:mod:`etudes.train`) are written so.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path


def write_atomically(path: Path, content: bytes) -> None:
    """Put ``content`` at ``path`` through a temporary file beside it.

    Parameters
    ----------
    path : pathlib.Path
        Its folder is made when it is not there.
    content : bytes
        The whole file.

    Raises
    ------
    OSError
        When the disk is full or the folder cannot be written; whatever was at ``path`` is still
        there.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".part")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        mask = os.umask(0)
        os.umask(mask)
        os.chmod(name, 0o666 & ~mask)
        os.replace(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
