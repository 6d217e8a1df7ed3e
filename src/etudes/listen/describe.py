"""What a clip sounds like in numbers: the text for those who cannot or do not want to play it.

Used by every player, first in chapter 01.
"""

from __future__ import annotations

import numpy as np

from etudes.listen.levels import decibels, is_silent


def hertz(frequency: float) -> str:
    """A frequency to two or three figures: ``440 Hz``, ``1.24 kHz``, ``16 kHz``."""
    return f"{frequency:.0f} Hz" if frequency < 1000 else f"{frequency / 1000:.3g} kHz"


def signed(value: float, digits: int = 1) -> str:
    """A number with a real minus sign, and no minus before zero: ``−6.0``, ``0.0``."""
    text = f"{value:.{digits}f}"
    return text.lstrip("-") if float(text) == 0 else text.replace("-", "−")


def brightness(waveform: np.ndarray, sample_rate: int) -> float:
    """Spectral centroid of a whole clip in Hz: the mean frequency, weighted by magnitude.

    Parameters
    ----------
    waveform : numpy.ndarray
        Shape ``(n_samples,)``, not silent.
    sample_rate : int
        In Hz.

    Returns
    -------
    float
        Between 0 and half the sample rate.
    """
    magnitude = np.abs(np.fft.rfft(waveform * np.hanning(len(waveform) + 2)[1:-1]))
    frequency = np.fft.rfftfreq(len(waveform), 1 / sample_rate)
    return float((frequency * magnitude).sum() / max(magnitude.sum(), 1e-30))


def summary(waveform: np.ndarray, sample_rate: int) -> str:
    """Duration, peak, RMS and brightness of a clip in one line.

    Parameters
    ----------
    waveform : numpy.ndarray
        Shape ``(n_samples,)``.
    sample_rate : int
        In Hz.

    Returns
    -------
    str
        For example ``1.00 s, peak −6.0 dBFS, RMS −9.0 dBFS, brightness 440 Hz``, or
        ``1.00 s, silent``.
    """
    length = f"{len(waveform) / sample_rate:.2f} s"
    if is_silent(waveform):
        return f"{length}, silent"
    peak = decibels(float(np.abs(waveform).max()))
    rms = decibels(float(np.sqrt(np.mean(np.square(waveform, dtype=np.float64)))))
    return (
        f"{length}, peak {signed(peak)} dBFS, RMS {signed(rms)} dBFS, "
        f"brightness {hertz(brightness(waveform, sample_rate))}"
    )


def gain_text(gain_db: float) -> str:
    """A gain in words: ``turned up 3.2 dB``, ``turned down 11.0 dB``, ``level as it is``."""
    if abs(gain_db) < 0.05:
        return "level as it is"
    return f"turned {'up' if gain_db > 0 else 'down'} {abs(gain_db):.1f} dB"
