"""Weights as safetensors files: whole or not at all, checked when read; see :mod:`etudes.train`.

A safetensors file holds named arrays and nothing that runs when it is opened. It has no checksum of
its own, so one is kept in its header.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save as safetensors_bytes
from torch import nn

from etudes.checks import check_in, describe
from etudes.files import write_atomically

#: Where the checkpoints that come with the package lie.
WEIGHTS_FOLDER = Path(__file__).parents[1] / "weights"


def save_weights(
    model: nn.Module,
    path: str | Path,
    metadata: Mapping[str, str] | None = None,
    *,
    half: bool = False,
) -> Path:
    """Write a model's weights as safetensors, whole or not at all.

    Parameters
    ----------
    model : torch.nn.Module
        Parameters and buffers are written.
    path : path
        Ends in ``.safetensors``.
    metadata : mapping of str to str, optional
        Kept in the file's header: how it was trained, which settings build the model.
    half : bool
        In 16 bits for each number instead of 32: about three digits are kept, and the file is half
        as large.

    Returns
    -------
    pathlib.Path
        Where the file lies.

    Raises
    ------
    TypeError, ValueError
        When metadata is not text, the name ends otherwise, or a number is too large for 16 bits.
    """
    path = Path(path)
    if path.suffix != ".safetensors":
        raise ValueError(f"path must end in .safetensors, got {path.name}")
    notes = dict(metadata or {})
    for key, value in notes.items():
        if not isinstance(key, str) or not isinstance(value, str):
            raise TypeError(f"metadata must map text to text, got {key!r}: {describe(value)}")
    tensors = copy_of(model)
    if half:
        whole, tensors = tensors, {}
        for key, x in whole.items():
            tensors[key] = x.half() if x.is_floating_point() else x
            if (tensors[key].isinf() & ~x.isinf()).any():
                raise ValueError(f"{key!r} must lie within ±65504 to be kept in 16 bits")
    notes["sha256"] = tensors_digest(tensors)
    write_atomically(path, safetensors_bytes(tensors, notes))
    return path


def load_weights(model: nn.Module, name_or_path: str | Path) -> dict[str, str]:
    """Read weights into a model.

    Parameters
    ----------
    model : torch.nn.Module
        Of the same layers and sizes as the one that was saved; changed in place.
    name_or_path : str or path
        A file, or the name of a checkpoint that comes with the package, such as
        ``"06-instruments"``.

    Returns
    -------
    dict of str
        The metadata that was saved with them.

    Raises
    ------
    ValueError
        When there is no such file or name (the nearest is suggested), the file is damaged, or the
        weights belong to another model (the difference is named).
    """
    path = Path(name_or_path)
    if path.suffix != ".safetensors":
        names = sorted(p.stem for p in WEIGHTS_FOLDER.glob("*.safetensors"))
        path = WEIGHTS_FOLDER / (check_in(str(name_or_path), "weights", names) + ".safetensors")
    if not path.is_file():
        raise ValueError(f"there are no weights at {path}")
    try:
        with safe_open(path, "pt") as file:
            notes = dict(file.metadata() or {})
            tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        raise ValueError(f"weights {path.name} are damaged: {error}") from None
    if notes.get("sha256") not in (None, tensors_digest(tensors)):
        raise ValueError(f"weights {path.name} are damaged: their checksum does not agree")
    check_same_shapes(tensors, model, f"weights {path.name}")
    model.load_state_dict(tensors)
    return {key: value for key, value in notes.items() if key != "sha256"}


def copy_of(model: nn.Module) -> dict[str, torch.Tensor]:
    """A copy of a model's weights, on the CPU."""
    return {key: value.detach().cpu().clone() for key, value in model.state_dict().items()}


def tensors_digest(tensors: Mapping[str, torch.Tensor]) -> str:
    """A checksum of named tensors."""
    digest = hashlib.sha256()
    for key in sorted(tensors):
        digest.update(f"{key} {tensors[key].dtype} {tuple(tensors[key].shape)}".encode())
        digest.update(tensors[key].contiguous().flatten().view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


def check_same_shapes(found: Mapping[str, torch.Tensor], model: nn.Module, what: str) -> None:
    """Name the first layer in which weights and model differ."""
    wanted = model.state_dict()
    for key in [*wanted, *found]:
        have = tuple(found[key].shape) if key in found else "nothing"
        want = tuple(wanted[key].shape) if key in wanted else "nothing"
        if have != want:
            raise ValueError(
                f"{what} belongs to another model: {key!r} holds {have}, the model has {want}"
            )
