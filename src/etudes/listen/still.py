"""A spectrogram to look at, without sound: the same picture as in a player.

Used in chapter 01 and wherever a picture is enough.
"""

from __future__ import annotations

import numpy as np

from etudes.checks import check_in, check_sample_rate, check_waveform
from etudes.listen.build import SCALES
from etudes.listen.describe import summary
from etudes.listen.page import Still, Take, page_html
from etudes.listen.pictures import Picture, spectrogram_alt, spectrogram_db, spectrogram_picture


def spectrogram(
    waveform: np.ndarray,
    sample_rate: int,
    title: str = "",
    description: str = "",
    *,
    scale: str = "mel",
) -> Still:
    """A picture of how the frequencies of a sound change over time.

    Parameters
    ----------
    waveform : array_like
        Shape ``(n_samples,)``, float, nominally −1…1.
    sample_rate : int
        In Hz, 1,000…192,000; the picture reaches up to half of it.
    title : str
        Shown above the picture.
    description : str
        What there is to see, shown below and read to those who cannot see it; where most of the
        energy lies is always added to the text alternative.
    scale : {"mel", "linear"}
        How frequency is laid out: as it is heard, or evenly in Hz.

    Returns
    -------
    Still

    Raises
    ------
    TypeError, ValueError
        When the waveform is not one-dimensional, finite and non-empty, the rate is out of range, or
        the scale is unknown.
    """
    waveform = check_waveform(waveform)
    sample_rate = check_sample_rate(sample_rate)
    check_in(scale, "scale", SCALES)
    level = spectrogram_db(waveform, sample_rate, scale)
    alt = spectrogram_alt(waveform, level, sample_rate, scale)
    picture = spectrogram_picture(
        level,
        sample_rate,
        len(waveform) / sample_rate,
        top_db=float(level.max()),
        scale=scale,
        alt=f"{title}. {alt}" if title else alt,
    )
    return still(picture, title, description, summary(waveform, sample_rate))


def still(picture: Picture, title: str, description: str, note: str) -> Still:
    """Put a picture on the page with its title, its note and its description."""
    html = page_html(
        [Take(title or "picture", "", picture, "", note)],
        title=title,
        description=description,
        label="Picture of sound",
    )
    first = f"{title}: {note}" if title else note
    return Still(html, "\n".join([first] + ([description] if description else [])))
