"""Rows of the ledger in words and as a table; see :mod:`etudes.ledger`."""

from __future__ import annotations

import html
from dataclasses import dataclass, field
from typing import Any

from etudes.checks import check_in
from etudes.ledger.fields import Row

MINUS = "−"

STYLE = """
<style>
.etudes-ledger { overflow-x: auto; margin: 1em 0; }
.etudes-ledger table { border-collapse: collapse; width: 100%; color: inherit; text-align: left; }
.etudes-ledger caption { caption-side: top; text-align: left; font-weight: bold; color: inherit; }
.etudes-ledger th, .etudes-ledger td { padding: .4em .8em .4em 0; vertical-align: top;
  text-align: left; white-space: normal; background: transparent; color: inherit;
  border: 0; border-bottom: 1px solid rgba(128, 128, 128, .6); }
.etudes-ledger tbody th { font-weight: normal; }
.etudes-ledger .figure { white-space: nowrap; font-weight: bold; }
</style>
"""


def figure(value: float | str, unit: str, digits: int | None = None) -> str:
    """A number with its unit as it stands in a sentence.

    Parameters
    ----------
    value : float or str
        Text stays as it is.
    unit : str
        ``"fraction"`` becomes a percentage, ``"fraction-difference"`` points.
    digits : int, optional
        Decimals; 1 for percentages and points, otherwise 2.

    Returns
    -------
    str
    """
    if isinstance(value, str):
        return value
    number, mark = _number(value, unit, digits)
    return number + mark


def say(one: Row, what: str, digits: int | None) -> str:
    """A field of a row as it stands in a sentence; see :func:`etudes.ledger.say`."""
    fields = ["value", "n"]
    fields += ["ci95", "low", "high"] if one["ci95"] is not None else []
    fields += ["paper"] if one["paper"] is not None else []
    check_in(what, f"field of row {one['id']!r}", [*fields, *one["baselines"]])
    unit = one["unit"]
    if what == "ci95":
        low, high = (_number(end, unit, digits) for end in one["ci95"])
        return f"{low[0]} to {high[0]}{high[1]}"
    if what == "n":
        return str(one["n"])
    special = {"value": one["value"]}
    if one["ci95"] is not None:
        special |= {"low": one["ci95"][0], "high": one["ci95"][1]}
    if one["paper"] is not None:
        special |= {"paper": one["paper"]["value"]}
    return figure(special[what] if what in special else one["baselines"][what], unit, digits)


@dataclass(frozen=True, eq=False)
class Table:
    """The table "paper says, we got, why", which shows itself in a notebook and on the page.

    Parameters
    ----------
    rows : list of dict
        Rows of the ledger.
    why : dict
        For some ids, why the two numbers differ.
    """

    rows: list[Row]
    why: dict[str, str] = field(default_factory=dict)

    def cells(self) -> list[dict[str, Any]]:
        """The content of the table, as text.

        Returns
        -------
        list of dict
            ``claim``, ``detail``, ``paper``, ``citation``, ``ours``, ``interval``, ``beside``
            (other methods), ``why`` and ``command`` for each line.
        """
        lines = []
        for one in self.rows:
            paper = one["paper"] or {"value": "–", "citation": ""}
            others = [f"{k} {figure(v, one['unit'])}" for k, v in one["baselines"].items()]
            lines.append(
                {
                    "claim": one["claim"],
                    "detail": f"{one['dataset']}; {one['n']}",
                    "paper": figure(paper["value"], one["unit"]),
                    "citation": paper["citation"],
                    "ours": figure(one["value"], one["unit"]),
                    "interval": "" if one["ci95"] is None else f"95%: {say(one, 'ci95', None)}",
                    "beside": "; ".join(others),
                    "why": self.why.get(one["id"], ""),
                    "command": one["command"],
                }
            )
        return lines

    def _repr_html_(self) -> str:
        """The table as HTML that follows the colours of the page."""
        body = []
        for line in self.cells():
            t = {key: html.escape(text) for key, text in line.items()}
            ours = [f"<span class='figure'>{t['ours']}</span>", t["interval"], t["beside"]]
            body.append(
                f"<tr><th scope='row'>{t['claim']}<br><small>{t['detail']}</small></th>"
                f"<td><span class='figure'>{t['paper']}</span><br>{t['citation']}</td>"
                f"<td>{'<br>'.join(part for part in ours if part)}</td><td>{t['why']}</td></tr>"
            )
        commands = dict.fromkeys(html.escape(line["command"]) for line in self.cells())
        again = " · ".join(f"<code>{command}</code>" for command in commands)
        label = html.escape(f"Table: paper says, we got, why, {self.rows[0]['id']}", quote=True)
        titles = ("What", "Paper says", "We got", "Why")
        heads = "".join(f"<th scope='col'>{title}</th>" for title in titles)
        return (
            f"{STYLE}<div class='etudes-ledger' role='region' tabindex='0' aria-label=\"{label}\">"
            f"<table><caption>Paper says, we got, why</caption><thead><tr>{heads}</tr></thead>"
            f"<tbody>{''.join(body)}</tbody></table><p>Remade by {again}</p></div>"
        )

    def _repr_markdown_(self) -> str:
        """The table as Markdown."""
        lines = ["| What | Paper says | We got | Why |", "|---|---|---|---|"]
        for line in self.cells():
            t = {key: text.replace("|", "\\|") for key, text in line.items()}
            ours = "; ".join(part for part in (t["ours"], t["interval"], t["beside"]) if part)
            paper = f"{t['paper']} ({t['citation']})" if t["citation"] else t["paper"]
            lines.append(f"| {t['claim']} ({t['detail']}) | {paper} | {ours} | {t['why']} |")
        return "\n".join(lines)

    def __str__(self) -> str:
        """The table as Markdown, which is readable as text."""
        return self._repr_markdown_()


def _number(value: float, unit: str, digits: int | None) -> tuple[str, str]:
    """A number and the unit after it."""
    if unit == "fraction":
        text, mark = f"{100 * value:.{1 if digits is None else digits}f}", "%"
    elif unit == "fraction-difference":
        text, mark = f"{100 * value:+.{1 if digits is None else digits}f}", " points"
    elif isinstance(value, int):
        text, mark = f"{value:,}", f" {unit}"
    else:
        text, mark = f"{value:,.{2 if digits is None else digits}f}", f" {unit}"
    return text.replace("-", MINUS), mark
