"""Listening as evidence: players to trust on any page, with no kernel and no network.

A difference that is heard only because one sound is louder, or because the listener waited three
seconds between two clips, is no evidence. :func:`compare` therefore starts all takes on one clock
and fades between them at the same sample position, after bringing them to one loudness (measured
as in ITU-R BS.1770, see :mod:`etudes.listen.levels`); the gain that was applied stands beside each
take. :func:`play` is the same player with one take, :func:`spectrogram` a picture without sound,
and :func:`piano_roll` draws notes and can play them.

Everything is one piece of HTML: the sound is lossless 16-bit FLAC inside the page
(:mod:`etudes.listen.encode`), the script is a few kilobytes, and without JavaScript the browser's
own audio controls remain. It is the same HTML in JupyterLab, in Colab and on the rendered page.

Used in every chapter, first in chapter 01. The recommendation: ITU-R BS.1770-5 (2023),
*Algorithms to measure audio programme loudness and true-peak audio level*.

Examples
--------
>>> import numpy as np
>>> t = np.arange(16000) / 16000
>>> tone = 0.5 * np.sin(2 * np.pi * 440 * t)
>>> player = play(tone, 16000, title="A4", description="A pure tone of 440 Hz, one second long.")
>>> print(player)  # in a notebook, put the player itself on the last line of the cell
A4: 1.00 s, peak −6.0 dBFS, RMS −9.0 dBFS, brightness 440 Hz; turned down 10.4 dB
A pure tone of 440 Hz, one second long.
"""

from etudes.listen.levels import loudness
from etudes.listen.page import Player, Still
from etudes.listen.player import compare, play
from etudes.listen.roll import piano_roll
from etudes.listen.still import spectrogram

__all__ = ["Player", "Still", "compare", "loudness", "piano_roll", "play", "spectrogram"]
