"""The HTML around takes and pictures: one piece that works in a notebook and on a static page.

Without JavaScript it is a list: each take has its name, its picture, the browser's own audio
controls and its numbers. The script (``player.js``) turns that list into one synchronised player.
Colours are inherited from the page, so light and dark themes need no detection.

Used by every player, first in chapter 01.
"""

from __future__ import annotations

import hashlib
import itertools
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from html import escape
from importlib.resources import files

from etudes.listen.pictures import Picture

_numbers = itertools.count(1)


@dataclass(frozen=True)
class Take:
    """One sound of a player, ready for the page.

    Attributes
    ----------
    name : str
        What the button says.
    address : str
        A data address with the sound, or ``""`` for a picture without sound.
    picture : Picture or None
        What is drawn; a plain bar when None.
    gain : str
        The gain as shown beside the name, such as ``+3.2 dB``; empty when there is none.
    note : str
        Numbers and remarks, one line.
    """

    name: str
    address: str
    picture: Picture | None
    gain: str
    note: str


class Still:
    """A picture on a page; shows itself when it is the last line of a notebook cell.

    Attributes
    ----------
    html : str
        All of it, needing neither network nor kernel.
    text : str
        The same in words, for those who have no page.
    """

    def __init__(self, html: str, text: str) -> None:
        self.html = html
        self.text = text

    def _repr_html_(self) -> str:
        return self.html

    def __repr__(self) -> str:
        return self.text


class Player(Still):
    """Sound on a page: HTML with style, script and sound.

    Attributes
    ----------
    html : str
        As in :class:`Still`.
    text : str
        As in :class:`Still`.
    gains_db : dict of str to float
        The gain applied to each take, in dB.
    sample_rate : int
        The rate at which the player holds the sound, in Hz.
    """

    def __init__(self, html: str, text: str, gains_db: dict[str, float], sample_rate: int) -> None:
        super().__init__(html, text)
        self.gains_db = gains_db
        self.sample_rate = sample_rate


@lru_cache
def style() -> str:
    """The style sheet of the players, without comments and indentation."""
    return _packed(files("etudes.listen").joinpath("player.css").read_text("utf-8"))


@lru_cache
def script() -> str:
    """The script of the players, without whole-line comments and indentation."""
    return _packed(files("etudes.listen").joinpath("player.js").read_text("utf-8"))


def page_html(
    takes: Sequence[Take],
    *,
    title: str,
    description: str,
    seconds: float = 0.0,
    loop: bool = False,
    label: str = "Sound player",
) -> str:
    """Put takes together into one element with its style and, where there is sound, its script.

    Parameters
    ----------
    takes : sequence of Take
        At least one.
    title, description : str
        Plain text; either may be empty.
    seconds : float
        Duration of the takes.
    loop : bool
        Whether the loop button starts pressed.
    label : str
        What a screen reader calls the player when there is no title.

    Returns
    -------
    str
        HTML; its ``id`` is unique on the page.
    """
    content = repr((takes, title, description))
    digest = hashlib.sha256(content.encode()).hexdigest()[:8]
    name = f"etudes-{digest}-{next(_numbers)}"
    sound = any(take.address for take in takes)
    plain = all(take.picture is None for take in takes)
    named = f'aria-labelledby="{name}-title"' if title else f'aria-label="{escape(label)}"'
    described = f' aria-describedby="{name}-text"' if description else ""
    kind = "etudes-player" + " etudes-sound" * sound + " etudes-plain-player" * plain
    parts = [
        f"<style>{style()}</style>",
        f'<div class="{kind}" id="{name}" role="group" {named}{described} '
        f'data-seconds="{seconds:.6f}"{" data-loop" if loop else ""} '
        'data-lm-suppress-shortcuts="true">',
    ]
    if title:
        parts.append(f'<p class="etudes-title" id="{name}-title">{escape(title)}</p>')
    if description:
        parts.append(f'<p class="etudes-description" id="{name}-text">{escape(description)}</p>')
    parts.append('<div class="etudes-takes">')
    parts += [_take_html(take, number, len(takes)) for number, take in enumerate(takes, 1)]
    parts.append("</div>")
    if sound:
        parts.append(f'<p class="etudes-keys">{_keys(len(takes))}</p>')
    parts.append("</div>")
    if sound:
        parts.append(f"<script>{script()}</script>")
    return "\n".join(parts)


def _take_html(take: Take, number: int, n_takes: int) -> str:
    """One take: name, picture with axes, audio controls, note."""
    gain = f' data-gain="{escape(take.gain)}"' if take.gain else ""
    parts = [f'<div class="etudes-take" data-name="{escape(take.name)}"{gain}>']
    if n_takes > 1:
        shown = f" ({take.gain})" if take.gain else ""
        parts.append(f'<p class="etudes-name">{number} {escape(take.name)}{escape(shown)}</p>')
    parts.append(_view_html(take.picture))
    if take.address:
        label = escape(f"Listen: {take.name}")
        parts.append(
            f'<audio controls preload="none" aria-label="{label}" src="{take.address}"></audio>'
        )
    if take.note:
        parts.append(f'<p class="etudes-note">{escape(take.note)}</p>')
    return "".join(parts) + "</div>"


def _view_html(picture: Picture | None) -> str:
    """A picture between its axis labels, which are for the eye: its alt text says as much."""
    if picture is None:
        return '<div class="etudes-view"><div class="etudes-plain"></div></div>'
    ticks = "".join(
        f'<span{_end(at)} style="bottom:{100 * at:.1f}%">{escape(text)}</span>'
        for at, text in picture.ticks
    )
    axis = "".join(
        f'<span{_end(at)} style="left:{100 * at:.1f}%">{escape(text)}</span>'
        for at, text in picture.axis
    )
    return (
        f'<div class="etudes-view">{picture.html}<div class="etudes-ticks" aria-hidden="true">'
        f'{ticks}</div><div class="etudes-axis" aria-hidden="true">{axis}</div></div>'
        f"{picture.legend}"
    )


def _end(at: float) -> str:
    """Mark the labels at either end, which must not stick out."""
    return ' class="etudes-first"' if at < 0.03 else ' class="etudes-last"' if at > 0.97 else ""


def _keys(n_takes: int) -> str:
    """The keyboard in one line."""
    switch = f", <kbd>1</kbd>–<kbd>{n_takes}</kbd> switch takes" if n_takes > 1 else ""
    return (
        f"Keys: <kbd>space</kbd> plays and pauses{switch}, <kbd>←</kbd> <kbd>→</kbd> move half a "
        "second, <kbd>Home</kbd> <kbd>End</kbd> jump."
    )


def _packed(text: str) -> str:
    """Drop whole-line comments, indentation and empty lines."""
    lines = (re.sub(r"^\s*(//.*)?", "", line) for line in text.splitlines())
    return "\n".join(line for line in lines if line)
