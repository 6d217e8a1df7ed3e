"""From checked waveforms to a player: match, draw, encode, lay out.

Takes are brought to one loudness (:mod:`etudes.listen.levels`), drawn on common axes
(:mod:`etudes.listen.pictures`), encoded (:mod:`etudes.listen.encode`) and put on the page
(:mod:`etudes.listen.page`).

Used by every player, first in chapter 01.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from etudes.checks import check_in, check_sample_rate, describe
from etudes.listen.describe import gain_text, hertz, signed, summary
from etudes.listen.encode import encode_takes, player_rate, resample
from etudes.listen.levels import is_silent, loudness, matching_gains, safety_gain
from etudes.listen.page import Player, Take, page_html
from etudes.listen.pictures import (
    Picture,
    spectrogram_alt,
    spectrogram_db,
    spectrogram_picture,
    waveform_picture,
)

PICTURES = ("spectrogram", "waveform", None)
SCALES = ("mel", "linear")


def build_player(
    takes: Mapping[str, np.ndarray],
    sample_rate: int,
    *,
    title: str,
    description: str | Mapping[str, str],
    match_levels: bool = True,
    picture: str | None = "spectrogram",
    scale: str = "mel",
    loop: bool = False,
    drawing: Picture | None = None,
    label: str = "",
) -> Player:
    """Match, draw, encode and lay out takes whose waveforms have been checked.

    Parameters
    ----------
    takes : mapping of str to numpy.ndarray
        Name to waveform, each of shape ``(n_samples,)``, float32.
    sample_rate, title, description, match_levels, picture, scale, loop
        As in :func:`compare`.
    drawing : Picture, optional
        Drawn instead of `picture`.
    label : str
        What a screen reader calls the player when there is no title.

    Returns
    -------
    Player
    """
    sample_rate = check_sample_rate(sample_rate)
    if not isinstance(title, str):
        raise TypeError(f"title must be a text, got {describe(title)}")
    check_in(picture, "picture", PICTURES)
    check_in(scale, "scale", SCALES)
    names = list(takes)
    texts = _take_texts(description, names)
    longest = max(len(take) for take in takes.values())
    rate = player_rate(sample_rate)
    at_rate = [resample(take, sample_rate, rate) for take in takes.values()]
    peaks = [float(np.abs(take).max()) for take in at_rate]
    if match_levels:
        gains = matching_gains([loudness(take, rate) for take in at_rate], peaks)
    else:
        gains = np.full(len(names), safety_gain(peaks))
    # A browser may refuse a clip of a few samples: every player holds at least 50 ms.
    samples = max(*map(len, at_rate), rate // 20)
    sounds = [
        _padded(take, samples) * np.float32(10 ** (gain / 20))
        for take, gain in zip(at_rate, gains, strict=True)
    ]
    addresses, held_rate = encode_takes(sounds, rate)
    if drawing is not None:
        pictures: Sequence[Picture | None] = [drawing] * len(names)
    elif picture == "waveform":
        pictures = _waveforms(names, at_rate, rate, samples)
    elif picture == "spectrogram":
        pictures = _spectrograms(names, sounds, rate, scale)
    else:
        pictures = [None] * len(names)
    notes = [
        _note(texts.get(name, ""), take, gain, match_levels, sample_rate, held_rate, longest)
        for (name, take), gain in zip(takes.items(), gains, strict=True)
    ]
    labels = [_gain_label(take, gain) for take, gain in zip(takes.values(), gains, strict=True)]
    common = description if isinstance(description, str) else ""
    html = page_html(
        [Take(*parts) for parts in zip(names, addresses, pictures, labels, notes, strict=True)],
        title=title,
        description=common,
        seconds=samples / rate,
        loop=loop,
        label=label or ("Comparison of " + ", ".join(names) if len(names) > 1 else "Sound player"),
    )
    return Player(
        html,
        _plain_text(title, common, names, notes),
        {name: float(gain) for name, gain in zip(names, gains, strict=True)},
        held_rate,
    )


def _take_texts(description: str | Mapping[str, str], names: list[str]) -> dict[str, str]:
    """The descriptions of single takes, all of which must be there."""
    if isinstance(description, str):
        return {}
    if not isinstance(description, Mapping):
        raise TypeError(
            f"description must be a text or map names to texts, got {describe(description)}"
        )
    for name in description:
        check_in(name, "description", names)
    return dict(description)


def _padded(waveform: np.ndarray, samples: int) -> np.ndarray:
    """A waveform with silence added at the end."""
    return np.pad(waveform, (0, samples - len(waveform)))


def _spectrograms(
    names: list[str], sounds: list[np.ndarray], rate: int, scale: str
) -> list[Picture | None]:
    """One spectrogram a take as it is played, all on one colour scale."""
    levels = [spectrogram_db(sound, rate, scale) for sound in sounds]
    top_db = max(float(level.max()) for level in levels)
    return [
        spectrogram_picture(
            level,
            rate,
            len(sound) / rate,
            top_db=top_db,
            scale=scale,
            alt=f"{name}: {spectrogram_alt(sound, level, rate, scale)}",
        )
        for name, sound, level in zip(names, sounds, levels, strict=True)
    ]


def _waveforms(
    names: list[str], given: list[np.ndarray], rate: int, samples: int
) -> list[Picture | None]:
    """One waveform a take as it was given, all with one amplitude axis."""
    limit = max(1e-3, *(float(np.abs(take).max()) for take in given))
    return [
        waveform_picture(
            _padded(take, samples),
            samples / rate,
            limit=limit,
            alt=f"{name}: waveform of {samples / rate:.2f} s, "
            f"largest at {float(np.abs(take).argmax()) / rate:.2f} s.",
        )
        for name, take in zip(names, given, strict=True)
    ]


def _note(
    text: str,
    take: np.ndarray,
    gain: float,
    matched: bool,
    given_rate: int,
    held_rate: int,
    longest: int,
) -> str:
    """What there is to know about one take, in one line; `longest` is in samples."""
    parts = [summary(take, given_rate)]
    if not is_silent(take):
        why = "" if matched or gain == 0 else " to keep it from clipping"
        parts.append(gain_text(gain) + why)
    if longest - len(take) > 0.01 * given_rate:
        parts.append(f"silence added at the end to {longest / given_rate:.2f} s")
    if held_rate != given_rate:
        parts.append(f"held at {hertz(held_rate)} (given at {hertz(given_rate)})")
    return (text.rstrip(". ") + ". " if text else "") + "; ".join(parts)


def _gain_label(take: np.ndarray, gain: float) -> str:
    """A gain for a button: ``+3.2 dB``."""
    if is_silent(take):
        return "silent"
    return ("+" if gain >= 0.05 else "") + f"{signed(gain)} dB"


def _plain_text(title: str, description: str, names: list[str], notes: list[str]) -> str:
    """What a player shows, in words."""
    if len(names) == 1:
        lines = [f"{title}: {notes[0]}" if title else notes[0]]
    else:
        lines = [title] if title else []
        lines += [f"{i} {name}: {note}" for i, (name, note) in enumerate(zip(names, notes), 1)]
    return "\n".join(lines + ([description] if description else []))
