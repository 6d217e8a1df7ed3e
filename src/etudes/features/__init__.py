"""Sound to numbers and back: spectra, mel bands, quantised samples and piano-rolls.

Every representation keeps something and loses something; most functions here come in pairs, so that
one can hear what was lost. Waveforms are float32 in −1…1 of shape ``(n_samples,)``; a function that
says so also takes many of one length, ``(n, n_samples)``. The transforms are librosa's (McFee et
al., "librosa: Audio and music signal analysis in Python", SciPy 2015), with one set of defaults
for the whole book: 1,024-point Hann windows every 256 samples, 64 mel bands, natural logarithms.

Chapter 01 builds each of them from scratch.
"""

from etudes.features.fundamentals import fundamentals
from etudes.features.mel import LOG_FLOOR, log_mel, mel_filterbank, mel_to_waveform
from etudes.features.mu_law import mu_law_decode, mu_law_encode
from etudes.features.phases import griffin_lim
from etudes.features.rolls import notes_from_piano_roll, piano_roll
from etudes.features.spectra import istft, magnitude, stft

__all__ = [
    "LOG_FLOOR",
    "fundamentals",
    "griffin_lim",
    "istft",
    "log_mel",
    "magnitude",
    "mel_filterbank",
    "mel_to_waveform",
    "mu_law_decode",
    "mu_law_encode",
    "notes_from_piano_roll",
    "piano_roll",
    "stft",
]
