"""A waveform as a small piece of text that every browser plays, with no codec to hear.

Measured on 5 s of mono music, speech and noise, as base64 text in kB:

=================  ========  ==========  =====  =========
5 s of …           WAV       FLAC        MP3    Ogg Vorbis
=================  ========  ==========  =====  =========
trumpet, 16 kHz    213       90          23     30
speech, 16 kHz     213       115         38     38
band, 44.1 kHz     588       206         51     54
noise, 16 kHz      213       185         23     35
noise, 44.1 kHz    588       511         53     67
=================  ========  ==========  =====  =========

FLAC is chosen. MP3 is a third of it, but it smears clicks, removes what it thinks inaudible and
shifts the start by a delay that browsers trim differently: in a book whose sounds are often
judged by their small faults, the codec must not add its own. Ogg is not decoded by older Safari.
FLAC is decoded by every current browser and written by the libsndfile inside ``soundfile``.

When a sound does not fit the budget (300 kB for 5 s, picture included), it is resampled to a lower
rate, and the player says so. Used by every player, first in chapter 01.
"""

from __future__ import annotations

import base64
import io

import numpy as np

#: Web Audio promises to decode 8 to 96 kHz; above 48 kHz there is nothing to hear.
LOWEST_RATE, HIGHEST_RATE = 8_000, 48_000

#: Text of one take's sound: at most this many bytes a second (counting a clip as 1 s at least) …
BYTES_PER_SECOND = 54_000
#: … and at most this many altogether, so that nobody puts a whole concert into a page unawares.
MOST_BYTES = 2_000_000

#: Rates to fall back on, in Hz.
_STEPS = (32_000, 24_000, 22_050, 16_000, 12_000, 11_025, 8_000)


def resample(waveform: np.ndarray, sample_rate: int, new_rate: int) -> np.ndarray:
    """Change the sample rate of a waveform, filtering out what the new rate cannot hold.

    Parameters
    ----------
    waveform : numpy.ndarray
        Shape ``(n_samples,)``, float32.
    sample_rate, new_rate : int
        In Hz.

    Returns
    -------
    numpy.ndarray
        Shape ``(ceil(n_samples * new_rate / sample_rate),)``, float32.
    """
    if new_rate == sample_rate:
        return waveform
    import librosa

    return librosa.resample(
        waveform, orig_sr=sample_rate, target_sr=new_rate, res_type="soxr_hq"
    ).astype(np.float32, copy=False)


def player_rate(sample_rate: int) -> int:
    """The rate at which a player holds a sound of this rate, before its size is looked at."""
    return min(max(sample_rate, LOWEST_RATE), HIGHEST_RATE)


def flac(waveform: np.ndarray, sample_rate: int) -> str:
    """Encode a waveform within −1…1 as a data address holding 16-bit FLAC.

    Parameters
    ----------
    waveform : numpy.ndarray
        Shape ``(n_samples,)``. Values beyond full scale would be cut off; players scale before.
    sample_rate : int
        In Hz.

    Returns
    -------
    str
        ``data:audio/flac;base64,…``.
    """
    import soundfile

    whole = np.clip(np.round(waveform * 32768.0), -32768, 32767).astype(np.int16)
    file = io.BytesIO()
    soundfile.write(file, whole, sample_rate, format="FLAC", subtype="PCM_16")
    return "data:audio/flac;base64," + base64.b64encode(file.getvalue()).decode("ascii")


def encode_takes(waveforms: list[np.ndarray], sample_rate: int) -> tuple[list[str], int]:
    """Encode takes of one length at one rate, going down in rate until each fits the budget.

    Parameters
    ----------
    waveforms : list of numpy.ndarray
        Each of shape ``(n_samples,)``, within −1…1.
    sample_rate : int
        In Hz, :data:`LOWEST_RATE` … :data:`HIGHEST_RATE`.

    Returns
    -------
    addresses : list of str
        One data address for each take.
    sample_rate : int
        The rate they were encoded at.

    Raises
    ------
    ValueError
        When a take is so long that it does not fit even at 8 kHz.
    """
    seconds = len(waveforms[0]) / sample_rate
    budget = min(MOST_BYTES, int(BYTES_PER_SECOND * max(1.0, seconds)))
    for rate in (sample_rate, *(step for step in _STEPS if step < sample_rate)):
        addresses = []
        for waveform in waveforms:
            lower = resample(waveform, sample_rate, rate)
            peak = float(np.abs(lower).max())
            addresses.append(flac(lower / max(1.0, peak), rate))
            if len(addresses[-1]) > budget:
                break
        else:
            return addresses, rate
    raise ValueError(
        f"waveform is too long for a player inside a page: {seconds:.0f} s take more than "
        f"{budget / 1e6:.1f} MB even at {LOWEST_RATE} Hz; pass an excerpt, waveform[start:stop]"
    )
