"""Small pictures of sound: spectrogram and waveform, with the axes that a listener needs.

A :class:`Picture` fills a box of any width: its axes are given as fractions of the box, and the
page writes their labels as text, so that nothing in the image has to be read at phone size. All
takes of one comparison share the axes and the colour scale: what looks darker is quieter.

Used by every player, first in chapter 01. The mel scale is Slaney's, as in librosa's default:
linear below 1 kHz, logarithmic above.
"""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass, field
from html import escape

import numpy as np

from etudes.listen.describe import hertz
from etudes.listen.levels import is_silent

#: The picture covers this many decibels below the loudest point of all takes.
RANGE_DB = 70.0
WINDOW_SECONDS = 0.046
COLUMNS, ROWS = 560, 144

#: No picture is scaled so that anything quieter than this has the brightest colour.
QUIETEST_TOP_DB = -60.0

#: From quiet to loud: near black, violet, rose, orange, pale yellow; lightness rises all the way.
_RAMP = np.array(
    [(8, 6, 24), (58, 20, 106), (140, 41, 118), (218, 73, 93), (250, 145, 80), (253, 246, 196)]
)


@dataclass(frozen=True)
class Picture:
    """An image or drawing as HTML, and the labels of its two axes.

    Attributes
    ----------
    html : str
        An ``<img>`` or ``<svg>`` element that stretches to its box, with its text alternative.
    ticks : list of (float, str)
        Labels up the left side; 0 is the bottom, 1 the top.
    axis : list of (float, str)
        Labels along the bottom; 0 is the left, 1 the right.
    legend : str
        HTML below the picture that says which colour is what; usually empty.
    """

    html: str
    ticks: list[tuple[float, str]] = field(default_factory=list)
    axis: list[tuple[float, str]] = field(default_factory=list)
    legend: str = ""


def hz_to_mel(frequency: np.ndarray | float) -> np.ndarray:
    """Slaney's mel scale: 15 mel for each kHz up to 1 kHz, then 27 for each factor of 6.4."""
    frequency = np.asarray(frequency, dtype=float)
    high = 15 + 27 * np.log(np.maximum(frequency, 1000) / 1000) / np.log(6.4)
    return np.where(frequency < 1000, frequency * 0.015, high)


def mel_to_hz(mel: np.ndarray | float) -> np.ndarray:
    """The inverse of :func:`hz_to_mel`."""
    mel = np.asarray(mel, dtype=float)
    return np.where(mel < 15, mel / 0.015, 1000 * 6.4 ** ((np.maximum(mel, 15) - 15) / 27))


def spectrogram_db(waveform: np.ndarray, sample_rate: int, scale: str = "mel") -> np.ndarray:
    """Magnitude in dB on a grid fit for a picture.

    Parameters
    ----------
    waveform : numpy.ndarray
        Shape ``(n_samples,)``.
    sample_rate : int
        In Hz.
    scale : {"mel", "linear"}
        How frequency is laid out.

    Returns
    -------
    numpy.ndarray
        Shape ``(ROWS, n_columns)``, row 0 at 0 Hz, the last at half the sample rate; a full-scale
        sine is at 0 dB.
    """
    n_fft = 2 ** round(np.log2(WINDOW_SECONDS * sample_rate))
    window = np.hanning(n_fft + 1)[:-1]
    n_samples = len(waveform)
    # One frame a column, or several where columns lie so far apart that sound would be skipped.
    n_columns = int(min(COLUMNS, max(2, n_samples // 16)))
    per_column = int(np.ceil(n_samples / n_columns / (n_fft / 2)))
    centres = (np.arange(n_columns * per_column) + 0.5) * n_samples / (n_columns * per_column)
    padded = np.pad(waveform, (n_fft // 2, n_fft))
    loudest = np.empty((n_columns, n_fft // 2 + 1), dtype=np.float32)
    for start in range(0, n_columns, 128):  # in parts, so that a long clip needs little memory
        some = centres[start * per_column : (start + 128) * per_column].astype(int)
        frames = padded[some[:, None] + np.arange(n_fft)] * window
        spectrum = np.abs(np.fft.rfft(frames, axis=1)).astype(np.float32)
        loudest[start : start + 128] = spectrum.reshape(-1, per_column, spectrum.shape[1]).max(
            axis=1
        )
    level = 20 * np.log10(loudest * (2 / window.sum()) + 1e-9)
    return _rows(level, sample_rate, scale).T


def spectrogram_picture(
    level: np.ndarray,
    sample_rate: int,
    seconds: float,
    *,
    top_db: float,
    scale: str = "mel",
    alt: str,
) -> Picture:
    """Colour a spectrogram and put it into an image of a few kilobytes.

    Parameters
    ----------
    level : numpy.ndarray
        From :func:`spectrogram_db`, shape ``(ROWS, n_columns)``.
    sample_rate : int
        In Hz.
    seconds : float
        Duration shown.
    top_db : float
        The level of the brightest colour, common to all takes; at least :data:`QUIETEST_TOP_DB`.
    scale : {"mel", "linear"}
        As in :func:`spectrogram_db`.
    alt : str
        The text alternative, as plain text.

    Returns
    -------
    Picture
    """
    from PIL import Image

    top_db = max(top_db, QUIETEST_TOP_DB)
    height = np.clip((level[::-1] - top_db + RANGE_DB) / RANGE_DB, 0, 1) * (len(_RAMP) - 1)
    colours = [np.interp(height, range(len(_RAMP)), _RAMP[:, channel]) for channel in range(3)]
    image = Image.fromarray(np.round(np.stack(colours, axis=-1)).astype(np.uint8))
    file = io.BytesIO()
    image.save(file, format="WEBP", quality=70, method=4)
    data = base64.b64encode(file.getvalue()).decode("ascii")
    html = f'<img alt="{escape(alt)}" src="data:image/webp;base64,{data}">'
    return Picture(html, frequency_ticks(sample_rate, scale), time_axis(seconds))


def waveform_picture(waveform: np.ndarray, seconds: float, *, limit: float, alt: str) -> Picture:
    """Draw the highest and lowest sample of each slice of time.

    Parameters
    ----------
    waveform : numpy.ndarray
        Shape ``(n_samples,)``.
    seconds : float
        Duration shown.
    limit : float
        The amplitude at the top edge, common to all takes.
    alt : str
        The text alternative, as plain text.

    Returns
    -------
    Picture
    """
    n_columns = min(COLUMNS, len(waveform))
    edges = np.linspace(0, len(waveform), n_columns + 1).astype(int)[:-1]
    upper = np.round(100 - 100 * np.maximum.reduceat(waveform, edges) / limit).astype(int)
    lower = np.round(100 - 100 * np.minimum.reduceat(waveform, edges) / limit).astype(int)
    points = [f"{x} {y}" for x, y in enumerate(upper)]
    points += [f"{x} {y}" for x, y in reversed(list(enumerate(lower)))]
    html = (
        f'<svg role="img" aria-label="{escape(alt)}" viewBox="0 0 {max(1, n_columns - 1)} 200" '
        'preserveAspectRatio="none"><path class="etudes-ink" d="M' + "L".join(points) + 'z"/></svg>'
    )
    ticks = [(0.0, f"−{limit:.2g}"), (0.5, "0"), (1.0, f"{limit:.2g}")]
    return Picture(html, ticks, time_axis(seconds))


def spectrogram_alt(waveform: np.ndarray, level: np.ndarray, sample_rate: int, scale: str) -> str:
    """Say what a spectrogram shows: its extent, where most of the energy is, when it is loudest.

    Parameters
    ----------
    waveform : numpy.ndarray
        Shape ``(n_samples,)``.
    level : numpy.ndarray
        From :func:`spectrogram_db`, shape ``(ROWS, n_columns)``.
    sample_rate : int
        In Hz.
    scale : {"mel", "linear"}
        As in :func:`spectrogram_db`.

    Returns
    -------
    str
        One or two sentences.
    """
    seconds = len(waveform) / sample_rate
    laid_out = "mel-spaced" if scale == "mel" else "linearly spaced"
    start = f"Spectrogram of {seconds:.2f} s, 0 to {hertz(sample_rate / 2)}, {laid_out}"
    if is_silent(waveform):
        return f"{start}. Silent."
    power = 10 ** (level / 10)
    share = np.cumsum(power.sum(axis=1)) / power.sum()
    frequency = _row_frequencies(len(level), sample_rate, scale)
    low, high = (frequency[int(np.searchsorted(share, part))] for part in (0.05, 0.95))
    loudest = (int(power.sum(axis=0).argmax()) + 0.5) / level.shape[1] * seconds
    where = f"between {hertz(low)} and {hertz(high)}" if high - low > 60 else f"near {hertz(high)}"
    return f"{start}. Most energy lies {where}; it is strongest at {loudest:.1f} s."


def frequency_ticks(sample_rate: int, scale: str) -> list[tuple[float, str]]:
    """Labels for a frequency axis from 0 to half the sample rate."""
    top = sample_rate / 2
    if scale == "mel":
        whole = hz_to_mel(top)
        marks = [(float(hz_to_mel(f) / whole), f) for f in (500, 1000, 2000, 4000, 8000, 16000)]
    else:
        step = nice_step(top / 5)
        marks = [(float(f / top), int(f)) for f in np.arange(step, top, step)]
    inside = [(height, hertz(f)) for height, f in marks if 0.11 < height < 0.89]
    return [(0.0, "0 Hz"), *inside, (1.0, hertz(top))]


def time_axis(seconds: float) -> list[tuple[float, str]]:
    """Labels for a time axis, in seconds; milliseconds for a very short clip."""
    step = nice_step(seconds / 5)
    times = np.arange(0, seconds * (1 + 1e-9), step)
    if seconds < 0.05:
        return [(float(t / seconds), f"{t * 1000:.3g} ms") for t in times]
    return [(float(t / seconds), f"{t:.3g} s") for t in times]


def nice_step(least: float) -> float:
    """The smallest of 1, 2, 5 times a power of ten that is not below ``least``."""
    power = 10.0 ** np.floor(np.log10(least))
    return next(power * m for m in (1, 2, 5, 10) if power * m >= least * (1 - 1e-9))


def _row_frequencies(n_rows: int, sample_rate: int, scale: str) -> np.ndarray:
    """The frequency in Hz that each row stands for."""
    if scale == "linear":
        return np.linspace(0, sample_rate / 2, n_rows)
    return mel_to_hz(np.linspace(0, hz_to_mel(sample_rate / 2), n_rows))


def _rows(level: np.ndarray, sample_rate: int, scale: str) -> np.ndarray:
    """Bins to rows: between bins where rows are finer, the loudest bin where rows are coarser."""
    bins = _row_frequencies(ROWS, sample_rate, scale) / (sample_rate / 2) * (level.shape[1] - 1)
    below = np.minimum(bins.astype(int), level.shape[1] - 2)
    part = (bins - below).astype(np.float32)
    rows = level[:, below] * (1 - part) + level[:, below + 1] * part
    edges = np.concatenate([[0], np.ceil((bins[1:] + bins[:-1]) / 2), [level.shape[1]]]).astype(int)
    for row in np.flatnonzero(np.diff(edges) >= 1):
        rows[:, row] = np.maximum(rows[:, row], level[:, edges[row] : edges[row + 1]].max(axis=1))
    return rows
