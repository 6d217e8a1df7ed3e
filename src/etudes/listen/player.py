"""The two verbs: :func:`play` one sound, :func:`compare` several on one clock at one loudness.

Used in every chapter, first in chapter 01.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from etudes.checks import check_waveform, describe
from etudes.listen.build import build_player
from etudes.listen.page import Player

#: One key each: 1 to 9.
MOST_TAKES = 9


def play(
    waveform: np.ndarray,
    sample_rate: int,
    title: str = "",
    description: str = "",
    *,
    match_levels: bool = True,
    picture: str | None = "spectrogram",
    scale: str = "mel",
    loop: bool = False,
) -> Player:
    """A player for one sound, with a picture and a moving cursor.

    Parameters
    ----------
    waveform : array_like
        Shape ``(n_samples,)``, float, nominally −1…1. A silent one is allowed and labelled so.
    sample_rate : int
        In Hz, 1,000…192,000.
    title : str
        Shown above the player.
    description : str
        What there is to hear, in words: shown below, and read to those who cannot hear it.
        Duration, peak, RMS and brightness are always added.
    match_levels : bool
        Play at the loudness of all other players of the book (−20 LUFS, less where that would
        clip), and say by how much it was turned up or down. With False the samples are played as
        they are, unless they go beyond full scale: then they are turned down, and the player says
        so.
    picture : {"spectrogram", "waveform", None}
        What the cursor moves over; a plain bar with None. The waveform is drawn as it was given,
        the spectrogram as it is played, after the gain.
    scale : {"mel", "linear"}
        The frequency axis of the spectrogram.
    loop : bool
        Start with the loop button pressed.

    Returns
    -------
    Player

    Raises
    ------
    TypeError, ValueError
        When the waveform is not one-dimensional, finite and non-empty, when the rate is out of
        range, or when the sound is too long for a page (about a minute at 16 kHz).
    """
    waveform = check_waveform(waveform)
    return build_player(
        {title or "sound": waveform},
        sample_rate,
        title=title,
        description=description,
        match_levels=match_levels,
        picture=picture,
        scale=scale,
        loop=loop,
    )


def compare(
    takes: Mapping[str, np.ndarray],
    sample_rate: int,
    title: str = "",
    description: str | Mapping[str, str] = "",
    *,
    match_levels: bool = True,
    picture: str | None = "spectrogram",
    scale: str = "mel",
    loop: bool = False,
) -> Player:
    """A player that switches between takes at the same position, all equally loud.

    All takes run on one clock; switching fades from one to another within 12 ms. The pictures share
    their axes and colours, and switch with the sound.

    Parameters
    ----------
    takes : mapping of str to array_like
        Name to waveform, two to nine of them, each of shape ``(n_samples,)``. Shorter ones are
        padded with silence at the end to the length of the longest, and the player says so.
    sample_rate : int
        In Hz, the same for all takes, 1,000…192,000.
    title : str
        Shown above the player.
    description : str or mapping of str to str
        What there is to hear. With a mapping, a text for each take (names as in `takes`).
    match_levels : bool
        Bring all takes to one loudness (gated as in ITU-R BS.1770: −20 LUFS, or the loudest that
        all reach without clipping) and show the gain of each. Pass False when level is the point:
        then all keep their relative levels, and are turned down together if one goes beyond full
        scale.
    picture : {"spectrogram", "waveform", None}
        What the cursor moves over; a plain bar with None. The waveform is drawn as it was given,
        the spectrogram as it is played, after the gain.
    scale : {"mel", "linear"}
        The frequency axis of the spectrograms.
    loop : bool
        Start with the loop button pressed.

    Returns
    -------
    Player

    Raises
    ------
    TypeError, ValueError
        When there are fewer than two or more than nine takes, when a take is not one-dimensional,
        finite and non-empty (the message names it), when the rate is out of range, when a
        description names a take that is not there, or when the sound is too long for a page.
    """
    if not isinstance(takes, Mapping):
        raise TypeError(f"takes must map names to waveforms, got {describe(takes)}")
    if not 2 <= len(takes) <= MOST_TAKES:
        raise ValueError(f"takes must hold 2 to {MOST_TAKES} waveforms, got {len(takes)}")
    for name in takes:
        if not isinstance(name, str) or not name.strip():
            raise TypeError(f"takes must have non-empty names, got {describe(name)}")
    checked = {name: check_waveform(take, f"takes[{name!r}]") for name, take in takes.items()}
    return build_player(
        checked,
        sample_rate,
        title=title,
        description=description,
        match_levels=match_levels,
        picture=picture,
        scale=scale,
        loop=loop,
    )
