"""What a reader is told: as HTML in a notebook, as plain text anywhere else.

The state is always in words; the sign and the coloured edge only repeat it. Colours of the text are
the page's own, so that it is legible in every theme.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from html import escape

#: State to sign and edge colour (each 3:1 against white and against near-black).
STATES = {
    "right": ("✓", "#2a8a5f"),
    "not yet": ("↻", "#c2570c"),
    "not attempted": ("○", "#7a7f87"),
    "unknown exercise": ("?", "#7a7f87"),
    "hint": ("→", "#2f74d0"),
    "progress": ("·", "#2f74d0"),
}

#: A notebook page in dark mode puts HTML on a light card; this does not want one.
_STYLE = (
    "<style>.text_html:has(> .etudes-message){background:none!important;color:inherit!important;"
    "padding:0!important}</style>"
)


@dataclass(frozen=True)
class Message:
    """An answer to the reader; shows itself when it is the last line of a cell.

    Attributes
    ----------
    state : str
        ``right``, ``not yet``, ``not attempted``, ``unknown exercise``, ``hint`` or ``progress``.
    title : str
        What it is about: id and title of the exercise.
    paragraphs : tuple of str
        What there is to say; may hold `` `code` `` and ``*emphasis*``.
    items : tuple of str
        A list after that.
    """

    state: str
    title: str
    paragraphs: tuple[str, ...] = ()
    items: tuple[str, ...] = field(default=())

    @property
    def right(self) -> bool:
        """Whether the answer was right."""
        return self.state == "right"

    @property
    def text(self) -> str:
        """All of it as plain text."""
        lines = [f"{self._sign} {self.state.capitalize()}: {self.title}", *self.paragraphs]
        return "\n".join(lines + [f"  {item}" for item in self.items])

    @property
    def html(self) -> str:
        """All of it as HTML."""
        parts = [
            f"<p><span aria-hidden='true'>{self._sign}</span> "
            f"<strong>{self.state.capitalize()}</strong>: {_inline(self.title)}</p>"
        ]
        parts += [f"<p>{_inline(paragraph)}</p>" for paragraph in self.paragraphs]
        if self.items:
            listed = "".join(f"<li>{_inline(item)}</li>" for item in self.items)
            parts.append(f"<ul>{listed}</ul>")
        body = "".join(parts).replace("<p>", "<p style='margin:0.3em 0'>")
        return (
            f"{_STYLE}<div class='etudes-message' data-state='{self.state}' style='max-width:46rem;"
            f"border-left:0.35rem solid {STATES[self.state][1]};padding:0.2rem 0.9rem;"
            f"margin:0.5rem 0'>{body}</div>"
        )

    @property
    def _sign(self) -> str:
        return STATES[self.state][0]

    def _repr_html_(self) -> str:
        return self.html

    def __repr__(self) -> str:
        return self.text


def _inline(text: str) -> str:
    """Plain text with code and emphasis as HTML; everything else escaped."""
    parts = re.split(r"(`[^`]+`)", text)
    return "".join(
        f"<code style='color:inherit;background:none'>{escape(part[1:-1])}</code>"
        if part.startswith("`") and part.endswith("`") and len(part) > 2
        else re.sub(r"(?<![\w*])\*(\w[^*]*?)\*(?![\w*])", r"<em>\1</em>", escape(part))
        for part in parts
    )
