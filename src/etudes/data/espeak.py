"""Drive eSpeak NG, a speech synthesizer written in C, through ctypes.

The idea in a sentence: the library keeps everything in global variables, so it is loaded for each
utterance and unloaded after it; then nothing said before, no other thread and no fork can change
what is said now.

Without that, the same text in the same voice comes out different each time: the phase of its
oscillators and its noise generator, which is seeded with the time of day, live on between calls.
Loading takes about ten milliseconds. eSpeak NG is by Jonathan Duddington and contributors (GPL-3);
espeakng-loader installs it. :mod:`etudes.data.voices` is what the chapters use.
"""

from __future__ import annotations

import ctypes
import functools
import os
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

NATIVE_SAMPLE_RATE = 22_050

_DONT_EXIT = 0x8000  # an error of the library must not end the process
_LONGEST_PATH = 140  # the library keeps its data path in 160 bytes
_RATE, _PITCH = 1, 3
_RETRIEVE, _POS_CHARACTER, _UTF8 = 1, 1, 1
_UNCHANGED = {"fast"}  # variants that sound like none at all at ordinary speeds

# One user at a time: the library has one global state.
_lock = threading.Lock()


def _new_lock() -> None:
    """After a fork: another thread of the parent may have held the lock."""
    global _lock
    _lock = threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_new_lock)


def speak(text: str, identifier: str, speed: int, pitch: int) -> np.ndarray:
    """Say something.

    Parameters
    ----------
    text
        What to say.
    identifier
        A value of :func:`languages`, with a plus sign and one of :func:`variants` or without.
    speed
        Words a minute, 80 to 450.
    pitch
        0 to 99; 50 is the voice's own.

    Returns
    -------
    np.ndarray
        Samples of shape (n_samples,), int16, at 22,050 Hz; all zero when there was nothing to say.

    Raises
    ------
    RuntimeError
        When the library is not installed or cannot start; the message says what to do.
    """
    pieces: list[bytes] = []

    def keep(samples: int | None, count: int, _: int | None) -> int:
        if samples and count > 0:
            pieces.append(ctypes.string_at(samples, 2 * count))
        return 0

    callback = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_int, ctypes.c_void_p)(keep)
    encoded = text.encode("utf-8", errors="replace")
    with _espeak() as library:
        library.espeak_SetSynthCallback(callback)
        if library.espeak_SetVoiceByName(identifier.encode()) != 0:
            raise RuntimeError(_cannot_start(f"it does not find its own voice {identifier}"))
        library.espeak_SetParameter(_RATE, speed, 0)
        library.espeak_SetParameter(_PITCH, pitch, 0)
        size = ctypes.c_size_t(len(encoded) + 1)
        library.espeak_Synth(encoded, size, 0, _POS_CHARACTER, 0, _UTF8, None, None)
        library.espeak_Synchronize()
    return np.frombuffer(b"".join(pieces), dtype=np.int16)


@functools.cache
def languages() -> dict[str, str]:
    """Language codes, each with the file that defines it.

    Returns
    -------
    dict of str to str
        For example ``{"en-gb": "gmw/en", …}``. eSpeak finds some of them by no other name.

    Raises
    ------
    RuntimeError
        When the library is not installed or cannot start.
    """
    found: dict[str, tuple[int, str]] = {}
    for identifier, codes in _voice_files(None):
        if identifier.startswith("mb/"):  # these need MBROLA, another program
            continue
        for code, priority in codes:  # the lowest is the file that the code means first
            found[code] = min(found.get(code, (256, "")), (priority, identifier))
    return {code: identifier for code, (_, identifier) in found.items()}


@functools.cache
def variants() -> tuple[str, ...]:
    """Names of the variants, which are names of files and therefore mind their case.

    Returns
    -------
    tuple of str
        In alphabetical order.

    Raises
    ------
    RuntimeError
        When the library is not installed or cannot start.
    """
    names = {identifier.removeprefix("!v/") for identifier, _ in _voice_files(b"variant")}
    return tuple(sorted(names - _UNCHANGED, key=str.lower))


def _voice_files(kind: bytes | None) -> list[tuple[str, list[tuple[str, int]]]]:
    """Identifier of each voice file, and its language codes with their priorities."""
    files = []
    with _espeak() as library:
        library.espeak_ListVoices.restype = ctypes.POINTER(ctypes.POINTER(_Voice))
        wanted, text = _Voice(), ctypes.create_string_buffer(kind or b"")
        wanted.languages = ctypes.addressof(text)
        listed = library.espeak_ListVoices(ctypes.byref(wanted) if kind else None)
        for pointer in listed:
            if not pointer:
                break
            codes, position = [], pointer.contents.languages
            while position and ctypes.string_at(position, 1) != b"\0":
                code = ctypes.string_at(position + 1)
                codes.append((code.decode(), ctypes.string_at(position, 1)[0]))
                position += len(code) + 2
            files.append((pointer.contents.identifier.decode(), codes))
    return files


class _Voice(ctypes.Structure):
    """The head of eSpeak's ``espeak_VOICE``, as far as it is read or written here."""

    _fields_ = [
        ("name", ctypes.c_char_p),
        ("languages", ctypes.c_void_p),  # for each: a priority byte, then a text that ends in 0
        ("identifier", ctypes.c_char_p),
        ("rest", ctypes.c_char * 64),
    ]


@contextmanager
def _espeak() -> Iterator[ctypes.CDLL]:
    """The library, freshly loaded, so that nothing said before can change what is said now."""
    try:
        import espeakng_loader
    except ImportError:
        raise RuntimeError(
            "the package espeakng-loader is missing: run `python -m pip install espeakng-loader`"
        ) from None
    with _lock, _short_path(espeakng_loader.get_data_path()) as data_path:
        try:
            library = ctypes.CDLL(espeakng_loader.get_library_path())
        except OSError as error:
            raise RuntimeError(_cannot_start(str(error))) from None
        try:
            if library.espeak_Initialize(_RETRIEVE, 0, os.fsencode(data_path), _DONT_EXIT) <= 0:
                raise RuntimeError(_cannot_start(f"no usable data in {data_path}"))
            library.espeak_ng_SetRandSeed(ctypes.c_long(1))  # else the time of day is the seed
            yield library
        finally:
            library.espeak_Terminate()  # ends its thread, which a failed start has begun too
            _unload(library)


@contextmanager
def _short_path(path: str) -> Iterator[str]:
    """A path that eSpeak can hold: a temporary link where the real one is too long."""
    if len(os.fsencode(path)) <= _LONGEST_PATH:
        yield path
        return
    with tempfile.TemporaryDirectory(prefix="etudes-") as folder:
        link = os.path.join(folder, "espeak-ng-data")
        os.symlink(path, link)
        yield link


def _unload(library: ctypes.CDLL) -> None:
    import _ctypes

    close = getattr(_ctypes, "dlclose", None) or getattr(_ctypes, "FreeLibrary", None)
    if close:
        close(library._handle)


def _cannot_start(reason: str) -> str:
    return (
        f"eSpeak cannot start ({reason}): "
        "run `python -m pip install --force-reinstall espeakng-loader`"
    )
