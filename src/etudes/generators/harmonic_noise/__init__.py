"""One note as a small network: how loud is each partial, and each band of noise, at each moment.

A note is a handful of sine waves at multiples of its pitch and some filtered noise, each with a
loudness that changes (Serra and Smith, "Spectral modeling synthesis", Computer Music Journal 14,
1990). Here a network with one hidden layer says those loudnesses as a function of time, so that a
note is a vector of weights, and fitting a note is training a network, in milliseconds. Through the
spectrum the fit can be differentiated (Engel et al., "DDSP: differentiable digital signal
processing", ICLR 2020, do so through the waveform).

Levels are in *bels*: logarithms of power to base ten, 10 decibels each. Chapter 03 trains
optimizers on thousands of such fits.
"""

from etudes.generators.harmonic_noise.network import NoteNetwork
from etudes.generators.harmonic_noise.partials import N_BANDS, N_PARTIALS, shapes
from etudes.generators.harmonic_noise.picture import N_TIMES, TIMES, note_picture
from etudes.generators.harmonic_noise.sound import render_levels

__all__ = [
    "N_BANDS",
    "N_PARTIALS",
    "N_TIMES",
    "TIMES",
    "NoteNetwork",
    "note_picture",
    "render_levels",
    "shapes",
]
