"""How loud a sound seems, and the gains that make several seem equally loud without clipping.

The measure is that of ITU-R BS.1770-5 for one channel: the sound is filtered to weigh frequencies
roughly as a listener does (a high shelf for the head, a high pass for the ear's weakness in the
bass), its power is taken over blocks of 400 ms that overlap by three quarters, and blocks that are
much quieter than the rest are left out, so that silence around a note does not count.

Two departures suit short clips in a book. A clip under 400 ms is one block. And a clip is scaled to
full scale before the gate, so that a quiet array is measured exactly as the same array made
louder: ``loudness(g * x) == loudness(x) + 20 log10(g)``.

Used by every player, first in chapter 01.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

#: The loudness that every player of the book aims at, in LUFS. Broadcasting uses −23 (EBU R 128);
#: three decibels more suit the small loudspeakers of a laptop or a phone.
TARGET_LUFS = -20.0

#: No sample of a player goes above this, in dB relative to full scale. The decibel of headroom is
#: for the peaks between samples that appear when a browser resamples.
HEADROOM_DBFS = -1.0

#: A waveform whose largest sample is below this (−100 dBFS) is called silent: 16 bits cannot hold
#: it.
SILENT_PEAK = 1e-5

BLOCK_SECONDS, BLOCK_OVERLAP = 0.4, 0.75
ABSOLUTE_GATE_LUFS, RELATIVE_GATE_LU = -70.0, -10.0


def decibels(ratio: float) -> float:
    """An amplitude ratio in dB; −inf for zero."""
    return float(20 * np.log10(ratio)) if ratio > 0 else -np.inf


def is_silent(waveform: np.ndarray) -> bool:
    """Whether nothing in a waveform is above −100 dBFS."""
    return float(np.abs(waveform).max()) < SILENT_PEAK


def loudness(waveform: np.ndarray, sample_rate: int) -> float:
    """Gated loudness of a mono waveform.

    Parameters
    ----------
    waveform : numpy.ndarray
        Shape ``(n_samples,)``, float, nominally −1…1.
    sample_rate : int
        In Hz, 1,000…192,000. Below 8 kHz the sound is resampled to 8 kHz first.

    Returns
    -------
    float
        In LUFS (a full-scale sine of 997 Hz has −3.01); −inf for a silent waveform.

    Raises
    ------
    TypeError, ValueError
        When the waveform is not mono, finite and non-empty, or the rate is out of range.

    References
    ----------
    ITU-R BS.1770-5 (2023), annex 1.
    """
    from etudes.checks import check_sample_rate, check_waveform
    from etudes.listen.encode import LOWEST_RATE, resample

    waveform = check_waveform(waveform)
    sample_rate = check_sample_rate(sample_rate)
    if is_silent(waveform):
        return -np.inf
    peak = float(np.abs(waveform).max())
    if sample_rate < LOWEST_RATE:
        waveform, sample_rate = resample(waveform, sample_rate, LOWEST_RATE), LOWEST_RATE
    weighted = k_weighting(waveform.astype(np.float64) / peak, sample_rate)
    block = min(len(weighted), round(BLOCK_SECONDS * sample_rate))
    hop = max(1, round(block * (1 - BLOCK_OVERLAP)))
    energy = np.concatenate([[0.0], np.cumsum(weighted**2)])
    starts = np.arange(0, len(weighted) - block + 1, hop)
    power = np.maximum(energy[starts + block] - energy[starts], 0.0) / block + 1e-30
    kept = power[_lufs(power) > ABSOLUTE_GATE_LUFS]
    if len(kept):
        kept = kept[_lufs(kept) > _lufs(kept.mean()) + RELATIVE_GATE_LU]
    else:  # nothing but inaudible bass, or the sound fell into the gap after the last block
        kept = np.array([np.mean(weighted**2) + 1e-30])
    return float(_lufs(kept.mean())) + decibels(peak)


def k_weighting(waveform: np.ndarray, sample_rate: int) -> np.ndarray:
    """Filter a waveform as BS.1770 does before measuring power.

    The recommendation prints coefficients for 48 kHz only. The two filters below have the analogue
    corner frequencies and quality factors that lead to those coefficients, so they serve any rate.

    Parameters
    ----------
    waveform : numpy.ndarray
        Shape ``(n_samples,)``.
    sample_rate : int
        In Hz, 8,000 or more.

    Returns
    -------
    numpy.ndarray
        Shape ``(n_samples,)``.
    """
    from scipy.signal import lfilter

    for b, a in k_weighting_coefficients(sample_rate):
        waveform = lfilter(b, a, waveform)
    return waveform


def k_weighting_coefficients(sample_rate: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """Numerators and denominators of shelf and high pass, by the bilinear transform."""
    # Shelf: +4 dB above about 1.7 kHz.
    k = np.tan(np.pi * 1681.974450955533 / sample_rate)
    q, high = 0.7071752369554196, 10 ** (3.999843853973347 / 20)
    band = high**0.4996667741545416
    shelf_b = np.array(
        [high + band * k / q + k * k, 2 * (k * k - high), high - band * k / q + k * k]
    )
    shelf_a = np.array([1 + k / q + k * k, 2 * (k * k - 1), 1 - k / q + k * k])
    # High pass: below about 38 Hz.
    k = np.tan(np.pi * 38.13547087602444 / sample_rate)
    q = 0.5003270373238773
    pass_a = np.array([1 + k / q + k * k, 2 * (k * k - 1), 1 - k / q + k * k])
    pass_b = np.array([1.0, -2.0, 1.0])
    return [(shelf_b / shelf_a[0], shelf_a / shelf_a[0]), (pass_b, pass_a / pass_a[0])]


def matching_gains(loudnesses: Sequence[float], peaks: Sequence[float]) -> np.ndarray:
    """Gains that bring several sounds to one loudness, none of them clipping.

    The common loudness is :data:`TARGET_LUFS`, or less when a take with sharp peaks could not reach
    that below :data:`HEADROOM_DBFS`: then all takes come down with it. Silent takes are left alone.

    Parameters
    ----------
    loudnesses : sequence of float
        In LUFS, shape ``(n_takes,)``; −inf for a silent take.
    peaks : sequence of float
        The largest absolute sample of each take, shape ``(n_takes,)``.

    Returns
    -------
    numpy.ndarray
        In dB, shape ``(n_takes,)``; 0 for silent takes.
    """
    level = np.asarray(loudnesses, dtype=float)
    heard = np.isfinite(level)
    gains = np.zeros(len(level))
    if heard.any():
        peak_db = 20 * np.log10(np.asarray(peaks, dtype=float)[heard])
        reachable = level[heard] + HEADROOM_DBFS - peak_db
        gains[heard] = min(TARGET_LUFS, float(reachable.min())) - level[heard]
    return gains


def safety_gain(peaks: Sequence[float]) -> float:
    """The one gain in dB, 0 or less, that keeps all takes from clipping as they are."""
    return min(0.0, HEADROOM_DBFS - decibels(max(peaks))) if max(peaks) > 1 else 0.0


def _lufs(power: np.ndarray | float) -> np.ndarray:
    """Mean power of the weighted signal in LUFS."""
    return -0.691 + 10 * np.log10(power)
